"""Peak memory of drawing one 1024 px picture at full width, as a whole process.

    python tests/bench/bench_memory.py [--resolution 1024] [--json FILE]

The figure is the child's largest resident set, interpreter and torch included.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from artstyle.files import write_json

DRAW = """
import resource, sys, torch
from stylegan_ext.networks import StyleGAN2Generator
g = StyleGAN2Generator(512, 0, 512, int(sys.argv[1]), 3).eval().requires_grad_(False)
loaded = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
g(torch.randn(1, 512))
print(loaded / 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resolution", type=int, default=1024)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    done = subprocess.run(
        [sys.executable, "-c", DRAW, str(options.resolution)],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded_mb, peak_mb = map(float, done.stdout.split())
    if options.json:
        write_json(
            options.json,
            {"resolution": options.resolution, "peak_mb": peak_mb, "before_mb": loaded_mb},
        )
    sys.stdout.write(
        f"{options.resolution} px, batch 1: {peak_mb:.0f} MB at the peak,"
        f" {loaded_mb:.0f} MB before the first picture\n"
    )


if __name__ == "__main__":
    main()

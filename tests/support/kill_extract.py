"""Kill an extraction many times, and look whether what it leaves is what an undisturbed one gives.

python -m support.kill_extract --kills 30         (in tests/)
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support.extraction import draw_material, dump, extract_command, file_hashes, kill_at_random


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        words = draw_material(root / "material")
        whole, killed, empty = root / "whole", root / "killed", root / "empty"
        for one in (whole, killed, empty):
            one.mkdir()
        began = time.monotonic()
        subprocess.run(extract_command(whole, words), check=True, stdout=subprocess.DEVNULL)
        took_s = time.monotonic() - began
        command = extract_command(killed, words)
        instants = {"kills": asked.kills, "longest_s": 0.5 * took_s, "seed": asked.seed}
        finished = kill_at_random(command, killed, empty, **instants)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        same_rows = dump(killed) == dump(whole)
        ours, theirs = file_hashes(killed), file_hashes(whole)
        same_files = ours == theirs
    sys.stdout.write(
        f"killed {asked.kills} times ({finished} runs finished in between);"
        f" rows {'alike' if same_rows else 'DIFFER'}, files {'alike' if same_files else 'DIFFER'}\n"
    )
    for name in sorted(set(ours.items()) ^ set(theirs.items())):
        sys.stdout.write(f"  {'killed' if name in ours.items() else 'whole'}: {name}\n")
    return 0 if same_rows and same_files else 1


if __name__ == "__main__":
    sys.exit(main())

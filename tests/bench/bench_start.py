"""How long it takes until something is said: Python itself, the import, and `artstyle --help`.

    python tests/bench/bench_start.py [--json FILE]

Fails when `artstyle --help` takes 0.3 s or more.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from artstyle.files import write_json
from artstyle.machine import cores, processor

TRIES = 10
MOST_S = 0.3  # for `artstyle --help`
RUN = "from artstyle.cli import run; run()"
WHAT = {
    "python -c pass": ["-c", "pass"],
    "import artstyle": ["-c", "import artstyle"],
    "artstyle --version": ["-c", RUN, "--version"],
    "artstyle --help": ["-c", RUN, "--help"],
}


def seconds(words: list[str]) -> float:
    start_s = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    return time.perf_counter() - start_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = {}
    for name, words in WHAT.items():
        taken_s = [seconds(words) for _ in range(TRIES)]
        found[name] = {"median_s": statistics.median(taken_s), "most_s": max(taken_s)}
        print(f"{name:<20} {found[name]['median_s']:.3f} s, at most {found[name]['most_s']:.3f} s")
    if options.json:
        where = {"processor": processor(), "cores": cores(), "tries": TRIES}
        write_json(options.json, {"where": where, "found": found})
    if found["artstyle --help"]["median_s"] >= MOST_S:
        sys.exit(f"artstyle --help takes {MOST_S} s or more")


if __name__ == "__main__":
    main()

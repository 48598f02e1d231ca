"""How long it takes until something is said: `artstyle --help` and the import of the package.

Run by `make bench`; writes reports/bench-start.json.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from artstyle.files import write_json
from artstyle.machine import cores, processor

REPOSITORY = Path(__file__).resolve().parents[2]
TRIES = 10
WHAT = {
    "python -c pass": ["-c", "pass"],
    "import artstyle": ["-c", "import artstyle"],
    "artstyle --version": ["-c", "from artstyle.cli import run; run()", "--version"],
    "artstyle --help": ["-c", "from artstyle.cli import run; run()", "--help"],
}


def seconds(words: list[str]) -> float:
    start_s = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    return time.perf_counter() - start_s


def test_the_time_to_start():
    found = {}
    for name, words in WHAT.items():
        taken_s = [seconds(words) for _ in range(TRIES)]
        found[name] = {"median_s": statistics.median(taken_s), "most_s": max(taken_s)}
        print(f"{name:<20} {found[name]['median_s']:.3f} s (at most {found[name]['most_s']:.3f} s)")  # noqa: T201 - what a bench is for
    where = {"processor": processor(), "cores": cores(), "tries": TRIES}
    write_json(REPOSITORY / "reports" / "bench-start.json", {"where": where, "found": found})
    assert found["artstyle --help"]["median_s"] < 0.3

"""How fast films are extracted, and in how much memory.

    python tests/bench/bench_extract.py [--film LONG.mp4] [--minutes 10] [--json FILE]

Without --film a 1080p film of real frames is made first (tests/support/long_film.py). Figures are
times of real time: seconds of film through seconds on the wall, and through seconds of processor
time, which another busy program changes less. Each extraction is a process of its own; memory is
its peak, and that of the detectors' processes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from artstyle.files import write_json

SHARED = Path(os.environ.get("ARTSTYLE_SHARED") or Path(__file__).resolve().parents[3] / "shared")
_PART_S = 60.0  # of the film, for what is measured in this process


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=SHARED / "data", help="real films")
    parser.add_argument("--film", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--detector", action="append", help="dlib, yunet, ...; default: both")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if not asked.data.is_dir():
        print(f"not measured: there are no real films in {asked.data}")
        return
    measured: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        film = asked.film
        if film is None:
            from support.long_film import long_film

            film = long_film(asked.data, Path(folder) / "long.mp4", minutes=asked.minutes)
        for threads in (1, 2):
            measured |= _reading(film, threads)
        for name in asked.detector or ("dlib", "yunet"):
            measured |= _extraction(film, name, asked.data, Path(folder) / name)
    if asked.json:
        write_json(asked.json, measured)


def _reading(film: Path, threads: int) -> dict[str, dict[str, float]]:
    from artstyle.video.read import open_film, raw_frames
    from artstyle.video.sample import Plan, sample

    opened = open_film(film)
    part_s = min(_PART_S, opened.duration_s or _PART_S)
    end_s = opened.start_s + part_s
    jobs = {
        "decode": lambda: raw_frames(opened, end_s=end_s, threads=threads),
        "decode, shots and sample": lambda: sample(
            opened, Plan(every_s=0.5, per_shot=None, end_s=end_s), threads=threads
        ),
    }
    measured = {}
    for name, job in jobs.items():
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        count = sum(1 for _ in job())
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        print(
            f"{name}, {threads} threads: {part_s / wall_s:.1f}x real time,"
            f" {part_s / cpu_s:.1f}x by processor time ({count} frames)"
        )
        measured[f"{name}, {threads} threads"] = {
            "wall_s": wall_s,
            "cpu_s": cpu_s,
            "film_s": _PART_S,
        }
    return measured


def _extraction(
    film: Path, detector: str, data: Path, workspace: Path
) -> dict[str, dict[str, float]]:
    workspace.mkdir()
    home = workspace / "home" / "weights"
    home.mkdir(parents=True)
    if detector != "dlib":
        for path in (data / "models").iterdir():
            (home / path.name).symlink_to(path)
    environment = {**os.environ, "ARTSTYLE_HOME": str(home.parent)}
    command = [sys.executable, "-c", "from artstyle.cli import run; run()", "extract", "-q"]
    command += ["--workspace", str(workspace), "--video", str(film), "--json"]
    command += ["--detector", detector]
    before, wall_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    after, wall_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - wall_s
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    summary = json.loads(done.stdout)
    print(
        f"extract with {detector}: {summary['film_s'] / wall_s:.1f}x real time,"
        f" {summary['film_s'] / cpu_s:.1f}x by processor time; {summary['frames']} frames looked"
        f" at, {summary['faces']} faces, {summary['crops']} crops;"
        f" largest process {after.ru_maxrss / 1024:.0f} MB"
    )
    again_s = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    again_s = time.perf_counter() - again_s
    print(f"  again, when all is done: {again_s:.1f} s")
    figures = {"wall_s": wall_s, "cpu_s": cpu_s, "film_s": summary["film_s"], "again_s": again_s}
    return {f"extract with {detector}": figures | {"largest_mb": after.ru_maxrss / 1024}}


if __name__ == "__main__":
    main()

"""Kill a build many times, and look whether what it leaves is what an undisturbed one gives.

python -m support.kill_build --kills 30         (in tests/)
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from artstyle.catalog import open_catalog
from support.crops import Shown, drawn_face, put_crops
from support.extraction import dump, file_hashes

ZIP = "datasets/drawn/zips/drawn-128-train.zip"
_LOCK = "datasets/drawn/cache/build.lock"


def command(workspace: Path) -> list[str]:
    code = "from artstyle.cli import run; run()"
    words = ["build", "--style", "drawn", "--size", "128", "--workspace", str(workspace), "-q"]
    return [sys.executable, "-c", code, *words]


def started(workspace: Path) -> subprocess.Popen[bytes]:
    """A build that has begun to work: loading Python takes longer than the work does here."""
    process = subprocess.Popen(
        command(workspace), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    while process.poll() is None and not (workspace / _LOCK).exists():
        time.sleep(0.001)
    return process


def prepare(folder: Path, crops: int) -> None:
    """A workspace whose zip is of yesterday: since then a crop was dropped."""
    folder.mkdir()
    with open_catalog(folder) as catalog:
        faces = [drawn_face(number % 8, 256) for number in range(crops)]
        shown = [Shown(face, "films/a.mkv", float(n)) for n, face in enumerate(faces)]
        ids = put_crops(catalog, "drawn", shown, kind="film")
    subprocess.run(command(folder), check=True, capture_output=True)
    with open_catalog(folder) as catalog:
        catalog.decide(ids[3], "drop", reason="dark: 0.01", by="ann")


def faults(root: Path, *, kills: int, seed: int, crops: int = 60) -> list[str]:
    """What is wrong after so many kills and one run to the end; nothing if all is well."""
    begin, whole, killed = root / "begin", root / "whole", root / "killed"
    prepare(begin, crops)
    shutil.copytree(begin, whole)
    process = started(whole)
    start = time.monotonic()
    while (whole / _LOCK).exists():
        time.sleep(0.001)
    took_s = time.monotonic() - start  # from the lock to the last row
    assert process.wait() == 0
    zips = {(one / ZIP).read_bytes() for one in (begin, whole)}
    chance, done, wrong = random.Random(seed), 0, []
    shutil.copytree(begin, killed)
    while done < kills:
        (killed / _LOCK).unlink(missing_ok=True)  # of the one that was killed before
        process = started(killed)
        time.sleep(chance.uniform(0, 1.1 * took_s))
        process.kill()
        if process.wait() == -signal.SIGKILL:
            done += 1
        if (killed / ZIP).read_bytes() not in zips:
            wrong.append(f"after kill {done} the zip is neither the old one nor the new one")
        if (killed / ZIP).read_bytes() == (whole / ZIP).read_bytes() and done < kills:
            shutil.rmtree(killed)
            shutil.copytree(begin, killed)
    subprocess.run(command(killed), check=True, capture_output=True)
    wrong += ["the rows differ"] if dump(killed) != dump(whole) else []
    ours, theirs = file_hashes(killed), file_hashes(whole)
    return wrong + [f"{name} differs" for name in sorted(dict(ours.items() ^ theirs.items()))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wrong = faults(Path(folder), kills=asked.kills, seed=asked.seed)
    sys.stdout.write("\n".join([f"killed {asked.kills} times", *(wrong or ["all is well"])]) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

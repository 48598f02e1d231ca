"""A curation that is killed at any instant and run again ends as one that was left alone."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.curating import STYLE, fill, state

from artstyle.pipeline.curate.run import curate_style

# Small chunks and no time between two savings, so that there is much to be interrupted.
CURATE = f"""
import sys
from pathlib import Path
from artstyle.pipeline.curate import measure, store
measure.CHUNK = 4
print("ready", flush=True)
keep = store.Store.__init__
def often(self, *words, **rest):
    keep(self, *words, **{{**rest, "save_every_s": 0.0}})
store.Store.__init__ = often
from artstyle.pipeline.curate.run import curate_style
curate_style(Path(sys.argv[1]), "{STYLE}", {{"clusters": "2", "embedding": "look"}})
"""


def killed_and_run_again(workspace: Path, kills: int, chance: random.Random, most_s: float) -> int:
    """Start, kill, start, ...; at last let it run. Gives how many were killed at work."""
    at_work = 0
    for _ in range(kills):
        started = subprocess.Popen(
            [sys.executable, "-c", CURATE, str(workspace)], stdout=subprocess.PIPE
        )
        assert started.stdout is not None
        assert started.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0.0, most_s))
        started.kill()
        at_work += started.wait(60) == -signal.SIGKILL
        started.stdout.close()
    subprocess.run([sys.executable, "-c", CURATE, str(workspace)], check=True, timeout=300)
    return at_work


def check(folder: Path, kills: int, seed: int) -> int:
    """Hold a curation that was killed against one that was not, from the same workspace."""
    calm = folder / "calm"
    for name in ("datasets", "training"):
        (calm / name).mkdir(parents=True)
    fill(calm)
    torn = folder / "torn"
    shutil.copytree(calm, torn)
    begin_s = time.monotonic()
    subprocess.run([sys.executable, "-c", CURATE, str(calm)], check=True, timeout=300)
    takes_s = time.monotonic() - begin_s
    at_work = killed_and_run_again(torn, kills, random.Random(seed), takes_s)
    assert state(torn) == state(calm)
    left = sorted(path.name for path in (torn / f"datasets/{STYLE}/cache").iterdir())
    assert left == ["embeddings-look-1.npz", "figures-1.npz"], "no stray files"
    again = curate_style(torn, STYLE, {"clusters": "2", "embedding": "look"})
    assert again.measured.newly == 0
    assert again.written is not None
    assert again.written.batch is None
    return at_work


def test_killed_at_random_instants(tmp_path: Path) -> None:
    assert check(tmp_path, 5, seed=3) >= 2, "the killer came in time"


@pytest.mark.slow
def test_killed_thirty_times(tmp_path: Path) -> None:
    assert check(tmp_path, 30, seed=4) >= 10

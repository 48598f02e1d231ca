"""A writer that is killed at any instant leaves a sound catalog with whole transactions only."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from artstyle.catalog import open_catalog

FACES_PER_TRANSACTION = 7

# Each transaction is one frame with seven faces and a crop each, and a mark of how far it came.
WRITER = """
import itertools, sys
from pathlib import Path
from artstyle.catalog import open_catalog
with open_catalog(Path(sys.argv[1])) as catalog:
    film = catalog.add_source("film", sha256="0" * 64, size_bytes=1, kind="film")
    scan = dict(style="s", settings_sha256="s")
    begin = catalog.scan(film, **scan).until_pts_s
    print("ready", flush=True)
    for number in itertools.count(0 if begin is None else int(begin) + 1):
        with catalog.transaction():
            frame = catalog.add_frame(film, pts_s=number)
            for at in range(7):
                face = catalog.add_face(
                    frame, detector="d", bbox_px=[at, 0, at + 1, 1], points_px=[], score=1)
                catalog.add_crop(
                    face, style="s", file=f"{number}-{at}.png", quad_px=[], size_px=64,
                    sha256=f"{number:032}{at:032}")
            catalog.mark_scan(film, until_pts_s=number, finished=False, **scan)
"""


def test_killed_at_random_instants(tmp_path: Path) -> None:
    chance = random.Random(11)
    reached = -1
    for _ in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0.0, 0.25))
        writer.kill()
        assert writer.wait(30) == -signal.SIGKILL
        writer.stdout.close()
        with open_catalog(tmp_path) as catalog:
            catalog.check()
            frames = [pts_s for (pts_s,) in catalog.rows("SELECT pts_s FROM frame ORDER BY id")]
            until = catalog.scan(1, style="s", settings_sha256="s").until_pts_s
            assert frames == list(range(len(frames))), "no frame is lost, none is there twice"
            assert until == (frames[-1] if frames else None)
            per_frame = catalog.rows("SELECT count(*) FROM face GROUP BY frame")
            assert per_frame == [(FACES_PER_TRANSACTION,)] * len(frames)
            crops = catalog.rows("SELECT count(*) FROM crop")[0][0]
            assert crops == FACES_PER_TRANSACTION * len(frames)
            assert len(frames) - 1 >= reached, "what was there stays"
            reached = len(frames) - 1
    assert reached > 5, "the writers came to write"


def test_killed_while_the_file_is_made(tmp_path: Path) -> None:
    chance = random.Random(5)
    script = (
        "import sys; from pathlib import Path; from artstyle.catalog import open_catalog;"
        "print('ready', flush=True); open_catalog(Path(sys.argv[1])).close()"
    )
    for attempt in range(8):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        writer = subprocess.Popen(
            [sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.02))
        writer.kill()
        writer.wait(30)
        writer.stdout.close()
        with open_catalog(folder) as catalog:
            catalog.check()
            catalog.add_source("film", sha256="0" * 64, size_bytes=1, kind="film")


def test_two_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from artstyle.catalog import open_catalog
with open_catalog(Path(sys.argv[1])) as catalog:
    for number in range(150):
        with catalog.transaction():
            film = catalog.add_source("film", sha256="0" * 64, size_bytes=1, kind="film")
            frame = catalog.add_frame(film, pts_s=number)      # both add the same frames ...
            catalog.add_face(                                   # ... and faces of their own
                frame, detector=sys.argv[2], bbox_px=[0, 0, 1, 1], points_px=[], score=1)
"""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path), name], stderr=subprocess.PIPE
        )
        for name in ("yunet", "hog")
    ]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert (writer.returncode, errors) == (0, b"")
    with open_catalog(tmp_path) as catalog:
        counts = {
            name: catalog.rows(f"SELECT count(*) FROM {name}")[0][0] for name in ("frame", "face")
        }
        assert counts == {"frame": 150, "face": 300}
        catalog.check()

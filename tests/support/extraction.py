"""What extractions are compared by, and pictures and films whose faces a layout knows."""

from __future__ import annotations

import hashlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from support.films import picture, write_film

_TIMES = {"added_at", "at"}  # of the clock on the wall: not the same in two runs
_LAYOUT = ["--detector", "layout", "--layout", "facesjs", "--size", "64", "--min-face", "20"]


def dump(workspace: Path, leave_out: tuple[str, ...] = ()) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the catalog, ids too, without times of the day."""
    connection = sqlite3.connect(workspace / "artstyle.sqlite")
    named = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    tables = [name for (name,) in connection.execute(named)]
    found = {}
    for table in tables:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        kept = ", ".join(
            f'"{name}"'
            for name in columns
            if name not in _TIMES and f"{table}.{name}" not in leave_out
        )
        found[table] = connection.execute(f"SELECT {kept} FROM {table} ORDER BY 1, 2").fetchall()
    connection.close()
    return found


def file_hashes(workspace: Path) -> dict[str, str]:
    """Every file of the workspace but the catalog, hidden ones too, with its digest."""
    return {
        str(path.relative_to(workspace)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(workspace.rglob("*"))
        if path.is_file() and not path.name.startswith("artstyle.sqlite")
    }


def draw_material(folder: Path, *, pictures: int = 40, shots: int = 10) -> list[str]:
    """Pictures and a film with cuts; gives the words after `artstyle extract` for all of them."""
    images = folder / "drawn"
    images.mkdir(parents=True)
    for number in range(pictures):
        Image.fromarray(picture(number, 120, 96)).save(images / f"{number}.png")
    frames = [
        np.clip(picture(shot, 240, 160).astype(int) + number // 3, 0, 255).astype(np.uint8)
        for shot in range(shots)
        for number in range(40)
    ]
    film = write_film(folder / "drawn.mp4", frames, gop=250)
    return ["--style", "drawn", "--images", str(images), "--video", str(film), *_LAYOUT]


def extract_command(workspace: Path, words: list[str]) -> list[str]:
    """The command line, as one that can be killed."""
    code = "from artstyle.cli import run; run()"
    return [sys.executable, "-c", code, "extract", "--workspace", str(workspace), "-q", *words]


def kill_at_random(
    command: list[str], workspace: Path, begin: Path, *, kills: int, longest_s: float, seed: int
) -> int:
    """Kill a command so often, each time at another instant; a finished one begins anew.

    Args:
        command: works in `workspace`.
        workspace: replaced by a copy of `begin` when it was finished before it could be killed.
        begin: what it is at first.
        kills: how many there must be.
        longest_s: about how long the command takes from its first write on.
        seed: of the instants.

    Returns:
        How often it finished in between.
    """
    chance = random.Random(seed)
    done = finished = 0
    while done < kills:
        lock = workspace / "datasets/drawn/cache/extract.lock"
        lock.unlink(missing_ok=True)  # of the one that was killed before
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        # Loading Python takes as long as the work does here: it is awaited for most of the kills.
        while process.poll() is None and not lock.exists():
            time.sleep(0.01)
        time.sleep(chance.uniform(0, longest_s))
        process.kill()
        if process.wait() == -signal.SIGKILL:
            done += 1
        else:
            finished += 1
            shutil.rmtree(workspace)
            shutil.copytree(begin, workspace)
    return finished

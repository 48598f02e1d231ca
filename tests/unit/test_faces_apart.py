"""A detector in a process of its own is the same detector."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from artstyle.errors import ImageError
from artstyle.faces import auto
from artstyle.faces.apart import Apart
from artstyle.faces.detector import make_detector
from artstyle.images import read_rgb

PHOTO = Path(auto.__file__).parents[1] / "starter/photos/astronaut.jpg"


def test_it_finds_what_the_one_in_this_process_finds() -> None:
    rgb = read_rgb(PHOTO).rgb
    apart = Apart("dlib", longest_px=320)
    try:
        (one,), (other,) = apart.detect(rgb), make_detector("dlib", longest_px=320).detect(rgb)
        assert (one.bbox_px, one.score, one.kind) == (other.bbox_px, other.score, other.kind)
        assert np.array_equal(one.points_px, other.points_px)
        assert one.points_px.dtype == np.float32
        assert apart.detect(np.zeros((40, 60, 3), np.uint8)) == []
    finally:
        apart.close()


def test_a_process_that_ended_is_told_and_the_next_picture_gets_a_new_one() -> None:
    apart = Apart("layout:pioneer")
    large = np.zeros((2000, 2000, 3), np.uint8)  # more than a pipe holds
    try:
        apart._process.kill()
        apart._process.wait()
        assert len(apart.detect(large)) == 1, "it was made anew"
        os.kill(apart._process.pid, signal.SIGSTOP)
        threading.Timer(0.2, apart._process.kill).start()
        with pytest.raises(ImageError, match=r"layout:pioneer ended over it \(code -9\)"):
            apart.detect(large)
        assert len(apart.detect(large)) == 1
    finally:
        apart.close()
    assert apart._process.returncode == 0


def test_what_is_no_picture_is_refused_here() -> None:
    apart = Apart("layout:pioneer")
    try:
        with pytest.raises(ImageError, match="cannot be searched"):
            apart.detect(np.zeros((3, 3), np.uint8))
    finally:
        apart.close()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_the_process_ends_when_its_owner_is_killed() -> None:
    code = (
        "from artstyle.faces.apart import Apart; import time;"
        "print(Apart('layout:pioneer')._process.pid, flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    assert is_alive(pid)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    until_s = time.monotonic() + 30
    while is_alive(pid) and time.monotonic() < until_s:
        time.sleep(0.05)
    assert not is_alive(pid)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # ended, and not asked about by whoever took it over

"""Damaged films: an error in words, or the frames that are there; never a crash, never a hang."""

from __future__ import annotations

import random
import time

import pytest
from support.films import scenes, write_film

from artstyle.errors import VideoError
from artstyle.video.read import frames, open_film
from artstyle.video.sample import Plan, sample

_LONGEST_S = 20.0  # for a film of three seconds that takes 0.05 s when it is whole


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    kinds = [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx-vp9")]
    pictures = scenes([1, 2, 3, 4])
    return {name: write_film(folder / name, pictures, codec=codec) for name, codec in kinds}


def damaged(data: bytes, case: int) -> bytes:
    """One of many ways to break a file; the same for the same case."""
    dice = random.Random(case)
    if case % 3 == 0:
        return data[: dice.randrange(1, len(data))]
    changed = bytearray(data)
    first, last = (0, 600) if case % 3 == 1 else (600, len(data))  # the header, or what follows
    for _ in range(dice.choice([1, 5, 40])):
        changed[dice.randrange(first, last)] = dice.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm"])
@pytest.mark.parametrize("case", range(15))
def test_a_damaged_film_gives_what_it_has_or_an_error(films, tmp_path, name, case):
    path = tmp_path / name
    path.write_bytes(damaged(films[name].read_bytes(), case))
    began_s = time.monotonic()
    try:
        film = open_film(path)
        found = list(frames(film))
        list(sample(film, Plan(every_s=0.5)))
    except VideoError as fault:
        reason = str(fault)
    else:
        reason = ""
        times = [one.pts_s for one in found]
        assert times == sorted(set(times))
        assert all(one.rgb.ndim == 3 and one.rgb.shape[2] == 3 for one in found)
    assert not reason or reason.startswith("cannot read")
    assert time.monotonic() - began_s < _LONGEST_S


def test_whole_films_have_no_damage(films):
    for path in films.values():
        said = []
        assert len(list(frames(open_film(path), on_damage=said.append))) == 80
        assert said == []

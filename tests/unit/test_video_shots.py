"""Shots begin where the drawn films cut, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from support.films import picture, scenes

from artstyle.errors import VideoError
from artstyle.video.read import open_film, raw_frames
from artstyle.video.shots import ShotDetector


def starts(small, **settings):
    detector = ShotDetector(**settings)
    fed = [detector.feed(number / 25, one) for number, one in enumerate(small)]
    found = [one for one in fed if one] + detector.finish()
    return [(round(one.pts_s * 25), one.kind) for one in found]


def grey(seeds, each=20):
    return [one.mean(axis=2).astype(np.uint8) for one in scenes(seeds, each)]


def test_hard_cuts_are_found_at_their_frame():
    assert starts(grey([1, 2, 3])) == [(0, "first"), (20, "cut"), (40, "cut")]


def test_a_cut_in_the_last_frames_is_found_when_the_film_ends():
    assert starts(grey([1, 2])[:21]) == [(0, "first"), (20, "cut")]


def test_a_flash_is_no_cut():
    film = grey([1])
    film[10] = np.full_like(film[10], 210)
    assert starts(film) == [(0, "first")]


def test_a_fast_pan_is_no_cut():
    wide = np.random.default_rng(3).integers(0, 255, (64, 600), dtype=np.uint8)
    assert starts([wide[:, 9 * n : 9 * n + 96] for n in range(50)]) == [(0, "first")]


def test_a_fade_begins_a_shot_when_the_black_ends():
    def fade(seed, levels):
        return [(picture(seed)[..., 0] * level).astype(np.uint8) for level in levels]

    down, up = np.linspace(1, 0, 20), np.linspace(0, 1, 20)
    found = starts([*fade(1, down), *fade(1, [0] * 5), *fade(2, up)])
    assert [kind for _, kind in found] == ["first", "fade"]
    assert 25 <= found[1][0] <= 32


def test_short_shots_go_on():
    film = grey([1, 2], 20)[:25] + grey([3], 20)
    assert starts(film) == [(0, "first"), (20, "cut")]
    assert starts(film, min_shot_s=0.1) == [(0, "first"), (20, "cut"), (25, "cut")]


def test_small_frames_must_be_alike():
    detector = ShotDetector()
    detector.feed(0.0, np.zeros((4, 4), np.uint8))
    with pytest.raises(VideoError, match="follows one of"):
        detector.feed(0.1, np.zeros((4, 5), np.uint8))


@pytest.mark.shared
def test_the_cuts_of_sintel(shared_dir):
    film = open_film(shared_dir / "data/film/sintel_excerpt_26s_848x480.mp4")
    detector = ShotDetector()
    fed = [detector.feed(one.pts_s, one.colour(64)) for one in raw_frames(film)]
    cuts = [round(one.pts_s, 1) for one in [*fed, *detector.finish()] if one]
    assert cuts == [0.0, 3.1, 4.9, 12.8, 18.3, 21.8, 24.5]  # seen by eye

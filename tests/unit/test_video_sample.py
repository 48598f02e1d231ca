"""The frames that are chosen: spread over the shots, sharp, and bounded in number."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter
from support.films import picture, scenes, write_film

from artstyle.errors import VideoError
from artstyle.video.read import open_film
from artstyle.video.sample import Plan, sample, sharpness


def test_so_many_of_each_shot_spread_over_it(tmp_path):
    film = open_film(write_film(tmp_path / "a.mp4", scenes([1, 2], 100), gop=250))
    found = list(sample(film, Plan(every_s=0.2, per_shot=2)))
    assert [one.shot for one in found] == [0, 0, 1, 1]
    times = [one.frame.pts_s for one in found]
    assert times == sorted(times)
    assert times[0] < 2 <= times[1] < 4 <= times[2] < 6 <= times[3], "one in each half of each"


def test_frames_that_an_earlier_reading_gave_are_left_out_and_the_rest_is_the_same(tmp_path):
    film = open_film(write_film(tmp_path / "a.mp4", scenes([1, 2, 3], 50), gop=250))
    for plan in (Plan(every_s=0.5, per_shot=None), Plan(every_s=0.25, per_shot=3)):
        whole = [(one.frame.pts_s, one.shot) for one in sample(film, plan)]
        rest = list(sample(film, plan, after_s=whole[3][0]))
        assert [(one.frame.pts_s, one.shot) for one in rest] == whole[4:]


def test_without_a_bound_every_span_gives_one(tmp_path):
    film = open_film(write_film(tmp_path / "a.mp4", scenes([1, 2], 50), gop=250))
    found = list(sample(film, Plan(every_s=0.5, per_shot=None, size_limit_px=48)))
    assert len(found) == 8
    assert found[0].frame.rgb.shape == (32, 48, 3)


def test_the_sharpest_of_neighbours_is_taken(tmp_path):
    sharp = picture(1)
    soft = np.asarray(Image.fromarray(sharp).filter(ImageFilter.GaussianBlur(3)))
    film = open_film(write_film(tmp_path / "a.mp4", [soft] * 3 + [sharp] + [soft] * 20, gop=1))
    found = list(sample(film, Plan(every_s=5, per_shot=1, keyframes="never")))
    assert [round(one.frame.pts_s, 2) for one in found] == [0.12]


def test_keyframes_are_read_where_they_suffice_and_else_it_is_said(tmp_path):
    film = open_film(write_film(tmp_path / "a.mp4", scenes([1], 100), gop=10))
    said = []
    found = list(sample(film, Plan(every_s=1, per_shot=None)))
    assert all(one.frame.is_keyframe for one in found)
    assert len(found) == 4
    list(sample(film, Plan(every_s=0.1, keyframes="only"), emit=said.append))
    assert "fewer frames" in said[0].text
    assert said[0].level == "warning"


@pytest.mark.parametrize("plan", [Plan(every_s=0), Plan(per_shot=0), Plan(per_shot=99)])
def test_plans_that_cannot_be_followed_are_refused(plan):
    with pytest.raises(VideoError):
        next(sample(None, plan))


def test_edges_are_sharper_than_plains():
    assert sharpness(np.full((9, 9), 7, np.uint8)) == 0 == sharpness(np.zeros((2, 9), np.uint8))
    assert sharpness(np.eye(9, dtype=np.uint8) * 200) > 1000

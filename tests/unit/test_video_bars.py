"""Black bars are found by what stays black, and dark pictures are not taken for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from artstyle.video.bars import Area, picture_area
from artstyle.video.film import open_film
from artstyle.video.glimpse import glimpses


def frame(area: Area, *, seed: int = 0, light: int = 200) -> NDArray[np.uint8]:
    """240 x 320, noise inside of the area, the noise of compression outside."""
    dice = np.random.default_rng(seed)
    rgb = dice.integers(0, 12, (240, 320, 3), dtype=np.uint8)
    rgb[area.y0 : area.y1, area.x0 : area.x1] = dice.integers(
        0, light, (area.y1 - area.y0, area.x1 - area.x0, 3), dtype=np.uint8
    )
    return rgb


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (Area(0, 30, 320, 210), Area(0, 32, 320, 208)),  # letterbox
        (Area(40, 0, 280, 240), Area(42, 0, 278, 240)),  # pillarbox
        (Area(20, 25, 320, 240), Area(22, 27, 320, 240)),  # not the same on both sides
    ],
)
def test_bars_are_left_out(picture: Area, expected: Area) -> None:
    assert picture_area([frame(picture, seed=seed) for seed in range(3)]) == expected


def test_a_picture_that_fills_the_frame_has_no_bars() -> None:
    assert picture_area([frame(Area(0, 0, 320, 240))]) is None


def test_a_dark_edge_that_is_lit_once_is_no_bar() -> None:
    half = Area(0, 0, 160, 240)
    assert picture_area([frame(half), frame(Area(0, 0, 320, 240), seed=1)]) is None


def test_a_dark_sample_tells_nothing() -> None:
    assert picture_area([frame(Area(0, 0, 320, 240), light=20)]) is None
    assert picture_area([frame(Area(100, 100, 140, 120))]) is None
    assert picture_area([]) is None


def test_specks_in_a_bar_do_not_end_it() -> None:
    rgb = frame(Area(0, 30, 320, 210))
    rgb[10, 5] = 255
    assert picture_area([rgb]) == Area(0, 32, 320, 208)


@pytest.mark.shared
def test_a_wide_film_in_a_narrower_frame(shared_dir: Path) -> None:
    film = open_film(shared_dir / "data/film/sintel_excerpt_26s_848x480.mp4")
    area = picture_area(one.rgb for one in glimpses(film, 12))
    assert area is not None
    assert (area.x0, area.x1) == (0, 848)
    assert (area.x1 - area.x0) / (area.y1 - area.y0) == pytest.approx(2.35, abs=0.06)

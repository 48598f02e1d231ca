"""Layouts: the whole cell as a head, templates found by a detector, points from a recipe."""

from __future__ import annotations

import numpy as np
import pytest

from artstyle.errors import UsageError
from artstyle.faces.align import align, landmarks_to_eyes_mouth, landmarks_to_quad
from artstyle.faces.detector import Face, Pixels
from artstyle.faces.layout import LAYOUTS, make
from artstyle.faces.template import find_template, layout_of_points

_FIVE = np.array([[0.4, 0.42], [0.6, 0.42], [0.5, 0.55], [0.42, 0.66], [0.58, 0.66]])


class _Shaky:
    """Finds the five points a little off, by a seed that the picture's first pixel gives."""

    name = "shaky"
    licence = "none"

    def __init__(self, stray: float) -> None:
        self._stray = stray

    def detect(self, rgb: Pixels) -> list[Face]:
        """Nothing in pictures whose first pixel is 0."""
        seed = int(rgb[0, 0, 0])
        if not seed:
            return []
        off = np.random.default_rng(seed).normal(size=2) * self._stray
        points = ((_FIVE + off) * (rgb.shape[1], rgb.shape[0])).astype(np.float32)
        return [Face((0, 0, 1, 1), 1.0, points, "five", self.name)]


def _pictures(seeds: range) -> list[Pixels]:
    return [np.full((100, 100, 3), seed, dtype=np.uint8) for seed in seeds]


@pytest.mark.parametrize(
    ("width", "height", "left", "top"), [(64, 64, 0, 0), (60, 100, 0, 20), (90, 50, 20, 0)]
)
def test_the_layout_head_takes_the_largest_square_in_the_middle(
    width: int, height: int, left: int, top: int
) -> None:
    (face,) = make(layout="head").detect(np.zeros((height, width, 3), np.uint8))
    quad = landmarks_to_quad(landmarks_to_eyes_mouth(face.points_px, face.kind))
    side = min(width, height)
    wanted = [[left, top], [left, top + side], [left + side, top + side], [left + side, top]]
    assert np.abs(quad - wanted).max() < 0.05


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_layouts_give_upright_squares_and_confident_faces(name: str) -> None:
    rgb = np.full((200, 200, 3), 99, np.uint8)
    (face,) = make(layout=name).detect(rgb)
    aligned = align(rgb, face.points_px, face.kind, 32)
    corners = aligned.crop.quad_px
    assert np.abs(corners[0] - corners[1])[0] < 1e-3
    assert abs(aligned.pose.roll_deg) < 2


def test_a_template_is_the_median_made_symmetric() -> None:
    found = find_template(_pictures(range(1, 40)), _Shaky(0.004))
    assert found is not None
    assert found.holds
    assert (found.faces, found.pictures) == (39, 39)
    points = np.array(found.layout.points)
    assert np.abs(points - _FIVE).max() < 0.004
    assert points[0, 1] == points[1, 1]
    middle = (points[0, 0] + points[1, 0]) / 2
    assert points[2, 0] == pytest.approx(middle, abs=1e-4)
    assert (points[3, 0] + points[4, 0]) / 2 == pytest.approx(middle, abs=1e-4)


def test_faces_at_different_places_make_no_template() -> None:
    found = find_template(_pictures(range(1, 40)), _Shaky(0.1))
    assert found is not None
    assert not found.holds
    assert "39 of 39" in str(found)


def test_a_few_faces_among_many_pictures_make_no_template() -> None:
    found = find_template(_pictures(range(1, 7)) + _pictures(range(0, 1)) * 40, _Shaky(0.001))
    assert found is not None
    assert found.faces == 6
    assert not found.holds
    assert find_template(_pictures(range(0, 1)), _Shaky(0)) is None


@pytest.mark.parametrize(
    "points",
    [
        (0.5,) * 9,
        (0.4, 0.4, 0.6, 0.4, 0.5, 0.5, 0.4, 0.6, 0.6, 1.6),
        (0.6, 0.4, 0.4, 0.4, 0.5, 0.5, 0.4, 0.6, 0.6, 0.6),
        (0.4, 0.7, 0.6, 0.7, 0.5, 0.5, 0.4, 0.3, 0.6, 0.3),
    ],
)
def test_points_that_are_no_face_are_refused(points: tuple[float, ...]) -> None:
    with pytest.raises(UsageError):
        layout_of_points(points)

"""Faces are followed by place and size."""

from __future__ import annotations

import pytest

from artstyle.errors import UsageError
from artstyle.faces.track import Tracker


def box(x: float, y: float = 0.0, side: float = 100.0) -> tuple[float, float, float, float]:
    return (x, y, x + side, y + side)


def test_a_face_that_moves_a_little_is_one_track() -> None:
    tracker = Tracker()
    assert [tracker.update(t * 0.5, [box(60 * t)]) for t in range(5)] == [[0]] * 5


def test_two_who_stand_side_by_side_are_not_mixed_up() -> None:
    tracker = Tracker()
    assert tracker.update(0.0, [box(0), box(150)]) == [0, 1]
    assert tracker.update(0.5, [box(140), box(20)]) == [1, 0], "the order in the frame is nothing"


def test_the_closest_pair_comes_first() -> None:
    tracker = Tracker()
    tracker.update(0.0, [box(0)])
    assert tracker.update(0.5, [box(80), box(10)]) == [1, 0]


def test_who_comes_back_soon_at_the_same_place_is_the_same() -> None:
    tracker = Tracker(gap_s=2.0)
    tracker.update(0.0, [box(0)])
    assert tracker.update(1.0, []) == []
    assert tracker.update(2.0, [box(0)]) == [0]
    tracker.update(3.0, [])
    assert tracker.update(4.5, [box(0)]) == [1], "after 2.5 s it is another appearance"


@pytest.mark.parametrize(
    ("after", "is_same"),
    [
        (box(99), True),
        (box(101), False),  # further than its own side
        (box(-39, -39, 178), True),
        (box(-41, -41, 182), False),  # 1.8 times as large
        ((0.0, 0.0, 0.0, 0.0), False),
    ],
)
def test_how_far_and_how_much_larger(after: tuple[float, ...], is_same: bool) -> None:
    tracker = Tracker()
    tracker.update(0.0, [box(0)])
    assert tracker.update(0.5, [after]) == [0 if is_same else 1]


def test_time_does_not_run_backwards() -> None:
    tracker = Tracker()
    tracker.update(1.0, [box(0)])
    with pytest.raises(UsageError, match="after a later one"):
        tracker.update(0.5, [box(0)])

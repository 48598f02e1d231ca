"""Which faces of neighbouring frames are one and the same, by place and size alone.

Frames are expected to lie up to a second apart and within one shot; who crosses a room meanwhile
is taken for somebody new, which costs a few crops more and mixes nobody up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from artstyle.errors import UsageError
from artstyle.faces.detector import Box

# Guesses, looked at on film: how far a centre may move, in sides of the box (a neighbour's head is
# about two sides away); how much larger or smaller it may become; how long a face may be away.
REACH, GROWTH, GAP_S = 1.0, 1.8, 2.5


@dataclass
class Track:
    """A face that is followed."""

    number: int  # counted from 0
    last_s: float
    box_px: Box


@dataclass
class Tracker:
    """Feed it the boxes of one frame after the other.

    Args:
        reach: the farthest that a centre moves between two frames, in sides of the box.
        growth: the largest ratio of sides.
        gap_s: how long a face may go unseen.
    """

    reach: float = REACH
    growth: float = GROWTH
    gap_s: float = GAP_S
    _live: list[Track] = field(default_factory=list, init=False)
    _count: int = field(default=0, init=False)

    def update(self, pts_s: float, boxes_px: Sequence[Box]) -> list[int]:
        """The next frame.

        Args:
            pts_s: its time; not before the last one's.
            boxes_px: x0, y0, x1, y1 each.

        Returns:
            For each box the number of its track; new faces get new numbers, in order.

        Raises:
            UsageError: the time runs backwards.
        """
        if any(track.last_s > pts_s for track in self._live):
            raise UsageError(f"a frame of {pts_s} s was fed to the tracker after a later one")
        self._live = [one for one in self._live if pts_s - one.last_s <= self.gap_s]
        pairs = [
            (distance, track.number, index)
            for index, box in enumerate(boxes_px)
            for track in self._live
            if (distance := self.distance(track.box_px, box)) is not None
        ]
        by_number = {track.number: track for track in self._live}
        numbers: dict[int, int] = {}
        for _, number, index in sorted(pairs):  # the closest pair first
            if index not in numbers and number in by_number:
                numbers[index] = number
                track = by_number.pop(number)
                track.last_s, track.box_px = pts_s, boxes_px[index]
        for index, box in enumerate(boxes_px):
            if index not in numbers:
                numbers[index] = self._count
                self._live.append(Track(self._count, pts_s, box))
                self._count += 1
        return [numbers[index] for index in range(len(boxes_px))]

    def distance(self, before_px: Box, after_px: Box) -> float | None:
        """How far two boxes are apart, in sides; None if they cannot be one face."""
        side, other = _side(before_px), _side(after_px)
        if min(side, other) <= 0 or max(side, other) > self.growth * min(side, other):
            return None
        (x0, y0), (x1, y1) = _centre(before_px), _centre(after_px)
        distance = math.hypot(x1 - x0, y1 - y0) / math.sqrt(side * other)
        return distance if distance <= self.reach else None


def _side(box: Box) -> float:
    x0, y0, x1, y1 = box
    return math.sqrt(max(x1 - x0, 0.0) * max(y1 - y0, 0.0))


def _centre(box: Box) -> tuple[float, float]:
    x0, y0, x1, y1 = box
    return (x0 + x1) / 2, (y0 + y1) / 2

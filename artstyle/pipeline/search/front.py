"""The front of a search: the chain of swaps that keeps most likeness for every bit of style.

Two figures count, both better when larger: style, 0 for the base's pictures and 1 for the style's
own, and likeness, 1 for the same face. A *chain* goes from the base (no level from the style) to
stronger swaps, and along it no level's share ever falls: so a swap between two of its points lies
between them in every level, and "stronger" has a meaning. Of all chains through what was measured
`best_chain` takes the one with the most area under it. Points that lie below the line between two
others are never on it: without them the area is larger.

Numbers in, numbers out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import MeasureError
from artstyle.pipeline.search.walk import Shares

LEAST_BULGE = 0.02  # of the chord's triangle; a front that is flatter has no knee; a guess


@dataclass(frozen=True)
class Point:
    """A swap that was measured."""

    shares: Shares
    style: float
    likeness: float
    measured: Mapping[str, Any] = field(default_factory=dict)  # what else was found; JSON types


@dataclass(frozen=True)
class Knee:
    """The point of a chain where more style begins to cost most."""

    index: int  # on the chain
    bulge: float  # how far it stands out from the chord, 0 to 1
    how: str  # in words


def best_chain(points: Sequence[Point]) -> list[Point]:
    """The chain with the most area under it, from the base on.

    Args:
        points: the base's, whose shares are all 0, must be among them.

    Raises:
        MeasureError: it is not.
    """
    base = next((point for point in points if not any(point.shares)), None)
    if base is None:
        raise MeasureError("the base itself was not measured, so no front can begin there")
    others = sorted(
        (point for point in points if any(point.shares) and point.style > base.style),
        key=lambda point: (point.style, -point.likeness, point.shares),
    )
    rows = [base, *others]
    style = np.array([point.style for point in rows])
    likeness = np.array([point.likeness for point in rows])
    floor = likeness.min() - max(float(np.ptp(likeness)), 1e-9)  # any below will do
    shares = np.array([point.shares for point in rows])
    area = np.full(len(rows), -math.inf)
    area[0] = 0.0
    before = np.zeros(len(rows), dtype=int)
    for index in range(1, len(rows)):
        nested = (shares[:index] <= shares[index]).all(axis=1)
        middle = (likeness[index] + likeness[:index]) / 2
        gain = (style[index] - style[:index]) * (middle - floor)
        reached = np.where(nested, area[:index] + gain, -math.inf)
        before[index] = int(reached.argmax())
        area[index] = reached[before[index]]
    at = int(area.argmax())
    chain = [rows[at]]
    while at:
        at = int(before[at])
        chain.append(rows[at])
    return chain[::-1]


def area_under(chain: Sequence[Point], floor: float = 0.0) -> float:
    """The area under a chain and above a likeness: larger is better."""
    strips = (
        (after.style - before.style) * ((before.likeness + after.likeness) / 2 - floor)
        for before, after in pairwise(chain)
    )
    return float(sum(strips))


def plane(chain: Sequence[Point]) -> NDArray[np.float64]:
    """The chain with both figures stretched to [0, 1] between its ends: [n, 2], style first."""
    raw = np.array([(point.style, point.likeness) for point in chain], dtype=np.float64)
    low, spread = raw.min(axis=0), np.ptp(raw, axis=0)
    stretched: NDArray[np.float64] = (raw - low) / np.where(spread > 0, spread, 1.0)
    return stretched


def strengths(chain: Sequence[Point]) -> list[float]:
    """How far along the chain each point lies, 0 to 1: by the length of the way in `plane`.

    Equal steps of strength are equal ways on the plot, wherever the front is flat or steep.
    """
    at = plane(chain)
    ways = np.hypot(*np.diff(at, axis=0).T) if len(chain) > 1 else np.zeros(0)
    total = float(ways.sum())
    if total <= 0:
        return [index / max(len(chain) - 1, 1) for index in range(len(chain))]
    return [float(way) for way in np.concatenate([[0.0], np.cumsum(ways)]) / total]


def find_knee(chain: Sequence[Point]) -> Knee:
    """The point farthest above the chord between the chain's ends, in `plane`.

    With both figures stretched to [0, 1] the chord is likeness = 1 - style, and the distance from
    it style + likeness - 1: Kneedle's difference curve (Satopaa et al. 2011) without smoothing. Of
    a front that stands out nowhere the middle by strength is taken, and that is said.
    """
    if len(chain) < 3:
        return Knee(len(chain) - 1, 0.0, "there is nothing between the ends: the style's end")
    bulges = plane(chain).sum(axis=1) - 1
    bulges[[0, -1]] = 0.0
    index = int(bulges.argmax())
    if bulges[index] >= LEAST_BULGE:
        return Knee(index, float(bulges[index]), "farthest above the chord of the front's ends")
    along = np.abs(np.array(strengths(chain)) - 0.5)
    along[[0, -1]] = math.inf
    return Knee(int(along.argmin()), 0.0, "the front has no knee: the middle by strength")


def thinned(chain: Sequence[Point], most: int, keep: Sequence[int] = ()) -> list[Point]:
    """The chain with fewer points: the ends stay, and those whose loss would cost most area.

    Args:
        chain: from the base on.
        most: how many points stay at most, at least 2 and all of `keep`.
        keep: indices that stay in any case.
    """
    left = list(range(len(chain)))
    fixed = {0, len(chain) - 1, *keep}
    while len(left) > max(most, 2, len(fixed)):
        losses = {
            middle: area_under([chain[one], chain[middle], chain[two]])
            - area_under([chain[one], chain[two]])
            for one, middle, two in zip(left, left[1:], left[2:], strict=False)
            if middle not in fixed
        }
        left.remove(min(losses, key=lambda index: (losses[index], index)))
    return [chain[index] for index in left]

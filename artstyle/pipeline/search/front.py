"""The front of a search: the chain of swaps that keeps most likeness for every bit of style.

Two figures count, both better when larger: style, 0 for the base's pictures and 1 for the style's
own, and likeness, 1 for the same face. A *chain* goes from the base (no level from the style) to
stronger swaps, and along it no level's share ever falls: so a swap between two of its points lies
between them in every level, and "stronger" has a meaning. Of all chains through what was measured
`best_chain` takes the one with the most area under it. Between two neighbours the area ends above
somewhere between the step that is safe and the straight line that one hopes for: with the line
(`HOPEFUL`) a chain keeps what stands out, with less (`CAREFUL`) also what lies in dents. A point
that another one dominates is never on it: without it the area is larger.

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

HOPEFUL, CAREFUL = 0.5, 0.25  # shares of the triangle above the step; the second is a guess
STRENGTH_DIGITS = 3  # of a strength: finer steps draw the same picture
LEAST_STYLE = 0.6  # of the front's: fainter ones, looked at, still passed for photos
_PLACES = 1001  # of strength, at which the balance is looked at


@dataclass(frozen=True)
class Point:
    """A swap that was measured."""

    shares: Shares
    style: float
    likeness: float
    measured: Mapping[str, Any] = field(default_factory=dict)  # what else was found; JSON types


@dataclass(frozen=True)
class Knee:
    """Where on a chain style and likeness balance."""

    strength: float  # 0 to 1
    balance: float  # the harmonic mean of both there, 0 to 1
    how: str  # it was found, in words


def best_chain(points: Sequence[Point], hope: float = CAREFUL) -> list[Point]:
    """The chain with the most area under it, from the base on.

    Args:
        points: the base's, whose shares are all 0, must be among them.
        hope: `HOPEFUL`, `CAREFUL`, or between.

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
        edge = likeness[index] + hope * (likeness[:index] - likeness[index])
        gain = (style[index] - style[:index]) * (edge - floor)
        reached = np.where(nested, area[:index] + gain, -math.inf)
        before[index] = int(reached.argmax())
        area[index] = reached[before[index]]
    at = int(area.argmax())
    chain = [rows[at]]
    while at:
        at = int(before[at])
        chain.append(rows[at])
    return chain[::-1]


def area_under(chain: Sequence[Point], hope: float = CAREFUL) -> float:
    """The area under a chain; see `best_chain`."""
    strips = (
        (after.style - before.style) * (after.likeness + hope * (before.likeness - after.likeness))
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
    """The place with the largest harmonic mean of likeness and of the style's share of the front's.

    The harmonic mean asks for both: a swap with much of one and little of the other is none. It is
    sought from `LEAST_STYLE` of the front's style on, for a cell that does not show its style is
    none either. Between two points of the chain both figures are taken to change in a line.
    """
    at = np.linspace(0, 1, _PLACES)
    along = strengths(chain)
    style = np.interp(at, along, [point.style for point in chain]) / max(chain[-1].style, 1e-9)
    likeness = np.clip(np.interp(at, along, [point.likeness for point in chain]), 0, 1)
    balance = 2 * style * likeness / np.maximum(style + likeness, 1e-9)
    shown = style >= LEAST_STYLE - 1e-9
    index = int(np.where(shown, balance, -1.0).argmax())
    least = int(shown.argmax())
    how = f"where likeness and style balance best, {style[index]:.0%} of the front's style"
    if index == least:
        how = f"{LEAST_STYLE:.0%} of the front's style; they balance no better from there on"
    return Knee(float(at[index]), float(balance[index]), how)


def placed(chain: Sequence[Point], most: int) -> list[tuple[float, Point]]:
    """The chain by strength, in three digits that rise; of neighbours too near one is left out.

    Args:
        chain: from the base on.
        most: how many points stay at most, the ends in any case.
    """
    left = thinned(chain, most)
    along = [round(strength, STRENGTH_DIGITS) for strength in strengths(left)]
    rows: list[tuple[float, Point]] = []
    for strength, point in zip(along, left, strict=True):
        if not rows or strength > rows[-1][0]:
            rows.append((strength, point))
    if rows[-1][1] is not left[-1] and len(rows) > 1:
        rows[-1] = (along[-1], left[-1])
    return rows


def thinned(chain: Sequence[Point], most: int) -> list[Point]:
    """The chain with fewer points: the ends stay, and those whose loss would cost most area.

    Args:
        chain: from the base on.
        most: how many points stay at most; never less than the ends.
    """
    left = list(range(len(chain)))
    fixed = {0, len(chain) - 1}
    while len(left) > max(most, len(fixed)):
        losses = {
            middle: area_under([chain[one], chain[middle], chain[two]])
            - area_under([chain[one], chain[two]])
            for one, middle, two in zip(left, left[1:], left[2:], strict=False)
            if middle not in fixed
        }
        left.remove(min(losses, key=lambda index: (losses[index], index)))
    return [chain[index] for index in left]

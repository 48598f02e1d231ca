"""Which swaps to measure next.

First the swaps that people make by hand: hard and smooth ones at every resolution, and all levels
mixed alike. Then swaps that lie between two neighbours of the best chain: they fit into it wherever
they lie above its line. The first is their middle, where `--strength` will walk; of the others most
go over from one neighbour to the other in the order in which levels seem to pay, and some mix their
levels at random. Of each generation the last leaves the chain: one level of one of its points gets
another share.

No level's share is below that of a coarser one: the style begins at the fine end, as in every swap
made by hand. Without that rule the search found swaps with the style's coarse levels under the
photo's fine ones: more style and likeness by the figures, and neither to the eye.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise

import numpy as np

from artstyle.pipeline.search.front import Point, plane
from artstyle.pipeline.search.walk import Shares
from stylegan_ext.levels import Level, level_weights, resolutions_of

WIDTHS = (1.0, 2.0)  # of the smooth ones, in levels; a guess
DIGITS = 2  # of a share that is tried: finer differences drown in the measure's noise
EVEN = (0.25, 0.5, 0.75)  # shares of those that mix all levels alike
GUIDED = 0.7  # share of those between neighbours that follow the fitted order; a guess
_RIDGE = 0.1  # of the fit: keeps levels that never moved alone from taking all or nothing
_STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
_TRIES = 40
_LEAST_WIDE = 0.02  # a segment whose levels all differ by less has nothing between


def first_swaps(levels: Sequence[Level]) -> dict[Shares, str]:
    """The swaps that are always measured, with their names, from the base to the style.

    Two rules that round to the same shares are one swap, under the first name.
    """
    found: dict[Shares, str] = {tuple(0.0 for _ in levels): "base"}
    resolutions = resolutions_of(levels)
    for resolution in reversed(resolutions):
        hard = level_weights(levels, resolution)
        name = "all" if resolution == resolutions[0] else f"hard at {resolution}"
        found.setdefault(_rounded(hard.values()), name)
    for width in WIDTHS:
        for resolution in reversed(resolutions[1:]):
            smooth = level_weights(levels, resolution, width)
            name = f"smooth at {resolution}, width {width:g}"
            found.setdefault(_rounded(smooth.values()), name)
    for share in EVEN:
        found.setdefault(_rounded(share for _ in levels), f"all at {share:g}")
    return found


def next_swaps(
    points: Sequence[Point], chain: Sequence[Point], count: int, generator: np.random.Generator
) -> list[Shares]:
    """Swaps that are worth a measurement, none of them known.

    Args:
        points: everything that was measured.
        chain: the best of it.
        count: how many are wanted; fewer come back where nothing new is found.
        generator: the dice.
    """
    known = {point.shares for point in points}
    order = _order_of_levels(points)
    room = np.array(list(_room(chain)))
    made: list[Shares] = []
    for number in range(count):
        for _ in range(_TRIES):
            if number % count == count - 1 or room.max(initial=0.0) <= 0:
                shares = _stranger(chain, generator)
            else:
                at = int(generator.choice(len(room), p=room / room.sum()))
                one, two = chain[at].shares, chain[at + 1].shares
                shares = _rounded((a + b) / 2 for a, b in zip(one, two, strict=True))
                if shares in known:
                    is_guided = bool(generator.random() < GUIDED)
                    shares = _between(one, two, order if is_guided else None, generator)
            if shares not in known:
                known.add(shares)
                made.append(shares)
                break
    return made


def _room(chain: Sequence[Point]) -> Iterator[float]:
    """For each segment the area that a point between its ends could add at most."""
    for (one, two), (before, after) in zip(pairwise(plane(chain)), pairwise(chain), strict=True):
        wide = max(abs(a - b) for a, b in zip(before.shares, after.shares, strict=True))
        gain = float((two[0] - one[0]) * (one[1] - two[1])) / 2
        yield max(gain, 0.0) if wide > _LEAST_WIDE else 0.0


def _order_of_levels(points: Sequence[Point]) -> list[int]:
    """The levels, those first that give much style for little likeness.

    What a level gives and costs is fitted to all points by least squares, as if levels just added
    up. They do not quite, so this is a hint and no more.
    """
    shares = np.array([point.shares for point in points])
    figures = np.array([(point.style, 1 - point.likeness) for point in points])
    ridge = _RIDGE * np.eye(shares.shape[1])
    fitted = np.linalg.solve(shares.T @ shares + ridge, shares.T @ figures)
    gives, costs = np.maximum(fitted, 1e-3).T
    return [int(index) for index in np.argsort(-gives / costs, kind="stable")]


def _between(
    one: Shares, two: Shares, order: Sequence[int] | None, generator: np.random.Generator
) -> Shares:
    """A swap between two: level by level one's share, two's, or their middle.

    Args:
        one: the weaker.
        two: the stronger.
        order: go over to `two` in this order of levels, and stop somewhere; None: any mixture.
        generator: the dice.
    """
    shares = list(one)
    different = [index for index in order or range(len(one)) if one[index] != two[index]]
    if order is None:
        parts = [float(part) for part in generator.choice((0.0, 0.5, 1.0), len(different))]
    else:
        whole = int(generator.integers(len(different)))
        last = float(generator.choice((0.0, 0.5))) if whole else 0.5
        parts = [1.0] * whole + [last] + [0.0] * (len(different) - whole - 1)
    for index, part in zip(different, parts, strict=True):
        shares[index] += (two[index] - one[index]) * part
    return _rising(shares)


def _stranger(chain: Sequence[Point], generator: np.random.Generator) -> Shares:
    """A point of the chain with another share in one level, and what has to follow it."""
    shares = list(chain[int(generator.integers(len(chain)))].shares)
    index = int(generator.integers(len(shares)))
    shares[index] = float(generator.choice([step for step in _STEPS if step != shares[index]]))
    return _rising(shares)


def _rising(shares: Iterable[float]) -> Shares:
    """No level below a coarser one; between two swaps that rise this stays between them."""
    return _rounded(accumulate(shares, max))


def _rounded(shares: Iterable[float]) -> Shares:
    return tuple(round(float(share), DIGITS) for share in shares)

"""The search itself: measure, take the best chain, measure between and beside it, and so on.

It knows nothing of pictures: a function measures a swap. The same seed and the same figures give
the same search, so whoever keeps the figures can break it off anywhere and go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from artstyle.pipeline.search.front import CAREFUL, HOPEFUL, Point, best_chain
from artstyle.pipeline.search.propose import first_swaps, next_swaps
from artstyle.pipeline.search.walk import Shares
from stylegan_ext.levels import Level

GENERATION = 4  # swaps between two looks at the chain; a guess
HOPES = (HOPEFUL, HOPEFUL, CAREFUL)  # in turn: push the front out twice, then fill its dents
_IDLE = 3  # generations without anything new, then there is nothing left to try


def explore(
    levels: Sequence[Level],
    measure: Callable[[Shares], Point],
    *,
    budget: int,
    seed: int = 0,
    on_point: Callable[[Point, int], None] = lambda point, count: None,
) -> list[Point]:
    """Measure swaps until the budget is spent.

    Args:
        levels: of the blended model, coarse to fine.
        measure: shares to figures; called once for each swap.
        budget: how many swaps to measure; the first ones are measured in any case.
        seed: of the choices.
        on_point: told of every point and of how many there are.

    Returns:
        All points in the order they were measured.
    """
    found: dict[Shares, Point] = {}

    def take(shares: Shares) -> None:
        found[shares] = measure(shares)
        on_point(found[shares], len(found))

    for shares in first_swaps(levels):
        take(shares)
    generation = idle = 0
    while len(found) < budget and idle < _IDLE:
        dice = np.random.default_rng([seed, generation])
        wanted = min(GENERATION, budget - len(found))
        points = list(found.values())
        chain = best_chain(points, HOPES[generation % len(HOPES)])
        fresh = next_swaps(points, chain, wanted, dice)
        idle = 0 if fresh else idle + 1
        generation += 1
        for shares in fresh:
            take(shares)
    return list(found.values())

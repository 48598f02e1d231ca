from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from artstyle.errors import MeasureError
from artstyle.pipeline.search.explore import explore
from artstyle.pipeline.search.front import (
    CAREFUL,
    HOPEFUL,
    Point,
    area_under,
    best_chain,
    find_knee,
    placed,
    strengths,
    thinned,
)
from artstyle.pipeline.search.propose import first_swaps, next_swaps
from artstyle.pipeline.search.walk import levels_of_labels, shares_at

LEVELS = levels_of_labels(("4.1", "8.0", "8.1", "16.0", "16.1"))
NINE = levels_of_labels(["4.1", "8.0", "8.1", "16.0", "16.1", "32.0", "32.1", "64.0", "64.1"])


def chain_of(*figures: tuple[float, float]) -> list[Point]:
    """Points of one level whose share rises with them."""
    last = len(figures) - 1
    return [
        Point((index / last,), style, likeness) for index, (style, likeness) in enumerate(figures)
    ]


def test_the_knee_by_hand():
    # In a corner at (0.8, 0.8) of a front that ends at (0.8, 0): past it likeness falls alone.
    chain = chain_of((0.0, 1.0), (0.8, 0.8), (0.80001, 0.0))
    knee = find_knee(chain)
    assert knee.balance == pytest.approx(2 * 1 * 0.8 / 1.8, abs=2e-3)
    assert knee.strength == pytest.approx(strengths(chain)[1], abs=1e-3)
    assert "100% of the front's style" in knee.how
    # On the line from (0, 1) to (1, 0) both are a half in the middle, and 0.6 is the least style.
    straight = find_knee(chain_of((0.0, 1.0), (1.0, 0.0)))
    assert straight.strength == pytest.approx(0.6)
    assert straight.balance == pytest.approx(2 * 0.6 * 0.4)
    assert "60% of the front's style; they balance no better" in straight.how


def test_neither_figure_alone_makes_a_knee():
    # By the sum the end is best (1.3, after 1.26 in the middle); it has hardly any likeness.
    chain = chain_of((0.0, 1.0), (0.7, 0.56), (1.0, 0.3), (1.2, 0.1))
    knee = find_knee(chain)
    style = np.interp(knee.strength, strengths(chain), [point.style for point in chain]) / 1.2
    assert 0.6 <= style < 0.85
    assert knee.balance > 0.55


def test_where_nobody_is_alike_any_more_the_least_style_is_taken():
    chain = chain_of((0.0, 1.0), (0.2, -0.1), (1.0, -0.3))
    knee = find_knee(chain)
    style = np.interp(knee.strength, strengths(chain), [point.style for point in chain])
    assert style == pytest.approx(0.6, abs=2e-3)
    assert knee.balance == 0


def test_a_chain_is_nested_and_leaves_out_what_does_not_pay():
    base = Point((0, 0, 0), 0.0, 1.0)
    one = Point((0, 0, 1), 0.4, 0.9)
    two = Point((0, 1, 1), 0.7, 0.6)
    end = Point((1, 1, 1), 1.0, 0.0)
    dominated = Point((0, 0.5, 1), 0.5, 0.3)
    better_but_beside = Point((1, 0, 0), 0.45, 0.91)
    worse_than_base = Point((0, 1, 0), -0.2, 0.8)
    found = best_chain([end, dominated, two, better_but_beside, one, base, worse_than_base])
    assert found == [base, one, two, end]
    with pytest.raises(MeasureError, match="the base itself"):
        best_chain([end])


def test_a_careful_chain_keeps_shallow_dents_and_a_hopeful_one_none():
    points = chain_of((0.0, 1.0), (0.45, 0.45), (1.0, 0.0))
    assert best_chain(points, CAREFUL) == points
    assert best_chain(points, HOPEFUL) == [points[0], points[2]]
    deep = chain_of((0.0, 1.0), (0.3, 0.2), (1.0, 0.0))
    assert best_chain(deep, CAREFUL) == [deep[0], deep[2]]


def test_area_by_hand():
    points = chain_of((0.0, 1.0), (1.0, 0.5))
    assert area_under(points, HOPEFUL) == pytest.approx(0.75)
    assert area_under(points, 0.0) == pytest.approx(0.5)


def test_thinning_keeps_ends_and_what_matters():
    chain = chain_of((0.0, 1.0), (0.3, 0.98), (0.31, 0.97), (0.75, 0.9), (0.85, 0.5), (1.0, 0.0))
    left = thinned(chain, 4)
    assert [point.style for point in left] == [0.0, 0.75, 0.85, 1.0]
    assert thinned(chain, 1) == [chain[0], chain[5]]
    assert thinned(chain, 9) == chain


def test_strengths_rise_in_three_digits():
    chain = chain_of((0.0, 1.0), (0.5, 0.8), (0.50001, 0.79999), (0.99999, 0.0), (1.0, -0.00001))
    rows = placed(chain, 12)
    assert [strength for strength, _ in rows] == [0.0, 0.363, 1.0]
    assert rows[-1][1] is chain[-1]
    assert rows[1][1] is chain[1]


def test_the_first_swaps_are_those_made_by_hand():
    found = first_swaps(LEVELS)
    by_name = {name: shares for shares, name in found.items()}
    assert by_name["base"] == (0, 0, 0, 0, 0)
    assert by_name["hard at 16"] == (0, 0, 0, 1, 1)
    assert by_name["hard at 8"] == (0, 1, 1, 1, 1)
    assert by_name["all"] == (1, 1, 1, 1, 1)
    assert by_name["smooth at 8, width 1"] == (0.27, 0.5, 0.73, 0.88, 0.95)
    assert by_name["all at 0.25"] == (0.25,) * 5
    assert "smooth at 16, width 2" in by_name


def test_new_swaps_lie_between_neighbours_and_one_beside():
    points = [Point((0.0,) * 5, 0.0, 1.0), Point((1.0,) * 5, 1.0, 0.0)]
    found = next_swaps(points, points, 8, np.random.default_rng(0))
    assert found[0] == (0.5,) * 5
    assert len(set(found)) == 8
    assert all(0 <= share <= 1 for shares in found for share in shares)
    narrow = [Point((0.0,) * 5, 0.0, 1.0), Point((0.01,) * 5, 1.0, 0.0)]
    beside = next_swaps(narrow, narrow, 4, np.random.default_rng(0))
    for shares in beside:  # one level, and those finer than it
        assert shares[-1] >= 0.25
        assert len({share for share in shares if share > 0.02}) == 1
    for shares in [*found, *beside]:
        assert list(shares) == sorted(shares), "no level is below a coarser one"


def additive(seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """What nine levels give and cost if they just add up, and the area of the best front.

    Fine levels go first. A coarser one that pays better goes together with those before it, so that
    their ratio is pooled: the optimum of a chain of jobs (Sidney 1975).
    """
    dice = np.random.default_rng(seed)
    gives, costs = dice.random(9), dice.random(9)
    gives, costs = gives / gives.sum(), costs / costs.sum()
    blocks: list[tuple[float, float]] = []
    for give, cost in zip(gives[::-1], costs[::-1], strict=True):
        block = (give, cost)
        while blocks and block[0] / block[1] > blocks[-1][0] / blocks[-1][1]:
            last = blocks.pop()
            block = (block[0] + last[0], block[1] + last[1])
        blocks.append(block)
    area, likeness = 0.0, 1.0
    for give, cost in blocks:
        area += give * (likeness - cost / 2)
        likeness -= cost
    return gives, costs, area


@pytest.mark.parametrize("seed", [3, 9, 11])  # whose best is not made by hand
def test_the_search_comes_near_the_best_front_that_there_is(seed):
    gives, costs, best = additive(seed)

    def measure(shares):
        return Point(shares, float(gives @ shares), 1 - float(costs @ shares))

    points = explore(NINE, measure, budget=64)
    by_hand = area_under(best_chain(points[: len(first_swaps(NINE))], HOPEFUL), HOPEFUL)
    found = area_under(best_chain(points, HOPEFUL), HOPEFUL)
    assert len({point.shares for point in points}) == 64
    assert found > best - 0.35 * (best - by_hand)
    assert found > by_hand + 0.002


def test_more_strength_is_more_style_and_less_likeness():
    gives, costs, _ = additive(7)

    def measure(shares):
        return Point(shares, float(gives @ shares), 1 - float(costs @ shares))

    rows = placed(best_chain(explore(NINE, measure, budget=50)), 12)
    places = [(strength, point.shares) for strength, point in rows]
    walk = [measure(shares_at(places, step / 20)) for step in range(21)]
    for weak, strong in pairwise(walk):
        assert all(a <= b for a, b in zip(weak.shares, strong.shares, strict=True))
        assert weak.style < strong.style
        assert weak.likeness > strong.likeness


def test_the_same_seed_asks_for_the_same_swaps():
    gives, costs, _ = additive(1)
    asked: dict[int, list[tuple[float, ...]]] = {}
    for run, seed in enumerate((0, 0, 1)):
        asked[run] = []

        def measure(shares, log=asked[run]):
            log.append(shares)
            return Point(shares, float(gives @ shares), 1 - float(costs @ shares))

        explore(NINE, measure, budget=40, seed=seed)
    assert asked[0] == asked[1] != asked[2]
    assert len(set(asked[0])) == len(asked[0]) == 40


def test_a_search_with_nothing_left_to_try_ends():
    one = levels_of_labels(("4.1",))

    def measure(shares):
        return Point(shares, shares[0], 1 - shares[0])

    points = explore(one, measure, budget=1000)
    assert len(points) < 1000

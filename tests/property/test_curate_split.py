"""Whatever the set: what hangs together is on one side, and what has its side keeps it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from artstyle.curate.duplicates import Near, Prints, components, pair_differences
from artstyle.curate.split import HELD_OUT, TRAIN, Split, groups, hold_out

NEAR = Near(4, 12.0)


@st.composite
def sets(draw: st.DrawFn) -> tuple[Prints, list[int | None], list[str]]:
    """Crops that repeat and nearly repeat one another, with shots, and names."""
    count = draw(st.integers(2, 40))
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kinds = draw(st.integers(1, 12))
    base = chance.integers(0, 255, (kinds, 24, 24, 3))
    hashes = chance.integers(0, 2**63, kinds).astype(np.uint64)
    of = chance.integers(0, kinds, count)
    strength = draw(st.integers(0, 18))  # of the noise: from none to too much to be near
    thumbs = np.clip(base[of] + chance.integers(0, strength + 1, (count, 24, 24, 3)), 0, 255)
    flips = np.uint64(1) << chance.integers(0, 63, count).astype(np.uint64)
    mixed = hashes[of] ^ flips
    prints = Prints(mixed, chance.integers(0, 2**63, count).astype(np.uint64), thumbs.astype("u1"))
    shots = [int(one) if one else None for one in chance.integers(0, 8, count)]
    return prints, shots, [f"{chance.integers(2**62):016x}{row}" for row in range(count)]


def split(
    prints: Prints,
    shots: list[int | None],
    names: list[str],
    before: list[str | None] | None = None,
    share: float = 0.2,
) -> Split:
    count = len(prints)
    group = groups(components(prints, NEAR), shots)
    return hold_out(
        group, [True] * count, names, before or [None] * count, [False] * count, share=share, seed=3
    )


def first(prints: Prints, count: int) -> Prints:
    return Prints(prints.hashes[:count], prints.mirrored[:count], prints.thumbs[:count])


@given(sets())
@settings(max_examples=60, deadline=None)
def test_no_near_pair_lies_on_both_sides(given_set: tuple[Prints, list[int | None], list[str]]):
    prints, shots, names = given_set
    sides = split(prints, shots, names).sides
    a, b = np.triu_indices(len(prints), 1)
    away, _ = pair_differences(prints, a, b, NEAR.bits)
    for one, two, difference in zip(a.tolist(), b.tolist(), away.tolist(), strict=True):
        together = difference <= NEAR.difference or (shots[one] and shots[one] == shots[two])
        if together:
            assert sides[one] == sides[two]


@given(sets(), st.integers(1, 39))
@settings(max_examples=60, deadline=None)
def test_newcomers_join_their_group_and_move_nobody_into_the_held_out(
    given_set: tuple[Prints, list[int | None], list[str]], count: int
):
    prints, shots, names = given_set
    count = min(count, len(prints) - 1)
    early = split(first(prints, count), shots[:count], names[:count]).sides
    late = split(prints, shots, names, [*early, *[None] * (len(prints) - count)])
    for row in range(count):
        if late.sides[row] != early[row]:
            assert (early[row], late.sides[row]) == (HELD_OUT, TRAIN)
            assert row in late.moved
    a, b = np.triu_indices(len(prints), 1)
    away, _ = pair_differences(prints, a, b, NEAR.bits)
    near = away <= NEAR.difference
    assert all(
        late.sides[one] == late.sides[two] for one, two in zip(a[near], b[near], strict=True)
    )


@given(sets())
@settings(max_examples=30, deadline=None)
def test_the_share_is_not_exceeded_unless_no_group_is_small_enough(
    given_set: tuple[Prints, list[int | None], list[str]],
):
    prints, shots, names = given_set
    found = split(prints, shots, names)
    held = found.sides.count(HELD_OUT)
    wanted = round(0.2 * len(prints))
    group = groups(components(prints, NEAR), shots)
    smallest = np.bincount(group)[np.bincount(group) > 0].min()
    assert held <= wanted or held == smallest
    assert found.sides.count(TRAIN) > 0
    assert split(prints, shots, names, share=0.0).sides.count(HELD_OUT) == 0
    again = split(prints, shots, names, list(found.sides))
    assert again.sides == found.sides, "a second time changes nothing"


def test_a_person_is_not_overruled_and_the_others_follow() -> None:
    group = np.array([0, 0, 0, 3, 4])
    found = hold_out(
        group,
        [True] * 5,
        list("abcde"),
        [TRAIN, HELD_OUT, None, None, None],
        [False, True, False, False, False],
        share=0.4,
        seed=0,
    )
    assert found.sides[:3] == [HELD_OUT] * 3
    torn = hold_out(
        group,
        [True] * 5,
        list("abcde"),
        [TRAIN, HELD_OUT, None, None, None],
        [True, True, False, False, False],
        share=0.4,
        seed=0,
    )
    assert torn.sides[:3] == [TRAIN, HELD_OUT, TRAIN]
    assert torn.torn == 1


def test_dropped_crops_do_not_count_but_have_their_side() -> None:
    kept = [True] * 10 + [False] * 90
    found = hold_out(
        np.arange(100), kept, [f"{row}" for row in range(100)], [None] * 100, [False] * 100,
        share=0.3, seed=1,
    )  # fmt: skip
    assert sum(side == HELD_OUT for side, one in zip(found.sides, kept, strict=True) if one) == 3
    assert len(found.sides) == 100


def test_one_large_shot_and_some_small_ones() -> None:
    group = np.array([0] * 50 + [50] * 30 + [80] * 20)
    names = [f"{row}" for row in range(100)]
    found = hold_out(group, [True] * 100, names, [None] * 100, [False] * 100, share=0.1, seed=0)
    assert found.sides.count(HELD_OUT) == 20, "the smallest, since all are larger than the share"
    alone = hold_out(
        np.zeros(10, np.int64),
        [True] * 10,
        names[:10],
        [None] * 10,
        [False] * 10,
        share=0.1,
        seed=0,
    )
    assert alone.sides == [TRAIN] * 10

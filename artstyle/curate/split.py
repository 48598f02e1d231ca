"""What is held out from training: whole groups, so that nothing nearly the same is on both sides.

A group is what hangs together: near-duplicates, the crops of one appearance, of one shot, of one
picture. A crop that has its side keeps it when others are added; newcomers go where their group is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from artstyle.curate.duplicates import Indices, joined

TRAIN, HELD_OUT = "train", "held-out"


@dataclass(frozen=True)
class Split:
    """Which side each crop is on."""

    sides: list[str]  # row for row
    groups: int  # how many there are
    moved: list[int]  # rows that were held out and had to go to train: groups grew together
    torn: int  # groups that a person put on both sides


def groups(labels: Indices, *keys: Sequence[Hashable | None]) -> Indices:
    """Groups of crops that share a label or any key.

    Args:
        labels: [n], from `duplicates.components`.
        keys: what crops may share, row for row; None shares nothing.

    Returns:
        [n]: the smallest row of each crop's group.
    """
    for key in keys:
        first: dict[Hashable, int] = {}
        pairs = [
            (first.setdefault(one, row), row) for row, one in enumerate(key) if one is not None
        ]
        a = np.array([pair[0] for pair in pairs], dtype=np.int64)
        b = np.array([pair[1] for pair in pairs], dtype=np.int64)
        labels = joined(labels, a, b)
    return labels


def hold_out(
    group: Indices,
    kept: Sequence[bool],
    names: Sequence[str],
    before: Sequence[str | None],
    fixed: Sequence[bool],
    *,
    share: float,
    seed: int,
) -> Split:
    """Put groups on their sides.

    Groups of which nothing has a side are drawn by lot; they are held out while that does not
    exceed the share; if all are larger, the smallest is. A group that grew together from both
    sides goes to train: what was trained on must not be measured with, the other way round it
    does no harm.

    Args:
        group: [n], see `groups`.
        kept: whether a crop counts for the share; dropped ones get their group's side too, so that
            one that is taken back brings nothing into the wrong side.
        names: what a crop is whatever else is in the set, e.g. its SHA-256; lots are drawn of it.
        before: the side each crop has; None: none.
        fixed: whether a person put it there; it stays.
        share: of the kept crops that is held out.
        seed: another gives another lot.
    """
    members: dict[int, list[int]] = {}
    for row, label in enumerate(group.tolist()):
        members.setdefault(label, []).append(row)
    sides: list[str] = [TRAIN] * len(names)
    moved: list[int] = []
    torn = held = 0
    undecided: list[list[int]] = []
    for rows in members.values():
        by_person = {before[row] for row in rows if fixed[row]} - {None}
        known = by_person or {before[row] for row in rows} - {None}
        torn += len(by_person) > 1
        if not known:
            undecided.append(rows)
            continue
        side = HELD_OUT if known == {HELD_OUT} else TRAIN
        for row in rows:
            sides[row] = before[row] or side if fixed[row] else side
            if before[row] == HELD_OUT and sides[row] == TRAIN:
                moved.append(row)
        held += sum(kept[row] and sides[row] == HELD_OUT for row in rows)
    wanted = round(share * sum(kept))
    lots = sorted((_lot(rows, names, seed), rows) for rows in undecided)
    left_for_train = sum(kept) - held
    for _, rows in lots:
        size = sum(kept[row] for row in rows)
        if held + size <= wanted and left_for_train > size:
            held, left_for_train = held + size, left_for_train - size
            for row in rows:
                sides[row] = HELD_OUT
    if held == 0 and wanted > 0:  # every group is larger than the share: the smallest, if it fits
        sizes = [(sum(kept[row] for row in rows), lot, rows) for lot, rows in lots]
        size, _, rows = min((one for one in sizes if one[0]), default=(0, "", []))
        if 0 < size <= sum(kept) / 2:
            for row in rows:
                sides[row] = HELD_OUT
    return Split(sides, len(members), sorted(moved), torn)


def _lot(rows: Sequence[int], names: Sequence[str], seed: int) -> str:
    """A number drawn for a group; that of its least name, so that it depends on nothing else."""
    least = min(names[row] for row in rows)
    return hashlib.sha256(f"{seed} {least}".encode()).hexdigest()

"""Shares of levels: between two points of a front, and in words.

Nothing here touches a file or a tensor.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias

from artstyle.errors import UsageError
from stylegan_ext.levels import Level

DIGITS = 4  # of a share: finer ones draw the same picture
_LABEL = re.compile(r"(\d{1,6})\.(\d{1,3})", re.ASCII)
Shares: TypeAlias = tuple[float, ...]  # the style's share of each level, coarse to fine


def shares_at(points: Sequence[tuple[float, Shares]], strength: float) -> Shares:
    """The shares at a strength: linear between neighbours, the end's beyond an end.

    Args:
        points: strengths, rising, with the shares there.
        strength: 0 to 1.

    Raises:
        UsageError: it is not between 0 and 1.
    """
    if not 0 <= strength <= 1:
        raise UsageError(
            f"the strength is {strength:g}; it goes from 0, the base alone, to 1, the full style",
            hint="write for instance --strength 0.5",
        )
    before, after = points[0], points[-1]
    for point in points:
        if point[0] <= strength:
            before = point
        if point[0] >= strength:
            after = point
            break
    if before[0] >= after[0]:
        return before[1]
    t = (strength - before[0]) / (after[0] - before[0])
    mixed = (a + (b - a) * t for a, b in zip(before[1], after[1], strict=True))
    return tuple(min(max(round(share, DIGITS), 0.0), 1.0) for share in mixed)


def levels_of_labels(labels: Sequence[str]) -> tuple[Level, ...]:
    """Levels that can be named and counted, but have no layers.

    Raises:
        ValueError: something that is no label, or no labels.
    """
    levels = []
    for position, label in enumerate(labels):
        match = _LABEL.fullmatch(label) if isinstance(label, str) else None
        if match is None:
            raise ValueError(f"{label!r:.40} is no level, such as 32.1")
        levels.append(Level(position, int(match[1]), int(match[2]), ()))
    if not levels or len({level.label for level in levels}) < len(levels):
        raise ValueError("there are no levels" if not levels else "a level is named twice")
    return tuple(levels)


def words_of(shares: Sequence[float], levels: Sequence[Level]) -> str:
    """Shares in words, neighbours of one share together: "4-16:0,32.0:0.5,32.1-64:1"."""
    parts: list[str] = []
    first = 0
    for index in range(len(levels)):
        is_last = index + 1 == len(levels)
        if is_last or shares[index + 1] != shares[first]:
            where = _where(levels, first, index)
            parts.append(f"{where}:{round(shares[first], DIGITS):.6g}")
            first = index + 1
    return ",".join(parts)


def _where(levels: Sequence[Level], first: int, last: int) -> str:
    """The levels first to last by the shortest name; whole resolutions by their size."""
    begins = first == 0 or levels[first - 1].resolution != levels[first].resolution
    ends = last + 1 == len(levels) or levels[last + 1].resolution != levels[last].resolution
    begin = str(levels[first].resolution) if begins else levels[first].label
    end = str(levels[last].resolution) if ends else levels[last].label
    if begins and ends and begin == end:
        return begin
    return levels[first].label if first == last else f"{begin}-{end}"

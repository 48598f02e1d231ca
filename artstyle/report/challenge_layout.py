"""Where everything in the grid of a challenge goes: arithmetic alone, in whole pixels.

Three arrangements. A *poster* for one photo: the photo large on the left, everything else beside it
in lines. A *table* for several: a row per person, names above the columns. And *wrapped* lines of
so many columns, where that was asked for: each picture has its name below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, TypeAlias

Arrangement: TypeAlias = Literal["poster", "table", "wrapped"]

_POSTER_LINES = ((4, 1), (12, 2), (24, 3))  # tiles beside the photo, and lines for so many; a guess
MOST_PIXELS = 250_000_000  # of a grid: 750 MB while it is drawn; a guess


@dataclass(frozen=True)
class Sizes:
    """Lengths that follow from the side of a cell, in pixels."""

    cell: int

    @property
    def gap(self) -> int:
        """Between pictures."""
        return max(6, round(self.cell / 14))

    @property
    def group_gap(self) -> int:
        """Between the person, the styles and the baselines."""
        return round(2.2 * self.gap)

    @property
    def margin(self) -> int:
        """Around everything."""
        return max(20, round(0.28 * self.cell))

    @property
    def title(self) -> int:
        """Letters of the title."""
        return max(20, round(0.16 * self.cell))

    @property
    def name(self) -> int:
        """Letters of names."""
        return max(12, round(0.078 * self.cell))

    @property
    def small(self) -> int:
        """Letters of figures and of the foot."""
        return max(10, round(0.06 * self.cell))

    @staticmethod
    def line(letters_px: int) -> int:
        """The height of a line of letters."""
        return round(letters_px * 1.3)

    @property
    def under(self) -> int:
        """From a picture to the words below it."""
        return max(4, round(self.cell / 36))


@dataclass(frozen=True)
class Box:
    """A square place for a picture."""

    left: int
    top: int
    side: int

    @property
    def bottom(self) -> int:
        """Its lower edge."""
        return self.top + self.side


@dataclass(frozen=True)
class Layout:
    """Where everything goes."""

    arrangement: Arrangement
    boxes: tuple[tuple[Box, ...], ...]  # [row][tile]
    row_names: tuple[Box, ...]  # whose left, top and side say where a row's name may stand
    names_top: int  # of the names above the columns of a table
    groups_top: int  # of the names of groups, in a table
    body_top: int
    bottom: int  # of the last thing that is drawn, words included
    width: int


def arrangement_of(rows: int, tiles: int, columns: int | None) -> Arrangement:
    """How so many rows of so many tiles are laid out.

    Args:
        rows: people.
        tiles: pictures of each, the photo among them.
        columns: what was asked for; None: what suits.
    """
    if columns is not None and columns < tiles:
        return "wrapped"
    if rows == 1 and columns is None and 3 <= tiles <= _POSTER_LINES[-1][0] + 1:
        return "poster"
    return "table"


def lay_out(
    sizes: Sizes,
    rows: int,
    groups: Sequence[str],
    *,
    columns: int | None,
    top: int,
    row_name_px: int,
    figure_lines: int = 1,
    name_lines: int = 2,
) -> Layout:
    """Find a place for every picture.

    Args:
        sizes: lengths.
        rows: how many people.
        groups: for each tile of a row the name of its group; tiles of a group are neighbours.
        columns: pictures in a line; None: as suits.
        top: where the body may begin.
        row_name_px: the room that the longest name of a row needs; 0: rows have no names.
        figure_lines: lines of figures below a picture.
        name_lines: lines of the longest name above a column of a table.
    """
    match arrangement_of(rows, len(groups), columns):
        case "poster":
            return _poster(sizes, groups, top, figure_lines)
        case "wrapped":
            return _wrapped(sizes, rows, len(groups), columns or 1, top, row_name_px, figure_lines)
        case _:
            return _table(sizes, rows, groups, top, row_name_px, figure_lines, name_lines)


def _poster(sizes: Sizes, groups: Sequence[str], top: int, figure_lines: int) -> Layout:
    tiles = len(groups) - 1
    lines = next(count for most, count in _POSTER_LINES if tiles <= most)
    across = -(-tiles // lines)
    words = _words(sizes, figure_lines, with_name=True)
    pitch = sizes.cell + words + sizes.gap
    hero = max(lines * pitch - sizes.gap - words, 2 * sizes.cell if lines == 1 else 0)
    left = sizes.margin + hero + sizes.group_gap
    drop = (hero - sizes.cell) // 2 if lines == 1 else 0  # one line stands at the photo's middle
    boxes = [Box(sizes.margin, top, hero)]
    for number in range(tiles):
        row, column = divmod(number, across)
        boxes.append(
            Box(left + column * (sizes.cell + sizes.gap), top + drop + row * pitch, sizes.cell)
        )
    bottom = max(boxes[0].bottom, *(box.bottom for box in boxes[1:])) + words
    width = left + across * (sizes.cell + sizes.gap) - sizes.gap + sizes.margin
    return Layout("poster", (tuple(boxes),), (), top, top, top, bottom, width)


def _table(  # noqa: PLR0917 - as its one caller has them
    sizes: Sizes,
    rows: int,
    groups: Sequence[str],
    top: int,
    row_name_px: int,
    figure_lines: int,
    name_lines: int,
) -> Layout:
    lefts = []
    left = sizes.margin + (row_name_px + sizes.group_gap if row_name_px else 0)
    for number, (_, members) in enumerate(groupby(groups)):
        left += sizes.group_gap - sizes.gap if number else 0
        for _ in members:
            lefts.append(left)
            left += sizes.cell + sizes.gap
    has_groups = len(set(groups)) > 1
    groups_height = sizes.line(sizes.small) + 2 * sizes.under if has_groups else 0
    names_height = name_lines * sizes.line(sizes.name) + sizes.under
    body = top + groups_height + names_height
    words = _words(sizes, figure_lines, with_name=False)
    pitch = sizes.cell + words + sizes.gap
    boxes = tuple(
        tuple(Box(left, body + row * pitch, sizes.cell) for left in lefts) for row in range(rows)
    )
    names = tuple(Box(sizes.margin, line[0].top, row_name_px) for line in boxes)
    bottom = boxes[-1][0].bottom + words
    width = lefts[-1] + sizes.cell + sizes.margin
    return Layout("table", boxes, names, top + groups_height, top, body, bottom, width)


def _wrapped(  # noqa: PLR0917 - as its one caller has them
    sizes: Sizes,
    rows: int,
    tiles: int,
    columns: int,
    top: int,
    row_name_px: int,
    figure_lines: int,
) -> Layout:
    pitch = sizes.cell + _words(sizes, figure_lines, with_name=True) + sizes.gap
    heading = sizes.line(sizes.name) + sizes.under if row_name_px else 0
    lines = -(-tiles // columns)
    block = heading + lines * pitch + (sizes.gap if rows > 1 else 0)
    boxes, names = [], []
    for row in range(rows):
        begin = top + row * block
        names.append(Box(sizes.margin, begin, columns * (sizes.cell + sizes.gap) - sizes.gap))
        boxes.append(
            tuple(
                Box(
                    sizes.margin + (number % columns) * (sizes.cell + sizes.gap),
                    begin + heading + (number // columns) * pitch,
                    sizes.cell,
                )
                for number in range(tiles)
            )
        )
    across = min(columns, tiles)
    width = 2 * sizes.margin + across * (sizes.cell + sizes.gap) - sizes.gap
    bottom = boxes[-1][-1].bottom + _words(sizes, figure_lines, with_name=True)
    return Layout(
        "wrapped",
        tuple(boxes),
        tuple(names) if row_name_px else (),
        top,
        top,
        top,
        bottom,
        width,
    )


def _words(sizes: Sizes, figure_lines: int, *, with_name: bool) -> int:
    """The height of what stands below a picture."""
    lines = sizes.line(sizes.name) * with_name + sizes.line(sizes.small) * figure_lines
    return sizes.under + lines if lines else 0

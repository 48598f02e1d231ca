"""A regular grid of cells on a sheet: its arithmetic, and how a user writes one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from artstyle.errors import ImageError, UsageError

PixelBox: TypeAlias = tuple[int, int, int, int]  # x0, y0, x1, y1: edges of whole pixels

MOST_CELLS = 20_000  # a guess: more cells than any sheet has; keeps a typing error from going on
_PAIR = re.compile(r"\s*(\d{1,6})\s*[x,]\s*(\d{1,6})\s*", re.IGNORECASE)
_ONE = re.compile(r"\s*(\d{1,6})\s*")


@dataclass(frozen=True)
class Cell:
    """A place on a sheet."""

    index: int  # row after row, from 0; empty cells count too
    row: int  # from 0
    column: int  # from 0
    box_px: PixelBox  # in the sheet

    @property
    def title(self) -> str:
        """For people, e.g. "cell 12 (row 1, column 2)"; everything counts from 0."""
        return f"cell {self.index} (row {self.row}, column {self.column})"


@dataclass(frozen=True)
class Grid:
    """Cells of one size in rows and columns; lengths in pixels, pairs as (x, y)."""

    columns: int
    rows: int
    cell_px: tuple[int, int]  # width, height
    gutter_px: tuple[int, int] = (0, 0)  # between two columns, between two rows
    margin_px: tuple[int, int] = (0, 0)  # before the first column, before the first row

    def __post_init__(self) -> None:
        """Refuse what is no grid."""
        lengths = (*self.gutter_px, *self.margin_px)
        if min(self.columns, self.rows, *self.cell_px) < 1 or min(lengths) < 0:
            raise UsageError(f"{self} is no grid: cells are at least one pixel, no gap is negative")
        if self.columns * self.rows > MOST_CELLS:
            raise UsageError(
                f"a grid of {self.columns:,} x {self.rows:,} cells is more than"
                f" {MOST_CELLS:,}, the most of one sheet"
            )

    def __str__(self) -> str:
        """For people, e.g. "10 x 6 cells of 128 x 128 px, gutter 2, margin 6"."""
        said = f"{self.columns} x {self.rows} cells of {self.cell_px[0]} x {self.cell_px[1]} px"
        for name, (x, y) in (("gutter", self.gutter_px), ("margin", self.margin_px)):
            if x or y:
                said += f", {name} {x}" if x == y else f", {name} {x} and {y}"
        return said

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height from the sheet's corner to the end of the last cell."""
        return self._end(0, self.columns), self._end(1, self.rows)

    def _end(self, axis: int, count: int) -> int:
        gaps = (count - 1) * self.gutter_px[axis]
        return self.margin_px[axis] + count * self.cell_px[axis] + gaps

    def cells(self) -> Iterator[Cell]:
        """All places, row after row."""
        (width, height), (across, down) = self.cell_px, self.gutter_px
        for index in range(self.rows * self.columns):
            row, column = divmod(index, self.columns)
            x = self.margin_px[0] + column * (width + across)
            y = self.margin_px[1] + row * (height + down)
            yield Cell(index, row, column, (x, y, x + width, y + height))


def grid_of_counts(
    size_px: tuple[int, int],
    counts: tuple[int, int],
    *,
    gutter_px: int = 0,
    margin_px: int = 0,
) -> Grid:
    """The grid of so many columns and rows that fills a sheet.

    Args:
        size_px: width and height of the sheet.
        counts: columns and rows.
        gutter_px: between two cells.
        margin_px: around all of them.

    Raises:
        ImageError: the sheet cannot be divided so in whole pixels.
    """
    cell = []
    for name, length, count in zip(("width", "height"), size_px, counts, strict=True):
        room = length - 2 * margin_px - (count - 1) * gutter_px
        if count < 1 or room < count or room % count:
            raise ImageError(
                f"a {name} of {length} px cannot be divided into {count} cells with gutter"
                f" {gutter_px} and margin {margin_px}: {room} px would be left for them",
                hint="look at the sheet, and give --cell, --gutter and --margin as they are there",
            )
        cell.append(room // count)
    pairs = (gutter_px, gutter_px), (margin_px, margin_px)
    return Grid(counts[0], counts[1], (cell[0], cell[1]), *pairs)


def grid_of_cells(
    size_px: tuple[int, int],
    cell_px: tuple[int, int],
    *,
    gutter_px: int = 0,
    margin_px: int = 0,
) -> Grid:
    """As many whole cells of this size as a sheet holds; what is left at its end is not used.

    Raises:
        ImageError: it holds none.
    """
    counts = [
        (length - margin_px + gutter_px) // (cell + gutter_px) if cell > 0 else 0
        for length, cell in zip(size_px, cell_px, strict=True)
    ]
    if min(counts) < 1:
        raise ImageError(
            f"a sheet of {size_px[0]} x {size_px[1]} px has no room for one cell of"
            f" {cell_px[0]} x {cell_px[1]} px behind a margin of {margin_px}"
        )
    pairs = (gutter_px, gutter_px), (margin_px, margin_px)
    return Grid(counts[0], counts[1], (cell_px[0], cell_px[1]), *pairs)


def parse_pair(text: str, *, what: str) -> tuple[int, int]:
    """Two whole numbers from 1 on as `10x6`; one number stands for both.

    Args:
        text: what the user wrote.
        what: names it in the message, e.g. "--grid".

    Raises:
        UsageError: it is something else.
    """
    pair = _PAIR.fullmatch(text)
    one = _ONE.fullmatch(text)
    numbers = (int(pair[1]), int(pair[2])) if pair else (int(one[1]),) * 2 if one else (0, 0)
    if min(numbers) < 1:
        raise UsageError(
            f"{what} {text!r} is not two whole numbers", hint=f"write e.g. {what} 10x6"
        )
    return numbers[0], numbers[1]

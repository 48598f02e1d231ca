"""The grid of a challenge as one picture: the photo, its projection, the styles, the baselines.

Pictures are brought to the size of a cell with Lanczos, from their own pixels, and nothing is
drawn over them. Letters, margins and gaps follow the size of a cell, so that a grid for the screen
and one for the printer look alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw

from artstyle.errors import UsageError
from artstyle.images import resize_lanczos
from artstyle.pipeline.challenge.planning import Look
from artstyle.report._lettering import Align, Line, set_line, set_lines
from artstyle.report.challenge_layout import (
    MOST_PIXELS,
    Box,
    Layout,
    Sizes,
    arrangement_of,
    lay_out,
)
from artstyle.report.sheet import THEMES, Theme

Pixels = NDArray[np.uint8]

LOST = {"light": "#a8442f", "dark": "#e0896f"}  # the colour of a figure that says so
_LEAST_PX = 48  # of a cell: smaller ones have no room for words
_FOOT_LINES = 9
_LEAST_WIDTH = 2.4  # cells: what title and foot have at least


@dataclass(frozen=True, eq=False)
class Tile:
    """A picture of the grid."""

    pixels: Pixels  # HWC, uint8, RGB, square
    name: str
    group: str  # "person", "styles", "baselines"
    figure: str = ""  # stands below it
    is_lost: bool = False  # the figure says that it is not the person any more


@dataclass(frozen=True)
class TileRow:
    """A person and what became of them."""

    name: str
    tiles: tuple[Tile, ...]  # the photo first; as many, with the same names, in every row


GROUPS = {"person": "the person", "styles": "styles", "baselines": "classic baselines"}


def draw_grid(rows: Sequence[TileRow], look: Look, *, title: str, foot: Sequence[str]) -> Pixels:
    """Draw the grid.

    Args:
        rows: one per person.
        look: columns, theme and size.
        title: stands above everything.
        foot: paragraphs below everything.

    Returns:
        HWC uint8, RGB.

    Raises:
        UsageError: the cells are too small to be seen, or too large for one picture.
    """
    sizes = Sizes(look.cell_px)
    groups = [tile.group for tile in rows[0].tiles]
    lay = partial(
        lay_out,
        sizes,
        len(rows),
        groups,
        columns=look.columns,
        row_name_px=_names_px(rows, sizes, look),
        figure_lines=int(any(tile.figure for row in rows for tile in row.tiles)),
        name_lines=max(len(_name_lines(tile, sizes)) for tile in rows[0].tiles),
    )
    across = lay(top=0).width
    width = max(across, round(_LEAST_WIDTH * sizes.cell) + 2 * sizes.margin)
    heading = set_lines(title, sizes.title, width - 2 * sizes.margin, 2)
    top = sizes.margin + len(heading) * sizes.line(sizes.title) + sizes.gap
    layout = lay(top=top)
    lines = [
        line
        for words in foot
        for line in set_lines(words, sizes.small, width - 2 * sizes.margin, _FOOT_LINES)
    ]
    foot_top = layout.bottom + round(1.5 * sizes.gap)
    height = foot_top + len(lines) * sizes.line(sizes.small) + sizes.margin
    _check(look.cell_px, width, height)
    page = _Page(width, height, sizes, look)
    page.pictures(rows, layout)
    page.lines(heading, (sizes.margin, sizes.margin), "left", sizes.title, page.theme.ink)
    page.names(rows, layout)
    page.lines(lines, (sizes.margin, foot_top), "left", sizes.small, page.theme.soft)
    return np.array(page.canvas)


def _name_lines(tile: Tile, sizes: Sizes) -> list[Line]:
    """A picture's name above its column."""
    return set_lines(tile.name, sizes.name, sizes.cell, 2)


def check_look(look: Look, rows: int, tiles: int) -> None:
    """See that a grid of this look can be, before anything is drawn.

    Raises:
        UsageError: it cannot.
    """
    if look.columns is not None and look.columns < 1:
        raise UsageError(f"a grid cannot have {look.columns} columns")
    _check(
        look.cell_px, look.cell_px * (min(look.columns or tiles, tiles) + 1), look.cell_px * rows
    )


def _check(cell_px: int, width: int, height: int) -> None:
    if cell_px < _LEAST_PX:
        raise UsageError(
            f"cells of {cell_px} px have no room for words", hint=f"--cell-px {_LEAST_PX} or more"
        )
    if width * height > MOST_PIXELS:
        fits = int(cell_px * (MOST_PIXELS / (width * height)) ** 0.5)
        raise UsageError(
            f"with cells of {cell_px} px the grid would have {width:,} x {height:,} px, more than "
            f"{MOST_PIXELS / 1e6:.0f} megapixels",
            hint=f"--cell-px {fits} is about the most for so many cells",
        )


def _names_px(rows: Sequence[TileRow], sizes: Sizes, look: Look) -> int:
    """The room that the names of rows need; none if there is one row."""
    if len(rows) == 1:
        return 0
    if arrangement_of(len(rows), len(rows[0].tiles), look.columns) == "wrapped":
        return 1
    lines = [set_line(row.name, sizes.name, sizes.cell) for row in rows]
    return round(max(line.width_px for line in lines)) + 1


class _Page:
    """The picture while it is drawn."""

    def __init__(self, width: int, height: int, sizes: Sizes, look: Look) -> None:
        self.sizes = sizes
        self.theme: Theme = THEMES[look.theme]
        self.lost = LOST[look.theme]
        self.canvas = PillowImage.new("RGB", (width, height), self.theme.paper)
        self._draw = ImageDraw.Draw(self.canvas)

    def lines(
        self,
        lines: Sequence[Line],
        at: tuple[float, float],
        align: Align,
        letters_px: int,
        colour: str,
    ) -> None:
        """Lines one below the other; `at` is the top of the first."""
        pitch = self.sizes.line(letters_px)
        for number, line in enumerate(lines):
            top = at[1] + number * pitch + (pitch - letters_px) / 2
            line.draw(self._draw, (at[0], top), align, colour)

    def pictures(self, rows: Sequence[TileRow], layout: Layout) -> None:
        """All pictures, each with a hairline around it."""
        placed = [
            (tile.pixels, box)
            for row, boxes in zip(rows, layout.boxes, strict=True)
            for tile, box in zip(row.tiles, boxes, strict=True)
        ]
        for _, box in placed:
            right, bottom = box.left + box.side, box.bottom
            self._draw.rectangle(
                (box.left - 1, box.top - 1, right, bottom), outline=self.theme.edge
            )
        for pixels, box in placed:
            fitted = resize_lanczos(pixels, box.side, box.side)
            self.canvas.paste(PillowImage.fromarray(fitted), (box.left, box.top))

    def names(self, rows: Sequence[TileRow], layout: Layout) -> None:
        """Names of rows, columns and pictures, and the figures."""
        below = layout.arrangement != "table"
        if not below:
            self._columns(rows[0].tiles, layout)
        for row, boxes in zip(rows, layout.boxes, strict=True):
            for tile, box in zip(row.tiles, boxes, strict=True):
                self._under(tile, box, with_name=below)
        for row, place in zip(rows, layout.row_names, strict=False):
            line = set_line(row.name, self.sizes.name, max(place.side, self.sizes.cell))
            if layout.arrangement == "table":
                pitch = self.sizes.line(self.sizes.name)
                at = (place.left + place.side, place.top + (self.sizes.cell - pitch) / 2)
                self.lines([line], at, "right", self.sizes.name, self.theme.ink)
            else:
                at = (place.left, place.top)
                self.lines([line], at, "left", self.sizes.name, self.theme.ink)

    def _columns(self, tiles: Sequence[Tile], layout: Layout) -> None:
        sizes, boxes = self.sizes, layout.boxes[0]
        for tile, box in zip(tiles, boxes, strict=True):
            words = _name_lines(tile, sizes)
            top = layout.body_top - sizes.under - len(words) * sizes.line(sizes.name)
            self.lines(words, (box.left, top), "left", sizes.name, self.theme.ink)
        if layout.groups_top == layout.names_top:
            return
        numbered = list(enumerate(tiles))
        for group, members in groupby(numbered, key=lambda one: one[1].group):
            first, *rest = [number for number, _ in members]
            left, last = boxes[first].left, boxes[rest[-1] if rest else first]
            right = last.left + last.side
            words = [set_line(GROUPS.get(group, group), sizes.small, right - left)]
            self.lines(words, (left, layout.groups_top), "left", sizes.small, self.theme.soft)
            rule = layout.groups_top + sizes.line(sizes.small) + sizes.under // 2
            self._draw.line((left, rule, right - 1, rule), fill=self.theme.edge)

    def _under(self, tile: Tile, box: Box, *, with_name: bool) -> None:
        sizes, top = self.sizes, box.bottom + self.sizes.under
        if with_name:
            name = set_line(tile.name, sizes.name, box.side)
            self.lines([name], (box.left, top), "left", sizes.name, self.theme.ink)
            top += sizes.line(sizes.name)
        if tile.figure:
            figure = set_line(tile.figure, sizes.small, box.side)
            colour = self.lost if tile.is_lost else self.theme.soft
            self.lines([figure], (box.left, top), "left", sizes.small, colour)

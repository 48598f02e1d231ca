"""Contact sheets: pictures in a labelled grid that one likes to look at.

Pictures go in and come out without a change of colour, on whole pixels, with nothing drawn over
them; the words stand around them. Sizes of letters and margins follow the size of the pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw

from artstyle.errors import ImageError
from artstyle.images import blend, resize_lanczos, resize_nearest
from artstyle.report._lettering import Align, Line, line_height_px, set_lines

Pixels: TypeAlias = NDArray[np.uint8]
Words: TypeAlias = Sequence[str | None]
Size: TypeAlias = tuple[int, int]  # width, height


@dataclass(frozen=True)
class Theme:
    """The colours of a sheet, as #rrggbb."""

    paper: str
    ink: str  # titles, names of rows and columns
    soft: str  # captions and the footer
    edge: str  # the hairline around pictures
    hole: str  # where there is no picture, and under transparent ones


THEMES = {
    "light": Theme(paper="#fbfaf8", ink="#22252b", soft="#6c6f76", edge="#e0deda", hole="#f1efeb"),
    "dark": Theme(paper="#16181c", ink="#eceae6", soft="#9a9ca2", edge="#2c2f36", hole="#1f2228"),
}


def contact_sheet(
    cells: Sequence[Pixels | None],
    *,
    columns: int | None = None,  # None: as many as column_labels, else nearly a square
    labels: Words | None = None,
    row_labels: Words | None = None,
    column_labels: Words | None = None,
    cell_size_px: int | Size | None = None,  # None: the largest width and height there are
    background: Literal["light", "dark"] = "light",
    title: str | None = None,
    footer: str | None = None,
    gap_px: int | None = None,  # None: a 24th of a cell, at least 6
    column_groups: Sequence[int] | None = None,  # None: all columns are one group
    pixel_art: bool = False,
) -> Pixels:
    """Put pictures into a grid with words around them.

    Args:
        cells: row after row; HW, or HWC with 1, 3 or 4 channels, uint8, [0, 255], RGB, of any
            sizes. Each is fitted into its cell in proportion and centred, shrunk or enlarged with
            Lanczos (edges map to edges). None leaves a place empty.
        columns: how many pictures stand in a row.
        labels: a caption below each picture, in two lines at most.
        row_labels: a name to the left of each row.
        column_labels: a name above each column.
        cell_size_px: side, or width and height.
        background: the theme.
        title: stands above everything.
        footer: small lines below everything, e.g. licences.
        gap_px: between pictures.
        column_groups: how many columns belong together, group after group; between groups there
            is more room.
        pixel_art: enlarge by whole numbers and without smoothing.

    Returns:
        HWC uint8, RGB.

    Raises:
        ImageError: there are no cells, one is no picture, or numbers do not fit together.
    """
    count = _column_count(cells, columns, column_labels)
    rows = -(-len(cells) // count)
    for what, given, number, of in (
        ("captions", labels, len(cells), "pictures"),
        ("names of rows", row_labels, rows, "rows"),
        ("names of columns", column_labels, count, "columns"),
    ):
        if given is not None and len(given) != number:
            raise ImageError(f"{len(given)} {what} do not fit {number} {of}")
    groups = tuple(column_groups) if column_groups else (count,)
    if sum(groups) != count or min(groups) < 1:
        raise ImageError(f"groups of {groups} columns are not {count} columns")
    theme = THEMES[background]
    pictures = [None if cell is None else _on(theme, cell) for cell in cells]
    cell = _cell_size(pictures, cell_size_px)
    gap = max(6, round((cell[0] * cell[1]) ** 0.5 / 24)) if gap_px is None else gap_px
    type_area = _Type(cell, cell[0] * count + gap * (count - 1))
    words = _Words(
        gap=gap,
        type=type_area,
        title=type_area.title(title),
        columns=[type_area.heading(name) for name in column_labels or ()],
        rows=[type_area.heading(name) for name in row_labels or ()],
        captions=[type_area.caption(name) for name in labels or ()],
        footer=type_area.footer(footer),
    )
    return _drawn(pictures, _Plan(cell, count, rows, groups, words), theme, pixel_art=pixel_art)


class _Type:
    """How large letters are, and how they are broken into lines.

    Args:
        cell: size of a picture's place, in pixels.
        width_px: of the grid.
    """

    def __init__(self, cell: Size, width_px: int) -> None:
        side = (cell[0] * cell[1]) ** 0.5
        self._cell_px, self._width_px = cell[0], width_px
        self.title_px = round(min(max(20, 0.16 * side, 0.022 * width_px), 84))
        self.heading_px = round(min(max(12, 0.085 * side), 48))
        self.caption_px = round(min(max(11, 0.068 * side), 36))

    def title(self, words: str | None) -> list[Line]:
        """Over the whole width."""
        return set_lines(words or "", self.title_px, max(self._width_px, 160), 2)

    def heading(self, words: str | None) -> list[Line]:
        """The name of a row or a column."""
        return set_lines(words or "", self.heading_px, self._cell_px, 2)

    def caption(self, words: str | None) -> list[Line]:
        """Below a picture."""
        return set_lines(words or "", self.caption_px, self._cell_px, 2)

    def footer(self, words: str | None) -> list[Line]:
        """Below everything."""
        return set_lines(words or "", self.caption_px, max(self._width_px, 160), 8)


@dataclass(frozen=True)
class _Words:
    """Everything that is written, as lines."""

    gap: int  # between pictures; the room around words follows it
    type: _Type
    title: list[Line]
    columns: list[list[Line]]
    rows: list[list[Line]]
    captions: list[list[Line]]
    footer: list[Line]


class _Plan:
    """Where everything goes, in pixels from the upper left."""

    def __init__(
        self, cell: Size, columns: int, rows: int, groups: tuple[int, ...], words: _Words
    ) -> None:
        self.cell, self.columns, self.rows, self.words = cell, columns, rows, words
        self.room = max(words.gap, 6)
        self.margin = max(3 * self.room, round(0.15 * (cell[0] * cell[1]) ** 0.5))
        self.lefts = self._lefts(groups)
        title = _height(words.title, words.type.title_px)
        heading = max((_height(lines, words.type.heading_px) for lines in words.columns), default=0)
        caption = max(
            (_height(lines, words.type.caption_px) for lines in words.captions), default=0
        )
        footer = _height(words.footer, words.type.caption_px)
        self.top = self.margin + title + (2 * self.room if title else 0)
        self.above = self.room * 3 // 4  # between the names of columns and the pictures
        self.top += heading + self.above if heading else 0
        self.under = self.room // 2 + 1  # between a picture and its caption
        self.pitch = cell[1] + words.gap + (self.under + caption + self.room // 2 if caption else 0)
        bottom = (
            self.top + (rows - 1) * self.pitch + cell[1] + (self.under + caption if caption else 0)
        )
        self.footer_top = bottom + 2 * self.room
        bottom = self.footer_top + footer if footer else bottom
        self.size = self.lefts[-1] + cell[0] + self.margin, bottom + self.margin

    def _lefts(self, groups: tuple[int, ...]) -> list[int]:
        """The left edge of each column."""
        names_px = max((line.width_px for lines in self.words.rows for line in lines), default=0.0)
        self.names_right = self.margin + round(names_px)
        left = self.names_right + (2 * self.room if names_px else 0)
        firsts = {sum(groups[:number]) for number in range(1, len(groups))}
        lefts = []
        for column in range(self.columns):
            left += 2 * self.room if column in firsts else 0
            lefts.append(left)
            left += self.cell[0] + self.words.gap
        return lefts

    def corner(self, index: int) -> Size:
        """The upper left corner of the cell of this number."""
        row, column = divmod(index, self.columns)
        return self.lefts[column], self.top + row * self.pitch


def _height(lines: list[Line], size_px: int) -> int:
    return len(lines) * line_height_px(size_px)


def _drawn(pictures: list[Pixels | None], plan: _Plan, theme: Theme, *, pixel_art: bool) -> Pixels:
    canvas = PillowImage.new("RGB", plan.size, theme.paper)
    draw = ImageDraw.Draw(canvas)
    placed = []
    for index in range(plan.rows * plan.columns):
        (left, top), (width, height) = plan.corner(index), plan.cell
        picture = pictures[index] if index < len(pictures) else None
        if picture is not None:
            fitted = _fitted(picture, plan.cell, pixel_art=pixel_art)
            at = left + (width - fitted.shape[1]) // 2, top + (height - fitted.shape[0]) // 2
            placed.append((fitted, at))
            if plan.words.gap >= 3:
                right, bottom = at[0] + fitted.shape[1], at[1] + fitted.shape[0]
                draw.rectangle((at[0] - 1, at[1] - 1, right, bottom), outline=theme.edge)
        elif index < len(pictures):
            draw.rectangle((left, top, left + width - 1, top + height - 1), fill=theme.hole)
    for fitted, at in placed:  # after all hairlines, so that none lies over a picture
        canvas.paste(PillowImage.fromarray(fitted), at)
    _write(draw, plan, theme)
    return np.array(canvas)


def _write(draw: ImageDraw.ImageDraw, plan: _Plan, theme: Theme) -> None:
    words, sizes, (width, height) = plan.words, plan.words.type, plan.cell

    def block(
        lines: list[Line], at: tuple[float, float], align: Align, size_px: int, colour: str
    ) -> None:
        """Lines one below the other; `at` is the top of the first."""
        for number, line in enumerate(lines):
            leading = (line_height_px(size_px) - size_px) / 2  # half of it stands above
            top = at[1] + number * line_height_px(size_px) + leading
            line.draw(draw, (at[0], top), align, colour)

    block(words.title, (plan.margin, plan.margin), "left", sizes.title_px, theme.ink)
    for left, lines in zip(plan.lefts, words.columns, strict=False):
        top = plan.top - plan.above - _height(lines, sizes.heading_px)
        block(lines, (left + width / 2, top), "middle", sizes.heading_px, theme.ink)
    for row, lines in enumerate(words.rows):
        middle = plan.top + row * plan.pitch + height / 2
        top = middle - _height(lines, sizes.heading_px) / 2
        block(lines, (plan.names_right, top), "right", sizes.heading_px, theme.ink)
    for index, lines in enumerate(words.captions):
        left, top = plan.corner(index)
        at = left + width / 2, top + height + plan.under
        block(lines, at, "middle", sizes.caption_px, theme.soft)
    block(words.footer, (plan.margin, plan.footer_top), "left", sizes.caption_px, theme.soft)


def _column_count(
    cells: Sequence[Pixels | None], columns: int | None, column_labels: Words | None
) -> int:
    if not cells:
        raise ImageError("a contact sheet needs at least one picture")
    if columns is None:
        columns = len(column_labels) if column_labels else round(len(cells) ** 0.5 + 0.49)
    if columns < 1:
        raise ImageError(f"a contact sheet cannot have {columns} columns")
    return columns


def _cell_size(pictures: list[Pixels | None], wanted: int | Size | None) -> Size:
    if isinstance(wanted, int):
        wanted = (wanted, wanted)
    if wanted is None:
        there = [picture.shape for picture in pictures if picture is not None]
        wanted = (
            max((shape[1] for shape in there), default=128),
            max((shape[0] for shape in there), default=128),
        )
    if min(wanted) < 8:
        raise ImageError(f"cells of {wanted[0]} x {wanted[1]} pixels are too small")
    return wanted


def _on(theme: Theme, cell: Pixels) -> Pixels:
    """A picture as HWC RGB; what is transparent shows the theme."""
    pixels = cell[..., None] if cell.ndim == 2 else cell
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4):
        raise ImageError(
            f"an array of {cell.dtype} and shape {cell.shape} is no picture for a sheet:"
            " uint8 and HW or HWC is",
            hint="make pictures of tensors with images.from_tensor",
        )
    if pixels.shape[2] == 1:
        return pixels.repeat(3, axis=2)
    if pixels.shape[2] == 4:
        red, green, blue = bytes.fromhex(theme.hole[1:])
        return blend(pixels[..., :3], pixels[..., 3], (red, green, blue))
    return pixels


def _fitted(picture: Pixels, cell: Size, *, pixel_art: bool) -> Pixels:
    """A picture as large as the cell allows, in proportion."""
    height, width = picture.shape[:2]
    scale = min(cell[0] / width, cell[1] / height)
    if pixel_art and scale >= 1:
        return resize_nearest(picture, width * int(scale), height * int(scale))
    return resize_lanczos(picture, max(1, round(width * scale)), max(1, round(height * scale)))

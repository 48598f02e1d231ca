"""A sheet, or a single sprite, to its sprites: cut apart, backgrounds taken out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from artstyle.errors import ImageError, UsageError
from artstyle.sprites.background import (
    EMPTY_ALPHA,
    Background,
    Colour,
    Pixels,
    find_background,
    foreground,
    is_vivid,
)
from artstyle.sprites.cut_out import cut_out
from artstyle.sprites.find import SURE, find_grid
from artstyle.sprites.grid import Cell, Grid, grid_of_cells, grid_of_counts
from artstyle.sprites.regions import are_sprites, find_regions

# Guesses: 8,000 x 8,000 pixels, which need about 1.5 GB while they are cut; below this confidence
# of a grid a picture is one sprite, and between it and `SURE` nobody knows.
MAX_SHEET_PIXELS = 64_000_000
_ONE_SPRITE = 0.2
_LEAST_FILLED = 0.002  # of a cell; less is an empty cell with specks


@dataclass(frozen=True)
class Slicing:
    """How a sheet is to be cut; what is left out is found."""

    by: Literal["auto", "grid", "regions", "whole"] = "auto"
    counts: tuple[int, int] | None = None  # columns, rows
    cell_px: tuple[int, int] | None = None  # width, height
    gutter_px: int = 0  # counts only beside `counts` or `cell_px`
    margin_px: int = 0
    keys: tuple[Colour, ...] = ()  # colours that are background

    def check(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            UsageError: it does.
        """
        given = self.counts is not None or self.cell_px is not None
        if self.counts is not None and self.cell_px is not None:
            raise UsageError("a grid is given by its counts or by the size of a cell, not by both")
        if given and self.by not in ("auto", "grid"):
            raise UsageError(f"a sheet that is cut by {self.by} takes no grid")
        if not given and (self.gutter_px or self.margin_px):
            raise UsageError(
                "a gutter or a margin means nothing without a grid",
                hint="give --grid COLUMNSxROWS or --cell WIDTHxHEIGHT too; or neither, and all of"
                " it is found",
            )
        if min(self.gutter_px, self.margin_px) < 0:
            raise UsageError("gutter and margin are 0 or more pixels")


@dataclass(frozen=True, eq=False)
class Sprite:
    """One sprite, cut out."""

    cell: Cell
    rgb: Pixels  # HWC, straight colours
    alpha: Pixels  # HW, 255 opaque


@dataclass(frozen=True, eq=False)
class Sheet:
    """A sheet that was cut."""

    sprites: tuple[Sprite, ...]  # without empty cells
    grid: Grid | None  # None: by regions
    background: Background
    empty_cells: int
    confidence: float  # of the cutting; 1 where the user said how
    reason: str  # how it was cut and why, for people


def slice_sheet(rgb: Pixels, alpha: Pixels, how: Slicing | None = None) -> Sheet:
    """Cut a sheet into its sprites.

    Args:
        rgb: HWC uint8, straight colours.
        alpha: HW uint8, 255 opaque.
        how: to cut; None finds out.

    Raises:
        ImageError: nothing can be seen, the grid does not fit, or it is not clear how to cut.
        UsageError: `how` contradicts itself.
    """
    how = how or Slicing()
    how.check()
    background = find_background(rgb, alpha, keys=how.keys)
    cells, grid, confidence, reason = _cells(rgb, alpha, background, how)
    if len(cells) == 1 and not how.keys:
        background = _without_paper(background)
    sprites = []
    for cell in cells:
        x0, y0, x1, y1 = cell.box_px
        cut = cut_out(rgb[y0:y1, x0:x1], alpha[y0:y1, x0:x1], background)
        if (cut[1] >= EMPTY_ALPHA).mean() > _LEAST_FILLED:
            sprites.append(Sprite(cell, *cut))
    if not sprites:
        raise ImageError(
            f"all {len(cells)} cells of it are empty",
            hint="is the key right? it is taken for background wherever it is",
        )
    return Sheet(tuple(sprites), grid, background, len(cells) - len(sprites), confidence, reason)


def _without_paper(background: Background) -> Background:
    """The background of a single picture: a plain wall behind a head belongs to it."""
    return replace(background, keys=tuple(key for key in background.keys if is_vivid(key)))


def _cells(
    rgb: Pixels, alpha: Pixels, background: Background, how: Slicing
) -> tuple[list[Cell], Grid | None, float, str]:
    """The cells, their grid, how sure that is, and why."""
    size = (rgb.shape[1], rgb.shape[0])
    gaps = {"gutter_px": how.gutter_px, "margin_px": how.margin_px}
    if how.counts is not None or how.cell_px is not None:
        if how.counts is not None:
            grid = grid_of_counts(size, how.counts, **gaps)
        else:
            grid = grid_of_cells(size, how.cell_px or (1, 1), **gaps)
        return list(grid.cells()), grid, 1.0, f"{grid}, as given"
    if how.by == "whole":
        return _whole(size)
    if how.by == "regions":
        regions = find_regions(foreground(rgb, alpha, background))
        if not regions:
            raise ImageError("no sprite stands out from its background")
        return regions, None, 1.0, f"{len(regions)} connected regions, as asked for"
    return _found(rgb, alpha, background, must=how.by == "grid")


def _found(
    rgb: Pixels, alpha: Pixels, background: Background, *, must: bool
) -> tuple[list[Cell], Grid | None, float, str]:
    found = find_grid(rgb, alpha, background)
    if found.confidence >= SURE:
        said = f"{found.grid}, {found.reason}"
        return list(found.grid.cells()), found.grid, found.confidence, said
    if not must and background.kind != "none":
        regions = find_regions(foreground(rgb, alpha, background))
        if are_sprites(regions):
            return regions, None, SURE, f"{len(regions)} connected regions; no grid was found"
    if not must and found.confidence < _ONE_SPRITE:
        return _whole((rgb.shape[1], rgb.shape[0]))
    raise ImageError(
        f"it is not clear how it is divided; the best guess is {found.grid}, {found.reason}",
        hint="look at it, and give --grid COLUMNSxROWS (1x1 for a single sprite) or --cell"
        " WIDTHxHEIGHT, with --gutter and --margin where it has any",
    )


def _whole(size: tuple[int, int]) -> tuple[list[Cell], Grid | None, float, str]:
    grid = Grid(1, 1, size)
    return list(grid.cells()), grid, 1.0, "one sprite"

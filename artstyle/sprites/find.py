"""Finding the grid of a sheet from the sheet alone.

    found = find_grid(rgb, alpha)
    found.grid, found.confidence, found.reason

Columns and rows are looked for separately. Between two columns of pixels lies a line; a sprite
*joins* a line in a row of pixels where both neighbours belong to sprites and are alike in colour.
Lines between cells are joined little: there is a gap, or one picture ends and another begins. For
every period and phase the mean joining of their lines is compared with that of all lines; what is
furthest below, measured in standard deviations of such a mean, is the grid. Gutters and margins
follow from how far each line can be moved without cutting anything.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from itertools import product

from artstyle.sprites.background import Background, Pixels, find_background, foreground
from artstyle.sprites.evidence import Axis, axes, lattices
from artstyle.sprites.fit import Fit, Fitter, whole
from artstyle.sprites.grid import Grid

LEAST_CELL_PX = 8
SURE = 0.5  # below this confidence a found grid is not to be used
_DOUBT = 0.3  # that of strips instead of cells: one axis was not understood

# Guesses: lines that more goes across than this are not between cells; how near the strongest
# lattice and the highest contrast others must come to be weighed against it; the share of a line
# that noise may fill; how long cells can be where only one axis is divided; how many lattices are
# tried, and readings weighed.
_LEAST_CONTRAST = 0.7
_AS_STRONG, _AS_CLEAN = 0.97, 0.002
_SPECKS = 0.004
_LONGEST = 3.0
_MOST_TRIED, _MOST_WEIGHED = 4000, 48
# The strength of lattices, weighed by their contrast, at which a grid is as likely as not: up to
# 1.6 on some 600 single pictures of all kinds, from 2.6 on where sheets of three sprites and more
# were read right (docs/decisions/0012-sprites.md).
_EVEN = 2.4


@dataclass(frozen=True)
class Found:
    """A grid that was found, and how far it is to be believed."""

    grid: Grid
    confidence: float  # [0, 1]; below `SURE` it is a guess
    background: Background
    reason: str  # for people


def find_grid(rgb: Pixels, alpha: Pixels, background: Background | None = None) -> Found:
    """Find the cells of a sheet.

    Args:
        rgb: HWC uint8, straight colours.
        alpha: HW uint8, 255 opaque.
        background: what is empty; None looks for it.

    Returns:
        The best grid there is; one cell as large as the sheet where there is none.

    Raises:
        ImageError: nothing on the sheet can be seen.
    """
    behind = background or find_background(rgb, alpha)
    mask = foreground(rgb, alpha, behind)
    across, down = axes(rgb, mask, 0 if behind.is_exact else _SPECKS)
    x, y = _simplest(_readings(across), _readings(down))
    confidence = _confidence(x, y)
    return Found(_grid(x, y), confidence, behind, _reason(x, y, behind, confidence))


def _readings(axis: Axis) -> list[Fit]:
    """The readings of the strongest lattice and of those that are as strong, simplest first."""
    fitter = Fitter(axis)
    found: list[Fit] = []
    best = 0.0
    all_of_it = lattices(axis, LEAST_CELL_PX, _LEAST_CONTRAST)
    for lattice in heapq.nlargest(_MOST_TRIED, all_of_it, key=lambda one: one.strength):
        if lattice.strength < _AS_STRONG * best:
            break
        fits = list(fitter.fits(lattice))
        if fits:
            best = max(best, lattice.strength)
            found += fits
    cleanest = max((fit.contrast for fit in found), default=0.0)
    found = [fit for fit in found if fit.contrast >= cleanest - _AS_CLEAN]
    tight = [fit for fit in found if fit.rank < 0 and fit.gutter]
    widest = max((fit.gutter for fit in tight), default=0)
    kept = [fit for fit in found if fit.rank >= 0 or fit.gutter == widest] or [whole(axis)]
    return sorted(kept, key=lambda fit: fit.order)[:_MOST_WEIGHED]


def _simplest(across: list[Fit], down: list[Fit]) -> tuple[Fit, Fit]:
    """The two readings that go together best: simple ones, square cells, equal gaps."""

    def cost(pair: tuple[Fit, Fit]) -> tuple[int, bool, int, int]:
        x, y = pair
        unequal = (x.gutter != y.gutter) + (x.start != y.start)
        return x.rank + y.rank, x.cell != y.cell, unequal, x.order[1] + y.order[1]

    return min(product(across, down), key=cost)


def _grid(x: Fit, y: Fit) -> Grid:
    return Grid(x.count, y.count, (x.cell, y.cell), (x.gutter, y.gutter), (x.start, y.start))


def _confidence(x: Fit, y: Fit) -> float:
    found = [fit.lattice for fit in (x, y) if fit.lattice is not None]
    strength = math.hypot(*(one.strength * one.contrast**2 for one in found))
    likely = float(1 - 0.5 ** ((strength / _EVEN) ** 3))
    longest = max(x.cell / y.cell, y.cell / x.cell)
    if x.count * y.count == 2:  # one line: what is above a belt and what is below it have one too
        return min(likely, _DOUBT if x.cell == y.cell else _DOUBT / 3)
    return min(likely, _DOUBT) if len(found) == 1 and longest > _LONGEST else likely


def _reason(x: Fit, y: Fit, background: Background, confidence: float) -> str:
    """What speaks for a grid, for people."""
    behind = {"none": "no background", "transparent": "a transparent background"}
    words = f"on {behind.get(background.kind, f'a background of {background}')}"
    said = [
        f"its {fit.lattice.lines} lines between {name} are crossed by"
        f" {1 - fit.lattice.contrast:.0%} of what crosses other lines"
        for name, fit in (("columns", x), ("rows", y))
        if fit.lattice is not None
    ]
    told = ", ".join(said) or "nothing repeats"
    return f"{words}: {told} (confidence {confidence:.2f})"

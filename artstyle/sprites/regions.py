"""Sprites that lie anywhere on a sheet: connected regions of what is not background."""

from __future__ import annotations

import numpy as np

from artstyle.sprites.background import Mask
from artstyle.sprites.grid import MOST_CELLS, Cell, PixelBox

# Guesses: what lies this near belongs together, of the sheet's shorter side; a region is a speck
# where it is smaller than this share of the largest one, or than so many pixels a side.
_TOGETHER = 0.004
_SPECK, _LEAST_PX = 0.02, 6
# How a sheet without a grid is told from one picture of several parts: so many regions at least,
# none larger than this share of all, and sizes that stray by less than this.
_LEAST_REGIONS, _LARGEST_SHARE, _STRAY = 4, 0.45, 0.8


def find_regions(mask: Mask) -> list[Cell]:
    """The sprites of a sheet in the order in which one reads, without specks.

    Args:
        mask: [H, W], which pixels belong to sprites.
    """
    import cv2

    gap = max(1, round(_TOGETHER * min(mask.shape)))
    reach = np.ones((2 * gap + 1,) * 2, dtype=np.uint8)
    grown = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, reach)
    count, _, stats, _ = cv2.connectedComponentsWithStats(grown, connectivity=8)
    if count < 2:
        return []
    boxes = stats[1:]
    area = boxes[:, cv2.CC_STAT_AREA]
    sides = boxes[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]
    kept = boxes[(area >= _SPECK * area.max()) & (sides.min(axis=1) >= _LEAST_PX)]
    order = [(int(x), int(y), int(x + w), int(y + h)) for x, y, w, h, _ in kept[:MOST_CELLS]]
    return _read(order)


def are_sprites(cells: list[Cell]) -> bool:
    """Whether regions look like the sprites of a sheet and not like parts of one picture."""
    if len(cells) < _LEAST_REGIONS:
        return False
    boxes = np.array([cell.box_px for cell in cells], dtype=np.float64)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    alike = float(area.std() / area.mean()) < _STRAY
    return alike and float(area.max() / area.sum()) <= _LARGEST_SHARE


def _read(boxes: list[PixelBox]) -> list[Cell]:
    """Boxes in lines from top to bottom, and from left to right in each."""
    lines: list[list[PixelBox]] = []
    for box in sorted(boxes, key=lambda one: (one[1] + one[3], one[0])):
        middle = (box[1] + box[3]) / 2
        if lines and middle < np.median([one[3] for one in lines[-1]]):
            lines[-1].append(box)
        else:
            lines.append([box])
    cells: list[Cell] = []
    for row, line in enumerate(lines):
        for column, box in enumerate(sorted(line)):
            cells.append(Cell(len(cells), row, column, box))
    return cells

"""The panel of a checkpoint: photos that were never shown, in every style."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from artstyle.baselines.fast.draw import Painter
from artstyle.baselines.fast.network import FastNet
from artstyle.images import center_square, read_rgb, resize_area
from artstyle.pipeline.train_fast.plan import Style

Pixels = NDArray[np.uint8]
SIDE_PX = 256  # of a panel's pictures
_MOST_STYLES = 8  # in a panel
_GAP_PX = 4


def panel(
    network: FastNet, photos: Sequence[Path], styles: Sequence[Style], *, device: str
) -> Pixels:
    """A row for each photo: the photo, then it in each style; above them the paintings.

    Returns:
        HWC uint8, [0, 255], RGB.
    """
    shown_styles = styles[:_MOST_STYLES]
    side = SIDE_PX
    blank = np.full((side, side, 3), 255, np.uint8)
    rows = [[blank, *(_square(style.pixels, side) for style in shown_styles)]]
    for path in photos:
        photo = _square(read_rgb(path).rgb, side)
        drawn = []
        for number in range(len(shown_styles)):
            chosen = [float(number == other) for other in range(len(styles))]
            drawn.append(Painter(network, chosen, device=device).draw(photo))
        rows.append([photo, *drawn])
    return _laid_out(rows)


def _square(pixels: Pixels, side_px: int) -> Pixels:
    return resize_area(np.ascontiguousarray(center_square(pixels)), side_px, side_px)


def _laid_out(rows: Sequence[Sequence[Pixels]]) -> Pixels:
    side, gap = rows[0][0].shape[0], _GAP_PX
    step = side + gap
    sheet = np.full((len(rows) * step - gap, len(rows[0]) * step - gap, 3), 255, np.uint8)
    for down, row in enumerate(rows):
        for across, pixels in enumerate(row):
            sheet[down * step : down * step + side, across * step : across * step + side] = pixels
    return sheet

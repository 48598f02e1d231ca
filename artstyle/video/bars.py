"""Black bars around a film's picture: where the picture itself lies.

A wide film stored in a narrower frame has bars above and below it. Crops of faces near the edge
would show them, and a model would learn to draw them. Bars are what stays black in every frame of
a sample that is spread over the film.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BLACK = 28  # brightest value of a bar, of 255: black with the noise of compression; a guess
_SPECKS = 0.005  # share of a line that may be brighter: bits that compression smears into a bar
_LEAST_BAR_PX, _LEAST_BAR_SHARE = 2, 0.01  # thinner bars are edges of the picture
_LEAST_PICTURE_SHARE = 0.4  # of a side; a narrower picture is a dark sample and no picture
_FUZZ_PX = 2  # lines next to a bar that compression mixes with it


@dataclass(frozen=True)
class Area:
    """A part of a frame: x0, y0, x1, y1 along the edges of pixels."""

    x0: int
    y0: int
    x1: int
    y1: int

    def of(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """That part of a frame, HWC; a view."""
        return rgb[self.y0 : self.y1, self.x0 : self.x1]


def picture_area(frames: Iterable[NDArray[np.uint8]]) -> Area | None:
    """Where the picture lies in frames of one size, or None where it fills them.

    Args:
        frames: HWC uint8, RGB, from all over the film; others than of the first one's size are
            left out.

    Returns:
        The area without bars, and without the two lines next to a bar. None as well where the
        sample is too dark to tell.
    """
    light: NDArray[np.uint8] | None = None  # the brightest that each pixel ever was
    for rgb in frames:
        brightest = rgb.max(axis=2)
        if light is None:
            light = brightest
        elif light.shape == brightest.shape:
            np.maximum(light, brightest, out=light)
    if light is None:
        return None
    height, width = light.shape
    y0, y1 = _lit(light, axis=1)
    x0, x1 = _lit(light[y0:y1], axis=0) if y1 > y0 else (0, 0)
    if y1 - y0 < _LEAST_PICTURE_SHARE * height or x1 - x0 < _LEAST_PICTURE_SHARE * width:
        return None
    (left, right), (top, bottom) = _without_fuzz(x0, x1, width), _without_fuzz(y0, y1, height)
    area = Area(left, top, right, bottom)
    return None if area == Area(0, 0, width, height) else area


def _lit(light: NDArray[np.uint8], axis: int) -> tuple[int, int]:
    """The first line that is no bar, and the one after the last."""
    share = (light > _BLACK).mean(axis=axis)
    (lit,) = np.nonzero(share > _SPECKS)
    return (int(lit[0]), int(lit[-1]) + 1) if lit.size else (0, 0)


def _without_fuzz(start: int, stop: int, length: int) -> tuple[int, int]:
    least = max(_LEAST_BAR_PX, _LEAST_BAR_SHARE * length)
    low = start + _FUZZ_PX if start >= least else 0
    high = stop - _FUZZ_PX if length - stop >= least else length
    return low, high

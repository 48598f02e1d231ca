"""Pixel art: how large its pixels are, and how it is enlarged without smoothing."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from artstyle.sprites.background import Pixels

# Guesses about art that was not enlarged yet: it is small, has few colours, and neighbours are
# often exactly alike.
_LARGEST_PX, _MOST_COLOURS, _LEAST_ALIKE = 128, 64, 0.4
_MOST_COLOURS_ENLARGED = 256


def pixel_scale(rgb: Pixels, alpha: Pixels | None = None) -> int:
    """How many pixels a side one pixel of the art has; 1 where it was not enlarged.

    A picture that was enlarged s times changes colour only on every s-th line, counted from its
    corner. One flat colour has scale 1.

    Args:
        rgb: HWC uint8.
        alpha: HW uint8; what is hidden under transparency does not count.
    """
    whole = rgb if alpha is None else _visible(rgb, alpha)
    scale = 0
    for axis in (0, 1):
        moved = (np.diff(whole, axis=axis) != 0).any(axis=(1 - axis, 2))
        for line in np.flatnonzero(moved) + 1:
            scale = math.gcd(scale, int(line))
            if scale == 1:
                return 1
    return math.gcd(scale, *rgb.shape[:2]) if scale else 1


def is_pixel_art(rgb: Pixels, alpha: Pixels | None = None) -> bool:
    """Whether a picture is pixel art: enlarged by a whole factor, or small with few colours."""
    is_enlarged = pixel_scale(rgb, alpha) > 1
    if not is_enlarged and max(rgb.shape[:2]) > _LARGEST_PX:
        return False  # before its colours are counted, which is the costly part
    whole = _visible(rgb, np.full(rgb.shape[:2], 255, np.uint8) if alpha is None else alpha)
    colours = len(np.unique(whole.view(np.uint32)))
    if is_enlarged:
        return 1 < colours <= _MOST_COLOURS_ENLARGED
    if not 1 < colours <= _MOST_COLOURS:
        return False
    across = (np.diff(whole, axis=1) == 0).all(axis=2)
    down = (np.diff(whole, axis=0) == 0).all(axis=2)
    return float(np.concatenate([across.ravel(), down.ravel()]).mean()) >= _LEAST_ALIKE


def snapped_square(
    quad_px: NDArray[np.float64], size_px: int, scale: int, limits_px: tuple[int, int]
) -> tuple[int, int, int]:
    """The square on whole pixels of the art that comes nearest to a quad.

    Its side is such that every pixel of the art becomes a whole number of pixels of the crop, or,
    where there are more of them than the crop has pixels, that each pixel of the crop is one.

    Args:
        quad_px: [4, 2], upright, in pixels of the picture.
        size_px: side of the crop.
        scale: see `pixel_scale`.
        limits_px: width and height of the picture; a square that fits in is moved into it.

    Returns:
        x and y of its upper left corner and its side, in pixels of the art.
    """
    low, high = quad_px.min(axis=0) / scale, quad_px.max(axis=0) / scale
    wanted = float((high - low).mean())
    factors = [factor for factor in range(1, size_px + 1) if size_px % factor == 0]
    side = min((size_px // factor for factor in factors), key=lambda one: abs(one - wanted))
    corner = []
    for start, stop, limit in zip(low, high, limits_px, strict=True):
        first = round((start + stop - side) / 2)
        room = limit // scale - side
        slack = 0.5 + abs(side - wanted)  # what the snapping itself moved
        inside = min(max(first, 0), room) if room >= 0 else first
        corner.append(inside if abs(inside - first) <= slack else first)
    return int(corner[0]), int(corner[1]), side


def enlarged_square(
    rgb: Pixels,
    square: tuple[int, int, int],
    size_px: int,
    scale: int,
    outside: tuple[int, int, int],
) -> Pixels:
    """A square of pixel art, each of its pixels as a block.

    Args:
        rgb: HWC uint8, of this scale.
        square: from `snapped_square`.
        size_px: side of the crop, a multiple of the square's side.
        scale: see `pixel_scale`.
        outside: the colour of what lies outside of the picture.

    Returns:
        [size_px, size_px, 3] uint8.
    """
    x, y, side = square
    art = rgb[scale // 2 :: scale, scale // 2 :: scale]
    canvas = np.empty((side, side, 3), dtype=np.uint8)
    canvas[:] = outside
    height, width = art.shape[:2]
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + side, width), min(y + side, height)
    if x0 < x1 and y0 < y1:
        canvas[y0 - y : y1 - y, x0 - x : x1 - x] = art[y0:y1, x0:x1]
    block = size_px // side
    return canvas.repeat(block, axis=0).repeat(block, axis=1)


def _visible(rgb: Pixels, alpha: Pixels) -> Pixels:
    """RGBA in which hidden colours are alike; C order."""
    whole = np.dstack([rgb, alpha])
    whole[alpha == 0] = 0
    return whole

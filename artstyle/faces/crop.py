"""Cutting an aligned square out of a picture.

The way of FFHQ (Karras et al. 2019): cut the region, shrink it, pad it where the square leaves the
picture, sample at four times the size, and bring that down with Lanczos. Only the region is read,
so that a picture of 200 megapixels is never copied.

Where we leave it: the region is cut first and then shrunk, by areas and not by Lanczos (at least
twice the size is left, so that aliasing stays outside of what the crop keeps); only sides that the
square leaves are padded, and transparent ones with more of their matte; regions with few pixels
for each of the crop's are sampled at two or three times the size, which differs by rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from artstyle.errors import ImageError, UsageError
from artstyle.faces.beyond import Region, border_px, on_matte, padded
from artstyle.faces.quad import Quad, checked_quad, quad_side_px

ENLARGE_LIMIT = 1.5  # a guess: beyond it a crop looks soft beside its neighbours

# Samples for each pixel of the crop, by how many of the region's it has at most. Held against exact
# sampling at four times, on portraits: a root mean square of 0.31 to 0.34 of 255 in all three
# cases, of which rounding to whole values makes 0.29.
_OVERSAMPLING = ((0.55, 2), (1.3, 3), (math.inf, 4))
_WHITE = (255, 255, 255)


@dataclass(frozen=True, eq=False)
class Crop:
    """An aligned crop and what one should know of it."""

    rgb: NDArray[np.uint8]  # [size, size, 3], [0, 255], RGB
    quad_px: Quad  # where its corners lie in the picture
    upscale_factor: float  # pixels of the crop per pixel of the picture
    enlarged: bool  # whether that is beyond the limit
    outside_share: float  # of the crop's area that lies outside of the picture, [0, 1]


def quad_to_crop(
    rgb: NDArray[np.uint8],
    quad: Quad,
    size_px: int,
    *,
    enlarge_limit: float = ENLARGE_LIMIT,
    alpha: NDArray[np.uint8] | None = None,  # None: opaque
    matte: tuple[int, int, int] = _WHITE,
) -> Crop:
    """Cut the square `quad` out of a picture.

    Where the square leaves it, the picture is reflected and dissolves, as FFHQ has it; but beyond
    an edge that is transparent there goes on what transparent pixels were laid over. Else a
    second hat would stand above the hat.

    Args:
        rgb: HWC uint8, [0, 255], RGB; read only.
        quad: [4, 2], upper left, lower left, lower right, upper right, (x, y) in pixels; the
            centre of pixel i lies at i + 0.5.
        size_px: side of the crop.
        enlarge_limit: `Crop.enlarged` is set where more pixels than this are made of one.
        alpha: HW uint8, 255 opaque: what the transparency was before `rgb` was laid over `matte`.
        matte: RGB, [0, 255].

    Returns:
        The crop; its pixel (i, j) has its centre where `crop_to_picture` sends (j + .5, i + .5).

    Raises:
        ImageError: `rgb` is no picture, or the square lies outside of it.
        UsageError: the quad is no square, or the size is not positive.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise ImageError(
            f"an array of {rgb.dtype} and shape {rgb.shape} cannot be cropped: uint8 HWC, RGB can"
        )
    if size_px < 1:
        raise UsageError(f"a crop of {size_px} pixels cannot be made")
    corners = checked_quad(quad)
    outside = outside_share(corners, rgb.shape[1], rgb.shape[0])
    if outside >= 1:
        raise ImageError(
            f"the square {corners.round(1).tolist()} lies outside of the picture"
            f" ({rgb.shape[1]}x{rgb.shape[0]})"
        )
    factor = size_px / quad_side_px(corners)
    region = _shrunk(rgb, corners, size_px)
    if alpha is not None and outside:
        region = on_matte(region, alpha, corners, matte)
    sampled = _sampled(padded(region), size_px)
    return Crop(sampled, corners, factor, factor > enlarge_limit, outside)


def outside_share(quad: Quad, width: int, height: int) -> float:
    """How much of a square's area lies outside of a picture of this size, in [0, 1]."""
    polygon = [(float(x), float(y)) for x, y in quad]
    for axis, bound, sign in (
        (0, 0.0, 1),
        (0, float(width), -1),
        (1, 0.0, 1),
        (1, float(height), -1),
    ):
        polygon = _clipped(polygon, axis, bound, sign)
    inside = abs(_area(polygon)) / abs(_area([(float(x), float(y)) for x, y in quad]))
    return float(min(max(1 - inside, 0.0), 1.0)) if inside < 1 - 1e-9 else 0.0


def _clipped(
    polygon: list[tuple[float, float]], axis: int, bound: float, sign: int
) -> list[tuple[float, float]]:
    """The part of a convex polygon on one side of a line (Sutherland & Hodgman 1974)."""
    kept: list[tuple[float, float]] = []
    for one, two in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        a, b = sign * (one[axis] - bound), sign * (two[axis] - bound)
        if a >= 0:
            kept.append(one)
        if (a >= 0) != (b >= 0):
            t = a / (a - b)
            kept.append((one[0] + t * (two[0] - one[0]), one[1] + t * (two[1] - one[1])))
    return kept


def _area(polygon: list[tuple[float, float]]) -> float:
    pairs = zip(polygon, polygon[1:] + polygon[:1], strict=True)
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairs) / 2


def _shrunk(rgb: NDArray[np.uint8], corners: Quad, size_px: int) -> Region:
    """The square and a border around it, at two to four times the size if it was larger."""
    import cv2

    side = quad_side_px(corners)
    border = border_px(side)
    low, high = corners.min(axis=0), corners.max(axis=0)
    limits = np.array([rgb.shape[1], rgb.shape[0]])
    start = np.clip(np.floor(low).astype(int) - border, 0, limits - 1)
    stop = np.clip(np.ceil(high).astype(int) + border, start + 1, limits)
    region = rgb[start[1] : stop[1], start[0] : stop[0]]
    scale = np.ones(2)
    shrink = math.floor(side / size_px / 2)
    if shrink > 1:
        old = stop - start
        new = np.maximum(np.ceil(old / shrink).astype(int), 1)
        size = (int(new[0]), int(new[1]))
        region = np.asarray(cv2.resize(region, size, interpolation=cv2.INTER_AREA))
        scale = new / old
    left, top = np.maximum(-low, 0) * scale
    right, bottom = np.maximum(high - limits, 0) * scale
    room = (float(left), float(top), float(right), float(bottom))
    return Region(region, (corners - start) * scale, room)


def _sampled(region: Region, size_px: int) -> NDArray[np.uint8]:
    """The square at two to four times the size, bilinear, and from there with Lanczos.

    OpenCV's bilinear warp strays from the exact place by up to 1/64 of a pixel of the region, and
    is four times as fast as Pillow's, which is exact: a crop's pixel is at least a quarter of that.
    """
    import cv2

    ratio = quad_side_px(region.corners) / size_px
    many = size_px * next(times for most, times in _OVERSAMPLING if ratio <= most)
    across = (region.corners[3] - region.corners[0]) / many
    down = (region.corners[1] - region.corners[0]) / many
    # OpenCV puts the centre of pixel i at i; ours lies at i + 0.5, in both pictures.
    start = region.corners[0] + (across + down) / 2 - 0.5
    matrix = np.column_stack([across, down, start])
    large = cv2.warpAffine(
        region.rgb,
        matrix,
        (many, many),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    size = (size_px, size_px)
    lanczos = PillowImage.Resampling.LANCZOS
    return np.asarray(PillowImage.fromarray(large).resize(size, lanczos), dtype=np.uint8).copy()

"""What lies beyond the edges of a picture that a square leaves: matte, or its reflection."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from artstyle.faces.quad import Quad, quad_side_px

_BORDER, _LEAST_BORDER_PX = 0.1, 3  # kept around the square, in sides; at least so many pixels
_LEAST_PAD = 0.3  # in sides
_BLUR = 0.02  # sigma, in sides
_EMPTY_ALPHA = 32  # a guess: less counts as empty
_CUT_OFF = 0.2  # a guess: the share of an edge that is filled where a figure is cut off by it
_WALL_SHARE, _WALL_STRAY = 0.6, 2  # guesses: of a border that is plain; of 255

Sides: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True, eq=False)
class Region:
    """A part of a picture on its way to a crop."""

    rgb: NDArray[np.uint8]
    corners: Quad  # of the square, in pixels of this region
    room: Sides  # how far the square leaves the picture


def border_px(side: float) -> int:
    """How much is kept around a square of this side."""
    return max(round(_BORDER * side), _LEAST_BORDER_PX)


def on_matte(
    region: Region, alpha: NDArray[np.uint8], quad: Quad, matte: tuple[int, int, int]
) -> Region:
    """Add matte where the square leaves the region on a side on which what is seen ends.

    Args:
        region: of the picture, laid over the matte.
        alpha: HW, of the whole picture, 255 opaque.
        quad: [4, 2], the square's corners in the picture.
        matte: RGB, [0, 255].
    """
    import cv2

    border = border_px(quad_side_px(region.corners))
    pads = [
        math.ceil(over) + border if over > 0 and end else 0
        for over, end in zip(region.room, _ends(alpha, quad), strict=True)
    ]
    if not any(pads):
        return region
    left, top, right, bottom = pads
    sides = (top, bottom, left, right)
    rgb = cv2.copyMakeBorder(region.rgb, *sides, cv2.BORDER_CONSTANT, value=matte)
    rest = [0.0 if pad else over for pad, over in zip(pads, region.room, strict=True)]
    room = (rest[0], rest[1], rest[2], rest[3])
    return Region(np.asarray(rgb), region.corners + np.array([left, top]), room)


def wall_of(rgb: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], tuple[int, int, int]] | None:
    """The plain wall of a drawing: what it leaves visible as alpha, and its colour.

    Only a colour that is the same along most of the border counts, as drawn ones are.

    Returns:
        None if there is no such wall.
    """
    import cv2

    border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
    wall = np.median(border, axis=0)  # what more than half of it is
    if (np.abs(border - wall).max(axis=1) <= _WALL_STRAY).mean() < _WALL_SHARE:
        return None
    low, high = wall - _WALL_STRAY, wall + _WALL_STRAY
    is_wall = np.asarray(
        cv2.inRange(np.ascontiguousarray(rgb), tuple(low.tolist()), tuple(high.tolist()))
    )
    red, green, blue = (int(value) for value in wall)
    return np.asarray(is_wall == 0).astype(np.uint8) * 255, (red, green, blue)


def _ends(alpha: NDArray[np.uint8], corners: Quad) -> tuple[bool, bool, bool, bool]:
    """Whether what is seen ends before the picture's left, top, right and bottom edge does.

    Only as much of an edge counts as lies beside the square. A figure that is cut off by it, as
    busts are below, goes on there.
    """
    limits = np.array([alpha.shape[1], alpha.shape[0]])
    start = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, limits - 1)
    stop = np.clip(np.ceil(corners.max(axis=0)).astype(int), start + 1, limits)
    columns, rows = slice(start[0], stop[0]), slice(start[1], stop[1])
    edges = alpha[rows, 0], alpha[0, columns], alpha[rows, -1], alpha[-1, columns]
    left, top, right, bottom = ((edge >= _EMPTY_ALPHA).mean() < _CUT_OFF for edge in edges)
    return bool(left), bool(top), bool(right), bool(bottom)


def padded(region: Region) -> Region:
    """Add the picture's reflection where the square leaves it, dissolving towards the edge.

    Over the padding the reflection turns into its own median; a blur sets in a third of the
    padding's width before the picture ends, so that the seam is soft. Nothing is computed where
    nothing changes.
    """
    if not any(region.room):
        return region
    import cv2

    side = quad_side_px(region.corners)
    border, least = border_px(side), round(_LEAST_PAD * side)
    pads = [max(math.ceil(over) + border, least) if over > 0 else 0 for over in region.room]
    left, top, right, bottom = pads
    padded_rgb = cv2.copyMakeBorder(region.rgb, top, bottom, left, right, cv2.BORDER_REFLECT_101)
    picture: NDArray[np.uint8] = np.asarray(padded_rgb, dtype=np.uint8)
    whole = picture.copy()
    dissolve = _Dissolve(picture, (left, top, right, bottom), max(_BLUR * side, 0.1))
    for rows, columns in dissolve.strips():
        whole[rows, columns] = dissolve.strip(rows, columns)
    return Region(whole, region.corners + np.array([left, top]), (0.0, 0.0, 0.0, 0.0))


class _Dissolve:
    """How a padded picture is blurred, and turns into its median, towards its padded edges.

    Args:
        picture: with its padding; HWC uint8.
        pads: on the left, top, right and bottom, in pixels.
        sigma: of the blur, in pixels.
    """

    def __init__(
        self, picture: NDArray[np.uint8], pads: tuple[int, int, int, int], sigma: float
    ) -> None:
        self._picture, self._pads, self._sigma = picture, pads, sigma
        self._median = _median(picture)

    def strips(self) -> Iterator[tuple[slice, slice]]:
        """Rows and columns of all that changes; corners may come twice."""
        height, width = self._picture.shape[:2]
        left, top, right, bottom = (math.ceil(4 * pad / 3) for pad in self._pads)
        everything = slice(0, height), slice(0, width)
        for rows, columns in (
            (slice(0, min(top, height)), everything[1]),
            (slice(max(height - bottom, 0), height), everything[1]),
            (everything[0], slice(0, min(left, width))),
            (everything[0], slice(max(width - right, 0), width)),
        ):
            if rows.start < rows.stop and columns.start < columns.stop:
                yield rows, columns

    def strip(self, rows: slice, columns: slice) -> NDArray[np.uint8]:
        """A part of the picture as it becomes."""
        seen = self._picture[rows, columns]
        depth = self._depth(rows, columns)[..., None]
        pixels = seen.astype(np.float32)
        pixels += (self._blurred(rows, columns) - pixels) * np.clip(3 * depth + 1, 0, 1)
        pixels += (self._median - pixels) * np.clip(depth, 0, 1)
        return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)

    def _blurred(self, rows: slice, columns: slice) -> NDArray[np.uint8]:
        """As if the whole picture had been blurred."""
        import cv2

        reach = math.ceil(4 * self._sigma) + 2  # further than OpenCV's kernel for bytes
        y, x = max(rows.start - reach, 0), max(columns.start - reach, 0)
        around = self._picture[y : rows.stop + reach, x : columns.stop + reach]
        blurred: NDArray[np.uint8] = np.asarray(
            cv2.GaussianBlur(around, (0, 0), sigmaX=self._sigma), dtype=np.uint8
        )
        return blurred[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]

    def _depth(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """How deep in the padding: 1 at the outer edge, 0 at the picture's, below inside.

        The unit is each side's own padding; sides without padding count for nothing.
        """
        height, width = self._picture.shape[:2]
        left, top, right, bottom = self._pads
        x = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] + 0.5
        y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + 0.5
        depth = np.full((y.size, x.size), -1.0, dtype=np.float32)
        for pad, way in ((left, x), (top, y), (right, width - x), (bottom, height - y)):
            if pad:
                np.maximum(depth, 1 - way / pad, out=depth)
        return depth


def _median(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Of each channel; by counting, which is ten times as fast as sorting."""
    import cv2

    middles = []
    for channel in range(picture.shape[2]):
        counts = np.asarray(cv2.calcHist([picture], [channel], None, [256], [0, 256])).ravel()
        until = np.cumsum(counts.astype(np.int64))
        count = int(until[-1])
        ranks = (count - 1) // 2, count // 2  # the two in the middle, or one of them twice
        middles.append(np.searchsorted(until, ranks, side="right").mean())
    return np.array(middles, dtype=np.float32)

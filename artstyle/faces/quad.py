"""The square that an aligned crop is cut from, and the way between its pixels and the picture's.

A quad is [4, 2] float64: where the crop's upper left, lower left, lower right and upper right
corner lie in the picture, (x, y) in pixels. Pixel i covers [i, i + 1), so the corners of a whole
picture are (0, 0), (0, height), (width, height), (width, 0).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import UsageError
from artstyle.faces.landmarks import EyesMouth, Points, Vector

Quad: TypeAlias = NDArray[np.float64]

# Karras, Laine & Aila 2019 (FFHQ): half the side is twice the distance of the eyes, or 1.8 times
# the way from the eyes to the mouth if that is more; the centre lies a tenth of that way below
# the eyes.
_EYES, _MOUTH, _DOWN = 2.0, 1.8, 0.1

# Where the five points lie in a crop, as fractions of its side. The eyes' places follow from the
# formula where the eyes rule the size (0.125 to both sides); the heights, nose and mouth are the
# medians over 75 frontal portraits, made symmetric, the mean of dlib's 68 points and YuNet's,
# which differ by up to 0.017 at the mouth's corners (docs/decisions/0007-alignment.md).
TEMPLATE: NDArray[np.float64] = np.array(
    [[0.375, 0.476], [0.625, 0.476], [0.5, 0.617], [0.377, 0.7145], [0.623, 0.7145]]
)
# The face's window: how much more the face counts, and where its edge ends, in half axes.
_FACE, _EDGE = 4.0, 1.4
_RAISED = 0.02  # its centre over the points' mean, in sides: brows and chin lie unevenly about it
# The distance from the template, as a fraction of the side, at which confidence is 1/e. Measured
# for frontal portraits: median 0.009 (YuNet) and 0.016 (dlib), 99 % below 0.034; so those have
# a confidence of 0.63 and more.
_STRAY = 0.05


def landmarks_to_quad(face: EyesMouth) -> Quad:
    """The FFHQ square of a face (Karras et al. 2019).

    Raises:
        UsageError: eyes and mouth coincide, so that they give no direction.
    """
    e = face.right_eye - face.left_eye
    m = face.mouth - face.eyes
    x = e - _rot90(m)
    length = float(np.hypot(*x))
    reach = max(_EYES * float(np.hypot(*e)), _MOUTH * float(np.hypot(*m)))
    if length <= 1e-6 * max(reach, 1e-6):
        raise UsageError("eyes and mouth give no direction: they coincide, or are upside down")
    x = x / length * reach
    y = _rot90(x)
    centre = face.eyes + _DOWN * m
    return np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y])


def quad_side_px(quad: Quad) -> float:
    """The side of the square, in pixels of the picture."""
    return float(np.hypot(*(quad[3] - quad[0])))


def checked_quad(quad: Quad) -> Quad:
    """The quad as float64 if it is a square that is not mirrored.

    Raises:
        UsageError: it is not.
    """
    corners = np.asarray(quad, dtype=np.float64)
    if corners.shape != (4, 2) or not np.isfinite(corners).all():
        raise UsageError(f"a quad is [4, 2] and finite; this is {np.asarray(quad).tolist()}")
    across, down = corners[3] - corners[0], corners[1] - corners[0]
    side = float(np.hypot(*across))
    slack = 1e-3 * side
    straight = np.abs(corners[2] - corners[0] - across - down).max() <= slack
    if side < 1e-3 or not straight or np.abs(down - _rot90(across)).max() > slack:
        raise UsageError(
            f"the quad {corners.tolist()} is no square given as upper left, lower left,"
            " lower right, upper right"
        )
    return corners


def crop_to_picture(points: Points, quad: Quad, size_px: int) -> NDArray[np.float64]:
    """Where points of a crop of `size_px` lie in the picture.

    Args:
        points: [..., 2], (x, y) in pixels of the crop.
        quad: of the crop.
        size_px: side of the crop.
    """
    share = np.asarray(points, dtype=np.float64) / size_px
    corners = checked_quad(quad)
    moved: NDArray[np.float64] = corners[0] + share @ _axes(corners)
    return moved


def picture_to_crop(points: Points, quad: Quad, size_px: int) -> NDArray[np.float64]:
    """Where points of the picture lie in a crop of `size_px`; the inverse of `crop_to_picture`."""
    corners = checked_quad(quad)
    offset = np.asarray(points, dtype=np.float64) - corners[0]
    moved: NDArray[np.float64] = offset @ np.linalg.inv(_axes(corners)) * size_px
    return moved


def template_distance(face: EyesMouth, quad: Quad) -> float:
    """How far the five points lie from the template: root mean square, in sides of the quad."""
    stray = picture_to_crop(face.five(), quad, 1) - TEMPLATE
    return float(np.sqrt(np.square(stray).sum(axis=1).mean()))


def alignment_confidence(face: EyesMouth, quad: Quad) -> float:
    """How much the points look like those of a frontal face once aligned, in [0, 1].

    exp(-(d / 0.05)^2) of the `template_distance` d. A turned head, points that slipped and faces
    of other proportions all lower it. Points that were set by proportion say nothing about the
    picture: whoever made them has to lower it (see `artstyle.faces.align`).
    """
    return float(np.exp(-np.square(template_distance(face, quad) / _STRAY)))


def face_window(size_px: int) -> NDArray[np.float32]:
    """How much every pixel of an aligned crop matters to who it shows: [size, size], mean 1.

    Brows, eyes, nose, mouth and chin count five times as much as hair and background: an ellipse
    about the template's points, with a soft edge. The factor is a choice by eye.
    """
    at = (np.arange(size_px) + 0.5) / size_px
    centre, reach = TEMPLATE.mean(axis=0), np.ptp(TEMPLATE, axis=0)
    x, y = (at - centre[0]) / reach[0], (at - centre[1] + _RAISED) / reach[1]
    inside = np.clip(_EDGE - np.hypot(x[None, :], y[:, None]), 0, _EDGE - 1) / (_EDGE - 1)
    weights = 1 + _FACE * inside
    return np.asarray(weights / weights.mean(), dtype=np.float32)


def _axes(quad: Quad) -> NDArray[np.float64]:
    """The sides as rows: from the upper left corner to the right, and down."""
    return np.stack([quad[3] - quad[0], quad[1] - quad[0]])


def _rot90(v: Vector) -> Vector:
    """A quarter turn, clockwise as one sees it, since y points down."""
    return np.array([-v[1], v[0]])

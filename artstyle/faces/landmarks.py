"""The points that detectors give, and the five that alignment needs.

Points are float, [n, 2], (x, y) in pixels from the upper left corner of the picture; the centre of
pixel i lies at i + 0.5. "left" and "right" are the viewer's: the left eye is the one further left
in a picture of an upright face, which is the subject's right eye.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import UsageError

Points: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
Vector: TypeAlias = NDArray[np.float64]  # [2], (x, y)

Kind: TypeAlias = Literal["dlib-68", "dlib-5", "anime-28", "five", "five-estimated"]

COUNT: dict[Kind, int] = {
    "dlib-68": 68,  # the scheme of 300-W
    "dlib-5": 5,  # the corners of both eyes, and the base of the nose
    "anime-28": 28,  # anime-face-detector
    "five": 5,  # left eye, right eye, tip of the nose, left and right corner of the mouth
    "five-estimated": 5,  # the same, set by proportion and not seen in the picture
}


@dataclass(frozen=True)
class Scheme:
    """Which points stand for what; the means of several are taken. All sides are the viewer's."""

    left_eye: tuple[int, ...]
    right_eye: tuple[int, ...]
    nose: tuple[int, ...]  # its tip; for dlib-5 its base
    left_mouth: tuple[int, ...]  # the corner
    right_mouth: tuple[int, ...]


SCHEMES: dict[Kind, Scheme] = {
    # 0-16 jaw from left to right; 17-21 left brow, 22-26 right brow; 27-30 bridge down to the tip;
    # 31-35 under the nose; 36-41 left eye from its outer corner over the upper lid, 42-47 right
    # eye from its inner corner; 48-59 outer lips from the left corner over the upper lip (54 is
    # the right corner), 60-67 inner lips.
    "dlib-68": Scheme(
        (36, 37, 38, 39, 40, 41),
        (42, 43, 44, 45, 46, 47),
        nose=(30,),
        left_mouth=(48,),
        right_mouth=(54,),
    ),
    # 0 and 1 are the outer and inner corner of the right eye, 2 and 3 of the left one, 4 the base
    # of the nose. There is no mouth: see `_mouth_below_nose`.
    "dlib-5": Scheme((2, 3), (0, 1), nose=(4,), left_mouth=(), right_mouth=()),
    # 0-4 contour (left temple, left jaw, chin, right jaw, right temple); 5-7 left brow, outer to
    # inner, 8-10 right brow, inner to outer; 11-13 left eye, upper lid, outer to inner, 14-16 its
    # lower lid; 17-19 right eye, upper lid, inner to outer, 20-22 its lower lid; 23 nose; 24 left
    # corner of the mouth, 25 its top, 26 right corner, 27 its bottom.
    "anime-28": Scheme(
        (11, 12, 13, 14, 15, 16),
        (17, 18, 19, 20, 21, 22),
        nose=(23,),
        left_mouth=(24,),
        right_mouth=(26,),
    ),
    "five": Scheme((0,), (1,), (2,), (3,), (4,)),
    "five-estimated": Scheme((0,), (1,), (2,), (3,), (4,)),
}

# Measured from the eyes' middle down, over the way to the base of the nose: the mouth, the tip of
# the nose. Then half of the mouth's width over the distance of the eyes. Medians over 75 frontal
# portraits by dlib's 68 points; the first strays by 7 % (docs/decisions/0007-alignment.md).
MOUTH_OVER_NOSE_BASE = 1.319
NOSE_TIP_OVER_BASE = 0.766
HALF_MOUTH_OVER_EYES = 0.528


@dataclass(frozen=True, eq=False)
class EyesMouth:
    """What alignment needs of a face; each [2] float64, (x, y) in pixels, sides the viewer's."""

    left_eye: Vector  # centres
    right_eye: Vector
    nose: Vector  # tip
    left_mouth: Vector  # corners
    right_mouth: Vector

    @property
    def eyes(self) -> Vector:
        """The middle between the eyes."""
        return (self.left_eye + self.right_eye) / 2

    @property
    def mouth(self) -> Vector:
        """The middle between the corners of the mouth."""
        return (self.left_mouth + self.right_mouth) / 2

    def five(self) -> NDArray[np.float64]:
        """The five points, [5, 2]: left eye, right eye, nose, left and right mouth corner."""
        return np.stack(
            [self.left_eye, self.right_eye, self.nose, self.left_mouth, self.right_mouth]
        )


def landmarks_to_eyes_mouth(points: Points, kind: Kind) -> EyesMouth:
    """The five points of alignment from the points of a detector.

    Args:
        points: [n, 2], (x, y) in pixels; n as in `COUNT`.
        kind: what they are.

    Returns:
        Centres of the eyes (means of their points), tip of the nose, corners of the mouth.

    Raises:
        UsageError: the wrong number of points, or one that is not finite.
    """
    where = _checked(points, kind)
    scheme = SCHEMES[kind]
    left_eye = where[list(scheme.left_eye)].mean(axis=0)
    right_eye = where[list(scheme.right_eye)].mean(axis=0)
    nose = where[list(scheme.nose)].mean(axis=0)
    if kind == "dlib-5":
        return _mouth_below_nose(left_eye, right_eye, nose)
    left_mouth = where[list(scheme.left_mouth)].mean(axis=0)
    right_mouth = where[list(scheme.right_mouth)].mean(axis=0)
    return EyesMouth(left_eye, right_eye, nose, left_mouth, right_mouth)


def _checked(points: Points, kind: Kind) -> NDArray[np.float64]:
    if kind not in COUNT:
        raise UsageError(f"there are no points of kind {kind!r}; there are {', '.join(COUNT)}")
    where = np.asarray(points, dtype=np.float64)
    if where.shape != (COUNT[kind], 2):
        raise UsageError(
            f"points of kind {kind} are [{COUNT[kind]}, 2], (x, y) each; these are"
            f" {list(where.shape)}"
        )
    if not np.isfinite(where).all():
        bad = [int(row) for row in np.flatnonzero(~np.isfinite(where).all(axis=1))]
        raise UsageError(f"points {bad} of kind {kind} are not finite")
    return where


def _mouth_below_nose(left_eye: Vector, right_eye: Vector, nose_base: Vector) -> EyesMouth:
    """A face whose mouth was not seen: mouth and tip of the nose are set by mean proportions."""
    eyes = (left_eye + right_eye) / 2
    down = nose_base - eyes
    half = HALF_MOUTH_OVER_EYES * (right_eye - left_eye)
    mouth = eyes + MOUTH_OVER_NOSE_BASE * down
    nose = eyes + NOSE_TIP_OVER_BASE * down
    return EyesMouth(left_eye, right_eye, nose, mouth - half, mouth + half)

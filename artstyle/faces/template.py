"""One crop template for many pictures: found where their faces lie, and how far they stray.

Sprites of one sheet, and pictures of one generator, have their faces at one place. A detector sees
some of them; the medians of its points serve for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import UsageError
from artstyle.faces.align import confidence_of, landmarks_to_eyes_mouth
from artstyle.faces.detector import Box, Detector, Pixels
from artstyle.faces.layout import Layout

# Guesses. A template is believed if so many pictures, and this share of them, show a face, and if
# the points of half of them lie within this of the median, as a fraction of the eyes' distance.
LEAST_FACES, LEAST_SHARE, MOST_STRAY = 5, 0.25, 0.15
_LEAST_CONFIDENCE = 0.3
_DIGITS = 4


@dataclass(frozen=True)
class Template:
    """Where the faces of some pictures lie."""

    layout: Layout
    pictures: int  # that were looked at
    faces: int  # of them, with a face that can be used
    stray: float  # median distance of points from theirs, in distances of the eyes
    detector: str

    @property
    def holds(self) -> bool:
        """Whether the faces lie at one place."""
        enough = self.faces >= max(LEAST_FACES, LEAST_SHARE * self.pictures)
        return enough and self.stray <= MOST_STRAY

    def __str__(self) -> str:
        """For people."""
        return (
            f"{self.detector} found a face in {self.faces} of {self.pictures} pictures; half of"
            f" their points lie within {self.stray:.1%} of the eyes' distance from the median"
        )


def find_template(
    pictures: Iterable[Pixels], detector: Detector, *, name: str = "found"
) -> Template | None:
    """The template of pictures that have their faces at one place.

    Args:
        pictures: HWC uint8, RGB each, of one shape or of shapes that differ in scale alone.
        detector: gives five points or more.
        name: of the layout.

    Returns:
        The medians of the points as fractions of width and height, made symmetric about a vertical
        line; `Template.holds` says whether they can be used. None: no face was found at all.
    """
    seen: list[NDArray[np.float64]] = []
    count = 0
    for rgb in pictures:
        count += 1
        best = _best(rgb, detector)
        if best is not None:
            seen.append(best / [rgb.shape[1], rgb.shape[0]])
    if not seen:
        return None
    places = np.stack(seen)
    middle = np.median(places, axis=0)
    eyes = float(np.hypot(*(middle[1] - middle[0])))
    away = np.hypot(*(places - middle).T)
    stray = float(np.median(away)) / max(eyes, 1e-6)
    points = symmetric(middle)
    layout = Layout(name, _box_around(points), points)
    return Template(layout, count, len(seen), stray, detector.name)


def symmetric(points: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """Five points made level and symmetric about the vertical line through the eyes' middle.

    Args:
        points: [5, 2]: left eye, right eye, nose, left and right mouth corner.
    """
    left, right, nose, mouth_left, mouth_right = points
    middle = (left[0] + right[0]) / 2
    eye, mouth = (right[0] - left[0]) / 2, (mouth_right[0] - mouth_left[0]) / 2
    eyes_y, mouth_y = (left[1] + right[1]) / 2, (mouth_left[1] + mouth_right[1]) / 2
    rows = ((middle - eye, eyes_y), (middle + eye, eyes_y), (middle, nose[1]))
    corners = ((middle - mouth, mouth_y), (middle + mouth, mouth_y))
    return tuple((round(float(x), _DIGITS), round(float(y), _DIGITS)) for x, y in rows + corners)


def layout_of_points(points: Sequence[float], *, name: str = "given") -> Layout:
    """A layout from ten fractions: x and y of left eye, right eye, nose, both mouth corners.

    Raises:
        UsageError: there are not ten, they are no fractions, or they are no face.
    """
    if len(points) != 10 or not all(0 <= value <= 1 for value in points):
        raise UsageError(
            f"a layout is ten fractions from 0 to 1, not {list(points)}",
            hint="x and y of the left eye, right eye, nose, left and right mouth corner, as seen"
            " in the picture",
        )
    pairs = tuple((float(x), float(y)) for x, y in zip(points[::2], points[1::2], strict=True))
    (left, right, _, mouth_left, mouth_right) = pairs
    if left[0] >= right[0] or (left[1] + right[1]) >= (mouth_left[1] + mouth_right[1]):
        raise UsageError(
            f"the layout {list(points)} has its right eye left of the left one, or its mouth above"
            " the eyes"
        )
    return Layout(name, _box_around(pairs), pairs)


def _best(rgb: Pixels, detector: Detector) -> NDArray[np.float64] | None:
    """The five points of the best face, if there is one whose points make sense."""
    for face in detector.detect(rgb)[:1]:
        try:
            if confidence_of(face.points_px, face.kind) >= _LEAST_CONFIDENCE:
                return landmarks_to_eyes_mouth(face.points_px, face.kind).five()
        except UsageError:  # points that give no direction
            continue
    return None


def _box_around(points: Sequence[tuple[float, float]]) -> Box:
    """A box for a face of these points, by the proportions of YuNet's on frontal faces."""
    xs, ys = zip(*points, strict=True)
    eyes = points[1][0] - points[0][0]
    down = (points[3][1] + points[4][1] - points[0][1] - points[1][1]) / 2
    middle = (xs[0] + xs[1]) / 2
    return (
        round(middle - 1.13 * eyes, _DIGITS),
        round(min(ys) - 1.08 * down, _DIGITS),
        round(middle + 1.13 * eyes, _DIGITS),
        round(max(ys) + 0.71 * down, _DIGITS),
    )

"""Faces whose place is known beforehand: sprites and generators with a fixed geometry."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from artstyle.errors import UsageError, WeightsError
from artstyle.faces.detector import Box, Face, Pixels, checked_picture
from artstyle.faces.quad import TEMPLATE


@dataclass(frozen=True)
class Layout:
    """Where the one face of each picture lies."""

    name: str
    box: Box
    points: tuple[
        tuple[float, float], ...
    ]  # left eye, right eye, nose, left and right mouth corner
    # What the figures are fractions of: width and height of the picture, or the side of the
    # largest square in its middle.
    of: Literal["picture", "square"] = "picture"


LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        # read from pictures with a grid laid over; the mouths of facesjs differ in width
        Layout(
            "facesjs",
            (0.17, 0.27, 0.83, 0.84),
            ((0.365, 0.525), (0.635, 0.525), (0.5, 0.63), (0.425, 0.725), (0.575, 0.725)),
        ),
        Layout(
            "toon_head",
            (0.28, 0.30, 0.72, 0.78),
            ((0.402, 0.52), (0.598, 0.52), (0.5, 0.605), (0.445, 0.66), (0.555, 0.66)),
        ),
        # the medians of YuNet's points over 50 pictures, made symmetric
        Layout(
            "pioneer",
            (0.266, 0.178, 0.734, 0.815),
            ((0.396, 0.425), (0.604, 0.425), (0.5, 0.557), (0.413, 0.653), (0.587, 0.653)),
        ),
        # the medians of YuNet's points over the 101 of 200 pictures that it sees a face in, made
        # upright: these heads look to the viewer's right
        Layout(
            "lorelei",
            (0.37, 0.30, 0.76, 0.78),
            ((0.507, 0.468), (0.655, 0.468), (0.611, 0.566), (0.521, 0.64), (0.641, 0.64)),
        ),
        # the picture is the crop: a head fills it, as in the cells of most sheets of heads
        Layout(
            "head",
            (0.2, 0.2, 0.8, 0.85),
            tuple((float(x), float(y)) for x, y in TEMPLATE),
            of="square",
        ),
    )
}


def lack() -> WeightsError | None:
    """Nothing is ever missing."""
    return None


def make(*, layout: str | Layout = "") -> FixedLayout:
    """A layout of `LAYOUTS` by its name, or one's own.

    Raises:
        UsageError: there is none of this name, or its figures are no face.
    """
    if isinstance(layout, Layout):
        return FixedLayout(layout)
    if layout not in LAYOUTS:
        near = difflib.get_close_matches(layout, LAYOUTS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(LAYOUTS)}"
        raise UsageError(f"there is no layout {layout!r}" if layout else "which layout?", hint=hint)
    return FixedLayout(LAYOUTS[layout])


class FixedLayout:
    """One face in every picture, always at the same place.

    Raises:
        UsageError: the layout has not five points, or its box is empty.
    """

    licence = "none needed"

    def __init__(self, layout: Layout) -> None:
        x0, y0, x1, y1 = layout.box
        places = np.array(layout.points, dtype=np.float64)
        numbers = np.array([*layout.box, *places.ravel()], dtype=np.float64)
        if places.shape != (5, 2) or not np.isfinite(numbers).all() or x1 <= x0 or y1 <= y0:
            raise UsageError(f"layout {layout.name} needs five points (x, y), and a box with area")
        self.name = f"layout:{layout.name}"
        self._box, self._places = np.array(layout.box).reshape(2, 2), places
        self._of_square = layout.of == "square"

    def detect(self, rgb: Pixels) -> list[Face]:
        """See `Detector.detect`; the score is 1."""
        height, width = checked_picture(rgb).shape[:2]
        size, corner = np.array([width, height], dtype=np.float64), np.zeros(2)
        if self._of_square:
            side = min(width, height)
            corner, size = (size - side) // 2, np.full(2, float(side))
        (x0, y0), (x1, y1) = (corner + self._box * size).tolist()
        points = (corner + self._places * size).astype(np.float32)
        return [Face((x0, y0, x1, y1), 1.0, points, "five", self.name)]

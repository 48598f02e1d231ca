"""The faces of a photo with their numbers, so that one can be chosen with --face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw

from artstyle.images import resize_area
from artstyle.pipeline.challenge.finding import Found
from artstyle.report._lettering import set_line

Pixels = NDArray[np.uint8]

LONGEST_PX = 1200
_SHADE, _LIGHT = "#000000", "#ffffff"
# Of a face's square: where its box lies, as dlib has it; people think of that as the face.
_BOX_SIDE, _BOX_DOWN = 0.608, 0.105


def draw_faces(found: Found) -> Pixels:
    """The photo, shrunk, with a numbered frame around each face; HWC uint8 RGB."""
    height, width = found.rgb.shape[:2]
    scale = min(1.0, LONGEST_PX / max(height, width))
    small = resize_area(found.rgb, max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = PillowImage.fromarray(small)
    draw = ImageDraw.Draw(canvas)
    line_px = max(2, round(max(canvas.size) / 300))
    for number, one in enumerate(found.seen, start=1):
        side = one.face_px * scale * _BOX_SIDE
        centre = one.quad_px.mean(axis=0) + _BOX_DOWN * (one.quad_px[1] - one.quad_px[0])
        x, y = (float(value) * scale for value in centre)
        frame = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
        draw.rectangle(_grown(frame, line_px), outline=_SHADE, width=3 * line_px)
        draw.rectangle(frame, outline=_LIGHT, width=line_px)
        _label(draw, str(number), frame, max(14, round(side / 4)), canvas.size)
    return np.array(canvas)


def _grown(frame: tuple[float, float, float, float], by: int) -> tuple[float, float, float, float]:
    return frame[0] - by, frame[1] - by, frame[2] + by, frame[3] + by


def _label(
    draw: ImageDraw.ImageDraw,
    text: str,
    frame: tuple[float, float, float, float],
    letters_px: int,
    size: tuple[int, int],
) -> None:
    """The number on a plate at the frame's upper left corner, inside the picture."""
    line = set_line(text, letters_px)
    wide, tall = line.width_px + 0.7 * letters_px, 1.3 * letters_px
    left = min(max(frame[0], 0), size[0] - wide)
    top = min(max(frame[1] - tall, 0), size[1] - tall)
    draw.rectangle((left, top, left + wide, top + tall), fill=_LIGHT, outline=_SHADE)
    line.draw(draw, (left + wide / 2, top + 0.1 * letters_px), "middle", _SHADE)

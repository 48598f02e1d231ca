"""The crop of one sprite: smooth as the house cuts photos, or block by block for pixel art."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from artstyle.faces.align import Crop, Quad, outside_share, quad_side_px, quad_to_crop
from artstyle.faces.detector import Pixels
from artstyle.pipeline.extract.cutting import Seen
from artstyle.pipeline.extract.settings import Settings
from artstyle.sprites.background import EMPTY_ALPHA
from artstyle.sprites.pixel_art import enlarged_square, is_pixel_art, pixel_scale, snapped_square
from artstyle.sprites.sheet import Sheet, Sprite

# Guesses: the share of an edge that is filled where a sprite is cut off by it; what is kept around
# a square, in sides and pixels: more than `quad_to_crop` reads.
_CUT_OFF = 0.2
_MARGIN, _MARGIN_PX = 0.15, 8
_SAMPLE = 12  # sprites of a sheet that are asked whether it is pixel art; most must say so


class Cutter:
    """Cuts the sprites of one sheet, all in the same way.

    Args:
        settings: of the extraction.
        sheet: whose sprites they are; it is asked whether it is pixel art, and how large its
            pixels are.
    """

    def __init__(self, settings: Settings, sheet: Sheet) -> None:
        self._settings = settings
        wanted = settings.sprites.pixel_art
        sample = sheet.sprites[:: max(len(sheet.sprites) // _SAMPLE, 1)]
        votes = [is_pixel_art(one.rgb, one.alpha) for one in sample] if wanted == "auto" else []
        self.is_pixel_art = wanted == "yes" or sum(votes) * 2 > len(votes)
        scales = [pixel_scale(one.rgb, one.alpha) for one in sample] if self.is_pixel_art else [1]
        self.scale = int(np.gcd.reduce([scale for scale in scales if scale > 1] or [1]))

    def cut(self, rgb: Pixels, sprite: Sprite, seen: Seen) -> tuple[Crop, Mapping[str, Any]]:
        """The crop, and figures about it beyond those of all crops.

        Args:
            rgb: HWC uint8, the sprite on its matte.
            sprite: what it was.
            seen: a face in it.
        """
        size = self._settings.size_px
        if not self.is_pixel_art:
            return self._smooth(rgb, sprite, seen.quad_px), {}
        height, width = rgb.shape[:2]
        square = snapped_square(seen.quad_px, size, self.scale, (width, height))
        outside = self._outside(rgb, sprite)
        pixels = enlarged_square(rgb, square, size, self.scale, outside)
        x, y, side = (value * self.scale for value in square)
        corners = [[x, y], [x, y + side], [x + side, y + side], [x + side, y]]
        quad = np.array(corners, dtype=np.float64)
        crop = Crop(pixels, quad, size / side, False, outside_share(quad, width, height))
        return crop, {"pixel_art": True, "pixel_scale": self.scale}

    def _smooth(self, rgb: Pixels, sprite: Sprite, quad: Quad) -> Crop:
        """Cut by the house's rule; beside a sprite that ends before its cell does lies matte.

        Else the reflection of the sprite would lie there, a second hat above the hat.
        """
        size, limit = self._settings.size_px, self._settings.enlarge_limit
        height, width = rgb.shape[:2]
        outside = outside_share(quad, width, height)
        pads = _pads(sprite.alpha, quad) if outside else (0, 0, 0, 0)
        if any(pads):
            left, top, right, bottom = pads
            canvas = np.empty((height + top + bottom, width + left + right, 3), dtype=np.uint8)
            canvas[:] = self._settings.matte_rgb
            canvas[top : top + height, left : left + width] = rgb
            rgb = canvas
        moved = quad + np.array(pads[:2], dtype=np.float64)
        crop = quad_to_crop(rgb, moved, size, enlarge_limit=limit)
        return Crop(crop.rgb, quad, crop.upscale_factor, crop.enlarged, outside)

    def _outside(self, rgb: Pixels, sprite: Sprite) -> tuple[int, int, int]:
        """What lies around a sprite: the matte, or the most frequent colour of its edge."""
        if sprite.alpha.min() < 255:
            return self._settings.matte_rgb
        edge = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
        colours, counts = np.unique(edge, axis=0, return_counts=True)
        red, green, blue = (int(value) for value in colours[counts.argmax()])
        return red, green, blue


def _pads(alpha: Pixels, quad: Quad) -> tuple[int, int, int, int]:
    """How much matte a sprite needs on its left, top, right and bottom side, in pixels.

    None where the sprite is cut off by the edge, as busts are below: there it goes on.
    """
    height, width = alpha.shape
    edges = alpha[:, 0], alpha[0], alpha[:, -1], alpha[-1]
    ends = [(edge >= EMPTY_ALPHA).mean() < _CUT_OFF for edge in edges]
    margin = _MARGIN * quad_side_px(quad) + _MARGIN_PX
    low, high = quad.min(axis=0) - margin, quad.max(axis=0) + margin
    over = -low[0], -low[1], high[0] - width, high[1] - height
    wanted = [math.ceil(max(one, 0)) * end for one, end in zip(over, ends, strict=True)]
    return wanted[0], wanted[1], wanted[2], wanted[3]

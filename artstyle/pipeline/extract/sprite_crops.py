"""The crop of one sprite: smooth as the house cuts photos, or block by block for pixel art."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from artstyle.faces.align import Crop, outside_share
from artstyle.faces.detector import Pixels
from artstyle.pipeline.extract.cutting import Seen, cut
from artstyle.pipeline.extract.settings import Settings
from artstyle.sprites.pixel_art import enlarged_square, is_pixel_art, pixel_scale, snapped_square
from artstyle.sprites.sheet import Sheet, Sprite

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
            limit, matte = self._settings.enlarge_limit, self._settings.matte_rgb
            return cut(rgb, seen, size, limit, alpha=sprite.alpha, matte=matte), {}
        height, width = rgb.shape[:2]
        square = snapped_square(seen.quad_px, size, self.scale, (width, height))
        outside = self._outside(rgb, sprite)
        pixels = enlarged_square(rgb, square, size, self.scale, outside)
        x, y, side = (value * self.scale for value in square)
        corners = [[x, y], [x, y + side], [x + side, y + side], [x + side, y]]
        quad = np.array(corners, dtype=np.float64)
        crop = Crop(pixels, quad, size / side, False, outside_share(quad, width, height))
        return crop, {"pixel_art": True, "pixel_scale": self.scale}

    def _outside(self, rgb: Pixels, sprite: Sprite) -> tuple[int, int, int]:
        """What lies around a sprite: the matte, or the most frequent colour of its edge."""
        if sprite.alpha.min() < 255:
            return self._settings.matte_rgb
        edge = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
        colours, counts = np.unique(edge, axis=0, return_counts=True)
        red, green, blue = (int(value) for value in colours[counts.argmax()])
        return red, green, blue

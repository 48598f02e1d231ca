"""The crop of one sprite: smooth as the house cuts photos, or block by block for pixel art."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from artstyle.faces.align import Crop, outside_share
from artstyle.pipeline.extract.cutting import Laid, Seen, cut
from artstyle.pipeline.extract.settings import Settings
from artstyle.sprites.pixel_art import enlarged_square, is_pixel_art, pixel_scale, snapped_square
from artstyle.sprites.sheet import Sheet

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

    def cut(self, sprite: Laid, seen: Seen) -> tuple[Crop, Mapping[str, Any]]:
        """The crop, and figures about it beyond those of all crops.

        Args:
            sprite: laid over its matte.
            seen: a face in it.
        """
        size = self._settings.size_px
        if not self.is_pixel_art:
            return cut(sprite, seen, size, self._settings.enlarge_limit), {}
        height, width = sprite.rgb.shape[:2]
        square = snapped_square(seen.quad_px, size, self.scale, (width, height))
        pixels = enlarged_square(sprite.rgb, square, size, self.scale, _outside(sprite))
        x, y, side = (value * self.scale for value in square)
        corners = [[x, y], [x, y + side], [x + side, y + side], [x + side, y]]
        quad = np.array(corners, dtype=np.float64)
        crop = Crop(pixels, quad, size / side, False, outside_share(quad, width, height))
        return crop, {"pixel_art": True, "pixel_scale": self.scale}


def _outside(sprite: Laid) -> tuple[int, int, int]:
    """What lies around a sprite: its matte or wall, or the most frequent colour of its edge."""
    if sprite.alpha is not None:
        return sprite.behind
    rgb = sprite.rgb
    edge = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
    colours, counts = np.unique(edge, axis=0, return_counts=True)
    red, green, blue = (int(value) for value in colours[counts.argmax()])
    return red, green, blue

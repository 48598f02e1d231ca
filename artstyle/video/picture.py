"""A decoded frame, and the pictures that can be made of it.

Decoding gives planes of luma and colour differences in the stored geometry. Turning them into RGB
costs about as much as decoding; therefore a `RawFrame` is converted only when somebody asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

_UNSPECIFIED = {0, 2, 3}  # AVCOL_SPC: RGB is told by the pixel format; 2 and 3 say nothing
_HD_HEIGHT_PX = 720  # from here up, players take unmarked films as BT.709, below as BT.601
_WIDEST_ASPECT = 4  # pixels wider or taller than this are a broken header


@dataclass(frozen=True)
class Display:
    """How stored pictures are turned into what a viewer sees."""

    rotation_deg: int = 0  # counter-clockwise: 0, 90, 180, 270
    pixel_aspect: Fraction = Fraction(1)  # width of a stored pixel / its height

    def size_px(
        self, stored_px: tuple[int, int], size_limit_px: int | None = None
    ) -> tuple[int, int]:
        """Width and height before rotation: pixels made square by enlarging, then bounded."""
        width, height = Fraction(stored_px[0]), Fraction(stored_px[1])
        if self.pixel_aspect >= 1:
            width *= self.pixel_aspect
        else:
            height /= self.pixel_aspect
        longest = max(width, height)
        if size_limit_px is not None and longest > size_limit_px:
            width, height = width * size_limit_px / longest, height * size_limit_px / longest
        return max(1, round(width)), max(1, round(height))


def usable_aspect(aspect: Fraction | None) -> Fraction:
    """The pixel aspect ratio of a header, or 1 where it is absent or absurd."""
    if not aspect or not Fraction(1, _WIDEST_ASPECT) <= aspect <= _WIDEST_ASPECT:
        return Fraction(1)
    return Fraction(aspect)


@dataclass(frozen=True, eq=False)
class RawFrame:
    """A decoded frame that has not been turned into a picture yet."""

    pts_s: float  # when it is shown, in the film's own clock
    is_keyframe: bool  # it was stored whole, not as a difference to others
    index: int  # how many frames came before it in this reading, counting from 0
    is_damaged: bool  # the decoder says that parts of it are wrong
    source: Any  # av.VideoFrame
    display: Display

    def rgb(self, size_limit_px: int | None = None) -> NDArray[np.uint8]:
        """The picture as it is shown: upright, with square pixels.

        Args:
            size_limit_px: what the longer side may have at most; None: as stored. Only shrinks.

        Returns:
            HWC uint8, RGB, [0, 255]. Frames without a mark are taken as BT.709 from 720 lines up,
            else as BT.601. Edges map to edges.
        """
        stored_px = (self.source.width, self.source.height)
        width, height = self.display.size_px(stored_px, size_limit_px)
        shrinks = width < stored_px[0] or height < stored_px[1]
        picture = self.source.reformat(
            width=width,
            height=height,
            format="rgb24",
            src_colorspace=self._colour_matrix(),
            interpolation="AREA" if shrinks else "BICUBIC",
        )
        pixels: NDArray[np.uint8] = picture.to_ndarray()
        if self.display.rotation_deg:
            pixels = np.ascontiguousarray(np.rot90(pixels, self.display.rotation_deg // 90))
        return pixels

    def luma(self, longest_px: int) -> NDArray[np.uint8]:
        """A small grey picture in the stored geometry, for measuring: HW uint8."""
        plane: NDArray[np.uint8] = self._small(longest_px, "gray").to_ndarray()
        return plane

    def colour(self, longest_px: int) -> NDArray[np.uint8]:
        """A small picture for comparing frames: 3HW uint8, luma and two colour differences."""
        planes: NDArray[np.uint8] = self._small(longest_px, "yuv444p").to_ndarray()
        return planes

    def _small(self, longest_px: int, form: str) -> Any:
        scale = min(1.0, longest_px / max(self.source.width, self.source.height))
        return self.source.reformat(
            width=max(2, round(self.source.width * scale)),
            height=max(2, round(self.source.height * scale)),
            format=form,
            interpolation="FAST_BILINEAR",
        )

    def _colour_matrix(self) -> str | None:
        if not self.source.format.components or self.source.format.is_rgb:
            return None
        if int(self.source.colorspace) not in _UNSPECIFIED:
            return None  # the frame itself says, and the converter reads it
        return "ITU709" if self.source.height >= _HD_HEIGHT_PX else "ITU601"


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame as a picture."""

    pts_s: float  # when it is shown, in the film's own clock: pts x time base
    rgb: NDArray[np.uint8]  # HWC, [0, 255], RGB, upright, square pixels
    is_keyframe: bool
    index: int  # how many frames came before it in this reading, counting from 0
    is_damaged: bool = False  # the decoder says that parts of it are wrong

"""Pictures of any size through a fast net."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from artstyle.baselines.fast.network import LEAST_SIDE_PX, STRIDE_PX, FastNet, lay_out
from artstyle.baselines.fast.tiles import Place, TiledDrawing
from artstyle.errors import ImageError, UsageError
from artstyle.events import Emit, Progress, ignore
from artstyle.images import from_tensor, to_tensor

WHOLE_PX = 3_000_000  # larger pictures are drawn in tiles; a map of theirs is 200 MB
TILE_PX = 768  # side of a tile, without its overlap; a guess between memory and speed

Pixels = NDArray[np.uint8]


class Painter:
    """Draws pictures in one style, or in a mixture of styles.

    Args:
        network: in eval mode.
        styles: how much each style counts; need not sum to one.
        device: where the network is.
        whole_px: pictures of more pixels are drawn in tiles.
        dtype: what is computed in; bfloat16 pays where the device has it.

    Raises:
        UsageError: there are not as many weights as styles, or all are 0.
    """

    def __init__(
        self,
        network: FastNet,
        styles: Sequence[float],
        *,
        device: str = "cpu",
        whole_px: int = WHOLE_PX,
        tile_px: int = TILE_PX,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if len(styles) != network.shape.styles:
            raise UsageError(
                f"the network knows {network.shape.styles} styles, and {len(styles)} were weighted"
            )
        if not any(styles) or not all(np.isfinite(styles)):
            raise UsageError(f"styles cannot count {', '.join(f'{one:g}' for one in styles)}")
        if tile_px < STRIDE_PX or tile_px % STRIDE_PX:
            raise UsageError(f"tiles of {tile_px} px cannot be: multiples of {STRIDE_PX} can")
        self.network = network.to(device, dtype)
        lay_out(self.network)
        self.styles = torch.tensor([list(styles)], device=device, dtype=dtype)
        self.device, self.dtype = device, dtype
        self.whole_px, self.tile_px = whole_px, tile_px

    def draw(self, photo: Pixels, *, emit: Emit = ignore) -> Pixels:
        """A picture in the style.

        Args:
            photo: HWC uint8, [0, 255], RGB in sRGB.
            emit: gets progress in tiles.

        Returns:
            The same size.

        Raises:
            ImageError: it is smaller than 16 px a side, or what was drawn is not finite.
        """
        height, width = photo.shape[:2]
        if height * width <= self.whole_px:
            return self._whole(photo)
        return self._in_tiles(photo, emit)

    @torch.inference_mode()
    def _whole(self, photo: Pixels) -> Pixels:
        height, width = photo.shape[:2]
        _require_large(height, width)
        drawn = self.network(self._tensor(_padded(photo)), self.styles)
        return from_tensor(drawn[..., :height, :width])

    @torch.inference_mode()
    def _in_tiles(self, photo: Pixels, emit: Emit) -> Pixels:
        height, width = photo.shape[:2]
        _require_large(height, width)
        padded = _padded(photo)
        drawn = np.empty_like(padded)
        done = itertools.count(1)

        def told() -> None:
            emit(Progress("tiles", next(done), drawing.steps, "tiles"))

        def give(place: Place, part: torch.Tensor) -> None:
            drawn[place.at(1)] = from_tensor(part)

        drawing = TiledDrawing(
            self.network,
            self.styles,
            (padded.shape[0], padded.shape[1]),
            self.tile_px,
            take=lambda place: self._tensor(padded[place.at(1)]),
            told=told,
        )
        drawing.draw(give)
        return drawn[:height, :width]

    def _tensor(self, pixels: Pixels) -> torch.Tensor:
        batch = to_tensor(pixels).to(self.device, self.dtype)
        return batch.contiguous(memory_format=torch.channels_last)


def _padded(photo: Pixels) -> Pixels:
    """Sides that the network can halve twice: mirrored beyond the right and the lower edge."""
    height, width = photo.shape[:2]
    more = ((0, -height % STRIDE_PX), (0, -width % STRIDE_PX), (0, 0))
    return np.pad(photo, more, mode="reflect") if height % STRIDE_PX or width % STRIDE_PX else photo


def _require_large(height_px: int, width_px: int) -> None:
    if min(height_px, width_px) < LEAST_SIDE_PX:
        raise ImageError(
            f"a picture of {width_px} x {height_px} pixels is too small to be drawn:"
            f" {LEAST_SIDE_PX} a side is the least"
        )

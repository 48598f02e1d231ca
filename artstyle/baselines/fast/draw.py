"""Pictures of any size through a fast net: whole, or in tiles that show no seams.

A tile overlaps its neighbours by what a pixel of the result can see of the photo, so inside of it
every pixel is what it would be in the whole picture. The one thing that reaches farther, the mean
and the variance that instance norm takes of a whole map, is measured once and held for all tiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from artstyle.baselines.fast.network import LEAST_SIDE_PX, STRIDE_PX, FastNet, lay_out
from artstyle.baselines.fast.norm import Followed, Held, Measured, Statistics
from artstyle.errors import ImageError, UsageError
from artstyle.events import Emit, Progress, ignore
from artstyle.images import from_tensor, to_tensor

WHOLE_PX = 3_000_000  # larger pictures are drawn in tiles; a map of theirs is 200 MB
TILE_PX = 768  # side of what a tile gives, without its overlap; a guess between memory and speed
# Statistics of a picture in tiles: taken of so many pixels, cut out at full size all over it.
SAMPLE_PX = 2_000_000
_PATCH_PX = 256  # side of what is cut out
# How much a film's newest frame counts in the statistics; measured on Sintel, see docs.
FOLLOW_SHARE = 0.15

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
            return self._whole(photo, None)
        return self._in_tiles(photo, emit)

    def draw_with(self, photo: Pixels, statistics: Statistics) -> Pixels:
        """A picture, whole, with statistics that come from elsewhere."""
        return self._whole(photo, statistics)

    @torch.inference_mode()
    def _whole(self, photo: Pixels, statistics: Statistics | None) -> Pixels:
        height, width = photo.shape[:2]
        drawn = self.network(self._padded(self._tensor(photo)), self.styles, statistics)
        return from_tensor(drawn[..., :height, :width])

    @torch.inference_mode()
    def _in_tiles(self, photo: Pixels, emit: Emit) -> Pixels:
        held = Held(self.measured(photo))
        drawn = np.empty_like(photo)
        tiles = list(tiles_of(photo.shape[0], photo.shape[1], self.tile_px, self._reach_px))
        for done, tile in enumerate(tiles, start=1):
            drawn[tile.gives] = self._whole(photo[tile.sees], held)[tile.inside]
            emit(Progress("tiles", done, len(tiles), "tiles"))
        return drawn

    @torch.inference_mode()
    def measured(self, photo: Pixels) -> Measured:
        """The statistics of a picture that is too large to be drawn whole.

        They are those of patches in full size, evenly spread over it: a shrunk picture has more
        contrast between neighbours, and other statistics (see docs/baselines.md).
        """
        measured = Measured()
        patches = np.stack([photo[place] for place in patches_of(*photo.shape[:2])])
        self.network(self._tensor(patches), self.styles, measured)
        return measured

    @property
    def _reach_px(self) -> int:
        return self.network.shape.reach_px

    def _tensor(self, pixels: Pixels) -> torch.Tensor:
        batch = to_tensor(pixels).to(self.device, self.dtype)
        return batch.contiguous(memory_format=torch.channels_last)

    def _padded(self, photo: torch.Tensor) -> torch.Tensor:
        """Sides that the network can halve twice: mirrored beyond the right and the lower edge."""
        height, width = photo.shape[2:]
        if min(height, width) < LEAST_SIDE_PX:
            raise ImageError(
                f"a picture of {width} x {height} pixels is too small to be drawn:"
                f" {LEAST_SIDE_PX} a side is the least"
            )
        more = (0, -width % STRIDE_PX, 0, -height % STRIDE_PX)
        return F.pad(photo, more, mode="reflect") if any(more) else photo


class FilmPainter:
    """Draws a film's frames with colours that do not flicker.

    Args:
        painter: what draws; frames are drawn whole.
        share: how much the newest frame counts in the statistics that all share.
    """

    def __init__(self, painter: Painter, share: float = FOLLOW_SHARE) -> None:
        self._painter = painter
        self._followed = Followed(share)

    def begin_shot(self) -> None:
        """What comes next is another picture altogether."""
        self._followed.forget()

    def draw(self, frame: Pixels) -> Pixels:
        """The next frame; arguments and errors as for `Painter.draw`."""
        return self._painter.draw_with(frame, self._followed)


@dataclass(frozen=True)
class Tile:
    """A part of a picture; all three are rows and columns."""

    sees: tuple[slice, slice]  # of the photo, with the overlap
    gives: tuple[slice, slice]  # of the result
    inside: tuple[slice, slice]  # of what was drawn from `sees`


def tiles_of(height_px: int, width_px: int, tile_px: int, reach_px: int) -> Iterator[Tile]:
    """Tiles that cover a picture once, each with its overlap.

    Args:
        height_px: of the picture.
        width_px: of the picture.
        tile_px: side of what a tile gives; a multiple of the stride.
        reach_px: the overlap; a multiple of the stride.
    """
    for top, bottom in _cuts(height_px, tile_px):
        for left, right in _cuts(width_px, tile_px):
            rows, columns = (
                (max(0, low - reach_px), min(length, high + reach_px))
                for low, high, length in ((top, bottom, height_px), (left, right, width_px))
            )
            yield Tile(
                (slice(*rows), slice(*columns)),
                (slice(top, bottom), slice(left, right)),
                (
                    slice(top - rows[0], bottom - rows[0]),
                    slice(left - columns[0], right - columns[0]),
                ),
            )


def _cuts(length_px: int, tile_px: int) -> Iterator[tuple[int, int]]:
    """Where tiles begin and end along a side; a last one that is too thin joins its neighbour."""
    starts = list(range(0, length_px, tile_px))
    if len(starts) > 1 and length_px - starts[-1] < LEAST_SIDE_PX:
        starts.pop()
    yield from zip(starts, [*starts[1:], length_px], strict=True)


def patches_of(height_px: int, width_px: int) -> list[tuple[slice, slice]]:
    """Squares spread evenly over a picture, corners included; about `SAMPLE_PX` pixels in all."""
    side = min(_PATCH_PX, height_px // STRIDE_PX * STRIDE_PX, width_px // STRIDE_PX * STRIDE_PX)
    wanted = max(1.0, SAMPLE_PX / side**2)
    down = max(1, round((wanted * height_px / width_px) ** 0.5))
    across = max(1, round(wanted / down))
    down, across = min(down, -(-height_px // side)), min(across, -(-width_px // side))
    return [
        (slice(top, top + side), slice(left, left + side))
        for top in _spread(height_px - side, down)
        for left in _spread(width_px - side, across)
    ]


def _spread(room_px: int, count: int) -> list[int]:
    """So many places from 0 to the room, evenly, on the stride."""
    if count == 1:
        return [room_px // 2 // STRIDE_PX * STRIDE_PX]
    places = [number * room_px // (count - 1) // STRIDE_PX * STRIDE_PX for number in range(count)]
    return sorted(set(places))

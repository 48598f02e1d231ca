"""A large picture through a fast net, in tiles that give exactly what the whole would give.

Convolutions look a few pixels beyond a tile's edges, so tiles overlap. Instance norm looks at the
whole map, and no overlap helps: a tile's own mean and variance differ from tile to tile, and those
of a shrunk copy, or of a sample of the picture, were measured to move colours by 4 to 40 of 255
levels. So the picture is gone through layer by layer: the layer's mean and variance are put
together from all tiles before any tile goes on to the next. Only the map at a quarter of the size,
a sixteenth of the pixels, lies in memory as a whole; the layers around it, which are cheap, are
computed up to three times. Beside the whole at once that takes half as much time again, and a
quarter of the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from artstyle.baselines.fast.network import STRIDE_PX, FastNet, enlarged
from artstyle.baselines.fast.norm import Held, Pooled

# How far beyond its edges a tile has to look, in pixels of the photo. Down: half of the kernels,
# 4 + 1 + 2, up to the next stride. Up: at half the size an interpolation and a kernel spoil a pixel
# each, at the full size one more each, and the last kernel two: 2 * 2 + 2 + 2.
DOWN_PX, UP_PX = 8, 8


@dataclass(frozen=True)
class Place:
    """A rectangle of the photo, pixels; multiples of the stride."""

    top: int
    bottom: int
    left: int
    right: int

    def at(self, scale: int) -> tuple[slice, slice]:
        """Rows and columns in a map whose pixels are so many of the photo's wide."""
        return (
            slice(self.top // scale, self.bottom // scale),
            slice(self.left // scale, self.right // scale),
        )

    def wider(self, by_px: int, height_px: int, width_px: int) -> Place:
        """With so much around it, as far as the photo goes."""
        return Place(
            max(0, self.top - by_px),
            min(height_px, self.bottom + by_px),
            max(0, self.left - by_px),
            min(width_px, self.right + by_px),
        )

    def inside(self, outer: Place) -> Place:
        """The same rectangle, counted from the corner of another."""
        return Place(
            self.top - outer.top,
            self.bottom - outer.top,
            self.left - outer.left,
            self.right - outer.left,
        )


def tiles_of(height_px: int, width_px: int, tile_px: int) -> list[Place]:
    """Rectangles that cover a photo once; at least two strides a side, where it has them."""
    return [
        Place(top, bottom, left, right)
        for top, bottom in _cuts(height_px, tile_px)
        for left, right in _cuts(width_px, tile_px)
    ]


def _cuts(length_px: int, tile_px: int) -> Iterator[tuple[int, int]]:
    starts = list(range(0, length_px, tile_px))
    if len(starts) > 1 and length_px - starts[-1] < 2 * STRIDE_PX:
        starts.pop()  # reflection needs some pixels: the rest joins its neighbour
    yield from zip(starts, [*starts[1:], length_px], strict=True)


class TiledDrawing:
    """One picture on its way through a net.

    Args:
        network: in eval mode.
        styles: [1, styles].
        size_px: height and width of the photo; multiples of the stride.
        tile_px: side of the tiles, a multiple of the stride.
        take: gives a part of the photo, [1, 3, h, w], [-1, 1].
        told: called after each tile.
    """

    def __init__(
        self,
        network: FastNet,
        styles: torch.Tensor,
        size_px: tuple[int, int],
        tile_px: int,
        *,
        take: Callable[[Place], torch.Tensor],
        told: Callable[[], None] = lambda: None,
    ) -> None:
        self.network, self.styles, self.take, self.told = network, styles, take, told
        self.height_px, self.width_px = size_px
        self.tiles = tiles_of(*size_px, tile_px)
        self._held = Held()

    @property
    def steps(self) -> int:
        """How often `told` will be called."""
        return len(self.tiles) * (len(self.network.down) + len(self.network.up) + 1)

    def draw(self, give: Callable[[Place, torch.Tensor], None]) -> None:
        """Draw; each part of the result is given when it is there.

        Args:
            give: gets the place and [1, 3, h, w].
        """
        quarter = self._gone_down()
        for block in self.network.blocks:
            quarter = block(quarter, self.styles, self._held)
        for depth in range(len(self.network.up)):
            self._measure_up(quarter, depth)
        for tile in self.tiles:
            x = self._up(quarter, tile, len(self.network.up))
            outer = self._outer(tile, UP_PX)
            give(tile, self.network.coloured(x)[(..., *tile.inside(outer).at(1))])
            self.told()

    def _outer(self, tile: Place, by_px: int) -> Place:
        return tile.wider(by_px, self.height_px, self.width_px)

    def _gone_down(self) -> torch.Tensor:
        """The whole map at a quarter of the size."""
        layers = self.network.layers_down
        quarter: torch.Tensor | None = None
        for depth, layer in enumerate(layers):
            pooled, scale = Pooled(), 2**depth
            for tile in self.tiles:
                outer = self._outer(tile, DOWN_PX)
                x = self.take(outer)
                for before in layers[:depth]:
                    x = F.relu_(before(x, self.styles, self._held))
                part = layer.convolved(x)[(..., *tile.inside(outer).at(scale))]
                pooled.add(part)
                if depth == len(layers) - 1:
                    if quarter is None:
                        quarter = self._empty(part)
                    quarter[(..., *tile.at(scale))] = part
                self.told()
            self._held.layers[layer.norm.layer] = pooled.moments_like(self.styles)
        assert quarter is not None
        return F.relu_(layers[-1].norm(quarter, self.styles, self._held))

    def _empty(self, part: torch.Tensor) -> torch.Tensor:
        size = (1, part.shape[1], self.height_px // STRIDE_PX, self.width_px // STRIDE_PX)
        return part.new_empty(size).contiguous(memory_format=torch.channels_last)

    def _measure_up(self, quarter: torch.Tensor, depth: int) -> None:
        """Mean and variance of a layer on the way up."""
        pooled, layer = Pooled(), self.network.layers_up[depth]
        for tile in self.tiles:
            x = self._up(quarter, tile, depth)
            outer = self._outer(tile, UP_PX)
            scale = STRIDE_PX // 2 ** (depth + 1)
            pooled.add(layer.convolved(enlarged(x))[(..., *tile.inside(outer).at(scale))])
            self.told()
        self._held.layers[layer.norm.layer] = pooled.moments_like(self.styles)

    def _up(self, quarter: torch.Tensor, tile: Place, depth: int) -> torch.Tensor:
        """A tile with what is around it, through so many layers."""
        x = quarter[(..., *self._outer(tile, UP_PX).at(STRIDE_PX))]
        for layer in self.network.layers_up[:depth]:
            x = F.relu_(layer(enlarged(x), self.styles, self._held))
        return x

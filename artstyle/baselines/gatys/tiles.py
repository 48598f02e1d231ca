"""A large picture in tiles, so that memory is bounded by a tile and not by the picture.

Why not gradient checkpointing: its memory still grows with the picture, and it would have to know
the network's inside. Tiles cost a second look without gradient and the halo around each tile: at
1024 px 1.8 times the convolutions of the whole picture.

A network of VGG's shape halves maps with each block, and sees 78 px around at conv5_1. With a halo
of 80 px, and tiles that begin at multiples of 16, every cell of a tile is exactly what it would be
in the whole picture.
"""

from __future__ import annotations

from dataclasses import dataclass

HALO_PX = 80  # a multiple of GRID_PX; at least the 77.5 px that conv5_1 of VGG19 sees to each side
GRID_PX = 16  # the stride of block 5
LEAST_PX = 64  # smaller tiles would be nearly all halo

Window = tuple[slice, slice]  # rows, columns


@dataclass(frozen=True)
class Tile:
    """One tile, in pixels of the picture."""

    own: Window  # the part it stands for; the parts of all tiles make up the picture
    seen: Window  # the same with its halo

    @property
    def with_halo(self) -> tuple[slice, slice, slice, slice]:
        """The index of what it sees in [n, c, h, w]."""
        return (slice(None), slice(None), *self.seen)


def tiles_of(height_px: int, width_px: int, tile_px: int | None) -> list[Tile]:
    """The tiles of a picture, row by row; one if it is not larger than a tile.

    Args:
        height_px: of the picture.
        width_px: of the picture.
        tile_px: the longest side of what a tile stands for; None: the picture is one tile.
    """
    rows = _spans(height_px, tile_px)
    columns = _spans(width_px, tile_px)
    return [
        Tile((slice(*down), slice(*across)), (_wider(down, height_px), _wider(across, width_px)))
        for down in rows
        for across in columns
    ]


def own_cells(tile: Tile, layer: str) -> tuple[Window, Window]:
    """The cells that a tile stands for: their place in its own map, and in the whole map.

    Args:
        tile: the tile.
        layer: e.g. "conv4_2"; its block says how coarse the map is.
    """
    stride = stride_of(layer)
    inner, outer = [], []
    for own, seen in zip(tile.own, tile.seen, strict=True):
        first, last = own.start // stride, own.stop // stride
        shift = seen.start // stride
        inner.append(slice(first - shift, last - shift))
        outer.append(slice(first, last))
    return (inner[0], inner[1]), (outer[0], outer[1])


def stride_of(layer: str) -> int:
    """Pixels per cell of a layer's map: each block but the first is half as large as the last."""
    return 1 << (int(layer[4]) - 1)


def map_size(layer: str, height_px: int, width_px: int) -> tuple[int, int]:
    """Rows and columns of a layer's map."""
    return height_px // stride_of(layer), width_px // stride_of(layer)


def _spans(length_px: int, tile_px: int | None) -> list[tuple[int, int]]:
    """Equal parts on the grid, as few as possible."""
    if tile_px is None or length_px <= tile_px:
        return [(0, length_px)]
    side = max(tile_px // GRID_PX * GRID_PX, LEAST_PX)
    count = -(-length_px // side)
    side = -(-length_px // (count * GRID_PX)) * GRID_PX
    return [(start, min(start + side, length_px)) for start in range(0, length_px, side)]


def _wider(span: tuple[int, int], length_px: int) -> slice:
    return slice(max(span[0] - HALO_PX, 0), min(span[1] + HALO_PX, length_px))

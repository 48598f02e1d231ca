"""Grids of pictures edge to edge, as the official training writes them: reals and fakes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from artstyle.pipeline.train.pictures import Pictures

if TYPE_CHECKING:
    import torch

    from stylegan_ext.networks import Generator

_COLUMNS, _ROWS = 12, 8  # at 64 px a picture of 768 x 512; a guess
_LARGE_PX, _LARGE_COLUMNS, _LARGE_ROWS = 256, 6, 4
_AT_ONCE = 8


def grid_size(resolution: int) -> tuple[int, int]:
    """Columns and rows of a grid of pictures of this side."""
    large = resolution >= _LARGE_PX
    return (_LARGE_COLUMNS, _LARGE_ROWS) if large else (_COLUMNS, _ROWS)


def reals_of(pictures: Pictures, seed: int) -> tuple[NDArray[np.uint8], list[int]]:
    """Pictures of the dataset drawn by lot, NCHW uint8, and their indices."""
    columns, rows = grid_size(pictures.corpus.resolution)
    dice = np.random.RandomState(seed % (1 << 31))
    count = len(pictures.corpus)
    chosen = dice.permutation(count)[: columns * rows].tolist()
    chosen += dice.randint(count, size=columns * rows - len(chosen)).tolist()
    return pictures.batch(chosen), chosen


def draw_fakes(generator: Generator, z: torch.Tensor, c: torch.Tensor | None) -> NDArray[np.uint8]:
    """Pictures of latents, NCHW uint8 [0, 255]; constant noise, no truncation."""
    import torch

    parts = []
    with torch.no_grad():
        for begin in range(0, len(z), _AT_ONCE):
            some = slice(begin, begin + _AT_ONCE)
            drawn = generator(z[some], None if c is None else c[some])
            parts.append(drawn.float().mul(127.5).add(128).clamp(0, 255).byte().cpu())
    return torch.cat(parts).numpy()


def tiled(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pictures NCHW edge to edge, row after row: HWC uint8."""
    count, channels, height, width = pictures.shape
    columns, rows = grid_size(height)
    assert count == columns * rows, (count, columns, rows)
    grid = pictures.reshape(rows, columns, channels, height, width)
    return grid.transpose(0, 3, 1, 4, 2).reshape(rows * height, columns * width, channels)


def write_grid(path: Path, pictures: NDArray[np.uint8]) -> None:
    """Write a grid as PNG, whole or not at all."""
    from artstyle.images import write_png

    write_png(path, tiled(pictures))

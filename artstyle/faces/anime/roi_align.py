"""RoIAlign (He et al. 2017, section 3), the aligned variant with as many samples as fit."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def roi_align(features: Tensor, boxes: NDArray[np.float32], scale: float, cells: int) -> Tensor:
    """The features under boxes, each brought to a grid of cells.

    A cell is the mean of bilinear samples, ceil(size / cells) of them along each side of it. The
    samples lie on a grid, and bilinear weights are products of a weight for y and one for x; so
    the mean over a cell is one row of weights for y times one for x, and a box is two products of
    matrices on the part of the map that it covers.

    Args:
        features: [1, C, H, W]; the centre of place i lies at i + 0.5.
        boxes: [n, 4] in pixels of the picture.
        scale: places per pixel.
        cells: along each side.

    Returns:
        [n, C, cells, cells]; 0 for boxes without width or height.
    """
    plane = features[0].permute(1, 2, 0).contiguous()  # HWC: no copy where it is channels_last
    height, width, channels = plane.shape
    out = plane.new_zeros(len(boxes), cells, cells, channels)
    for number, (x0, y0, x1, y1) in enumerate((boxes.astype(np.float64) * scale - 0.5).tolist()):
        y_first, y_weights = _weights(y0, y1, height, cells)
        x_first, x_weights = _weights(x0, x1, width, cells)
        if not y_weights.size or not x_weights.size:
            continue
        part = plane[y_first : y_first + y_weights.shape[1], x_first : x_first + x_weights.shape[1]]
        rows = torch.from_numpy(y_weights).to(plane) @ part.reshape(len(part), -1)
        columns = rows.reshape(cells, -1, channels)
        torch.matmul(torch.from_numpy(x_weights).to(plane), columns, out=out[number])
    return out.permute(0, 3, 1, 2)


def _weights(start: float, stop: float, size: int, cells: int) -> tuple[int, NDArray[np.float32]]:
    """The weights of the places of one axis.

    Args:
        start: of the box on this axis, where the centre of place i is i.
        stop: of the box.
        size: places of the axis.
        cells: of the grid.

    Returns:
        The first place that has a weight; [cells, places] from there on, empty if none has.
    """
    samples = math.ceil((stop - start) / cells)
    if samples <= 0:
        return 0, np.zeros((cells, 0), np.float32)
    step = (stop - start) / cells / samples
    where = start + (np.arange(cells * samples) + 0.5) * step
    seen = (where >= -1) & (where <= size)  # what is further out counts as 0
    where = np.clip(where, 0, size - 1)
    low = np.minimum(where.astype(np.int64), max(size - 2, 0))
    share = where - low
    first, last = int(low.min()), min(int(low.max()) + 1, size - 1)
    table = np.zeros((cells, last - first + 2))  # one column more, for what lies behind the last
    rows = np.repeat(np.arange(cells), samples)
    np.add.at(table, (rows, low - first), (1 - share) * seen / samples)
    np.add.at(table, (rows, low - first + 1), share * seen / samples)
    return first, np.ascontiguousarray(table[:, : last - first + 1], dtype=np.float32)

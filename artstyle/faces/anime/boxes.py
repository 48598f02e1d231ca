"""Arithmetic of boxes: overlap, the suppression of doubles, anchors, coded differences.

Boxes are [n, 4] float32: x0, y0, x1, y1 along the edges of pixels, without the "+ 1" of old.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]
Scores = NDArray[np.float32]

_WIDEST = abs(math.log(16 / 1000))  # no difference makes a box more than 62.5 times as large


@dataclass(frozen=True, eq=False)
class Detections:
    """Boxes that were found, best first."""

    boxes: Boxes  # [n, 4]
    scores: Scores  # [n]


def overlaps(one: Boxes, many: Boxes) -> NDArray[np.float32]:
    """Intersection over union of a box [4] with others [n, 4]; 0 where both are empty."""
    low = np.maximum(one[:2], many[:, :2])
    high = np.minimum(one[2:], many[:, 2:])
    inside = np.prod(np.maximum(high - low, 0), axis=1)
    both = np.prod(one[2:] - one[:2]) + np.prod(many[:, 2:] - many[:, :2], axis=1) - inside
    share: NDArray[np.float32] = np.zeros_like(inside)
    np.divide(inside, both, out=share, where=both > 0)
    return share


def kept_by_nms(
    boxes: Boxes, scores: Scores, most_overlap: float, most: int | None = None
) -> NDArray[np.int64]:
    """Which boxes stay when each drives out the worse ones that it overlaps too much.

    Args:
        boxes: [n, 4].
        scores: [n].
        most_overlap: a box with more than this is driven out.
        most: how many are wanted; None for all.

    Returns:
        Their numbers, best first; of equal scores the earlier goes first.
    """
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while order.size and (most is None or len(kept) < most):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        order = rest[overlaps(boxes[best], boxes[rest]) <= most_overlap]
    return np.array(kept, dtype=np.int64)


def grid_anchors(height: int, width: int, stride: int, base: Boxes) -> Boxes:
    """Anchors at every place of a feature map.

    Args:
        height: of the map.
        width: of the map.
        stride: pixels of the picture per place.
        base: [k, 4], the anchors about (0, 0), where the first place lies.

    Returns:
        [height * width * k, 4], row by row, the k anchors of a place one after the other.
    """
    x, y = np.meshgrid(np.arange(width) * stride, np.arange(height) * stride)
    shifts = np.stack([x, y, x, y], axis=-1).astype(np.float32)
    return (shifts[:, :, None] + base).reshape(-1, 4)


def base_anchors(stride: int, scale: float, ratios: tuple[float, ...]) -> Boxes:
    """Anchors of area (stride * scale)^2 about (0, 0); ratios are height over width."""
    roots = np.sqrt(np.array(ratios, dtype=np.float64))
    half = stride * scale / 2
    half_widths, half_heights = half / roots, half * roots
    corners = [-half_widths, -half_heights, half_widths, half_heights]
    return np.stack(corners, axis=1).astype(np.float32)


def deltas_to_boxes(
    starts: Boxes,
    deltas: NDArray[np.float32],
    deviations: tuple[float, float, float, float],
    size_px: tuple[int, int],
) -> Boxes:
    """Boxes from where the network started and what it said of the difference (R-CNN's code).

    Args:
        starts: [n, 4], anchors or proposals.
        deltas: [n, 4], moves in widths and heights, logarithms of growth; in deviations.
        deviations: of the four.
        size_px: width and height of the picture; boxes are cut off there.
    """
    moves = deltas * np.array(deviations, np.float32)
    size = starts[:, 2:] - starts[:, :2]
    centre = (starts[:, :2] + starts[:, 2:]) / 2 + size * moves[:, :2]
    half = size * np.exp(np.clip(moves[:, 2:], -_WIDEST, _WIDEST)) / 2
    limits = np.array([*size_px, *size_px], np.float32)
    boxes: Boxes = np.clip(np.concatenate([centre - half, centre + half], axis=1), 0, limits)
    return boxes


def boxes_to_deltas(
    starts: Boxes, goals: Boxes, deviations: tuple[float, float, float, float]
) -> NDArray[np.float32]:
    """The inverse of `deltas_to_boxes` for boxes inside the picture."""
    size, goal_size = starts[:, 2:] - starts[:, :2], goals[:, 2:] - goals[:, :2]
    move = (goals[:, :2] + goals[:, 2:] - starts[:, :2] - starts[:, 2:]) / 2 / size
    code = np.concatenate([move, np.log(goal_size / size)], axis=1)
    deltas: NDArray[np.float32] = (code / np.array(deviations)).astype(np.float32)
    return deltas

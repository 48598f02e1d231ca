"""Where something counts, and how much: masks brought to the size of maps, and faces' places.

A mask is [h, w] float32, [0, 1]; edges map to edges, so that a mask fits a picture and its maps of
features alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

# A face's outline beside a detector's box: wider at the sides, and up to the hair. A guess, looked
# at on portraits; the edge falls off softly from 1 at the inner to 0 at the outer ellipse.
_INNER, _OUTER = 1.15, 1.6
_UP = 0.08  # the ellipse's centre above the box's, as a share of its height


def mask_at(mask: torch.Tensor, height_px: int, width_px: int) -> torch.Tensor:
    """A mask of another size: the mean of what each cell covers, between cells when enlarged.

    Args:
        mask: [h, w], [0, 1].
        height_px: rows wanted.
        width_px: columns wanted.
    """
    size = (height_px, width_px)
    if mask.shape == size:
        return mask
    if mask.shape[0] >= height_px and mask.shape[1] >= width_px:
        return F.adaptive_avg_pool2d(mask[None], size)[0]
    return F.interpolate(mask[None, None], size=size, mode="bilinear", antialias=True)[0, 0]


def shared_out(masks: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Masks of one size made to sum to at most 1 at each pixel, where they overlap."""
    if not masks:
        return []
    total = torch.stack(list(masks)).sum(dim=0).clamp_min(1.0)
    return [mask / total for mask in masks]


def ellipses(
    boxes_px: Sequence[tuple[float, float, float, float]], height_px: int, width_px: int
) -> torch.Tensor:
    """A mask of faces: soft ellipses over boxes as detectors give them.

    Args:
        boxes_px: x0, y0, x1, y1 along the edges of pixels; may reach over the picture's edges.
        height_px: rows of the mask.
        width_px: columns of the mask.

    Returns:
        [height, width], [0, 1]; zero where there is no face.
    """
    rows = torch.arange(height_px, dtype=torch.float32)[:, None] + 0.5
    columns = torch.arange(width_px, dtype=torch.float32)[None, :] + 0.5
    mask = torch.zeros(height_px, width_px)
    for x0, y0, x1, y1 in boxes_px:
        across = (columns - (x0 + x1) / 2) / ((x1 - x0) / 2)
        down = (rows - ((y0 + y1) / 2 - _UP * (y1 - y0))) / ((y1 - y0) / 2)
        radius = (across.square() + down.square()).sqrt()
        share = ((_OUTER - radius) / (_OUTER - _INNER)).clamp(0, 1)
        mask = torch.maximum(mask, share * share * (3 - 2 * share))  # no edge in the slope either
    return mask

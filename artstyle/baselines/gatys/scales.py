"""The sizes at which a picture is drawn, from coarse to fine."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from artstyle.errors import UsageError
from artstyle.images import resize_lanczos, to_tensor

LEAST_SIDE_PX = 32  # what a network with five blocks needs

Size: TypeAlias = tuple[int, int]  # height, width, in pixels


def fitted(size: Size, longer_px: int) -> Size:
    """A size in proportion whose longer side is `longer_px`."""
    factor = longer_px / max(size)
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def check_size(size: Size, what: str) -> Size:
    """The size itself, if a network can look at it.

    Raises:
        UsageError: a side is too short.
    """
    if min(size) >= LEAST_SIDE_PX:
        return size
    raise UsageError(
        f"{what} would be {size[1]}x{size[0]} px; each side must have {LEAST_SIDE_PX} px",
        hint="take a larger --size, or cut the picture to a less extreme form",
    )


def scale_sizes(final: Size, coarsest_px: int, factor: float) -> list[Size]:
    """The sizes from coarse to fine; the last is `final`.

    Args:
        final: what shall come out.
        coarsest_px: the longer side of the first, at most; raised where the shorter side would be
            too short, and `final` alone where that is no larger.
        factor: from size to size, about; it is fitted so that the steps are equal.
    """
    longer = max(final)
    first = max(coarsest_px, math.ceil(LEAST_SIDE_PX * longer / min(final)))
    count = max(0, round(math.log(max(longer / first, 1)) / math.log(factor)))
    if first < longer:
        count = max(count, 1)
    sides = [round(longer * (first / longer) ** (1 - i / count)) for i in range(count)]
    return [*(fitted(final, side) for side in sides), final]


def style_size(stored: Size, drawn: Size, style_scale: float) -> Size:
    """The size at which a painting is seen: as many pixels as the drawn picture, times scale^2."""
    factor = style_scale * math.sqrt(drawn[0] * drawn[1] / (stored[0] * stored[1]))
    factor = max(factor, LEAST_SIDE_PX / min(stored))
    return max(1, round(stored[0] * factor)), max(1, round(stored[1] * factor))


def at_size(pixels: NDArray[np.uint8], size: Size, device: str) -> torch.Tensor:
    """A picture as [1, 3, h, w], [-1, 1], resized with Lanczos."""
    return to_tensor(resize_lanczos(pixels, size[1], size[0])).to(device)


def enlarged(picture: torch.Tensor, size: Size) -> torch.Tensor:
    """What was drawn at a coarser scale, as the start of the next; edges map to edges."""
    if picture.shape[2:] == size:
        return picture
    return F.interpolate(picture, size=size, mode="bicubic", antialias=True).clamp(-1, 1)

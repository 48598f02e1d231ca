"""Pictures of a blend that is never written: the same latents under one set of shares after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from artstyle.images import WHITE, blend, from_batch
from stylegan_ext.blend import blend_tensors, describe, plan_blend
from stylegan_ext.drawing import draw
from stylegan_ext.networks import build
from stylegan_ext.records import ModelFile, NetworkRecord

if TYPE_CHECKING:
    from artstyle.pipeline.search.walk import Shares
    from stylegan_ext.levels import Level

Picture = NDArray[np.uint8]


class Mixer:
    """Two models, blended anew for each set of shares; the mapping network stays the base's.

    Args:
        base: the model whose coarse levels a blend keeps longest.
        style: its descendant.
        device: where pictures are drawn.

    Raises:
        MismatchError: the two cannot be blended.
        CheckpointError: one holds no generator.
    """

    def __init__(self, base: ModelFile, style: ModelFile, device: str = "cpu") -> None:
        self._base, self._style = base.generator(), style.generator()
        plan = plan_blend(self._base, self._style, weights="4-:0")
        self.levels: tuple[Level, ...] = plan.levels
        self.remarks = plan.remarks
        self.resolution = int(plan.kwargs["img_resolution"])
        tensors = blend_tensors(self._base.tensors, self._style.tensors, describe(plan))
        self._network = build(NetworkRecord(plan.kind, plan.kwargs, tensors)).to(device)

    def draw(self, shares: Shares, ws: torch.Tensor) -> list[Picture]:
        """The pictures of latents under these shares of the style.

        Args:
            shares: one for each of `levels`.
            ws: float32 [n, num_ws, w_dim] of the base.

        Returns:
            HWC uint8, [0, 255], RGB.

        Raises:
            ImageError: the blend draws values that are not finite.
        """
        weights = dict(zip(self.levels, shares, strict=True))
        plan = plan_blend(self._base, self._style, weights=weights)
        tensors = blend_tensors(self._base.tensors, self._style.tensors, describe(plan))
        self._network.load_state_dict(tensors)
        return [rgb(picture) for picture in from_batch(draw(self._network, ws))]  # type: ignore[arg-type]


def rgb(picture: Picture) -> Picture:
    """Grey to three channels; transparency laid over white."""
    if picture.shape[2] == 4:
        return blend(picture[..., :3], picture[..., 3], WHITE)
    return np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture

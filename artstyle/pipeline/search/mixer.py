"""Pictures of blends that are never written: the same latents under any shares of the levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from artstyle.images import WHITE, blend, from_batch
from artstyle.pipeline.tuning_steps import KEPT
from stylegan_ext.blend import blend_tensors, describe, plan_blend
from stylegan_ext.blend_fit import fit
from stylegan_ext.drawing import draw
from stylegan_ext.levels import Level, levels_of
from stylegan_ext.networks import Generator, build
from stylegan_ext.records import ModelFile, NetworkRecord
from stylegan_ext.tuning import Change, changed, left_of

if TYPE_CHECKING:
    from artstyle.pipeline.search.walk import Shares

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
        fitting = fit(self._base, self._style)
        self.levels: tuple[Level, ...] = levels_of(fitting.kind, fitting.kwargs)
        plan = plan_blend(self._base, self._style, weights=dict.fromkeys(self.levels, 0.0))
        self.remarks = plan.remarks
        self.resolution = int(plan.kwargs["img_resolution"])
        tensors = blend_tensors(self._base.tensors, self._style.tensors, describe(plan))
        network = build(NetworkRecord(plan.kind, plan.kwargs, tensors)).to(device)
        assert isinstance(network, Generator)
        self._network = network

    def draw(
        self, shares: Shares, ws: torch.Tensor, changes: Sequence[Change] = ()
    ) -> list[Picture]:
        """The pictures of latents under these shares of the style.

        Args:
            shares: one for each of `levels`.
            ws: float32 [n, num_ws, w_dim] of the base.
            changes: of the base towards each person, taken along as `left_of` says; or none.

        Returns:
            HWC uint8, [0, 255], RGB.

        Raises:
            ImageError: the blend draws values that are not finite.
        """
        weights = dict(zip(self.levels, shares, strict=True))
        plan = plan_blend(self._base, self._style, weights=weights)
        tensors = blend_tensors(self._base.tensors, self._style.tensors, describe(plan))
        self._network.load_state_dict(tensors)
        left = [left_of(change, weights, KEPT) for change in changes]
        drawn = self._bent(ws, left) if changes else draw(self._network, ws)
        return [rgb(picture) for picture in from_batch(drawn)]

    def _bent(self, ws: torch.Tensor, changes: Sequence[Change]) -> torch.Tensor:
        """Each latent by the blend with its own change."""
        rows = []
        for latent, change in zip(ws, changes, strict=True):
            with changed(self._network.synthesis, change):
                rows.append(draw(self._network, latent[None]))
        return torch.cat(rows)


def rgb(picture: Picture) -> Picture:
    """Grey to three channels; transparency laid over white."""
    if picture.shape[2] == 4:
        return blend(picture[..., :3], picture[..., 3], WHITE)
    return np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture

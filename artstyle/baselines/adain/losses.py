"""What a decoder is trained for (Huang & Belongie 2017, section 5.2), and a total variation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from artstyle.baselines.adain.decoder import DEEPEST, STYLE_LAYERS
from artstyle.baselines.adain.statistics import Statistics, statistics


@dataclass(frozen=True)
class Losses:
    """The terms, unweighted; scalars that can be differentiated."""

    content: torch.Tensor
    style: torch.Tensor
    tv: torch.Tensor


def losses(
    drawn: torch.Tensor,
    drawn_maps: Mapping[str, torch.Tensor],
    target: torch.Tensor,
    style: Mapping[str, Statistics],
    scales: Mapping[str, float],
) -> Losses:
    """How far what was drawn is from what it should be.

    Args:
        drawn: [n, 3, h, w], [-1, 1].
        drawn_maps: its maps at `STYLE_LAYERS`.
        target: what AdaIN gave, of which `drawn` was decoded: equation 12 compares with that and
            not with the photo's maps, which converges faster, the paper found.
        style: the painting's statistics at `STYLE_LAYERS`.
        scales: what each layer's maps are divided by; see `encoder.layer_scales`.

    Returns:
        Content: the mean square between maps of relu4_1. Style: between means and between
        deviations, summed over layers (equation 13, with mean squares instead of norms, as the
        authors' code has it).
    """
    content = F.mse_loss(drawn_maps[DEEPEST], target) / scales[DEEPEST] ** 2
    parts = []
    for layer in STYLE_LAYERS:
        made, wanted = statistics(drawn_maps[layer]), style[layer]
        part = F.mse_loss(made.mean, wanted.mean) + F.mse_loss(made.std, wanted.std)
        parts.append(part / scales[layer] ** 2)
    return Losses(content, torch.stack(parts).sum(), total_variation(drawn))


def total_variation(drawn: torch.Tensor) -> torch.Tensor:
    """Mean square of the differences between neighbours, down and across."""
    down = (drawn[:, :, 1:] - drawn[:, :, :-1]).square().mean()
    across = (drawn[:, :, :, 1:] - drawn[:, :, :, :-1]).square().mean()
    return down + across

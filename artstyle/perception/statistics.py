"""Means and deviations of maps: what style transfer compares, as one row of figures per picture."""

from __future__ import annotations

from collections.abc import Mapping

import torch

STATISTICS_LAYERS = ("relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_1")
_EPS = 1e-5  # under the root, so that flat maps have a gradient


def map_statistics(
    maps: Mapping[str, torch.Tensor], layers: tuple[str, ...] = STATISTICS_LAYERS
) -> torch.Tensor:
    """Means and standard deviations of every channel over its places, layer by layer.

    Args:
        maps: layer to [n, c, h, w]; others may be among them.
        layers: which, in this order.

    Returns:
        [n, 2 x all channels]: of each layer the means, then the deviations.
    """
    parts = []
    for layer in layers:
        x = maps[layer]
        mean = x.mean(dim=(2, 3))
        variance = (x - mean[:, :, None, None]).square().mean(dim=(2, 3))  # faster than var_mean
        parts += [mean, torch.sqrt(variance + _EPS)]
    return torch.cat(parts, dim=1)

"""Gram matrices: which features occur together, and where in the picture does not matter.

Gatys et al. 2015, equation 3, G_ij = sum_k F_ik F_jk, here divided by the number of positions, so
that pictures of different size can be compared. With a mask it is the guided Gram matrix of Gatys
et al. 2017, equation 4: features are multiplied by T_k with sum_k T_k^2 = 1.
"""

from __future__ import annotations

from typing import Any

import torch


def gram(features: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """The Gram matrix of a map of features, per position.

    Args:
        features: [1, c, h, w].
        mask: [h, w], [0, 1], how much each position counts; None counts all alike. A mask that
            is zero everywhere gives zeros.

    Returns:
        [c, c], symmetric, differentiable with respect to `features`.
    """
    if mask is None:
        return gram_sum(features) / (features.shape[2] * features.shape[3])
    return gram_sum(features, mask) / mask.square().sum().clamp_min(1e-12)


def gram_sum(features: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """As `gram`, but summed over positions: sums of the parts of a picture can be added."""
    if mask is not None:
        features = features * mask
    columns: torch.Tensor = _Products.apply(features)  # type: ignore[no-untyped-call]
    return columns


class _Products(torch.autograd.Function):
    """F F^T. Backward it takes one product of matrices, where two would follow from the rule."""

    @staticmethod
    def forward(ctx: Any, features: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(features)
        rows = _rows(features)
        return rows.T @ rows

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:  # d(F F^T) = (g + g^T) F
        (features,) = ctx.saved_tensors
        (gradient,) = gradients
        _, channels, height, width = features.shape
        if features.is_contiguous():
            down: torch.Tensor = (gradient + gradient.T) @ features[0].flatten(1)
            return down.reshape(features.shape)
        made: torch.Tensor = _rows(features) @ (gradient + gradient.T)
        return made.reshape(1, height, width, channels).permute(0, 3, 1, 2)


def _rows(features: torch.Tensor) -> torch.Tensor:
    """[positions, channels]: a view, whichever way the map lies in memory."""
    if features.is_contiguous():
        return features[0].flatten(1).T
    return features[0].permute(1, 2, 0).reshape(-1, features.shape[1])

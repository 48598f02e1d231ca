"""Averages and controllers of training: the generator's moving average and ADA's probability."""

from __future__ import annotations

import torch
from torch import nn


def ema_beta(
    batch_size: int, *, ema_kimg: float, current_nimg: float, rampup: float | None = 0.05
) -> float:
    """Decay for one iteration, given as a half-life in images.

    With `rampup`, the half-life grows with training, never over `rampup` times the images seen
    (StyleGAN2-ADA's training loop), so that early averages do not remember the noise before them.
    """
    half_life_nimg = ema_kimg * 1000
    if rampup is not None:
        half_life_nimg = min(half_life_nimg, current_nimg * rampup)
    return float(0.5 ** (batch_size / max(half_life_nimg, 1e-8)))


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, beta: float) -> None:
    """Move the parameters of `average` towards `network`'s; buffers are copied.

    Buffers hold running figures (w_avg, magnitudes) that average themselves already.
    """
    for mine, theirs in zip(average.parameters(), network.parameters(), strict=True):
        mine.copy_(theirs.lerp(mine, beta))
    for kept, current in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(current)


def adapt_probability(
    p: float,
    sign_mean: float,  # mean of sign(D(real)) over the last `interval` iterations
    *,
    batch_size: int,
    target: float = 0.6,  # Karras et al. 2020b, section 3.2
    interval: int = 4,  # iterations between two adjustments
    speed_kimg: float = 500,  # images after which p can have gone from 0 to 1
    maximum: float = 1.0,  # the official code has no cap, and was seen at p = 21.8
) -> float:
    """ADA's controller: raise p when D is too sure of the reals, lower it otherwise."""
    direction = (sign_mean > target) - (sign_mean < target)
    step = direction * batch_size * interval / (speed_kimg * 1000)
    return min(max(p + step, 0.0), maximum)

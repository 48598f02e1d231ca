"""Means and deviations of maps, and AdaIN: one picture's maps with another's statistics.

Huang & Belongie 2017, equation 8: AdaIN(x, y) = s(y) (x - m(x)) / s(x) + m(y), channel by channel.
For given statistics it is one factor and one offset per channel, and so is everything that the
paper builds on it: alpha (equation 14) mixes in the content's own statistics, several styles
(equation 15) mix theirs. `Change` is that factor and that offset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

EPSILON = 1e-5  # added to variances, as in the authors' code


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of each channel, over positions: [n, c, 1, 1] each."""

    mean: torch.Tensor
    std: torch.Tensor


@dataclass(frozen=True)
class Change:
    """What AdaIN does to maps: times `scale`, plus `shift`; both broadcast to [n, c, h, w]."""

    scale: torch.Tensor
    shift: torch.Tensor

    def __call__(self, maps: torch.Tensor) -> torch.Tensor:
        """The changed maps; new ones."""
        return torch.addcmul(self.shift, maps, self.scale)


def statistics(maps: torch.Tensor, mask: torch.Tensor | None = None) -> Statistics:
    """Mean and standard deviation of each channel.

    Args:
        maps: [n, c, h, w].
        mask: [h, w], [0, 1], how much each position counts; None counts all alike. One that is
            zero everywhere gives the mean 0 and the least deviation.

    Returns:
        The deviation is that of the population, with `EPSILON` under the root.
    """
    if mask is None:
        variance, mean = torch.var_mean(maps, dim=(2, 3), keepdim=True, unbiased=False)
    else:
        share = mask / mask.sum().clamp_min(1e-12)
        mean = (maps * share).sum(dim=(2, 3), keepdim=True)
        variance = ((maps - mean).square() * share).sum(dim=(2, 3), keepdim=True)
    return Statistics(mean, (variance + EPSILON).sqrt())


def mixed(parts: Sequence[Statistics], weights: Sequence[float]) -> Statistics:
    """Weighted sums of means and deviations: AdaIN with them is the weighted sum of AdaINs."""
    mean = sum(weight * one.mean for weight, one in zip(weights, parts, strict=True))
    std = sum(weight * one.std for weight, one in zip(weights, parts, strict=True))
    assert isinstance(mean, torch.Tensor)
    assert isinstance(std, torch.Tensor)
    return Statistics(mean, std)


def change(content: Statistics, style: Statistics, alpha: float = 1.0) -> Change:
    """AdaIN from the content's statistics to the style's.

    Args:
        content: of the maps that will be changed.
        style: what they shall have.
        alpha: 0 leaves the maps as they are, 1 is all of the style (equation 14).
    """
    scale = style.std / content.std
    shift = style.mean - content.mean * scale
    return Change(1 + alpha * (scale - 1), alpha * shift)


def adain(content: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
    """Equation 8: the content's maps with the style's statistics; [n, c, h, w] each."""
    return change(statistics(content), statistics(style))(content)


def masked(changes: Sequence[Change], masks: Sequence[torch.Tensor]) -> Change:
    """Each change in its own region; where no mask is, maps stay as they are.

    Args:
        changes: one for each region.
        masks: [h, w] of the maps' size, summing to at most 1 at each position.
    """
    scale, shift = torch.ones_like(masks[0]), torch.zeros_like(masks[0])
    for one, mask in zip(changes, masks, strict=True):
        scale = scale + mask * (one.scale - 1)
        shift = shift + mask * one.shift
    return Change(scale, shift)

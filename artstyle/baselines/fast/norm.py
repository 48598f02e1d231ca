"""Instance norm with a gain and an offset for each style, and where its statistics come from.

Usually every picture is normalised by the mean and the variance of its own map (Ulyanov et al.
2016). A picture that is drawn in tiles must not be: each tile would get its own brightness. So the
statistics can be put together from tiles and held (`Pooled`, `Held`).
"""

from __future__ import annotations

from typing import Protocol, TypeAlias

import torch
import torch.nn.functional as F
from torch import nn

EPSILON = 1e-5  # added to variances; torch's default
Moments: TypeAlias = tuple[torch.Tensor, torch.Tensor]  # mean and variance, [c] each


class Statistics(Protocol):
    """Where a norm takes mean and variance from, instead of each picture's own map."""

    def moments(self, layer: int, maps: torch.Tensor) -> Moments:
        """Mean and variance of a layer.

        Args:
            layer: the norm's number in the network, from 0.
            maps: [n, c, h, w], what is to be normalised.
        """
        ...


def pooled_moments(maps: torch.Tensor) -> Moments:
    """Mean and variance over all pictures and positions together, [c] each.

    As products with a vector of ones: where channels lie side by side in memory, torch's own
    sums over positions take four times as long on a CPU.
    """
    rows = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
    if rows.dtype in (torch.float16, torch.bfloat16):
        rows = rows.float()
    share = rows.new_full((1, rows.shape[0]), 1 / rows.shape[0])
    mean = (share @ rows)[0]
    variance = (share @ (rows - mean).square_())[0]
    return mean.to(maps.dtype), variance.to(maps.dtype)


class Pooled:
    """Mean and variance of a map that is seen part after part, as of the whole.

    Sums are kept as float64, and merged as Chan, Golub and LeVeque 1979 do: parts whose means
    differ lose no digits.
    """

    def __init__(self) -> None:
        self._count = 0
        self._mean = torch.zeros(0)
        self._squares = torch.zeros(0)  # sum of squared differences from the mean

    def add(self, maps: torch.Tensor) -> None:
        """A part, [n, c, h, w]."""
        mean, variance = (one.cpu().double() for one in pooled_moments(maps))
        count = maps.shape[0] * maps.shape[2] * maps.shape[3]
        if not self._count:
            self._count, self._mean, self._squares = count, mean, variance * count
            return
        total = self._count + count
        apart = mean - self._mean
        self._squares += variance * count + apart.square() * (self._count * count / total)
        self._mean += apart * (count / total)
        self._count = total

    def moments_like(self, maps: torch.Tensor) -> Moments:
        """Mean and variance of all that was added, [c] each, of this type and on this device."""
        return self._mean.to(maps), (self._squares / self._count).to(maps)


class Held:
    """What was measured before, layer by layer; a layer that was not is measured as it is seen."""

    def __init__(self) -> None:
        self.layers: dict[int, Moments] = {}

    def moments(self, layer: int, maps: torch.Tensor) -> Moments:
        """See `Statistics`."""
        if layer not in self.layers:
            self.layers[layer] = pooled_moments(maps)
        return self.layers[layer]


class ConditionalNorm(nn.Module):
    """Instance norm whose gain and offset belong to a style (Dumoulin et al. 2017, equation 5).

    Args:
        channels: of the map.
        styles: how many there are.
        layer: its number in the network, from 0.
    """

    def __init__(self, channels: int, styles: int, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.gain = nn.Parameter(torch.ones(styles, channels))
        self.offset = nn.Parameter(torch.zeros(styles, channels))

    def forward(
        self, maps: torch.Tensor, styles: torch.Tensor, statistics: Statistics | None = None
    ) -> torch.Tensor:
        """Normalise.

        Args:
            maps: [n, c, h, w].
            styles: [n, styles] or [1, styles], how much each style counts; gain and offset are
                mixed by it.
            statistics: where mean and variance come from; None: each picture's own map. With it,
                `styles` is one for all, [1, styles].

        Returns:
            [n, c, h, w].
        """
        gain, offset = styles @ self.gain, styles @ self.offset
        if statistics is not None:
            mean, variance = statistics.moments(self.layer, maps)
            return F.batch_norm(maps, mean, variance, gain[0], offset[0], False, 0.0, EPSILON)
        if maps.shape[0] == 1:
            # With one picture, batch norm is instance norm, and on a CPU four times as fast.
            return F.batch_norm(maps, None, None, gain[0], offset[0], True, 0.0, EPSILON)
        # A group for each channel is instance norm, and leaves channels side by side in memory.
        normal = F.group_norm(maps, maps.shape[1], eps=EPSILON)
        return torch.addcmul(offset[:, :, None, None], normal, gain[:, :, None, None])

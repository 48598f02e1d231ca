"""Equalised layers shared by all networks (Karras et al. 2018, section 4.1).

Weights are stored with unit variance and multiplied by their He constant at run time, so that
every layer learns at the same speed under Adam.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from stylegan_ext import ops
from stylegan_ext.ops.filters import setup_filter
from stylegan_ext.ops.frozen import derived
from stylegan_ext.ops.reference import ACTIVATIONS


class FullyConnectedLayer(nn.Module):
    """y = act(x W^T + b), equalised. x is [..., in_features]."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias: bool = True,
        activation: str = "linear",
        lr_multiplier: float = 1.0,  # slows this layer down, by the same factor as its weight
        bias_init: float = 0.0,
    ) -> None:
        super().__init__()
        self.activation = activation
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full([out_features], bias_init)) if bias else None
        self.weight_gain = lr_multiplier / math.sqrt(in_features)
        self.bias_gain = lr_multiplier

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, in_features] -> [n, out_features], in x's dtype."""
        weight = (self.weight * self.weight_gain).to(x.dtype)
        bias = None if self.bias is None else (self.bias * self.bias_gain).to(x.dtype)
        if self.activation == "linear":
            return torch.nn.functional.linear(x, weight, bias)
        return ops.bias_act(x @ weight.t(), bias, act=self.activation)


class Conv2dLayer(nn.Module):
    """Equalised convolution with optional resampling, bias and activation."""

    resample_filter: torch.Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        bias: bool = True,
        activation: str = "linear",
        up: int = 1,
        down: int = 1,
        resample_filter: tuple[float, ...] = (1, 3, 3, 1),
        conv_clamp: float | None = None,  # None: no clamping
    ) -> None:
        super().__init__()
        self.activation = activation
        self.up = up
        self.down = down
        self.conv_clamp = conv_clamp
        self.register_buffer("resample_filter", setup_filter(resample_filter))
        self.padding = kernel_size // 2
        self.weight_gain = 1 / math.sqrt(in_channels * kernel_size**2)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None

    def forward(self, x: torch.Tensor, gain: float = 1.0) -> torch.Tensor:
        """NCHW -> NCHW in x's dtype; `gain` multiplies the result after the activation."""
        spec = ACTIVATIONS[self.activation]
        total = spec.default_gain * gain
        early = total if spec.homogeneous else 1.0  # rides on weight and bias for nothing
        weight = self._scaled(self.weight_gain * early, x.dtype)
        bias = None if self.bias is None else (self.bias * early).to(x.dtype)
        x = ops.conv2d_resample(
            x,
            weight,
            self.resample_filter,
            up=self.up,
            down=self.down,
            padding=self.padding,
            flip_weight=self.up == 1,
            bias=bias,
        )
        return ops.bias_act(
            x,
            act=self.activation,
            gain=total / early,
            clamp=None if self.conv_clamp is None else self.conv_clamp * gain,
            inplace=True,
        )

    def _scaled(self, gain: float, dtype: torch.dtype) -> torch.Tensor:
        """The weight times a gain; kept where the network is frozen, as a critic of pictures is."""

        def make(weight: torch.Tensor) -> torch.Tensor:
            return (weight * gain).to(dtype)

        return derived(self.weight, f"{gain!r} {dtype}", make)


def normalize_2nd_moment(x: torch.Tensor) -> torch.Tensor:
    """Rows of x scaled to a mean square of one (StyleGAN, footnote 2)."""
    return x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


def channels_at(resolution: int, channel_base: int, channel_max: int) -> int:
    """Feature maps at a resolution: channel_base / resolution, at most channel_max."""
    return min(channel_base // resolution, channel_max)


def resolutions_up_to(img_resolution: int) -> list[int]:
    """[4, 8, ..., img_resolution]."""
    return [2**i for i in range(2, int(math.log2(img_resolution)) + 1)]

"""Fast forms of StyleGAN3's two operations."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from stylegan_ext.ops.activation import bias_act
from stylegan_ext.ops.reference import Padding
from stylegan_ext.ops.resample import upfirdn2d


def modulated_conv2d_sg3(
    x: torch.Tensor,
    weight: torch.Tensor,
    styles: torch.Tensor,
    *,
    demodulate: bool = True,
    input_gain: torch.Tensor | None = None,
) -> torch.Tensor:
    """Same contract as `reference.modulated_conv2d_sg3`; scales maps instead of weights."""
    if x.device.type == "cpu":
        x = x.contiguous(memory_format=torch.channels_last)
    padding = weight.shape[-1] - 1
    scale = None
    if demodulate:
        weight = weight * weight.square().mean(dim=[1, 2, 3], keepdim=True).rsqrt()
        styles = styles * styles.square().mean().rsqrt()
        energy = weight.square().sum(dim=[2, 3])
        scale = (styles.square() @ energy.t() + 1e-8).rsqrt()
    if input_gain is not None:
        styles = styles * input_gain
    y = F.conv2d(x * styles.to(x.dtype)[:, :, None, None], weight.to(x.dtype), padding=padding)
    return y if scale is None else y * scale.to(y.dtype)[:, :, None, None]


def filtered_lrelu(
    x: torch.Tensor,
    *,
    up_filter: torch.Tensor | None,
    down_filter: torch.Tensor | None,
    bias: torch.Tensor | None = None,
    up: int = 1,
    down: int = 1,
    padding: Padding = (0, 0, 0, 0),
    gain: float = math.sqrt(2),
    slope: float = 0.2,
    clamp: float | None = None,
) -> torch.Tensor:
    """Same contract as `reference.filtered_lrelu`; the gain rides on the upsampling filter."""
    x = bias_act(x, bias)
    x = upfirdn2d(x, up_filter, up=up, padding=padding, gain=up**2 * gain)
    x = bias_act(x, act="lrelu", alpha=slope, gain=1.0, clamp=clamp, inplace=True)
    return upfirdn2d(x, down_filter, down=down)

"""Every operation of the engine in its plainest form: slow, and obviously right.

Resampling is written as the signal-processing textbook has it (insert zeros, pad, convolve, drop
samples), modulation as the paper does (a weight per sample, grouped convolution). The fast forms in
the sibling modules are tested against these, first and second derivatives included; the
benchmarks use these as the peer.

Conventions: pictures are NCHW. `padding` is (left, right, top, bottom) in samples at the
upsampled rate; negative numbers crop. Filters follow the mathematical convolution, that is, the
kernel is flipped against torch's correlation, unless `flip_filter`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
import torch.nn.functional as F

Padding: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True)
class Activation:
    """A pointwise function, its default gain, and whether f(a x) = a f(x) for all a > 0."""

    function: Callable[[torch.Tensor, float], torch.Tensor]
    default_alpha: float  # negative slope of lrelu, unused by the others
    default_gain: float  # keeps the variance of normal input near one
    homogeneous: bool  # then a gain can be moved into the weights


ACTIVATIONS: dict[str, Activation] = {
    "linear": Activation(lambda x, _: x, 0.0, 1.0, True),
    "relu": Activation(lambda x, _: F.relu(x), 0.0, math.sqrt(2), True),
    "lrelu": Activation(F.leaky_relu, 0.2, math.sqrt(2), True),
    "tanh": Activation(lambda x, _: torch.tanh(x), 0.0, 1.0, False),
    "sigmoid": Activation(lambda x, _: torch.sigmoid(x), 0.0, 1.0, False),
    "elu": Activation(lambda x, _: F.elu(x), 0.0, 1.0, False),
    "selu": Activation(lambda x, _: F.selu(x), 0.0, 1.0, False),
    "softplus": Activation(lambda x, _: F.softplus(x), 0.0, 1.0, False),
    "swish": Activation(lambda x, _: torch.sigmoid(x) * x, 0.0, math.sqrt(2), False),
}


def bias_act(
    x: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    act: str = "linear",
    alpha: float | None = None,  # None: the activation's own
    gain: float | None = None,  # None: the activation's own
    clamp: float | None = None,  # None: no clamping
) -> torch.Tensor:
    """clamp(act(x + bias) * gain); bias runs over dimension 1."""
    spec = ACTIVATIONS[act]
    alpha = spec.default_alpha if alpha is None else alpha
    gain = spec.default_gain if gain is None else gain
    if bias is not None:
        x = x + bias.reshape([-1 if dim == 1 else 1 for dim in range(x.ndim)])
    x = spec.function(x, alpha) * gain
    return x if clamp is None else x.clamp(-clamp, clamp)


def upfirdn2d(
    x: torch.Tensor,
    f: torch.Tensor | None,  # [n], [h, w], or None for the identity
    *,
    up: int = 1,
    down: int = 1,
    padding: Padding = (0, 0, 0, 0),
    flip_filter: bool = False,
    gain: float = 1.0,
) -> torch.Tensor:
    """Insert up - 1 zeros after every sample, pad, convolve with f, keep every down-th sample."""
    n, c, h, w = x.shape
    kernel = torch.ones([1, 1]) if f is None else torch.outer(f, f) if f.ndim == 1 else f
    kernel = (kernel * gain).to(x)
    if not flip_filter:
        kernel = kernel.flip([0, 1])
    x = x.reshape(n, c, h, 1, w, 1)
    x = F.pad(x, (0, up - 1, 0, 0, 0, up - 1)).reshape(n, c, h * up, w * up)
    x = F.pad(x, padding)
    x = F.conv2d(x, kernel[None, None].repeat(c, 1, 1, 1), groups=c)
    return x[:, :, ::down, ::down]


def resample_padding(f: torch.Tensor | None, up: int, down: int, padding: Padding) -> Padding:
    """Padding that keeps a resampled picture centred: `padding` plus half the filter each way.

    With [1,3,3,1]: (2, 1) for up 2, (1, 1) for down 2, (2, 1) for neither.
    """
    height, width = (1, 1) if f is None else (f.shape[0], f.shape[-1])

    def halves(taps: int) -> tuple[int, int]:
        if up > 1:
            return (taps + up - 1) // 2, (taps - up) // 2
        return (taps - down + 1) // 2, (taps - down) // 2

    (x0, x1), (y0, y1) = halves(width), halves(height)
    return padding[0] + x0, padding[1] + x1, padding[2] + y0, padding[3] + y1


def conv2d_resample(
    x: torch.Tensor,
    weight: torch.Tensor,  # [out, in / groups, k, k]
    f: torch.Tensor | None = None,
    *,
    up: int = 1,
    down: int = 1,
    padding: int = 0,  # with respect to the upsampled picture
    groups: int = 1,
    flip_weight: bool = True,  # True: correlation, as torch does; False: convolution
) -> torch.Tensor:
    """Upsample by `up` through f, convolve with weight, downsample by `down` through f."""
    pad = (padding,) * 4
    if not flip_weight:
        weight = weight.flip([2, 3])
    if up > 1:
        pad = resample_padding(f, up, 1, pad)
    if down > 1:
        pad = resample_padding(f, 1, down, pad)
    if up == 1 and down > 1:  # the filter comes before the strided convolution
        x = upfirdn2d(x, f, padding=pad)
        return F.conv2d(x, weight, stride=down, groups=groups)
    x = upfirdn2d(x, f if up > 1 else None, up=up, padding=pad, gain=up**2)
    x = F.conv2d(x, weight, groups=groups)
    return upfirdn2d(x, f, down=down) if down > 1 else x


def modulated_conv2d(
    x: torch.Tensor,  # [n, in, h, w]
    weight: torch.Tensor,  # [out, in, k, k]
    styles: torch.Tensor,  # [n, in]
    *,
    demodulate: bool = True,
    f: torch.Tensor | None = None,
    up: int = 1,
    padding: int = 0,
    flip_weight: bool = True,
) -> torch.Tensor:
    """Weight modulation and demodulation (StyleGAN2, equations 1 and 3), one weight per sample."""
    n, channels, h, w = x.shape
    per_sample = weight[None] * styles.reshape(n, 1, -1, 1, 1)
    if demodulate:
        norm = per_sample.square().sum(dim=[2, 3, 4], keepdim=True)
        per_sample = per_sample * (norm + 1e-8).rsqrt()
    y = conv2d_resample(
        x.reshape(1, n * channels, h, w),
        per_sample.reshape(-1, *weight.shape[1:]),
        f,
        up=up,
        padding=padding,
        groups=n,
        flip_weight=flip_weight,
    )
    return y.reshape(n, -1, *y.shape[2:])


def styled_conv(
    x: torch.Tensor,
    weight: torch.Tensor,
    styles: torch.Tensor,
    *,
    bias: torch.Tensor,  # [out]
    noise: torch.Tensor | None = None,  # [h, w] or [n, 1, h, w], already times its strength
    demodulate: bool = True,
    f: torch.Tensor | None = None,
    up: int = 1,
    act: str = "lrelu",
    gain: float = 1.0,
    clamp: float | None = None,
) -> torch.Tensor:
    """A whole synthesis layer: modulated convolution, noise, bias, activation, gain, clamp."""
    y = modulated_conv2d(
        x,
        weight,
        styles,
        demodulate=demodulate,
        f=f,
        up=up,
        padding=weight.shape[-1] // 2,
        flip_weight=up == 1,
    )
    if noise is not None:
        y = y + noise
    limit = None if clamp is None else clamp * gain
    return bias_act(y, bias, act=act, gain=ACTIVATIONS[act].default_gain * gain, clamp=limit)


def modulated_conv2d_sg3(
    x: torch.Tensor,  # [n, in, h, w]
    weight: torch.Tensor,  # [out, in, k, k]
    styles: torch.Tensor,  # [n, in]
    *,
    demodulate: bool = True,
    input_gain: torch.Tensor | None = None,  # scalar: 1 / expected magnitude of x
) -> torch.Tensor:
    """StyleGAN3's modulated convolution (appendix C.2): normalised factors, full padding k - 1."""
    n, channels, h, w = x.shape
    k = weight.shape[-1]
    if demodulate:
        weight = weight * weight.square().mean(dim=[1, 2, 3], keepdim=True).rsqrt()
        styles = styles * styles.square().mean().rsqrt()
    per_sample = weight[None] * styles.reshape(n, 1, -1, 1, 1)
    if demodulate:
        norm = per_sample.square().sum(dim=[2, 3, 4], keepdim=True)
        per_sample = per_sample * (norm + 1e-8).rsqrt()
    if input_gain is not None:
        per_sample = per_sample * input_gain
    y = F.conv2d(
        x.reshape(1, n * channels, h, w),
        per_sample.reshape(-1, channels, k, k),
        padding=k - 1,
        groups=n,
    )
    return y.reshape(n, -1, *y.shape[2:])


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
    """A leaky ReLU between an up- and a downsampling filter, so that it cannot alias."""
    x = bias_act(x, bias)
    x = upfirdn2d(x, up_filter, up=up, padding=padding, gain=up**2)
    x = bias_act(x, act="lrelu", alpha=slope, gain=gain, clamp=clamp)
    return upfirdn2d(x, down_filter, down=down)

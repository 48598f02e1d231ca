"""Fast convolutions: resampled ones and StyleGAN's modulated ones.

Four observations carry the speed (figures in reports/performance):

* Upsampling by two, then a 3x3 convolution, multiplies three zeros in four. The transposed
  convolution skips them, and the blur commutes behind it (both are linear and shift-invariant).
* Scaling the input by the styles, convolving once with the shared weight and scaling the output
  by the demodulation is the same sum as one weight per sample. Whole batches then run as one plain
  convolution, which libraries do several times faster than a grouped one.
* With many channels and frozen weights, Winograd's filtering needs up to four times fewer products
  than a direct convolution (`ops.winograd`).
* Where a map has many more values than the weight (high resolutions, small batches, no gradient
  wanted), it is cheaper to scale the weight; gain and bias then ride along for nothing, because
  leaky ReLU is positively homogeneous: act(g x) = g act(x) for g > 0.

On the CPU, maps are kept channels-last: direct convolutions gain up to 1.7x there, transposed
ones 4x.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from stylegan_ext.ops import reference, winograd
from stylegan_ext.ops.activation import bias_act
from stylegan_ext.ops.frozen import derived
from stylegan_ext.ops.reference import ACTIVATIONS, Padding, resample_padding
from stylegan_ext.ops.resample import upfirdn2d


def conv2d_resample(
    x: torch.Tensor,
    weight: torch.Tensor,
    f: torch.Tensor | None = None,
    *,
    up: int = 1,
    down: int = 1,
    padding: int = 0,
    flip_weight: bool = True,
    bias: torch.Tensor | None = None,  # added to the result
) -> torch.Tensor:
    """Resampled convolution; same contract as `reference.conv2d_resample`, groups aside."""
    k = weight.shape[-1]
    pad: Padding = (padding,) * 4
    if up == 1 and not flip_weight and k > 1:
        weight = weight.flip([2, 3])
    if up == 1 and down == 1:
        if padding == 1 and winograd.suits(x, weight):
            y = winograd.conv3x3(x, weight)
            return y if bias is None else y.add_(bias[None, :, None, None])
        return F.conv2d(x, weight, bias, padding=padding)
    if up == 1 and k == 1:  # filter and decimate first: a quarter of the products
        x = upfirdn2d(x, f, down=down, padding=resample_padding(f, 1, down, pad))
        return F.conv2d(x, weight, bias)
    if up == 1:
        x = upfirdn2d(x, f, padding=resample_padding(f, 1, down, pad))
        return F.conv2d(x, weight, bias, stride=down)
    if down == 1 and k == 1:
        y = F.conv2d(x, weight)
        y = upfirdn2d(y, f, up=up, padding=resample_padding(f, up, 1, pad), gain=up**2)
    elif down == 1:
        y = _upsampling_conv(x, weight, f, up, pad, flip_weight)
    else:
        y = reference.conv2d_resample(
            x, weight, f, up=up, down=down, padding=padding, flip_weight=flip_weight
        )
    return y if bias is None else y + bias[None, :, None, None]


def _upsampling_conv(  # noqa: PLR0917 - as its one caller has them
    x: torch.Tensor,
    weight: torch.Tensor,
    f: torch.Tensor | None,
    up: int,
    padding: Padding,
    flip_weight: bool,
) -> torch.Tensor:
    """Transposed convolution, then the blur.

    The transposed convolution gives the full convolution of the zero-stuffed picture: k - 1
    samples more than a valid one before, and up - 1 zeros fewer behind.
    """
    if flip_weight:
        weight = weight.flip([2, 3])
    y = F.conv_transpose2d(x, weight.transpose(0, 1), stride=up)
    x0, x1, y0, y1 = resample_padding(f, up, 1, padding)
    k = weight.shape[-1]
    before, behind = k - 1, k - up  # x has h * up samples once stuffed, y has (h - 1) * up + k
    return upfirdn2d(y, f, padding=(x0 - before, x1 - behind, y0 - before, y1 - behind), gain=up**2)


def styled_conv(
    x: torch.Tensor,
    weight: torch.Tensor,
    styles: torch.Tensor,
    *,
    bias: torch.Tensor,
    noise: torch.Tensor | None = None,
    demodulate: bool = True,
    f: torch.Tensor | None = None,
    up: int = 1,
    act: str = "lrelu",
    gain: float = 1.0,
    clamp: float | None = None,
) -> torch.Tensor:
    """A whole synthesis layer; same contract as `reference.styled_conv`.

    The convolution runs in x's dtype; styles, demodulation and bias stay float32 until the end.
    """
    if x.device.type == "cpu" and x.shape[1] > 4:
        x = x.contiguous(memory_format=torch.channels_last)
    if x.dtype == torch.float16 and demodulate:
        weight, styles = _tame(weight, styles)
    output_scale: torch.Tensor | float | None = None
    if demodulate:
        output_scale = _demodulation(weight, styles)
    # A gain in front of a homogeneous activation can be multiplied into weight, noise and bias.
    total_gain = ACTIVATIONS[act].default_gain * gain
    early = total_gain if ACTIVATIONS[act].homogeneous else 1.0
    if early != 1.0:
        bias = bias * early
        noise = None if noise is None else noise * early
        output_scale = early if output_scale is None else output_scale * early

    if _cheaper_to_scale_the_weight(x, weight, up):
        samples = [
            _conv_scaled_weight(
                x[i : i + 1],
                weight,
                styles[i],
                output_scale[i] if isinstance(output_scale, torch.Tensor) else output_scale,
                f,
                up,
                bias,
            )
            for i in range(x.shape[0])
        ]
        y = samples[0] if len(samples) == 1 else torch.cat(samples)
        remaining_bias = None
    else:
        y = _conv_scaled_maps(x, weight, styles, output_scale, f, up)
        remaining_bias = bias
    if noise is not None:
        y = _add(y, noise.to(y.dtype))
    limit = None if clamp is None else clamp * gain
    return bias_act(
        y,
        remaining_bias,
        act=act,
        gain=total_gain / early,
        clamp=limit,
        inplace=True,
    )


def _demodulation(weight: torch.Tensor, styles: torch.Tensor) -> torch.Tensor:
    """[n, out] factors of unit expected variance (StyleGAN2, equation 3), without w per sample."""
    energy = derived(weight, "energy", _energy)
    return (styles.square() @ energy.t() + 1e-8).rsqrt()


def _energy(weight: torch.Tensor) -> torch.Tensor:
    """[out, in] sums over the taps; a product with ones, for sums over so few are slow."""
    k = weight.shape[-1]
    ones = torch.ones([k * k], dtype=weight.dtype, device=weight.device)
    return (weight.square().flatten(2).flatten(0, 1) @ ones).reshape(weight.shape[:2])


def _tame(weight: torch.Tensor, styles: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale so that half precision cannot overflow; demodulation undoes both factors."""
    fan_in = weight[0].numel()
    peak = weight.abs().amax(dim=[1, 2, 3], keepdim=True)
    return weight / (peak * fan_in**0.5), styles / styles.abs().amax(dim=1, keepdim=True)


def _cheaper_to_scale_the_weight(x: torch.Tensor, weight: torch.Tensor, up: int) -> bool:
    """Values touched by scaling the maps (input, and output) against those of the weight.

    A weight scaled for one sample is new each time: no transform of it could be kept.
    """
    if torch.is_grad_enabled() and x.shape[0] > 1:
        return False  # a loop over samples would cost one backward convolution each
    if up == 1 and winograd.suits(x, weight):
        return False
    maps = x[0].numel() + weight.shape[0] * x[0, 0].numel() * up**2
    return maps > 2 * weight.numel()


def _conv_scaled_weight(  # noqa: PLR0917 - likewise
    x: torch.Tensor,  # [1, in, h, w]
    weight: torch.Tensor,
    style: torch.Tensor,  # [in]
    output_scale: torch.Tensor | float | None,  # [out] or scalar
    f: torch.Tensor | None,
    up: int,
    bias: torch.Tensor,
) -> torch.Tensor:
    scale = style[None, :]
    if output_scale is not None:
        out = output_scale[:, None] if isinstance(output_scale, torch.Tensor) else output_scale
        scale = scale * out
    scaled = (weight * scale[:, :, None, None]).to(x.dtype)
    return conv2d_resample(
        x,
        scaled,
        f,
        up=up,
        padding=weight.shape[-1] // 2,
        flip_weight=up == 1,
        bias=bias.to(x.dtype),
    )


def _conv_scaled_maps(  # noqa: PLR0917 - likewise
    x: torch.Tensor,
    weight: torch.Tensor,
    styles: torch.Tensor,
    output_scale: torch.Tensor | float | None,
    f: torch.Tensor | None,
    up: int,
) -> torch.Tensor:
    if isinstance(output_scale, float):  # no demodulation: ride on the styles
        styles = styles * output_scale
    x = x * styles.to(x.dtype)[:, :, None, None]
    y = conv2d_resample(
        x, weight.to(x.dtype), f, up=up, padding=weight.shape[-1] // 2, flip_weight=up == 1
    )
    if isinstance(output_scale, torch.Tensor):
        scale = output_scale.to(y.dtype)[:, :, None, None]
        y = y * scale if y.requires_grad else y.mul_(scale)
    return y


def _add(y: torch.Tensor, term: torch.Tensor) -> torch.Tensor:
    # y is fresh from a convolution or a product whose backward does not need its result.
    return y + term if y.requires_grad or term.requires_grad else y.add_(term)

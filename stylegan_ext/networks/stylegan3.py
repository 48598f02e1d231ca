"""StyleGAN3's alias-free synthesis network, configurations T and R (Karras et al. 2021)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from stylegan_ext import ops
from stylegan_ext.networks.layers import FullyConnectedLayer
from stylegan_ext.networks.synthesis import NoiseMode
from stylegan_ext.ops.filters import design_lowpass
from stylegan_ext.ops.reference import Padding

MARGIN_PX = 10  # maps are this much larger on each side, so that borders cannot leak position


@dataclass(frozen=True)
class LayerGeometry:
    """Rates, cutoffs and sizes on both sides of one layer (figure 4 and appendix C.1)."""

    index: int
    name: str
    is_torgb: bool
    is_critically_sampled: bool
    in_channels: int
    out_channels: int
    in_size: int
    out_size: int
    in_rate: float
    out_rate: float
    in_cutoff: float
    out_cutoff: float
    in_half_width: float
    out_half_width: float


def layer_geometry(
    img_resolution: int,
    img_channels: int,
    *,
    channel_base: int = 32768,
    channel_max: int = 512,
    num_layers: int = 14,
    num_critical: int = 2,
    first_cutoff: float = 2.0,
    first_stopband: float = 2**2.1,
    last_stopband_rel: float = 2**0.3,
    margin_size: int = MARGIN_PX,
) -> list[LayerGeometry]:
    """The table of layers 0 ... num_layers, the last of which is to-RGB."""
    last_cutoff = img_resolution / 2
    last_stopband = last_cutoff * last_stopband_rel
    exponents = np.minimum(np.arange(num_layers + 1) / (num_layers - num_critical), 1)
    cutoffs = first_cutoff * (last_cutoff / first_cutoff) ** exponents
    stopbands = first_stopband * (last_stopband / first_stopband) ** exponents
    rates = np.exp2(np.ceil(np.log2(np.minimum(stopbands * 2, img_resolution))))
    half_widths = np.maximum(stopbands, rates / 2) - cutoffs
    sizes = rates + margin_size * 2
    sizes[-2:] = img_resolution
    channels = np.rint(np.minimum((channel_base / 2) / cutoffs, channel_max))
    channels[-1] = img_channels

    def layer(i: int) -> LayerGeometry:
        before = max(i - 1, 0)
        return LayerGeometry(
            index=i,
            name=f"L{i}_{int(sizes[i])}_{int(channels[i])}",
            is_torgb=i == num_layers,
            is_critically_sampled=i >= num_layers - num_critical,
            in_channels=int(channels[before]),
            out_channels=int(channels[i]),
            in_size=int(sizes[before]),
            out_size=int(sizes[i]),
            in_rate=float(rates[before]),
            out_rate=float(rates[i]),
            in_cutoff=float(cutoffs[before]),
            out_cutoff=float(cutoffs[i]),
            in_half_width=float(half_widths[before]),
            out_half_width=float(half_widths[i]),
        )

    return [layer(i) for i in range(num_layers + 1)]


class SynthesisInput(nn.Module):
    """Fourier features, moved and turned as w and the user's `transform` say (appendix F)."""

    freqs: torch.Tensor
    phases: torch.Tensor
    transform: torch.Tensor

    def __init__(
        self, w_dim: int, channels: int, size: int, sampling_rate: float, bandwidth: float
    ) -> None:
        super().__init__()
        self.size = size
        self.sampling_rate = sampling_rate
        self.bandwidth = bandwidth
        freqs = torch.randn(channels, 2)
        radii = freqs.square().sum(dim=1, keepdim=True).sqrt()
        freqs = freqs / (radii * radii.square().exp().pow(0.25)) * bandwidth
        self.weight = nn.Parameter(torch.randn(channels, channels))
        self.affine = FullyConnectedLayer(w_dim, 4)
        nn.init.zeros_(self.affine.weight)
        assert self.affine.bias is not None
        self.affine.bias.data = torch.tensor([1.0, 0.0, 0.0, 0.0])  # cos, sin, x, y
        self.register_buffer("transform", torch.eye(3))  # user's, inverted: canvas to features
        self.register_buffer("freqs", freqs)
        self.register_buffer("phases", torch.rand(channels) - 0.5)

    def forward(self, w: torch.Tensor) -> torch.Tensor:
        """Latents [n, w_dim] to features [n, channels, size, size]."""
        t = self.affine(w)
        t = t / t[:, :2].norm(dim=1, keepdim=True)
        zero, one = torch.zeros_like(t[:, 0]), torch.ones_like(t[:, 0])
        rows = [t[:, 0], -t[:, 1], zero, t[:, 1], t[:, 0], zero, zero, zero, one]
        rotation = torch.stack(rows, dim=1).reshape(-1, 3, 3)
        rows = [one, zero, -t[:, 2], zero, one, -t[:, 3], zero, zero, one]
        translation = torch.stack(rows, dim=1).reshape(-1, 3, 3)
        transforms = rotation @ translation @ self.transform

        phases = self.phases + (self.freqs @ transforms[:, :2, 2:]).squeeze(2)
        freqs = self.freqs @ transforms[:, :2, :2]
        # Frequencies that a transform pushed beyond the band are faded out before they alias.
        fade = (self.sampling_rate / 2) - self.bandwidth
        amplitudes = (1 - (freqs.norm(dim=2) - self.bandwidth) / fade).clamp(0, 1)

        half = 0.5 * self.size / self.sampling_rate
        axis = (torch.arange(self.size, device=w.device) + 0.5) / self.size * (2 * half) - half
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        grid = torch.stack([x, y], dim=2)  # [size, size, 2], pixel centres
        angle = torch.einsum("nck,yxk->nyxc", freqs, grid) + phases[:, None, None, :]
        features = torch.sin(2 * math.pi * angle) * amplitudes[:, None, None, :]
        features = torch.matmul(features, self.weight.t() / math.sqrt(self.weight.shape[1]))
        return features.permute(0, 3, 1, 2)


class SynthesisLayer(nn.Module):
    """Modulated convolution and an alias-free leaky ReLU."""

    magnitude_ema: torch.Tensor
    up_filter: torch.Tensor | None
    down_filter: torch.Tensor | None

    def __init__(
        self,
        w_dim: int,
        geometry: LayerGeometry,
        *,
        conv_kernel: int = 3,
        filter_size: int = 6,
        lrelu_upsampling: int = 2,
        use_radial_filters: bool = False,
        conv_clamp: float | None = 256,
        magnitude_ema_beta: float = 0.999,
    ) -> None:
        super().__init__()
        g = geometry
        self.geometry = g
        self.low_precision: torch.dtype | None = None
        self.conv_clamp = conv_clamp
        self.magnitude_ema_beta = magnitude_ema_beta
        kernel = 1 if g.is_torgb else conv_kernel
        self.affine = FullyConnectedLayer(w_dim, g.in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(g.out_channels, g.in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(g.out_channels))
        self.register_buffer("magnitude_ema", torch.ones([]))
        self.weight_gain = 1 / math.sqrt(g.in_channels * kernel**2)

        rate = max(g.in_rate, g.out_rate) * (1 if g.is_torgb else lrelu_upsampling)
        self.up_factor = round(rate / g.in_rate)
        self.down_factor = round(rate / g.out_rate)
        up_taps = filter_size * self.up_factor if self.up_factor > 1 and not g.is_torgb else 1
        down_taps = filter_size * self.down_factor if self.down_factor > 1 and not g.is_torgb else 1
        up_filter = design_lowpass(
            up_taps, cutoff_hz=g.in_cutoff, width_hz=g.in_half_width * 2, rate_hz=rate
        )
        down_filter = design_lowpass(
            down_taps,
            cutoff_hz=g.out_cutoff,
            width_hz=g.out_half_width * 2,
            rate_hz=rate,
            radial=use_radial_filters and not g.is_critically_sampled,
        )
        self.register_buffer("up_filter", up_filter)
        self.register_buffer("down_filter", down_filter)
        # Padding so that the result has out_size samples, the odd one in front.
        total = (g.out_size - 1) * self.down_factor + 1
        total -= (g.in_size + kernel - 1) * self.up_factor
        total += up_taps + down_taps - 2
        before = (total + self.up_factor) // 2
        self.padding: Padding = (before, total - before, before, total - before)

    def forward(self, x: torch.Tensor, w: torch.Tensor, update_emas: bool = False) -> torch.Tensor:
        """Maps x [n, in, in_size, in_size] and w [n, w_dim] to [n, out, out_size, out_size]."""
        g = self.geometry
        x = x.to(self.low_precision or torch.float32)
        if update_emas:
            magnitude = x.detach().float().square().mean()
            self.magnitude_ema.copy_(magnitude.lerp(self.magnitude_ema, self.magnitude_ema_beta))
        styles = self.affine(w)
        if g.is_torgb:
            styles = styles * self.weight_gain
        x = ops.modulated_conv2d_sg3(
            x,
            self.weight,
            styles,
            demodulate=not g.is_torgb,
            input_gain=self.magnitude_ema.rsqrt(),
        )
        return ops.filtered_lrelu(
            x,
            up_filter=self.up_filter,
            down_filter=self.down_filter,
            bias=self.bias,
            up=self.up_factor,
            down=self.down_factor,
            padding=self.padding,
            gain=1.0 if g.is_torgb else math.sqrt(2),
            slope=1.0 if g.is_torgb else 0.2,
            clamp=self.conv_clamp,
        )


class SynthesisNetwork(nn.Module):
    """ws [n, num_ws, w_dim] to pictures [n, img_channels, res, res], nominally in [-1, 1]."""

    def __init__(
        self,
        w_dim: int,
        img_resolution: int,
        img_channels: int,
        *,
        channel_base: int = 32768,
        channel_max: int = 512,
        num_layers: int = 14,
        num_critical: int = 2,
        first_cutoff: float = 2.0,
        first_stopband: float = 2**2.1,
        last_stopband_rel: float = 2**0.3,
        margin_size: int = MARGIN_PX,
        output_scale: float = 0.25,
        num_fp16_res: int = 4,
        **layer_kwargs: Any,
    ) -> None:
        super().__init__()
        self.w_dim = w_dim
        self.img_resolution = img_resolution
        self.img_channels = img_channels
        self.num_ws = num_layers + 2
        self.output_scale = output_scale
        self.num_fp16_res = num_fp16_res
        table = layer_geometry(
            img_resolution,
            img_channels,
            channel_base=channel_base,
            channel_max=channel_max,
            num_layers=num_layers,
            num_critical=num_critical,
            first_cutoff=first_cutoff,
            first_stopband=first_stopband,
            last_stopband_rel=last_stopband_rel,
            margin_size=margin_size,
        )
        first = table[0]
        self.input = SynthesisInput(
            w_dim, first.in_channels, first.in_size, first.in_rate, first.in_cutoff
        )
        self.layer_names = [g.name for g in table]
        for geometry in table:
            self.add_module(geometry.name, SynthesisLayer(w_dim, geometry, **layer_kwargs))

    def layer(self, name: str) -> SynthesisLayer:
        """The layer of a name such as L3_52_512."""
        layer = self.get_submodule(name)
        assert isinstance(layer, SynthesisLayer)
        return layer

    def use_low_precision(self, dtype: torch.dtype | None, num_res: int | None = None) -> None:
        """Run the `num_res` highest sampling rates (None: the model's own) in `dtype`."""
        count = self.num_fp16_res if num_res is None else num_res
        for name in self.layer_names:
            layer = self.layer(name)
            is_high = layer.geometry.out_rate * 2**count > self.img_resolution
            layer.low_precision = dtype if is_high and count else None

    def forward(
        self, ws: torch.Tensor, noise_mode: NoiseMode = "const", update_emas: bool = False
    ) -> torch.Tensor:
        """Draw pictures; float32 [n, img_channels, res, res], not clamped.

        There is no noise in StyleGAN3; `noise_mode` is accepted so that both generators are
        called alike.
        """
        del noise_mode
        rows = ws.float().unbind(dim=1)
        x = self.input(rows[0])
        for name, w in zip(self.layer_names, rows[1:], strict=True):
            x = self.layer(name)(x, w, update_emas=update_emas)
        picture: torch.Tensor = x.float() * self.output_scale
        return picture

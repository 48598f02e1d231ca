"""StyleGAN2's synthesis network: ws to a picture (Karras et al. 2020, sections 2 and 4)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import nn

from stylegan_ext import ops, team
from stylegan_ext.networks.layers import (
    Conv2dLayer,
    FullyConnectedLayer,
    channels_at,
    resolutions_up_to,
)
from stylegan_ext.ops.filters import setup_filter

NoiseMode: TypeAlias = Literal["const", "random", "none"]
Architecture: TypeAlias = Literal["skip", "resnet", "orig"]
FILTER_TAPS = (1.0, 3.0, 3.0, 1.0)


class SynthesisLayer(nn.Module):
    """Modulated 3x3 convolution, noise, bias, leaky ReLU."""

    noise_const: torch.Tensor
    resample_filter: torch.Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        resolution: int,  # of the output
        *,
        kernel_size: int = 3,
        up: int = 1,
        use_noise: bool = True,
        activation: str = "lrelu",
        resample_filter: tuple[float, ...] = FILTER_TAPS,
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.resolution = resolution
        self.up = up
        self.use_noise = use_noise
        self.activation = activation
        self.conv_clamp = conv_clamp
        self.register_buffer("resample_filter", setup_filter(resample_filter))
        self.affine = FullyConnectedLayer(w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        if use_noise:
            self.register_buffer("noise_const", torch.randn(resolution, resolution))
            self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(
        self, x: torch.Tensor, w: torch.Tensor, noise_mode: NoiseMode = "random", gain: float = 1.0
    ) -> torch.Tensor:
        """Maps x [n, in, h, w] and w [n, w_dim] to [n, out, h * up, w * up] in x's dtype."""
        noise = None
        if self.use_noise and noise_mode == "const":
            noise = self.noise_const * self.noise_strength
        elif self.use_noise and noise_mode == "random":
            shape = (x.shape[0], 1, self.resolution, self.resolution)
            noise = team.normal(shape, x.device) * self.noise_strength
        return ops.styled_conv(
            x,
            self.weight,
            self.affine(w),
            bias=self.bias,
            noise=noise,
            f=self.resample_filter,
            up=self.up,
            act=self.activation,
            gain=gain,
            clamp=self.conv_clamp,
        )


class ToRGBLayer(nn.Module):
    """Modulated 1x1 convolution to picture channels, without demodulation."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        w_dim: int,
        *,
        kernel_size: int = 1,
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.conv_clamp = conv_clamp
        self.affine = FullyConnectedLayer(w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.weight_gain = 1 / math.sqrt(in_channels * kernel_size**2)

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        """Maps x [n, in, h, w] and w [n, w_dim] to [n, img_channels, h, w] in x's dtype."""
        return ops.styled_conv(
            x,
            self.weight,
            self.affine(w) * self.weight_gain,
            bias=self.bias,
            demodulate=False,
            act="linear",
            clamp=self.conv_clamp,
        )


class SynthesisBlock(nn.Module):
    """All layers of one resolution: up to two convolutions, and to-RGB where it belongs."""

    resample_filter: torch.Tensor

    def __init__(
        self,
        in_channels: int,  # 0: the first block, which starts from a constant
        out_channels: int,
        w_dim: int,
        resolution: int,
        img_channels: int,
        *,
        is_last: bool,
        architecture: Architecture = "skip",
        resample_filter: tuple[float, ...] = FILTER_TAPS,
        conv_clamp: float | None = None,
        use_noise: bool = True,
        activation: str = "lrelu",
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.architecture = architecture
        self.low_precision: torch.dtype | None = None  # None: float32
        self.register_buffer("resample_filter", setup_filter(resample_filter))

        def layer(channels: int, up: int) -> SynthesisLayer:
            # Only the one that resamples is given the filter, as in the official networks.
            taps = resample_filter if up > 1 else FILTER_TAPS
            return SynthesisLayer(
                channels,
                out_channels,
                w_dim,
                resolution,
                up=up,
                use_noise=use_noise,
                activation=activation,
                resample_filter=taps,
                conv_clamp=conv_clamp,
            )

        if in_channels == 0:
            self.const = nn.Parameter(torch.randn(out_channels, resolution, resolution))
        else:
            self.conv0 = layer(in_channels, 2)
        self.conv1 = layer(out_channels, 1)
        self.num_conv = 1 if in_channels == 0 else 2
        self.num_torgb = int(is_last or architecture == "skip")
        if self.num_torgb:
            self.torgb = ToRGBLayer(out_channels, img_channels, w_dim, conv_clamp=conv_clamp)
        if in_channels != 0 and architecture == "resnet":
            self.skip = Conv2dLayer(
                in_channels, out_channels, 1, bias=False, up=2, resample_filter=resample_filter
            )

    def forward(
        self,
        x: torch.Tensor | None,
        img: torch.Tensor | None,
        ws: torch.Tensor,  # [n, num_conv + num_torgb, w_dim]
        noise_mode: NoiseMode = "random",
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The block's feature maps and the picture so far (float32, None before the first)."""
        dtype = self.low_precision or torch.float32
        if x is None:
            x = self.const.to(dtype)[None].expand(ws.shape[0], -1, -1, -1)
            x = self.conv1(x, ws[:, 0], noise_mode)
        elif self.architecture == "resnet":
            x = x.to(dtype)
            y = self.skip(x, gain=math.sqrt(0.5))
            x = self.conv0(x, ws[:, 0], noise_mode)
            x = y + self.conv1(x, ws[:, 1], noise_mode, gain=math.sqrt(0.5))
        else:
            x = self.conv0(x.to(dtype), ws[:, 0], noise_mode)
            x = self.conv1(x, ws[:, 1], noise_mode)
        if img is not None:
            img = ops.upsample2d(img, self.resample_filter)
        if self.num_torgb:
            rgb = self.torgb(x, ws[:, self.num_conv]).float()
            img = rgb if img is None else img + rgb
        assert x is not None
        return x, img


@dataclass(frozen=True)
class Begun:
    """A picture half drawn: what the blocks below a resolution gave."""

    next_px: int  # the block that goes on
    x: torch.Tensor  # its input
    img: torch.Tensor | None


class SynthesisNetwork(nn.Module):
    """ws [n, num_ws, w_dim] to pictures [n, img_channels, res, res], nominally in [-1, 1].

    A block takes the rows [i, i + num_conv + num_torgb) and hands on i + num_conv: its to-RGB
    shares its row with the next block's first convolution.
    """

    def __init__(
        self,
        w_dim: int,
        img_resolution: int,
        img_channels: int,
        *,
        channel_base: int = 32768,
        channel_max: int = 512,
        num_fp16_res: int = 0,  # this many of the highest resolutions may run in half precision
        architecture: Architecture = "skip",
        resample_filter: tuple[float, ...] = FILTER_TAPS,
        conv_clamp: float | None = None,
        use_noise: bool = True,
        activation: str = "lrelu",
    ) -> None:
        super().__init__()
        self.w_dim = w_dim
        self.img_resolution = img_resolution
        self.img_channels = img_channels
        self.num_fp16_res = num_fp16_res
        self.block_resolutions = resolutions_up_to(img_resolution)
        self.num_ws = 0
        previous = 0
        for resolution in self.block_resolutions:
            is_last = resolution == img_resolution
            block = SynthesisBlock(
                previous,
                channels_at(resolution, channel_base, channel_max),
                w_dim,
                resolution,
                img_channels,
                is_last=is_last,
                architecture=architecture,
                resample_filter=tuple(resample_filter),
                conv_clamp=conv_clamp,
                use_noise=use_noise,
                activation=activation,
            )
            self.num_ws += block.num_conv + (block.num_torgb if is_last else 0)
            self.add_module(f"b{resolution}", block)
            previous = channels_at(resolution, channel_base, channel_max)

    def block(self, resolution: int) -> SynthesisBlock:
        """The block of a resolution."""
        block = self.get_submodule(f"b{resolution}")
        assert isinstance(block, SynthesisBlock)
        return block

    def use_low_precision(self, dtype: torch.dtype | None, num_res: int | None = None) -> None:
        """Run the `num_res` highest resolutions (None: the model's own num_fp16_res) in `dtype`.

        bfloat16 or float16; None goes back to float32. The picture itself stays float32.
        """
        count = self.num_fp16_res if num_res is None else num_res
        for place, resolution in enumerate(reversed(self.block_resolutions)):
            self.block(resolution).low_precision = dtype if place < count else None

    def forward(
        self, ws: torch.Tensor, noise_mode: NoiseMode = "const", begun: Begun | None = None
    ) -> torch.Tensor:
        """Draw pictures.

        Args:
            ws: float32 [n, num_ws, w_dim].
            noise_mode: "const" the stored noise, "random" fresh noise, "none" no noise.
            begun: what `begin` gave of the same ws; those blocks are not run again.

        Returns:
            float32 [n, img_channels, img_resolution, img_resolution], not clamped.
        """
        _, img = self._run(ws, noise_mode, begun, self.img_resolution)
        assert img is not None
        return img

    def begin(
        self, ws: torch.Tensor, below_px: int, noise_mode: NoiseMode = "const"
    ) -> Begun | None:
        """Run the blocks below a resolution, once for many pictures that differ above it.

        Returns:
            What `forward` goes on from; None: there are no such blocks.
        """
        coarse = [px for px in self.block_resolutions if px < below_px]
        if not coarse:
            return None
        x, img = self._run(ws, noise_mode, None, coarse[-1])
        assert x is not None
        return Begun(2 * coarse[-1], x, img)

    def _run(
        self, ws: torch.Tensor, noise_mode: NoiseMode, begun: Begun | None, last_px: int
    ) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """The blocks from where a picture was begun to one resolution."""
        ws = ws.float()
        first_px = self.block_resolutions[0] if begun is None else begun.next_px
        x, img = (None, None) if begun is None else (begun.x, begun.img)
        row = 0
        for resolution in self.block_resolutions:
            block = self.block(resolution)
            if first_px <= resolution <= last_px:
                rows = ws[:, row : row + block.num_conv + block.num_torgb]
                x, img = block(x, img, rows, noise_mode)
            row += block.num_conv
        return x, img

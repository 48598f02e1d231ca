"""The discriminator of StyleGAN2, which StyleGAN3 uses unchanged."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from stylegan_ext import ops
from stylegan_ext.networks.layers import (
    Conv2dLayer,
    FullyConnectedLayer,
    channels_at,
    resolutions_up_to,
)
from stylegan_ext.networks.mapping import MappingNetwork
from stylegan_ext.networks.synthesis import FILTER_TAPS, Architecture
from stylegan_ext.ops.filters import setup_filter


class DiscriminatorBlock(nn.Module):
    """One resolution: two convolutions, the second of which halves the map."""

    resample_filter: torch.Tensor

    def __init__(
        self,
        in_channels: int,  # 0: the first block, which sees the picture alone
        tmp_channels: int,
        out_channels: int,
        resolution: int,
        img_channels: int,
        *,
        architecture: Architecture = "resnet",
        activation: str = "lrelu",
        resample_filter: tuple[float, ...] = FILTER_TAPS,
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.architecture = architecture
        self.resolution = resolution
        self.low_precision: torch.dtype | None = None  # None: float32
        self.register_buffer("resample_filter", setup_filter(resample_filter))
        shared: dict[str, Any] = {"activation": activation, "conv_clamp": conv_clamp}
        if in_channels == 0 or architecture == "skip":
            self.fromrgb = Conv2dLayer(img_channels, tmp_channels, 1, **shared)
        self.conv0 = Conv2dLayer(tmp_channels, tmp_channels, 3, **shared)
        self.conv1 = Conv2dLayer(
            tmp_channels, out_channels, 3, down=2, resample_filter=resample_filter, **shared
        )
        if architecture == "resnet":
            self.skip = Conv2dLayer(
                tmp_channels, out_channels, 1, bias=False, down=2, resample_filter=resample_filter
            )

    def forward(
        self, x: torch.Tensor | None, img: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Maps and picture of this resolution to those of half of it."""
        dtype = self.low_precision or torch.float32
        if x is not None:
            x = x.to(dtype)
        if self.in_channels == 0 or self.architecture == "skip":
            assert img is not None
            if img.device.type == "cpu":  # direct convolutions run up to 1.7x as fast this way
                img = img.contiguous(memory_format=torch.channels_last)
            y = self.fromrgb(img.to(dtype))
            x = y if x is None else x + y
            half = ops.downsample2d(img, self.resample_filter)
            img = half if self.architecture == "skip" else None
        assert x is not None
        if self.architecture != "resnet":
            return self.conv1(self.conv0(x)), img
        y = self.skip(x, gain=math.sqrt(0.5))
        x = self.conv1(self.conv0(x), gain=math.sqrt(0.5))
        return y + x, img


class MinibatchStdLayer(nn.Module):
    """Appends how much the samples of a group differ, as constant maps (Karras et al. 2018, 3)."""

    def __init__(self, group_size: int | None, num_channels: int = 1) -> None:
        super().__init__()
        self.group_size = group_size  # None: the whole batch
        self.num_channels = num_channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, c, h, w] -> [n, c + num_channels, h, w]; samples i, i + n/g, ... form a group."""
        n, c, h, w = x.shape
        group = n if self.group_size is None else min(self.group_size, n)
        f = self.num_channels
        y = x.reshape(group, -1, f, c // f, h, w)
        y = y - y.mean(dim=0)
        y = (y.square().mean(dim=0) + 1e-8).sqrt()
        y = y.mean(dim=[2, 3, 4])  # [n / group, f]
        y = y.reshape(-1, f, 1, 1).repeat(group, 1, h, w)
        return torch.cat([x, y.to(x.dtype)], dim=1)


class DiscriminatorEpilogue(nn.Module):
    """The 4x4 end: minibatch statistics, one convolution, two linear layers, label projection."""

    def __init__(
        self,
        in_channels: int,
        cmap_dim: int,  # 0: no labels
        resolution: int,
        img_channels: int,
        *,
        architecture: Architecture = "resnet",
        mbstd_group_size: int | None = 4,
        mbstd_num_channels: int = 1,
        activation: str = "lrelu",
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.cmap_dim = cmap_dim
        self.architecture = architecture
        if architecture == "skip":
            self.fromrgb = Conv2dLayer(img_channels, in_channels, 1, activation=activation)
        if mbstd_num_channels > 0:
            self.mbstd = MinibatchStdLayer(mbstd_group_size, mbstd_num_channels)
        else:
            self.mbstd = None  # type: ignore[assignment]
        self.conv = Conv2dLayer(
            in_channels + mbstd_num_channels,
            in_channels,
            3,
            activation=activation,
            conv_clamp=conv_clamp,
        )
        self.fc = FullyConnectedLayer(
            in_channels * resolution**2, in_channels, activation=activation
        )
        self.out = FullyConnectedLayer(in_channels, 1 if cmap_dim == 0 else cmap_dim)

    def forward(
        self, x: torch.Tensor, img: torch.Tensor | None, cmap: torch.Tensor | None
    ) -> torch.Tensor:
        """Maps [n, c, 4, 4] to logits [n, 1], float32."""
        x = x.float()
        if self.architecture == "skip":
            assert img is not None
            x = x + self.fromrgb(img.float())
        if self.mbstd is not None:
            x = self.mbstd(x)
        x = self.out(self.fc(self.conv(x).flatten(1)))
        if cmap is not None:
            x = (x * cmap).sum(dim=1, keepdim=True) / math.sqrt(self.cmap_dim)
        return x


class Discriminator(nn.Module):
    """Pictures (and labels) to logits; the constructor's arguments are the official ones."""

    def __init__(
        self,
        c_dim: int,
        img_resolution: int,
        img_channels: int,
        *,
        architecture: Architecture = "resnet",
        channel_base: int = 32768,
        channel_max: int = 512,
        num_fp16_res: int = 0,
        conv_clamp: float | None = None,
        cmap_dim: int | None = None,  # None: as many as the 4x4 maps, 0 without labels
        block_kwargs: dict[str, Any] | None = None,
        mapping_kwargs: dict[str, Any] | None = None,
        epilogue_kwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.c_dim = c_dim
        self.img_resolution = img_resolution
        self.img_channels = img_channels
        self.num_fp16_res = num_fp16_res
        self.block_resolutions = resolutions_up_to(img_resolution)[:0:-1]  # without 4
        widest = channels_at(4, channel_base, channel_max)
        if c_dim == 0:
            cmap_dim = 0
        elif cmap_dim is None:
            cmap_dim = widest
        shared: dict[str, Any] = {"architecture": architecture, "conv_clamp": conv_clamp}
        for resolution in self.block_resolutions:
            is_first = resolution == img_resolution
            width = channels_at(resolution, channel_base, channel_max)
            block = DiscriminatorBlock(
                0 if is_first else width,
                width,
                channels_at(resolution // 2, channel_base, channel_max),
                resolution,
                img_channels,
                **shared,
                **_known_block_kwargs(block_kwargs),
            )
            self.add_module(f"b{resolution}", block)
        if c_dim > 0:
            self.mapping = MappingNetwork(
                0, c_dim, cmap_dim, None, w_avg_beta=None, **(mapping_kwargs or {})
            )
        self.b4 = DiscriminatorEpilogue(
            widest, cmap_dim, 4, img_channels, **shared, **(epilogue_kwargs or {})
        )

    def block(self, resolution: int) -> DiscriminatorBlock:
        """The block of a resolution above 4."""
        block = self.get_submodule(f"b{resolution}")
        assert isinstance(block, DiscriminatorBlock)
        return block

    def use_low_precision(self, dtype: torch.dtype | None, num_res: int | None = None) -> None:
        """Run the `num_res` highest resolutions (None: the model's own num_fp16_res) in `dtype`."""
        count = self.num_fp16_res if num_res is None else num_res
        for index, resolution in enumerate(self.block_resolutions):
            self.block(resolution).low_precision = dtype if index < count else None

    def features(self, img: torch.Tensor) -> list[torch.Tensor]:
        """Maps after every block, from fine to coarse: a perceptual network any model brings."""
        x: torch.Tensor | None = None
        picture: torch.Tensor | None = img
        maps = []
        for resolution in self.block_resolutions:
            x, picture = self.block(resolution)(x, picture)
            assert x is not None
            maps.append(x)
        return maps

    def forward(
        self, img: torch.Tensor, c: torch.Tensor | None = None, update_emas: bool = False
    ) -> torch.Tensor:
        """Logits [n, 1]; positive means real.

        Args:
            img: float32 [n, img_channels, res, res], nominally in [-1, 1].
            c: [n, c_dim]; ignored without labels.
            update_emas: accepted for the official signature; there is nothing to update.
        """
        del update_emas
        x: torch.Tensor | None = None
        picture: torch.Tensor | None = img
        for resolution in self.block_resolutions:
            x, picture = self.block(resolution)(x, picture)
        assert x is not None
        cmap = self.mapping(None, c) if self.c_dim > 0 else None
        logits: torch.Tensor = self.b4(x, picture, cmap)
        return logits


def _known_block_kwargs(block_kwargs: dict[str, Any] | None) -> dict[str, Any]:
    """Without freeze_layers: which layers learn is the training's business, not the network's."""
    return {k: v for k, v in (block_kwargs or {}).items() if k != "freeze_layers"}

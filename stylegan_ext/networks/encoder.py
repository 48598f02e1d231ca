"""The encoder: a picture to a row of latents per layer of one generator (W+), in one pass.

Its trunk is that of StyleGAN2's discriminator, layer names included, so that it can begin as the
base's own, which has learned to look at such pictures. One head gives a latent for all rows, and
another per row what that row differs by, from the maps of its own scale (coarse rows from coarse
maps: Richardson et al. 2021, pSp; few differences between rows: Tov et al. 2021, e4e). Both speak
the coordinates of `latent_space`, where 0 is the middle and latents of the mapping network spread
by one in every direction.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from stylegan_ext.latent_space import LatentSpace
from stylegan_ext.networks.discriminator import DiscriminatorBlock
from stylegan_ext.networks.layers import (
    Conv2dLayer,
    FullyConnectedLayer,
    channels_at,
    resolutions_up_to,
)
from stylegan_ext.shapes import SQUEEZED, level_of_row


class Encoder(nn.Module):
    """Pictures to ws of the generator that it was trained for."""

    middle: torch.Tensor
    axes: torch.Tensor
    spread: torch.Tensor

    def __init__(
        self,
        img_resolution: int,  # of what it looks at; larger pictures are shrunk to it
        img_channels: int,
        num_ws: int,  # rows of the generator's ws
        w_dim: int,
        *,
        channel_base: int,
        channel_max: int,
        code_dim: int,
        is_leaky: bool,  # how the generator's mapping ends; see `latent_space`
    ) -> None:
        super().__init__()
        self.img_resolution = img_resolution
        self.img_channels = img_channels
        self.num_ws = num_ws
        self.w_dim = w_dim
        self.is_leaky = is_leaky
        self.block_resolutions = resolutions_up_to(img_resolution)[:0:-1]  # without 4
        widths = []
        for resolution in self.block_resolutions:
            width = channels_at(resolution, channel_base, channel_max)
            after = channels_at(resolution // 2, channel_base, channel_max)
            before = 0 if resolution == img_resolution else width
            block = DiscriminatorBlock(before, width, after, resolution, img_channels)
            self.add_module(f"b{resolution}", block)
            widths.append(after)
        self.squeeze = Conv2dLayer(widths[-1], SQUEEZED, 1, activation="lrelu")
        self.code = FullyConnectedLayer(SQUEEZED * 16, code_dim, activation="lrelu")
        self.common = FullyConnectedLayer(code_dim, w_dim)
        for row in range(num_ws):
            width = widths[::-1][level_of_row(row, num_ws, len(widths))]
            head = FullyConnectedLayer(code_dim + width, w_dim)
            nn.init.zeros_(head.weight)  # at first all rows are alike
            self.add_module(f"row{row}", head)
        self.register_buffer("middle", torch.zeros(w_dim))
        self.register_buffer("axes", torch.eye(w_dim))
        self.register_buffer("spread", torch.ones(w_dim))

    @property
    def space(self) -> LatentSpace:
        """The coordinates that the heads speak."""
        return LatentSpace(self.middle, self.axes, self.spread, self.is_leaky)

    def use_space(self, space: LatentSpace) -> None:
        """Take over a generator's coordinates."""
        self.middle.copy_(space.middle)
        self.axes.copy_(space.axes)
        self.spread.copy_(space.spread)

    def coordinates(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the heads say: for all rows [n, w_dim], and what each differs by [n, num_ws, w_dim].

        Args:
            images: float32 [n, img_channels, side, side] in [-1, 1].
        """
        if images.shape[2] != self.img_resolution:
            side = (self.img_resolution, self.img_resolution)
            images = F.interpolate(images, size=side, mode="area")
        x: torch.Tensor | None = None
        picture: torch.Tensor | None = images
        means = []
        for resolution in self.block_resolutions:
            x, picture = self.get_submodule(f"b{resolution}")(x, picture)
            assert x is not None
            means.append(x.float().mean(dim=[2, 3]))
        assert x is not None
        code = self.code(self.squeeze(x.float()).flatten(1))
        coarse_first, rows = means[::-1], []
        for row in range(self.num_ws):
            level = level_of_row(row, self.num_ws, len(means))
            seen = torch.cat([code, coarse_first[level]], dim=1)
            rows.append(self.get_submodule(f"row{row}")(seen))
        return self.common(code), torch.stack(rows, dim=1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Pictures, as `coordinates` takes them, to ws [n, num_ws, w_dim]."""
        common, rows = self.coordinates(images)
        return self.space.to_ws(common[:, None] + rows)

"""The two generators, as one interface: mapping, synthesis, and their sizes."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from stylegan_ext.networks import stylegan3, synthesis
from stylegan_ext.networks.mapping import MappingNetwork
from stylegan_ext.networks.synthesis import NoiseMode


class Generator(nn.Module):
    """What StyleGAN2's and StyleGAN3's generators have in common."""

    mapping: MappingNetwork
    synthesis: synthesis.SynthesisNetwork | stylegan3.SynthesisNetwork

    def __init__(
        self, z_dim: int, c_dim: int, w_dim: int, img_resolution: int, img_channels: int
    ) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.c_dim = c_dim
        self.w_dim = w_dim
        self.img_resolution = img_resolution
        self.img_channels = img_channels

    @property
    def num_ws(self) -> int:
        """Rows of ws: one per layer that is styled."""
        return self.synthesis.num_ws

    def forward(
        self,
        z: torch.Tensor,
        c: torch.Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
        noise_mode: NoiseMode = "const",
    ) -> torch.Tensor:
        """Latents [n, z_dim] (and labels) to pictures [n, img_channels, res, res]."""
        ws = self.mapping(z, c, truncation_psi, truncation_cutoff)
        picture: torch.Tensor = self.synthesis(ws, noise_mode=noise_mode)
        return picture


class StyleGAN2Generator(Generator):
    """StyleGAN2 (Karras et al. 2020a), with the official constructor arguments and names."""

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        img_resolution: int,
        img_channels: int,
        *,
        mapping_kwargs: dict[str, Any] | None = None,
        synthesis_kwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(z_dim, c_dim, w_dim, img_resolution, img_channels)
        self.synthesis = synthesis.SynthesisNetwork(
            w_dim, img_resolution, img_channels, **(synthesis_kwargs or {})
        )
        self.mapping = MappingNetwork(
            z_dim, c_dim, w_dim, self.synthesis.num_ws, **(mapping_kwargs or {})
        )


class StyleGAN3Generator(Generator):
    """StyleGAN3 (Karras et al. 2021), with the official constructor arguments and names."""

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        img_resolution: int,
        img_channels: int,
        *,
        mapping_kwargs: dict[str, Any] | None = None,
        **synthesis_kwargs: Any,
    ) -> None:
        super().__init__(z_dim, c_dim, w_dim, img_resolution, img_channels)
        self.synthesis = stylegan3.SynthesisNetwork(
            w_dim, img_resolution, img_channels, **synthesis_kwargs
        )
        # StyleGAN3's own defaults: two layers, slower average.
        mapping_kwargs = {"num_layers": 2, "w_avg_beta": 0.998, **(mapping_kwargs or {})}
        self.mapping = MappingNetwork(z_dim, c_dim, w_dim, self.synthesis.num_ws, **mapping_kwargs)

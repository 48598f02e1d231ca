"""The mapping network: z, and a label, to the intermediate latent w (StyleGAN, section 2)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from stylegan_ext import team
from stylegan_ext.networks.layers import FullyConnectedLayer, normalize_2nd_moment


class MappingNetwork(nn.Module):
    """z [n, z_dim] and c [n, c_dim] to ws [n, num_ws, w_dim].

    With z_dim 0 it maps labels alone, as the discriminator uses it; with num_ws None the result
    stays [n, w_dim].
    """

    w_avg: torch.Tensor

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        num_ws: int | None,
        *,
        num_layers: int = 8,
        embed_features: int | None = None,  # None: w_dim
        layer_features: int | None = None,  # None: w_dim
        activation: str = "lrelu",
        lr_multiplier: float = 0.01,
        w_avg_beta: float | None = 0.995,  # None: no running average of w
    ) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.c_dim = c_dim
        self.w_dim = w_dim
        self.num_ws = num_ws
        self.num_layers = num_layers
        self.w_avg_beta = w_avg_beta

        embed_features = 0 if c_dim == 0 else (embed_features or w_dim)
        hidden = layer_features or w_dim
        widths = [z_dim + embed_features] + [hidden] * (num_layers - 1) + [w_dim]
        if c_dim > 0:
            self.embed = FullyConnectedLayer(c_dim, embed_features)
        for i, (before, after) in enumerate(pairwise(widths[: num_layers + 1])):
            layer = FullyConnectedLayer(
                before, after, activation=activation, lr_multiplier=lr_multiplier
            )
            self.add_module(f"fc{i}", layer)
        if num_ws is not None and w_avg_beta is not None:
            self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(
        self,
        z: torch.Tensor | None,
        c: torch.Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
        update_emas: bool = False,
    ) -> torch.Tensor:
        """Latents to ws.

        Args:
            z: [n, z_dim], normal; None when z_dim is 0.
            c: [n, c_dim], one-hot or a vector; None when c_dim is 0.
            truncation_psi: 1 leaves w as it is, 0 gives the average.
            truncation_cutoff: truncate this many rows from the coarsest; None means all.
            update_emas: move w_avg towards this batch (training only).

        Returns:
            float32 [n, num_ws, w_dim].
        """
        parts = []
        if z is not None and self.z_dim > 0:
            parts.append(normalize_2nd_moment(z.float()))
        if c is not None and self.c_dim > 0:
            parts.append(normalize_2nd_moment(self.embed(c.float())))
        x = torch.cat(parts, dim=1)
        for i in range(self.num_layers):
            x = self.get_submodule(f"fc{i}")(x)

        if update_emas and self.w_avg_beta is not None:
            average = team.current().mean(x.detach().mean(dim=0))
            self.w_avg.copy_(average.lerp(self.w_avg, self.w_avg_beta))
        if self.num_ws is None:
            return x
        ws = x[:, None].expand(-1, self.num_ws, -1)
        return (
            truncate(ws, self.w_avg, truncation_psi, truncation_cutoff)
            if (truncation_psi != 1)
            else ws.contiguous()
        )


def truncate(
    ws: torch.Tensor, w_avg: torch.Tensor, psi: float, cutoff: int | None = None
) -> torch.Tensor:
    """w_avg + psi (w - w_avg) on the first `cutoff` rows of ws [n, num_ws, w_dim]."""
    if cutoff is None:
        return w_avg.lerp(ws, psi)
    return torch.cat([w_avg.lerp(ws[:, :cutoff], psi), ws[:, cutoff:]], dim=1)

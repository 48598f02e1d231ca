"""Where the good latents are: a mapping network's w in coordinates that spread alike.

The last layer of a mapping network is a leaky ReLU of slope 1/5. Undone (negative numbers times
five), what comes out of it is close to normal; centred and divided by its spread along its
principal axes it is close to *standard* normal. In these coordinates, v, a latent is the more
likely the nearer it lies to 0, all directions count alike, and a search that is held near 0 stays
where the generator was trained (Zhu et al. 2020, "Improved StyleGAN embedding: where are the good
latents?", the space P_N; with a row per layer P_N+).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:  # the encoder, a network, stands on this module
    from stylegan_ext.networks.generator import Generator

SAMPLES = 16_384  # mapped latents that the axes are taken from; more moves nothing at w_dim 512
SEED = 123  # of them, as the projector's
# Axes along which w hardly moves are kept this wide, in units of the widest: else rounding and
# what the samples lack would be blown up. Ours.
_LEAST_SPREAD = 1e-2
_SLOPE = 5.0


@dataclass(frozen=True)
class LatentSpace:
    """The way between rows of ws and rows of v, both [..., w_dim]."""

    middle: torch.Tensor  # [w_dim], mean of the undone activations
    axes: torch.Tensor  # [w_dim, w_dim], a unit row per principal axis, widest first
    spread: torch.Tensor  # [w_dim], standard deviation along each axis
    is_leaky: bool  # whether the mapping ends in a leaky ReLU

    def to_ws(self, v: torch.Tensor) -> torch.Tensor:
        """Coordinates to latents; differentiable."""
        p = (v * self.spread) @ self.axes + self.middle
        return torch.where(p < 0, p / _SLOPE, p) if self.is_leaky else p

    def to_v(self, ws: torch.Tensor) -> torch.Tensor:
        """Latents to coordinates, the inverse of `to_ws`."""
        p = torch.where(ws < 0, ws * _SLOPE, ws) if self.is_leaky else ws
        return ((p - self.middle) @ self.axes.T) / self.spread


@torch.no_grad()
def latent_space(generator: Generator, samples: int = SAMPLES) -> LatentSpace:
    """The coordinates of a generator, from latents of a fixed seed.

    A conditional generator is asked for all its classes in turn.

    Args:
        generator: the model.
        samples: how many latents are mapped; at least twice w_dim.
    """
    device = next(generator.parameters()).device
    z = np.random.RandomState(SEED).randn(samples, generator.z_dim).astype(np.float32)
    c = None
    if generator.c_dim:
        c = torch.eye(generator.c_dim, device=device)[torch.arange(samples) % generator.c_dim]
    w = generator.mapping(torch.from_numpy(z).to(device), c)[:, 0]
    is_leaky = ends_in_leaky_relu(generator)
    p = torch.where(w < 0, w * _SLOPE, w) if is_leaky else w
    middle = p.mean(dim=0)
    p = p - middle
    variance, axes = torch.linalg.eigh((p.T @ p).double() / samples)
    spread = variance.clamp(min=0).sqrt().flip(0)
    spread = spread.clamp(min=_LEAST_SPREAD * float(spread[0]))
    return LatentSpace(middle, axes.T.flip(0).float().contiguous(), spread.float(), is_leaky)


def ends_in_leaky_relu(generator: Generator) -> bool:
    """Whether the last layer of the mapping network is a leaky ReLU."""
    last = generator.mapping.get_submodule(f"fc{generator.mapping.num_layers - 1}")
    return str(last.activation) == "lrelu"

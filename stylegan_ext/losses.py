"""The terms StyleGAN2 is trained with, each per sample, arrays in and arrays out.

Logits are [n, 1]; positive means real. Every function gives one value per sample, so that the
caller can average, weight or log them.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from stylegan_ext import team


def generator_loss(fake_logits: torch.Tensor) -> torch.Tensor:
    """Non-saturating: -log sigmoid(D(G(z))) (Goodfellow et al. 2014). [n, 1]."""
    return F.softplus(-fake_logits)


def discriminator_loss_fake(fake_logits: torch.Tensor) -> torch.Tensor:
    """-log(1 - sigmoid(D(G(z)))). [n, 1]."""
    return F.softplus(fake_logits)


def discriminator_loss_real(real_logits: torch.Tensor) -> torch.Tensor:
    """-log sigmoid(D(x)). [n, 1]."""
    return F.softplus(-real_logits)


def r1_penalty(real_logits: torch.Tensor, real_images: torch.Tensor) -> torch.Tensor:
    """Squared norm of dD/dx at the reals (Mescheder et al. 2018), differentiable.

    Args:
        real_logits: [n, 1], computed from `real_images`.
        real_images: [n, c, h, w], requiring gradients.

    Returns:
        [n]; the loss is gamma / 2 times this.
    """
    (gradient,) = torch.autograd.grad(
        outputs=[real_logits.sum()], inputs=[real_images], create_graph=True
    )
    return gradient.square().sum(dim=[1, 2, 3])


def path_lengths(
    images: torch.Tensor, ws: torch.Tensor, noise: torch.Tensor | None = None
) -> torch.Tensor:
    """Length of J_w^T y for a random picture y (StyleGAN2, equation 4), differentiable.

    Args:
        images: [n, c, h, w], computed from `ws`.
        ws: [n, num_ws, w_dim], in the graph of `images`.
        noise: normal, like `images`; None draws it. It is scaled by 1 / sqrt(h w), so that the
            length does not depend on the resolution.

    Returns:
        [n]: root mean square over the rows of ws of the gradient's norm.
    """
    if noise is None:
        noise = team.normal(images.shape, images.device)
    noise = noise / math.sqrt(images.shape[2] * images.shape[3])
    (gradient,) = torch.autograd.grad(
        outputs=[(images * noise).sum()], inputs=[ws], create_graph=True
    )
    return gradient.square().sum(dim=2).mean(dim=1).sqrt()


def path_length_penalty(
    lengths: torch.Tensor, running_mean: torch.Tensor, decay: float = 0.01
) -> tuple[torch.Tensor, torch.Tensor]:
    """Squared distance of path lengths from their running mean a (StyleGAN2, equation 4).

    Returns:
        The penalties [n] and the new running mean (scalar, detached).
    """
    mine = running_mean.lerp(lengths.mean(), decay)
    if team.current().world == 1:
        return (lengths - mine).square(), mine.detach()
    # The mean is that of all processes, and so is what pulls at it; its gradient reaches the
    # lengths of this process, and averaging gradients over the team makes the whole of it.
    mean = running_mean.lerp(team.current().mean(lengths.detach().mean()), decay)
    off = lengths - mean
    pull = team.current().mean(-2 * off.detach().mean())
    return off.square() + pull * (mine - mine.detach()), mean

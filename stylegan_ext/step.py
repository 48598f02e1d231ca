"""One training iteration of StyleGAN2: four phases, two optimisers, lazy regularisation.

The order is Gmain, Greg, Dmain, Dreg. Each network has one Adam, shared by its main and its
regularisation phase; a regularisation that runs every r iterations has its loss multiplied by r,
and learning rate and betas are taken to the power r / (r + 1) so that the pair moves as one
(StyleGAN2, appendix B). What is random comes in from outside (`latents`) or from torch's
generator; what was measured goes out as a dict of per-sample tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import nn

from stylegan_ext import losses, team
from stylegan_ext.errors import ParameterError
from stylegan_ext.networks.discriminator import Discriminator
from stylegan_ext.networks.generator import Generator, StyleGAN2Generator

Stats: TypeAlias = dict[str, torch.Tensor]
Augment: TypeAlias = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class LossSettings:
    """Weights of the objective; the defaults are the official ones."""

    r1_gamma: float = 10.0
    pl_weight: float = 2.0  # 0: no path-length term (StyleGAN3)
    pl_batch_shrink: int = 2
    pl_decay: float = 0.01
    style_mixing_prob: float = 0.9  # 0 for StyleGAN3
    g_reg_interval: int = 4
    d_reg_interval: int = 16


def lazy_adam(
    network: nn.Module,
    *,
    lr: float,
    reg_interval: int,
    betas: tuple[float, float] = (0.0, 0.99),
    parameters: Iterable[nn.Parameter] | None = None,  # None: all of the network's
) -> torch.optim.Adam:
    """Adam whose step is corrected for a regularisation phase every `reg_interval` iterations."""
    ratio = reg_interval / (reg_interval + 1)
    adjusted = (betas[0] ** ratio, betas[1] ** ratio)
    taught = list(network.parameters() if parameters is None else parameters)
    return torch.optim.Adam(taught, lr=lr * ratio, betas=adjusted, eps=1e-8)


def apply_gradients(
    optimizer: torch.optim.Optimizer, mean: Callable[[torch.Tensor], torch.Tensor] | None = None
) -> None:
    """One optimiser step; NaN gradients count as 0, infinite ones as +-1e5 (as in the official).

    Args:
        optimizer: holds the parameters that learn.
        mean: of a flat tensor over all processes; None: there is one process.
    """
    gradients = []
    for parameter in (p for group in optimizer.param_groups for p in group["params"]):
        if parameter.grad is None:
            # Not reached by this phase (the last bias by the path lengths): a gradient of zero, so
            # that Adam's second moment and step count go on for it as for the others.
            parameter.grad = torch.zeros_like(parameter)
        gradients.append(parameter.grad)
    if mean is not None:
        common = mean(torch.cat([gradient.flatten() for gradient in gradients]))
        parts = torch.split(common, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))
    for gradient in gradients:
        torch.nan_to_num(gradient, nan=0, posinf=1e5, neginf=-1e5, out=gradient)
    optimizer.step()


class Objective:
    """Losses and gradients of a generator against a discriminator.

    Args:
        generator: trained by `g_main` and `g_reg`.
        discriminator: trained by `d_main` and `d_reg`.
        settings: weights and intervals.
        augment: applied to everything the discriminator sees; None applies nothing.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        settings: LossSettings,
        augment: Augment | None = None,
    ) -> None:
        if settings.pl_weight and not isinstance(generator, StyleGAN2Generator):
            raise ParameterError("path-length regularisation is StyleGAN2's; set pl_weight to 0")
        self.generator = generator
        self.discriminator = discriminator
        self.settings = settings
        self.augment: Augment = augment or (lambda images: images)
        device = next(generator.parameters()).device
        self.pl_mean = torch.zeros([], device=device)

    def g_main(self, z: torch.Tensor, c: torch.Tensor | None) -> Stats:
        """Gradients of the generator's loss."""
        images, _ = self._generate(z, c)
        logits = self._discriminate(images, c)
        loss = losses.generator_loss(logits)
        _backward(loss.mean())
        return _scores("fake", logits) | {"Loss/G/loss": loss.detach()}

    def g_reg(
        self, z: torch.Tensor, c: torch.Tensor | None, noise: torch.Tensor | None = None
    ) -> Stats:
        """Gradients of the path-length penalty, on the first 1 / pl_batch_shrink of the batch."""
        s = self.settings
        count = max(z.shape[0] // s.pl_batch_shrink, 1)
        images, ws = self._generate(z[:count], None if c is None else c[:count])
        lengths = losses.path_lengths(images, ws, noise)
        penalty, self.pl_mean = losses.path_length_penalty(lengths, self.pl_mean, s.pl_decay)
        loss = penalty * s.pl_weight
        _backward(loss.mean() * s.g_reg_interval)
        return {"Loss/pl_penalty": penalty.detach(), "Loss/G/reg": loss.detach()}

    def d_main(
        self,
        real: torch.Tensor,
        real_c: torch.Tensor | None,
        z: torch.Tensor,
        c: torch.Tensor | None,
    ) -> Stats:
        """Gradients of the discriminator's loss on fakes and reals (two passes: D sees groups)."""
        with torch.no_grad():
            images, _ = self._generate(z, c)
        fake_logits = self._discriminate(images, c)
        fake_loss = losses.discriminator_loss_fake(fake_logits)
        _backward(fake_loss.mean())
        real_logits = self._discriminate(real.detach(), real_c)
        real_loss = losses.discriminator_loss_real(real_logits)
        _backward(real_loss.mean())
        scores = _scores("fake", fake_logits) | _scores("real", real_logits)
        return scores | {"Loss/D/loss": (fake_loss + real_loss).detach()}

    def d_reg(self, real: torch.Tensor, real_c: torch.Tensor | None) -> Stats:
        """Gradients of the R1 penalty."""
        s = self.settings
        real = real.detach().requires_grad_(True)
        logits = self._discriminate(real, real_c)
        penalty = losses.r1_penalty(logits, real)
        loss = penalty * (s.r1_gamma / 2)
        _backward(loss.mean() * s.d_reg_interval)
        return _scores("real", logits) | {
            "Loss/r1_penalty": penalty.detach(),
            "Loss/D/reg": loss.detach(),
        }

    def _generate(
        self, z: torch.Tensor, c: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        mapping = self.generator.mapping
        ws = mapping(z, c, update_emas=True)
        if self.settings.style_mixing_prob > 0:
            ws = self._mix_styles(ws, z, c)
        if torch.is_grad_enabled() and not ws.requires_grad:
            ws.requires_grad_(True)  # a frozen mapping: path lengths still differentiate by ws
        return self.generator.synthesis(ws, noise_mode="random"), ws

    def _mix_styles(
        self, ws: torch.Tensor, z: torch.Tensor, c: torch.Tensor | None
    ) -> torch.Tensor:
        """From a random row on, the ws of another z (StyleGAN, section 3.1); one cut per batch."""
        num_ws = ws.shape[1]
        if torch.rand([]) >= self.settings.style_mixing_prob:
            return ws
        cut = int(torch.randint(1, num_ws, []))
        other = self.generator.mapping(team.normal(z.shape, z.device), c)
        return torch.cat([ws[:, :cut], other[:, cut:]], dim=1)

    def _discriminate(self, images: torch.Tensor, c: torch.Tensor | None) -> torch.Tensor:
        logits: torch.Tensor = self.discriminator(self.augment(images), c)
        return logits


def _backward(loss: torch.Tensor) -> None:
    torch.autograd.backward([loss])


def _scores(which: str, logits: torch.Tensor) -> Stats:
    flat = logits.detach().flatten()
    return {f"Loss/scores/{which}": flat, f"Loss/signs/{which}": flat.sign()}


class Trainer:
    """Runs iterations: which phase is due, with gradients on for the one network it trains.

    Args:
        objective: the losses.
        g_optimizer: made by `lazy_adam` over the generator's parameters.
        d_optimizer: likewise for the discriminator.
        mean: of a flat tensor over all processes; None: there is one process.
    """

    def __init__(
        self,
        objective: Objective,
        g_optimizer: torch.optim.Optimizer,
        d_optimizer: torch.optim.Optimizer,
        mean: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        self.objective = objective
        self.g_optimizer = g_optimizer
        self.d_optimizer = d_optimizer
        self.mean = mean

    def iteration(
        self,
        index: int,
        real: torch.Tensor,
        real_c: torch.Tensor | None,
        latents: Callable[[str], tuple[torch.Tensor, torch.Tensor | None]],
        after_phase: Callable[[str, Stats], None] | None = None,
    ) -> None:
        """All phases that are due in iteration `index` (from 0).

        Args:
            index: number of the iteration; regularisation runs when its interval divides it.
            real: [n, c, h, w], [-1, 1].
            real_c: labels of the reals, or None.
            latents: gives (z, c) for a phase's name.
            after_phase: told the phase's name and what it measured, before the next starts.
        """
        s, objective = self.objective.settings, self.objective
        phases: list[tuple[str, Callable[[], Stats]]] = [
            ("Gmain", lambda: objective.g_main(*latents("Gmain")))
        ]
        if s.pl_weight and index % s.g_reg_interval == 0:
            phases.append(("Greg", lambda: objective.g_reg(*latents("Greg"))))
        phases.append(("Dmain", lambda: objective.d_main(real, real_c, *latents("Dmain"))))
        if s.r1_gamma and index % s.d_reg_interval == 0:
            phases.append(("Dreg", lambda: objective.d_reg(real, real_c)))
        for name, run in phases:
            stats = self._phase(name, run)
            if after_phase is not None:
                after_phase(name, stats)

    def _phase(self, name: str, run: Callable[[], Stats]) -> Stats:
        optimizer = self.g_optimizer if name.startswith("G") else self.d_optimizer
        learnable = [p for group in optimizer.param_groups for p in group["params"]]
        optimizer.zero_grad(set_to_none=True)
        for parameter in learnable:
            parameter.requires_grad_(True)
        stats = run()
        apply_gradients(optimizer, self.mean)
        for parameter in learnable:
            parameter.requires_grad_(False)
        return stats

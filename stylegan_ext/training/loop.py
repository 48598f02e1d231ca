"""A training in progress: networks, optimisers, averages, counters, iterations.

All randomness of an iteration is seeded by the run's seed and the iteration's number. What is
random at iteration 417 therefore depends on nothing but these two: not on how often the run was
broken off, not on how many processes share a batch, and no generator's state has to be kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import nn

from stylegan_ext import team as teams
from stylegan_ext.augment import AugmentPipe, AugmentStrengths
from stylegan_ext.ema import adapt_probability, ema_beta, update_average
from stylegan_ext.errors import EngineError, ParameterError
from stylegan_ext.networks import Discriminator
from stylegan_ext.networks.generator import Generator
from stylegan_ext.step import LossSettings, Objective, Stats, Trainer, lazy_adam
from stylegan_ext.team import SOLO, Team
from stylegan_ext.training.frozen import learnable

Tensors: TypeAlias = dict[str, torch.Tensor]
ADA_SIGN = "Loss/signs/real"
_LOW_PRECISION_LEVELS = 4  # the highest resolutions; official num_fp16_res
_MOMENTS = ("exp_avg", "exp_avg_sq")


class DivergedError(EngineError):
    """A training has run apart: something that must be finite is not."""


@dataclass(frozen=True)
class LoopSettings:
    """What an iteration computes with. All of it is part of what the training becomes."""

    batch: int  # over all processes
    learning_rate: float = 0.002
    loss: LossSettings = field(default_factory=LossSettings)
    ema_kimg: float = 10.0
    ema_ramp: float | None = None  # see `ema.ema_beta`
    augment: AugmentStrengths | None = None  # None: pictures go to D as they are
    fixed_p: float | None = None  # probability of augmentations; None: steered by ADA
    ada_target: float = 0.6
    ada_interval: int = 4  # iterations between two adjustments of p
    ada_kimg: float = 500.0  # how long p takes from 0 to 1
    frozen: tuple[str, ...] = ()  # what does not learn; see `frozen.learnable`
    low_precision: torch.dtype | None = None  # of the 4 highest resolutions; None: float32
    seed: int = 0


class Training:
    """Everything that changes while a model is trained.

    Args:
        generator: what learns; it goes to `device`.
        discriminator: its opponent.
        average: the moving average of the generator, G_ema.
        settings: what an iteration computes with.
        device: where it computes.
        team: which of several processes this is.

    Attributes:
        nimg: pictures shown so far, over all processes.
        iteration: number of the next iteration.
        p: probability of augmentations.

    Raises:
        ParameterError: the batch cannot be shared by the team, or a frozen part does not exist.
    """

    def __init__(  # noqa: PLR0917 - three networks, settings, and where they run
        self,
        generator: Generator,
        discriminator: Discriminator,
        average: Generator,
        settings: LoopSettings,
        device: str | torch.device = "cpu",
        team: Team = SOLO,
    ) -> None:
        _check_sharing(settings, discriminator, team)
        self.settings, self.team, self.device = settings, team, torch.device(device)
        self.networks: dict[str, nn.Module] = {
            "G": generator.to(device).train(),
            "D": discriminator.to(device).train(),
            "G_ema": average.to(device).eval(),
        }
        self.generator, self.discriminator, self.average = generator, discriminator, average
        self.nimg, self.iteration = 0, 0
        self.p = settings.fixed_p if settings.fixed_p is not None else 0.0
        self._pipe = AugmentPipe(settings.augment).to(device) if settings.augment else None
        for network in self.networks.values():
            network.requires_grad_(False)
        for network in (generator, discriminator, average):
            low = network.synthesis if isinstance(network, Generator) else network
            if settings.low_precision is not None and hasattr(low, "use_low_precision"):
                low.use_low_precision(settings.low_precision, _LOW_PRECISION_LEVELS)
        self.objective = Objective(generator, discriminator, settings.loss, self._pipe)
        self._trainer = self._make_trainer()
        self.sums: dict[str, torch.Tensor] = {}  # name -> count, sum, sum of squares; since a tick
        self._signs: list[torch.Tensor] = []  # of D on reals, since p was adjusted

    def _make_trainer(self) -> Trainer:
        s, intervals = self.settings, self.settings.loss
        optimizers = {
            name: lazy_adam(
                self.networks[name],
                lr=s.learning_rate,
                reg_interval=interval,
                parameters=[p for _, p in learnable(name, self.networks[name], s.frozen)],
            )
            for name, interval in (("G", intervals.g_reg_interval), ("D", intervals.d_reg_interval))
        }
        self.optimizers = optimizers
        mean = None if self.team.world == 1 else self.team.mean
        return Trainer(self.objective, optimizers["G"], optimizers["D"], mean)

    def iterate(
        self, real: torch.Tensor, real_c: torch.Tensor | None, labels: torch.Tensor | None
    ) -> None:
        """One iteration on the next batch.

        Args:
            real: uint8 [n, c, h, w]: this process's share of the batch, [0, 255].
            real_c: float32 [n, c_dim], their labels; None without labels.
            labels: float32 [N, c_dim], what labels of generated pictures are drawn from.

        Raises:
            DivergedError: a loss is not finite (looked at when p is adjusted).
        """
        s = self.settings
        torch.manual_seed(iteration_seed(s.seed, self.iteration))
        if self._pipe is not None:
            self._pipe.set_p(self.p)
        pictures = real.to(self.device).float().div_(127.5).sub_(1)
        share = s.batch // self.team.world

        def latents(_: str) -> tuple[torch.Tensor, torch.Tensor | None]:
            z = teams.normal([share, self.generator.z_dim], self.device)
            if labels is None:
                return z, None
            chosen = teams.uniform([share]).mul(len(labels)).long()
            return z, labels[chosen].to(self.device)

        c = None if real_c is None else real_c.to(self.device)
        with teams.working_in(self.team):
            self._trainer.iteration(self.iteration, pictures, c, latents, self._add)
        beta = ema_beta(s.batch, ema_kimg=s.ema_kimg, current_nimg=self.nimg, rampup=s.ema_ramp)
        update_average(self.average, self.generator, beta)
        self.nimg += s.batch
        self.iteration += 1
        if self.iteration % s.ada_interval == 0:
            self._adjust()

    def _add(self, _: str, stats: Stats) -> None:
        for name, values in stats.items():
            flat = values.flatten().float()
            three = torch.stack([flat.new_tensor(flat.numel()), flat.sum(), flat.square().sum()])
            held = self.sums.get(name)
            self.sums[name] = three if held is None else held.add_(three)
            if name == ADA_SIGN:
                self._signs.append(flat.mean())

    def _adjust(self) -> None:
        """Move p, and see that nothing has run apart."""
        s = self.settings
        sign = float(self.team.mean(torch.stack(self._signs).mean()))
        self._signs = []
        if not math.isfinite(sign):
            raise DivergedError(
                f"the discriminator's answers are no numbers any more at {self.nimg / 1000:.1f} "
                "kimg",
                hint="try a larger gamma or a smaller learning rate from the last snapshot",
            )
        self.require_finite(deep=False)
        if s.augment is not None and s.fixed_p is None:
            self.p = adapt_probability(
                self.p,
                sign,
                batch_size=s.batch,
                target=s.ada_target,
                interval=s.ada_interval,
                speed_kimg=s.ada_kimg,
            )

    def require_finite(self, *, deep: bool = True) -> None:
        """See that all is finite: what was measured, and with `deep` every tensor that is kept.

        Raises:
            DivergedError: it is not; the message says what.
        """
        bad = [name for name, held in self.sums.items() if not torch.isfinite(held).all()]
        if deep:
            bad += [n for n, held in self.tensors().items() if not torch.isfinite(held).all()]
        if bad:
            more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
            raise DivergedError(
                f"NaN or infinity at {self.nimg / 1000:.1f} kimg in {', '.join(bad[:3])}{more}",
                hint="try a larger gamma or a smaller learning rate from the last snapshot",
            )

    def take_stats(self) -> dict[str, dict[str, float]]:
        """What was measured since the last call: name -> num, mean, std. Clears it."""
        taken = {}
        for name in sorted(self.sums):
            count, total, squares = (self.team.mean(self.sums[name]) * self.team.world).tolist()
            mean = total / count
            variance = max(squares / count - mean**2, 0.0)
            taken[name] = {"num": count, "mean": mean, "std": math.sqrt(variance)}
        self.sums = {}
        return taken

    def tensors(self) -> Tensors:
        """Everything that changes and is a tensor, by name; not copied."""
        kept: Tensors = {"pl_mean": self.objective.pl_mean}
        for name, network in self.networks.items():
            kept |= {f"{name}.{key}": held for key, held in network.state_dict().items()}
        for name, optimizer in self.optimizers.items():
            for key, parameter in learnable(name, self.networks[name], self.settings.frozen):
                for moment, held in optimizer.state.get(parameter, {}).items():
                    kept[f"adam.{name}.{moment}.{key}"] = held
        kept |= {f"sums.{name}": held for name, held in self.sums.items()}
        kept |= {f"signs.{index}": held for index, held in enumerate(self._signs)}
        return kept

    def counters(self) -> dict[str, Any]:
        """Everything that changes and is a number; JSON types."""
        return {"nimg": self.nimg, "iteration": self.iteration, "p": self.p}

    def restore(self, tensors: Mapping[str, torch.Tensor], counters: Mapping[str, Any]) -> None:
        """Go on from what `tensors` and `counters` gave.

        Raises:
            KeyError: something is missing; it is the state of another training.
            RuntimeError: a tensor has another shape.
        """
        for name, network in self.networks.items():
            own = {key: tensors[f"{name}.{key}"] for key in network.state_dict()}
            network.load_state_dict(own)
        self.objective.pl_mean = tensors["pl_mean"].to(self.device).clone()
        for name, optimizer in self.optimizers.items():
            for key, parameter in learnable(name, self.networks[name], self.settings.frozen):
                found = {
                    moment: tensors[f"adam.{name}.{moment}.{key}"]
                    for moment in ("step", *_MOMENTS)
                    if f"adam.{name}.{moment}.{key}" in tensors
                }
                if found:
                    optimizer.state[parameter] = _moments(found, parameter)
        self.sums = _below(tensors, "sums.", self.device)
        signs = _below(tensors, "signs.", self.device)
        self._signs = [signs[str(index)] for index in range(len(signs))]
        self.nimg, self.iteration = int(counters["nimg"]), int(counters["iteration"])
        self.p = float(counters["p"]) if self.settings.fixed_p is None else self.settings.fixed_p


def _moments(found: Tensors, parameter: torch.Tensor) -> Tensors:
    """Adam's memory of a parameter; the step stays on the CPU, as the plain Adam has it."""
    kept = {name: held.float().clone() for name, held in found.items()}
    return {
        name: held if name == "step" else held.to(parameter.device) for name, held in kept.items()
    }


def _below(tensors: Mapping[str, torch.Tensor], prefix: str, device: torch.device) -> Tensors:
    return {
        name.removeprefix(prefix): held.to(device).clone()
        for name, held in tensors.items()
        if name.startswith(prefix)
    }


def iteration_seed(seed: int, iteration: int) -> int:
    """A seed of 63 bits for an iteration of a run (splitmix64, Steele et al. 2014)."""
    mask = (1 << 64) - 1
    x = (seed * 0x9E3779B97F4A7C15 + iteration + 1) * 0x9E3779B97F4A7C15 & mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return (x ^ (x >> 31)) >> 1


def _check_sharing(settings: LoopSettings, discriminator: Discriminator, team: Team) -> None:
    """See that every process gets as much as any other, in whole groups.

    Raises:
        ParameterError: it does not work out.
    """
    shrunk = settings.batch // settings.loss.pl_batch_shrink if settings.loss.pl_weight else 0
    if settings.batch % team.world or (team.world > 1 and shrunk % team.world):
        raise ParameterError(
            f"a batch of {settings.batch} cannot be shared evenly by {team.world} processes",
            hint=f"choose a multiple of {team.world * settings.loss.pl_batch_shrink}",
        )
    group = discriminator.b4.mbstd.group_size if discriminator.b4.mbstd is not None else 1
    group = settings.batch if group is None else min(group, settings.batch)
    for count in (settings.batch, settings.batch // team.world):
        if count % min(group, count):
            raise ParameterError(
                f"a batch of {settings.batch} over {team.world} processes does not divide into "
                f"groups of {group} for the minibatch statistics",
                hint=f"choose a multiple of {group * team.world}",
            )

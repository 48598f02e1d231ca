"""A fast net in training: network, optimiser, average and counters; it knows nothing of files."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from artstyle.baselines.fast.losses import CONTENT_LAYERS, Sees, Weights, terms
from artstyle.baselines.fast.network import FastNet, lay_out
from artstyle.errors import ArtstyleError

# The average's half-life in iterations, and at most this share of those there have been: it
# forgets the beginning. Guesses; the papers take the last state.
_HALF_LIFE, _MOST_SHARE = 200.0, 0.1
_MOMENTS = ("exp_avg", "exp_avg_sq")
# Gains and offsets, in which styles differ, learn so many times as fast as the kernels that all
# styles share; measured on four paintings, where at 1 they were alike for hundreds of iterations.
_STYLE_RATE = 5.0
FIGURES = ("content", "style", "tv", "total")


class DivergedError(ArtstyleError):
    """A training has run apart: something that must be finite is not."""


@dataclass(frozen=True)
class Numbers:
    """What an iteration computes with."""

    weights: Weights
    learning_rate: float
    content_layers: tuple[str, ...] = CONTENT_LAYERS


class FastTraining:
    """Everything that changes while a fast net is trained.

    Args:
        perception: what sees, frozen, on `device`.
        network: at its beginning.
        targets: what `style_targets` gave.
        numbers: weights and rates.
        device: where it computes.
    """

    def __init__(
        self,
        perception: Sees,
        network: FastNet,
        targets: Mapping[str, torch.Tensor],
        numbers: Numbers,
        *,
        device: str = "cpu",
    ) -> None:
        self.perception, self.numbers, self.device = perception, numbers, device
        self.targets = {name: held.to(device) for name, held in targets.items()}
        self.network = network.to(device)
        lay_out(self.network)
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.optimiser = torch.optim.Adam(_groups(self.network), lr=numbers.learning_rate)
        self.iteration = 0
        self.rate_share = 1.0  # of the learning rate; halved where a training had to go back
        self._sums = torch.zeros(len(FIGURES), device=device)
        self._count = 0

    def iterate(self, photos: torch.Tensor, styles: torch.Tensor) -> None:
        """One step.

        Args:
            photos: [n, 3, h, w], RGB, [-1, 1].
            styles: [n], in which style each is drawn.
        """
        numbers = self.numbers
        for group in self.optimiser.param_groups:
            group["lr"] = numbers.learning_rate * self.rate_share * group["times"]
        photos = photos.to(self.device).contiguous(memory_format=torch.channels_last)
        styles = styles.to(self.device)
        chosen = torch.nn.functional.one_hot(styles, self.network.shape.styles).to(photos.dtype)
        drawn = self.network(photos, chosen)
        found = terms(
            self.perception,
            photos,
            drawn,
            styles=styles,
            targets=self.targets,
            content_layers=numbers.content_layers,
        )
        total = found.total(numbers.weights)
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.iteration += 1
        self._follow()
        self._sums += torch.stack([found.content, found.style, found.tv, total]).detach()
        self._count += 1

    def _follow(self) -> None:
        """Let the average follow the network."""
        half_life = min(_HALF_LIFE, _MOST_SHARE * self.iteration)
        keep = 0.5 ** (1 / half_life)
        with torch.no_grad():
            pairs = zip(self.average.parameters(), self.network.parameters(), strict=True)
            for mean, value in pairs:
                mean.lerp_(value, 1 - keep)

    def take_means(self) -> dict[str, float]:
        """The losses since they were taken last, each as its mean.

        Raises:
            DivergedError: one is NaN or infinite.
        """
        sums = self._sums.tolist()
        means = {
            name: value / max(self._count, 1) for name, value in zip(FIGURES, sums, strict=True)
        }
        self._sums.zero_()
        self._count = 0
        bad = [name for name, value in means.items() if not abs(value) < float("inf")]
        if bad:
            raise DivergedError(
                f"the loss ({', '.join(bad)}) is not finite at iteration {self.iteration:,}"
            )
        return means

    def require_finite(self) -> None:
        """See that the network is whole.

        Raises:
            DivergedError: it holds NaN or infinity.
        """
        for name, held in self.network.state_dict().items():
            if not bool(held.isfinite().all()):
                raise DivergedError(f"{name} is not finite at iteration {self.iteration:,}")

    # -- to the disk and back ----------------------------------------------------------------

    def tensors(self) -> dict[str, torch.Tensor]:
        """Everything that a resumed training needs, by name."""
        found = {f"network.{name}": held for name, held in self.network.state_dict().items()}
        found |= {f"average.{name}": held for name, held in self.average.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            held = self.optimiser.state.get(parameter, {})
            found |= {f"adam.{name}.{moment}": held[moment] for moment in _MOMENTS if held}
        return found | {"sums": self._sums}

    def counters(self) -> dict[str, Any]:
        """The rest; JSON types."""
        return {
            "iteration": self.iteration,
            "counted": self._count,
            "rate_share": self.rate_share,
        }

    def restore(self, tensors: Mapping[str, torch.Tensor], counters: Mapping[str, Any]) -> None:
        """Go on from there.

        Raises:
            KeyError: something is missing.
            RuntimeError: shapes do not fit.
        """
        self.iteration, self._count = int(counters["iteration"]), int(counters["counted"])
        self.rate_share = float(counters["rate_share"])
        for name, network in (("network", self.network), ("average", self.average)):
            network.load_state_dict(_below(tensors, name))
        self._sums = tensors["sums"].to(self.device).clone()
        self.optimiser.state.clear()
        for name, parameter in self.network.named_parameters():
            if self.iteration:
                self.optimiser.state[parameter] = {
                    "step": torch.tensor(float(self.iteration)),
                    **{moment: self._as(tensors[f"adam.{name}.{moment}"]) for moment in _MOMENTS},
                }

    def _as(self, moment: torch.Tensor) -> torch.Tensor:
        """A moment, laid out in memory as the weights are."""
        moment = moment.to(self.device)
        if moment.ndim == 4:
            return moment.contiguous(memory_format=torch.channels_last)
        return moment.clone()


def _groups(network: FastNet) -> list[dict[str, Any]]:
    """Kernels, and what belongs to styles, with how many times as fast each learns."""
    styles: list[torch.nn.Parameter] = []
    kernels: list[torch.nn.Parameter] = []
    for name, parameter in network.named_parameters():
        (styles if name.endswith((".gain", ".offset")) else kernels).append(parameter)
    return [{"params": kernels, "times": 1.0}, {"params": styles, "times": _STYLE_RATE}]


def _below(tensors: Mapping[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    """The tensors whose names begin with `name.`, without it."""
    start = f"{name}."
    return {key[len(start) :]: held for key, held in tensors.items() if key.startswith(start)}

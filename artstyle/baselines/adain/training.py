"""A decoder in training: networks, optimiser, average and counters; it knows nothing of files."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from artstyle.baselines.adain.decoder import DEEPEST, STYLE_LAYERS, Decoder, in_channels_last
from artstyle.baselines.adain.encoder import Known, layer_scales
from artstyle.baselines.adain.losses import Losses, losses
from artstyle.baselines.adain.statistics import change, statistics
from artstyle.errors import ArtstyleError
from artstyle.perception.stack import ConvStack

# The average's half-life in iterations, and at most this share of those there have been: it
# forgets the beginning. Guesses; the paper takes the last state.
_HALF_LIFE, _MOST_SHARE = 500.0, 0.1
# The rate rises over so many iterations: Adam's first steps are as large as any, and know nothing.
_RATE_RISES = 100
_MOMENTS = ("exp_avg", "exp_avg_sq")


class DivergedError(ArtstyleError):
    """A training has run apart: something that must be finite is not."""


@dataclass(frozen=True)
class Numbers:
    """What an iteration computes with."""

    content_weight: float
    style_weight: float
    tv_weight: float
    learning_rate: float
    decay: float  # the rate is learning_rate / (1 + decay * iteration), as in the authors' code
    pixel_weight: float = 0.0  # of the distance between photos and what is drawn of their own maps
    warm_up: int = 0  # first iterations, which learn that alone


class DecoderTraining:
    """Everything that changes while a decoder is trained.

    Args:
        encoder: frozen, on `device`.
        decoder: at its beginning.
        numbers: weights and rates.
        device: where it computes.
    """

    def __init__(
        self, encoder: Known, decoder: Decoder, numbers: Numbers, device: str = "cpu"
    ) -> None:
        self.encoder, self.numbers, self.device = encoder.network, numbers, device
        self.scales = layer_scales(encoder)
        self.decoder = in_channels_last(decoder.to(device))
        self.average = copy.deepcopy(self.decoder).eval().requires_grad_(False)
        self.optimiser = torch.optim.Adam(self.decoder.parameters(), lr=numbers.learning_rate)
        self.iteration = 0
        self._sums: dict[str, torch.Tensor] = defaultdict(lambda: torch.zeros((), device=device))
        self._count = 0

    def begin_with(self, fit: Callable[[Decoder, ConvStack], None]) -> None:
        """Set the decoder's weights before the first iteration.

        Args:
            fit: changes the decoder that it is given, with its encoder.
        """
        fit(self.decoder, self.encoder)
        self.average.load_state_dict(self.decoder.state_dict())

    def iterate(self, photos: torch.Tensor, paintings: torch.Tensor) -> None:
        """One step.

        Args:
            photos: [n, 3, h, w], RGB, [-1, 1]; each gets the style of the painting beside it.
            paintings: [n, 3, h, w].
        """
        numbers = self.numbers
        rate = numbers.learning_rate / (1 + numbers.decay * self.iteration)
        rate *= min(1.0, (self.iteration + 1) / _RATE_RISES)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        if self.iteration < numbers.warm_up:
            found = self._plain_terms(torch.cat((photos, paintings))[self.iteration % 2 :: 2])
        else:
            found = self._terms(photos, paintings)
        self.optimiser.zero_grad(set_to_none=True)
        found["total"].backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.iteration += 1
        self._follow()
        if self.iteration == numbers.warm_up + 1:
            self._sums.clear()  # figures of two kinds are not averaged
            self._count = 0
        for name, value in found.items():
            self._sums[name] = self._sums[name] + value.detach()
        self._count += 1

    def _terms(self, photos: torch.Tensor, paintings: torch.Tensor) -> dict[str, torch.Tensor]:
        """The losses by name, and their weighted sum."""
        numbers = self.numbers
        terms = self.compare(self.decoder, photos, paintings)
        found = {"content": terms.content, "style": terms.style, "tv": terms.tv}
        found["total"] = (
            numbers.content_weight * terms.content
            + numbers.style_weight * terms.style
            + numbers.tv_weight * terms.tv
        )
        if numbers.pixel_weight:
            found["pixels"] = self._distance(photos)
            found["total"] = found["total"] + numbers.pixel_weight * found["pixels"]
        return found

    def _plain_terms(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """The same while nothing is learned but to draw what was encoded."""
        distance = self._distance(pictures)
        return {"pixels": distance, "total": self.numbers.pixel_weight * distance}

    def _distance(self, pictures: torch.Tensor) -> torch.Tensor:
        """The mean distance between pictures and what the decoder draws of their own maps."""
        pictures = pictures.to(self.device).contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            maps = self.encoder(pictures, (DEEPEST,))[DEEPEST]
        return F.l1_loss(self.decoder(maps), pictures)

    def compare(self, decoder: Decoder, photos: torch.Tensor, paintings: torch.Tensor) -> Losses:
        """The losses of a decoder on these pictures, the average's for instance."""
        shape = torch.channels_last
        photos = photos.to(self.device).contiguous(memory_format=shape)
        paintings = paintings.to(self.device).contiguous(memory_format=shape)
        with torch.no_grad():
            maps = self.encoder(photos, (DEEPEST,))[DEEPEST]
            painted = self.encoder(paintings, STYLE_LAYERS)
            style = {layer: statistics(painted[layer]) for layer in STYLE_LAYERS}
            target = change(statistics(maps), style[DEEPEST])(maps)
        drawn = decoder(target)
        return losses(drawn, self.encoder(drawn, STYLE_LAYERS), target, style, self.scales)

    def _follow(self) -> None:
        """Let the average follow the decoder."""
        half_life = min(_HALF_LIFE, _MOST_SHARE * self.iteration)
        keep = 0.5 ** (1 / half_life)
        with torch.no_grad():
            for mean, value in zip(
                self.average.parameters(), self.decoder.parameters(), strict=True
            ):
                mean.lerp_(value, 1 - keep)

    def take_means(self) -> dict[str, float]:
        """The losses since they were taken last, each as its mean.

        Raises:
            DivergedError: one is NaN or infinite.
        """
        means = {name: float(value) / max(self._count, 1) for name, value in self._sums.items()}
        self._sums.clear()
        self._count = 0
        bad = [name for name, value in means.items() if not torch.tensor(value).isfinite()]
        if bad:
            raise DivergedError(f"{', '.join(bad)} is not finite at iteration {self.iteration:,}")
        return means

    def require_finite(self) -> None:
        """See that the networks are whole.

        Raises:
            DivergedError: they hold NaN or infinity.
        """
        for name, tensor in self.decoder.state_dict().items():
            if not bool(tensor.isfinite().all()):
                raise DivergedError(f"{name} is not finite at iteration {self.iteration:,}")

    # -- to the disk and back ----------------------------------------------------------------

    def tensors(self) -> dict[str, torch.Tensor]:
        """Everything that a resumed training needs, by name."""
        found = {f"decoder.{name}": held for name, held in self.decoder.state_dict().items()}
        found |= {f"average.{name}": held for name, held in self.average.state_dict().items()}
        found |= {f"sums.{name}": held for name, held in self._sums.items()}
        for name, parameter in self.decoder.named_parameters():
            held = self.optimiser.state.get(parameter, {})
            found |= {f"adam.{name}.{moment}": held[moment] for moment in _MOMENTS if held}
        return found

    def counters(self) -> dict[str, Any]:
        """The rest; JSON types."""
        return {"iteration": self.iteration, "counted": self._count}

    def restore(self, tensors: Mapping[str, torch.Tensor], counters: Mapping[str, Any]) -> None:
        """Go on from there.

        Raises:
            KeyError: something is missing.
            RuntimeError: shapes do not fit.
        """
        self.iteration, self._count = int(counters["iteration"]), int(counters["counted"])
        for name, network in (("decoder", self.decoder), ("average", self.average)):
            network.load_state_dict(_below(tensors, name))
        self._sums.clear()
        for name, held in _below(tensors, "sums").items():
            self._sums[name] = held.to(self.device)
        for name, parameter in self.decoder.named_parameters():
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


def _below(tensors: Mapping[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    """The tensors whose names begin with `name.`, without it."""
    start = f"{name}."
    return {key[len(start) :]: held for key, held in tensors.items() if key.startswith(start)}

"""An encoder in training: what it learns from, its losses, and all that changes meanwhile.

It learns from two kinds of pictures. *Samples* of the generator, whose latents are known: what it
says of them is compared with those. *Photos*, whose latents nobody knows: what it says is drawn by
the frozen generator and compared with the photo, while rows are held near each other and near the
middle, so that it stays where latents can be edited (Tov et al. 2021, e4e; their discriminator of
latents is left out: the coordinates of `latent_space` say already how likely a latent is). Samples
come first, alone; then half of each batch are photos.

As in `training.loop`, all that is random in an iteration is seeded by the run's seed and the
iteration's number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from stylegan_ext.ema import ema_beta, update_average
from stylegan_ext.features import Features
from stylegan_ext.inversion import InversionSettings, likeness_loss
from stylegan_ext.networks.encoder import Encoder
from stylegan_ext.networks.generator import Generator
from stylegan_ext.training.loop import DivergedError, Tensors, iteration_seed

_MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True)
class EncoderSettings:
    """What an iteration computes with. All of it is part of what the training becomes."""

    batch: int = 16
    learning_rate: float = 0.002
    samples_kimg: float = 4.0  # how long samples come alone
    latent_weight: float = 1.0  # on the squared error of w, in units of its variance; samples
    mixing: float = 0.5  # share of samples that take rows from two latents
    pixel_weight: float = 1.0  # as in `InversionSettings`; photos
    pooled_weight: float = 1.0
    feature_weight: float = 1.0
    prior_weight: float = 0.01  # on the mean square of v; photos
    spread_weight: float = 0.05  # on the mean square of what rows differ by, in v; photos
    frozen_levels: int = 0  # finest blocks of the trunk that stay as they begin
    ema_kimg: float = 0.5
    seed: int = 0

    @property
    def alike(self) -> InversionSettings:
        """The part that says what is alike."""
        return InversionSettings(
            pixel_weight=self.pixel_weight,
            pooled_weight=self.pooled_weight,
            feature_weight=self.feature_weight,
        )


class EncoderTraining:
    """Everything that changes while an encoder is trained.

    Args:
        encoder: what learns.
        average: the moving average of it.
        generator: the base; frozen.
        features: what "alike" means besides pixels.
        settings: what an iteration computes with.
        device: where it computes; the networks are there.

    Attributes:
        nimg: pictures looked at so far.
        iteration: number of the next iteration.
    """

    def __init__(
        self,
        encoder: Encoder,
        average: Encoder,
        generator: Generator,
        features: Features,
        settings: EncoderSettings,
        *,
        device: str | torch.device = "cpu",
    ) -> None:
        self.settings, self.device = settings, torch.device(device)
        self.encoder, self.average = encoder.train(), average.eval().requires_grad_(False)
        self.generator = generator.eval().requires_grad_(False)
        self.features = features
        self.nimg, self.iteration = 0, 0
        for resolution in encoder.block_resolutions[: settings.frozen_levels]:
            encoder.get_submodule(f"b{resolution}").requires_grad_(False)
        self.optimizer = torch.optim.Adam(
            [parameter for _, parameter in self._learnable()],
            lr=settings.learning_rate,
            betas=(0.9, 0.99),
        )
        self.sums: Tensors = {}  # name -> count, sum, sum of squares; since they were taken
        # of w before its last activation, the mean over its numbers
        self._w_variance = float(encoder.spread.square().mean())

    def _learnable(self) -> list[tuple[str, torch.nn.Parameter]]:
        return [(name, p) for name, p in self.encoder.named_parameters() if p.requires_grad]

    @property
    def photos_per_batch(self) -> int:
        """How many photos the next iteration takes: none while samples come alone."""
        return self.settings.batch // 2 if self.nimg >= self.settings.samples_kimg * 1000 else 0

    def iterate(self, photos: torch.Tensor | None) -> None:
        """One iteration.

        Args:
            photos: uint8 [photos_per_batch, c, res, res], [0, 255]; None: samples in their place,
                of which the latents are not told.

        Raises:
            DivergedError: the loss is not finite; nothing was changed.
        """
        s = self.settings
        torch.manual_seed(iteration_seed(s.seed, self.iteration))
        count = self.photos_per_batch
        with torch.no_grad():
            ws = self._sample(s.batch - count if photos is not None else s.batch)
            pictures = self.generator.synthesis(ws)
            if photos is not None and count:
                shown = photos.to(self.device).float().div_(127.5).sub_(1)
                pictures = torch.cat([pictures, shown])
        common, rows = self.encoder.coordinates(pictures)
        found = self.encoder.space.to_ws(common[:, None] + rows)
        known = s.batch - count
        loss = s.latent_weight * self._latent_loss(found[:known], ws[:known])
        if count:
            loss = loss + self._photo_loss(
                pictures[known:], found[known:], common[known:], rows[known:]
            )
        if not math.isfinite(float(loss.detach())):
            raise DivergedError(
                f"the encoder's loss is no number any more at {self.nimg / 1000:.1f} kimg",
                hint="try a smaller learning rate (--lr)",
            )
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward([loss])
        self.optimizer.step()
        beta = ema_beta(s.batch, ema_kimg=s.ema_kimg, current_nimg=self.nimg, rampup=0.05)
        update_average(self.average, self.encoder, beta)
        self.nimg += s.batch
        self.iteration += 1

    def _sample(self, count: int) -> torch.Tensor:
        """Latents of the mapping network [count, num_ws, w_dim]; some take rows from two."""
        generator = self.generator
        z = torch.randn(2 * count, generator.z_dim)
        c = None
        if generator.c_dim:
            c = torch.eye(generator.c_dim)[torch.randint(generator.c_dim, [2 * count])]
            c = c.to(self.device)
        ws = generator.mapping(z.to(self.device), c)
        one, other = ws[:count], ws[count:]
        where = torch.randint(1, max(generator.num_ws, 2), [count])
        where[torch.rand(count) >= self.settings.mixing] = generator.num_ws
        is_other = torch.arange(generator.num_ws)[None] >= where[:, None]
        return torch.where(is_other[..., None].to(self.device), other, one)

    def _latent_loss(self, found: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        errors = (found - known).square().mean(dim=[1, 2]) / self._w_variance
        self._add("Loss/latent", errors)
        return errors.mean()

    def _photo_loss(
        self,
        pictures: torch.Tensor,
        found: torch.Tensor,
        common: torch.Tensor,
        rows: torch.Tensor,
    ) -> torch.Tensor:
        s = self.settings
        drawn = self.generator.synthesis(found)
        with torch.no_grad():
            seen = self.features(pictures)
        distance = (self.features(drawn) - seen).square().sum(dim=1)
        alike = likeness_loss(drawn, pictures, distance, s.alike)
        far = (common[:, None] + rows).square().mean(dim=[1, 2])
        spread = rows.square().mean(dim=[1, 2])
        self._add("Loss/photo/likeness", alike)
        self._add("Loss/photo/features", distance)
        self._add("Loss/photo/far", far)
        self._add("Loss/photo/spread", spread)
        return (alike + s.prior_weight * far + s.spread_weight * spread).mean()

    def _add(self, name: str, values: torch.Tensor) -> None:
        flat = values.detach().flatten().double()
        three = torch.stack([flat.new_tensor(flat.numel()), flat.sum(), flat.square().sum()])
        held = self.sums.get(name)
        self.sums[name] = three if held is None else held + three

    def take_stats(self) -> dict[str, dict[str, float]]:
        """What was measured since the last call: name -> num, mean, std. Clears it."""
        taken = {}
        for name in sorted(self.sums):
            count, total, squares = self.sums[name].tolist()
            mean = total / count
            std = math.sqrt(max(squares / count - mean**2, 0.0))
            taken[name] = {"num": count, "mean": mean, "std": std}
        self.sums = {}
        return taken

    def tensors(self) -> Tensors:
        """Everything that changes and is a tensor, by name; not copied."""
        kept: Tensors = {}
        for name, network in (("E", self.encoder), ("E_ema", self.average)):
            kept |= {f"{name}.{key}": held for key, held in network.state_dict().items()}
        for key, parameter in self._learnable():
            for moment, held in self.optimizer.state.get(parameter, {}).items():
                kept[f"adam.E.{moment}.{key}"] = held
        return kept | {f"sums.{name}": held for name, held in self.sums.items()}

    def counters(self) -> dict[str, Any]:
        """Everything that changes and is a number; JSON types."""
        return {"nimg": self.nimg, "iteration": self.iteration}

    def restore(self, tensors: Mapping[str, torch.Tensor], counters: Mapping[str, Any]) -> None:
        """Go on from what `tensors` and `counters` gave.

        Raises:
            KeyError: something is missing; it is the state of another training.
            RuntimeError: a tensor has another shape.
        """
        for name, network in (("E", self.encoder), ("E_ema", self.average)):
            network.load_state_dict({k: tensors[f"{name}.{k}"] for k in network.state_dict()})
        for key, parameter in self._learnable():
            found = {
                moment: tensors[f"adam.E.{moment}.{key}"].clone()
                for moment in ("step", *_MOMENTS)
                if f"adam.E.{moment}.{key}" in tensors
            }
            if found:
                self.optimizer.state[parameter] = {
                    moment: held if moment == "step" else held.to(parameter.device)
                    for moment, held in found.items()
                }
        self.sums = {
            name.removeprefix("sums."): held.to(self.device).clone()
            for name, held in tensors.items()
            if name.startswith("sums.")
        }
        self.nimg, self.iteration = int(counters["nimg"]), int(counters["iteration"])

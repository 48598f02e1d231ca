"""The recipe of a training run, and the numbers that follow from it.

"ADA, table" means the hyperparameter tables of Karras et al., "Training Generative Adversarial
Networks with Limited Data" (2020), appendix C, and the configurations of the official code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from artstyle.errors import UsageError
from artstyle.recipes.dataset import size_fault, style_fault
from artstyle.recipes.schema import setting

Config: TypeAlias = Literal["auto", "stylegan2", "paper256", "paper512", "paper1024"]
Precision: TypeAlias = Literal["auto", "fp32", "bf16"]


@dataclass(frozen=True)
class TrainingRecipe:
    """Everything needed to repeat one run. What is None follows from `config`."""

    style: str = setting(help="The style that is learned; its dataset is used.", check=style_fault)
    base: str | None = setting(None, help="The model to start from; without one, from scratch.")
    config: Config = setting(
        "auto", help="Which table of numbers to use (ADA, table): auto fits the resolution."
    )
    resolution_px: int | None = setting(
        None, help="Side of the model's pictures, pixels; else the dataset's.", check=size_fault
    )
    kimg: float = setting(
        1000, help="Thousands of pictures to show; 1000 often do for a transfer.", above=0
    )
    minutes: float | None = setting(None, help="Stop after this long, with a snapshot.", above=0)
    batch: int | None = setting(None, help="Pictures per step, over all devices.", low=1)
    gamma: float | None = setting(None, help="Weight of R1, the discriminator's penalty.", low=0)
    learning_rate: float | None = setting(None, help="Adam's, for both networks.", above=0)
    ema_kimg: float | None = setting(
        None, help="Half-life of the averaged generator, in kimg.", above=0
    )
    ada_target: float = setting(
        0.6, help="Mean sign of D on real pictures that ADA holds (ADA, section 4).", low=0, high=1
    )
    augment: str = setting(
        "bgc",
        help="Augmentations: b blit, g geometry, c colour, f filter, n noise, x cutout.",
        check=lambda letters: None if set(letters) <= set("bgcfnx") else "has more than bgcfnx",
    )
    mirror: bool = setting(True, help="Show every picture mirrored too.")
    freeze_d: int = setting(
        0, help="Layers of D that stay as the base has them, from the finest.", low=0, high=13
    )
    style_mixing: float = setting(
        0.9, help="Probability of two styles in one picture (StyleGAN, section 3.1).", low=0, high=1
    )
    path_length_weight: float = setting(
        2, help="Weight of the path length regularisation (StyleGAN2, section 3.2).", low=0
    )
    precision: Precision = setting("auto", help="Arithmetic of the finer layers.")
    snapshot_kimg: float = setting(50, help="Kimg between two snapshots; a guess.", above=0)
    seed: int = setting(0, help="Seed of everything random.", low=0)

    def faults(self) -> Iterator[str]:
        """What is wrong between the settings."""
        if self.freeze_d and self.base is None:
            yield f"freeze_d: {self.freeze_d} layers would stay random: there is no base"


@dataclass(frozen=True)
class TrainingNumbers:
    """What a run computes with, all settings decided."""

    batch: int  # over all devices
    minibatch_std: int  # pictures per group of the minibatch statistics, on one device
    channel_base: int  # channels times resolution, before the maximum
    channel_max: int
    learning_rate: float
    gamma: float
    ema_kimg: float
    ema_ramp: float | None  # half-life of the average at most this share of what was shown
    mapping_layers: int
    ada_kimg: float  # how long ADA takes from p = 0 to p = 1


# ADA, table: batch, minibatch std, channel factor, learning rate, gamma, EMA kimg.
_FIXED: dict[Config, tuple[int, int, float, float, float, float]] = {
    "stylegan2": (32, 4, 1, 0.002, 10, 10),
    "paper256": (64, 8, 0.5, 0.0025, 1, 20),
    "paper512": (64, 8, 1, 0.0025, 0.5, 20),
    "paper1024": (32, 4, 1, 0.002, 2, 10),
}
_CHANNELS, _CHANNEL_MAX = 32768, 512  # StyleGAN2, configuration F
_ADA_KIMG_SCRATCH, _ADA_KIMG_TRANSFER = 500, 100  # official code
_EMA_RAMP = 0.05  # official code, auto only


def training_numbers(
    recipe: TrainingRecipe, resolution_px: int, *, devices: int = 1
) -> TrainingNumbers:
    """Decide what the recipe leaves open.

    A batch that the recipe gives changes gamma and EMA of `auto` as if auto had chosen it.

    Args:
        recipe: what was asked for.
        resolution_px: the side of the model's pictures.
        devices: on how many devices the batch is spread.

    Raises:
        UsageError: the batch cannot be spread evenly over the devices.
    """
    auto = recipe.config == "auto"
    batch = recipe.batch or (
        _auto_batch(resolution_px, devices) if auto else _FIXED[recipe.config][0]
    )
    if batch % devices:
        raise UsageError(
            f"a batch of {batch} cannot be spread over {devices} devices",
            hint=f"choose a multiple of {devices}",
        )
    if auto:
        std, factor = min(batch // devices, 4), 1 if resolution_px >= 512 else 0.5
        rate = 0.002 if resolution_px >= 1024 else 0.0025
        gamma, ema_kimg = 0.0002 * resolution_px**2 / batch, batch * 10 / 32
    else:
        _, std, factor, rate, gamma, ema_kimg = _FIXED[recipe.config]
    transfer = recipe.base is not None
    return TrainingNumbers(
        batch=batch,
        minibatch_std=std,
        channel_base=int(_CHANNELS * factor),
        channel_max=_CHANNEL_MAX,
        learning_rate=_first(recipe.learning_rate, rate),
        gamma=_first(recipe.gamma, gamma),
        ema_kimg=_first(recipe.ema_kimg, ema_kimg),
        ema_ramp=_EMA_RAMP if auto and not transfer else None,
        mapping_layers=2 if auto else 8,
        ada_kimg=_ADA_KIMG_TRANSFER if transfer else _ADA_KIMG_SCRATCH,
    )


def _auto_batch(resolution_px: int, devices: int) -> int:
    """ADA, table, row auto."""
    return max(min(devices * min(4096 // resolution_px, 32), 64), devices)


def _first(said: float | None, otherwise: float) -> float:
    return otherwise if said is None else said

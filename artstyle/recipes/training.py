"""The recipe of a training run, and the numbers that follow from it.

"ADA, table" means the hyperparameter tables of Karras et al., "Training Generative Adversarial
Networks with Limited Data" (2020), appendix C, and the configurations of the official code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from artstyle.errors import UsageError
from artstyle.recipes.dataset import size_fault, style_fault
from artstyle.recipes.schema import setting

Config: TypeAlias = Literal["auto", "stylegan2", "paper256", "paper512", "paper1024", "small"]
CONFIGS: tuple[Config, ...] = get_args(Config)
Precision: TypeAlias = Literal["auto", "fp32", "bf16", "fp16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
AugmentMode: TypeAlias = Literal["ada", "fixed", "none"]
AUGMENT_MODES: tuple[AugmentMode, ...] = get_args(AugmentMode)


@dataclass(frozen=True)
class TrainingRecipe:
    """Everything needed to repeat one run. What is None follows from `config`."""

    style: str = setting(help="The style that is learned; its dataset is used.", check=style_fault)
    styles: tuple[str, ...] = setting(
        (), help="Several styles for one conditional model: a label for each, in this order."
    )
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
    channel_base: int | None = setting(
        None, help="Feature maps times resolution; without a base only.", low=4
    )
    channel_max: int | None = setting(
        None, help="At most so many feature maps; without a base only.", low=1
    )
    latent_dim: int | None = setting(
        None, help="Numbers in z and in w; without a base only.", low=1
    )
    mapping_layers: int | None = setting(
        None, help="Layers from z to w; without a base only.", low=1, high=64
    )
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
    augment_mode: AugmentMode = setting(
        "ada", help="Probability of augmentations: steered by ADA, fixed, or none at all."
    )
    augment_p: float = setting(
        0.2, help="The probability, where it is fixed (ADA, section 3).", low=0, high=1
    )
    mirror: bool = setting(True, help="Show every picture mirrored too.")
    freeze_d: int = setting(
        0, help="Layers of D that stay as the base has them, from the finest.", low=0, high=13
    )
    freeze: tuple[str, ...] = setting(
        (), help='Parts that stay as the base has them, e.g. "G.mapping", "G.synthesis.b4".'
    )
    grow: bool = setting(
        False, help="Let a base of lower resolution grow by whole levels to the dataset's."
    )
    crop: bool = setting(
        False, help="Leave whole levels out of a base of higher resolution than the dataset's."
    )
    without_noise: bool = setting(
        False, help="Leave out the noise inputs, so that w draws every detail (a base's too)."
    )
    style_mixing: float = setting(
        0.9, help="Probability of two styles in one picture (StyleGAN, section 3.1).", low=0, high=1
    )
    path_length_weight: float = setting(
        2, help="Weight of the path length regularisation (StyleGAN2, section 3.2).", low=0
    )
    precision: Precision = setting("auto", help="Arithmetic of the finer layers.")
    snapshot_kimg: float | None = setting(
        None, help="Kimg between two snapshots; 50, and 10 with config small; guesses.", above=0
    )
    metric: str | None = setting(
        None, help="What tells the best snapshot, e.g. kid; without one, the last is taken."
    )
    patience_kimg: float | None = setting(
        None, help="Stop when the metric has not become better for so many kimg.", above=0
    )
    seed: int = setting(0, help="Seed of everything random.", low=0)

    def faults(self) -> Iterator[str]:
        """What is wrong between the settings."""
        if self.freeze_d and self.base is None:
            yield f"freeze_d: {self.freeze_d} layers would stay random: there is no base"
        if self.freeze and self.base is None:
            yield f"freeze: {', '.join(self.freeze)} would stay random: there is no base"
        if self.patience_kimg is not None and self.metric is None:
            yield "patience_kimg: there is no metric to wait for"
        for name in self.styles:
            if (fault := style_fault(name)) is not None:
                yield f"styles: {name!r} {fault}"
        if len(set(self.styles)) < len(self.styles):
            yield "styles: one is there more than once"
        shape = ("channel_base", "channel_max", "latent_dim", "mapping_layers")
        for name in shape if self.base is not None else ():
            if getattr(self, name) is not None:
                yield f"{name}: it is that of the base, which has it already"


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
    latent_dim: int  # numbers in z, and in w
    ada_kimg: float  # how long ADA takes from p = 0 to p = 1
    snapshot_kimg: float


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
_LATENT_DIM = 512
_MAPPING_LAYERS: dict[Config, int] = {"auto": 2, "small": 4}

# For machines without a GPU; found good in a trial at 64 px on two cores. R1's weight grows with
# the number of pixels, as auto has it.
_SMALL_CHANNELS, _SMALL_CHANNEL_MAX, _SMALL_LATENT_DIM = 4096, 128, 128
_SMALL_BATCH, _SMALL_GAMMA = 16, 0.2


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
    row = _row(recipe, resolution_px, devices)
    if row.batch % devices:
        raise UsageError(
            f"a batch of {row.batch} cannot be spread over {devices} devices",
            hint=f"choose a multiple of {devices}",
        )
    transfer = recipe.base is not None
    ramps = recipe.config in ("auto", "small") and not transfer
    small = recipe.config == "small"
    return TrainingNumbers(
        batch=row.batch,
        minibatch_std=row.minibatch_std,
        channel_base=recipe.channel_base or row.channel_base,
        channel_max=recipe.channel_max or (_SMALL_CHANNEL_MAX if small else _CHANNEL_MAX),
        learning_rate=_first(recipe.learning_rate, row.learning_rate),
        gamma=_first(recipe.gamma, row.gamma),
        ema_kimg=_first(recipe.ema_kimg, row.ema_kimg),
        ema_ramp=_EMA_RAMP if ramps else None,
        mapping_layers=recipe.mapping_layers or _MAPPING_LAYERS.get(recipe.config, 8),
        latent_dim=recipe.latent_dim or (_SMALL_LATENT_DIM if small else _LATENT_DIM),
        ada_kimg=_ADA_KIMG_TRANSFER if transfer else _ADA_KIMG_SCRATCH,
        snapshot_kimg=recipe.snapshot_kimg or (10.0 if small else 50.0),
    )


@dataclass(frozen=True)
class _Row:
    """A row of the tables, for one resolution."""

    batch: int
    minibatch_std: int
    channel_base: int
    learning_rate: float
    gamma: float
    ema_kimg: float


def _row(recipe: TrainingRecipe, resolution_px: int, devices: int) -> _Row:
    side = resolution_px
    if recipe.config == "auto":
        batch = recipe.batch or _auto_batch(side, devices)
        base = _CHANNELS if side >= 512 else _CHANNELS // 2
        rate = 0.002 if side >= 1024 else 0.0025
        gamma = 0.0002 * side**2 / batch
        return _Row(batch, min(batch // devices, 4), base, rate, gamma, batch * 10 / 32)
    if recipe.config == "small":
        batch = recipe.batch or _SMALL_BATCH
        gamma = _SMALL_GAMMA * (side / 64) ** 2 * _SMALL_BATCH / batch
        std = min(batch // devices, 4)
        return _Row(batch, std, _SMALL_CHANNELS, 0.002, gamma, batch * 10 / 32)
    batch, std, factor, rate, gamma, ema_kimg = _FIXED[recipe.config]
    batch = recipe.batch or batch
    return _Row(batch, min(std, batch), int(_CHANNELS * factor), rate, gamma, ema_kimg)


def _auto_batch(resolution_px: int, devices: int) -> int:
    """ADA, table, row auto."""
    return max(min(devices * min(4096 // resolution_px, 32), 64), devices)


def _first(said: float | None, otherwise: float) -> float:
    return otherwise if said is None else said

"""What a training will do, decided before any of it is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artstyle.corpus.read import Corpus
from artstyle.errors import UsageError
from artstyle.machine import cpu_has_bf16, devices
from artstyle.recipes import TrainingNumbers, TrainingRecipe, training_numbers

if TYPE_CHECKING:
    import torch

    from artstyle.pipeline.train.base import Base, Start
    from stylegan_ext.augment import AugmentStrengths
    from stylegan_ext.training.loop import LoopSettings

_AUGMENTATIONS = {
    "b": "blit",
    "g": "geom",
    "c": "color",
    "f": "filter",
    "n": "noise",
    "x": "cutout",
}
_FP16_CLAMP = 256  # official: activations of half precision stay below it


# What may change when a training goes on. A base is known by its content, whatever it is called.
_NO_IDENTITY = {
    "base",
    "kimg",
    "metric",
    "minutes",
    "patience_kimg",
    "precision",
    "snapshot_kimg",
}


@dataclass(frozen=True)
class Identity:
    """The settings that are not at their defaults; new settings leave older runs what they are."""

    settings: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """A training, all decided."""

    recipe: TrainingRecipe
    numbers: TrainingNumbers
    dataset: Path
    dataset_sha256: str
    corpus: Corpus
    device: str
    precision: str  # "fp32", "bf16" or "fp16"
    licence: str
    classes: tuple[str, ...] = ()  # names of the labels; () if they have none, or there are none
    base: Base | None = None
    start: Start | None = None  # the base's networks, made to fit
    remarks: tuple[str, ...] = ()
    world: int = 1  # processes
    cut: Mapping[str, Any] = field(default_factory=dict)  # how the pictures were, for the header

    def identity(self) -> Identity:
        """What makes a training this one: how far it goes and what it writes down does not."""
        default = TrainingRecipe(self.recipe.style)
        said = vars(self.recipe).items()
        changed = {
            name: value
            for name, value in said
            if name == "style" or (name not in _NO_IDENTITY and value != getattr(default, name))
        }
        return Identity(tuple(f"{name} = {changed[name]!r}" for name in sorted(changed)))

    def loop_settings(self) -> LoopSettings:
        """What the engine's loop computes with."""
        import torch

        from stylegan_ext.step import LossSettings
        from stylegan_ext.training.loop import LoopSettings

        recipe, numbers = self.recipe, self.numbers
        low: dict[str, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}
        return LoopSettings(
            batch=numbers.batch,
            learning_rate=numbers.learning_rate,
            loss=LossSettings(
                r1_gamma=numbers.gamma,
                pl_weight=recipe.path_length_weight,
                style_mixing_prob=recipe.style_mixing,
            ),
            ema_kimg=numbers.ema_kimg,
            ema_ramp=numbers.ema_ramp,
            augment=_strengths(recipe),
            fixed_p=recipe.augment_p if recipe.augment_mode == "fixed" else None,
            ada_target=recipe.ada_target,
            ada_kimg=numbers.ada_kimg,
            frozen=self.frozen(),
            low_precision=low.get(self.precision),
            seed=recipe.seed,
        )

    def frozen(self) -> tuple[str, ...]:
        """What stays as the base has it: parts named in the recipe, and the finest layers of D."""
        if not self.recipe.freeze_d or self.start is None:
            return self.recipe.freeze
        from stylegan_ext.networks import construct
        from stylegan_ext.networks.discriminator import Discriminator
        from stylegan_ext.training.frozen import freeze_d

        record = self.start.networks["D"]
        judge = construct(record.kind, record.kwargs)
        assert isinstance(judge, Discriminator)
        return (*self.recipe.freeze, *freeze_d(judge, self.recipe.freeze_d))

    def network_kwargs(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The constructors' arguments of generator and discriminator."""
        if self.start is not None:
            return self.start.networks["G"].kwargs, self.start.networks["D"].kwargs
        numbers, corpus = self.numbers, self.corpus
        width = {"channel_base": numbers.channel_base, "channel_max": numbers.channel_max}
        if self.precision == "fp16":
            width |= {"num_fp16_res": 4, "conv_clamp": _FP16_CLAMP}
        still = {"use_noise": False} if self.recipe.without_noise else {}
        generator = {
            "z_dim": numbers.latent_dim,
            "c_dim": corpus.label_dim,
            "w_dim": numbers.latent_dim,
            "img_resolution": corpus.resolution,
            "img_channels": corpus.channels,
            "mapping_kwargs": {"num_layers": numbers.mapping_layers},
            "synthesis_kwargs": {**width, **still},
        }
        discriminator = {
            "c_dim": corpus.label_dim,
            "img_resolution": corpus.resolution,
            "img_channels": corpus.channels,
            **width,
            "epilogue_kwargs": {"mbstd_group_size": numbers.minibatch_std},
        }
        return generator, discriminator


def make_plan(
    recipe: TrainingRecipe,
    dataset: Path,
    corpus: Corpus,
    *,
    device: str,
    licence: str,
    base: Base | None = None,
    classes: tuple[str, ...] = (),
    world: int = 1,
    cut: Mapping[str, Any] | None = None,
) -> Plan:
    """A training from random weights or from a base.

    Args:
        recipe: what is asked for.
        dataset: the zip.
        corpus: what is in it.
        device: where to compute.
        licence: of what will come out.
        base: what to start from.
        classes: names of the dataset's classes.
        world: processes that share the batch.
        cut: how the dataset's pictures were cut out, where that is known.

    Raises:
        UsageError: dataset, base and recipe do not fit each other.
        EngineError: the base cannot be made to fit, or parts to freeze are not there.
    """
    from artstyle.pipeline.train.base import fit_base

    start = None
    if base is None:
        require_size(recipe, dataset, corpus)
    else:
        start = fit_base(
            base,
            corpus,
            grow=recipe.grow,
            crop=recipe.crop,
            without_noise=recipe.without_noise,
            seed=recipe.seed,
        )
    numbers = training_numbers(recipe, corpus.resolution, devices=world)
    return Plan(
        recipe=recipe,
        numbers=numbers,
        dataset=dataset,
        dataset_sha256=corpus.sha256(),
        corpus=corpus,
        device=device,
        precision=choose_precision(recipe.precision, device),
        licence=licence,
        classes=classes,
        base=base,
        start=start,
        remarks=(*corpus.notes, *(start.warnings if start is not None else ())),
        world=world,
        cut=cut or {},
    )


def require_size(recipe: TrainingRecipe, dataset: Path, corpus: Corpus) -> None:
    """See that the dataset has a size that a StyleGAN can draw, and the one that is asked for.

    Raises:
        UsageError: it has not.
    """
    side = corpus.resolution
    if side < 8 or side & (side - 1):
        raise UsageError(
            f"{dataset} holds pictures of {side} px: StyleGAN draws powers of two from 8 on",
            hint=f"artstyle build --style {recipe.style} --size {_power_below(side)}",
        )
    if recipe.resolution_px not in (None, side):
        raise UsageError(
            f"the recipe asks for {recipe.resolution_px} px, and {dataset} holds {side} px",
            hint=f"artstyle build --style {recipe.style} --size {recipe.resolution_px}",
        )


def _power_below(side: int) -> int:
    return max(8, 1 << side.bit_length() - 1)


def choose_precision(wish: str, device: str) -> str:
    """The arithmetic of the finer layers: "fp32", "bf16" or "fp16".

    "auto" takes bf16 where the device has instructions for it, which is where it is faster.
    """
    if wish != "auto":
        return wish
    if device == "cpu":
        return "bf16" if cpu_has_bf16() else "fp32"
    name = device if ":" in device or device == "mps" else f"{device}:0"
    return "bf16" if any(one.name == name and one.bf16 for one in devices()) else "fp32"


def _strengths(recipe: TrainingRecipe) -> AugmentStrengths | None:
    """The augmentations that the recipe names; None for none."""
    from stylegan_ext.augment import PRESETS, AugmentStrengths

    if recipe.augment_mode == "none" or not recipe.augment:
        return None
    default = AugmentStrengths()
    changed = {
        name: value
        for letter in sorted(set(recipe.augment))
        for name, value in vars(PRESETS[_AUGMENTATIONS[letter]]).items()
        if value != getattr(default, name)
    }
    return AugmentStrengths(**changed)

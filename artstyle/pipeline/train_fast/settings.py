"""What a training of a fast net can be told; what is not from a paper says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal, TypeAlias

from artstyle.recipes.schema import setting

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,58}[a-z0-9])?")

Width: TypeAlias = Literal["narrow", "medium", "paper"]
WIDTHS: dict[Width, tuple[int, int, int]] = {
    "narrow": (16, 32, 64),
    "medium": (16, 48, 96),  # our own: 2 to 3 pictures of 512 px a second on two cores
    "paper": (32, 64, 128),  # Johnson et al. 2016, supplement, table 1
}


def _name_fault(name: str) -> str | None:
    if _NAME.fullmatch(name):
        return None
    return f"{name!r:.40} cannot be a net's name: up to 60 of a-z, 0-9, - and _ can"


@dataclass(frozen=True)
class FastRecipe:
    """Everything needed to repeat a training, besides photos and paintings."""

    name: str = setting(help="The net is models/fast-NAME.safetensors.", check=_name_fault)
    width: Width = setting("medium", help="How many channels; see the guide to the baselines.")
    blocks: int = setting(5, help="Residual blocks (Johnson, table 1).", low=1, high=32)
    content_weight: float = setting(1.0, help="Of the photo's content.", low=0)
    style_weight: float = setting(5.0, help="Of the painting's style; looked at.", low=0)
    tv_weight: float = setting(0.02, help="Of calm between neighbours; looked at.", low=0)
    learning_rate: float = setting(1e-3, help="Adam's (Johnson, section 4.1).", above=0)
    iterations: int = setting(
        40_000, help="How many steps (Johnson, section 4.1); 0 takes the base as it is.", low=0
    )
    minutes: float | None = setting(None, help="Stop after this long, to be resumed.", above=0)
    batch: int = setting(4, help="Photos per step (Johnson, section 4.1).", low=1, high=4096)
    crop_px: int = setting(
        256, help="Side of the photos (Johnson, section 4.1); less is faster.", low=64, high=2048
    )
    style_px: int = setting(
        384, help="Shorter side of the paintings: how coarse strokes are.", low=64, high=4096
    )
    mirror: bool = setting(True, help="Show photos mirrored too.")
    checkpoint_iterations: int = setting(
        500, help="Steps between two checkpoints with their panels; a guess.", low=1
    )
    licence: str = setting("unknown", help="What one may do with the net.")
    photos_licence: str = setting("unknown", help="Licence and origin of the photos, in words.")
    seed: int = setting(0, help="Seed of everything random.", low=0)

    def faults(self) -> Iterator[str]:
        """What is wrong between the settings."""
        if self.crop_px % 4:
            yield f"crop_px: {self.crop_px} is no multiple of 4, which the net halves twice"
        if self.content_weight == self.style_weight == 0:
            yield "content_weight, style_weight: with both 0 there is nothing to learn"


@dataclass(frozen=True)
class Identity:
    """What makes a training this one, for the run's fingerprint."""

    settings: tuple[str, ...]
    perception: str  # its name and the digest of its weights
    content: str  # the digest of the photos' names and sizes
    styles: tuple[str, ...]  # names
    base: str  # the digest of the net it starts from; "" from scratch


# How far it goes, what it writes, and what it is called may change from call to call.
_NO_IDENTITY = {
    "iterations",
    "minutes",
    "checkpoint_iterations",
    "name",
    "licence",
    "photos_licence",
}


def settings_that_count(recipe: FastRecipe) -> tuple[str, ...]:
    """Settings that are part of a training's identity and not at their defaults, sorted."""
    changed = [
        f"{one.name} = {getattr(recipe, one.name)!r}"
        for one in fields(recipe)
        if one.name not in _NO_IDENTITY and getattr(recipe, one.name) != one.default
    ]
    return tuple(sorted(changed))

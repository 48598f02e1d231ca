"""What a training of an AdaIN decoder can be told; what is not from the paper says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from artstyle.recipes.schema import setting

FEW_STYLES = 1000  # below this a decoder learns its paintings; the paper has 80,000. A guess


@dataclass(frozen=True)
class AdainRecipe:
    """Everything needed to repeat a training, besides the pictures."""

    encoder: str = setting("own", help="The network behind which the decoder is trained.")
    name: str = setting("adain", help="What the decoder is called in models/.")
    content_weight: float = setting(1.0, help="Of the maps of relu4_1 (paper, equation 11).", low=0)
    style_weight: float = setting(
        10.0,
        help="Of means and deviations; the authors' code has 1e-2 with its own scaling, so this "
        "is a guess, tried out.",
        low=0,
    )
    tv_weight: float = setting(0.0, help="Of the total variation; the paper has none.", low=0)
    pixel_weight: float = setting(
        0.0,
        help="Of the mean distance between photos and what is drawn of their own maps; the paper "
        "has none. 20 to 50 keep forms where there is little time to learn.",
        low=0,
    )
    warm_up: int = setting(
        0, help="First iterations that learn from pixels alone; the paper has none.", low=0
    )
    fit_crops: int = setting(
        256,
        help="Crops on which the layers are fitted by least squares before the first step; the "
        "paper begins with random weights, as 0 does.",
        low=0,
        high=4096,
    )
    learning_rate: float = setting(1e-4, help="Adam's (authors' code).", above=0)
    decay: float = setting(
        5e-5, help="The rate falls as 1 / (1 + decay x iteration) (authors' code).", low=0
    )
    iterations: int = setting(160_000, help="How many steps (authors' code).", low=1)
    minutes: float | None = setting(None, help="Stop after this long, to be resumed.", above=0)
    batch: int = setting(8, help="Pictures per step (paper, section 6.2).", low=1, high=4096)
    crop_px: int = setting(
        256, help="Side of the crops (paper, section 6.2); 128 for a processor.", low=32, high=2048
    )
    jitter: float = setting(
        0.5,
        help="Share of paintings whose colours are changed: 0 with thousands of them; a guess.",
        low=0,
        high=1,
    )
    mirror: bool = setting(True, help="Show photos and paintings mirrored too.")
    checkpoint_iterations: int = setting(
        500, help="Steps between two checkpoints with their panels; a guess.", low=1
    )
    licence: str = setting("unknown", help="What one may do with the decoder.")
    sources: tuple[str, ...] = setting(
        (), help="What it learns from: 'what; licence; origin; number of pictures', for the card."
    )
    seed: int = setting(0, help="Seed of everything random.", low=0)

    def faults(self) -> Iterator[str]:
        """What is wrong between the settings."""
        if self.crop_px % 8:
            yield f"crop_px: {self.crop_px} is no multiple of 8, the encoder's step"
        if self.warm_up and not self.pixel_weight:
            yield "warm_up: it learns from pixels, and pixel_weight is 0"
        if self.content_weight == self.style_weight == 0:
            yield "content_weight, style_weight: with both 0 nothing is learned"


@dataclass(frozen=True)
class Identity:
    """What makes a training this one, for the run's fingerprint."""

    settings: tuple[str, ...]
    encoder_sha256: str
    content: str  # the digest of the photos' names and sizes
    styles: str  # likewise of the paintings'
    base_sha256: str  # of the decoder it starts from; "" starts from random weights


# How far it goes, what it writes, and what it is called may change from call to call.
_NO_IDENTITY = {"iterations", "minutes", "checkpoint_iterations", "name", "licence", "sources"}


def identity(
    recipe: AdainRecipe, encoder_sha256: str, content: str, styles: str, base_sha256: str
) -> Identity:
    """The identity of a training; settings at their defaults are no part of it."""
    changed = [
        f"{field.name} = {getattr(recipe, field.name)!r}"
        for field in fields(recipe)
        if field.name not in _NO_IDENTITY and getattr(recipe, field.name) != field.default
    ]
    return Identity(tuple(sorted(changed)), encoder_sha256, content, styles, base_sha256)

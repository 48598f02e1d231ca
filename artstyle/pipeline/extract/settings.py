"""What decides which crops come out; a fingerprint tells two ways of searching apart."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from artstyle.catalog import SourceKind
from artstyle.errors import UsageError
from artstyle.recipes.dataset import ExtractRecipe, colour_of, size_fault
from artstyle.recipes.sprites import SpritesRecipe

_DEFAULT = ExtractRecipe()  # every default is written there, once
_ALGORITHM = 1  # counted up when the same settings would give other crops


@dataclass(frozen=True)
class Settings:
    """How faces are looked for and cut; see `artstyle.recipes.ExtractRecipe` for each."""

    detector: str = _DEFAULT.detector
    layout: str = _DEFAULT.layout
    size_px: int = _DEFAULT.size_px
    every_s: float = _DEFAULT.every_s
    per_shot: int | None = _DEFAULT.per_shot
    keyframes: Literal["auto", "never", "only"] = _DEFAULT.keyframes
    per_appearance: int = _DEFAULT.per_appearance
    min_face_px: int = _DEFAULT.min_face_px
    enlarge_limit: float = _DEFAULT.enlarge_limit
    matte: str = _DEFAULT.matte
    sprites: SpritesRecipe = _DEFAULT.sprites

    @property
    def matte_rgb(self) -> tuple[int, int, int]:
        """The colour that transparent pixels are laid over, [0, 255]."""
        return colour_of(self.matte)

    def check(self) -> None:
        """Refuse what cannot be done, before any work starts.

        Raises:
            UsageError: a size that no StyleGAN has, or a layout without its name.
        """
        if (fault := size_fault(self.size_px)) is not None:
            raise UsageError(f"a size of {self.size_px} {fault}")
        if self.detector == "layout" and not self.layout:
            raise UsageError(
                "detector layout does not know where the faces lie",
                hint="name it: --layout NAME, or layout = NAME under [extract] in the recipe",
            )
        if not self.every_s > 0 or self.per_appearance < 1 or self.min_face_px < 1:
            raise UsageError(
                f"every_s {self.every_s}, per_appearance {self.per_appearance} and min_face_px"
                f" {self.min_face_px} must all be more than 0"
            )

    def fingerprint(self, kind: SourceKind, detector: str, **more: Any) -> dict[str, Any]:
        """What a scan of such a source is known by: only what makes a difference to it.

        Args:
            kind: of the source.
            detector: the one that is used, not "auto".
            more: what else makes a difference.
        """
        same = {"algorithm": _ALGORITHM, "kind": kind, "detector": detector}
        names = ["size_px", "min_face_px"]
        names += ["every_s", "per_shot", "keyframes", "per_appearance"] if kind == "film" else []
        names += [] if kind == "film" else ["matte"]
        given = dataclasses.asdict(self)
        return {**same, **{name: given[name] for name in names}, **more}

    @classmethod
    def of(cls, recipe: ExtractRecipe) -> Settings:
        """The settings of a recipe."""
        return cls(**vars(recipe))

"""The recipe of a dataset: where its pictures come from, and how faces are cut and split."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from artstyle.errors import UsageError
from artstyle.recipes.curate import CurateRecipe
from artstyle.recipes.schema import setting
from artstyle.recipes.sprites import SpritesRecipe
from artstyle.workspace import check_style_name

Detector: TypeAlias = Literal[
    "auto",
    "dlib",
    "dlib-cnn",
    "yunet",
    "anime",
    "anime-frcnn",
    "anime-mmcv",
    "lbp-anime",
    "layout",
]
DETECTORS: tuple[Detector, ...] = get_args(Detector)
SourceKind: TypeAlias = Literal["video", "images", "sprites"]
Keyframes: TypeAlias = Literal["auto", "never", "only"]

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def style_fault(name: str) -> str | None:
    """What keeps a text from being a style's name, or None."""
    try:
        check_style_name(name)
    except UsageError as error:
        return "cannot be a style's name" + (f"; {error.hint}" if error.hint else "")
    return None


def size_fault(size_px: int) -> str | None:
    """What keeps a number from being the side of a StyleGAN picture, or None."""
    fits = 4 <= size_px <= 1024 and size_px & (size_px - 1) == 0
    return None if fits else "is no power of two from 4 to 1024"


def share_fault(share: float) -> str | None:
    """What keeps a number from being the share that is held out, or None."""
    return None if 0 <= share < 1 else "is no share from 0 to below 1"


def colour_fault(colour: str) -> str | None:
    """What keeps a text from being a colour, or None."""
    return None if _COLOUR.fullmatch(colour) else "is no colour like #ff00ff"


def colour_of(text: str) -> tuple[int, int, int]:
    """Red, green and blue, [0, 255], of a text like #ff00ff.

    Raises:
        UsageError: it is no colour.
    """
    if (fault := colour_fault(text)) is not None:
        raise UsageError(f"{text!r} {fault}")
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue


@dataclass(frozen=True)
class SourceRecipe:
    """One film, folder or sprite sheet."""

    kind: SourceKind = setting(help="What lies there: a video, a folder of images, or sprites.")
    path: str = setting(help="Where it lies, as seen from the workspace.")
    licence: str = setting("unknown", help="What one may do with it, as its owner says.")
    origin: str = setting("", help="Who made it and where it was found.")


@dataclass(frozen=True)
class ExtractRecipe:
    """From pictures to aligned crops."""

    detector: Detector = setting(
        "auto", help="What finds the faces; auto tries those that are there on a sample."
    )
    layout: str = setting("", help="Where the faces lie, for detector layout: the layout's name.")
    size_px: int = setting(256, help="Side of the aligned crops in pixels.", check=size_fault)
    every_s: float = setting(
        0.5, help="Seconds between two frames taken from a video; a guess.", above=0
    )
    per_shot: int | None = setting(
        None, help="At most so many frames of a shot are looked at.", low=1, high=16
    )
    keyframes: Keyframes = setting(
        "auto", help="Read only a video's keyframes: where they lie close enough, never, or only."
    )
    per_appearance: int = setting(
        3, help="Crops kept of a face's appearance in a shot, the best; a guess.", low=1
    )
    min_face_px: int = setting(
        48,
        help="Faces whose square is smaller in the frame are left out, in pixels; a guess.",
        low=1,
    )
    enlarge_limit: float = setting(
        1.5, help="Crops enlarged by more than this are marked as enlarged; a guess.", above=0
    )
    matte: str = setting(
        "#ffffff", help="Colour under transparent pixels, #rrggbb.", check=colour_fault
    )
    sprites: SpritesRecipe = setting(SpritesRecipe, help="How sprite sheets are cut.")


@dataclass(frozen=True)
class BuildRecipe:
    """From curated crops to a dataset zip."""

    size_px: int = setting(256, help="Side of the pictures in the zip, pixels.", check=size_fault)
    held_out_share: float = setting(
        0.1, help="Share kept from training, to measure with; a guess.", check=share_fault
    )
    labels: tuple[str, ...] = setting(
        (), help="Tags that become classes of a conditional model; none makes it unconditional."
    )
    seed: int = setting(0, help="Seed of the split.", low=0)


@dataclass(frozen=True)
class DatasetRecipe:
    """Everything needed to make the dataset of one style again."""

    style: str = setting(help="The style's name: the folder's and in commands.", check=style_fault)
    title: str = setting(help="The style's name for people.")
    licence: str = setting("unknown", help="What one may do with the whole, as its sources allow.")
    notes: str = setting("", help="What it is and why it was made; stands in its datasheet.")
    limits: str = setting("", help="Where it is weak, and what it must not be used for.")
    sources: tuple[SourceRecipe, ...] = setting((), help="Where the pictures come from.")
    extract: ExtractRecipe = setting(ExtractRecipe, help="From pictures to aligned crops.")
    curate: CurateRecipe = setting(CurateRecipe, help="From crops to what is proposed of them.")
    build: BuildRecipe = setting(BuildRecipe, help="From curated crops to a dataset zip.")

    def faults(self) -> Iterator[str]:
        """What is wrong between the settings."""
        if self.build.size_px > self.extract.size_px:
            yield (
                f"build.size_px: {self.build.size_px} is more than extract.size_px, "
                f"{self.extract.size_px}: crops would have to be enlarged"
            )
        twice = {label for label in self.build.labels if self.build.labels.count(label) > 1}
        for label in sorted(twice):
            yield f"build.labels: {label!r} is there more than once"

"""The part of a dataset's recipe that says what is proposed to be dropped, grouped and held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from artstyle.recipes.schema import setting

Embedding: TypeAlias = Literal["auto", "look", "dlib"]
HeldOutBy: TypeAlias = Literal["shot", "source", "cluster"]


def clusters_fault(text: str) -> str | None:
    """What keeps a text from saying how many clusters there shall be, or None."""
    if text in ("none", "auto") or (text.isascii() and text.isdigit() and 1 <= int(text) <= 40):
        return None
    return "is neither none, nor auto, nor a number from 1 to 40"


@dataclass(frozen=True)
class CurateRecipe:
    """From aligned crops to proposals. Measured limits: docs/decisions/0013-curation.md."""

    max_enlarge: float = setting(
        2.5, help="Pixels of the dataset made of one of the source, at most; a guess.", above=0
    )
    max_blur_px: float = setting(
        3.0, help="How far edges may be smeared, sigma in pixels of the dataset; measured.", above=0
    )
    min_brightness: float = setting(
        0.1, help="Mean luma of a face, 0 to 1; measured.", low=0, high=1
    )
    max_brightness: float = setting(
        0.9, help="The same, of a set that is not all bright; a guess.", low=0, high=1
    )
    min_contrast: float = setting(
        0.05, help="From the darkest to the brightest of a face; measured.", low=0, high=1
    )
    max_clipped_share: float = setting(
        0.25, help="Black or white pixels of a face, in a set that has few.", low=0, high=1
    )
    max_yaw_deg: float = setting(
        50.0, help="How far a face may be turned away, degrees; a guess.", low=0, high=180
    )
    min_confidence: float = setting(
        0.1, help="How well eyes, nose and mouth lie, 0 to 1; a guess.", low=0, high=1
    )
    max_outside_share: float = setting(
        0.4, help="Of a crop that lies outside of the picture; measured.", low=0, high=1
    )
    deviations: float = setting(
        5.0, help="Robust standard deviations that make a crop odd in its set; a guess.", above=0
    )
    outlier_deviations: float = setting(
        0.0, help="The same for looking unlike all others; 0 leaves that out.", low=0
    )
    without: tuple[str, ...] = setting((), help="Rules that are left out.")
    duplicate_bits: int = setting(
        10, help="Bits of 64 in which hashes of near-duplicates differ; measured.", low=0, high=32
    )
    duplicate_difference: float = setting(
        12.0, help="How much they differ where they differ most, of 255; measured.", low=0
    )
    embedding: Embedding = setting(
        "auto", help="Looks: our own (look), dlib's faces, or those where they suit and fit."
    )
    clusters: str = setting(
        "none",
        help="Heaps of faces that look alike: none, auto, or how many.",
        check=clusters_fault,
    )
    unsure_margin: float = setting(
        0.1, help="Nearer to its own heap than to the next by less: unsure.", low=0, high=1
    )
    held_out_by: HeldOutBy = setting(
        "shot", help="What is held out as a whole: a shot or picture, a source, or a cluster."
    )

"""The part of a dataset's recipe that says how sprites are cut."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from artstyle.recipes.schema import setting

CutBy: TypeAlias = Literal["auto", "grid", "regions", "whole"]
PixelArt: TypeAlias = Literal["auto", "yes", "no"]

_PAIR = re.compile(r"\s*[1-9]\d{0,5}\s*([x,]\s*[1-9]\d{0,5}\s*)?", re.IGNORECASE)
_COLOUR = re.compile(r"#?[0-9a-fA-F]{6}")


def pair_fault(text: str) -> str | None:
    """What keeps a text from being two whole numbers, or None; an empty one says nothing."""
    return None if not text or _PAIR.fullmatch(text) else "is not two whole numbers like 10x6"


def key_fault(text: str) -> str | None:
    """What keeps a text from being a colour, or None."""
    return None if _COLOUR.fullmatch(text) else "is no colour like #ff00ff"


@dataclass(frozen=True)
class SpritesRecipe:
    """From sprite sheets to sprites, and where the face lies in each."""

    by: CutBy = setting(
        "auto", help="How sheets are cut: as they show themselves, by grid, by regions, or whole."
    )
    grid: str = setting(
        "", help="Columns and rows, as 10x6; else they are found.", check=pair_fault
    )
    cell: str = setting(
        "", help="Size of a cell in pixels, as 64x64; instead of grid.", check=pair_fault
    )
    gutter_px: int = setting(0, help="Between two cells, beside grid or cell.", low=0, high=4096)
    margin_px: int = setting(0, help="Around all cells, beside grid or cell.", low=0, high=4096)
    keys: tuple[str, ...] = setting(
        (), help="Colours that are background, as #ff00ff; else they are found.", check=key_fault
    )
    pixel_art: PixelArt = setting(
        "auto", help="Whether pixels are enlarged as blocks, and not smoothed."
    )
    points: tuple[float, ...] = setting(
        (),
        help="Where the face lies in each sprite, as fractions of its size: x and y of the left"
        " eye, right eye, nose, left and right corner of the mouth, as the viewer sees them.",
        low=0,
        high=1,
    )

    def faults(self) -> Iterator[str]:
        """What is wrong between the values."""
        if len(self.points) not in (0, 10):
            yield f"points: {len(self.points)} numbers are not ten, two for each of five points"

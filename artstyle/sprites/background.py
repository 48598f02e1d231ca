"""What lies behind the sprites of a sheet: nothing, a colour, or cells without anything between."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import ImageError, UsageError

Pixels: TypeAlias = NDArray[np.uint8]
Mask: TypeAlias = NDArray[np.bool_]
Colour: TypeAlias = tuple[int, int, int]

# Guesses, all of them: an alpha below which a pixel counts as empty; how much of a sheet's border
# one colour must make up, and how much if it is as pure as only keys are; how far a key may stray
# at least and at most (JPEG makes them stray), in values of 255.
EMPTY_ALPHA = 32
_BORDER_SHARE, _VIVID_SHARE = 0.6, 0.15
_LINE_SHARE = 0.3  # of all lines of one colour inside a sheet, that of the lines between cells
_ALIKE = 10  # what strays less from the border's colour is the same colour
_LEAST_STRAY, _MOST_STRAY = 8, 40
_VIVID_SPAN = 200

_COLOUR = re.compile(r"#?([0-9a-f]{6})", re.IGNORECASE)


@dataclass(frozen=True)
class Background:
    """What is taken for empty on a sheet."""

    kind: Literal["transparent", "colour", "none"]
    keys: tuple[Colour, ...] = ()  # these colours are empty too
    stray: int = _LEAST_STRAY  # how far a pixel may lie from a key, per channel
    share: float = 1.0  # of the sheet's border that is empty

    @property
    def is_exact(self) -> bool:
        """Whether empty pixels are exactly alike, so that not one of them is noise."""
        return self.stray == _LEAST_STRAY

    def __str__(self) -> str:
        """For people, e.g. "#ff00ff" or "transparent"."""
        names = " and ".join(hex_of(key) for key in self.keys)
        return " and ".join(part for part in (self.kind * (self.kind != "colour"), names) if part)


def find_background(rgb: Pixels, alpha: Pixels, *, keys: tuple[Colour, ...] = ()) -> Background:
    """What lies behind the sprites: transparency, the border's colour, or that of lines between.

    A colour that fills whole columns or rows of pixels inside of the sheet is a line between
    cells, even where the cells reach the sheet's border.

    Args:
        rgb: HWC uint8, straight colours.
        alpha: HW uint8, 255 opaque.
        keys: colours that the user names; they are believed, and none is looked for.

    Raises:
        ImageError: there is no pixel that could be seen.
    """
    visible = alpha >= EMPTY_ALPHA
    if not visible.any():
        raise ImageError("every pixel of it is transparent: there is nothing to cut out")
    is_transparent = not visible.all()
    seen, border = _frame(visible), _frame(rgb)
    if keys:
        stray = max(_stray(border[seen], key) for key in keys)
        return Background("transparent" if is_transparent else "colour", keys, stray)
    if is_transparent:
        return Background("transparent", share=float(1 - seen.mean()))
    colour, share = _most_frequent(border)
    vivid = is_vivid(colour) and share >= _VIVID_SHARE
    if share >= _BORDER_SHARE or vivid:
        return Background("colour", (colour,), _stray(border, colour), share)
    lines = _lines_of_one_colour(rgb)
    if len(lines):
        colour, share = _most_frequent(lines)
        if share * len(lines) >= 2 and share >= _LINE_SHARE:
            return Background("colour", (colour,), _stray(lines, colour), 0.0)
    return Background("none", share=0.0)


def foreground(rgb: Pixels, alpha: Pixels, background: Background) -> Mask:
    """Which pixels belong to sprites, [H, W]; see `find_background` for the arguments."""
    mask: Mask = alpha >= EMPTY_ALPHA
    for key in background.keys:
        mask &= ~near(rgb, key, background.stray)
    return mask


def near(rgb: Pixels, key: Colour, stray: int) -> Mask:
    """Which pixels lie within `stray` of a colour in every channel, [H, W]."""
    import cv2

    low = tuple(max(value - stray, 0) for value in key)
    high = tuple(min(value + stray, 255) for value in key)
    found: Mask = np.asarray(cv2.inRange(np.ascontiguousarray(rgb), low, high)) > 0
    return found


def is_vivid(colour: Colour) -> bool:
    """Whether a colour is as pure as keys are, and the colours of pictures hardly ever."""
    return max(colour) - min(colour) >= _VIVID_SPAN


def parse_colour(text: str, *, what: str) -> Colour:
    """A colour written as #rrggbb.

    Raises:
        UsageError: it is something else.
    """
    found = _COLOUR.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{what} {text!r} is no colour", hint=f'write e.g. {what} "#ff00ff"')
    red, green, blue = bytes.fromhex(found[1])
    return red, green, blue


def hex_of(colour: Colour) -> str:
    """A colour as #rrggbb."""
    return "#" + bytes(colour).hex()


def _frame(plane: NDArray[Any]) -> NDArray[Any]:
    """The outermost pixels of a picture, one after the other."""
    sides = plane[0], plane[-1], plane[1:-1, 0], plane[1:-1, -1]
    return np.concatenate(sides)


def _most_frequent(border: NDArray[np.uint8]) -> tuple[Colour, float]:
    """The most frequent colour of [n, 3] and the share of what lies near it.

    Colours are counted in boxes of eight values, so that one that strays a little stays one.
    """
    boxes = border.astype(np.int64) >> 3
    codes = (boxes[:, 0] << 10) | (boxes[:, 1] << 5) | boxes[:, 2]
    top = np.bincount(codes).argmax()
    middle = np.median(border[codes == top], axis=0)
    close = np.abs(border - middle).max(axis=1) <= _ALIKE
    red, green, blue = (int(value) for value in np.median(border[close], axis=0).round())
    return (red, green, blue), float(close.mean())


def _lines_of_one_colour(rgb: Pixels) -> NDArray[np.uint8]:
    """A colour for each run of columns or rows of pixels that have but one, [n, 3]."""
    found = [np.empty((0, 3), dtype=np.uint8)]
    for axis in (0, 1):
        low, high = rgb.min(axis=axis), rgb.max(axis=axis)
        colour = ((low.astype(np.int16) + high) // 2).astype(np.uint8)
        one = (high - low).max(axis=1) <= 2 * _ALIKE
        moved = np.abs(np.diff(colour.astype(np.int16), axis=0)).max(axis=1) > _ALIKE
        begins = one & np.concatenate([[True], ~one[:-1] | moved])
        found.append(colour[begins])
    return np.concatenate(found)


def _stray(border: NDArray[np.uint8], key: Colour) -> int:
    """How far pixels may lie from a key: little for an exact one, more for one that strays.

    What strays went through JPEG or a filter, which stray most where a sprite begins.
    """
    away = np.abs(border.astype(np.int16) - np.array(key, dtype=np.int16)).max(axis=1, initial=0)
    close = away[away <= _MOST_STRAY]
    noise = float(np.percentile(close, 90)) if len(close) else 0.0
    if not noise:
        return _LEAST_STRAY
    return int(min(24 + 2 * noise, _MOST_STRAY * (1.6 if is_vivid(key) else 0.8)))

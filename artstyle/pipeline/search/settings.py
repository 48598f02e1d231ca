"""`STYLE.swap.json` beside a style's model: which shares of its levels suit it, from faint to full.

    swap = find_swap(base, style, emit=emit)       # None: none there, or one for other models
    words = swap_at(swap, 0.4)                     # for plan_blend(weights=...), `blend --weights`

The file holds a front: points from strength 0 (all from the base) to strength 1, each with the
share of every level and with what was measured of it. Between two points shares are interpolated.
The default is the front's knee. Files are taken as they come from anybody: every fault is listed.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from artstyle.errors import RecipeError
from artstyle.events import Emit, Note, ignore
from artstyle.files import sha256_of, write_json
from artstyle.names import shown
from artstyle.pipeline.search.form import (
    FORMAT,
    FORMAT_VERSION,
    FrontPoint,
    Reader,
    Swap,
    no_constant,
)
from artstyle.pipeline.search.walk import Shares, levels_of_labels, shares_at, words_of
from stylegan_ext.levels import parse_weights

__all__ = [
    "FrontPoint",
    "Swap",
    "find_swap",
    "half_sha256",
    "is_of_base",
    "is_of_style",
    "points_of",
    "read_swap",
    "swap_at",
    "swap_file",
    "why_foreign",
    "write_swap",
]

SUFFIX = ".swap.json"
_MOST_BYTES = 4 << 20


def swap_file(style: Path) -> Path:
    """Where the swap file of a model belongs: `x.swap.json` beside `x.safetensors`."""
    return style.with_name(style.name.removesuffix(style.suffix) + SUFFIX)


def find_swap(base: Path, style: Path, *, emit: Emit = ignore) -> Swap | None:
    """The swap file beside a style, if it is there, whole, and about these two models.

    Args:
        base: the base's model file.
        style: the style's.
        emit: told why a file that is there is not used.

    Raises:
        CheckpointError: one of the two is no model file of ours.
    """
    path = swap_file(style)
    if not path.is_file():
        return None
    try:
        swap = read_swap(path)
    except RecipeError as fault:
        emit(Note(f"{fault}\nit is not used", "warning"))
        return None
    reason = why_foreign(swap, base, style)
    if reason:
        emit(Note(f"{shown(path)} is not used: {reason}", "warning"))
        return None
    return swap


def why_foreign(swap: Swap, base: Path, style: Path) -> str:
    """Why a swap file is not about two models; "" if it is.

    A model is known by its file's SHA-256, or by its generator's in half precision: that stays when
    a header is written anew, a discriminator left out, or the file stored smaller.
    """
    for role, path, is_same in (("base", base, is_of_base), ("style", style, is_of_style)):
        if not is_same(swap, path):
            called = f" ({swap.base})" if role == "base" else ""
            return f"it was found for another {role}{called} than {shown(path)}"
    return ""


def is_of_base(swap: Swap, base: Path) -> bool:
    """Whether a swap file is about this base; see `why_foreign`."""
    return swap.base_sha256 == sha256_of(base) or swap.base_half_sha256 == half_sha256(base)


def is_of_style(swap: Swap, style: Path) -> bool:
    """Whether a swap file is about this style; see `why_foreign`."""
    return swap.style_sha256 == sha256_of(style) or swap.style_half_sha256 == half_sha256(style)


def half_sha256(model: Path) -> str:
    """The digest of a model's generator in half precision, as encoders name their base by it.

    Raises:
        CheckpointError: it is no model file of ours, or holds no generator.
    """
    from artstyle.pipeline.encode.find import identity_of

    return str(identity_of(model)["half_sha256"])


def read_swap(path: Path) -> Swap:
    """Read a swap file; whether it is about the models at hand is for `why_foreign`.

    Raises:
        RecipeError: it is missing, damaged, or something else; every fault is listed.
    """
    hint = "make it anew: artstyle blend BASE STYLE --search"
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(f"it is larger than {_MOST_BYTES >> 20} MB")
        said = json.loads(path.read_text(encoding="utf-8"), parse_constant=no_constant)
    except FileNotFoundError:
        raise RecipeError(f"there is no swap file {shown(path)}", (), hint=hint) from None
    except (OSError, ValueError, RecursionError) as fault:
        what = f"the swap file {shown(path)} cannot be read"
        raise RecipeError(what, (str(fault),), hint=hint) from fault
    reader = Reader(said)
    swap = reader.swap()
    if reader.faults or swap is None:
        what = f"the swap file {shown(path)} has faults:"
        raise RecipeError(what, tuple(reader.faults), hint=hint)
    return swap


def write_swap(path: Path, swap: Swap) -> None:
    """Write a swap file, whole or not at all.

    Raises:
        RecipeError: `read_swap` would not take it.
        OSError: it cannot be written.
    """
    data = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "base": swap.base,
        "base_sha256": swap.base_sha256,
        "style_sha256": swap.style_sha256,
        "base_half_sha256": swap.base_half_sha256,
        "style_half_sha256": swap.style_half_sha256,
        "levels": list(swap.levels),
        "default": {"weights": swap.default_weights, "strength": swap.default_strength},
        "front": [asdict(point) for point in swap.front],
        "measured_in": dict(swap.measured_in),
        "photos": swap.photos,
        "command": swap.command,
    }
    reader = Reader(data)
    reader.swap()
    if reader.faults:
        raise RecipeError(f"{shown(path)} would have faults:", tuple(reader.faults))
    write_json(path, data)


def swap_at(swap: Swap, strength: float | None = None) -> str:
    """The weights at a strength, in words that `plan_blend` and `blend --weights` take.

    Args:
        swap: what `read_swap` gave.
        strength: 0 (the base alone) to 1 (the strongest of the front); None: the default.

    Raises:
        UsageError: it is not between 0 and 1.
    """
    if strength is None:
        return swap.default_weights
    levels = levels_of_labels(swap.levels)
    return words_of(shares_at(points_of(swap), strength), levels)


def points_of(swap: Swap) -> list[tuple[float, Shares]]:
    """The front as strengths and shares, from strength 0 up."""
    levels = levels_of_labels(swap.levels)
    return [
        (point.strength, tuple(parse_weights(point.weights, levels).values()))
        for point in swap.front
    ]

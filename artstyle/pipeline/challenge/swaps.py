"""How much of a style each level of the base takes over, and the blended network itself.

In this order: what was asked for (`--resolution`, or `--strength`), what was found for the style
by a search (`STYLE.swap.json` beside its model), and else a hard swap at 16 px, named as such.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from artstyle.errors import UsageError
from artstyle.events import Emit, ignore
from artstyle.pipeline.challenge.models import Taken
from stylegan_ext.errors import ParameterError
from stylegan_ext.header import read_header
from stylegan_ext.levels import Level, level_weights, levels_of

if TYPE_CHECKING:
    from stylegan_ext.networks import Generator
    from stylegan_ext.records import NetworkRecord

From: TypeAlias = Literal["asked for", "found by search", "default"]

# Pinkney and Adler 2020 swap at 16 to 32 px; at 16 a pose and a face's outline stay the person's.
DEFAULT_RESOLUTION = 16


@dataclass(frozen=True)
class Swap:
    """What share of each level a style gets."""

    shares: tuple[tuple[str, float], ...]  # a level's label, e.g. "16.1", and the style's share
    words: str  # for people
    came: From

    def card(self) -> dict[str, Any]:
        """What the record says of it."""
        return {"words": self.words, "from": self.came, "shares": dict(self.shares)}


def swap_of(
    base: Taken,
    style: Taken,
    *,
    resolution: int | None = None,
    strength: float | None = None,
    emit: Emit = ignore,
) -> Swap:
    """The swap of a style.

    Args:
        base: gives the coarse levels.
        style: gives the fine ones.
        resolution: swap hard where the style begins; None: as the style has it.
        strength: 0 nothing of the style to 1 all of it (or the strongest that was found for it);
            None: its default.
        emit: told why a file of settings is not used.

    Raises:
        UsageError: the model has no such resolution, or the strength is not between 0 and 1.
    """
    from artstyle.pipeline.search.settings import find_swap, swap_at

    if resolution is not None and strength is not None:
        raise UsageError("--resolution and --strength say the same thing: give one of them")
    if strength is not None and not 0 <= strength <= 1:
        raise UsageError(f"a strength is a number from 0 to 1, not {strength:g}")
    levels = _common_levels(base, style)
    if resolution is not None:
        return _hard(levels, resolution, "asked for")
    found = find_swap(base.model.path, style.model.path, emit=emit)
    if found is not None:
        from stylegan_ext.levels import parse_weights

        shares = parse_weights(swap_at(found, strength), levels)
        at = found.default_strength if strength is None else strength
        words = f"strength {at:.2g} of what a search found"
        return _swap(shares, words, "found by search" if strength is None else "asked for")
    if strength is not None:
        return _swap(shares_of_strength(levels, strength), f"strength {strength:g}", "asked for")
    finest = max(level.resolution for level in levels)
    return _hard(levels, min(DEFAULT_RESOLUTION, finest), "default")


def shares_of_strength(levels: tuple[Level, ...], strength: float) -> dict[Level, float]:
    """Shares where no search was made: from the finest level on, one after the other.

    Strength 0 leaves all to the base, 1 gives all to the style; between them the finest
    `strength * levels` are the style's, and the one where that ends gets the fraction.
    """
    full = strength * len(levels)
    return {level: min(1.0, max(0.0, full - place)) for place, level in enumerate(reversed(levels))}


def blended(
    base: NetworkRecord, style: NetworkRecord, swap: Swap
) -> tuple[Generator, dict[Level, float]]:
    """The network of a swap, ready to draw; mapping, average and constant are the base's.

    Returns:
        It, and the style's share of each of its levels.

    Raises:
        MismatchError: the two do not fit.
    """
    from stylegan_ext.blend import blend_tensors, describe, plan_blend
    from stylegan_ext.networks import Generator, build
    from stylegan_ext.records import NetworkRecord

    plan = plan_blend(base, style, weights=",".join(f"{n}:{y!r}" for n, y in swap.shares))
    tensors = blend_tensors(base.tensors, style.tensors, describe(plan))
    made = build(NetworkRecord(plan.kind, plan.kwargs, tensors))
    assert isinstance(made, Generator)
    return made.float(), dict(zip(plan.levels, plan.shares, strict=True))


def _common_levels(base: Taken, style: Taken) -> tuple[Level, ...]:
    """The levels of a blend of the two: those of the smaller."""
    kind, kwargs = min(
        (
            _generator(base.model.path, base.model.network),
            _generator(style.model.path, style.model.network),
        ),
        key=lambda one: int(one[1]["img_resolution"]),
    )
    return levels_of(kind, kwargs)


def _generator(path: Path, network: str) -> tuple[Any, Mapping[str, Any]]:
    held = read_header(path).networks[network]
    return held.kind, held.kwargs


def _hard(levels: tuple[Level, ...], resolution: int, came: From) -> Swap:
    try:
        shares = level_weights(levels, resolution)
    except ParameterError as fault:
        raise UsageError(f"--resolution: {fault}", hint=fault.hint) from fault
    return _swap(shares, f"hard at {resolution} px", came)


def _swap(shares: Mapping[Level, float], words: str, came: From) -> Swap:
    in_order = sorted(shares, key=lambda level: level.position)
    return Swap(tuple((level.label, float(shares[level])) for level in in_order), words, came)

"""The levels of a generator, coarse to fine, and what share of each a second model gets.

A level is one convolution with everything that belongs to it. StyleGAN2: at the k-th resolution
(k = 0 for 4x4) conv0 is at position 2k, conv1 with the to-RGB at 2k + 1; the constant stands where
conv0 of 4x4 would, at position 0, and is no level. StyleGAN3: each layer L{i} is the level at
position i, and its resolution is its output sampling rate.

Nothing here touches a tensor.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

from stylegan_ext.arguments import Arguments
from stylegan_ext.errors import ParameterError
from stylegan_ext.records import Kind

_NAME = r"\d{1,6}(?:\.\d{1,3})?"
_WHERE = re.compile(rf"\s*(?P<first>{_NAME})?\s*(?:(?P<dash>-)\s*(?P<last>{_NAME})?\s*)?", re.ASCII)


@dataclass(frozen=True)
class Level:
    """One convolution of a generator and what goes with it."""

    position: int  # from coarse to fine; see the module's first lines
    resolution: int  # side in pixels; StyleGAN3: the layer's output sampling rate
    within: int  # counted from 0 inside its resolution; StyleGAN2: 0 conv0, 1 conv1
    layers: tuple[str, ...]  # "synthesis.b32.conv1", "synthesis.b32.torgb": names of its modules

    @property
    def label(self) -> str:
        """How a person names it: "32.1"."""
        return f"{self.resolution}.{self.within}"


def levels_of(kind: Kind, kwargs: Mapping[str, Any]) -> tuple[Level, ...]:
    """The levels of a generator with these constructor arguments, coarse to fine.

    Raises:
        MismatchError: the arguments describe no network.
        ParameterError: the network is no generator.
    """
    match kind:
        case "stylegan2-generator":
            return tuple(_levels2(Arguments(kind, kwargs)))
        case "stylegan3-generator":
            return tuple(_levels3(kwargs))
    raise ParameterError(f"a {kind} has no levels to blend; only generators have")


def _levels2(arguments: Arguments) -> Iterator[Level]:
    architecture, final = arguments.architecture, arguments.resolution
    resolution = 4
    while resolution <= final:
        block, position = f"synthesis.b{resolution}", 2 * (resolution.bit_length() - 3)
        if resolution > 4:
            # The residual's 1x1 convolution reads what conv0 reads, so it goes with it.
            skip = (f"{block}.skip",) if architecture == "resnet" else ()
            yield Level(position, resolution, 0, (f"{block}.conv0", *skip))
        has_torgb = architecture == "skip" or resolution == final
        torgb = (f"{block}.torgb",) if has_torgb else ()
        yield Level(position + 1, resolution, 1, (f"{block}.conv1", *torgb))
        resolution *= 2


def _levels3(kwargs: Mapping[str, Any]) -> Iterator[Level]:
    from stylegan_ext.networks.stylegan3 import layer_geometry

    names = signature(layer_geometry).parameters
    table = layer_geometry(**{name: kwargs[name] for name in names if name in kwargs})
    counted: dict[int, int] = {}
    for layer in table:
        rate = int(layer.out_rate)
        yield Level(layer.index, rate, counted.get(rate, 0), (f"synthesis.{layer.name}",))
        counted[rate] = counted.get(rate, 0) + 1


def resolutions_of(levels: Sequence[Level]) -> list[int]:
    """The resolutions that have levels, from the coarsest."""
    return sorted({level.resolution for level in levels})


def level_weights(
    levels: Sequence[Level], resolution: int, width: float | None = None
) -> dict[Level, float]:
    """The style's share y of every level, changing over from base to style at a resolution.

    Smooth (Pinkney and Adler 2020): x = position - mid, y = 1 / (1 + exp(-x / width)), with mid
    the first position of `resolution`; there y = 1/2. Hard: y = 1 for levels at and above
    `resolution`, else 0. That is the smooth form for a width towards 0, the middle counted to the
    style. Pinkney's published hard swap starts at x > 1 instead, one resolution later than its
    name says; what it calls 32 is 64 here.

    Args:
        levels: coarse to fine, as `levels_of` gives them.
        resolution: where the style begins, in pixels. Twice the finest means: nowhere.
        width: of the transition, in levels; None: a hard swap.

    Raises:
        ParameterError: the model has no such resolution, or the width is not above 0.
    """
    mid = _middle(levels, resolution)
    if width is None:
        return {level: float(level.position >= mid) for level in levels}
    if not (math.isfinite(width) and width > 0):
        raise ParameterError(
            f"the width of the transition is {width}; it is counted in levels and must be above 0",
            hint="leave it out for a hard swap",
        )
    return {level: _sigmoid((level.position - mid) / width) for level in levels}


def _middle(levels: Sequence[Level], resolution: int) -> int:
    for level in levels:
        if level.resolution == resolution:
            return level.position - level.within  # at 4x4 the constant's position comes first
    known = resolutions_of(levels)
    if resolution == 2 * known[-1]:
        return levels[-1].position + 1
    raise ParameterError(
        f"there is no resolution {resolution} to change over at; this model has "
        f"{', '.join(map(str, known))} (and {2 * known[-1]} would leave all to the base)"
    )


def _sigmoid(x: float) -> float:
    small = math.exp(-abs(x))  # never overflows
    return 1 / (1 + small) if x >= 0 else small / (1 + small)


def parse_weights(
    spec: str, levels: Sequence[Level], rest: Mapping[Level, float] | None = None
) -> dict[Level, float]:
    """Read shares from text such as "4-16:0,32:0.5,64-:1" or "16.0:0.25,16.1:0.75".

    Each part is WHERE:SHARE. WHERE is a resolution (all of its levels), a level RESOLUTION.N, or a
    range FIRST-LAST with both ends included; an end that is left out means the coarsest or finest.
    SHARE is the style's, from 0 (the base's level, unchanged) to 1 (the style's).

    Args:
        spec: the text.
        levels: coarse to fine, as `levels_of` gives them.
        rest: shares of the levels that the text leaves out; None: it has to name all.

    Raises:
        ParameterError: a part cannot be read, a level is named twice, or some are missing; all
            faults are listed.
    """
    found: dict[Level, float] = {}
    faults = []
    for part in spec.split(","):
        try:
            where, share = _parse_part(part, levels)
        except ValueError as fault:
            faults.append(f"{part.strip()!r}: {fault}")
            continue
        twice = [level.label for level in where if level in found]
        if twice:
            faults.append(f"{part.strip()!r}: {', '.join(twice)} has a share already")
        found.update(dict.fromkeys(where, share))
    missing = [level.label for level in levels if level not in found] if rest is None else []
    if missing and not faults:
        faults.append(f"no share for {', '.join(missing)}")
    if faults:
        raise ParameterError(
            f"the weights {spec!r} cannot be used:" + "".join(f"\n  - {fault}" for fault in faults),
            hint="write for instance '4-16:0,32:0.5,64-:1'; the levels are "
            + ", ".join(level.label for level in levels),
        )
    return {level: found[level] if level in found else (rest or {})[level] for level in levels}


def _parse_part(part: str, levels: Sequence[Level]) -> tuple[list[Level], float]:
    """The levels of one WHERE:SHARE, and the share.

    Raises:
        ValueError: what is wrong with it.
    """
    where, colon, text = part.partition(":")
    match = _WHERE.fullmatch(where)
    if not colon or match is None or not (match["first"] or match["last"]):
        raise ValueError("is not WHERE:SHARE, such as 32:0.5, 16.1:1, 4-16:0 or 64-:1")
    try:
        share = float(text)
    except ValueError:
        raise ValueError(f"{text.strip()!r} is no number") from None
    if not 0 <= share <= 1:
        raise ValueError(f"the share {text.strip()} is not between 0 and 1")
    first, last = match["first"], match["last"] if match["dash"] else match["first"]
    begin = levels[0] if first is None else _named(first, levels)[0]
    end = levels[-1] if last is None else _named(last, levels)[-1]
    chosen = [level for level in levels if begin.position <= level.position <= end.position]
    if not chosen:
        raise ValueError("the range runs backwards")
    return chosen, share


def _named(name: str, levels: Sequence[Level]) -> list[Level]:
    chosen = [level for level in levels if name in (str(level.resolution), level.label)]
    if chosen:
        return chosen
    if name == "4.0" and levels[0].label == "4.1":
        raise ValueError("4.0 is the constant, which is taken whole from one parent")
    if "." in name:
        raise ValueError(f"there is no level {name}")
    known = ", ".join(map(str, resolutions_of(levels)))
    raise ValueError(f"there is no resolution {name}; this model has {known}")

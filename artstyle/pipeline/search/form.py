"""What a swap file says, as data, and how it is read from JSON: every fault is listed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from artstyle.pipeline.search.walk import levels_of_labels
from stylegan_ext.errors import ParameterError
from stylegan_ext.levels import Level, parse_weights

FORMAT, FORMAT_VERSION = "artstyle swap", 1
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FrontPoint:
    """One way to lay the style over the base."""

    strength: float  # 0 to 1: where on the front it lies
    weights: str  # the style's shares in words, as `parse_weights` reads them
    likeness: float  # 1: the same face as without style; 0: as unlike as another person's
    style: float  # 0: as far from the style's pictures as the base's are; 1: as near as its own
    measured: Mapping[str, Any] = field(default_factory=dict)  # intervals, raw distances


@dataclass(frozen=True)
class Swap:
    """What a swap file says."""

    base: str  # name of the base
    base_sha256: str  # of its file
    style_sha256: str
    base_half_sha256: str  # of its generator in half precision: a file that was packed keeps it
    style_half_sha256: str
    levels: tuple[str, ...]  # labels of the levels, coarse to fine: "4.1", "8.0", ...
    default_weights: str
    default_strength: float
    front: tuple[FrontPoint, ...]  # from strength 0 up
    measured_in: Mapping[str, Any]  # names: likeness, style, knee, ...
    photos: int  # how many were looked at
    command: str


def no_constant(word: str) -> float:
    """Refuse NaN and infinity."""
    raise ValueError(f"{word} is no number that can be used")


class Reader:
    """Reads what a swap file says, and collects all that is wrong with it."""

    def __init__(self, said: Any) -> None:
        self.said = said if isinstance(said, dict) else {}
        self.faults: list[str] = []
        if self.said.get("format") != FORMAT:
            self.faults.append(f"it does not say that it is an {FORMAT!r}: something else?")
        elif self.said.get("format_version") != FORMAT_VERSION:
            version = self.said.get("format_version")
            self.faults.append(f"its version is {version!r:.20}, and {FORMAT_VERSION} is known")

    def swap(self) -> Swap | None:
        """What it says; None if that makes no sense at all."""
        if self.faults:
            return None
        try:
            labels = self._list("levels")
            levels = levels_of_labels(labels)
        except ValueError as fault:
            self.faults.append(f"levels: {fault}")
            return None
        default = self.said.get("default")
        if not isinstance(default, dict):
            self.faults.append("default: it is missing")
            default = {}
        return Swap(
            base=self._text(self.said, "base"),
            base_sha256=self._digest("base_sha256"),
            style_sha256=self._digest("style_sha256"),
            base_half_sha256=self._digest("base_half_sha256"),
            style_half_sha256=self._digest("style_half_sha256"),
            levels=tuple(labels),
            default_weights=self._weights("default", default, levels),
            default_strength=self._number("default", default, "strength", low=0, high=1),
            front=self._front(levels),
            measured_in=self._table("measured_in"),
            photos=int(self._number("the file", self.said, "photos", low=0, high=1e9)),
            command=self._text(self.said, "command"),
        )

    def _front(self, levels: tuple[Level, ...]) -> tuple[FrontPoint, ...]:
        points: list[FrontPoint] = []
        for number, one in enumerate(self._list("front")):
            place = f"front[{number}]"
            if not isinstance(one, dict):
                self.faults.append(f"{place}: {one!r:.40} is no point")
                continue
            measured = one.get("measured")
            points.append(
                FrontPoint(
                    strength=self._number(place, one, "strength", low=0, high=1),
                    weights=self._weights(place, one, levels),
                    likeness=self._number(place, one, "likeness"),
                    style=self._number(place, one, "style"),
                    measured=measured if isinstance(measured, dict) else {},
                )
            )
        strengths = [point.strength for point in points]
        if not points:
            self.faults.append("front: it has no points")
        elif any(a >= b for a, b in pairwise(strengths)):
            self.faults.append(f"front: the strengths do not rise: {strengths}")
        return tuple(points)

    def _number(
        self,
        place: str,
        of: Mapping[str, Any],
        name: str,
        *,
        low: float = -1e9,
        high: float = 1e9,
    ) -> float:
        value = of.get(name)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if is_number and math.isfinite(value) and low <= value <= high:  # type: ignore[arg-type, operator]
            return float(value)  # type: ignore[arg-type]
        limits = f" from {low:g} to {high:g}" if low >= 0 else ""
        self.faults.append(f"{place}: {name} is {value!r:.40}, no number{limits}")
        return low if low >= 0 else 0.0

    def _weights(self, place: str, of: Mapping[str, Any], levels: tuple[Level, ...]) -> str:
        value = of.get("weights")
        if not isinstance(value, str):
            self.faults.append(f"{place}: weights is {value!r:.40}, no words")
            return ""
        try:
            parse_weights(value, levels)
        except ParameterError as fault:
            self.faults.append(f"{place}: {fault}")
        return value

    def _text(self, of: Mapping[str, Any], name: str) -> str:
        value = of.get(name)
        if not isinstance(value, str):
            self.faults.append(f"{name}: {value!r:.40} is no text")
            return ""
        return value

    def _digest(self, name: str) -> str:
        value = self.said.get(name)
        if not isinstance(value, str) or not _SHA256.fullmatch(value):
            self.faults.append(f"{name}: {value!r:.80} is no SHA-256")
            return ""
        return value

    def _list(self, name: str) -> list[Any]:
        value = self.said.get(name)
        if not isinstance(value, list):
            self.faults.append(f"{name}: it is missing, or no list")
            return []
        return value

    def _table(self, name: str) -> dict[str, Any]:
        value = self.said.get(name)
        if not isinstance(value, dict):
            self.faults.append(f"{name}: it is missing, or no table")
            return {}
        return value

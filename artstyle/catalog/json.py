"""How figures and coordinates stand in the catalog: the same ones are always the same text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from artstyle.errors import CatalogError

Json: TypeAlias = Mapping[str, Any]

_DIGITS_PX = 3  # to a thousandth of a pixel: the same face found again has the same box
_PLAIN = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_SORTED = json.JSONEncoder(allow_nan=False, sort_keys=True, ensure_ascii=False)


def canonical_json(value: Json) -> str:
    """Canonical JSON: the same figures are the same text.

    Raises:
        CatalogError: NaN, infinity, or a type that JSON cannot say.
    """
    try:
        return _SORTED.encode(value)
    except (ValueError, TypeError) as fault:
        raise CatalogError(f"the catalog cannot hold {value!r}: {fault}") from fault


def coordinates(values: Iterable[Any]) -> str:
    """Coordinates in pixels, flat or as points, as JSON with a fixed number of digits.

    Raises:
        CatalogError: NaN or infinity.
    """
    rounded = [
        [_px(number) for number in value] if hasattr(value, "__len__") else _px(value)
        for value in values
    ]
    try:
        return _PLAIN.encode(rounded)
    except ValueError as fault:
        raise CatalogError(f"the catalog cannot hold the coordinates {rounded}") from fault


def _px(value: Any) -> float:
    return round(float(value), _DIGITS_PX) + 0.0  # no minus zero

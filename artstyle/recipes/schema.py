"""From a TOML table to a frozen dataclass, with all faults reported together.

A schema is a frozen dataclass whose fields are made with `setting`. Fields may be bool, int,
float, str, `Literal`, `tuple[X, ...]`, another schema, or any of these `| None`. TOML cannot say
None: a setting that may be None is None by default, and is left out to mean it. A schema whose
settings depend on one another has a method `faults()` that gives what is wrong between them.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import tomllib
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from artstyle.errors import RecipeError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")
Check = Callable[[Any], str | None]  # a fault in words, or None
_WRONG = object()
_KIND = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def setting(
    default: Any = MISSING,
    *,
    help: str,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    check: Check | None = None,
) -> Any:
    """A field of a schema.

    Args:
        default: the value when the recipe does not say; without one the key must be given. A
            schema as default stands for that schema with its own defaults.
        help: what it is, in which unit, and where its default comes from.
        low: the smallest value allowed.
        high: the largest value allowed.
        above: every allowed value is larger than this.
        check: says what is wrong with a value of the right type, or None.
    """
    facts = {"help": help, "low": low, "high": high, "above": above, "check": check}
    if isinstance(default, type):
        return dataclasses.field(default_factory=default, metadata=facts)
    return dataclasses.field(default=default, metadata=facts)


def read_recipe(path: Path, schema: type[T], overrides: Mapping[str, Any] | None = None) -> T:
    """Read a recipe from its file.

    Args:
        path: the TOML file.
        schema: the dataclass it is read into.
        overrides: values that go before the file's, by key; "extract.size_px" reaches into a
            table; None means that nothing was said.

    Raises:
        RecipeError: the file cannot be read, is no TOML, or has faults; all are listed.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(
            f"cannot read the recipe {path}", (error.strerror or str(error),)
        ) from None
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} is no recipe", (f"it is not UTF-8: {error}",)) from None
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{path} is no recipe", (f"it is not TOML: {error}",)) from None
    return make_recipe(table, schema, overrides, name=str(path))


def make_recipe(
    table: Mapping[str, Any],
    schema: type[T],
    overrides: Mapping[str, Any] | None = None,
    *,
    name: str = "the recipe",
) -> T:
    """Make a recipe of a table, as TOML gives it.

    Args:
        table: keys and values; tables are mappings, arrays are lists.
        schema: the dataclass it is read into.
        overrides: see `read_recipe`.
        name: what to call it in errors.

    Raises:
        RecipeError: it has faults; all are listed.
    """
    merged = _plain_copy(table)
    said = {key: value for key, value in (overrides or {}).items() if value is not None}
    reader = _Reader(frozenset(said))
    for key, value in said.items():
        reader.override(merged, key, value)
    recipe = reader.read(schema, merged, "")
    if recipe is None:
        count = len(reader.faults)
        faults = f"{count} fault{'s' if count > 1 else ''}"
        raise RecipeError(f"{name} has {faults}", tuple(reader.faults))
    return recipe


def type_hints(schema: type) -> dict[str, Any]:
    """The types of a schema's fields, by name."""
    return typing.get_type_hints(schema)


def _plain_copy(value: Any) -> Any:
    """A copy of nested tables and arrays, so that overrides do not reach the caller's."""
    if isinstance(value, Mapping):
        return {key: _plain_copy(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain_copy(item) for item in value]
    return value


class _Reader:
    """Collects faults while it reads.

    Args:
        overridden: the keys whose values came from the command line.
    """

    def __init__(self, overridden: frozenset[str]) -> None:
        self.faults: list[str] = []
        self.overridden = overridden

    def override(self, table: dict[str, Any], key: str, value: Any) -> None:
        """Put a value at a dotted key."""
        *way, last = key.split(".")
        for depth, part in enumerate(way):
            inner = table.setdefault(part, {})
            if not isinstance(inner, dict):
                self._fault(".".join(way[: depth + 1]), inner, "is not a table")
                return
            table = inner
        table[last] = _plain_copy(value)

    def read(self, schema: type[T], table: Mapping[str, Any], where: str) -> T | None:
        """The schema filled from the table; None when there was a fault."""
        before = len(self.faults)
        hints = type_hints(schema)
        fields = {field.name: field for field in dataclasses.fields(schema)}
        for key in table:
            if key not in fields:
                self.faults.append(_unknown(where + key, key, tuple(fields)))
        values: dict[str, Any] = {}
        for name, field in fields.items():
            if name in table:
                values[name] = self._convert(hints[name], table[name], where + name, field.metadata)
            elif field.default is MISSING and field.default_factory is MISSING:
                self.faults.append(f"{where}{name} is missing: {field.metadata['help']}")
        if len(self.faults) > before:
            return None
        recipe = schema(**values)
        between: Callable[[], Iterable[str]] | None = getattr(recipe, "faults", None)
        if between is not None:
            self.faults.extend(where + fault for fault in between())
        return recipe if len(self.faults) == before else None

    def _convert(self, hint: Any, value: Any, where: str, facts: Mapping[str, Any]) -> Any:
        """The value as the type wants it, or `_WRONG` after noting the fault."""
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if origin in (types.UnionType, typing.Union):
            (inner,) = (arg for arg in args if arg is not types.NoneType)
            return self._convert(inner, value, where, facts)
        if origin is Literal:
            return value if value in args else self._not_one_of(args, value, where)
        if origin is tuple:
            if not isinstance(value, list):
                return self._fault(where, value, "is not a list [...]")
            items = (
                self._convert(args[0], item, f"{where}[{i}]", facts) for i, item in enumerate(value)
            )
            return tuple(items)
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            if not isinstance(value, Mapping):
                return self._fault(where, value, "is not a table")
            return self.read(hint, value, where + ".")
        return self._scalar(hint, value, where, facts)

    def _scalar(self, kind: Any, value: Any, where: str, facts: Mapping[str, Any]) -> Any:
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            return self._fault(where, value, f"is not {_KIND[kind]}")
        fault = _out_of_range(value, facts) if kind in (int, float) else None
        check: Check | None = facts["check"]
        fault = fault or (check(value) if check is not None else None)
        return self._fault(where, value, fault) if fault else value

    def _not_one_of(self, known: tuple[Any, ...], value: Any, where: str) -> Any:
        near = difflib.get_close_matches(str(value), [str(word) for word in known], n=1)
        words = ", ".join(repr(word) for word in known)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        return self._fault(where, value, f"is none of {words}{meant}")

    def _fault(self, where: str, value: Any, why: str) -> Any:
        origin = " (from the command line)" if where in self.overridden else ""
        self.faults.append(f"{where}{origin}: {_shown(value)} {why}")
        return _WRONG


def _unknown(where: str, key: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(key.lower().replace("-", "_"), known, n=1, cutoff=0.5)
    meant = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
    return f"{where} is no setting; {meant}"


def _out_of_range(value: float, facts: Mapping[str, Any]) -> str | None:
    """What is wrong with a number, or None."""
    if not math.isfinite(value):
        return "is not finite"
    if facts["low"] is not None and value < facts["low"]:
        return f"is less than {facts['low']}"
    if facts["above"] is not None and value <= facts["above"]:
        return f"is not more than {facts['above']}"
    if facts["high"] is not None and value > facts["high"]:
        return f"is more than {facts['high']}"
    return None


def _shown(value: Any) -> str:
    """A value as TOML would show it, cut when long."""
    text = f"{value!r}" if not isinstance(value, bool) else str(value).lower()
    return text if len(text) <= 60 else text[:57] + "..."

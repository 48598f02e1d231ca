"""From plain values and recipes to TOML; the standard library reads it and cannot write it."""

from __future__ import annotations

import dataclasses
import datetime
import math
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_UNPRINTABLE = re.compile('[\\\\"\x00-\x1f\x7f]')
_WIDTH = 100


def resolved_toml(recipe: DataclassInstance) -> str:
    """A recipe with every value it stands for, defaults included; what is None is left out."""
    return to_toml(_table(recipe))


def example_toml(recipe: DataclassInstance, opening: str = "") -> str:
    """A recipe to edit: like `resolved_toml`, with each setting's help above it.

    Args:
        recipe: the values to start from.
        opening: what the file says first, for instance the command that runs it.
    """
    lines = [f"# {line}".rstrip() for line in opening.splitlines()]
    lines += _example_lines(recipe, ())
    return "\n".join(lines).strip("\n") + "\n"


def to_toml(table: Mapping[str, Any]) -> str:
    """A table as TOML that `tomllib` reads back as the same.

    Args:
        table: str, bool, int, float, dates and times, and lists, tuples and mappings of these.

    Raises:
        TypeError: a value, or a key, that TOML cannot say.
        ValueError: text with half a surrogate pair, which UTF-8 cannot say.
    """
    text = "\n".join(_section_lines(table, ()))
    return text.strip("\n") + "\n" if text else ""


def _table(recipe: DataclassInstance) -> dict[str, Any]:
    """A recipe as nested plain values, without what is None."""
    pairs = ((field.name, getattr(recipe, field.name)) for field in dataclasses.fields(recipe))
    return {name: _plain(value) for name, value in pairs if value is not None}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _table(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _is_array_of_tables(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) > 0
        and all(isinstance(item, Mapping) for item in value)
    )


def _section_lines(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """The lines of a table: its own values first, then the tables inside it."""
    inner = []
    for key, value in table.items():
        if isinstance(value, Mapping) or _is_array_of_tables(value):
            inner.append((key, value))
        else:
            yield f"{_key(key)} = {_value(value)}"
    for key, value in inner:
        name = ".".join(_key(part) for part in (*path, key))
        if isinstance(value, Mapping):
            yield from ("", f"[{name}]", *_section_lines(value, (*path, key)))
        else:
            for item in value:
                yield from ("", f"[[{name}]]", *_section_lines(item, (*path, key)))


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a key must be text: {key!r}")
    return key if _BARE_KEY.fullmatch(key) else _text(key)


def _value(value: Any) -> str:
    """A value on the right of an equals sign."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, Mapping):
        pairs = (f"{_key(key)} = {_value(item)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    raise TypeError(f"TOML cannot say a {type(value).__name__}: {value!r}")


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def _text(text: str) -> str:
    text.encode("utf-8")  # refuses half a surrogate pair
    return '"' + _UNPRINTABLE.sub(_escape, text) + '"'


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return _ESCAPES.get(character) or f"\\u{ord(character):04x}"


def _example_lines(recipe: DataclassInstance, path: tuple[str, ...]) -> Iterator[str]:
    """Like `_section_lines`, of a recipe with its helps."""
    inner: list[tuple[str, Any, str]] = []
    for field in dataclasses.fields(recipe):
        value, help = getattr(recipe, field.name), field.metadata["help"]
        sample = value[0] if isinstance(value, tuple) and value else value
        if dataclasses.is_dataclass(sample):
            inner.append((field.name, value, help))
        elif value is None:
            yield from ("", *_comment(f"{field.name}: {help} Not set."))
        else:
            yield from ("", *_comment(help), f"{_key(field.name)} = {_value(value)}")
    for name, value, help in inner:
        title = ".".join((*path, name))
        if isinstance(value, tuple):
            for item in value:
                yield from ("", *_comment(help), f"[[{title}]]")
                yield from _example_lines(item, (*path, name))
        else:
            yield from ("", *_comment(help), f"[{title}]", *_example_lines(value, (*path, name)))


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, _WIDTH - 2)]

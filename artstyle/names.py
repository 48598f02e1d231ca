"""How file names are shown in messages, and how they are ordered.

A file name is bytes that need not be text: it may hold a line end, a terminal's control sequence,
or bytes that are no UTF-8 (Python keeps those as lone surrogates, which no terminal can print).
"""

from __future__ import annotations

import os
import re
from typing import TypeAlias

NameKey: TypeAlias = tuple[tuple[tuple[tuple[int, int | str], ...], ...], bytes]

_DIGITS = re.compile(r"([0-9]+)")


def shown(path: str | os.PathLike[str]) -> str:
    """The name as printable text: what cannot be shown stands there as `\\n` or `\\xe9`."""
    return "".join(_shown_character(character) for character in os.fspath(path))


def natural_key(path: str | os.PathLike[str]) -> NameKey:
    """A sorting key under which `img9.png` stands before `img10.png`, whatever the locale.

    Digits count as numbers and letters without their case; where that leaves two names alike,
    their bytes decide, so that the order is the same on every machine.
    """
    name = os.fspath(path)
    folders = name.replace(os.sep, "/").split("/")
    return tuple(_counted(part) for part in folders), name.encode("utf-8", "surrogatepass")


def _counted(name: str) -> tuple[tuple[int, int | str], ...]:
    """One part of a path, cut into numbers and what stands between them."""
    return tuple(
        (0, int(part)) if part.isascii() and part.isdigit() else (1, part.casefold())
        for part in _DIGITS.split(name)
        if part
    )


def _shown_character(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")

"""A file of JSON objects, one a line, that outlives a kill at any instant.

A line is added with one write. What a kill leaves of a last line is not read, and is taken away
by `mend` before the next writer adds to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from artstyle import files
from artstyle.errors import RunError


def append_line(path: Path, text: str) -> None:
    """Add a line of text with one write, so that no other writer's line gets into it."""
    with path.open("ab", buffering=0) as stream:
        stream.write(text.encode("utf-8", "backslashreplace") + b"\n")


def append(path: Path, row: Mapping[str, Any]) -> None:
    """Add an object.

    Args:
        path: the file; made if missing.
        row: JSON types.

    Raises:
        ValueError: a number is NaN or infinite.
    """
    append_line(path, json.dumps(dict(row), allow_nan=False))


def read(path: Path) -> list[dict[str, Any]]:
    """All objects, without a last line that was not written to its end; none without a file.

    Raises:
        RunError: another line is damaged.
    """
    if not path.exists():
        return []
    rows = []
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        try:
            rows.append(json.loads(line))
        except ValueError as error:
            raise RunError(f"{path}, line {number} is damaged: {error}") from None
    return rows


def keep(path: Path, wanted: Callable[[dict[str, Any]], bool]) -> None:
    """Drop the objects that are not wanted; the file is replaced as a whole."""
    lines = [json.dumps(row) + "\n" for row in read(path) if wanted(row)]
    files.write_text(path, "".join(lines))


def mend(path: Path) -> None:
    """Take away a last line that was not written to its end."""
    if not path.exists():
        return
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        files.write_bytes(path, data[:whole])

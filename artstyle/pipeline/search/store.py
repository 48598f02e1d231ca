"""What a search has measured, a line for each swap: it goes on where it was broken off.

    reports/swap/STYLE/swaps.jsonl     what was measured, and with what

The first line says with what: the models, the people, the spaces. Figures that were measured with
anything else are not used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from artstyle import files, jsonlines
from artstyle.errors import ArtstyleError, RunError
from artstyle.events import Emit, Note, ignore
from artstyle.locks import LockTimeoutError, locked
from artstyle.names import shown
from artstyle.pipeline.search.front import Point
from artstyle.pipeline.search.walk import Shares

NAME = "swaps.jsonl"
VERSION = 1  # of the arithmetic: another one, other figures


@contextmanager
def searching(folder: Path) -> Iterator[None]:
    """Hold a search's folder, so that no two search at once.

    Raises:
        ArtstyleError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with locked(folder / ".lock", wait_s=0):
            yield
    except LockTimeoutError as fault:
        raise ArtstyleError(
            f"another search writes to {shown(folder)}",
            hint="wait for it, or stop it: what it measured is kept",
        ) from fault


class Store:
    """Points by their shares, kept in a file.

    Args:
        folder: where the file lies; `searching` holds it.
        identity: of everything that figures depend on; JSON types.
        emit: told if what is there is of something else.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], *, emit: Emit = ignore) -> None:
        self.path = folder / NAME
        self.identity = {**identity, "version": VERSION}
        self.digest = hashlib.sha256(json.dumps(self.identity, sort_keys=True).encode()).hexdigest()
        self.points = self._read(emit)

    def add(self, point: Point) -> None:
        """Keep a point."""
        self.points[point.shares] = point
        row = {
            "shares": list(point.shares),
            "style": point.style,
            "likeness": point.likeness,
            "measured": dict(point.measured),
        }
        jsonlines.append(self.path, row)

    def _read(self, emit: Emit) -> dict[Shares, Point]:
        try:
            jsonlines.mend(self.path)
            head, *rows = jsonlines.read(self.path) or [{}]
            if head.get("identity") == self.digest:
                return {point.shares: point for point in map(_point, rows)}
            if head:
                emit(Note(f"{shown(self.path)} was measured with other things and begins anew"))
        except (RunError, KeyError, TypeError, ValueError, AttributeError) as fault:
            emit(Note(f"{shown(self.path)} is damaged and begins anew: {fault}", "warning"))
        first = {"identity": self.digest, "measured_with": self.identity}
        files.write_text(self.path, json.dumps(first) + "\n")
        return {}


def _point(row: Mapping[str, Any]) -> Point:
    return Point(
        shares=tuple(float(share) for share in row["shares"]),
        style=float(row["style"]),
        likeness=float(row["likeness"]),
        measured=dict(row["measured"]),
    )

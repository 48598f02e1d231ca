"""What a person sees: notes and progress bars on stderr, JSON on stdout.

Bars are drawn only where stderr is a terminal and nobody asked for quiet; rich is imported with
the first bar.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import click

from artstyle.events import Event, Note, Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

# The verbosity from which a note of this level is shown.
_SHOWN_FROM = {"warning": -1, "info": 0, "debug": 1}
_PREFIX = {"warning": "warning: ", "info": "", "debug": ""}


class Terminal:
    """Draws events on stderr.

    Args:
        verbosity: -1 shows warnings only, 0 notes and bars, 1 and more everything.
    """

    def __init__(self, verbosity: int = 0) -> None:
        self.verbosity = verbosity
        self._draws_bars = verbosity >= 0 and sys.stderr.isatty()
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}

    def emit(self, event: Event) -> None:
        """Draw one event; the listener to pass to the library."""
        if isinstance(event, Note):
            self._note(event)
        elif self._draws_bars:
            self._progress(event)

    def close(self) -> None:
        """Leave the bars as they stand; drawing may start anew afterwards."""
        if self._bars is not None:
            self._bars.stop()
        self._bars = None
        self._tasks = {}

    def _note(self, note: Note) -> None:
        if self.verbosity < _SHOWN_FROM[note.level]:
            return
        line = _PREFIX[note.level] + note.text
        if self._bars is None:
            click.echo(line, err=True)
        else:
            self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _progress(self, event: Progress) -> None:
        if self._bars is None:
            self._bars = _new_bars()
            self._bars.start()
        if event.task not in self._tasks:
            self._tasks[event.task] = self._bars.add_task(event.task, amount="", note="")
        self._bars.update(
            self._tasks[event.task],
            completed=event.done,
            total=event.total,
            amount=_amount(event),
            note=event.note,
        )
        if all(task.finished for task in self._bars.tasks):
            self.close()


def _new_bars() -> Bars:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    return Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[amount]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=Console(stderr=True),
    )


def _amount(event: Progress) -> str:
    """How far, in the event's unit: "12/300 images", "3.1/44.0 MB"."""
    if event.unit == "bytes":
        done, total, unit = event.done / 1e6, event.total and event.total / 1e6, "MB"
        digits = 1
    else:
        done, total, unit = event.done, event.total, event.unit
        digits = 0 if float(event.done).is_integer() else 1
    far = f"{done:.{digits}f}" if total is None else f"{done:.{digits}f}/{total:.{digits}f}"
    return f"{far} {unit}"


def to_json(data: object) -> str:
    """Indented JSON of a result; NaN and infinity, which JSON lacks, become null."""
    return json.dumps(_plain(data), indent=2, ensure_ascii=False, allow_nan=False)


def _plain(value: object) -> Any:
    """The same value in JSON types only.

    Raises:
        TypeError: the value is nothing that JSON can say.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
        return [_plain(item) for item in items]
    if isinstance(value, PurePath):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: _plain(getattr(value, field.name)) for field in fields}
    if hasattr(value, "isoformat"):  # dates and times
        return value.isoformat()
    if hasattr(value, "tolist"):  # numpy scalars and arrays, tensors
        return _plain(value.tolist())
    raise TypeError(f"a result cannot hold a {type(value).__name__}: {value!r}")

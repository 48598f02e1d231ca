"""Progress and notes, as data: the library tells, the caller draws.

A function that takes long has a parameter `emit: Emit = ignore` and calls it with a `Progress` or
a `Note`. The terminal draws a bar from them, the web page another, the log file writes lines, a
test collects them in a list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["debug", "info", "warning"]


@dataclass(frozen=True)
class Progress:
    """`done` of `total` `unit`s of `task` are finished; a task ends when done equals total."""

    task: str  # stable name of the bar, e.g. "project" or "download ffhq-256"
    done: float
    total: float | None  # None: not known in advance
    unit: str  # "steps", "bytes", "images", "s"
    note: str = ""  # short and current, e.g. "loss 0.231"


@dataclass(frozen=True)
class Note:
    """Something a person may want to know; a warning is shown even when quiet."""

    text: str
    level: Level = "info"


Event: TypeAlias = Progress | Note
Emit: TypeAlias = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The listener of those who do not listen."""

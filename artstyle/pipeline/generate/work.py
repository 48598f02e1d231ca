"""What came of drawing: pictures with their places in a table of rows and columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Cell:
    """A picture's place."""

    file: str  # below the work's folder, with "/"
    row: int
    column: int


@dataclass(frozen=True)
class Work:
    """One work of `generate.json`: what was asked for, and the pictures of it."""

    out: Path
    name: str  # in the record, e.g. "pictures"
    title: str  # what it is, for people
    sheet: str  # where its sheet belongs, below `out`
    row_titles: tuple[str, ...]
    column_titles: tuple[str, ...]  # one, "": the rows are best wrapped
    column_groups: tuple[int, ...]  # how many columns belong together, group after group
    note: str  # what else is to be said below the pictures; ""
    cells: tuple[Cell, ...]
    drawn: int  # pictures that were made now, or with a dry run would be
    kept: int  # pictures that were there already
    lineage: dict[str, Any]  # what a sheet of it is made from, besides the pictures

    @property
    def files(self) -> tuple[str, ...]:
        """The pictures, below `out`, in the order of the cells."""
        return tuple(cell.file for cell in self.cells)

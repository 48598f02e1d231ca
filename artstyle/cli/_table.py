"""A table for people: drawn by rich on a terminal, aligned with spaces everywhere else."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Literal

from artstyle.names import shown


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    styles: Mapping[str, str] | None = None,
    right: frozenset[str] = frozenset(),
) -> str:
    """The rows under their heads.

    Args:
        head: the names of the columns.
        rows: a text for each column.
        styles: how rich shows a cell that holds exactly this text, e.g. {"NO": "bold red"}.
        right: the columns whose texts are aligned to the right.
    """
    cells = [[shown(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        return _drawn(head, cells, styles or {}, right)
    return _aligned(head, cells, right)


def _aligned(head: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[str]) -> str:
    lines = [[name.upper() for name in head], *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if name in right else cell.ljust(width)
            for cell, width, name in zip(line, widths, head, strict=True)
        ).rstrip()
        for line in lines
    )


def _drawn(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    styles: Mapping[str, str],
    right: frozenset[str],
) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in head:
        side: Literal["left", "right"] = "right" if name in right else "left"
        made.add_column(name, justify=side, overflow="fold", no_wrap=name == head[0])
    for row in rows:
        made.add_row(*(Text(cell, style=styles.get(cell, "")) for cell in row))
    console = Console(file=sys.stdout)
    with console.capture() as capture:
        console.print(made)
    return capture.get().rstrip("\n")

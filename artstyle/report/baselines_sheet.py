"""The sheet of the classic methods: photos down, styles across, and in each place every method."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artstyle import images
from artstyle.files import sha256_of, write_json
from artstyle.pipeline.stylize.baselines import Kind
from artstyle.pipeline.stylize.common import Picture
from artstyle.pipeline.stylize.sheet import Cell, Painting
from artstyle.report.sheet import contact_sheet

SHEET, RECORD = "sheet.png", "sheet.json"
_TITLES: dict[Kind, str] = {"gatys": "Gatys et al.", "adain": "AdaIN", "fast": "Fast transfer"}
_FORMAT = "artstyle baselines sheet 1"


def write_sheet(
    cells: Sequence[Cell],
    photos: Sequence[Picture],
    paintings: Sequence[Painting],
    methods: Sequence[Kind],
    out: Path,
    *,
    cell_px: int,
) -> dict[str, Any]:
    """Put the cells into one picture, with their times, and write what it is made of.

    Args:
        cells: photo by photo, in it method by method, in it style by style.
        photos: the contents.
        paintings: the styles.
        methods: in this order.
        out: the folder; `sheet.png` and `sheet.json` go there.
        cell_px: side of a place.

    Returns:
        What `sheet.json` holds.
    """
    sheet = _sheet(cells, photos, paintings, methods, cell_px)
    images.write_png(out / SHEET, sheet)
    record = {
        "format": _FORMAT,
        "sheet": SHEET,
        "sha256": sha256_of(out / SHEET),
        "methods": {method: _times(cells, method) for method in methods},
        "contents": [photo.facts() for photo in photos],
        "styles": [painting.picture.facts() | {"name": painting.name} for painting in paintings],
        "cells": [cell.facts() for cell in cells],
    }
    write_json(out / RECORD, record)
    return record


def _sheet(
    cells: Sequence[Cell],
    photos: Sequence[Picture],
    paintings: Sequence[Painting],
    methods: Sequence[Kind],
    cell_px: int,
) -> NDArray[np.uint8]:
    grid: list[NDArray[np.uint8] | None] = [None]
    grid += [painting.picture.pixels for painting in paintings]
    words: list[str | None] = [None, *(name.name.replace("_", " ") for name in paintings)]
    rows: list[str | None] = [None]
    width = len(paintings)
    for number in range(len(photos) * len(methods)):
        photo, method = divmod(number, len(methods))
        row = cells[number * width : (number + 1) * width]
        is_first = method == 0
        grid.append(photos[photo].pixels)
        words.append(photos[photo].path.stem if is_first else None)
        grid += [
            None if cell.drawn is None else images.read_rgb(cell.drawn.file).rgb for cell in row
        ]
        words += [_time(cell.seconds) for cell in row]
        rows.append(_TITLES[methods[method]])
    return contact_sheet(
        grid,
        columns=width + 1,
        labels=words,
        row_labels=rows,
        cell_size_px=cell_px,
        title="The classic methods",
        footer=_footer(cells, methods),
        column_groups=(1, width),
    )


def _footer(cells: Sequence[Cell], methods: Sequence[Kind]) -> str:
    """The methods' median times, and what looked."""
    lines = []
    for method in methods:
        seconds = _times(cells, method)["median_seconds"]
        names = sorted(
            {
                str(cell.drawn.record["perception"])
                for cell in cells
                if cell.method == method and cell.drawn and "perception" in cell.drawn.record
            }
        )
        seen = f", seen by {', '.join(names)}" if names else ""
        took = "nothing drawn" if seconds is None else f"median {seconds:.3g} s"
        lines.append(f"{_TITLES[method]}: {took}{seen}")
    return "\n".join(lines)


def _times(cells: Sequence[Cell], method: Kind) -> dict[str, Any]:
    """Of one method's cells."""
    seconds = [cell.seconds for cell in cells if cell.method == method and cell.seconds is not None]
    median = round(statistics.median(seconds), 3) if seconds else None
    return {"cells": len(seconds), "median_seconds": median}


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return (
        f"{seconds:.2f} s"
        if seconds < 1
        else f"{seconds:.1f} s"
        if seconds < 10
        else f"{seconds:.0f} s"
    )

"""The sheet of a work of `artstyle generate`: its pictures side by side, with their names.

Pictures are read one after the other and brought to the sheet's size at once, so that a sheet of a
thousand large pictures holds no more than itself in memory.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from artstyle import __version__, files
from artstyle.errors import UsageError
from artstyle.events import Emit, Note, ignore
from artstyle.images import encode_png, read_rgb, resize_lanczos
from artstyle.pipeline.generate import Work
from artstyle.pipeline.generate.record import (
    KEYWORD,
    is_unchanged,
    lineage_in,
    lineage_text,
    put_file,
    read_works,
    write_work,
)
from artstyle.report.sheet import contact_sheet

Enlarge: TypeAlias = Literal["nearest", "lanczos"]
Pixels: TypeAlias = NDArray[np.uint8]

CELL_AT_LEAST_PX = 128  # smaller pictures are enlarged by a whole number
CELL_AT_MOST_PX = 512  # larger ones are shrunk; a guess
SHEET_PIXELS = 40_000_000  # all cells together: 120 MB while it is drawn; a guess
_SMALLEST_PX = 32  # below it nothing can be seen


def draw_sheet(
    work: Work,
    *,
    columns: int | None = None,
    side_px: int | None = None,
    enlarge: Enlarge = "lanczos",
    emit: Emit = ignore,
) -> Path | None:
    """Draw a work's sheet and put it into the record; one that is there and is the same stays.

    With one column the pictures are wrapped into lines and named below; with several, rows and
    columns have their names at the edges.

    Args:
        work: what `generate` or `mix_styles` gave, its pictures drawn.
        columns: pictures in a line, where they are wrapped; None: nearly a square.
        side_px: of each picture; None: its own, but 128 to 512, and less if there are many.
        enlarge: how smaller pictures are enlarged.
        emit: told when there are too many pictures.

    Returns:
        The sheet; None if there are too many pictures for one.

    Raises:
        UsageError: a side that makes the sheet too large.
        OSError: the sheet cannot be written, or a picture was taken away.
    """
    record = read_works(work.out)[work.name]
    native = max(int(card["resolution"]) for card in record["models"])
    check_size([work], side_px)
    side = side_px or _side(len(work.cells), native)
    if side is None:
        few = SHEET_PIXELS // _SMALLEST_PX**2
        text = f"{len(work.cells):,} pictures are too many for a sheet, which holds {few:,}"
        emit(Note(text, "warning"))
        return None
    path = work.out / work.sheet
    lineage = _lineage(work, record, columns=columns, side_px=side, enlarge=enlarge)
    known = next((entry for entry in record["files"] if entry["file"] == work.sheet), None)
    if not (lineage_in(path) == lineage and is_unchanged(path, known)):
        sheet = _drawn(work, record, columns=columns, side_px=side, enlarge=enlarge)
        words = {"Software": f"artstyle {__version__}", KEYWORD: lineage}
        data = encode_png(sheet, text=words)
        files.write_bytes(path, data)
        known = {
            "file": work.sheet,
            "kind": "sheet",
            "sha256": hashlib.sha256(data).hexdigest(),
            "size_bytes": len(data),
        }
    if known is not None:
        write_work(work.out, work.name, put_file(record, known))
    return path


def check_size(works: Iterable[Work], side_px: int | None) -> None:
    """See that a sheet of pictures of this side can be, before they are drawn.

    Raises:
        UsageError: it would be too large.
    """
    for work in works:
        most = _most_px(len(work.cells))
        if side_px is not None and side_px > most:
            raise UsageError(
                f"a sheet of {len(work.cells):,} pictures of {side_px} pixels a side is too large",
                hint=f"--size {most} is the most for so many",
            )


def _most_px(count: int) -> int:
    return math.isqrt(SHEET_PIXELS // max(count, 1))


def _side(count: int, native_px: int) -> int | None:
    """The side of a cell where none is wished; None if no sheet can hold so many."""
    most = _most_px(count)
    if most < _SMALLEST_PX:
        return None
    if native_px < CELL_AT_LEAST_PX:
        native_px *= -(-CELL_AT_LEAST_PX // native_px)
    return min(native_px, CELL_AT_MOST_PX, most)


def _lineage(
    work: Work, record: Mapping[str, Any], *, columns: int | None, side_px: int, enlarge: Enlarge
) -> str:
    """What the sheet is made from: the pictures' bytes, their places and names, and the layout."""
    sha256 = {entry["file"]: entry["sha256"] for entry in record["files"]}
    pictures = [(cell.row, cell.column, sha256[cell.file]) for cell in work.cells]
    names = [work.title, work.note, work.row_titles, work.column_titles]
    digest = hashlib.sha256(lineage_text({"pictures": pictures, "names": names}).encode())
    layout = {"columns": columns, "side_px": side_px, "enlarge": enlarge}
    return lineage_text(
        {
            **work.lineage,
            "models": [
                {key: card[key] for key in ("name", "sha256", "licence")}
                for card in record["models"]
            ],
            "layout": layout,
            "pictures_sha256": digest.hexdigest(),
            "versions": {"artstyle": __version__},
        }
    )


def _drawn(
    work: Work,
    record: Mapping[str, Any],
    *,
    columns: int | None,
    side_px: int,
    enlarge: Enlarge,
) -> Pixels:
    width = len(work.column_titles)
    cells: list[Pixels | None] = [None] * (len(work.row_titles) * width)
    for cell in work.cells:
        picture = read_rgb(work.out / cell.file).rgb
        cells[cell.row * width + cell.column] = _resized(picture, side_px, enlarge)
    words: dict[str, Any] = {
        "title": work.title,
        "footer": "\n".join([*filter(None, [work.note]), *_licences(record)]),
        "cell_size_px": side_px,
        "pixel_art": enlarge == "nearest",
    }
    if width == 1:
        columns = min(columns or _well_filled(len(cells)), len(cells))
        return contact_sheet(cells, columns=columns, labels=work.row_titles, **words)
    return contact_sheet(
        cells,
        columns=width,
        row_labels=work.row_titles,
        column_labels=work.column_titles,
        column_groups=work.column_groups,
        **words,
    )


def _well_filled(count: int) -> int:
    """Columns for so many pictures: a square or wider, with few places empty in the last line."""
    square = math.ceil(math.sqrt(count))
    wider = range(square, square + square // 2 + 1)
    return min(wider, key=lambda columns: (-count % columns / columns, columns))


def _licences(record: Mapping[str, Any]) -> list[str]:
    """Which licence the pictures' models have, a line for each licence."""
    models: dict[str, list[str]] = {}
    for card in record["models"]:
        models.setdefault(card["licence"], []).append(card["name"])
    return [f"{', '.join(names)}: licence {licence}" for licence, names in models.items()]


def _resized(picture: Pixels, side_px: int, enlarge: Enlarge) -> Pixels:
    """A picture as the sheet shows it; one that is to be enlarged crisply is left to the sheet."""
    if picture.shape[0] == side_px or (enlarge == "nearest" and picture.shape[0] < side_px):
        return picture
    return resize_lanczos(picture, side_px, side_px)

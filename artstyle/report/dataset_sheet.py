"""The contact sheet of a dataset: a sample of its pictures, drawn by lot, always the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from artstyle.corpus.read import read_corpus
from artstyle.errors import ImageError
from artstyle.files import write_bytes
from artstyle.images import encode_jpeg
from artstyle.report.sheet import Pixels, contact_sheet

COLUMNS, ROWS = 12, 8
_CELL_PX = 96
_COMMENT_WITHIN = 4096  # bytes from a JPEG's start
_MOST_BYTES = 300_000  # small enough to be kept beside a recipe
_QUALITIES = (88, 80, 72, 64, 56, 48, 40, 32, 24)


def is_sheet_of(path: Path, zip_sha256: str) -> bool:
    """Whether a file is the contact sheet of a zip; each names the content it shows."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return zip_sha256.encode("ascii") in stream.read(_COMMENT_WITHIN)


def make_dataset_sheet(
    zip_path: Path,
    zip_sha256: str,
    out: Sequence[Path],
    *,
    title: str,
    footer: str = "",
    seed: int = 0,
) -> int:
    """Draw the contact sheet of a dataset zip.

    Args:
        zip_path: the dataset.
        zip_sha256: of its content; it is written into the sheet.
        out: JPEG files that all get the same sheet, of at most 300 KB, in this order.
        title: stands above it.
        footer: stands below it, e.g. licences.
        seed: of the lot.

    Returns:
        How many pictures are on it.

    Raises:
        CorpusError: the zip is no dataset, or a picture in it is damaged.
        OSError: a file cannot be written.
    """
    corpus = read_corpus(zip_path)
    count = min(len(corpus), COLUMNS * ROWS)
    lot = np.random.default_rng(seed).permutation(len(corpus))[:count]
    cells = [corpus.image(int(index)) for index in sorted(lot)]
    sheet = contact_sheet(
        cells,
        columns=min(COLUMNS, count),
        cell_size_px=_CELL_PX,
        gap_px=4,
        title=title,
        footer=footer or None,
    )
    data = _small_jpeg(sheet, zip_sha256)
    for path in out:
        if not path.is_file() or path.read_bytes() != data:
            write_bytes(path, data)
    return count


def _small_jpeg(sheet: Pixels, zip_sha256: str) -> bytes:
    """As good a JPEG as the bound on its size allows."""
    for quality in _QUALITIES:
        data = encode_jpeg(sheet, quality=quality, text={"dataset zip": zip_sha256})
        if len(data) <= _MOST_BYTES:
            return data
    raise ImageError(f"the contact sheet has {len(data):,} bytes at the lowest quality")

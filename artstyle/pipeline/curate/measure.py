"""Every crop is read once and measured: figures, prints for near-duplicates, and its look."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artstyle.catalog import Catalog
from artstyle.catalog.rows import CropRow
from artstyle.curate.duplicates import THUMB_PX, Prints, thumbnail
from artstyle.curate.figures import (
    SIDE_PX,
    Figures,
    at_most,
    hash_text,
    luma,
    measure,
    perceptual_hash,
)
from artstyle.curate.look import LENGTH, look
from artstyle.errors import ImageError
from artstyle.events import Emit, Progress
from artstyle.images import read_rgb
from artstyle.machine import cores
from artstyle.pipeline.curate.store import Store

CHUNK = 256  # crops that are read before anything is kept
MOST_WORKERS = 8
# Counted up when the same crop would be measured otherwise: part of the caches' names.
ALGORITHM = 1

_NUMBERS = ("sharpness", "brightness", "contrast", "clipped_share", "greyness", "flatness")
_RECORD = np.dtype(
    [
        *((name, "<f8") for name in _NUMBERS),
        ("phash", "<u8"),
        ("mirrored", "<u8"),
        ("thumb", "u1", (THUMB_PX, THUMB_PX, 3)),
    ]
)
# What goes into the catalog's quality of a face; the rest is for curating alone.
IN_CATALOG = ("sharpness", "brightness", "contrast", "clipped_share", "greyness", "phash")
_DIGITS = 4


@dataclass(frozen=True, eq=False)
class Measured:
    """What is known of crops; rows are those of the crops that could be read."""

    crops: list[CropRow]  # those that could be read
    figures: list[Figures]
    prints: Prints
    looks: NDArray[np.float32]  # [n, 896]
    faults: dict[int, str]  # crop's id -> why it could not be read
    newly: int  # how many were measured now and not before


def measure_crops(
    crops: Sequence[CropRow], cache: Path, emit: Emit, *, workers: int | None = None
) -> Measured:
    """Measure the crops that were not before.

    Args:
        crops: in any order.
        cache: the style's folder for what may be deleted.
        emit: hears progress.
        workers: threads; None: as many as there are processors, at most `MOST_WORKERS`.

    Raises:
        OSError: the cache cannot be written.
    """
    records = Store(cache / f"figures-{ALGORITHM}.npz", _RECORD)
    looks = Store(cache / f"embeddings-look-{ALGORITHM}.npz", np.dtype("<f4"), (LENGTH,))
    faults: dict[int, str] = {}
    missing = [one for one in crops if one.sha256 not in records or one.sha256 not in looks]
    with ThreadPoolExecutor(workers or min(cores(), MOST_WORKERS)) as pool:
        for start in range(0, len(missing), CHUNK):
            part = missing[start : start + CHUNK]
            found = list(pool.map(_measured, [one.file for one in part]))
            pairs = list(zip(part, found, strict=True))
            good = [(one, it) for one, it in pairs if not isinstance(it, str)]
            faults |= {one.id: it for one, it in pairs if isinstance(it, str)}
            if good:
                names = [one.sha256 for one, _ in good]
                records.add(names, np.array([it[0] for _, it in good], dtype=_RECORD))
                looks.add(names, np.stack([it[1] for _, it in good]))
            emit(Progress("measure crops", start + len(part), len(missing), "crops"))
    records.save()
    looks.save()
    gone = {one.id: "the file is gone" for one in crops if not one.file.is_file()}
    faults = gone | faults
    readable = [one for one in crops if one.id not in faults]
    names = [one.sha256 for one in readable]
    values = records.values(names)
    prints = Prints(values["phash"].copy(), values["mirrored"].copy(), values["thumb"].copy())
    figures = [_figures(value) for value in values]
    return Measured(readable, figures, prints, looks.values(names), faults, len(missing))


def tell_catalog(catalog: Catalog, measured: Measured) -> int:
    """Write figures into the quality of faces whose crops lack them; gives of how many."""
    new: dict[int, dict[str, Any]] = {}
    for crop, figures in zip(measured.crops, measured.figures, strict=True):
        told = {name: _rounded(getattr(figures, name)) for name in IN_CATALOG}
        if any(crop.quality.get(name) != value for name, value in told.items()):
            new[crop.face] = told
    if new:
        catalog.set_qualities(new)
    return len(new)


def _rounded(value: float | str) -> float | str:
    return value if isinstance(value, str) else round(value, _DIGITS)


def _measured(path: Path) -> tuple[Any, NDArray[np.float32]] | str:
    """The record and the look of a crop, or why there are none."""
    try:
        rgb = at_most(read_rgb(path).rgb, SIDE_PX)
        figures = asdict(measure(rgb))
        mirrored = perceptual_hash(luma(np.ascontiguousarray(rgb[:, ::-1])))
        numbers = [figures[name] for name in _NUMBERS]
        return (*numbers, int(figures["phash"], 16), mirrored, thumbnail(rgb)), look(rgb)
    except ImageError as fault:
        return str(fault)


def _figures(record: np.void) -> Figures:
    numbers = {name: float(record[name]) for name in _NUMBERS}
    return Figures(**numbers, phash=hash_text(int(record["phash"])))

"""Which embedding tells faces apart: dlib's descriptor where it suits and fits, else our own.

What was computed is kept; the choice is always told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from artstyle.catalog.rows import CropRow
from artstyle.curate.look import reduce
from artstyle.errors import ArtstyleError
from artstyle.events import Emit, Progress
from artstyle.pipeline.curate.measure import Measured
from artstyle.pipeline.curate.store import Store
from artstyle.recipes.curate import Embedding

# A larger set is not given to dlib unless asked for. A number of crops and not of seconds, so that
# the choice is the same everywhere; it stayed when describing became ten times as fast, since sets
# that were curated before would be curated otherwise.
AUTO_MOST = 600
PHOTO_FLATNESS = 0.30  # a set with more is drawn; measured, see docs/decisions/0013-curation.md

_LENGTH = 128
_BATCH = 16  # faces described at a time


@dataclass(frozen=True, eq=False)
class Embedded:
    """Crops as vectors, row for row of `Measured.crops`."""

    name: str  # "look" or "dlib"
    why: str  # it was taken
    vectors: NDArray[np.float32]  # [n, k], reduced


def embed(
    measured: Measured,
    wish: Embedding,
    cache: Path,
    emit: Emit,
    *,
    lack: Callable[[], ArtstyleError | None] | None = None,
) -> Embedded:
    """The crops as vectors in which near means alike.

    Args:
        measured: the crops.
        wish: see the recipe.
        cache: the style's folder for what may be deleted.
        emit: hears progress.
        lack: what keeps dlib from being used, or None; a test gives its own.

    Raises:
        WeightsError: dlib was asked for and is not here.
    """
    from artstyle.faces import dlib

    missing = (lack or dlib.lack)()
    if wish == "dlib" and missing is not None:
        raise missing
    store = Store(cache / "embeddings-dlib.npz", np.dtype("<f4"), (_LENGTH,))
    name, why = _choice(measured, wish, missing)
    if name == "look":
        return Embedded(name, why, reduce(measured.looks))
    _describe([one for one in measured.crops if one.sha256 not in store], store, emit)
    return Embedded(name, why, reduce(store.values([one.sha256 for one in measured.crops])))


def _choice(measured: Measured, wish: Embedding, missing: ArtstyleError | None) -> tuple[str, str]:
    if wish != "auto":
        return wish, "asked for"
    flat = float(np.median([one.flatness for one in measured.figures] or [1.0]))
    count = len(measured.crops)
    if missing is not None:
        return "look", f"dlib's descriptor is not here: {missing.hint}"
    if flat > PHOTO_FLATNESS:
        return "look", f"the crops are drawn: {flat:.0%} of their pixels are flat"
    if count > AUTO_MOST:
        return "look", f"{count:,} crops are many; --embedding dlib asks for it"
    return "dlib", f"the crops have the texture of photos, and are no more than {AUTO_MOST:,}"


def _describe(crops: Sequence[CropRow], store: Store, emit: Emit) -> None:
    """Compute dlib's descriptor of crops, and keep it."""
    try:
        for start in range(0, len(crops), _BATCH):
            batch = crops[start : start + _BATCH]
            store.add([one.sha256 for one in batch], _descriptors([one.file for one in batch]))
            done = min(start + _BATCH, len(crops))
            emit(Progress("describe faces (dlib)", done, len(crops), "crops"))
    finally:
        if crops:
            store.save()


def _descriptors(files: Sequence[Path]) -> NDArray[np.float32]:
    """The descriptors of crops by dlib: [n, 128]."""
    from artstyle.faces import dlib
    from artstyle.faces.align import TEMPLATE
    from artstyle.faces.detector import Face
    from artstyle.images import read_rgb

    chips = []
    for path in files:
        rgb = read_rgb(path).rgb
        side = rgb.shape[0]
        # Where the template says; the descriptor looks for its own five points around there.
        points = (TEMPLATE * side).astype(np.float32)
        face = Face((0.0, 0.0, float(side), float(side)), 1.0, points, "five", "crop")
        chips.append(dlib.chip_of(rgb, face))
    return dlib.describe_chips(chips)

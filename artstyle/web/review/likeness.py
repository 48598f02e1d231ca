"""Which crops look like another one: by embeddings where `curate` made some, else by hash.

`cache/embeddings-NAME.npz` holds `sha256`, the contents, and an array of vectors, a row for each;
what is no vector (zeros, NaN) is left out.
Vectors are compared by their cosine, perceptual hashes by how many of their bits differ.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artstyle.web.review.table import Row, Table


@dataclass(frozen=True)
class Ranking:
    """Crops by how much they look like one of them, itself first; those unknown are left out."""

    by: str  # what was compared, in words
    crops: list[int]
    distances: list[float]  # 0: the same; the scale is that of `by`


class Likeness:
    """Ranks crops; called from one thread.

    Args:
        cache: the style's folder with embeddings.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._files: tuple[Any, ...] = ()
        self._embeddings: list[_Embeddings] = []
        self._gathered: dict[str, _Gathered] = {}
        self._pictures_number = -1

    def ranking(self, crop: Row, table: Table) -> Ranking | None:
        """All crops that can be compared with this one, the likest first; None if none can."""
        self._look_again(table)
        for embeddings in self._embeddings:
            own = embeddings.places.get(crop.crop.sha256)
            if own is not None:
                known = self._gather(embeddings.name, table, embeddings.place_of)
                distances = 1 - embeddings.vectors[known.values] @ embeddings.vectors[own]
                return _ranked(f"embedding {embeddings.name}", crop, known, distances.round(4))
        if crop.phash is None:
            return None
        known = self._gather("", table, lambda row: row.phash)
        bits = np.bitwise_count(known.values ^ np.uint64(crop.phash))
        return _ranked("perceptual hash", crop, known, bits.astype(np.int64))

    def _gather(self, name: str, table: Table, value_of: Callable[[Row], int | None]) -> _Gathered:
        """The crops that have a value, and their values; kept until the pictures change."""
        if name not in self._gathered:
            known = [(row.crop.id, value_of(row)) for row in table.rows()]
            pairs = [(crop, value) for crop, value in known if value is not None]
            crops = np.array([crop for crop, _ in pairs], dtype=np.int64)
            values = np.array([value for _, value in pairs], dtype=np.uint64)
            self._gathered[name] = _Gathered(crops, values)
        return self._gathered[name]

    def _look_again(self, table: Table) -> None:
        """Forget what is no longer so; embeddings are read anew when a file has changed."""
        files = sorted(self._cache.glob("embeddings-*.npz"))
        key = tuple((file, file.stat().st_mtime_ns, file.stat().st_size) for file in files)
        if key != self._files:
            found = [one for file in files if (one := _read(file)) is not None]
            self._embeddings = sorted(found, key=lambda one: -len(one.places))
            self._files = key
            self._gathered.clear()
        if table.pictures_number != self._pictures_number:
            self._pictures_number = table.pictures_number
            self._gathered.clear()


@dataclass(frozen=True, eq=False)
class _Gathered:
    crops: NDArray[np.int64]
    values: NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class _Embeddings:
    name: str
    places: dict[str, int]  # SHA-256 -> row
    vectors: NDArray[np.float32]  # [N, D], of length 1

    def place_of(self, row: Row) -> int | None:
        """Where the vector of a crop stands; None if it has none."""
        return self.places.get(row.crop.sha256)


def _read(file: Path) -> _Embeddings | None:
    """The embeddings in a file; None if it is not what it should be: it is only a cache."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            contents = [_text(one) for one in arrays["sha256"].tolist()]
            names = [name for name in arrays.files if arrays[name].ndim == 2]
            vectors = arrays[names[0]].astype(np.float32) if names else np.zeros((0, 0), np.float32)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if len(vectors) != len(contents):
        return None
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    usable = np.isfinite(lengths[:, 0]) & (lengths[:, 0] > 0)
    vectors = (vectors / np.where(usable[:, None], lengths, 1)).astype(np.float32)
    places = {content: at for at, content in enumerate(contents) if usable[at]}
    return _Embeddings(file.stem.removeprefix("embeddings-"), places, vectors)


def _text(name: str | bytes) -> str:
    return name.decode("ascii", "replace") if isinstance(name, bytes) else name


def _ranked(by: str, crop: Row, known: _Gathered, distances: NDArray[Any]) -> Ranking:
    distances = np.maximum(distances, 0)
    is_other = known.crops != crop.crop.id  # itself first, whatever else is equal
    order = np.lexsort((is_other, distances))
    return Ranking(by, known.crops[order].tolist(), _plain(distances[order]))


def _plain(distances: NDArray[Any]) -> list[float]:
    """As Python's numbers; float32 would be written with digits that mean nothing."""
    if distances.dtype.kind == "f":
        distances = distances.astype(np.float64).round(4)
    plain: list[float] = distances.tolist()
    return plain

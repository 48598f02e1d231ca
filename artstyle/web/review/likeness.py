"""Which crops look like another one: by embeddings where `curate` made some, else by hash.

`cache/embeddings-NAME.npz` holds `sha256`, the contents, and an array of vectors, a row for each;
what is no vector (zeros, NaN) is left out.
Vectors are compared by their cosine, perceptual hashes by how many of their bits differ.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artstyle.web.review.table import Row

_HASH_BITS = 64


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
        self._read: tuple[tuple[Any, ...], list[_Embeddings]] = ((), [])

    def ranking(self, crop: Row, rows: list[Row]) -> Ranking | None:
        """All crops that can be compared with this one, the likest first; None if none can."""
        for embeddings in self._embeddings():
            if crop.crop.sha256 in embeddings.places:
                return embeddings.ranking(crop, rows)
        return _by_hash(crop, rows)

    def _embeddings(self) -> list[_Embeddings]:
        """Those that can be read, the largest first; read anew when a file has changed."""
        files = sorted(self._cache.glob("embeddings-*.npz"))
        key = tuple((file, file.stat().st_mtime_ns, file.stat().st_size) for file in files)
        if key != self._read[0]:
            found = [one for file in files if (one := _read(file)) is not None]
            found.sort(key=lambda one: -len(one.places))
            self._read = (key, found)
        return self._read[1]


@dataclass(frozen=True, eq=False)
class _Embeddings:
    name: str
    places: dict[str, int]  # SHA-256 -> row
    vectors: NDArray[np.float32]  # [N, D], of length 1

    def ranking(self, crop: Row, rows: list[Row]) -> Ranking:
        known = [row for row in rows if row.crop.sha256 in self.places]
        at = np.array([self.places[row.crop.sha256] for row in known])
        distances = 1 - self.vectors[at] @ self.vectors[self.places[crop.crop.sha256]]
        return _ranked(f"embedding {self.name}", crop, known, distances)


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
    vectors = vectors / np.where(usable[:, None], lengths, 1)
    places = {content: at for at, content in enumerate(contents) if usable[at]}
    return _Embeddings(file.stem.removeprefix("embeddings-"), places, vectors)


def _text(name: str | bytes) -> str:
    return name.decode("ascii", "replace") if isinstance(name, bytes) else name


def _by_hash(crop: Row, rows: list[Row]) -> Ranking | None:
    own = _hash(crop)
    if own is None:
        return None
    known = [(row, value) for row in rows if (value := _hash(row)) is not None]
    values = np.array([value for _, value in known], dtype=np.uint64)
    bits = np.bitwise_count(values ^ np.uint64(own))
    return _ranked("perceptual hash", crop, [row for row, _ in known], bits)


def _hash(row: Row) -> int | None:
    text = row.phash
    try:
        value = int(text, 16) if text else None
    except ValueError:
        return None
    return value if value is not None and value < 1 << _HASH_BITS else None


def _ranked(by: str, crop: Row, rows: list[Row], distances: NDArray[Any]) -> Ranking:
    distances = distances.astype(np.float64)
    distances[[row is crop for row in rows]] = -1.0  # itself first, whatever else is equal
    order = np.argsort(distances, kind="stable")
    shown = np.maximum(distances[order], 0).round(4)
    return Ranking(by, [rows[at].crop.id for at in order], shown.tolist())

"""Features of sets of pictures, computed once: kept by what the pictures and the space are.

They lie in parts of a few hundred pictures each, so that a command that was killed goes on where
it stopped, and a thousand more samples cost a thousand more. Everything here may be deleted at
any time; what was not used for longest goes when there is too much of it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from artstyle import files
from artstyle.errors import ImageError
from artstyle.events import Emit, Note, Progress, ignore
from artstyle.metrics.space import FeatureSpace
from artstyle.pipeline.evaluate.pictures import Pictures
from artstyle.weights import home

PART = 256  # pictures in a part: seconds to a minute of work; a guess
MOST_BYTES = 8 << 30  # all features together; a guess: a hundred snapshots at 5000 samples
_FOLDER = "features"
_AT_ONCE = 32  # pictures in memory: a hundred megabytes at 1024 px


def cache_folder() -> Path:
    """Where features are kept."""
    return home() / _FOLDER


def features_of(
    pictures: Pictures,
    space: FeatureSpace,
    *,
    cache: Path | None = None,
    emit: Emit = ignore,
) -> NDArray[np.float32]:
    """Features [n, dim] of all the pictures, from the cache where they are in it.

    Args:
        pictures: see `pipeline.evaluate.pictures`.
        space: what computes them.
        cache: where they are kept; None: nowhere.
        emit: gets progress in pictures.

    Raises:
        ImageError: a generator drew something that is no picture.
        OSError: the cache cannot be written.
    """
    folder = None if cache is None else cache / key_of(pictures, space)
    task, total = f"features of {pictures.name}", len(pictures)
    found = np.empty((total, space.dim), dtype=np.float32)
    done = 0
    for begin in range(0, total, PART):
        end = min(begin + PART, total)
        kept = None if folder is None else _kept(folder, begin, end - begin, space.dim, emit)
        if kept is None:
            some = []
            for first in range(begin, end, _AT_ONCE):
                done = min(first + _AT_ONCE, end)
                some.append(_computed(pictures, space, first, done))
                emit(Progress(task, done, total, "images"))
            kept = np.concatenate(some)
            if folder is not None:
                _keep(folder, begin, kept)
        found[begin:end] = kept
    if done and done != total:
        emit(Progress(task, total, total, "images"))
    if folder is not None and total:
        os.utime(folder)  # used just now
    return found


def _computed(pictures: Pictures, space: FeatureSpace, begin: int, end: int) -> NDArray[np.float32]:
    try:
        return space(pictures.read(begin, end))
    except ImageError as fault:
        raise ImageError(f"{pictures.name}: {fault}", hint=fault.hint) from fault


def key_of(pictures: Pictures, space: FeatureSpace) -> str:
    """The name of the features' folder."""
    text = f"{pictures.identity}\n{space.identity}\n"
    return f"{space.name}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def tidy(cache: Path, most_bytes: int = MOST_BYTES) -> int:
    """Take away the features that were not used for longest, until the rest fit.

    Returns:
        How many bytes were freed.
    """
    sizes = {
        folder: sum(file.stat().st_size for file in folder.glob("*.npy"))
        for folder in (cache.iterdir() if cache.is_dir() else ())
        if folder.is_dir()
    }
    too_much, freed = sum(sizes.values()) - most_bytes, 0
    for folder in sorted(sizes, key=lambda one: one.stat().st_mtime):
        if freed >= too_much:
            break
        shutil.rmtree(folder, ignore_errors=True)
        freed += sizes[folder]
    return freed


def _part(folder: Path, begin: int) -> Path:
    return folder / f"{begin:08d}.npy"


def _keep(folder: Path, begin: int, features: NDArray[np.float32]) -> None:
    with files.atomic_file(_part(folder, begin)) as stream:
        np.save(stream, features.astype(np.float32), allow_pickle=False)


def _kept(folder: Path, begin: int, count: int, dim: int, emit: Emit) -> NDArray[np.float32] | None:
    """A part with at least these features; None if it is not there, shorter, or damaged."""
    path = _part(folder, begin)
    if not path.is_file():
        return None
    try:
        held = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as fault:
        emit(Note(f"{path} is damaged and is computed anew: {fault}", "warning"))
        return None
    fits = held.dtype == np.float32 and held.ndim == 2 and held.shape[1] == dim
    if not fits or not np.isfinite(held).all():
        emit(Note(f"{path} holds other things than features and is computed anew", "warning"))
        return None
    return held[:count] if len(held) >= count else None

"""The pictures of a training: found, read once, kept small in memory, and some held out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import ImageError, UsageError
from artstyle.events import Emit, Note, Progress, ignore
from artstyle.images import decode_rgb, list_images, resize_area
from artstyle.machine import cores
from artstyle.names import shown

Picture = NDArray[np.uint8]  # HWC, [0, 255], RGB
NO_KIND = -1
FEWEST = 4  # pictures that anything can be learned from, and of a kind that some are held out of
_SHORT_SIDE = 3  # of what is kept, in crops: more than a crop can see
_AT_ONCE = 64
_NAMED = 5  # damaged files that a message names


@dataclass(frozen=True)
class Album:
    """Pictures in memory."""

    pictures: tuple[Picture, ...]
    kinds: NDArray[np.int64]  # [n], the number of a name, or NO_KIND
    names: tuple[str, ...]  # of the kinds
    held_out: NDArray[np.bool_]  # [n]: never shown in training
    sha256: str  # over names and bytes of the files
    counts: tuple[int, ...]  # pictures of each folder, labelled ones first
    unread: int = 0  # files that could not be read

    @property
    def shown_labelled(self) -> NDArray[np.int64]:
        """Numbers of the pictures with a kind that training may show."""
        return np.flatnonzero((self.kinds != NO_KIND) & ~self.held_out)

    @property
    def shown_unlabelled(self) -> NDArray[np.int64]:
        """Numbers of the pictures without a kind."""
        return np.flatnonzero(self.kinds == NO_KIND)


def open_album(
    labelled: Sequence[Path],
    unlabelled: Sequence[Path] = (),
    *,
    crop_px: int,
    held_out: float,
    seed: int = 0,
    emit: Emit = ignore,
) -> Album:
    """Read all pictures of some folders.

    Args:
        labelled: folders with a subfolder for each kind; pictures beside the subfolders have none.
        unlabelled: folders of pictures without kinds, at any depth.
        crop_px: the largest crop; pictures are kept three times as large at most.
        held_out: share of each kind that is held out.
        seed: of which they are.
        emit: told of progress, and of files that cannot be read.

    Raises:
        ImageError: there is no such folder.
        UsageError: there are fewer than four pictures, or only one kind.
    """
    found: list[tuple[str, Path, str]] = []  # what it is called, the file, its kind
    folders = [(folder, True) for folder in labelled] + [(folder, False) for folder in unlabelled]
    counts = []
    for number, (folder, has_kinds) in enumerate(folders):
        paths = list_images(folder, emit=emit)
        counts.append(len(paths))
        for path in paths:
            inner = path.relative_to(folder)
            kind = inner.parts[0] if has_kinds and len(inner.parts) > 1 else ""
            found.append((f"{number}/{inner.as_posix()}", path, kind))
    pictures, digests = _read_all([path for _, path, _ in found], crop_px * _SHORT_SIDE, emit)
    kept = [(*entry, picture) for entry, picture in zip(found, pictures, strict=True)]
    held = [(called, kind, picture) for called, _, kind, picture in kept if picture is not None]
    if len(held) < FEWEST:
        where = ", ".join(shown(folder) for folder, _ in folders)
        raise UsageError(f"{where}: {len(held)} pictures are too few to learn from")
    names = tuple(sorted({kind for _, kind, _ in held if kind}))
    if len(names) == 1:
        raise UsageError(
            f"there is one kind of things only, {names[0]!r:.60}: nothing tells it from others",
            hint="name a folder with a subfolder for each kind; or give it as --unlabelled",
        )
    number_of = {name: number for number, name in enumerate(names)} | {"": NO_KIND}
    kinds = np.array([number_of[kind] for _, kind, _ in held], dtype=np.int64)
    whole = hashlib.sha256()
    for (called, _, _), digest in zip(found, digests, strict=True):
        whole.update(f"{called} {digest}\n".encode("utf-8", "surrogateescape"))
    return Album(
        pictures=tuple(picture for _, _, picture in held),
        kinds=kinds,
        names=names,
        held_out=_hold_out([called for called, _, _ in held], kinds, held_out, seed),
        sha256=whole.hexdigest(),
        counts=tuple(counts),
        unread=len(found) - len(held),
    )


def _hold_out(
    called: Sequence[str], kinds: NDArray[np.int64], share: float, seed: int
) -> NDArray[np.bool_]:
    """Which are held out: of each kind those whose digests are lowest, at least one of four."""
    chosen = np.zeros(len(kinds), dtype=np.bool_)
    for kind, count in Counter(int(kind) for kind in kinds).items():
        if kind == NO_KIND or not share or count < FEWEST:
            continue
        members = np.flatnonzero(kinds == kind).tolist()
        ranked = sorted(members, key=lambda one: _lot(called[one], seed))
        chosen[ranked[: min(max(1, round(share * count)), count - 1)]] = True
    return chosen


def _lot(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {name}".encode("utf-8", "surrogateescape")).digest()


def _read_all(
    paths: Sequence[Path], short_px: int, emit: Emit
) -> tuple[list[Picture | None], list[str]]:
    """The pictures, None where one cannot be read, and the digests of the files."""

    def read(path: Path) -> tuple[Picture | None, str, str]:
        try:
            data = path.read_bytes()
        except OSError as fault:
            return None, "", f"cannot read {shown(path)}: {fault.strerror}"
        digest = hashlib.sha256(data).hexdigest()
        try:
            return _shrunk(decode_rgb(data, name=str(path)).rgb, short_px), digest, ""
        except ImageError as fault:
            return None, digest, str(fault)

    pictures: list[Picture | None] = []
    digests, faults = [], []
    with ThreadPoolExecutor(cores()) as threads:
        for begin in range(0, len(paths), _AT_ONCE):
            for picture, digest, fault in threads.map(read, paths[begin : begin + _AT_ONCE]):
                pictures.append(picture)
                digests.append(digest)
                faults += [fault] if fault else []
            emit(Progress("read pictures", len(pictures), len(paths), "images"))
    for fault in faults[:_NAMED]:
        emit(Note(f"left out: {fault}", "warning"))
    if len(faults) > _NAMED:
        emit(Note(f"left out: {len(faults) - _NAMED} more that cannot be read", "warning"))
    return pictures, digests


def _shrunk(rgb: Picture, short_px: int) -> Picture:
    """A picture whose shorter side is at most so long."""
    height, width = rgb.shape[:2]
    factor = short_px / min(height, width)
    if factor >= 1:
        return rgb
    return resize_area(rgb, max(1, round(width * factor)), max(1, round(height * factor)))

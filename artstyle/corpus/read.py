"""A dataset for training or measuring: square pictures of one size, perhaps with labels."""

from __future__ import annotations

import hashlib
import io
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from artstyle.corpus.labels import LABELS_NAME, Labels, as_array, one_hot, parse_labels
from artstyle.corpus.png import SIGNATURE
from artstyle.corpus.store import Store, ZipStore, open_store
from artstyle.errors import CorpusError, ImageError
from artstyle.files import sha256_of
from artstyle.images import decode_rgb
from artstyle.names import shown

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
_GREY = {"1", "L", "I;16", "I"}
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3}  # grey, RGB, palette; 4 and 6 have transparency


@dataclass(frozen=True, eq=False)
class Corpus:
    """A dataset that has been looked through. It can be sent to other processes."""

    path: Path
    names: tuple[str, ...]  # of the pictures, in their order
    resolution: int  # side of every picture, in pixels
    channels: int  # 1 grey, 3 RGB
    labels: Labels | None  # int64 [N] classes or float32 [N, C] vectors
    notes: tuple[str, ...]  # what was found and not used
    store: Store = field(repr=False)

    def __len__(self) -> int:
        return len(self.names)

    def image(self, index: int) -> NDArray[np.uint8]:
        """The picture: HWC uint8, [0, 255], RGB or one channel of grey.

        Raises:
            CorpusError: it is damaged, or not of the dataset's size and channels.
            IndexError: there is no such picture.
        """
        name = self.names[index]
        data = self.store.read(name)
        try:
            found = picture_header(data)
            if found != (self.resolution, self.resolution, self.channels):
                raise ImageError(f"it is {_described(found)} inside")
            rgb = decode_rgb(data, name=name).rgb
        except ImageError as fault:
            raise CorpusError(f"{shown(name)} in {shown(self.path)}: {fault}") from fault
        return np.ascontiguousarray(rgb[..., : self.channels])

    @property
    def label_dim(self) -> int:
        """How long a label's vector is; 0 without labels."""
        if self.labels is None:
            return 0
        return int(self.labels.max()) + 1 if self.labels.ndim == 1 else int(self.labels.shape[1])

    def one_hot(self) -> NDArray[np.float32]:
        """Labels as networks take them: float32 [N, label_dim]."""
        if self.labels is None:
            return np.zeros((len(self), 0), dtype=np.float32)
        return one_hot(self.labels)

    def sha256(self) -> str:
        """SHA-256 of the zip, or of a folder's names and contents in their order."""
        if isinstance(self.store, ZipStore):
            return sha256_of(self.path)
        digest = hashlib.sha256()
        for name in self.store.names:
            content = hashlib.sha256(self.store.read(name)).hexdigest()
            digest.update(f"{name}\0{content}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def read_corpus(path: Path) -> Corpus:
    """Look through a zip or folder of pictures; every header is read, no picture decoded.

    Whether a picture is damaged shows when it is read.

    If some pictures have a label and some have none, labels are not used, as in the official
    reader; a note says which picture lacks one.

    Raises:
        CorpusError: there is no dataset, it is damaged or hostile, holds no pictures, or they
            are not square, of one size and of the same channels.
    """
    store = open_store(path)
    names = picture_names(store)
    shapes: dict[tuple[int, int, int], str] = {}
    for name in names:
        try:
            shape = stored_header(store, name)
        except ImageError as fault:
            raise CorpusError(f"{shown(name)} in {shown(path)}: {fault}") from fault
        shapes.setdefault(shape, name)
    (width, height, channels), first = next(iter(shapes.items()))
    if len(shapes) > 1:
        some = "; ".join(f"{shown(name)} is {_described(one)}" for one, name in shapes.items())
        raise CorpusError(
            f"the pictures of {shown(path)} differ: {some[:400]}",
            hint="artstyle build brings pictures to one size",
        )
    if width != height:
        raise CorpusError(
            f"the pictures of {shown(path)} are not square: {shown(first)} has {width} x {height}",
            hint="artstyle build crops pictures to squares",
        )
    labels, notes = _labels(store, names)
    return Corpus(path, names, width, channels, labels, notes, store)


def picture_names(store: Store) -> tuple[str, ...]:
    """The names of the pictures among a store's files, in the order of the official reader.

    Raises:
        CorpusError: there are none.
    """
    names = tuple(one for one in store.names if one.lower().endswith(SUFFIXES))
    if not names:
        raise CorpusError(
            f"{shown(store.path)} holds no pictures",
            hint="their names have to end in one of " + " ".join(SUFFIXES),
        )
    return names


def stored_header(store: Store, name: str) -> tuple[int, int, int]:
    """`picture_header` of a store's file; of a PNG no more than the first bytes are read.

    Raises:
        CorpusError: the file cannot be read.
        ImageError: see `picture_header`.
    """
    start = store.start(name)
    return picture_header(start if start.startswith(SIGNATURE) else store.read(name))


def picture_header(data: bytes) -> tuple[int, int, int]:
    """Width, height and channels (1 or 3) of a picture, from its header.

    Raises:
        ImageError: it is none, or has transparency.
    """
    if data[:8] == SIGNATURE and len(data) >= 33:
        width, height, _, kind = struct.unpack(">IIBB", data[16:26])
        channels = _PNG_CHANNELS.get(kind)
    else:
        try:
            with PillowImage.open(io.BytesIO(data)) as picture:
                (width, height), mode = picture.size, picture.mode
        except (OSError, ValueError, SyntaxError, PillowImage.DecompressionBombError) as fault:
            raise ImageError(f"it is no picture, or a damaged one ({fault})") from fault
        channels = 1 if mode in _GREY else None if mode in {"LA", "RGBA", "PA", "La"} else 3
    if channels is None:
        raise ImageError(
            "it has transparency, which a dataset has not",
            hint="artstyle build lays pictures over a colour",
        )
    return width, height, channels


def read_labels(store: Store) -> dict[str, int | tuple[float, ...]] | None:
    """The labels by name, or None where there are none. Raises CorpusError: they are damaged."""
    if LABELS_NAME not in store.names:
        return None
    return parse_labels(store.read(LABELS_NAME))


def _labels(store: Store, names: tuple[str, ...]) -> tuple[Labels | None, tuple[str, ...]]:
    by_name = read_labels(store)
    if by_name is None:
        return None, ()
    missing = [name for name in names if name not in by_name]
    if missing:
        text = f"labels are not used: {len(missing)} of {len(names)} pictures have none"
        return None, (f"{text}, the first of them {shown(missing[0])}",)
    return as_array([by_name[name] for name in names]), ()


def _described(shape: tuple[int, int, int]) -> str:
    return f"{shape[0]} x {shape[1]} {'grey' if shape[2] == 1 else 'RGB'}"

"""Sets of pictures that can be measured: a dataset, a folder, or what a generator draws."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from artstyle.corpus.read import Corpus, read_corpus
from artstyle.errors import CorpusError, ImageError
from artstyle.events import Emit, Note, ignore
from artstyle.files import sha256_of
from artstyle.images import WHITE, blend, from_batch, list_images, read_rgb
from artstyle.metrics.space import Picture
from artstyle.names import shown

if TYPE_CHECKING:
    from stylegan_ext.networks import Generator

_LABELS = 0x6C61626C  # sets the stream of classes apart; any number does
_BATCH = 16  # pictures drawn at once


class Pictures(Protocol):
    """Pictures in an order, each HWC uint8, [0, 255], RGB."""

    @property
    def name(self) -> str:
        """For people."""
        ...

    def __len__(self) -> int:
        """How many."""
        ...

    @property
    def identity(self) -> str:
        """Of all that the pictures depend on; two sets of one identity agree where both reach."""
        ...

    def read(self, begin: int, end: int) -> list[Picture]:
        """Pictures begin to end - 1."""
        ...


@dataclass(frozen=True, eq=False)
class CorpusPictures:
    """The pictures of a dataset zip or folder, grey ones as RGB."""

    corpus: Corpus

    @property
    def name(self) -> str:
        """The file's name."""
        return self.corpus.path.name

    def __len__(self) -> int:
        return len(self.corpus)

    @cached_property
    def sha256(self) -> str:
        """Of the dataset."""
        return self.corpus.sha256()

    @property
    def identity(self) -> str:
        """See `Pictures`."""
        return f"dataset {self.sha256}"

    def read(self, begin: int, end: int) -> list[Picture]:
        """See `Pictures`."""
        return [_rgb(self.corpus.image(index)) for index in range(begin, min(end, len(self)))]


@dataclass(frozen=True, eq=False)
class FolderPictures:
    """Any pictures in a folder and those below it, of any sizes; transparency over white."""

    folder: Path
    files: tuple[Path, ...]

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    def __len__(self) -> int:
        return len(self.files)

    @cached_property
    def sha256(self) -> str:
        """Of names and contents, in order."""
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(os.fsencode(file.relative_to(self.folder)))
            digest.update(f"\0{sha256_of(file)}\n".encode())
        return digest.hexdigest()

    @property
    def identity(self) -> str:
        """See `Pictures`."""
        return f"folder {self.sha256}"

    def read(self, begin: int, end: int) -> list[Picture]:
        """See `Pictures`."""
        return [read_rgb(file).rgb for file in self.files[begin:end]]


@dataclass(frozen=True, eq=False)
class DrawnPictures:
    """What a generator draws for seeds 0, 1, 2 and so on.

    Noise is drawn anew for every picture, as the official metrics do it, and seeded by its seed. A
    conditional generator draws classes as often as the dataset has them.
    """

    name: str
    generator: Generator = field(repr=False)
    sha256: str  # of the model file, or whatever names the weights
    count: int
    psi: float = 1.0
    labels: NDArray[np.int64] | None = None  # the dataset's classes; None: all alike

    def __len__(self) -> int:
        return self.count

    @property
    def identity(self) -> str:
        """See `Pictures`; how many are drawn is no part of it."""
        classes = None if self.labels is None else np.bincount(self.labels).tolist()
        how = {"model": self.sha256, "psi": self.psi, "classes": classes, "noise": "random"}
        return "drawn " + json.dumps(how, sort_keys=True)

    def read(self, begin: int, end: int) -> list[Picture]:
        """See `Pictures`."""
        import torch

        from stylegan_ext.drawing import average_w, draw, seed_ws
        from stylegan_ext.latents import truncation_sweep

        pictures: list[Picture] = []
        for first in range(begin, min(end, self.count), _BATCH):
            seeds = range(first, min(first + _BATCH, end, self.count))
            ws = [seed_ws(self.generator, seed, self.class_of(seed)) for seed in seeds]
            if self.psi != 1:
                average = average_w(self.generator)
                ws = [truncation_sweep(one, average, [self.psi], None)[0] for one in ws]
            drawn = draw(
                self.generator,
                torch.cat(ws),
                noise_mode="random",
                noise_words=[(seed,) for seed in seeds],
            )
            pictures += [_rgb(picture) for picture in from_batch(drawn)]
        return pictures

    def class_of(self, seed: int) -> int | None:
        """The class that a seed is drawn with; None: the generator knows none."""
        classes = int(self.generator.c_dim)
        if classes == 0:
            return None
        stream = np.random.default_rng([seed, _LABELS])
        if self.labels is None:
            return int(stream.integers(classes))
        return int(self.labels[stream.integers(len(self.labels))])


def open_pictures(path: Path, *, emit: Emit = ignore) -> CorpusPictures | FolderPictures:
    """A dataset zip, a dataset folder, or a folder of any pictures.

    In a folder, files that cannot be read are left out; a note says how many, and names one.

    Raises:
        CorpusError: there is nothing, or nothing that is a picture.
    """
    if not path.is_dir() or (path / "dataset.json").is_file():
        return CorpusPictures(read_corpus(path))
    good, bad = [], []
    for file in list_images(path, emit=emit):
        try:
            read_rgb(file)
            good.append(file)
        except ImageError as fault:
            bad.append(str(fault))
    if bad:
        emit(Note(f"{len(bad)} files of {shown(path)} are left out; {bad[0]}", "warning"))
    if not good:
        raise CorpusError(f"{shown(path)} holds no pictures that can be read")
    return FolderPictures(path, tuple(good))


def classes_of(pictures: Pictures, c_dim: int) -> NDArray[np.int64] | None:
    """The dataset's classes, for a generator of `c_dim` classes; None where there are none."""
    if c_dim == 0 or not isinstance(pictures, CorpusPictures):
        return None
    labels = pictures.corpus.labels
    if labels is None:
        return None
    classes = labels if labels.ndim == 1 else labels.argmax(axis=1)
    if int(classes.max()) >= c_dim:
        raise CorpusError(
            f"the dataset has class {int(classes.max())}, the model only {c_dim} classes"
        )
    return classes.astype(np.int64)


def _rgb(picture: Picture) -> Picture:
    """Grey to three channels; transparency laid over white."""
    if picture.shape[2] == 4:
        return blend(picture[..., :3], picture[..., 3], WHITE)
    return np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture


def all_of(pictures: Pictures, indices: Sequence[int]) -> list[Picture]:
    """Some pictures by their numbers."""
    return [pictures.read(index, index + 1)[0] for index in indices]

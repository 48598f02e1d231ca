"""Write a dataset zip: the form official StyleGAN tools read, the same bytes on every machine."""

from __future__ import annotations

import json
import os
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from artstyle.corpus.labels import LABELS_NAME, Label, as_array, checked
from artstyle.corpus.png import stored_png
from artstyle.corpus.read import picture_names, read_labels
from artstyle.corpus.store import open_store
from artstyle.errors import CorpusError, ImageError
from artstyle.events import Emit, Progress, ignore
from artstyle.files import atomic_file, sha256_of
from artstyle.images import center_square, decode_rgb, resize_lanczos
from artstyle.names import shown

_DATE = (1980, 1, 1, 0, 0, 0)  # the first a zip can hold: when it was made changes no byte
_UNIX, _MODE = 3, 0o100644
_AHEAD = 4  # pictures being made per thread, so that memory does not grow with the dataset


@dataclass(frozen=True, eq=False)
class Item:
    """A picture to be written."""

    pixels: NDArray[np.uint8] | Callable[[], NDArray[np.uint8]]  # HW or HWC, 1 or 3 channels
    label: Label | None = None
    name: str = ""  # where it came from, for messages and for who keeps the members


@dataclass(frozen=True)
class BuildResult:
    """What was written."""

    path: Path
    sha256: str
    count: int
    members: tuple[tuple[str, str], ...]  # (name in the zip, Item.name), in order


def write_zip(
    out: Path,
    items: Iterable[Item],
    *,
    size_px: int,
    threads: int | None = None,  # None: as many as there are cores, at most 8
    emit: Emit = ignore,
) -> BuildResult:
    """Write pictures, center-cropped and resized where they are not of the size, and their labels.

    The zip takes its place when it is whole; a killed build leaves the old one and begins anew.

    Raises:
        CorpusError: the size is no power of two, there are no items, grey pictures are among
            coloured ones, or some have a label and some none.
        ImageError: an item's picture cannot be read.
        OSError: the file cannot be written.
    """
    if size_px < 4 or size_px & (size_px - 1):
        raise CorpusError(
            f"pictures of {size_px} px cannot be trained on: the side must be a power of two",
            hint=f"take --size {1 << max(2, size_px.bit_length() - 1)}",
        )
    members: list[tuple[str, str]] = []
    labels: list[Label | None] = []
    channels: set[int] = set()
    with atomic_file(out) as stream:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as target:
            for item, count, data in _encoded(items, size_px, threads):
                channels.add(count)
                if len(channels) > 1:
                    raise CorpusError(
                        f"grey and coloured pictures are mixed: {shown(item.name)} is"
                        f" {'grey' if count == 1 else 'coloured'}, those before it are not"
                    )
                name = member_name(len(members))
                _add(target, name, data)
                members.append((name, item.name))
                labels.append(item.label)
                emit(Progress("build", len(members), None, "images"))
            _add(target, LABELS_NAME, _labels_json(members, labels))
        stream.flush()
        sha256 = sha256_of(Path(stream.name))
    return BuildResult(out, sha256, len(members), tuple(members))


def member_name(index: int) -> str:
    """`00012/img00012345.png`: the folder is the first five of eight digits."""
    digits = f"{index:08d}"
    return f"{digits[:5]}/img{digits}.png"


def center_crop_resize(pixels: NDArray[np.uint8], size_px: int) -> NDArray[np.uint8]:
    """The largest square in the middle, by Lanczos to `size_px`; HW or HWC uint8, as official."""
    return resize_lanczos(center_square(pixels), size_px, size_px)


def items_of(path: Path) -> Iterator[Item]:
    """The pictures of a zip or folder, of any sizes, in their order and with their labels.

    Raises:
        CorpusError: see `read_corpus`.
    """
    store = open_store(path)
    labels = read_labels(store) or {}
    for name in picture_names(store):

        def load(name: str = name) -> NDArray[np.uint8]:
            return decode_rgb(store.read(name), name=name).rgb

        yield Item(load, labels.get(name), name)


def _encoded(
    items: Iterable[Item], size_px: int, threads: int | None
) -> Iterator[tuple[Item, int, bytes]]:
    """Items in order with their channels and PNG; decoding and resizing run beside each other."""
    workers = threads or min(8, os.cpu_count() or 1)
    waiting: deque[tuple[Item, Future[tuple[int, bytes]]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append((item, pool.submit(_encode, item, size_px)))
                if len(waiting) >= workers * _AHEAD:
                    first, future = waiting.popleft()
                    yield first, *future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, *future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _encode(item: Item, size_px: int) -> tuple[int, bytes]:
    pixels = item.pixels() if callable(item.pixels) else item.pixels
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise ImageError(
            f"{shown(item.name)} is an array of {pixels.dtype} and shape {pixels.shape}:"
            " uint8 and HW or HWC is a picture"
        )
    square = (
        pixels if pixels.shape[:2] == (size_px, size_px) else center_crop_resize(pixels, size_px)
    )
    whole = square[..., None] if square.ndim == 2 else square
    return whole.shape[2], stored_png(whole)


def _labels_json(members: list[tuple[str, str]], labels: list[Label | None]) -> bytes:
    if not members:
        raise CorpusError("there are no pictures to build a dataset of")
    given = [label for label in labels if label is not None]
    if given and len(given) < len(labels):
        lacking = members[labels.index(None)][1]
        raise CorpusError(
            f"{len(labels) - len(given)} of {len(labels)} pictures have no label, the first of"
            f" them {shown(lacking)}; readers would drop all the others",
            hint="label every picture, or none",
        )
    if not given:
        return b'{"labels": null}'
    try:
        clean = [checked(label) for label in given]
    except ValueError as fault:
        raise CorpusError(f"a label cannot be written: {fault}") from fault
    as_array(clean)
    pairs = [[name, label] for (name, _), label in zip(members, clean, strict=True)]
    return json.dumps({"labels": pairs}).encode("ascii")


def _add(target: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _DATE)
    info.create_system = _UNIX
    info.external_attr = _MODE << 16
    target.writestr(info, data, zipfile.ZIP_STORED)

"""Write a dataset zip: the form official StyleGAN tools read, the same bytes on every machine."""

from __future__ import annotations

import json
import os
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from artstyle.corpus.labels import LABELS_NAME, Label, as_array, checked
from artstyle.corpus.png import stored_png
from artstyle.corpus.read import picture_names, read_labels, stored_header
from artstyle.corpus.store import Store, open_store
from artstyle.errors import ArtstyleError, CorpusError, ImageError
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


OnFault: TypeAlias = Callable[[Item, ArtstyleError], None]


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
    on_fault: OnFault | None = None,
    emit: Emit = ignore,
) -> BuildResult:
    """Write pictures, center-cropped and resized where they are not of the size, and their labels.

    The zip takes its place when it is whole; a killed build leaves the old one and begins anew.

    Args:
        out: the zip.
        items: in the order they shall have.
        size_px: the side of the pictures.
        threads: that decode and resize; they change no byte.
        on_fault: is told of an item that cannot be read, which is left out; None raises.
        emit: hears how many are done.

    Raises:
        CorpusError: the size is no power of two, there are no items, grey pictures are among
            coloured ones, or some have a label and some none.
        ImageError: an item's picture cannot be read.
        OSError: the file cannot be written.
    """
    check_size(size_px)
    total = len(items) if isinstance(items, Sized) else None
    members: list[tuple[str, str]] = []
    labels: list[Label | None] = []
    channels: set[int] = set()
    with atomic_file(out) as stream:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as target:
            for item, count, data in _encoded(items, size_px, threads, on_fault):
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
                emit(Progress("build", len(members), total, "images"))
            _add(target, LABELS_NAME, _labels_json(members, labels))
        stream.flush()
        sha256 = sha256_of(Path(stream.name))
    return BuildResult(out, sha256, len(members), tuple(members))


def check_size(size_px: int) -> None:
    """Refuse a side that no network is trained on.

    Raises:
        CorpusError: it is no power of two from 4 on.
    """
    if size_px < 4 or size_px & (size_px - 1):
        raise CorpusError(
            f"pictures of {size_px} px cannot be trained on: the side must be a power of two",
            hint=f"take --size {1 << max(2, size_px.bit_length() - 1)}",
        )


def member_name(index: int) -> str:
    """`00012/img00012345.png`: the folder is the first five of eight digits."""
    digits = f"{index:08d}"
    return f"{digits[:5]}/img{digits}.png"


def center_crop_resize(pixels: NDArray[np.uint8], size_px: int) -> NDArray[np.uint8]:
    """The largest square in the middle, by Lanczos to `size_px`; HW or HWC uint8, as official."""
    return resize_lanczos(center_square(pixels), size_px, size_px)


def items_of(path: Path, *, grey: bool = False) -> list[Item]:
    """The pictures of a zip or folder, of any sizes, in their order and with their labels.

    Where all of them are grey they stay so; where some are, they become coloured like the others.

    Args:
        path: of the zip or folder.
        grey: make all of them grey.

    Raises:
        CorpusError: see `read_corpus`.
    """
    store = open_store(path)
    labels = read_labels(store) or {}
    names = picture_names(store)
    is_grey = grey or all(_is_grey(store, name) for name in names)
    return [Item(_loader(store, name, grey=is_grey), labels.get(name), name) for name in names]


def as_grey(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """HWC RGB as HW luma, by the weights of ITU-R BT.601 as Pillow rounds them."""
    return np.array(PillowImage.fromarray(rgb).convert("L"))


def _loader(store: Store, name: str, *, grey: bool) -> Callable[[], NDArray[np.uint8]]:
    def load() -> NDArray[np.uint8]:
        rgb = decode_rgb(store.read(name), name=name).rgb
        return as_grey(rgb) if grey else rgb

    return load


def _is_grey(store: Store, name: str) -> bool:
    try:
        return stored_header(store, name)[2] == 1
    except ImageError:
        return False  # damaged, which shows when it is read; or transparent, and laid over white


def _encoded(
    items: Iterable[Item], size_px: int, threads: int | None, on_fault: OnFault | None
) -> Iterator[tuple[Item, int, bytes]]:
    """Items in order with their channels and PNG; decoding and resizing run beside each other."""
    workers = threads or min(8, os.cpu_count() or 1)
    waiting: deque[tuple[Item, Future[tuple[int, bytes]]]] = deque()

    def first() -> Iterator[tuple[Item, int, bytes]]:
        item, future = waiting.popleft()
        try:
            channels, data = future.result()
        except (ImageError, CorpusError) as fault:
            if on_fault is None:
                raise
            on_fault(item, fault)
        else:
            yield item, channels, data

    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append((item, pool.submit(_encode, item, size_px)))
                if len(waiting) >= workers * _AHEAD:
                    yield from first()
            while waiting:
                yield from first()
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

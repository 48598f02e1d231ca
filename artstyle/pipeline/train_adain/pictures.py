"""Photos and paintings as random crops; which crop comes when depends on seed and number alone."""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict, deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from artstyle.baselines.colour import RGB_TO_YIQ, YIQ_TO_RGB
from artstyle.errors import ArtstyleError, ImageError, UsageError
from artstyle.events import Emit, Note, ignore
from artstyle.images import list_images, read_rgb, resize_area, resize_lanczos
from artstyle.machine import cores
from artstyle.names import shown

Pixels = NDArray[np.uint8]

MEMORY_BYTES = 1_000_000_000  # what decoded pictures of a folder may take; a guess
_AHEAD = 2  # batches that are made before they are wanted
_LEAST_SIDE_PX = 32  # smaller pictures show nothing to learn from
_MOST_ASPECT = 8.0  # likewise slivers


class Pictures:
    """The pictures of some folders by index, shrunk, those used last kept in memory.

    A picture that cannot be read is told of once, and the next one takes its place.

    Args:
        paths: files.
        least_px: pictures whose shorter side has fewer pixels are enlarged to it.
        most_px: those whose shorter side has more are shrunk to it.
        emit: hears of what cannot be read.
        memory_bytes: what may be kept.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        least_px: int,
        most_px: int,
        *,
        emit: Emit = ignore,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self.paths, self.emit = tuple(paths), emit
        self.least_px, self.most_px = least_px, most_px
        self._memory_bytes, self._held_bytes = memory_bytes, 0
        self._held: OrderedDict[int, Pixels] = OrderedDict()
        self._bad: set[int] = set()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Pixels:
        """A picture: HWC uint8, [0, 255], RGB.

        Raises:
            ArtstyleError: none of them can be read.
        """
        for step in range(len(self.paths)):
            number = (index + step) % len(self.paths)
            found = self._get(number)
            if found is not None:
                return found
        raise ArtstyleError(f"none of {len(self.paths)} pictures can be read")

    def _get(self, number: int) -> Pixels | None:
        with self._lock:
            if number in self._held:
                self._held.move_to_end(number)
                return self._held[number]
            if number in self._bad:
                return None
        try:
            pixels = read_sized(self.paths[number], self.least_px, self.most_px)
        except ImageError as fault:
            with self._lock:
                if number not in self._bad:
                    self._bad.add(number)
                    self.emit(Note(f"left out: {fault}", "warning"))
            return None
        with self._lock:
            if number not in self._held:
                self._held[number] = pixels
                self._held_bytes += pixels.nbytes
            while self._held_bytes > self._memory_bytes and len(self._held) > 1:
                self._held_bytes -= self._held.popitem(last=False)[1].nbytes
        return pixels


def read_sized(path: Path, least_px: int, most_px: int) -> Pixels:
    """A picture, resized where its shorter side is not between these two.

    Raises:
        ImageError: it cannot be read, or is too small or too narrow to learn from.
    """
    pixels = read_rgb(path, enough_px=round(most_px * _MOST_ASPECT)).rgb
    height, width = pixels.shape[:2]
    side = min(height, width)
    if side < _LEAST_SIDE_PX or max(height, width) > _MOST_ASPECT * side:
        raise ImageError(
            f"{shown(path)} has {width} x {height} pixels: too small or too narrow to learn from"
        )
    scale = max(least_px, min(side, most_px)) / side
    size = (round(width * scale), round(height * scale))
    if scale == 1:
        return pixels
    return resize_area(pixels, *size) if scale < 1 else resize_lanczos(pixels, *size)


class Crops:
    """Random square crops, number after number.

    Args:
        pictures: where they are cut from.
        crop_px: their side.
        seed: of everything random.
        stream: a number of its own for each use of the seed.
        mirror: whether half of them are mirrored.
        jitter: share of crops whose colours are changed.
    """

    def __init__(
        self,
        pictures: Pictures,
        crop_px: int,
        seed: int,
        stream: int,
        *,
        mirror: bool,
        jitter: float = 0.0,
    ) -> None:
        self.pictures, self.crop_px, self.mirror, self.jitter = pictures, crop_px, mirror, jitter
        self._seed = (seed, stream)
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, np.int64))

    def __call__(self, number: int) -> Pixels:
        """The crop of this number: HWC uint8, whatever was asked for before."""
        dice = np.random.default_rng((*self._seed, 0, number))
        pixels = self.pictures[self._index(number)]
        height, width = pixels.shape[:2]
        # From all of the shorter side down to single pixels, alike on a scale of ratios.
        smallest = min(self.crop_px / min(height, width), 1.0)
        side = max(1, round(min(height, width) * smallest ** dice.random()))
        top, left = dice.integers(height - side + 1), dice.integers(width - side + 1)
        cut = pixels[top : top + side, left : left + side]
        if self.mirror and dice.random() < 0.5:
            cut = cut[:, ::-1]
        made = resize_lanczos(np.ascontiguousarray(cut), self.crop_px, self.crop_px)
        return recoloured(made, dice) if dice.random() < self.jitter else made

    def _index(self, number: int) -> int:
        """Round after round, each in an order of its own."""
        turn, place = divmod(number, len(self.pictures))
        known, order = self._order
        if known != turn:
            order = np.random.default_rng((*self._seed, 1, turn)).permutation(len(self.pictures))
            self._order = (turn, order)  # replaced as a whole: other threads see one or the other
        return int(order[place])


def recoloured(pixels: Pixels, dice: np.random.Generator) -> Pixels:
    """Another painting's colours: hue turned by any angle, saturation, contrast, brightness moved.

    The ranges are guesses; brightness keeps its order, so that light stays light.
    """
    angle = dice.uniform(-math.pi, math.pi)
    turn, saturation = np.exp(1j * angle), dice.uniform(0.5, 1.5)
    contrast, brightness = dice.uniform(0.7, 1.3), dice.uniform(-0.1, 0.1)
    yiq = (pixels / 255.0) @ RGB_TO_YIQ.T
    mean = yiq[..., 0].mean()
    yiq[..., 0] = (yiq[..., 0] - mean) * contrast + mean + brightness
    chroma = (yiq[..., 1] + 1j * yiq[..., 2]) * turn * saturation
    yiq[..., 1], yiq[..., 2] = chroma.real, chroma.imag
    changed = np.rint((yiq @ YIQ_TO_RGB.T).clip(0, 1) * 255)
    made: Pixels = changed.astype(np.uint8)
    return made


class Feed:
    """Batches of pairs; batch i has the crops i * batch to (i + 1) * batch - 1.

    Args:
        photos: crops of photos.
        paintings: crops of paintings.
        batch: pairs of a batch.
    """

    def __init__(self, photos: Crops, paintings: Crops, batch: int) -> None:
        self.photos, self.paintings, self.batch = photos, paintings, batch
        self._threads = ThreadPoolExecutor(cores())
        self._waiting: deque[tuple[int, list[Future[Pixels]]]] = deque()

    def take(self, iteration: int) -> tuple[Pixels, Pixels]:
        """Photos and paintings of an iteration, NHWC uint8 each."""
        while self._waiting and self._waiting[0][0] != iteration:
            self._waiting.popleft()
        first = self._waiting[-1][0] + 1 if self._waiting else iteration
        for number in range(first, iteration + 1 + _AHEAD):
            self._waiting.append((number, self._order(number)))
        _, parts = self._waiting.popleft()
        made = [part.result() for part in parts]
        return np.stack(made[: self.batch]), np.stack(made[self.batch :])

    def _order(self, iteration: int) -> list[Future[Pixels]]:
        numbers = range(iteration * self.batch, (iteration + 1) * self.batch)
        return [
            self._threads.submit(crops, number)
            for crops in (self.photos, self.paintings)
            for number in numbers
        ]

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)


def find_pictures(folders: Sequence[Path], what: str, *, emit: Emit = ignore) -> list[list[Path]]:
    """The pictures of each folder, a list for each.

    Raises:
        UsageError: a folder holds none.
        ImageError: there is no such folder.
    """
    found = [list_images(folder, emit=emit) for folder in folders]
    for folder, paths in zip(folders, found, strict=True):
        if not paths:
            raise UsageError(
                f"{shown(folder)} holds no pictures: there are no {what} in it",
                hint="name the folder that they are in",
            )
    return found


def digest_of(paths: Sequence[Path]) -> str:
    """The SHA-256 over names and sizes of files: another set of pictures has another.

    Contents are not read: of tens of thousands of paintings that would take minutes.
    """
    digest = hashlib.sha256()
    for path in paths:
        line = f"{path.name}\0{path.stat().st_size}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()

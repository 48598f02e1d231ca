"""The photos an encoder learns from, and those it never sees."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from artstyle import images
from artstyle.corpus.order import InfiniteOrder
from artstyle.corpus.read import Corpus
from artstyle.errors import UsageError
from artstyle.events import Emit, Progress, ignore
from artstyle.names import shown

MEMORY_BYTES = 2_000_000_000  # decoded photos up to this stay in memory; a guess
_HELD_OUT_SHARE = 0.1  # of all photos, at most
_AT_ONCE = 128  # photos between two reports of progress

Pixels = NDArray[np.uint8]


class Photos:
    """Photos of a dataset at a model's size, in an endless order, some of them held out.

    Args:
        corpus: the dataset; its pictures are as large as the model's or larger.
        side_px: of the model's pictures.
        channels: of them, 1 or 3.
        held_out: how many are kept aside, but no more than a tenth.
        mirror: whether every photo comes mirrored too.
        seed: of the order, and of which are held out.
        emit: told how far decoding is.

    Raises:
        UsageError: the dataset does not suit the model, or has too few photos.
        CorpusError: a picture is damaged.
    """

    def __init__(
        self,
        corpus: Corpus,
        side_px: int,
        channels: int,
        *,
        held_out: int,
        mirror: bool,
        seed: int,
        emit: Emit = ignore,
    ) -> None:
        _check(corpus, side_px, channels)
        self.corpus, self.side_px, self.mirror = corpus, side_px, mirror
        chosen = np.random.RandomState(seed % (1 << 31)).permutation(len(corpus))
        aside = max(1, min(held_out, int(len(corpus) * _HELD_OUT_SHARE)))
        self._shown = np.sort(chosen[aside:])
        self.held_out = np.stack([self._decoded(int(index)) for index in sorted(chosen[:aside])])
        size_bytes = len(self._shown) * channels * side_px**2
        self._held = self._all(emit) if size_bytes <= MEMORY_BYTES else None
        self._order = InfiniteOrder(len(self._shown) * (2 if mirror else 1), seed)

    def __len__(self) -> int:
        """How many are learned from, without their mirrored twins."""
        return len(self._shown)

    def next(self, count: int) -> Pixels:
        """The next photos: NCHW uint8."""
        return np.stack([self._photo(next(self._order)) for _ in range(count)])

    def state(self) -> dict[str, Any]:
        """The place in the order; JSON types."""
        return self._order.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there.

        Raises:
            CorpusError: it is the place in another dataset's order.
        """
        self._order.restore(state)

    def _photo(self, index: int) -> Pixels:
        place = index % len(self._shown)
        chw = self._held[place] if self._held is not None else self._decoded(self._shown[place])
        return chw[:, :, ::-1] if index >= len(self._shown) else chw

    def _decoded(self, index: int) -> Pixels:
        """A picture of the dataset: CHW uint8, as large as the model's."""
        hwc = self.corpus.image(int(index))
        if self.corpus.resolution != self.side_px:
            grey = hwc.shape[2] == 1
            hwc = images.resize_lanczos(hwc[..., 0] if grey else hwc, self.side_px, self.side_px)
            hwc = hwc[..., None] if grey else hwc
        return np.ascontiguousarray(hwc.transpose(2, 0, 1))

    def _all(self, emit: Emit) -> Pixels:
        shape = (len(self._shown), self.corpus.channels, self.side_px, self.side_px)
        held = np.empty(shape, dtype=np.uint8)
        for place, index in enumerate(self._shown):
            held[place] = self._decoded(int(index))
            if (place + 1) % _AT_ONCE == 0 or place + 1 == len(self._shown):
                emit(Progress("read photos", place + 1, len(self._shown), "images"))
        return held


def _check(corpus: Corpus, side_px: int, channels: int) -> None:
    if corpus.channels != channels:
        colour = {1: "grey", 3: "in colour"}
        raise UsageError(
            f"the photos of {shown(corpus.path)} are {colour[corpus.channels]}, the model's"
            f" pictures {colour[channels]}"
        )
    if corpus.resolution < side_px:
        raise UsageError(
            f"the photos of {shown(corpus.path)} have {corpus.resolution} px, the model draws"
            f" {side_px} px",
            hint=f"artstyle build --size {side_px}",
        )
    if len(corpus) < 2:
        raise UsageError(f"{shown(corpus.path)} holds one photo: one to learn, one to look at")

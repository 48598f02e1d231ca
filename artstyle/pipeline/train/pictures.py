"""The pictures of a dataset, a batch at a time, in an order that can be taken up again.

A dataset that fits into memory is decoded once; a larger one is decoded by threads, a few batches
ahead. Mirrored pictures follow the others: index N + i is picture i from right to left.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artstyle.corpus.order import InfiniteOrder
from artstyle.corpus.read import Corpus
from artstyle.events import Emit, Progress, ignore
from artstyle.machine import cores

MEMORY_BYTES = 2_000_000_000  # decoded pictures up to this stay in memory; a guess
_AHEAD = 4  # batches that are decoded before they are wanted
_AT_ONCE = 256  # pictures between two reports of progress

Pixels = NDArray[np.uint8]


class Pictures:
    """Pictures and labels by index, mirrored ones included.

    Args:
        corpus: the dataset.
        mirror: whether every picture is there mirrored too.
        memory_bytes: what decoded pictures may take.
        emit: told how far decoding is.

    Raises:
        CorpusError: a picture is damaged.
    """

    def __init__(
        self,
        corpus: Corpus,
        *,
        mirror: bool,
        memory_bytes: int = MEMORY_BYTES,
        emit: Emit = ignore,
    ) -> None:
        self.corpus, self.mirror = corpus, mirror
        self.labels = corpus.one_hot() if corpus.label_dim else None
        self.count = len(corpus) * (2 if mirror else 1)
        size_bytes = len(corpus) * corpus.channels * corpus.resolution**2
        self._held = _decoded(corpus, emit) if size_bytes <= memory_bytes else None

    @property
    def in_memory(self) -> bool:
        """Whether all of them have been decoded."""
        return self._held is not None

    def picture(self, index: int) -> Pixels:
        """One picture: CHW uint8, [0, 255], RGB or grey."""
        real = index % len(self.corpus)
        chw = self._held[real] if self._held is not None else _chw(self.corpus, real)
        return chw[:, :, ::-1] if index >= len(self.corpus) else chw

    def batch(self, indices: Sequence[int]) -> Pixels:
        """Several pictures: NCHW uint8."""
        return np.stack([self.picture(index) for index in indices])

    def labels_of(self, indices: Sequence[int]) -> NDArray[np.float32] | None:
        """Their labels, float32 [n, c_dim]; None without labels."""
        if self.labels is None:
            return None
        return self.labels[[index % len(self.corpus) for index in indices]]


class Feed:
    """Batches for ever; its place is what `state` gives.

    Args:
        pictures: the pictures.
        batch: pictures of a batch, over all processes.
        seed: of the order.
        rank: which of several processes this is: it gets every `world`-th picture of a batch.
        world: how many processes there are.
    """

    def __init__(
        self, pictures: Pictures, batch: int, seed: int = 0, *, rank: int = 0, world: int = 1
    ) -> None:
        self.pictures, self.size, self.rank, self.world = pictures, batch, rank, world
        self._order = InfiniteOrder(pictures.count, seed)
        self._ahead = InfiniteOrder(pictures.count, seed)
        self._waiting: deque[tuple[list[int], list[Future[Pixels]]]] = deque()
        self._threads = None if pictures.in_memory else ThreadPoolExecutor(cores())

    def next(self) -> tuple[Pixels, NDArray[np.float32] | None]:
        """This process's share of the next batch: pictures NCHW uint8, and their labels."""
        indices = self._share(self._order)
        if self._threads is None:
            return self.pictures.batch(indices), self.pictures.labels_of(indices)
        while len(self._waiting) < _AHEAD:
            ahead = self._share(self._ahead)
            decode = self._threads.submit
            self._waiting.append((ahead, [decode(self.pictures.picture, one) for one in ahead]))
        ahead, parts = self._waiting.popleft()
        assert ahead == indices
        return np.stack([part.result() for part in parts]), self.pictures.labels_of(indices)

    def _share(self, order: InfiniteOrder) -> list[int]:
        return [next(order) for _ in range(self.size)][self.rank :: self.world]

    def state(self) -> dict[str, Any]:
        """Where it stands; JSON types."""
        return self._order.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from there.

        Raises:
            CorpusError: it is the place in another dataset's order.
        """
        self._order.restore(state)
        self._ahead.restore(state)
        self._waiting.clear()

    def close(self) -> None:
        """End the threads."""
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)


def _chw(corpus: Corpus, index: int) -> Pixels:
    return np.ascontiguousarray(corpus.image(index).transpose(2, 0, 1))


def _decoded(corpus: Corpus, emit: Emit) -> Pixels:
    """All pictures in one array NCHW."""
    side = corpus.resolution
    held = np.empty((len(corpus), corpus.channels, side, side), dtype=np.uint8)

    def decode(index: int) -> None:
        held[index] = corpus.image(index).transpose(2, 0, 1)

    with ThreadPoolExecutor(cores()) as threads:
        for begin in range(0, len(corpus), _AT_ONCE):
            some = range(begin, min(begin + _AT_ONCE, len(corpus)))
            list(threads.map(decode, some))
            emit(Progress("read pictures", some.stop, len(corpus), "images"))
    return held

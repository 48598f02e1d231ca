"""Photos for a training, made while it computes."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from artstyle.pipeline.train_adain.pictures import Crops

Pixels = NDArray[np.uint8]


class Feed:
    """Batches of photos; the next one is made while the last one is learned from.

    Args:
        crops: photos by number.
        batch: how many at a time.
    """

    def __init__(self, crops: Crops, batch: int) -> None:
        self._crops, self._batch = crops, batch
        self._thread = ThreadPoolExecutor(1)
        self._next: tuple[int, Future[Pixels]] | None = None

    def take(self, iteration: int) -> Pixels:
        """The photos of an iteration: NHWC uint8, the same whatever was taken before."""
        held = self._next
        wanted = held[1] if held and held[0] == iteration else self._order(iteration)
        found = wanted.result()
        self._next = (iteration + 1, self._order(iteration + 1))
        return found

    def _order(self, iteration: int) -> Future[Pixels]:
        return self._thread.submit(self._made, iteration)

    def _made(self, iteration: int) -> Pixels:
        first = iteration * self._batch
        return np.stack([self._crops(number) for number in range(first, first + self._batch)])

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=True, cancel_futures=True)

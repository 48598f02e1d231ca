"""dlib's descriptor in processes of their own: it takes a tenth of a second a face.

dlib holds the interpreter while it computes. A worker of its own for each core lets faces be
described side by side, and pictures be drawn meanwhile.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import ArtstyleError
from artstyle.machine import cores

Chip = NDArray[np.uint8]
MOST_WORKERS = 4  # each holds a hundred megabytes
BATCH = 6  # faces a worker gets at a time, however many workers there are: the same figures


class DlibPool:
    """Describes faces; begins with the first faces, ends with `close`.

    Args:
        workers: how many processes; None: one for each core; 1: this one.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = min(cores(), MOST_WORKERS) if workers is None else workers
        self._pool: ProcessPoolExecutor | None = None

    def __call__(self, chips: Sequence[Chip]) -> NDArray[np.float32]:
        """[n, 128] of faces as `faces.dlib.describe_chips` wants them.

        Raises:
            ArtstyleError: a process was ended from outside.
        """
        batches = [list(chips[begin : begin + BATCH]) for begin in range(0, len(chips), BATCH)]
        if self.workers < 2 or len(batches) < 2:
            return _joined(map(_describe, batches))
        if self._pool is None:
            # Fresh processes, not copies of this one with its threads.
            self._pool = ProcessPoolExecutor(
                self.workers, mp_context=get_context("spawn"), initializer=_end_with_us
            )
        try:
            return _joined(self._pool.map(_describe, batches))
        except BrokenProcessPool as fault:
            raise ArtstyleError(
                "a process that described faces with dlib was ended from outside",
                hint="type the command again: what was measured is kept; or take --likeness look",
            ) from fault

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


def _joined(rows: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.concatenate([np.zeros((0, 128), dtype=np.float32), *rows])


def _describe(chips: list[Chip]) -> NDArray[np.float32]:
    from artstyle.faces.dlib import describe_chips

    return describe_chips(chips)


def _end_with_us() -> None:
    """End this process when the one that started it ends, in whatever way."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()

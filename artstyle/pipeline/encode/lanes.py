"""Work on small networks side by side: one thread for each piece, not all threads for each.

A layer of a 64 px generator takes some hundred microseconds. Waking a second thread for it costs
as much as that thread then saves: with two threads a step of the search took 1.8 times as long as
with one. Threads that each follow a face of their own share nothing but the weights.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

from artstyle.events import Emit, Progress

_Piece = TypeVar("_Piece")
_Done = TypeVar("_Done")

SMALL_PX = 64  # networks up to this side gain nothing from a second thread at one picture


class Stopped(Exception):  # noqa: N818 - no error: it ends a lane whose work nobody wants any more
    """The caller was interrupted."""


class Steps:
    """Counts the steps of several lanes for one line of progress; may be told from any thread."""

    def __init__(
        self, stage: str, total: int, emit: Emit, *, unit: str = "steps", done: int = 0
    ) -> None:
        self._stage, self._total, self._unit, self._emit = stage, total, unit, emit
        self._done, self._lock, self.stopped = done, threading.Lock(), False

    def __call__(self, note: str, count: int = 1) -> None:
        """One step more, or several.

        Raises:
            Stopped: there is to be none.
        """
        if self.stopped:
            raise Stopped
        with self._lock:
            self._done += count
            self._emit(Progress(self._stage, self._done, self._total, self._unit, note))


def lanes_for(resolution: int, pieces: int, device: str) -> int | None:
    """How many pieces of work to do side by side, each with one thread.

    None: one after the other, each with all threads; so large networks want it, and a GPU.
    """
    if torch.device(device).type != "cpu" or resolution > SMALL_PX:
        return None
    return max(1, min(torch.get_num_threads(), pieces))


def in_lanes(
    work: Callable[[_Piece], _Done], pieces: Sequence[_Piece], lanes: int | None, steps: Steps
) -> list[_Done]:
    """work(piece) for every piece, in their order; `lanes` as `lanes_for` says.

    When one fails, or the caller is interrupted, the others are stopped at their next step.
    """
    if lanes is None:
        return [work(piece) for piece in pieces]
    with _threads(1), ThreadPoolExecutor(lanes, thread_name_prefix="lane") as pool:
        running = [pool.submit(work, piece) for piece in pieces]
        try:
            return [one.result() for one in running]
        except BaseException:
            steps.stopped = True
            raise


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Compute with so many threads for as long as the context lasts."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)

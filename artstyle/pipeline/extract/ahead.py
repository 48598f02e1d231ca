"""An iterator that works in a thread of its own, a few steps ahead of whoever takes from it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")
_LOOK_EVERY_S = 0.1
_END = object()


@contextmanager
def ahead(source: Generator[T, None, None], depth: int) -> Iterator[Iterator[T]]:
    """Run a generator in a thread while the block runs.

    Args:
        source: used, and closed, in that thread only.
        depth: how many results may wait.

    Yields:
        Its results in order; an exception in it is raised where its result would have been.
    """
    results: queue.Queue[Any] = queue.Queue(depth)
    stop = threading.Event()

    def put(what: Any) -> bool:
        while not stop.is_set():
            try:
                results.put(what, timeout=_LOOK_EVERY_S)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for one in source:
                if not put((one, None)):
                    break
            put((_END, None))
        except BaseException as fault:  # raised again where the result was awaited
            put((_END, fault))
        finally:
            source.close()

    def take() -> Iterator[T]:
        while True:
            one, fault = results.get()
            if fault is not None:
                raise fault
            if one is _END:
                return
            yield one

    thread = threading.Thread(target=work, name="artstyle-ahead", daemon=True)
    thread.start()
    try:
        yield take()
    finally:
        stop.set()
        thread.join()

"""A lock that several processes can wait for, and that a killed process cannot leave behind.

It is held through the operating system, not by the presence of a file: when the holder ends, in
whatever way, the next one gets it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from artstyle.errors import ArtstyleError

_LOOK_EVERY_S = 0.2


class LockTimeoutError(ArtstyleError):
    """Another process held the lock for longer than we were willing to wait."""


@contextmanager
def locked(
    path: Path,
    *,
    wait_s: float,
    on_wait: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """Hold the lock that `path` stands for while the block runs.

    Args:
        path: an empty file that exists while somebody holds or awaits the lock; its folder exists.
        wait_s: how long to wait for another holder; 0 does not wait.
        on_wait: called once if there is another holder.
        sleep: how to wait; a test gives its own.
        clock: seconds that only grow; a test gives its own.

    Raises:
        LockTimeoutError: the other holder took longer than `wait_s`.
        OSError: the file cannot be made.
    """
    until_s = clock() + wait_s
    told = False
    while (stream := _try_lock(path)) is None:
        if clock() >= until_s:
            raise LockTimeoutError(f"another process has held {path} for over {wait_s:g} s")
        if not told:
            on_wait()
            told = True
        sleep(_LOOK_EVERY_S)
    try:
        yield
    finally:
        with suppress(OSError):  # Windows keeps a file that another process has open
            path.unlink()
        stream.close()


def _try_lock(path: Path) -> IO[bytes] | None:
    """The open file that carries the lock, or None if somebody else has it."""
    stream = path.open("ab")
    try:
        _lock(stream)
        if _is_still_there(stream, path):
            return stream
    except OSError as error:
        stream.close()
        if isinstance(error, (BlockingIOError, PermissionError)):
            return None
        raise
    stream.close()  # the holder removed the file while we opened it: the lock is another file now
    return None


def _is_still_there(stream: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(stream: IO[bytes]) -> None:
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(stream: IO[bytes]) -> None:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)

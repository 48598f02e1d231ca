"""What the disk refuses when weights are kept, said so that one knows what to do."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from artstyle.errors import WeightsError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_IN_THE_WAY = frozenset({errno.ENOTDIR, errno.EEXIST, errno.EISDIR})
_RESERVE_BYTES = 4 << 20  # for the folders' own growth; a guess

MOVE_HOME = "set ARTSTYLE_HOME to a folder that you may write and that has room"


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn errors of the operating system while `path` is written into a `WeightsError`.

    Args:
        path: the file that is being made.

    Raises:
        WeightsError: the disk is full, the folder is read-only, a file is where a folder should be.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _FULL:
            hint = f"free some space and give the same command again, or {MOVE_HOME}"
            raise WeightsError(f"no room left to write {path}: {reason}", hint=hint) from error
        if error.errno in _FORBIDDEN:
            message = f"{path} cannot be written: {reason}"
            raise WeightsError(message, hint=MOVE_HOME) from error
        if error.errno in _IN_THE_WAY:
            message = f"{path} cannot be written: something else is in the way ({reason})"
            raise WeightsError(message, hint=MOVE_HOME) from error
        raise


def free_bytes_of(folder: Path) -> int:
    """How many bytes can still be written below a folder that exists."""
    return shutil.disk_usage(folder).free


def check_room(
    folder: Path, needed_bytes: int, free_bytes: Callable[[Path], int] = free_bytes_of
) -> None:
    """Look for room before the work starts.

    Args:
        folder: where the file is to be; it exists.
        needed_bytes: how much is still to be written.
        free_bytes: how to find out what is free; a test gives its own.

    Raises:
        WeightsError: there is less, counting a small reserve.
    """
    free = free_bytes(folder)
    if free < needed_bytes + _RESERVE_BYTES:
        raise WeightsError(
            f"{in_words(needed_bytes)} are to be written to {folder}, "
            f"and only {in_words(free)} are free",
            hint=f"free some space, or {MOVE_HOME}",
        )


def in_words(size_bytes: int | None) -> str:
    """A size for people: "232.6 kB", "381.6 MB"; "size unknown" for None."""
    if size_bytes is None:
        return "size unknown"
    for unit, bytes_each in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= bytes_each:
            return f"{size_bytes / bytes_each:.1f} {unit}"
    return f"{size_bytes} bytes"

"""The place of a build: one process works there at a time, and a killed one leaves nothing."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from artstyle.errors import ArtstyleError
from artstyle.locks import LockTimeoutError, locked
from artstyle.names import shown


@contextmanager
def building(lock: Path, files: tuple[Path, ...]) -> Iterator[None]:
    """Hold a lock while files are written, and take away what a killed build left of them.

    Args:
        lock: the lock's file; its folder is made.
        files: that will be written.

    Raises:
        ArtstyleError: another build holds the lock.
        OSError: a folder cannot be made.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with locked(lock, wait_s=0):
            for file in files:
                for left in file.parent.glob(f".{glob.escape(file.name[:40])}.*.part"):
                    left.unlink(missing_ok=True)
            yield
    except LockTimeoutError as fault:
        raise ArtstyleError(
            f"another 'artstyle build' is working on {shown(files[0])}",
            hint="wait for it, or stop it: a build that is stopped leaves the old zip as it was",
        ) from fault

"""Open a file for reading only if it is a regular one: no pipe to hang on, no device to disturb."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from artstyle.errors import ImageError

_KINDS = (
    (stat.S_ISDIR, "it is a folder", "name the files in it, or give it to --images"),
    (stat.S_ISFIFO, "it is a pipe, not a file", "write what comes out of it to a file first"),
    (stat.S_ISSOCK, "it is a socket, not a file", None),
    (stat.S_ISCHR, "it is a device, not a file", None),
    (stat.S_ISBLK, "it is a device, not a file", None),
)
# Windows has no open that waits, but translates line ends unless told not to.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@contextmanager
def regular_file(path: Path) -> Iterator[IO[bytes]]:
    """The file as a binary stream, at its first byte.

    Raises:
        ImageError: there is no such file, it must not be read, it is empty, or it is no regular
            file. The message continues "cannot read NAME: ".
    """
    try:
        _refuse_others(path.stat().st_mode)
        handle = os.open(path, _FLAGS)
    except ValueError as fault:  # a name with a zero byte
        raise ImageError("its name holds a zero byte") from fault
    except OSError as fault:
        raise _refused(path, fault) from fault
    with os.fdopen(handle, "rb") as stream:
        found = os.fstat(stream.fileno())  # the name may stand for another file by now
        _refuse_others(found.st_mode)
        if not found.st_size:
            raise ImageError("it is empty (0 bytes)", hint="fetch or export it again")
        yield stream


def _refuse_others(mode: int) -> None:
    for is_kind, what, hint in _KINDS:
        if is_kind(mode):
            raise ImageError(what, hint=hint)


def _refused(path: Path, fault: OSError) -> ImageError:
    match fault:
        case FileNotFoundError() if path.is_symlink():
            return ImageError("it is a link that leads nowhere")
        case FileNotFoundError() | NotADirectoryError():
            return ImageError("there is no such file", hint="look for a typing error in its name")
        case PermissionError():
            return ImageError(
                "you may not read it",
                hint="look at who owns it, e.g. with 'ls -l', or 'chmod u+r' it",
            )
        case _:
            return ImageError((fault.strerror or str(fault)).lower())

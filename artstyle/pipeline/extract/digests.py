"""The SHA-256 of sources, remembered: a film of 10 GB is read for it once and not at each start."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from artstyle import files
from artstyle.errors import ImageError
from artstyle.images.open import regular_file

_BLOCK_BYTES = 1 << 20


class Digests:
    """Digests by path, believed as long as size, time of change and inode are the same.

    Args:
        path: the file that remembers; it may be missing, broken or deleted at any time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, list[Any]] = {}
        self._is_new = False
        with suppress(OSError, ValueError):
            found = json.loads(path.read_text(encoding="ascii"))
            self._known = found if isinstance(found, dict) else {}

    def of(self, path: Path) -> tuple[str, int]:
        """The digest of a file and its size in bytes; any number of threads may ask.

        Raises:
            ImageError: it is no regular file, it is empty, or it cannot be read. The message
                continues "cannot read NAME: ".
        """
        name = ascii(os.path.abspath(path))  # noqa: PTH100 - as typed
        with regular_file(path) as stream:
            status = os.fstat(stream.fileno())
            seen = [status.st_size, status.st_mtime_ns, status.st_ino]
            known = self._known.get(name)
            if isinstance(known, list) and known[1:] == seen:
                return str(known[0]), status.st_size
            digest = hashlib.sha256()
            try:
                while block := stream.read(_BLOCK_BYTES):
                    digest.update(block)
            except OSError as fault:
                raise ImageError((fault.strerror or str(fault)).lower()) from fault
        self._known[name] = [digest.hexdigest(), *seen]
        self._is_new = True
        return digest.hexdigest(), status.st_size

    def save(self) -> None:
        """Remember for the next time what is new."""
        if self._is_new:
            files.write_text(self._path, json.dumps(dict(sorted(self._known.items())), indent=0))
            self._is_new = False

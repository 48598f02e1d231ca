"""The files of a dataset, in a zip or in a folder, and what must not be among them."""

from __future__ import annotations

import itertools
import os
import stat
import threading
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from artstyle.errors import CorpusError
from artstyle.names import shown

MOST_BYTES = 512 << 20  # of one file; a stored RGB picture of 8192 px has 200 MB
_MOST_RATIO = 1100  # more than DEFLATE can shrink: the declared size is a lie
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


class Store(Protocol):
    """Names of files, in the order of their bytes, and their content."""

    path: Path
    names: tuple[str, ...]

    def read(self, name: str) -> bytes:
        """The content of a file. Raises CorpusError if it is damaged."""
        ...


def open_store(path: Path) -> Store:
    """The zip or folder at a path.

    Raises:
        CorpusError: there is none, it is damaged, or it holds what it must not.
    """
    if path.is_dir():
        return FolderStore(path)
    if not path.is_file():
        raise CorpusError(f"there is no dataset {shown(path)}", hint="artstyle build makes one")
    return ZipStore(path)


class ZipStore:
    """A zip that has been looked through; one handle per thread and process."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._handles = threading.local()
        try:
            infos = self._zip().infolist()
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as fault:
            raise CorpusError(
                f"{shown(path)} is no whole zip: {fault}", hint="build or fetch it again"
            ) from fault
        files = [info for info in infos if not info.is_dir()]
        for info in infos:
            _check_entry(path, info)
        names = sorted(info.filename for info in files)
        twice = next((a for a, b in itertools.pairwise(names) if a == b), None)
        if twice is not None:
            raise CorpusError(f"{shown(path)} holds {shown(twice)} twice: which one is meant?")
        self.names = tuple(names)

    def read(self, name: str) -> bytes:
        """The content of a file. Raises CorpusError if it is damaged."""
        try:
            with self._zip().open(name) as stream:
                size_bytes = self._zip().getinfo(name).file_size
                data = stream.read(size_bytes + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError) as fault:
            raise CorpusError(f"{shown(name)} in {shown(self.path)} is damaged: {fault}") from fault
        if len(data) != size_bytes:
            raise CorpusError(f"{shown(name)} in {shown(self.path)} is shorter than it says")
        return data

    def _zip(self) -> zipfile.ZipFile:
        # A handle is a place in a file: shared by threads or forks, they read each other's bytes.
        if getattr(self._handles, "process", None) != os.getpid():
            self._handles.zip = zipfile.ZipFile(self.path)
            self._handles.process = os.getpid()
        opened: zipfile.ZipFile = self._handles.zip
        return opened

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "names": self.names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path, self.names = state["path"], state["names"]
        self._handles = threading.local()


class FolderStore:
    """A folder with its subfolders; links are not followed."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        found = []
        for folder, _, files in os.walk(self.path):
            for name in files:
                file = Path(folder, name)
                if not file.is_symlink() and file.is_file():
                    found.append(file.relative_to(self.path).as_posix())
        self.names = tuple(sorted(found))

    def read(self, name: str) -> bytes:
        """The content of a file. Raises CorpusError if it cannot be read or is too large."""
        try:
            with (self.path / name).open("rb") as stream:
                data = stream.read(MOST_BYTES + 1)
        except OSError as fault:
            raise CorpusError(f"cannot read {shown(self.path / name)}: {fault.strerror}") from fault
        if len(data) > MOST_BYTES:
            raise CorpusError(f"{shown(self.path / name)} has more than {MOST_BYTES:,} bytes")
        return data


def _check_entry(path: Path, info: zipfile.ZipInfo) -> None:
    """Refuse entries that no tool for datasets writes."""
    name, fault = info.filename, None
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\\" in name or ":" in name or not name:
        fault = "its name leads out of the zip"
    elif stat.S_ISLNK(info.external_attr >> 16):
        fault = "it is a link"
    elif info.flag_bits & 0x1:
        fault = "it is encrypted"
    elif info.compress_type not in _METHODS:
        fault = f"it is compressed by method {info.compress_type}, not stored or deflated"
    elif info.file_size > MOST_BYTES:
        fault = f"it declares {info.file_size:,} bytes, more than {MOST_BYTES:,}"
    elif info.file_size > _MOST_RATIO * max(1, info.compress_size):
        fault = f"it declares {info.file_size:,} bytes in {info.compress_size:,}"
    if fault:
        raise CorpusError(
            f"{shown(path)} is refused for {shown(name)}: {fault}",
            hint="unpack it where it can do no harm, look at it, and build the dataset anew",
        )

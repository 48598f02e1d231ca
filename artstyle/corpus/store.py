"""The files of a dataset, in a zip or in a folder, and what must not be among them."""

from __future__ import annotations

import hashlib
import itertools
import os
import stat
import struct
import threading
import zipfile
import zlib
from pathlib import Path
from typing import Any, Protocol

from artstyle.errors import CorpusError
from artstyle.names import shown

MOST_BYTES = 512 << 20  # of one file; a stored RGB picture of 8192 px has 200 MB
_MOST_RATIO = 1100  # more than DEFLATE can shrink: the declared size is a lie
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_BLOCK_BYTES = 1 << 20
_START_BYTES = 64  # enough for a PNG's header
_LOCAL = struct.Struct("<4s2xH18xHH")  # before each file: signature, flags, lengths of name, extra
_ENCRYPTED_OR_PATCHED = 0x21
_EXTRA_BYTES = 64  # of the fields between a file's name and its data; more are rare
_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError)


class Store(Protocol):
    """Names of files, in the order of their bytes, and their content."""

    path: Path
    names: tuple[str, ...]

    def read(self, name: str) -> bytes:
        """The content of a file. Raises CorpusError if it is damaged."""
        ...

    def start(self, name: str) -> bytes:
        """The first 64 bytes of a file. Raises CorpusError if it cannot be read."""
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


def directory_sha256(path: Path) -> str:
    """SHA-256 of what a zip says of its files at its end: names, sizes and checksums of all.

    A zip of ours that is another gives another digest, and a large one is known in an instant.

    Raises:
        CorpusError: it is no whole zip.
    """
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(path) as opened, path.open("rb") as stream:
            stream.seek(opened.start_dir)
            while block := stream.read(_BLOCK_BYTES):
                digest.update(block)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as fault:
        raise CorpusError(f"{shown(path)} is no whole zip: {fault}") from fault
    return digest.hexdigest()


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
        except _FAULTS as fault:
            raise self._damaged(name, fault) from fault
        if len(data) != size_bytes:
            raise CorpusError(f"{shown(name)} in {shown(self.path)} is shorter than it says")
        return data

    def start(self, name: str) -> bytes:
        """The first 64 bytes of a file. Raises CorpusError if it cannot be read."""
        try:
            stored = self._stored_start(self._zip().getinfo(name))
            if stored is not None:
                return stored
            with self._zip().open(name) as stream:
                return stream.read(_START_BYTES)
        except _FAULTS as fault:
            raise self._damaged(name, fault) from fault

    def _stored_start(self, info: zipfile.ZipInfo) -> bytes | None:
        """The first bytes of a file that lies there as it is; None: ask `zipfile`, who is slow."""
        stream, name = self._zip().fp, info.orig_filename.encode("utf-8", "replace")
        if info.compress_type != zipfile.ZIP_STORED or stream is None:
            return None
        stream.seek(info.header_offset)
        header = stream.read(_LOCAL.size + len(name) + _EXTRA_BYTES + _START_BYTES)
        if len(header) < _LOCAL.size:
            return None
        signature, flags, name_bytes, extra_bytes = _LOCAL.unpack_from(header)
        data = _LOCAL.size + name_bytes + extra_bytes
        is_plain = signature == b"PK\3\4" and not flags & _ENCRYPTED_OR_PATCHED
        if not is_plain or header[_LOCAL.size :][:name_bytes] != name or extra_bytes > _EXTRA_BYTES:
            return None
        return header[data : data + min(_START_BYTES, info.file_size)]

    def _damaged(self, name: str, fault: Exception) -> CorpusError:
        return CorpusError(f"{shown(name)} in {shown(self.path)} is damaged: {fault}")

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
        data = self._first(name, MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise CorpusError(f"{shown(self.path / name)} has more than {MOST_BYTES:,} bytes")
        return data

    def start(self, name: str) -> bytes:
        """The first 64 bytes of a file. Raises CorpusError if it cannot be read."""
        return self._first(name, _START_BYTES)

    def _first(self, name: str, most_bytes: int) -> bytes:
        try:
            with (self.path / name).open("rb") as stream:
                return stream.read(most_bytes)
        except OSError as fault:
            raise CorpusError(f"cannot read {shown(self.path / name)}: {fault.strerror}") from fault


def _check_entry(path: Path, info: zipfile.ZipInfo) -> None:
    """Refuse entries that no tool for datasets writes."""
    name, fault = info.filename, None
    leads_out = name.startswith("/") or ".." in name.split("/")
    if leads_out or "\\" in name or ":" in name or not name:
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

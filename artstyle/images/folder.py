"""Find the pictures in a folder, in an order that is the same on every machine."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from artstyle.errors import ImageError
from artstyle.events import Emit, Note, ignore
from artstyle.names import natural_key, shown

SUFFIXES = (
    *(".apng", ".avif", ".bmp", ".gif", ".ico", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg"),
    *(".mpo", ".pbm", ".pcx", ".pgm", ".png", ".pnm", ".ppm", ".qoi", ".targa", ".tga", ".tif"),
    *(".tiff", ".webp"),
)


def list_images(
    folder: Path, *, recursive: bool = True, hidden: bool = False, emit: Emit = ignore
) -> list[Path]:
    """The files in a folder that are pictures by their suffix.

    Every folder is entered once, however many links lead to it or round in circles; names that
    are no UTF-8 are found like others. What is no regular file is left out. Files are not opened.

    Args:
        folder: where to look.
        recursive: look into its subfolders too.
        hidden: take files and folders whose names begin with a dot.
        emit: hears of folders that may not be read, and of links that lead nowhere.

    Returns:
        Paths that begin with `folder`, ordered as people count: img9 before img10.

    Raises:
        ImageError: there is no such folder, or it may not be read.
    """
    try:
        os.scandir(folder).close()
    except FileNotFoundError as fault:
        raise ImageError(f"there is no folder {shown(folder)}") from fault
    except NotADirectoryError as fault:
        raise ImageError(
            f"{shown(folder)} is no folder", hint="name the folder it is in"
        ) from fault
    except PermissionError as fault:
        raise ImageError(
            f"you may not look into the folder {shown(folder)}", hint="look at who owns it"
        ) from fault
    found = _walk(folder, recursive=recursive, hidden=hidden, emit=emit)
    return sorted(found, key=lambda path: natural_key(path.relative_to(folder)))


def _walk(folder: Path, *, recursive: bool, hidden: bool, emit: Emit) -> Iterator[Path]:
    """Pictures below a folder; links to folders come last, so that real places win."""
    entered: set[tuple[int, int]] = set()
    folders, links = deque([folder]), deque[Path]()
    while folders or links:
        here = (folders or links).popleft()
        try:
            identity = (here.stat().st_dev, here.stat().st_ino)
            if identity in entered:
                continue
            entered.add(identity)
            entries = sorted(os.scandir(here), key=lambda entry: natural_key(entry.name))
        except OSError as fault:
            emit(Note(f"skipped the folder {shown(here)}: {fault.strerror}", "warning"))
            continue
        for entry in entries:
            if entry.name.startswith(".") and not hidden:
                continue
            path = here / entry.name
            if recursive and _is_dir(entry):
                (links if entry.is_symlink() else folders).append(path)
            elif path.suffix.lower() in SUFFIXES and _is_file(entry, path, emit):
                yield path


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_file(entry: os.DirEntry[str], path: Path, emit: Emit) -> bool:
    try:
        if entry.is_file():
            return True
        broken = entry.is_symlink() and not entry.is_dir()
    except OSError:
        broken = True
    if broken:
        emit(Note(f"skipped {shown(path)}: a link that leads to no file", "warning"))
    return False

"""What a command was given to redraw: pictures, films, and folders of both; and where each goes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from artstyle.errors import UsageError
from artstyle.events import Emit, ignore
from artstyle.images import list_images
from artstyle.names import natural_key, shown
from artstyle.pipeline.stylize.common import PICTURES, check_out
from artstyle.pipeline.stylize.films import is_film

_FILMS_OUT = (".mp4", ".webm", ".gif")
_LONGEST_NAME = 120  # letters, with room for the suffix


@dataclass(frozen=True)
class Content:
    """One thing to redraw."""

    path: Path
    is_film: bool
    out: Path


def find_contents(
    given: Sequence[Path], out: Path, label: str, *, emit: Emit = ignore
) -> tuple[Content, ...]:
    """What there is to redraw, with a place of its own for each.

    Args:
        given: files, and folders, which are searched with their subfolders.
        out: a file's name for one content; else a folder, in which subfolders stay as they are.
        label: stands in the results' names, after a hyphen.
        emit: hears of folders that cannot be looked into.

    Raises:
        UsageError: there is nothing, a name does not fit, or a result would take an input's place.
        ImageError: a folder may not be read.
    """
    found = [one for path in given for one in _walk(path, emit)]
    if not found:
        raise UsageError("there is nothing to draw: no pictures and no films were found")
    is_single = len(given) == 1 and not given[0].is_dir()
    suffix = out.suffix.lower()
    if is_single and suffix in (*PICTURES, *_FILMS_OUT) and not out.is_dir():
        contents = [_single(found[0][0], out)]
    else:
        _require_folder(out, is_single)
        contents = _in_folder(found, out, label)
    for content in contents:
        check_out(content.out, [path for path, _ in found])
    return tuple(contents)


def _walk(path: Path, emit: Emit) -> Iterator[tuple[Path, Path]]:
    """Files to redraw, each with where it lies below what was given."""
    if not path.is_dir():
        yield path, Path(path.name)
        return
    films = (
        Path(folder, name)
        for folder, _, names in os.walk(path)
        for name in names
        if is_film(Path(name)) and not name.startswith(".")
    )
    for file in [*list_images(path, emit=emit), *sorted(films, key=natural_key)]:
        yield file, file.relative_to(path)


def _single(path: Path, out: Path) -> Content:
    film = is_film(path)
    wanted = _FILMS_OUT if film else PICTURES
    if out.suffix.lower() not in wanted:
        what = "a film" if film else "a picture"
        raise UsageError(
            f"{shown(path)} is {what}, and --out {shown(out)} is not written as one",
            hint=f"call it {shown(out.with_suffix(wanted[0]).name)}",
        )
    return Content(path, film, out)


def _require_folder(out: Path, is_single: bool) -> None:
    if out.is_file() or (out.suffix.lower() in (*PICTURES, *_FILMS_OUT) and not out.is_dir()):
        raise UsageError(
            f"--out {shown(out)} is a file's name, and there are several things to draw",
            hint=f"name a folder, e.g. {shown(out.with_suffix(''))}",
        )
    if is_single and out.suffix and not out.is_dir():
        raise UsageError(
            f"--out {shown(out)}: results are written as {', '.join((*PICTURES, *_FILMS_OUT))}",
            hint="name such a file, or a folder",
        )


def _in_folder(found: Sequence[tuple[Path, Path]], out: Path, label: str) -> list[Content]:
    """Places in a folder; where two would be one, the later gets a number."""
    contents: list[Content] = []
    taken: set[Path] = set()
    for path, below in found:
        film = is_film(path)
        stem = f"{path.stem[:_LONGEST_NAME]}-{label}"[:_LONGEST_NAME]
        folder = out / below.parent
        place, number = folder / stem, 1
        while place in taken:
            number += 1
            place = folder / f"{stem}-{number}"
        taken.add(place)
        suffix = ".mp4" if film else ".png"
        contents.append(Content(path, film, place.with_name(place.name + suffix)))
    return contents

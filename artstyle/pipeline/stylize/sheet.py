"""The cells of a sheet: each photo in each style by each method, with its time.

Cells lie in `cells/CONTENT-STYLE-METHOD.png` with their records, so that a sheet that was broken
off goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artstyle.errors import UsageError, WeightsError
from artstyle.events import Emit, Note, Progress, ignore
from artstyle.pipeline.stylize import baselines
from artstyle.pipeline.stylize.baselines import KINDS, Kind, StyleChoice
from artstyle.pipeline.stylize.common import (
    Picture,
    Stylized,
    finished,
    read_picture,
    tell_catalog,
    write_result,
)

CELLS = "cells"


@dataclass(frozen=True, eq=False)
class Painting:
    """A style of the sheet."""

    name: str
    picture: Picture

    @property
    def choice(self) -> StyleChoice:
        """As methods take it."""
        return StyleChoice(self.name, self.picture.pixels)


@dataclass(frozen=True, eq=False)
class Cell:
    """One place of the sheet."""

    content: Picture
    painting: Painting
    method: Kind
    drawn: Stylized | None  # None: the method cannot draw it
    why: str  # it cannot; else empty

    @property
    def seconds(self) -> float | None:
        """How long it took when it was drawn."""
        return None if self.drawn is None else float(self.drawn.record["seconds"])

    def facts(self) -> dict[str, Any]:
        """For the sheet's JSON."""
        facts: dict[str, Any] = {
            "content": self.content.path.name,
            "style": self.painting.name,
            "method": self.method,
        }
        if self.drawn is None:
            return facts | {"missing": self.why}
        record = self.drawn.record
        more = {key: record[key] for key in ("perception", "faces") if key in record}
        return facts | {"file": f"{CELLS}/{self.drawn.file.name}", "seconds": self.seconds} | more


def parse_methods(text: str) -> list[Kind]:
    """Methods from a list like "gatys,fast".

    Raises:
        UsageError: there is no such method, or none was named.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    found = [kind for word in dict.fromkeys(words) for kind in KINDS if kind == word]
    if not found or len(found) < len(set(words)):
        unknown = [word for word in words if word not in KINDS]
        raise UsageError(
            f"there is no method {', '.join(map(repr, unknown)) or repr(text)}",
            hint=f"there are {', '.join(KINDS)}",
        )
    return found


def parse_styles(words: Sequence[str]) -> list[tuple[str, Path]]:
    """Styles as NAME=FILE, or FILE alone, which is named by its stem.

    Raises:
        UsageError: a name stands for two files.
    """
    found = []
    for word in words:
        name, equals, file = word.partition("=")
        if equals and not Path(word).exists():
            found.append((name, Path(file)))
        else:
            found.append((Path(word).stem, Path(word)))
    names = [name for name, _ in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"two styles are called {', '.join(twice)}", hint="write NAME=FILE")
    return found


def read_inputs(
    contents: Sequence[Path], styles: Sequence[tuple[str, Path]]
) -> tuple[list[Picture], list[Painting]]:
    """The pictures of a sheet.

    Raises:
        ImageError: one is no picture.
        UsageError: two contents have one name.
    """
    stems = [path.stem for path in contents]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise UsageError(f"two contents are called {', '.join(twice)}", hint="rename one of them")
    photos = [read_picture(path, "content") for path in contents]
    return photos, [Painting(name, read_picture(path, "style")) for name, path in styles]


def draw_cells(
    photos: Sequence[Picture],
    paintings: Sequence[Painting],
    methods: Sequence[Kind],
    out: Path,
    *,
    size_px: int,
    workspace: Path | None = None,
    emit: Emit = ignore,
) -> list[Cell]:
    """Draw, or find drawn, every photo in every style by every method.

    Args:
        photos: the contents.
        paintings: the styles.
        methods: in this order.
        out: the sheet's folder.
        size_px: longer side of a cell.
        workspace: its catalog is told of the cells; None: there is none.
        emit: told of progress in cells.

    Returns:
        Photo by photo, in it method by method, in it style by style.

    Raises:
        ArtstyleError: a method fails on a cell.
    """
    places = [(p, m, s) for p in photos for m in methods for s in paintings]
    missing = {(m, s.name): _missing(m, s) for m in methods for s in paintings}
    for words in sorted({why for why in missing.values() if why}):
        emit(Note(words, "warning"))
    cells = []
    for number, (photo, method, painting) in enumerate(places):
        title = f"{photo.path.stem}, {painting.name}, {method}"
        emit(Progress("cells", number, len(places), "cells", title))
        why = missing[method, painting.name]
        drawn = None if why else _cell(photo, painting, method, out, size_px)
        cells.append(Cell(photo, painting, method, drawn, why))
    emit(Progress("cells", len(places), len(places), "cells"))
    if workspace is not None:
        tell_catalog(workspace, [cell.drawn for cell in cells if cell.drawn is not None])
    return cells


def _missing(method: Kind, painting: Painting) -> str:
    """Why a method cannot draw in a style; empty where it can."""
    if not baselines.is_there(method):
        return f"this artstyle came without the method {method}"
    if method == "fast" and painting.name not in baselines.shipped_styles(method):
        return f"no fast net was trained on {painting.name}"
    try:
        baselines.identity(method, painting.choice)
    except WeightsError as fault:
        return f"{method}: {fault}"
    return ""


def _cell(photo: Picture, painting: Painting, method: Kind, out: Path, size_px: int) -> Stylized:
    """One cell, drawn now or before."""
    file = out / CELLS / f"{photo.path.stem}-{painting.name}-{method}.png"
    identity = {
        "inputs": [["content", photo.sha256], ["style", painting.picture.sha256]],
        "size_px": size_px,
        "by": baselines.identity(method, painting.choice),
    }
    done = finished(file, identity)
    if done is not None:
        return done
    made = baselines.draw_baseline(method, photo.pixels, painting.choice, size_px)
    return write_result(
        file,
        made.pixels,
        method=method,
        identity=identity,
        inputs=[photo, painting.picture],
        facts={key: value for key, value in made.record.items() if key != "method"},
    )

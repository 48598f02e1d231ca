"""The classic baselines beside the styles: the same face, the same square, other methods.

Each kind is drawn by `artstyle.pipeline.stylize.baselines`, which knows what is here. The content
is the aligned photo at 256 px, so that a baseline's cell lies over the photo as a style's does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from artstyle.errors import UsageError
from artstyle.events import Emit, Note, Progress, ignore
from artstyle.pipeline.challenge.drawing import Cell, facts_of, kept_cell, write_cell
from artstyle.pipeline.challenge.photos import plain_name
from artstyle.pipeline.challenge.preflight import Ready

if TYPE_CHECKING:
    from artstyle.pipeline.stylize.baselines import StyleChoice

Kind: TypeAlias = Literal["gatys", "adain", "fast"]
KINDS: tuple[Kind, ...] = get_args(Kind)
QUICK: tuple[Kind, ...] = ("adain", "fast")  # what is drawn if nothing is said, and it ships
TITLES: dict[Kind, str] = {"gatys": "Gatys et al.", "adain": "AdaIN", "fast": "fast transfer"}
SIZE_PX = 256


@dataclass(frozen=True)
class Baseline:
    """One column of a classic method."""

    kind: Kind
    style: str  # its name
    painting: Path | None = None  # the user's own; None: the method knows the style by its name

    @property
    def name(self) -> str:
        """For files."""
        return f"{self.kind}-{self.style}"

    @property
    def title(self) -> str:
        """For people."""
        return f"{TITLES[self.kind]}, {self.style.replace('_', ' ')}"

    def choice(self) -> StyleChoice:
        """As the methods take it.

        Raises:
            ImageError: the painting cannot be read.
        """
        from artstyle.images import read_rgb
        from artstyle.pipeline.stylize.baselines import StyleChoice

        return StyleChoice(self.style, read_rgb(self.painting).rgb if self.painting else None)


def parse_kinds(text: str) -> tuple[Kind, ...] | None:
    """The kinds of `--baselines`: "none", "auto" (None: what is quick and ships), or a list.

    Raises:
        UsageError: there is no such baseline.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if words == ["auto"]:
        return None
    if words == ["none"]:
        return ()
    unknown = [word for word in words if word not in KINDS]
    if unknown or not words:
        raise UsageError(
            f"there is no baseline {', '.join(map(repr, unknown)) or repr(text)}",
            hint=f"there are {', '.join(KINDS)}; none leaves them out",
        )
    return tuple(kind for kind in KINDS if kind in words)


def find_baselines(
    kinds: Sequence[Kind] | None, styles: Sequence[str] | None = None, *, emit: Emit = ignore
) -> tuple[tuple[Baseline, ...], tuple[str, ...]]:
    """The columns that can be drawn, and what is missing, in words.

    Args:
        kinds: which; None: the quick ones that ship.
        styles: names that ship, or files of paintings; None: for each kind one.
        emit: told what is missing.

    Raises:
        UsageError: no baseline has a style of this name.
    """
    from artstyle.pipeline.stylize.baselines import is_there, shipped_styles

    wanted = QUICK if kinds is None else tuple(kinds)
    own = [Path(word) for word in styles or () if Path(word).is_file()]
    named = None if styles is None else [word for word in styles if Path(word) not in own]
    there = {kind: tuple(shipped_styles(kind)) for kind in wanted}
    known = sorted({name for names in there.values() for name in names})
    for word in named or ():
        if word not in known:
            raise UsageError(
                f"there is no style {word!r} for a baseline, and no such file",
                hint=f"there are {', '.join(known)}" if known else "give a painting's file",
            )
    found, lacking = [], []
    for kind in wanted:
        usual = _usual(kind, there) if named is None else tuple(named)
        columns = [Baseline(kind, name) for name in usual if name in there[kind]]
        if kind != "fast" and is_there(kind):
            columns += [Baseline(kind, plain_name(path.stem), path) for path in own]
        if not columns:
            lacking.append(f"no baseline {TITLES[kind]}: what it needs is not here")
        found += columns
    for words in lacking:
        emit(Note(words, "info" if kinds is None else "warning"))
    return tuple(found), tuple(lacking)


def _usual(kind: Kind, there: Mapping[Kind, Sequence[str]]) -> tuple[str, ...]:
    """The style that is taken where none is named: one that all kinds have, else the first."""
    having = [names for names in there.values() if names]
    common = [name for name in there[kind] if all(name in names for names in having)]
    return tuple((common or list(there[kind]))[:1])


def identity_of(baseline: Baseline) -> dict[str, Any]:
    """What decides a baseline's cell besides the photo: its weights, painting, settings."""
    from artstyle.pipeline.stylize.baselines import identity

    said = identity(baseline.kind, baseline.choice())
    return {"kind": baseline.kind, "style": baseline.style, **said}


def draw_baselines(
    columns: Sequence[Baseline],
    faces: Sequence[Ready],
    files: Sequence[Sequence[Path]],
    *,
    emit: Emit = ignore,
) -> tuple[list[list[Cell]], list[dict[str, Any]]]:
    """All cells, [column][face], and what is to be said of each column.

    Args:
        columns: which.
        faces: their aligned photos are the content.
        files: for each column, a file per face.
        emit: gets progress in cells.

    Raises:
        ArtstyleError: a baseline cannot be drawn.
        OSError: a cell cannot be written.
    """
    total, done = len(columns) * len(faces), 0
    cells: list[list[Cell]] = []
    cards: list[dict[str, Any]] = []
    for column, places in zip(columns, files, strict=True):
        said, facts = identity_of(column), dict[str, Any]()
        drawn: list[Cell] = []
        for face, file in zip(faces, places, strict=True):
            emit(Progress("baselines", done, total, "cells", column.title))
            cell, more = _cell(column, said, face, file, emit)
            facts = facts or more
            drawn.append(cell)
            done += 1
        cells.append(drawn)
        cards.append({**facts, **said, "title": column.title, "name": column.name})
    if total:
        emit(Progress("baselines", total, total, "cells"))
    return cells, cards


def _cell(
    column: Baseline, said: Mapping[str, Any], face: Ready, file: Path, emit: Emit
) -> tuple[Cell, dict[str, Any]]:
    """One cell, and what the method says of it."""
    from artstyle.images import resize_lanczos
    from artstyle.pipeline.stylize.baselines import draw_baseline

    content = resize_lanczos(face.shown, SIZE_PX, SIZE_PX)
    digest = hashlib.sha256(content.tobytes()).hexdigest()
    lineage = {"what": "baseline of a challenge", "content_sha256": digest, **said}
    kept = kept_cell(file, lineage)
    if kept is not None:
        return kept, facts_of(file)
    made = draw_baseline(column.kind, content, column.choice(), SIZE_PX, emit=emit)
    return write_cell(file, lineage, made.pixels, made.record), made.record

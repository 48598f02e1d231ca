"""The classic baselines beside the styles: the same face, the same square, other methods.

Each kind is drawn by `artstyle.pipeline.stylize.baselines`, which knows what is here. The content
is the aligned photo at 256 px, so that a baseline's cell lies over the photo as a style's does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import UsageError
from artstyle.events import Emit, Note, Progress, ignore
from artstyle.pipeline.challenge.drawing import Cell, keep_or_write
from artstyle.pipeline.challenge.preflight import Ready

Kind: TypeAlias = Literal["gatys", "adain", "fast"]
KINDS: tuple[Kind, ...] = get_args(Kind)
QUICK: tuple[Kind, ...] = ("adain", "fast")  # what is drawn if nothing is said, and it ships
TITLES: dict[Kind, str] = {"gatys": "Gatys et al.", "adain": "AdaIN", "fast": "fast transfer"}
SIZE_PX = 256
_REGISTRY = "artstyle.pipeline.stylize.baselines"


@dataclass(frozen=True)
class Baseline:
    """One column of a classic method."""

    kind: Kind
    style: str  # the painting's name

    @property
    def name(self) -> str:
        """For files."""
        return f"{self.kind}-{self.style}"

    @property
    def title(self) -> str:
        """For people."""
        return f"{TITLES[self.kind]}, {self.style.replace('_', ' ')}"


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
        styles: names of paintings; None: for each kind its first.
        emit: told what is missing.

    Raises:
        UsageError: no baseline has a painting of this name.
    """
    wanted = QUICK if kinds is None else tuple(kinds)
    there = {kind: tuple(shipped_styles(kind)) for kind in wanted}
    lacking = [
        f"no baseline {TITLES[kind]}: what it needs is not here"
        for kind in wanted
        if not there[kind]
    ]
    for words in lacking:
        emit(Note(words, "info" if kinds is None else "warning"))
    known = sorted({name for names in there.values() for name in names})
    for name in styles or ():
        if name not in known:
            raise UsageError(
                f"no baseline has a painting {name!r}",
                hint=f"there are {', '.join(known)}" if known else "leave --baseline-style out",
            )
    found = [
        Baseline(kind, name)
        for kind in wanted
        for name in (there[kind][:1] if styles is None else styles)
        if name in there[kind]
    ]
    return tuple(found), tuple(lacking)


def shipped_styles(kind: Kind) -> Sequence[str]:
    """The paintings that a kind can be drawn in without anything being fetched."""
    from importlib.util import find_spec

    if find_spec(_REGISTRY) is None:
        return []
    return list(import_module(_REGISTRY).shipped_styles(kind))


def identity_of(baseline: Baseline) -> dict[str, Any]:
    """What decides a baseline's cell besides the photo: its weights and painting."""
    from artstyle.pipeline.stylize import baselines

    return {
        "kind": baseline.kind,
        "style": baseline.style,
        **baselines.identity(baseline.kind, baseline.style),
    }


def draw_baselines(
    columns: Sequence[Baseline],
    faces: Sequence[Ready],
    files: Sequence[Sequence[Path]],
    *,
    seed: int,
    emit: Emit = ignore,
) -> tuple[list[list[Cell]], list[dict[str, Any]]]:
    """All cells, [column][face], and what is to be said of each column.

    Args:
        columns: which.
        faces: their aligned photos are the content.
        files: for each column, a file per face.
        seed: of what is random.
        emit: gets progress in cells.

    Raises:
        ArtstyleError: a baseline cannot be drawn.
        OSError: a cell cannot be written.
    """
    from artstyle.images import resize_lanczos

    total = len(columns) * len(faces)
    cells: list[list[Cell]] = []
    cards: list[dict[str, Any]] = []
    for number, (column, places) in enumerate(zip(columns, files, strict=True)):
        drawn: list[Cell] = []
        seconds, said = 0.0, identity_of(column)
        for face, file in zip(faces, places, strict=True):
            emit(
                Progress(
                    "baselines", number * len(faces) + len(drawn), total, "cells", column.title
                )
            )
            content = resize_lanczos(face.shown, SIZE_PX, SIZE_PX)
            once = _Once(column, content, seed, emit)
            drawn.append(keep_or_write(file, _lineage(said, content, seed), once))
            seconds += once.seconds
        cells.append(drawn)
        cards.append({**said, "title": column.title, "seconds": round(seconds, 3)})
    emit(Progress("baselines", total, total, "cells")) if total else None
    return cells, cards


class _Once:
    """Draws one cell when it is called."""

    def __init__(self, column: Baseline, content: NDArray[np.uint8], seed: int, emit: Emit) -> None:
        self._column, self._content, self._seed, self._emit = column, content, seed, emit
        self.seconds = 0.0

    def __call__(self) -> NDArray[np.uint8]:
        made: Any = import_module(_REGISTRY).draw_baseline(
            self._column.kind, self._content, self._column.style, SIZE_PX, emit=self._emit
        )
        self.seconds = float(made.seconds)
        pixels: NDArray[np.uint8] = made.pixels
        return pixels


def _lineage(said: dict[str, Any], content: NDArray[np.uint8], seed: int) -> dict[str, Any]:
    digest = hashlib.sha256(content.tobytes()).hexdigest()
    return {"what": "baseline of a challenge", "content_sha256": digest, "seed": seed, **said}

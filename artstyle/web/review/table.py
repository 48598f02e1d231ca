"""The crops of a style as columns, kept in step with the catalog while others write to it.

Every change of a row gives it the next number; the page asks for what has a larger number than the
last one it saw. The first view of everything is packed once and kept: 20,000 crops with twenty
figures would take longer to write as JSON than a person wants to wait.
"""

from __future__ import annotations

import gzip
import json
import math
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from artstyle.catalog import Catalog
from artstyle.web.review.reading import (
    RawCrop,
    Source,
    State,
    crops_after,
    decided_since,
    last_decision,
    sources_of,
    states_of,
)

_DIGITS = 5  # of a figure; a page cannot show more
_ROWS_AT_ONCE = 2_000  # in one answer about what has changed: under 100 ms
_STALE = 1_500  # changed rows after which the first view is packed anew
# Figures that changed in place have no number: rows are looked through, so many at a time, once
# after every time that somebody wrote.
_LOOKED_THROUGH = 1_500
_HASH = re.compile(r"[0-9a-f]{16}")
SHA_DIGITS = 12  # of a content in addresses of pictures


@dataclass(frozen=True, eq=False)
class Row:
    """One crop, as the page knows it."""

    crop: RawCrop
    state: State
    figures: dict[str, float]
    phash: int | None  # perceptual hash of 64 bits; None if there is none
    number: int  # of its last change


class Table:
    """All crops of a style. `refresh` is called from one thread only; the rest from any.

    Args:
        style: whose crops.
        looked_through: how many rows are compared with the catalog's in one refresh.
    """

    def __init__(self, style: str, *, looked_through: int = _LOOKED_THROUGH) -> None:
        self.style = style
        self.pictures_number = 0  # changes with crops and their figures, not with decisions
        self._looked_through = looked_through
        self._rows: dict[int, Row] = {}
        self._sources: dict[int, Source] = {}
        self._number = 0
        self._last_crop = 0
        self._last_decision = 0
        self._data_version = -1
        self._looked_at = 0  # the crop up to which rows were looked through
        self._to_look_at = 0  # how many rows are left
        self._packed = (b"", 0)
        self._packing = threading.Lock()

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def number(self) -> int:
        """Of the last change."""
        return self._number

    def row(self, crop: int) -> Row | None:
        """A crop's row; None if there is no such crop in this style."""
        return self._rows.get(crop)

    def rows(self) -> list[Row]:
        """All rows, in the order of their crops' ids."""
        return list(self._rows.values())

    def source(self, source: int) -> Source:
        """A source that a row names."""
        return self._sources[source]

    def refresh(self, catalog: Catalog) -> None:
        """Bring the rows up to what the catalog holds now; cheap if nobody has written to it."""
        version = int(catalog.rows("PRAGMA data_version")[0][0])
        is_new = version != self._data_version
        if not is_new and not self._to_look_at:
            return
        with catalog.snapshot():
            found = crops_after(catalog, self.style, self._last_crop)
            if is_new:
                self._to_look_at = len(self._rows)
            looked_at = self._next_to_look_at(catalog) if self._to_look_at else []
            decided = decided_since(catalog, self._last_decision)
            newest = last_decision(catalog)
            states = states_of(catalog, self.style, decided) if decided else {}
            missing = {crop.source for crop in (*found, *looked_at)} - self._sources.keys()
            sources = sources_of(catalog, missing) if missing else []
        self._sources = self._sources | {source.id: source for source in sources}
        for crop in (*looked_at, *found):
            self._put(crop)
        for crop_id in sorted(decided & self._rows.keys()):
            self._decided(crop_id, states.get(crop_id, State()))
        self._last_crop = max(self._last_crop, *(crop.id for crop in found[-1:]), 0)
        self._last_decision, self._data_version = newest, version

    def _next_to_look_at(self, catalog: Catalog) -> list[RawCrop]:
        """Some rows as they are in the catalog now; from the beginning again after the last."""
        most = self._looked_through
        crops = crops_after(catalog, self.style, self._looked_at, most=most)
        self._to_look_at = max(0, self._to_look_at - most)
        self._looked_at = crops[-1].id if len(crops) == most else 0
        return crops

    def _put(self, crop: RawCrop) -> None:
        before = self._rows.get(crop.id)
        if before is not None and before.crop == crop:
            return
        self._number += 1
        self.pictures_number += 1
        state = before.state if before is not None else State()
        figures, phash = crop.figures()
        self._rows[crop.id] = Row(crop, state, figures, _hash_of(phash), self._number)

    def _decided(self, crop: int, state: State) -> None:
        before = self._rows[crop]
        if before.state == state:
            return
        self._number += 1
        self._rows[crop] = replace(before, state=state, number=self._number)

    def changes(self, since: int) -> dict[str, Any]:
        """The rows that changed after a number, the earliest first, and the number reached.

        With `more`, there are others that did not fit.
        """
        if since >= self._number:
            return {"number": self._number, "total": len(self._rows), "more": False}
        rows = sorted(
            (row for row in self.rows() if row.number > since), key=lambda row: row.number
        )
        more = len(rows) > _ROWS_AT_ONCE
        rows = rows[:_ROWS_AT_ONCE]
        reached = rows[-1].number if more else self._number
        return {"number": reached, "total": len(self._rows), "more": more, **self._columns(rows)}

    def packed(self) -> bytes:
        """Everything as gzip-packed JSON; may be a little old: `changes` has what it lacks."""
        body, number = self._packed
        if not body or self._number - number > _STALE:
            if not body:
                self.pack()
            elif self._packing.acquire(blocking=False):
                threading.Thread(target=self._pack_and_release, daemon=True).start()
        return self._packed[0]

    def pack(self) -> None:
        """Pack everything anew."""
        number, rows = self._number, self.rows()
        data = {"number": number, "total": len(rows), "more": False, **self._columns(rows)}
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        self._packed = (gzip.compress(text.encode("utf-8", "backslashreplace"), 4), number)

    def _pack_and_release(self) -> None:
        try:
            self.pack()
        finally:
            self._packing.release()

    def _columns(self, rows: list[Row]) -> dict[str, Any]:
        used = sorted({row.crop.source for row in rows})
        sources = (self._sources[one] for one in used)
        names = sorted({name for row in rows for name in row.figures})
        return {
            "sources": [[s.id, s.path, s.kind, s.licence] for s in sources],
            "rows": {
                "id": [row.crop.id for row in rows],
                "source": [row.crop.source for row in rows],
                "time": [round(row.crop.pts_s, 3) for row in rows],
                "shot": [row.crop.shot for row in rows],
                "name": [PurePosixPath(row.crop.file).stem for row in rows],
                "sha": [row.crop.sha256[:SHA_DIGITS] for row in rows],
                **_coded((row.state for row in rows), len(rows)),
            },
            "figures": {name: [_short(row.figures.get(name)) for row in rows] for name in names},
        }


def state_columns(states: dict[int, State]) -> dict[str, Any]:
    """What holds about some crops, in the columns that `Table.changes` has."""
    return {"id": list(states), **_coded(states.values(), len(states))}


def _coded(states: Iterable[State], count: int) -> dict[str, Any]:
    """States as columns; words that come again and again stand once, and by their number."""
    words: dict[str, int] = {}

    def code(word: str | None) -> int:
        return -1 if word is None else words.setdefault(word, len(words))

    columns: dict[str, list[Any]] = {
        name: [None] * count
        for name in ("verdict", "upon", "reason", "by", "figure", "tags", "split")
    }
    for at, state in enumerate(states):
        columns["verdict"][at] = {None: 0, "keep": 1, "drop": 2}[state.verdict]
        columns["upon"][at] = state.upon
        columns["reason"][at] = code(state.reason)
        columns["by"][at] = code(state.by)
        columns["figure"][at] = _short(state.figure)
        columns["tags"][at] = [code(tag) for tag in state.tags]
        columns["split"][at] = code(state.split)
    return {**columns, "words": list(words)}


def _hash_of(text: str) -> int | None:
    """The hash that 16 hexadecimal digits stand for; None for anything else."""
    return int(text, 16) if _HASH.fullmatch(text) else None


def _short(figure: float | None) -> float | None:
    """A figure with the digits a page can show; None where there is none or it is no number."""
    if figure is None or not math.isfinite(figure):
        return None
    short = float(f"{figure:.{_DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) < 1e9 else short

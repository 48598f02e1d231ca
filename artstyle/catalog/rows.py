"""What the catalog holds, read into records: crops with all that is known of them, decisions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from artstyle.catalog import Catalog

_CROPS = """
SELECT crop.id, crop.style, crop.file, crop.sha256, crop.size_px, crop.quad_px, crop.face,
       face.detector, face.bbox_px, face.points_px, face.score, face.quality, face.frame,
       frame.pts_s, frame.shot, frame.source,
       source.path AS source_path, source.kind AS source_kind, source.licence
FROM crop JOIN face ON face.id = crop.face JOIN frame ON frame.id = face.frame
          JOIN source ON source.id = frame.source
WHERE crop.style = ? ORDER BY source.path, source.id, frame.pts_s, face.id, crop.id
"""

_DECISIONS = """
SELECT id, crop, action, value, reason, figure, "by", batch, at, undoes,
       EXISTS (SELECT 1 FROM decision AS undoing WHERE undoing.undoes = decision.id) AS is_undone
FROM decision WHERE crop = ? ORDER BY id
"""
_JSON_COLUMNS = ("quad_px", "bbox_px", "points_px", "quality")


@dataclass(frozen=True)
class Standing:
    """What holds about a crop after all decisions."""

    verdict: Literal["keep", "drop"] | None = None  # None: nobody has decided
    reason: str = ""  # of the verdict
    by: str = ""  # who gave the verdict
    tags: frozenset[str] = frozenset()
    split: str | None = None  # the part of the set it was put into


@dataclass(frozen=True)
class CropRow:
    """A crop, the face in it, and where that comes from. Coordinates are pixels of the frame."""

    id: int
    style: str
    file: Path
    sha256: str
    size_px: int
    quad_px: list[list[float]]
    face: int
    detector: str
    bbox_px: list[float]
    points_px: list[list[float]]
    score: float
    quality: dict[str, Any]
    frame: int
    pts_s: float
    shot: int | None
    source: int
    source_path: Path
    source_kind: str
    licence: str
    standing: Standing = field(default_factory=Standing)


@dataclass(frozen=True)
class Decision:
    """One decision, as it was written."""

    id: int
    crop: int
    action: str
    value: str | None
    reason: str
    figure: float | None
    by: str
    batch: str | None
    at: str
    undoes: int | None
    is_undone: bool


def crops(catalog: Catalog, style: str) -> list[CropRow]:
    """All crops of a style, in the order of their sources and times, dropped ones too."""
    decided = standing(catalog, style)
    nothing = Standing()
    return [
        _crop(catalog, row, decided.get(row["id"], nothing))
        for row in _named(catalog, _CROPS, style)
    ]


def standing(catalog: Catalog, style: str) -> dict[int, Standing]:
    """What holds about each crop of a style of which anything was decided."""
    made = catalog.rows(
        'SELECT made.crop, made.action, made.value, made.reason, made."by"'
        " FROM standing_decision AS made JOIN crop ON crop.id = made.crop"
        " WHERE crop.style = ? ORDER BY made.id",
        style,
    )
    result: dict[int, Standing] = {}
    for crop, *decision in made:
        result[crop] = _after(result.get(crop, Standing()), *decision)
    return result


def decisions(catalog: Catalog, crop: int) -> list[Decision]:
    """Everything that was ever decided about a crop, in that order."""
    rows = _named(catalog, _DECISIONS, crop)
    return [Decision(**row | {"is_undone": bool(row["is_undone"])}) for row in rows]


def last_batch(catalog: Catalog, style: str, *, by: str) -> str | None:
    """The last batch of decisions by somebody about a style of which anything still stands."""
    found = catalog.rows(
        "SELECT made.batch FROM standing_decision AS made JOIN crop ON crop.id = made.crop"
        ' WHERE crop.style = ? AND made."by" = ? AND made.batch IS NOT NULL'
        " ORDER BY made.id DESC LIMIT 1",
        *(style, by),
    )
    return str(found[0][0]) if found else None


def styles(catalog: Catalog) -> dict[str, int]:
    """The styles that have crops, sorted, and how many."""
    return dict(catalog.rows("SELECT style, count(*) FROM crop GROUP BY style ORDER BY style"))


def _after(before: Standing, action: str, value: str, reason: str, by: str) -> Standing:
    """What holds after one more decision."""
    match action:
        case "keep":
            return replace(before, verdict="keep", reason=reason, by=by)
        case "drop":
            return replace(before, verdict="drop", reason=reason, by=by)
        case "tag":
            return replace(before, tags=before.tags | {value})
        case "untag":
            return replace(before, tags=before.tags - {value})
        case _:
            return replace(before, split=value)


def _named(catalog: Catalog, query: str, *values: Any) -> Iterator[dict[str, Any]]:
    names, rows = catalog.table(query, *values)
    return (dict(zip(names, row, strict=True)) for row in rows)


def _crop(catalog: Catalog, row: dict[str, Any], standing: Standing) -> CropRow:
    parsed = {name: json.loads(row[name]) for name in _JSON_COLUMNS}
    paths = {name: catalog.absolute(row[name]) for name in ("file", "source_path")}
    return CropRow(**row | parsed | paths, standing=standing)

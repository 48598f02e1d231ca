"""What the page needs from the catalog: crops as they lie there, and what holds about each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from artstyle.catalog import Catalog

_CROPS = """
SELECT crop.id, crop.file, crop.sha256, crop.size_px, frame.source, frame.pts_s, frame.shot,
       face.score, face.quality
FROM crop JOIN face ON face.id = crop.face JOIN frame ON frame.id = face.frame
WHERE crop.style = ? AND crop.id > ? ORDER BY crop.id LIMIT ?
"""
_SOURCES = """
SELECT id, path, kind, licence FROM source WHERE id IN (SELECT value FROM json_each(?))
"""
_STANDING = """
SELECT made.crop, made.id, made.action, made.value, made.reason, made."by", made.figure
FROM standing_decision AS made JOIN crop ON crop.id = made.crop
WHERE crop.style = ?1 {which} ORDER BY made.id
"""


@dataclass(frozen=True)
class State:
    """What holds about a crop after all decisions."""

    verdict: Literal["keep", "drop"] | None = None  # None: nobody has decided
    upon: int = 0  # the id of the decision that gave the verdict; 0: none did
    reason: str = ""
    by: str = ""
    figure: float | None = None  # the measurement that led to the verdict
    tags: tuple[str, ...] = ()  # in the order in which they were given
    split: str | None = None


class RawCrop(NamedTuple):  # thousands are made and compared at a time: half of a dataclass's cost
    """A crop as it lies in the catalog; two are equal if nothing has changed."""

    id: int
    file: str  # as stored
    sha256: str
    size_px: int
    source: int
    pts_s: float
    shot: int | None
    score: float
    quality: str  # JSON

    def figures(self) -> tuple[dict[str, float], str]:
        """Its numbers by name, and its perceptual hash ("" if there is none)."""
        parsed = json.loads(self.quality)
        numbers = {k: float(v) for k, v in parsed.items() if isinstance(v, (int, float))}
        return {"score": self.score, **numbers}, str(parsed.get("phash", ""))


@dataclass(frozen=True)
class Source:
    """A film, picture or sprite sheet."""

    id: int
    path: str  # as stored
    kind: str
    licence: str


def crops_after(
    catalog: Catalog, style: str, last_id: int, *, most: int | None = None
) -> list[RawCrop]:
    """The crops of a style with larger ids than this one, in their order; None: all of them."""
    return [RawCrop._make(row) for row in catalog.rows(_CROPS, style, last_id, most or -1)]


def sources_of(catalog: Catalog, ids: Iterable[int]) -> list[Source]:
    """Sources by their ids."""
    return [Source(*row) for row in catalog.rows(_SOURCES, json.dumps(sorted(ids)))]


def states_of(catalog: Catalog, style: str, crops: Iterable[int] | None = None) -> dict[int, State]:
    """What holds about crops of which anything was decided; None: about all of the style."""
    which = "" if crops is None else "AND made.crop IN (SELECT value FROM json_each(?2))"
    values: tuple[Any, ...] = (style,) if crops is None else (style, json.dumps(list(crops)))
    found: dict[int, State] = {}
    for crop, *decision in catalog.rows(_STANDING.format(which=which), *values):
        found[crop] = _after(found.get(crop, State()), *decision)
    return found


def decided_since(catalog: Catalog, last_id: int) -> set[int]:
    """The crops, of any style, about which anything was decided or undone after this decision."""
    return {crop for (crop,) in catalog.rows("SELECT crop FROM decision WHERE id > ?", last_id)}


def last_decision(catalog: Catalog) -> int:
    """The id of the newest decision; 0 if there is none."""
    return int(catalog.rows("SELECT coalesce(max(id), 0) FROM decision")[0][0])


def _after(before: State, id: int, action: str, value: str, *given: Any) -> State:
    """What holds after one more decision; `given` are its reason, author and figure."""
    match action:
        case "keep" | "drop":
            verdict: Literal["keep", "drop"] = "keep" if action == "keep" else "drop"
            reason, by, figure = given
            return replace(before, verdict=verdict, upon=id, reason=reason, by=by, figure=figure)
        case "tag":
            others = tuple(tag for tag in before.tags if tag != value)
            return replace(before, tags=(*others, value))
        case "untag":
            return replace(before, tags=tuple(tag for tag in before.tags if tag != value))
        case _:
            return replace(before, split=value)

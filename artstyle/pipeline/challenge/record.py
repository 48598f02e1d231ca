"""`grid.json`: what a challenge made, of what, how like, how long, and what one may do with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from artstyle.files import sha256_of, write_json
from artstyle.names import shown
from artstyle.pipeline.challenge import likeness
from artstyle.pipeline.challenge.licences import by_licence, combined
from artstyle.pipeline.challenge.likeness import Likeness
from artstyle.pipeline.challenge.planning import FORMAT, RECORD_NAME, Plan
from artstyle.pipeline.challenge.preflight import Checked, Ready
from artstyle.pipeline.challenge.projecting import Projected
from artstyle.runs import versions


@dataclass
class Clock:
    """How long each stage took, in seconds."""

    now: Callable[[], float] = time.perf_counter
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a block; one that is entered again adds up, and one inside another is its own."""
        start_s, inside_s = self.now(), sum(self.seconds.values())
        try:
            yield
        finally:
            inside_s = sum(self.seconds.values()) - inside_s
            taken_s = self.now() - start_s - inside_s
            self.seconds[name] = self.seconds.get(name, 0.0) + taken_s

    def card(self) -> dict[str, float]:
        """Rounded, with their sum."""
        rounded = {name: round(value, 3) for name, value in self.seconds.items()}
        return {**rounded, "total": round(sum(self.seconds.values()), 3)}


@dataclass(frozen=True)
class CellFact:
    """A picture of a row, for the record, the grid and the page."""

    what: str  # "photo", "projection", "style", "baseline"
    name: str  # of the style or baseline; else as `what`
    title: str  # for people
    file: Path
    likeness: Likeness | None = None
    was_done: bool = False

    def card(self, out: Path) -> dict[str, Any]:
        """In JSON types."""
        return {
            "what": self.what,
            "name": self.name,
            "title": self.title,
            "file": self.file.relative_to(out).as_posix(),
            "likeness": None if self.likeness is None else self.likeness.card(),
        }


@dataclass(frozen=True, eq=False)
class Row:
    """A face with its cells, in the grid's order."""

    face: Ready
    projected: Projected
    cells: tuple[CellFact, ...]

    def card(self, out: Path) -> dict[str, Any]:
        """In JSON types."""
        photo = self.face.photo
        return {
            "name": self.face.name,
            "photo": {
                "path": str(photo.path.absolute()),
                "sha256": photo.sha256,
                "size_bytes": photo.size_bytes,
            },
            "face": self.face.facts(),
            "projection": self.projected.facts(out),
            "cells": [cell.card(out) for cell in self.cells],
            "remarks": list(self.face.remarks),
        }


def licence_parts(plan: Plan, baselines: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Names and licences of all models that drew."""
    parts = [(plan.base.title, plan.base.model.licence)]
    parts += [(part.style.title, part.style.model.licence) for part in plan.parts]
    return parts + [
        (str(card["title"]), str(card["licence"])) for card in baselines if card.get("licence")
    ]


def build_record(
    plan: Plan,
    rows: Sequence[Row],
    checked: Sequence[Checked],
    baselines: Sequence[Mapping[str, Any]],
    *,
    left_out: Mapping[str, str],
    command: Sequence[str],
) -> dict[str, Any]:
    """The record without its files and times, which are known last.

    Args:
        plan: what was done.
        rows: the people.
        checked: all photos, those that were left out too.
        baselines: what the classic methods said of themselves.
        left_out: styles that could not be drawn, and why.
        command: the words of the command line.
    """
    parts = licence_parts(plan, baselines)
    lack = likeness.lack()
    fall_backs = list(plan.remarks)
    if any(row.projected.record.get("encoder") is None for row in rows):
        fall_backs.append(
            f"{plan.base.name} has no encoder: photos were sought from the middle of W"
        )
    fall_backs += [f"{name} was left out: {why}" for name, why in left_out.items()]
    if lack:
        fall_backs.append(f"likeness was not measured: {lack}")
    return {
        "format": FORMAT,
        "command": list(command),
        "identity": dict(plan.identity),
        "base": plan.base.card(),
        "styles": [part.card() for part in plan.parts],
        "baselines": [dict(card) for card in baselines],
        "baselines_lacking": list(plan.lacking),
        "rows": [row.card(plan.out) for row in rows],
        "skipped": [
            {
                "photo": str(one.refusal.photo.path),
                "code": one.refusal.code,
                "reason": one.refusal.message,
                "hint": one.refusal.hint,
            }
            for one in checked
            if one.refusal is not None
        ],
        "likeness": {
            "measured_in": None if lack else likeness.NAME,
            "threshold": likeness.THRESHOLD,
            "calibration": likeness.CALIBRATION,
        },
        "fall_backs": fall_backs,
        "licence": {"combined": combined(parts), "parts": by_licence(parts)},
        "versions": versions(),
    }


def file_entry(out: Path, path: Path, kind: str) -> dict[str, Any]:
    """What the record says of a file."""
    return {
        "file": path.relative_to(out).as_posix(),
        "kind": kind,
        "sha256": sha256_of(path),
        "size_bytes": path.stat().st_size,
    }


def write_record(out: Path, record: Mapping[str, Any]) -> None:
    """Write `grid.json`, which makes the challenge a finished one."""
    write_json(out / RECORD_NAME, record)


def begin(out: Path, old: Mapping[str, Any] | None) -> None:
    """Make the folder, and take the old record away: what is there is not finished any more.

    Raises:
        OSError: the folder cannot be made.
    """
    out.mkdir(parents=True, exist_ok=True)
    if old is not None:
        (out / RECORD_NAME).unlink(missing_ok=True)


def sweep(out: Path, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> list[str]:
    """Remove what an earlier challenge wrote here and this one did not; only untouched files.

    Returns:
        The names of what was removed.
    """
    if old is None:
        return []
    kept = {entry["file"] for entry in new["files"]}
    removed = []
    for entry in old.get("files", []):
        path = out / entry["file"]
        inside = path.resolve().is_relative_to(out.resolve())
        if entry["file"] in kept or not inside or not path.is_file():
            continue
        if sha256_of(path) == entry["sha256"]:
            path.unlink()
            removed.append(shown(entry["file"]))
    return removed

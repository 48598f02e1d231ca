"""One curation from the catalog and back, in the order of its steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from artstyle.catalog import Catalog, open_catalog
from artstyle.catalog.rows import CropRow, crops, styles
from artstyle.curate.split import HELD_OUT, TRAIN
from artstyle.errors import ArtstyleError, UsageError
from artstyle.events import Emit, Note, ignore
from artstyle.locks import LockTimeoutError, locked
from artstyle.names import shown
from artstyle.pipeline.curate.embed import Embedded, embed
from artstyle.pipeline.curate.measure import Measured, measure_crops, tell_catalog
from artstyle.pipeline.curate.plan import ByPerson, Plan, plan_for
from artstyle.pipeline.curate.settings import Settings, settings_for
from artstyle.pipeline.curate.write import (
    Written,
    by_person,
    name_clusters,
    undo_last,
    write_plan,
)
from artstyle.workspace import Workspace

NAMED_FAULTS = 5  # files that are named in the summary


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a curation found and did."""

    style: str
    crops: list[CropRow]  # all of the style, as they stood before
    measured: Measured
    plan: Plan
    people: ByPerson
    written: Written | None  # None: a dry run
    seconds: dict[str, float] = field(default_factory=dict)  # by step

    @property
    def kept(self) -> list[int]:
        """Crops that are kept: neither proposed to be dropped nor dropped by a person."""
        verdicts = self.people.verdicts
        return [
            one.id
            for one in self.crops
            if verdicts.get(one.id) == "keep"
            or (one.id not in self.plan.drops and verdicts.get(one.id) != "drop")
        ]

    def counts(self) -> dict[str, int]:
        """Crops by the first rule that speaks against them."""
        found: dict[str, int] = {}
        for drop in self.plan.drops.values():
            if drop.crop not in self.people.verdicts:
                found[drop.rule] = found.get(drop.rule, 0) + 1
        return found

    def sides(self) -> dict[str, int]:
        """Kept crops by side."""
        found = {TRAIN: 0, HELD_OUT: 0}
        for crop in self.kept:
            side = self.people.splits.get(crop) or self.plan.sides.get(crop)
            if side is not None:
                found[side] = found.get(side, 0) + 1
        return found


def curate_style(
    root: Path,
    style: str,
    overrides: Mapping[str, Any] | None = None,
    *,
    dry_run: bool = False,
    emit: Emit = ignore,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Propose what to drop, group and hold out, and write that down.

    Args:
        root: the workspace.
        style: its name.
        overrides: settings that go before the recipe's; see `settings_for`.
        dry_run: write nothing into the catalog.
        emit: hears progress and what is worth knowing.
        clock: seconds that only grow.

    Raises:
        ArtstyleError: the style has no crops, or none could be read; or the command runs already.
        UsageError: settings that contradict each other.
        RecipeError: the recipe has faults.
        OSError: the cache cannot be written.
    """
    workspace = Workspace(root)
    folder = workspace.style_folder(style)
    settings = settings_for(workspace, style, overrides or {})
    if settings.held_out_by == "cluster" and not settings.wants_clusters:
        raise UsageError(
            "held out by cluster, but there are to be no clusters", hint="add --clusters auto"
        )
    seconds: dict[str, float] = {}
    with open_catalog(root, create=False) as catalog:
        with _timed(seconds, "read the catalog", clock):
            rows = _crops(catalog, style)
        with _alone(folder / "cache", style):
            with _timed(seconds, "measure", clock):
                measured = measure_crops(rows, folder / "cache", emit)
            _told_faults(rows, measured, emit)
            if not dry_run:
                with _timed(seconds, "write figures", clock):
                    tell_catalog(catalog, measured)
            with _timed(seconds, "embed", clock):
                embedded = _embedded(measured, settings, folder / "cache", emit)
            people = by_person(catalog, style)
            with _timed(seconds, "propose", clock):
                plan = plan_for(rows, measured, embedded, people, settings)
            _told_split(plan, settings, emit)
            written = None
            if not dry_run:
                with _timed(seconds, "write decisions", clock):
                    written = write_plan(catalog, style, plan)
    return Outcome(style, rows, measured, plan, people, written, seconds)


def undo(root: Path, style: str) -> tuple[str, int] | None:
    """Take the last curation of a style back; gives its batch and how many decisions, or None.

    Raises:
        ArtstyleError: a curation of this style runs.
    """
    folder = Workspace(root).style_folder(style)
    with open_catalog(root, create=False) as catalog:
        _crops(catalog, style)
        with _alone(folder / "cache", style):
            return undo_last(catalog, style)


def call_clusters(root: Path, style: str, names: Mapping[str, str], *, by: str) -> dict[str, int]:
    """Tag the crops of clusters; see `name_clusters`.

    Raises:
        UsageError: there is no such cluster.
    """
    with open_catalog(root, create=False) as catalog:
        there = {tag for crop in _crops(catalog, style) for tag in crop.standing.tags}
        known = sorted(tag.partition(":")[2] for tag in there if tag.startswith("cluster:"))
        for name in names:
            if name not in known:
                raise UsageError(
                    f"style {style} has no cluster {name!r}",
                    hint=f"there are {', '.join(known)}"
                    if known
                    else f"make some with 'artstyle curate --style {style} --clusters auto'",
                )
        return name_clusters(catalog, style, names, by=by)


def _crops(catalog: Catalog, style: str) -> list[CropRow]:
    found = crops(catalog, style)
    if not found:
        others = ", ".join(styles(catalog))
        raise ArtstyleError(
            f"style {style} has no crops yet",
            hint=f"make some with 'artstyle extract --style {style}'"
            + (f"; there are crops of {others}" if others else ""),
        )
    return found


def _embedded(measured: Measured, settings: Settings, cache: Path, emit: Emit) -> Embedded | None:
    """The vectors, where anything needs them."""
    wanted = settings.wants_clusters or settings.limits.outlier_deviations > 0
    if not measured.crops or not (wanted or settings.embedding == "dlib"):
        return None
    found = embed(measured, settings.embedding, cache, emit)
    emit(Note(f"faces are compared by {found.name}: {found.why}"))
    return found


def _told_faults(rows: list[CropRow], measured: Measured, emit: Emit) -> None:
    paths = [shown(one.file) for one in rows if one.id in measured.faults]
    if not measured.crops:
        raise ArtstyleError(
            f"none of {len(rows):,} crops can be read, e.g. {paths[0]}",
            hint="extract them again; 'artstyle doctor' looks at the workspace",
        )
    if paths:
        more = f" and {len(paths) - NAMED_FAULTS:,} more" if len(paths) > NAMED_FAULTS else ""
        listed = ", ".join(paths[:NAMED_FAULTS])
        emit(Note(f"{len(paths):,} crops cannot be read: {listed}{more}", "warning"))


def _told_split(plan: Plan, settings: Settings, emit: Emit) -> None:
    if plan.split.moved:
        emit(
            Note(
                f"{len(plan.split.moved):,} crops that were held out hang together with training"
                " crops now, and went to train",
                "warning",
            )
        )
    if plan.split.torn:
        text = f"{plan.split.torn:,} groups lie on both sides because a person put them there"
        emit(Note(text, "warning"))
    if settings.held_out_share > 0 and HELD_OUT not in plan.sides.values():
        text = "nothing is held out: everything hangs together (one shot, one picture, or too few)"
        emit(Note(text, "warning"))


@contextmanager
def _alone(cache: Path, style: str) -> Iterator[None]:
    """Keep a second curation of the style away.

    Raises:
        ArtstyleError: one is running.
    """
    cache.mkdir(parents=True, exist_ok=True)
    try:
        with locked(cache / "curate.lock", wait_s=0):
            yield
    except LockTimeoutError as error:
        raise ArtstyleError(
            f"style {style} is being curated by another process", hint="wait until it is done"
        ) from error


@contextmanager
def _timed(seconds: dict[str, float], step: str, clock: Callable[[], float]) -> Iterator[None]:
    begin_s = clock()
    yield
    seconds[step] = round(clock() - begin_s, 3)

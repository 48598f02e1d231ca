"""`artstyle blend BASE STYLE --search`: the swap file of a style, and the way to it.

    found = search_swap("people", "toon", workspace, looks=Looks(photos=folder))
    found.swap, found.path, found.steps

The budget counts measurements: the swaps that are always measured, those that the search chooses,
and at the end a walk along the front in equal steps, which shows what `--strength` will give.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artstyle.errors import MeasureError, RecipeError, UsageError
from artstyle.events import Emit, Note, Progress, ignore
from artstyle.pipeline.generate.models import Model, find_models
from artstyle.pipeline.search.bench import Bench, Looks
from artstyle.pipeline.search.explore import explore
from artstyle.pipeline.search.front import (
    STRENGTH_DIGITS,
    Knee,
    Point,
    best_chain,
    find_knee,
    placed,
)
from artstyle.pipeline.search.propose import first_swaps
from artstyle.pipeline.search.settings import (
    FrontPoint,
    Swap,
    half_sha256,
    read_swap,
    swap_file,
    write_swap,
)
from artstyle.pipeline.search.store import Store, searching
from artstyle.pipeline.search.walk import Shares, shares_at, words_of
from artstyle.workspace import Workspace, is_workspace

if TYPE_CHECKING:
    from artstyle.pipeline.search.mixer import Picture

BUDGET = 64  # swaps to measure: two to three minutes at 64 px with 24 people on two cores
STEPS = 10  # of the walk along the front
MOST_POINTS = 12  # of the front in the file
PLOT, SHEET = "front.png", "sheet.png"  # beside the figures, drawn by the report


@dataclass(frozen=True)
class Step:
    """The front at one strength, as it was measured."""

    strength: float
    words: str
    point: Point
    pictures: tuple[Picture, ...]  # of the people
    is_default: bool


@dataclass(frozen=True)
class Found:
    """What a search found."""

    base: Model
    style: Model
    swap: Swap
    path: Path  # of the swap file
    folder: Path  # of figures, plot and sheet
    is_new: bool  # False: the swap file was there already, of the same search
    names: tuple[str, ...]  # of the people
    points: tuple[Point, ...]  # all that was measured
    titles: dict[Shares, str]  # of the swaps that are made by hand: "hard at 16"
    steps: tuple[Step, ...]  # the walk; none where nothing is new


def search_swap(
    base: str | Path,
    style: str | Path,
    workspace: Path,
    *,
    looks: Looks | None = None,
    budget: int = BUDGET,
    seed: int = 0,
    folder: Path | None = None,
    command: str = "",
    emit: Emit = ignore,
) -> Found:
    """Search how a style is best laid over a base, and write its swap file.

    A search that was broken off goes on; one that is finished is found finished.

    Args:
        base: name or file of the base.
        style: name or file of a model that was fine-tuned from it.
        workspace: where names are looked for.
        looks: at which people and through what.
        budget: how many swaps are measured.
        seed: of the choices.
        folder: for figures, plot and sheet; None: the workspace's reports/swap/STYLE, elsewhere
            STYLE.swap beside the model.
        command: what was typed, for the record.
        emit: gets progress.

    Raises:
        UsageError: the budget does not reach, too few people, or of another base.
        MeasureError: the style cannot be told from the base, or no swap comes nearer to it.
        WeightsError: there is no model of a name.
        EngineError: the two cannot be blended, or a file cannot be read.
        ArtstyleError: another search of this style is running.
    """
    models = find_models([base, style], workspace, emit=emit)
    place = folder or _folder(models[1], workspace)
    path = swap_file(models[1].path)
    shared = place.parent if folder is None and is_workspace(workspace) else place
    with searching(place):
        bench = Bench(models, workspace, looks or Looks(), shared, emit)
        store = Store(place, bench.identity, emit=emit)
        request = hashlib.sha256(f"{store.digest} {budget} {seed}".encode()).hexdigest()
        swap = kept = _finished(path, request, place)
        steps: tuple[Step, ...] = ()
        if swap is None:
            points = _explored(bench, store, budget, seed, emit)
            rows = _front(points, models)
            knee = find_knee([point for _, point in rows])
            emit(Note(f"the default is {knee.how}"))
            steps = _walk(bench, store, rows, knee, emit)
            facts = {**bench.facts(), "knee": knee.how, "request": request, "seed": seed}
            facts["walk"] = [[one.strength, one.point.likeness, one.point.style] for one in steps]
            facts["swaps"] = len(points)
            swap = _as_swap(models, bench, rows, steps, facts, command)
            write_swap(path, swap)
    return Found(
        base=models[0],
        style=models[1],
        swap=swap,
        path=path,
        folder=place,
        is_new=kept is None,
        names=bench.people.names,
        points=tuple(store.points.values()),
        titles=first_swaps(bench.mixer.levels),
        steps=steps,
    )


def _folder(style: Model, workspace: Path) -> Path:
    """Where figures, plot and sheet go."""
    if is_workspace(workspace):
        return Workspace(workspace).reports / "swap" / style.path.stem
    return style.path.with_suffix(".swap")


def _finished(path: Path, request: str, place: Path) -> Swap | None:
    """The swap file of an earlier call of the same search, if plot and sheet are there too."""
    if not path.is_file() or not all((place / name).is_file() for name in (PLOT, SHEET)):
        return None
    try:
        swap = read_swap(path)
    except RecipeError:
        return None  # damaged: it is written anew
    return swap if swap.measured_in.get("request") == request else None


def _explored(bench: Bench, store: Store, budget: int, seed: int, emit: Emit) -> list[Point]:
    """What the budget, less the walk, reaches for."""
    least = len(first_swaps(bench.mixer.levels)) + STEPS
    if budget < least:
        raise UsageError(
            f"a budget of {budget} does not reach: {least} swaps are measured in any case",
            hint=f"--budget {least + 30} or more finds something between them",
        )
    total = budget - STEPS

    def told(point: Point, count: int) -> None:
        note = f"likeness {point.likeness:.2f}, style {point.style:.2f}"
        emit(Progress("search", count, total, "swaps", note))

    points = explore(
        bench.mixer.levels,
        lambda shares: _measured(bench, store, shares),
        budget=total,
        seed=seed,
        on_point=told,
    )
    if len(points) < total:
        emit(Progress("search", total, total, "swaps", "nothing new is left to try"))
    return points


def _front(points: Sequence[Point], models: Sequence[Model]) -> list[tuple[float, Point]]:
    """The best chain by strength.

    Raises:
        MeasureError: it does not leave the base.
    """
    rows = placed(best_chain(points), MOST_POINTS)
    if len(rows) < 2:
        raise MeasureError(
            f"no swap of the {len(points)} that were measured is nearer to the style of"
            f" {models[1].name} than {models[0].name} itself",
            hint="is it the right base? else train the style for longer",
        )
    return rows


def _measured(bench: Bench, store: Store, shares: Shares) -> Point:
    """A swap's figures, from the store if they are in it."""
    if shares not in store.points:
        store.add(bench.measure(shares))
    return store.points[shares]


def _walk(
    bench: Bench, store: Store, rows: Sequence[tuple[float, Point]], knee: Knee, emit: Emit
) -> tuple[Step, ...]:
    """What lies along the front: equal steps of strength, ends included, and the default."""
    places = [(strength, point.shares) for strength, point in rows]
    default = round(knee.strength, STRENGTH_DIGITS)
    wanted = sorted({number / STEPS for number in range(STEPS + 1)} | {default})
    steps = []
    for number, strength in enumerate(wanted, start=1):
        shares = shares_at(places, strength)
        point = _measured(bench, store, shares)
        pictures = tuple(bench.draw(shares))
        words = words_of(shares, bench.mixer.levels)
        steps.append(Step(strength, words, point, pictures, is_default=strength == default))
        emit(Progress("walk", number, len(wanted), "strengths"))
    return tuple(steps)


def _as_swap(  # noqa: PLR0917 - as its one caller has them
    models: Sequence[Model],
    bench: Bench,
    rows: Sequence[tuple[float, Point]],
    steps: Sequence[Step],
    facts: dict[str, Any],
    command: str,
) -> Swap:
    """The front as it goes into the file."""
    default = next(step for step in steps if step.is_default)
    front = tuple(
        FrontPoint(
            strength=strength,
            weights=words_of(point.shares, bench.mixer.levels),
            likeness=point.likeness,
            style=point.style,
            measured=point.measured,
        )
        for strength, point in rows
    )
    return Swap(
        base=models[0].name,
        base_sha256=models[0].sha256,
        style_sha256=models[1].sha256,
        base_half_sha256=half_sha256(models[0].path),
        style_half_sha256=half_sha256(models[1].path),
        levels=tuple(level.label for level in bench.mixer.levels),
        default_weights=default.words,
        default_strength=default.strength,
        front=front,
        measured_in=facts,
        photos=len(bench.people.ws),
        command=command,
    )

"""`artstyle train-perception`: from folders to a file."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from artstyle import files
from artstyle.errors import RunError, UsageError
from artstyle.events import Emit, Note, ignore
from artstyle.machine import choose_device
from artstyle.names import shown
from artstyle.perception.choose import OWN_FILE
from artstyle.pipeline.train.tracking import TensorBoard, Trackers
from artstyle.pipeline.train_perception.album import Album, open_album
from artstyle.pipeline.train_perception.result import Origin, write_result
from artstyle.pipeline.train_perception.settings import PerceptionRecipe
from artstyle.pipeline.train_perception.work import Work
from artstyle.recipes.schema import make_recipe
from artstyle.runs import Run, run_at, run_for
from artstyle.weights.cards import Source

_PROBED_STEPS = 4  # of a dry run; the first is slower and is not counted


@dataclass(frozen=True)
class PerceptionTrained:
    """What a call reached."""

    run: Path
    model: Path
    figures: dict[str, Any]
    seconds: float
    epochs: float
    reason: str  # "trained", or "done before"


@dataclass(frozen=True)
class PerceptionEstimate:
    """What a call would do."""

    pictures: int
    kinds: int
    held_out: int
    unlabelled: int
    unread: int
    crops_per_s: float
    epochs: float
    seconds: float


def train_perception(
    workspace: Path,
    *,
    pictures: Sequence[Path] = (),
    unlabelled: Sequence[Path] = (),
    sources: Sequence[str] = (),
    licence: str | None = None,
    out: Path | None = None,
    model: Path | None = None,
    device: str = "auto",
    dry_run: bool = False,
    emit: Emit = ignore,
    clock: Callable[[], float] = time.monotonic,
    **settings: Any,
) -> PerceptionTrained | PerceptionEstimate:
    """Train a perceptual network, or go on with it.

    Args:
        workspace: where runs and models lie.
        pictures: folders with a subfolder for each kind of things.
        unlabelled: folders of any pictures.
        sources: "what; licence; origin" of each folder, in their order.
        licence: of the network; None joins those of the sources.
        out: the run's folder; None makes a numbered one.
        model: the file; None is `models/perception.safetensors`.
        device: where to compute.
        dry_run: measure a few steps, and say what would be done.
        emit: told of everything.
        clock: seconds that only grow; a test gives its own.
        settings: of `PerceptionRecipe`; None leaves its default.

    Raises:
        UsageError: there is nothing to learn from.
        ImageError: there is no such folder.
        RecipeError: settings have faults; all are listed.
        RunError: the run cannot be written, or has run apart.
    """
    said = {
        **settings,
        "pictures": [str(one) for one in pictures],
        "unlabelled": [str(one) for one in unlabelled],
    }
    recipe = make_recipe({}, PerceptionRecipe, said, name="what is asked for")
    where = choose_device(device)
    album = open_album(
        pictures,
        unlabelled,
        crop_px=recipe.crop_px,
        held_out=recipe.held_out,
        seed=recipe.seed,
        emit=emit,
    )
    if dry_run:
        return _estimate(recipe, album, where, emit, clock)
    recipe = replace(recipe, pictures_sha256=album.sha256)
    command = ["artstyle", *sys.argv[1:]]
    origin = _origin([*pictures, *unlabelled], album, sources, licence, command)
    run = _run_of(workspace, out, recipe, command)
    target = model or workspace / "models" / OWN_FILE
    with run.writing():
        return _carry_out(run, recipe, album, origin, target, run.logging(emit), where, clock)


def _carry_out(  # noqa: PLR0917 - the parts of one story, told once
    run: Run,
    recipe: PerceptionRecipe,
    album: Album,
    origin: Origin,
    target: Path,
    emit: Emit,
    device: str,
    clock: Callable[[], float],
) -> PerceptionTrained:
    trackers = Trackers(TensorBoard(run.folder))
    work = Work(run, recipe, album, trackers, emit, device=device, clock=clock)
    work.begin()
    made = run.folder / OWN_FILE
    was_done = work.share >= 1 and made.is_file() and made.with_suffix(".md").is_file()
    if not was_done:
        work.go()
        write_result(work, origin, made, emit)
    trackers.close()
    from artstyle.perception.own import read_facts

    facts = read_facts(made)
    _install(made, target, emit)
    done = PerceptionTrained(
        run=run.folder,
        model=target,
        figures=dict(facts.figures),
        seconds=round(work.seconds, 1),
        epochs=round(work.nimg / (2 * work.batches.pictures), 2),
        reason="done before" if was_done else "trained",
    )
    run.finish({"figures": done.figures, "seconds": done.seconds, "epochs": done.epochs})
    return done


def _install(made: Path, target: Path, emit: Emit) -> None:
    """Lay the file and its card where they are looked for."""
    for source, place in ((made, target), (made.with_suffix(".md"), target.with_suffix(".md"))):
        if place.is_file() and files.sha256_of(place) == files.sha256_of(source):
            continue
        if place.is_file() and place == target:
            emit(Note(f"{shown(place)} is replaced; what was there was made by another run"))
        try:
            with source.open("rb") as held, files.atomic_file(place) as stream:
                shutil.copyfileobj(held, stream)
        except OSError as fault:
            raise RunError(
                f"{shown(place)} cannot be written: {fault.strerror}",
                hint=f"the network lies in {shown(source)}; name another place with --model",
            ) from fault


def _run_of(
    workspace: Path, out: Path | None, recipe: PerceptionRecipe, command: Sequence[str]
) -> Run:
    if out is not None:
        return run_at(out, recipe, command=command, inputs={})
    return run_for(workspace / "runs", "perception", recipe, command=command, inputs={})


def _origin(
    folders: Sequence[Path],
    album: Album,
    said: Sequence[str],
    licence: str | None,
    command: Sequence[str],
) -> Origin:
    """What the network was made from, as the user says; what is not said is unknown."""
    if len(said) > len(folders):
        raise UsageError(
            f"{len(said)} sources for {len(folders)} folders",
            hint="--source goes with a folder each, in their order",
        )
    sources = []
    for number, (folder, count) in enumerate(zip(folders, album.counts, strict=True)):
        words = said[number] if number < len(said) else folder.name
        what, where_from, origin = ([*re.split(r"\s*;\s*", words.strip(), maxsplit=2), "", ""])[:3]
        sources.append(Source(what or folder.name, where_from or "unknown", origin, count))
    own = licence or " + ".join(dict.fromkeys(source.licence for source in sources))
    return Origin(tuple(sources), own, shlex.join(command))


def _estimate(
    recipe: PerceptionRecipe,
    album: Album,
    device: str,
    emit: Emit,
    clock: Callable[[], float],
) -> PerceptionEstimate:
    """Carry out a few steps, and reckon."""
    emit(Note("measuring a few steps"))
    work = Work(None, recipe, album, Trackers(), ignore, device=device, clock=clock)
    rates = []
    for share, weight in ((0.0, recipe.grow_at), (1.0, 1 - recipe.grow_at)):
        side = recipe.crop_at(share)
        alone = replace(recipe, first_crop_px=side, crop_px=side)
        work.recipe = alone
        work.iterate()
        begin = clock()
        for _ in range(_PROBED_STEPS - 1):
            work.iterate()
        rates.append((weight, (clock() - begin) / ((_PROBED_STEPS - 1) * recipe.batch)))
    per_crop_s = sum(weight * rate for weight, rate in rates)
    full_s = full_epochs_s(recipe, work.batches.pictures, per_crop_s)
    shown_crops = full_s / max(per_crop_s, 1e-9)
    return PerceptionEstimate(
        pictures=len(album.pictures),
        kinds=len(album.names),
        held_out=int(album.held_out.sum()),
        unlabelled=len(album.shown_unlabelled),
        unread=album.unread,
        crops_per_s=round(1 / max(per_crop_s, 1e-9), 1),
        epochs=round(shown_crops / (2 * work.batches.pictures), 2),
        seconds=round(full_s, 1),
    )


def full_epochs_s(recipe: PerceptionRecipe, pictures: int, per_crop_s: float) -> float:
    """How long a training takes at this speed, in seconds."""
    low, high = 0.0, 1e12
    while high - low > 1e-3 * max(high, 1.0):
        middle = (low + high) / 2
        done = recipe.share_done(int(middle / max(per_crop_s, 1e-9)), pictures, middle)
        low, high = (middle, high) if done < 1 else (low, middle)
    return high

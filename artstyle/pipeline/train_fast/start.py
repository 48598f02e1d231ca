"""`artstyle train-fast`: from folders and paintings to a net."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from artstyle import files
from artstyle.errors import UsageError
from artstyle.events import Emit, Note, ignore
from artstyle.images import to_tensor
from artstyle.machine import choose_device, free_disk_bytes
from artstyle.perception.choose import choose_perception
from artstyle.pipeline.train.tracking import TensorBoard, Trackers
from artstyle.pipeline.train_fast.plan import Plan, make_plan, style_name
from artstyle.pipeline.train_fast.result import PREFIX, place_of, publish, require_free
from artstyle.pipeline.train_fast.settings import FastRecipe
from artstyle.pipeline.train_fast.work import LATEST, Work
from artstyle.recipes import resolved_toml
from artstyle.recipes.schema import make_recipe
from artstyle.runs import Run, run_at, run_for
from artstyle.workspace import Workspace, is_workspace

_PROBED = 3  # iterations that a dry run measures, after one that does not count
_STATE_COPIES = 2


@dataclass(frozen=True)
class Trained:
    """What a call reached."""

    run: Path
    net: Path  # in the run's folder
    model: Path | None  # where the net's name finds it; None outside of a workspace
    card: Path | None
    iterations: int
    reason: str  # "iterations" or "minutes"
    seconds: float  # of training, over all calls
    styles: tuple[str, ...]
    perception: str
    losses: dict[str, float]  # of the last row of figures


@dataclass(frozen=True)
class Estimate:
    """What a training would take."""

    seconds_per_iteration: float
    seconds: float  # for all iterations, or the minutes that were asked for
    iterations: int  # that would be done
    photos: int
    held_photos: int
    styles: tuple[str, ...]
    perception: str
    parameters: int
    device: str
    disk_bytes: int  # that the run's folder would take
    free_disk_bytes: int


def train_fast(
    workspace: Path,
    *,
    content: Sequence[Path],
    styles: Sequence[Path],
    style_names: Sequence[str] = (),
    style_licences: Sequence[str] = (),
    base: Path | None = None,
    perception: str = "auto",
    device: str = "auto",
    out: Path | None = None,
    dry_run: bool = False,
    emit: Emit = ignore,
    **settings: Any,
) -> Trained | Estimate:
    """Train a net, or go on with it.

    Args:
        workspace: where runs and models lie.
        content: folders of photos.
        styles: the paintings' files; several make one net that knows all of them.
        style_names: a name for each; empty: their files' names.
        style_licences: one for each or one for all; empty: unknown.
        base: the file of a net to start from.
        perception: what sees; see `choose_perception`.
        device: "auto", or a name as torch has it.
        out: the run's folder; None: a numbered one.
        dry_run: measure some iterations, and write nothing.
        emit: told of everything.
        settings: of `FastRecipe`; None leaves its default.

    Raises:
        UsageError: photos, paintings and names do not fit, or another model has the net's name.
        RecipeError: settings have faults; all are listed.
        WeightsError: the perceptual network is not here, or the base is no fast net.
        RunError: another process writes to the run, the disk is full, or it has run apart.
    """
    if not styles:
        raise UsageError("there is no painting to learn", hint="name one with --style")
    said = {name: value for name, value in settings.items() if value is not None}
    said.setdefault("name", "-".join(style_names or map(style_name, styles))[:60].strip("-_"))
    recipe = make_recipe(said, FastRecipe, name="the training")
    where = choose_device(device)
    # Reflection: zeros beyond the edges would teach the net a frame around its pictures.
    sees = choose_perception(
        perception, device=where, workspace=workspace, padding="reflect", emit=emit
    )
    plan = make_plan(
        recipe,
        sees,
        where,
        content=content,
        styles=styles,
        style_names=style_names,
        style_licences=style_licences,
        base=base,
        emit=emit,
    )
    if is_workspace(workspace):
        require_free(place_of(workspace, recipe.name), plan)
    if dry_run:
        return _probe(plan, out or Workspace(workspace).runs, emit)
    return _train(workspace, plan, out, emit)


def _train(workspace: Path, plan: Plan, out: Path | None, emit: Emit) -> Trained:
    recipe = plan.recipe
    run = _run_of(workspace, plan, out)
    with run.writing():
        tell = run.logging(emit)
        training = plan.training()
        trackers = Trackers(TensorBoard(run.folder))
        work = Work(run, plan, training, tell, trackers=trackers)
        work.begin()
        reason = work.go(recipe.iterations, recipe.minutes)
        losses = _last_losses(run)
        model = publish(run.folder / LATEST, workspace, plan, losses)
        if reason == "iterations":
            run.finish({"iterations": training.iteration, "losses": losses})
        if model is not None:
            tell(Note(f"{PREFIX}{recipe.name} draws with it now: {model}"))
    return Trained(
        run=run.folder,
        net=run.folder / LATEST,
        model=model,
        card=None if model is None else model.with_suffix(".card.toml"),
        iterations=training.iteration,
        reason=reason,
        seconds=work.seconds,
        styles=tuple(style.record.name for style in plan.styles),
        perception=plan.perception.name,
        losses=losses,
    )


def _run_of(workspace: Path, plan: Plan, out: Path | None) -> Run:
    command = ["artstyle", *sys.argv[1:]]
    inputs = {f"style {style.record.name}": style.path for style in plan.styles}
    identity = plan.identity()
    if out is not None:
        run = run_at(out, identity, command=command, inputs=inputs)
    else:
        runs = Workspace(workspace).runs
        name = f"{PREFIX}{plan.recipe.name}"
        run = run_for(runs, name, identity, command=command, inputs=inputs)
    files.write_text(run.folder / "recipe.toml", resolved_toml(plan.recipe))
    files.write_text(run.folder / "command.txt", shlex.join(command) + "\n")
    return run


def _last_losses(run: Run) -> dict[str, float]:
    rows = run.stats()
    if not rows:
        return {}
    return {
        name.removeprefix("Loss/"): float(value["mean"])
        for name, value in rows[-1].items()
        if name.startswith("Loss/")
    }


def _probe(plan: Plan, where: Path, emit: Emit) -> Estimate:
    """Measure some iterations; nothing is written."""
    training, crops, recipe = plan.training(), plan.crops(emit=emit), plan.recipe
    spent_s: list[float] = []
    for number in range(_PROBED + 1):
        began_s = time.perf_counter()
        first = number * recipe.batch
        pixels = np.stack([crops(one) for one in range(first, first + recipe.batch)])
        training.iterate(to_tensor(pixels), plan.styles_of(number))
        training.take_means()  # waits for the device
        spent_s.append(time.perf_counter() - began_s)
    per_s = sorted(spent_s[1:])[_PROBED // 2]
    bound_s = float("inf") if recipe.minutes is None else recipe.minutes * 60
    seconds = min(per_s * recipe.iterations, bound_s)
    parameters = sum(one.numel() for one in training.network.parameters())
    state_bytes = sum(held.numel() * held.element_size() for held in training.tensors().values())
    return Estimate(
        seconds_per_iteration=per_s,
        seconds=seconds,
        iterations=min(recipe.iterations, round(seconds / per_s)),
        photos=len(plan.photos),
        held_photos=len(plan.held_photos),
        styles=tuple(style.record.name for style in plan.styles),
        perception=plan.perception.name,
        parameters=parameters,
        device=plan.device,
        disk_bytes=_STATE_COPIES * state_bytes + 4 * parameters,
        free_disk_bytes=free_disk_bytes(where),
    )

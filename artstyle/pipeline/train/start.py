"""`artstyle train` and `artstyle finetune`: from a few words to a plan, and to a model."""

from __future__ import annotations

import re
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artstyle.corpus.read import Corpus, read_corpus
from artstyle.errors import UsageError
from artstyle.events import Emit, Note, ignore
from artstyle.machine import choose_device
from artstyle.names import shown
from artstyle.pipeline.train.base import Base, read_base
from artstyle.pipeline.train.catalogued import cut_of, default_dataset, joined_licences, licence_of
from artstyle.pipeline.train.job import Trained, carry_out, run_of
from artstyle.pipeline.train.joined import join_datasets, joined_name
from artstyle.pipeline.train.plan import Plan, make_plan
from artstyle.pipeline.train.probe import Estimate, probe
from artstyle.pipeline.train.work import Goal, Stop
from artstyle.recipes import TrainingRecipe, read_recipe
from artstyle.recipes.schema import make_recipe
from artstyle.workspace import Workspace

if TYPE_CHECKING:
    from stylegan_ext.team import Team

_HOW_TO_BASE = "name a base with --base: a model, a file or a run"


@dataclass(frozen=True)
class Means:
    """What a training runs with, besides what it is."""

    device: str = "auto"
    devices: int = 1  # processes on this machine
    machines: int = 1
    track: str | None = None  # "mlflow"
    out: Path | None = None  # the run's folder


def train_scratch(
    workspace: Path,
    *,
    dataset: Path | None = None,
    style: str | None = None,
    means: Means | None = None,
    dry_run: bool = False,
    emit: Emit = ignore,
    **settings: Any,
) -> Trained | Estimate:
    """Train from random weights, or go on with it.

    Args:
        workspace: where runs lie if nothing else is said, and recipes: `training/STYLE.toml` is
            taken where there is one and the style was named; settings go before it.
        dataset: a dataset zip; None takes the last that was built of the style.
        style: what is learned; None takes the dataset's name.
        means: devices, folders, tools.
        dry_run: measure a few iterations, and say what would be done.
        emit: told of everything.
        settings: of `TrainingRecipe`; None leaves its default.

    Raises:
        UsageError: dataset and settings do not fit.
        RecipeError: settings have faults; all are listed.
        RunError: see `job.carry_out`.
    """
    if style is None and dataset is None:
        raise UsageError(
            "what is to be learned?", hint="name a dataset with --dataset, or a style with --style"
        )
    file = None if style is None else Workspace(workspace).training / f"{style}.toml"
    name = style or style_of(dataset or Path())
    recipe = recipe_of(file if file and file.is_file() else None, {**settings, "style": name})
    if recipe.base is not None:
        raise UsageError(
            f"the recipe {file} starts from the base {recipe.base}",
            hint=f"artstyle finetune --style {name}",
        )
    dataset = dataset or default_dataset(workspace, name, recipe.resolution_px)
    return _train(workspace, recipe, dataset, None, means or Means(), dry_run=dry_run, emit=emit)


def finetune(
    workspace: Path,
    *,
    style: str,
    styles: tuple[str, ...] = (),
    dataset: Path | None = None,
    means: Means | None = None,
    dry_run: bool = False,
    emit: Emit = ignore,
    **settings: Any,
) -> Trained | Estimate:
    """Train a style from a base, or go on with it.

    The recipe is `training/STYLE.toml` where there is one; settings go before it.

    Args:
        workspace: where recipes, datasets and models are looked for.
        style: what is learned.
        styles: several styles for one conditional model.
        dataset: a dataset zip; None takes the last that was built of the style.
        means: devices, folders, tools.
        dry_run: measure a few iterations, and say what would be done.
        emit: told of everything.
        settings: of `TrainingRecipe`; None leaves what the recipe says.

    Raises:
        UsageError: there is no base or no dataset, or they do not fit; with ways out.
        RecipeError: the recipe has faults.
        WeightsError: there is no base of that name.
    """
    file = Workspace(workspace).training / f"{style}.toml"
    said = {**settings, "style": style, "styles": list(styles) or None}
    recipe = recipe_of(file if file.is_file() else None, said)
    if recipe.base is None:
        where = f"{file} names none" if file.is_file() else f"there is no recipe {file}"
        raise UsageError(f"{style} has no base to start from: {where}", hint=_HOW_TO_BASE)
    base = read_base(recipe.base, workspace, emit=emit)
    classes = recipe.styles
    if dataset is None:
        dataset = _dataset_of(workspace, recipe, base, emit)
    return _train(
        workspace,
        recipe,
        dataset,
        base,
        means or Means(),
        classes=classes,
        dry_run=dry_run,
        emit=emit,
    )


def recipe_of(file: Path | None, settings: Mapping[str, Any]) -> TrainingRecipe:
    """A recipe from its file, if there is one, and settings that go before it."""
    said = {name: value for name, value in settings.items() if value is not None}
    if file is not None:
        return read_recipe(file, TrainingRecipe, said)
    return make_recipe(said, TrainingRecipe, name="the training")


def style_of(dataset: Path) -> str:
    """A style's name after a dataset's: people-64-train.zip is people."""
    name = re.sub(r"[-_](train|all|held-out)$", "", dataset.stem.lower())
    name = re.sub(r"[-_]\d+$", "", name)
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-")[:64].strip("-") or "dataset"


def _dataset_of(workspace: Path, recipe: TrainingRecipe, base: Base, emit: Emit) -> Path:
    """The zip that was built last of the style, or of several one with their labels."""
    side = recipe.resolution_px or base.resolution
    if not recipe.styles:
        return default_dataset(workspace, recipe.style, side)
    corpora = [_corpus_of(default_dataset(workspace, one, side)) for one in recipe.styles]
    folder = Workspace(workspace).style_folder(recipe.style) / "zips"
    out = folder / joined_name(recipe.styles, side)
    return join_datasets(corpora, recipe.styles, out, emit=emit)


def _corpus_of(dataset: Path) -> Corpus:
    if not dataset.is_file():
        folder = " (it is a folder)" if dataset.is_dir() else ""
        raise UsageError(
            f"there is no dataset zip {shown(dataset)}{folder}",
            hint=f"artstyle build --from {shown(dataset)} --size 64 --out {dataset.stem}-64.zip"
            if folder
            else "artstyle build makes one",
        )
    return read_corpus(dataset)


def _train(
    workspace: Path,
    recipe: TrainingRecipe,
    dataset: Path,
    base: Base | None,
    means: Means,
    *,
    classes: tuple[str, ...] = (),
    dry_run: bool,
    emit: Emit,
) -> Trained | Estimate:
    corpus = _corpus_of(dataset)
    own = licence_of(workspace, corpus.sha256(), recipe.style)
    plan = make_plan(
        recipe,
        dataset,
        corpus,
        device=choose_device(means.device),
        licence=own if base is None else joined_licences(own, base.licence),
        base=base,
        classes=classes,
        world=means.devices * means.machines,
        cut=cut_of(workspace, corpus.sha256()),
    )
    for remark in plan.remarks:
        emit(Note(remark, "warning"))
    if dry_run:
        return probe(plan, emit=emit)
    return _carried_out(workspace, plan, means, emit)


def _carried_out(workspace: Path, plan: Plan, means: Means, emit: Emit) -> Trained:
    """Gather the team, and let it work; only its first process tells what it does."""
    from artstyle.pipeline.train.setting import judge_of, trackers_of

    command = ["artstyle", *sys.argv[1:]]
    should_stop = on_sigterm()
    team, plan = _gather(plan, means)
    is_first = team.rank == 0
    if is_first:
        run = run_of(plan, workspace / "runs", means.out, command)
    _wait(team)
    if not is_first:
        run = run_of(plan, workspace / "runs", means.out, command, write=False)
    tell = emit if is_first else _only_warnings(emit)
    return carry_out(
        plan,
        run,
        Goal(plan.recipe.kimg, plan.recipe.minutes, should_stop),
        workspace=workspace,
        command=command,
        measure=judge_of(plan, tell),
        trackers=trackers_of(plan, run, workspace, means.track) if is_first else None,
        team=team,
        emit=tell,
    )


def _gather(plan: Plan, means: Means) -> tuple[Team, Plan]:
    from stylegan_ext.training.parallel import make_team

    team, device = make_team(plan.device, means.devices, means.machines)
    return team, replace(plan, device=device)


def _wait(team: Team) -> None:
    """Until all processes are here."""
    if team.world > 1:
        import torch

        team.mean(torch.zeros(1))


def on_sigterm() -> Stop:
    """A wish to end (SIGTERM, as cluster managers send it) stops the training at a state."""
    wished: list[str] = []
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: wished.append("terminated"))
    return lambda: wished[0] if wished else None


def _only_warnings(emit: Emit) -> Emit:
    def listen(event: Any) -> None:
        if isinstance(event, Note) and event.level == "warning":
            emit(event)

    return listen

"""From a plan to a trained model: the run's folder, the networks, the work, the catalog."""

from __future__ import annotations

import copy
import shlex
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artstyle import files
from artstyle.events import Emit, Note, ignore
from artstyle.pipeline.train.catalogued import Ledger
from artstyle.pipeline.train.pictures import Pictures
from artstyle.pipeline.train.plan import Plan
from artstyle.pipeline.train.snapshots import BEST, LATEST, Measure, Snapshots, ignore_model
from artstyle.pipeline.train.tracking import Trackers
from artstyle.pipeline.train.work import Goal, Work
from artstyle.recipes import resolved_toml
from artstyle.runs import Run, run_at, run_for
from artstyle.workspace import Workspace, is_workspace
from stylegan_ext.errors import EngineError
from stylegan_ext.header import read_header

if TYPE_CHECKING:
    from stylegan_ext.team import Team
    from stylegan_ext.training.loop import Training


@dataclass(frozen=True)
class Trained:
    """What a call of a training reached."""

    run: Path
    kimg: float
    reason: str  # why it ended: "kimg", "minutes", "metric", "done before", ...
    model: Path  # all networks
    best: dict[str, Any]  # file, kimg and value; {} without a metric
    seconds: float  # of training, over all calls
    p: float


def run_of(
    plan: Plan, runs: Path, out: Path | None, command: Sequence[str], *, write: bool = True
) -> Run:
    """The run's folder: the one named, else the newest of this very work, else a new one.

    Args:
        plan: what is trained.
        runs: the folder of runs.
        out: the run's folder, if it was named.
        command: the words of the command line.
        write: write down what is asked for now; another process of the team has done so.

    Raises:
        RunError: the named folder holds something else.
    """
    inputs = {"dataset": plan.dataset}
    if plan.base is not None:
        inputs["base"] = plan.base.path
    identity = plan.identity()
    if out is not None:
        run = run_at(out, identity, command=command, inputs=inputs)
    else:
        name = f"{plan.recipe.style}-{plan.recipe.config}{plan.corpus.resolution}"
        run = run_for(runs, name, identity, command=command, inputs=inputs)
    if not write:
        return run
    files.write_text(run.folder / "recipe.toml", resolved_toml(plan.recipe))
    files.write_text(run.folder / "command.txt", shlex.join(command) + "\n")
    files.write_json(run.folder / "training_options.json", options_of(plan))
    return run


def options_of(plan: Plan) -> dict[str, Any]:
    """Every number the training computes with; JSON types."""
    generator, discriminator = plan.network_kwargs()
    settings = plan.loop_settings()
    augment = None if settings.augment is None else vars(settings.augment)
    return {
        "generator": generator,
        "discriminator": discriminator,
        "numbers": vars(plan.numbers),
        "loss": vars(settings.loss),
        "augment": augment,
        "ada_target": settings.ada_target,
        "ada_kimg": settings.ada_kimg,
        "fixed_p": settings.fixed_p,
        "frozen": list(settings.frozen),
        "device": plan.device,
        "precision": plan.precision,
        "processes": plan.world,
        "seed": settings.seed,
        "dataset": {
            "path": str(plan.dataset),
            "sha256": plan.dataset_sha256,
            "pictures": len(plan.corpus),
            "mirrored": plan.recipe.mirror,
            "classes": list(plan.classes),
        },
    }


def make_training(plan: Plan, team: Team | None = None) -> Training:
    """The engine's loop of a plan, at its beginning."""
    import torch

    from stylegan_ext.networks import build, construct
    from stylegan_ext.networks.discriminator import Discriminator
    from stylegan_ext.networks.generator import StyleGAN2Generator
    from stylegan_ext.team import SOLO
    from stylegan_ext.training.frozen import check_frozen
    from stylegan_ext.training.loop import Training

    torch.manual_seed(plan.recipe.seed)
    if plan.start is None:
        generator_kwargs, discriminator_kwargs = plan.network_kwargs()
        generator = construct("stylegan2-generator", generator_kwargs)
        discriminator = construct("stylegan2-discriminator", discriminator_kwargs)
        average = copy.deepcopy(generator)
    else:
        networks = plan.start.networks
        generator, discriminator = build(networks["G"]), build(networks["D"])
        average = build(networks["G_ema"])
    assert isinstance(generator, StyleGAN2Generator)
    assert isinstance(average, StyleGAN2Generator)
    assert isinstance(discriminator, Discriminator)
    settings = plan.loop_settings()
    check_frozen({"G": generator, "D": discriminator}, settings.frozen)
    return Training(generator, discriminator, average, settings, plan.device, team or SOLO)


def carry_out(
    plan: Plan,
    run: Run,
    goal: Goal,
    *,
    workspace: Path,
    command: Sequence[str],
    measure: Measure | None = None,
    trackers: Trackers | None = None,
    team: Team | None = None,
    emit: Emit = ignore,
) -> Trained:
    """Train, or go on with it; a run that is as far as the goal does nothing.

    Raises:
        RunError: another process writes to the run, the disk is full, or it has run apart.
        CorpusError: a picture is damaged.
    """
    is_first = team is None or team.rank == 0
    with run.writing() if is_first else nullcontext():
        tell = run.logging(emit) if is_first else emit
        generator_kwargs, discriminator_kwargs = plan.network_kwargs()
        pictures = Pictures(plan.corpus, mirror=plan.recipe.mirror, emit=emit)
        training = make_training(plan, team)
        kind = "train" if plan.base is None else "finetune"
        ledger = Ledger(workspace, run, plan, kind) if is_first else None
        work = Work(
            run,
            plan,
            training,
            pictures,
            tell,
            trackers=trackers or Trackers(),
            snapshots=Snapshots(
                run,
                plan,
                {"G": generator_kwargs, "D": discriminator_kwargs},
                shlex.join(command),
                tell,
                measure,
                ledger.tell if ledger is not None else ignore_model,
            ),
        )
        work.begin()
        reason = work.go(goal)
        trained = Trained(
            run=run.folder,
            kimg=training.nimg / 1000,
            reason=reason,
            model=run.folder / LATEST,
            best=work.snapshots.best,
            seconds=work.seconds,
            p=training.p,
        )
        if not is_first:
            return trained
        if ledger is not None:
            ledger.tell(trained.model, trained.kimg)
            _publish(plan, trained, workspace, ledger, tell)
        if reason in ("kimg", "metric"):
            run.finish({"kimg": trained.kimg, "reason": reason, "best": trained.best})
        tell(Note(f"stopped at {trained.kimg:.1f} kimg ({reason})"))
    return trained


def _publish(plan: Plan, trained: Trained, workspace: Path, ledger: Ledger, emit: Emit) -> None:
    """Put the best model, else the latest, where its style's name finds it: models/STYLE.

    A file there that did not come from a training of this style stays.
    """
    if not is_workspace(workspace):
        return
    place = Workspace(workspace).models / f"{plan.recipe.style}.safetensors"
    if place.exists() and not _is_ours(place, plan.recipe.style):
        text = f"{place} is no model of a training of {plan.recipe.style}, and stays"
        emit(Note(f"{text}; this one is {trained.model}", "warning"))
        return
    source = trained.run / BEST if trained.best else trained.model
    with source.open("rb") as stream, files.atomic_file(place) as target:
        shutil.copyfileobj(stream, target)
    ledger.tell(place, float(trained.best.get("kimg", trained.kimg)), plan.recipe.style)
    emit(Note(f"{plan.recipe.style} draws with it now: {place}"))


def _is_ours(path: Path, style: str) -> bool:
    try:
        notes = read_header(path).provenance.notes
    except EngineError:
        return False
    return "run" in notes and notes.get("style") == style

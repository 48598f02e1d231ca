"""`artstyle train-encoder`: from a few words to an encoder that the base's projections find."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from artstyle import files
from artstyle.catalog import open_catalog
from artstyle.errors import UsageError
from artstyle.events import Emit, Note, ignore
from artstyle.machine import choose_device
from artstyle.pipeline.encode.find import ENCODER, NAME
from artstyle.pipeline.encode.output import refuse_foreign, write_encoder
from artstyle.pipeline.encode.plan import EncoderPlan, make_plan
from artstyle.pipeline.encode.settings import EncoderRecipe
from artstyle.pipeline.encode.work import Goal, Work
from artstyle.pipeline.train.catalogued import default_dataset
from artstyle.pipeline.train.start import on_sigterm
from artstyle.pipeline.train.tracking import TensorBoard, Trackers
from artstyle.pipeline.train.work import in_hours, peak_memory_bytes
from artstyle.recipes.schema import make_recipe
from artstyle.recipes.writing import resolved_toml
from artstyle.runs import Run, run_at, run_for
from artstyle.weights.model_names import resolve_model
from artstyle.workspace import Workspace, is_workspace

LATEST = "latest.safetensors"
_MEASURED = 2  # iterations of each kind, for an estimate


@dataclass(frozen=True)
class TrainedEncoder:
    """What a call reached."""

    run: Path
    encoder: Path  # where commands find it; in the run's folder if there is no workspace
    kimg: float
    reason: str  # why it ended: "kimg", "minutes", ...
    seconds: float  # of training, over all calls
    figures: dict[str, float]  # of the held-out photos
    size_bytes: int


@dataclass(frozen=True)
class EncoderEstimate:
    """A plan, and what it would take."""

    plan: dict[str, Any]  # JSON types
    lines: tuple[str, ...]  # for people
    seconds: float
    memory_bytes: int


def train_encoder(
    workspace: Path,
    *,
    base: str,
    photos: Path | None = None,
    no_photos: bool = False,
    out: Path | None = None,
    device: str = "auto",
    dry_run: bool = False,
    emit: Emit = ignore,
    **settings: Any,
) -> TrainedEncoder | EncoderEstimate:
    """Train the encoder of a base model, or go on with it.

    Args:
        workspace: where the base and the photos are looked for; the result goes to its models.
        base: a model's name or file.
        photos: a dataset zip or folder; None takes the last that was built of the base's name.
        no_photos: learn from the base's own samples alone.
        out: the run's folder; None: a numbered one.
        device: where to compute.
        dry_run: measure a few iterations, and say what would be done.
        emit: told of everything.
        settings: of `EncoderRecipe`; None leaves its default.

    Raises:
        UsageError: base, photos and settings do not suit each other.
        WeightsError: there is no such base.
        RunError: the run's folder is another's, the disk is full, or it has run apart.
    """
    path = resolve_model(base, workspace, emit=emit)
    said = {name: value for name, value in settings.items() if value is not None}
    recipe = make_recipe({**said, "base": path.stem}, EncoderRecipe, name="the training")
    if no_photos and photos is not None:
        raise UsageError("photos were named, and --no-photos says that there are none")
    if photos is None and not no_photos:
        photos = _photos_of(workspace, path.stem, emit)
    plan = make_plan(recipe, path, photos, workspace=workspace, device=choose_device(device))
    place = _place(workspace, path.stem)
    if place is not None:
        refuse_foreign(place, plan)
    if dry_run:
        return probe(plan, emit=emit)
    command = ["artstyle", *sys.argv[1:]]
    run = _run_of(plan, workspace, out, command)
    return _carry_out(plan, run, place, workspace=workspace, command=command, emit=emit)


def _photos_of(workspace: Path, style: str, emit: Emit) -> Path | None:
    """The last build of the base's style; None if there is none, which is told."""
    try:
        return default_dataset(workspace, style, None)
    except UsageError as fault:
        hint = "name photos with --photos: with them it is far better on photos"
        emit(Note(f"{fault}; it learns from the base's samples alone. {hint}", "warning"))
        return None


def _place(workspace: Path, base: str) -> Path | None:
    """Where commands will find the encoder; None where there is no workspace."""
    if not is_workspace(workspace):
        return None
    return Workspace(workspace).models / NAME.format(base=base)


def _run_of(plan: EncoderPlan, workspace: Path, out: Path | None, command: Sequence[str]) -> Run:
    inputs = {"base": plan.base}
    if plan.corpus is not None:
        inputs["photos"] = plan.corpus.path
    identity = plan.recipe.identity()
    if out is not None:
        run = run_at(out, identity, command=command, inputs=inputs)
    else:
        name = f"{plan.recipe.base}-encoder"
        run = run_for(workspace / "runs", name, identity, command=command, inputs=inputs)
    files.write_text(run.folder / "recipe.toml", resolved_toml(plan.recipe))
    files.write_text(run.folder / "command.txt", shlex.join(command) + "\n")
    files.write_json(run.folder / "training_options.json", options_of(plan))
    return run


def options_of(plan: EncoderPlan) -> dict[str, Any]:
    """Everything the training computes with; JSON types."""
    facts: dict[str, Any] = {
        "encoder": plan.kwargs,
        "settings": vars(plan.recipe.engine_settings()),
        "features": plan.features.name,
        "base": {"file": str(plan.base), "sha256": plan.base_sha256, **plan.identity},
        "device": plan.device,
        "seed": plan.recipe.seed,
    }
    if plan.corpus is not None:
        facts["photos"] = {
            "path": str(plan.corpus.path),
            "sha256": plan.corpus_sha256,
            "pictures": len(plan.corpus),
            "mirrored": plan.recipe.mirror,
        }
    return facts


def _carry_out(
    plan: EncoderPlan,
    run: Run,
    place: Path | None,
    *,
    workspace: Path,
    command: Sequence[str],
    emit: Emit,
) -> TrainedEncoder:
    with run.writing():
        tell = run.logging(emit)
        work = Work(run, plan, tell, trackers=Trackers(TensorBoard(run.folder)))
        work.begin()
        reason = work.go(Goal(plan.recipe.kimg, plan.recipe.minutes, on_sigterm()))
        kimg = work.training.nimg / 1000
        notes = {
            "command": shlex.join(command),
            "kimg": round(kimg, 3),
            "run": run.folder.name,
            "held_out": work.reached.figures,
            "features": plan.features.name,
        }
        written = run.folder / LATEST
        write_encoder(written, work.training.average, plan, notes)
        found = _publish(written, place)
        _tell_catalog(workspace, plan, run, found)
        if reason == "kimg":
            run.finish({"kimg": kimg, "reason": reason, "held_out": work.reached.figures})
        tell(Note(f"stopped at {kimg:.1f} kimg ({reason})"))
    return TrainedEncoder(
        run=run.folder,
        encoder=found,
        kimg=kimg,
        reason=reason,
        seconds=work.reached.seconds,
        figures=work.reached.figures,
        size_bytes=found.stat().st_size,
    )


def _publish(written: Path, place: Path | None) -> Path:
    if place is None:
        return written
    with written.open("rb") as stream, files.atomic_file(place) as target:
        shutil.copyfileobj(stream, target)
    return place


def _tell_catalog(workspace: Path, plan: EncoderPlan, run: Run, encoder: Path) -> None:
    """The base, the run and the encoder, so that a projection's way can be traced."""
    if not is_workspace(workspace):
        return
    with open_catalog(workspace) as catalog, catalog.transaction():
        query = "SELECT id FROM build WHERE sha256 = ? ORDER BY id DESC"
        builds = [int(row[0]) for row in catalog.rows(query, plan.corpus_sha256)]
        base = catalog.add_model(
            plan.base.absolute(),
            sha256=plan.base_sha256,
            name=plan.recipe.base,
            licence=plan.licence,
        )
        row = catalog.add_run(
            run.folder.absolute(),
            kind="train-encoder",
            style=plan.recipe.base,
            build=builds[0] if builds else None,
            base=base,
            recipe=dict(vars(plan.recipe)),
        )
        catalog.add_model(
            encoder.absolute(),
            sha256=files.sha256_of(encoder),
            name=encoder.stem,
            licence=plan.licence,
            run=row,
            parents=[(base, "base")],
        )


def probe(
    plan: EncoderPlan, *, emit: Emit = ignore, clock: Callable[[], float] = time.perf_counter
) -> EncoderEstimate:
    """Carry out a few iterations of each kind, thrown away, and reckon."""
    emit(Note("measuring a few iterations"))
    training = plan.training()
    photos = plan.photos(emit)
    recipe = plan.recipe

    def measured(nimg: int) -> float:
        training.nimg = nimg
        began = clock()
        count = training.photos_per_batch
        shown = None if photos is None or not count else torch.from_numpy(photos.next(count))
        training.iterate(shown)
        return clock() - began

    mixed_from = int(recipe.samples_kimg * 1000)
    measured(0)  # the first is slower: memory is found, kernels are chosen
    alone_s = min(measured(0) for _ in range(_MEASURED)) if mixed_from else 0.0
    measured(mixed_from)
    mixed_s = min(measured(mixed_from) for _ in range(_MEASURED))
    alone_kimg = min(recipe.samples_kimg, recipe.kimg)
    per_batch = 1000 / recipe.batch
    total = (alone_kimg * alone_s + (recipe.kimg - alone_kimg) * mixed_s) * per_batch
    seconds = total if recipe.minutes is None else min(total, recipe.minutes * 60)
    memory = peak_memory_bytes(torch.device(plan.device).type)
    size = sum(held.numel() for held in training.encoder.state_dict().values())
    of = "none: the base's samples alone"
    if photos is not None and plan.corpus is not None:
        mirrored = ", each mirrored too" if recipe.mirror else ""
        of = f"{plan.corpus.path}: {len(photos):,}{mirrored}, and {len(photos.held_out)} held out"
    lines = (
        f"base       {plan.base}: {plan.generator.img_resolution} px,"
        f" {plan.generator.num_ws} rows of {plan.generator.w_dim}",
        f"photos     {of}",
        f"licence    {plan.licence}",
        f"encoder    {plan.kwargs['img_resolution']} px, {size / 1e6:.2f} million numbers,"
        f" {2 * size / 1e6:.1f} MB",
        f"alike in   {plan.features.name}",
        f"machine    {plan.device}",
        f"time       {alone_s * per_batch:.1f} s/kimg of samples, {mixed_s * per_batch:.1f} s/kimg"
        f" with photos: {in_hours(total)} for {recipe.kimg:g} kimg"
        + (f", stopped after {recipe.minutes:g} min" if seconds < total else ""),
        f"memory     {memory / 1e9:.2f} GB in a few iterations",
    )
    return EncoderEstimate(options_of(plan), lines, seconds, memory)


__all__ = ["ENCODER", "EncoderEstimate", "TrainedEncoder", "probe", "train_encoder"]

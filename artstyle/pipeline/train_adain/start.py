"""`artstyle train-adain`: from folders of pictures to a plan, a run, and a decoder."""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artstyle import files
from artstyle.errors import WeightsError
from artstyle.events import Emit, Note, ignore
from artstyle.machine import choose_device
from artstyle.pipeline.train.tracking import TensorBoard, Trackers
from artstyle.pipeline.train.work import in_hours, peak_memory_bytes
from artstyle.pipeline.train_adain.card import sources_of, write_card
from artstyle.pipeline.train_adain.plan import Plan, make_plan
from artstyle.pipeline.train_adain.settings import AdainRecipe
from artstyle.pipeline.train_adain.work import DECODER, Goal, Stop, Work
from artstyle.recipes import resolved_toml
from artstyle.recipes.schema import make_recipe
from artstyle.runs import Run, run_at, run_for
from artstyle.workspace import Workspace, is_workspace

if TYPE_CHECKING:
    from artstyle.baselines.adain.training import DecoderTraining

_PROBED = 3  # iterations that an estimate measures


@dataclass(frozen=True)
class Trained:
    """What a call of a training reached."""

    run: Path
    decoder: Path
    published: Path | None  # where `artstyle stylize adain` finds it; None: nowhere
    iterations: int
    reason: str  # why it ended: "iterations", "minutes", or what the caller said
    seconds: float  # of training, over all calls
    losses: dict[str, float]  # of the last figures


@dataclass(frozen=True)
class Estimate:
    """A plan, and what it would take."""

    photos: int
    paintings: int
    held_out: tuple[int, int]  # photos, paintings
    encoder: str
    device: str
    images_per_s: float
    seconds: float
    iterations: int  # that would be done in this time
    memory_bytes: int
    remarks: tuple[str, ...]


def train_adain(
    workspace: Path,
    *,
    content: Sequence[Path],
    styles: Sequence[Path],
    encoder: str = "own",
    base: Path | None = None,
    named: Path | None = None,
    device: str = "auto",
    out: Path | None = None,
    dry_run: bool = False,
    emit: Emit = ignore,
    **settings: Any,
) -> Trained | Estimate:
    """Train a decoder, or go on with it.

    Args:
        workspace: where runs lie if nothing else is said, and models.
        content: folders of photos.
        styles: folders of paintings.
        encoder: what the decoder is trained behind; see `choose_perception`.
        base: a decoder to start from; None: random weights.
        named: a folder of paintings whose style the decoder's file shall hold by name.
        device: "auto", "cpu", "cuda", ...
        out: the run's folder; None: a numbered one in the workspace's runs.
        dry_run: measure a few iterations, and say what would be done.
        emit: told of everything.
        settings: of `AdainRecipe`; None leaves its default.

    Raises:
        RecipeError: settings have faults; all are listed.
        UsageError: a folder holds no pictures.
        WeightsError: the encoder's weights are not here, or the base belongs to another.
        RunError: another process writes to the run, the disk is full, or it has run apart.
    """
    from artstyle.baselines.adain.encoder import choose_encoder
    from artstyle.baselines.adain.file import read_decoder, require_encoder

    where = choose_device(device)
    known = choose_encoder(encoder, device=where, workspace=workspace, emit=emit)
    said = {name: value for name, value in settings.items() if value is not None}
    recipe = make_recipe({**said, "encoder": known.choice}, AdainRecipe, name="the training")
    held = None
    if base is not None:
        held = read_decoder(base, device=where)
        require_encoder(held.header, known)
    sources_of(recipe.sources)  # raises before work starts
    plan = make_plan(recipe, known, where, content, styles, named=named, base=held, emit=emit)
    if dry_run:
        return _probe(plan)
    return _carry_out(workspace, plan, out, emit)


def make_training(plan: Plan) -> DecoderTraining:
    """The training of a plan, at its beginning."""
    import torch

    from artstyle.baselines.adain.decoder import DEEPEST, Decoder, Shape
    from artstyle.baselines.adain.encoder import layer_scales
    from artstyle.baselines.adain.training import DecoderTraining, Numbers

    recipe = plan.recipe
    torch.manual_seed(recipe.seed)
    decoder = Decoder(Shape.of(plan.encoder.network))
    numbers = Numbers(**{field.name: getattr(recipe, field.name) for field in fields(Numbers)})
    if plan.base is not None:
        decoder.load_state_dict(plan.base.decoder.state_dict())
    else:
        decoder.expect(layer_scales(plan.encoder)[DEEPEST])
    return DecoderTraining(plan.encoder, decoder, numbers, plan.device)


def _carry_out(workspace: Path, plan: Plan, out: Path | None, emit: Emit) -> Trained:
    command = ["artstyle", *sys.argv[1:]]
    run = _run_of(plan, workspace / "runs", out, command)
    goal = Goal(plan.recipe.iterations, plan.recipe.minutes, _on_sigterm())
    with run.writing():
        tell = run.logging(emit)
        trackers = Trackers(TensorBoard(run.folder))
        work = Work(run, plan, make_training(plan), tell, trackers=trackers, command=command)
        work.begin()
        reason = work.go(goal)
        done = work.training.iteration
        write_card(run.folder / DECODER)
        place = _publish(plan, run, workspace, tell)
        if reason == "iterations":
            run.finish({"iterations": done, "losses": work.last})
        tell(Note(f"stopped at iteration {done:,} ({reason})"))
    decoder = run.folder / DECODER
    return Trained(run.folder, decoder, place, done, reason, work.seconds, work.last)


def _run_of(plan: Plan, runs: Path, out: Path | None, command: Sequence[str]) -> Run:
    identity = plan.identity()
    if out is not None:
        run = run_at(out, identity, command=command, inputs={})
    else:
        name = f"train-adain-{plan.encoder.choice}"
        run = run_for(runs, name, identity, command=command, inputs={})
    files.write_text(run.folder / "recipe.toml", resolved_toml(plan.recipe))
    files.write_text(run.folder / "command.txt", shlex.join(command) + "\n")
    held = {
        "encoder": plan.encoder.name,
        "encoder_sha256": plan.encoder.sha256,
        "photos": len(plan.photos),
        "paintings": len(plan.paintings),
        "held_photos": [path.name for path in plan.held_photos],
        "held_paintings": [path.name for path in plan.held_paintings],
    }
    files.write_json(run.folder / "pictures.json", held)
    return run


def _publish(plan: Plan, run: Run, workspace: Path, emit: Emit) -> Path | None:
    """Put the decoder where `artstyle stylize adain` finds it: models/NAME.

    A file there that is no decoder behind this encoder stays.
    """
    from artstyle.baselines.adain.file import read_header

    if not is_workspace(workspace):
        return None
    _tell_catalog(plan, run, workspace, run.folder / DECODER)
    place = Workspace(workspace).models / f"{plan.recipe.name}.safetensors"
    if place.exists():
        try:
            is_ours = read_header(place).origin.encoder_sha256 == plan.encoder.sha256
        except WeightsError:
            is_ours = False
        if not is_ours:
            text = f"{place} is no decoder behind {plan.encoder.name}, and stays"
            emit(Note(f"{text}; this one is {run.folder / DECODER} (--name renames it)", "warning"))
            return None
    with (run.folder / DECODER).open("rb") as stream, files.atomic_file(place) as target:
        shutil.copyfileobj(stream, target)
    write_card(place)
    _tell_catalog(plan, run, workspace, place)
    emit(Note(f"'artstyle stylize adain' draws with it now: {place}"))
    return place


def _tell_catalog(plan: Plan, run: Run, workspace: Path, decoder: Path) -> None:
    from artstyle.catalog import open_catalog

    with open_catalog(workspace) as catalog, catalog.transaction():
        recipe = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(plan.recipe).items()
        }
        row = catalog.add_run(run.folder.absolute(), kind="train-adain", recipe=recipe)
        catalog.add_model(
            decoder.absolute(),
            sha256=files.sha256_of(decoder),
            name=plan.recipe.name,
            licence=plan.recipe.licence,
            run=row,
        )


def _probe(plan: Plan) -> Estimate:
    """Carry out a few iterations, and throw them away; nothing is written."""
    from artstyle.images import to_tensor

    training, feed, recipe = make_training(plan), plan.feed(), plan.recipe
    times = []
    for number in range(_PROBED):
        photos, paintings = feed.take(number)
        begin_s = time.perf_counter()
        training.iterate(to_tensor(photos), to_tensor(paintings))
        training.take_means()  # waits for the device
        times.append(time.perf_counter() - begin_s)
    feed.close()
    step_s = min(times[1:])  # the first is slower: memory is found, kernels are chosen
    total_s = recipe.iterations * step_s
    if recipe.minutes is not None:
        total_s = min(total_s, recipe.minutes * 60)
    return Estimate(
        photos=len(plan.photos),
        paintings=len(plan.paintings),
        held_out=(len(plan.held_photos), len(plan.held_paintings)),
        encoder=plan.encoder.name,
        device=plan.device,
        images_per_s=recipe.batch / step_s,
        seconds=total_s,
        iterations=min(recipe.iterations, max(1, round(total_s / step_s))),
        memory_bytes=peak_memory_bytes(plan.device.partition(":")[0]),
        remarks=plan.remarks,
    )


def estimate_text(found: Estimate) -> str:
    """An estimate for people."""
    photos, paintings = found.held_out
    return "\n".join(
        (
            f"photos     {found.photos:,}, and {photos} held out",
            f"paintings  {found.paintings:,}, and {paintings} held out",
            f"encoder    {found.encoder}",
            f"machine    {found.device}, {found.images_per_s:.1f} images/s measured",
            f"time       {in_hours(found.seconds)} for {found.iterations:,} iterations",
            f"memory     {found.memory_bytes / 1e9:.2f} GB in a few iterations",
        )
    )


def _on_sigterm() -> Stop:
    """A wish to end (SIGTERM, as cluster managers send it) stops the training at a state."""
    wished: list[str] = []
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: wished.append("terminated"))
    return lambda: wished[0] if wished else None

"""What a training leaves: the net, its card, and its place in the workspace."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artstyle import files
from artstyle.baselines.fast.file import (
    FastRecord,
    Header,
    read_header,
    write_fast,
)
from artstyle.errors import UsageError, WeightsError
from artstyle.names import shown
from artstyle.weights.cards import Figure, Sidecar, Source, write_sidecar
from artstyle.weights.entries import licence_of_words
from artstyle.workspace import Workspace, is_workspace

if TYPE_CHECKING:
    from artstyle.baselines.fast.training import FastTraining
    from artstyle.pipeline.train_fast.plan import Plan
    from artstyle.runs import Run

PREFIX = "fast-"


def write_net(path: Path, plan: Plan, training: FastTraining, run: Run, seconds: float) -> None:
    """Write the averaged net with what it came from, as float16."""
    recipe = plan.recipe
    notes: dict[str, Any] = {
        "iterations": training.iteration,
        "photos_shown": training.iteration * recipe.batch,
        "seconds": round(seconds),
        "photos": len(plan.photos),
        "crop_px": recipe.crop_px,
        "style_px": recipe.style_px,
        "weights": {
            "content": recipe.content_weight,
            "style": recipe.style_weight,
            "tv": recipe.tv_weight,
        },
        "perception_sha256": plan.perception_sha256,
        "command": (run.folder / "command.txt").read_text(encoding="utf-8").strip(),
    }
    if plan.base is not None:
        known = plan.base.record.notes
        notes["base"] = {"name": plan.base.name, "content_sha256": plan.base.content_sha256} | {
            name: known[name] for name in ("iterations", "photos_shown", "seconds") if name in known
        }
    record = FastRecord(
        styles=tuple(style.record for style in plan.styles),
        perception=plan.perception.name,
        licence=recipe.licence,
        source=f"{len(plan.photos)} photos: {recipe.photos_licence}",
        notes=notes,
    )
    write_fast(path, training.average, record)


def place_of(workspace: Path, name: str) -> Path:
    """Where a net is found by its name."""
    return Workspace(workspace).models / f"{PREFIX}{name}.safetensors"


def require_free(place: Path, plan: Plan) -> None:
    """See that what lies at the net's place may be replaced: a net of the same paintings.

    Raises:
        UsageError: something else lies there.
    """
    if not place.exists():
        return
    try:
        there = read_header(place)
    except WeightsError as fault:
        raise UsageError(
            f"{shown(place)} is there and no fast net, so it stays",
            hint="call this one otherwise with --name",
        ) from fault
    wanted = [style.record.sha256 for style in plan.styles]
    if [style.sha256 for style in there.record.styles] != wanted:
        raise UsageError(
            f"{shown(place)} is there and draws like other paintings, so it stays",
            hint="call this one otherwise with --name",
        )


def publish(latest: Path, workspace: Path, plan: Plan, figures: dict[str, float]) -> Path | None:
    """Put the net and its card where its name finds them; None outside of a workspace."""
    if not is_workspace(workspace):
        return None
    place = place_of(workspace, plan.recipe.name)
    with latest.open("rb") as stream, files.atomic_file(place) as target:
        shutil.copyfileobj(stream, target)
    write_sidecar(place, card_of_net(read_header(place), plan, figures))
    return place


def card_of_net(header: Header, plan: Plan, figures: dict[str, float]) -> Sidecar:
    """What is said of a net, for people."""
    names = ", ".join(style.name for style in header.record.styles)
    paintings = [
        Source(
            f"the painting {style.file} ({style.name})", style.licence, f"SHA-256 {style.sha256}"
        )
        for style in header.record.styles
    ]
    photos = Source("photos", plan.recipe.photos_licence, "", len(plan.photos))
    return Sidecar(
        title=f"Fast transfer: {names}",
        summary=f"Redraws any photo in the style of {names} in one pass"
        f" (Johnson et al. 2016, instance norm); seen by {header.record.perception}.",
        kind="fast",
        licence=licence_of_words(header.record.licence),
        sources=(*paintings, photos),
        figures=tuple(
            Figure(f"{name} loss", round(value, 4), "mean of the last iterations, in training")
            for name, value in figures.items()
        ),
        how_made=str(header.record.notes["command"]),
    )

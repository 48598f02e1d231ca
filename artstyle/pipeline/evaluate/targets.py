"""What is judged: snapshots of runs, single models, folders of pictures; and against what."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from artstyle.errors import RunError, UsageError
from artstyle.events import Emit, ignore
from artstyle.names import shown
from artstyle.pipeline.evaluate.pictures import DrawnPictures, Pictures, classes_of
from artstyle.pipeline.generate.models import Model, find_models, load
from artstyle.runs import Run, list_runs, open_run
from artstyle.workspace import Workspace, check_style_name

_SNAPSHOT = re.compile(r"network-snapshot-(\d+)\.safetensors")


@dataclass(frozen=True, eq=False)
class Target:
    """One row of a table to be: a model at one truncation is judged at a time."""

    name: str
    model: Model | None = None  # None: pictures that are there already
    pictures: Pictures | None = None  # those
    style: str = ""  # of the run; ""
    kimg: int | None = None  # how long it was trained

    @property
    def identity(self) -> str:
        """Of what is judged, truncation and number of samples apart."""
        if self.model is not None:
            return f"model {self.model.sha256}"
        assert self.pictures is not None  # one of the two is there
        return self.pictures.identity

    def open(
        self, reference: Pictures, *, psi: float, samples: int, device: str, emit: Emit
    ) -> Pictures:
        """Its pictures, ready to be read; a model is loaded for it."""
        if self.model is None:
            assert self.pictures is not None  # one of the two is there
            return self.pictures
        generator = load(self.model, device, "float32", emit)
        return DrawnPictures(
            self.name,
            generator,
            sha256=self.model.sha256,
            count=samples,
            psi=psi,
            labels=classes_of(reference, self.model.c_dim),
        )


@dataclass(frozen=True)
class TrainedRun:
    """A run with its snapshots."""

    folder: Path
    style: str
    dataset: Path | None  # None: its run.json names none
    snapshots: tuple[tuple[int, Path], ...] = field(repr=False)  # (kimg, file), rising


def read_run(folder: Path) -> TrainedRun:
    """What a run's folder tells.

    Raises:
        RunError: it is no run, is damaged, or has no snapshots yet.
    """
    run = open_run(folder)
    found = sorted(
        (int(match[1]), path)
        for path in folder.iterdir()
        if (match := _SNAPSHOT.fullmatch(path.name))
    )
    if not found:
        raise RunError(
            f"{shown(folder)} has no snapshots yet (network-snapshot-NNNNNN.safetensors)",
            hint="train on until the next one, or measure its latest.safetensors with --model",
        )
    return TrainedRun(folder, style_of(run), dataset_of(run), tuple(found))


def newest_run(workspace: Workspace, style: str) -> TrainedRun:
    """The newest run of a style that has snapshots.

    Raises:
        RunError: there is none.
    """
    check_style_name(style)
    for run in reversed(list_runs(workspace.runs)):
        has_any = any(_SNAPSHOT.fullmatch(path.name) for path in run.folder.iterdir())
        if has_any and style_of(run) == style:
            return read_run(run.folder)
    raise RunError(
        f"no run of {style} in {shown(workspace.runs)} has snapshots",
        hint=f"train one with 'artstyle finetune --style {style}', or name a folder with --run",
    )


def style_of(run: Run) -> str:
    """The style that a run learns; "" where its recipe says none."""
    try:
        recipe = tomllib.loads((run.folder / "recipe.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise RunError(f"{shown(run.folder)}: recipe.toml cannot be read: {fault}") from fault
    return str(recipe.get("style") or "")


def dataset_of(run: Run) -> Path | None:
    """The dataset that a run learns from; None where run.json names none."""
    inputs = run.info.get("inputs")
    known = inputs.get("dataset") if isinstance(inputs, dict) else None
    path = known.get("path") if isinstance(known, dict) else None
    return Path(path) if isinstance(path, str) else None


def snapshot_targets(
    run: TrainedRun, workspace: Path, *, most: int | None = None, emit: Emit = ignore
) -> tuple[Target, ...]:
    """The snapshots of a run, oldest first.

    Args:
        run: see `read_run`.
        workspace: where names of models are looked up.
        most: at most so many, spread evenly, the last one among them; None: all.
        emit: gets notes.

    Raises:
        CheckpointError: a snapshot is damaged.
    """
    chosen = spread_evenly(run.snapshots, most)
    models = find_models([path for _, path in chosen], workspace, emit=emit)
    return tuple(
        Target(f"{kimg} kimg", model=model, style=run.style, kimg=kimg)
        for (kimg, _), model in zip(chosen, models, strict=True)
    )


def model_target(name: str, workspace: Path, *, emit: Emit = ignore) -> Target:
    """A model by name or file."""
    (model,) = find_models([name], workspace, emit=emit)
    return Target(model.name, model=model)


def spread_evenly(
    items: Sequence[tuple[int, Path]], most: int | None
) -> tuple[tuple[int, Path], ...]:
    """At most so many of them, evenly, ending with the last."""
    if most is None or len(items) <= most:
        return tuple(items)
    if most < 1:
        raise UsageError(f"{most} snapshots are none to measure")
    step = len(items) / most
    return tuple(items[round((number + 1) * step) - 1] for number in range(most))

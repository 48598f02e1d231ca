"""What one call of `artstyle evaluate` does: which targets against which dataset, written where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from artstyle.errors import CorpusError, UsageError
from artstyle.events import Emit, ignore
from artstyle.machine import choose_device
from artstyle.metrics.space import FeatureSpace
from artstyle.names import shown
from artstyle.perception.inception_resize import Protocol
from artstyle.pipeline.evaluate.measure import DEFAULT, check_metrics
from artstyle.pipeline.evaluate.pictures import Pictures, open_pictures
from artstyle.pipeline.evaluate.spaces import Choice, choose_space
from artstyle.pipeline.evaluate.targets import (
    Target,
    TrainedRun,
    model_target,
    newest_run,
    read_run,
    snapshot_targets,
)
from artstyle.pipeline.evaluate.work import Evaluation, Settings, evaluate
from artstyle.workspace import Workspace

RUN_FOLDER = "evaluation"  # inside a run
REPORT_FOLDER = "evaluation"  # inside reports/


@dataclass(frozen=True, eq=False)
class Task:
    """Targets that are measured against one dataset, into one folder."""

    name: str
    targets: tuple[Target, ...]
    reference: Pictures
    out: Path | None  # None: nothing is written
    run: TrainedRun | None = None  # None: no run's snapshots


@dataclass(frozen=True, eq=False)
class DoneTask:
    """A task that was carried out."""

    task: Task
    evaluation: Evaluation
    space: FeatureSpace
    settings: Settings


def make_tasks(
    workspace: Path,
    *,
    styles: Sequence[str] = (),
    runs: Sequence[Path] = (),
    model: str | None = None,
    images: Path | None = None,
    dataset: Path | None = None,
    reference: Path | None = None,
    snapshots: int | None = None,
    out: Path | None = None,
    emit: Emit = ignore,
) -> list[Task]:
    """Look up everything before any work starts.

    Args:
        workspace: where styles, runs and names of models are looked up.
        styles: each style's newest run.
        runs: folders of runs.
        model: a model, measured against `dataset`.
        images: a folder or zip of pictures, measured against `reference`.
        dataset: None: the one that a run learned from.
        reference: see `images`.
        snapshots: at most so many of each run.
        out: where tables go; None: inside each run, below reports/ for a model, nowhere for
            images.
        emit: gets notes.

    Raises:
        UsageError: nothing, or things that do not go together, were asked for.
        RunError: a run cannot be read, or no snapshots are there.
        CorpusError: the dataset cannot be read.
    """
    asked = [bool(styles or runs), model is not None, images is not None]
    if sum(asked) != 1:
        raise UsageError(
            "one thing can be judged at a time" if any(asked) else "nothing was named to judge",
            hint="name --style S, --run RUN, --model M --dataset Z, or --images A --reference B",
        )
    if (images is None) != (reference is None):
        raise UsageError("--images and --reference go together")
    if model is not None and dataset is None:
        raise UsageError(f"{model} is measured against a dataset", hint="name it with --dataset Z")
    if images is not None and reference is not None:
        pictures = open_pictures(images, emit=emit)
        target = Target(pictures.name, pictures=pictures)
        return [Task(pictures.name, (target,), open_pictures(reference, emit=emit), out)]
    if model is not None and dataset is not None:
        target = model_target(model, workspace, emit=emit)
        where = out or Workspace(workspace).reports / REPORT_FOLDER / target.name
        return [Task(target.name, (target,), open_pictures(dataset, emit=emit), where)]
    trained = [newest_run(Workspace(workspace), style) for style in styles]
    trained += [read_run(folder) for folder in runs]
    if out is not None and len(trained) > 1:
        raise UsageError("--out names one folder, and several runs were named")
    return [_task(run, workspace, dataset, snapshots, out, emit=emit) for run in trained]


def _task(
    run: TrainedRun,
    workspace: Path,
    dataset: Path | None,
    snapshots: int | None,
    out: Path | None,
    *,
    emit: Emit,
) -> Task:
    """The task of a run."""
    path = dataset or run.dataset
    if path is None:
        raise UsageError(
            f"{shown(run.folder)} does not say what it learned from",
            hint="name the dataset with --dataset Z.zip",
        )
    if not path.is_absolute() and not path.exists():
        path = workspace / path
    if not path.exists():
        raise CorpusError(
            f"the dataset of {shown(run.folder)} is no longer there: {shown(path)}",
            hint="build it again, or name another with --dataset Z.zip",
        )
    targets = snapshot_targets(run, workspace, most=snapshots, emit=emit)
    reference = open_pictures(path, emit=emit)
    return Task(run.folder.name, targets, reference, out or run.folder / RUN_FOLDER, run)


def carry_out(
    tasks: Sequence[Task],
    *,
    metrics: tuple[str, ...] = DEFAULT,
    features: Choice = "auto",
    protocol: Protocol = "official",
    weights_file: Path | None = None,
    samples: int | None = None,
    psis: tuple[float, ...] = (1.0,),
    seed: int = 0,
    device: str = "auto",
    dry_run: bool = False,
    emit: Emit = ignore,
) -> list[DoneTask]:
    """Measure all tasks in one feature space; see `evaluate` and `choose_space`."""
    check_metrics(metrics)
    where = choose_device(device)
    space = choose_space(
        features, protocol=protocol, device=where, weights_file=weights_file, emit=emit
    )
    settings = Settings(metrics, samples, psis, seed, where)
    for task in tasks:  # what cannot be is said before the first picture is drawn
        if not dry_run:
            evaluate(task.targets, task.reference, space, settings, out=task.out, dry_run=True)
    return [
        DoneTask(
            task,
            evaluate(
                task.targets,
                task.reference,
                space,
                settings,
                out=task.out,
                dry_run=dry_run,
                emit=emit,
            ),
            space,
            settings,
        )
        for task in tasks
    ]

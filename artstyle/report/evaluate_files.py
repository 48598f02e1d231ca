"""What `artstyle evaluate` leaves besides its tables: plots, panels, copies in reports/."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from artstyle.events import Emit, ignore
from artstyle.metrics.space import measure_name
from artstyle.pipeline.evaluate import Row, Target, nearest_training
from artstyle.pipeline.evaluate.plan import REPORT_FOLDER, DoneTask
from artstyle.pipeline.evaluate.record import TABLE_CSV, TABLE_JSON, write_tables
from artstyle.report.evaluate_pictures import (
    draw_morph,
    draw_neighbours,
    draw_stack,
    draw_truncation,
)
from artstyle.report.evaluate_plot import plot_fid
from artstyle.workspace import Workspace, is_workspace


def draw_files(
    done: Sequence[DoneTask],
    workspace: Path,
    *,
    pictures: bool = False,
    out: Path | None = None,
    emit: Emit = ignore,
) -> list[Path]:
    """Draw what belongs to these evaluations.

    Runs get a plot in their own folder; their tables and one plot of all of them go to
    reports/evaluation, if the folder is a workspace.

    Args:
        done: see `carry_out`.
        workspace: where reports/ is.
        pictures: draw stack, truncation, neighbours and a film too.
        out: a folder that was named; then nothing goes to reports/.
        emit: gets progress.

    Returns:
        What is there now, tables first.
    """
    made: list[Path] = []
    for one in done:
        folder, rows = one.task.out, one.evaluation.rows
        if folder is None:
            continue
        made += [folder / TABLE_CSV, folder / TABLE_JSON]
        made += _plot(rows, one, folder)
        if pictures:
            made += _pictures(one, folder, emit)
    trained = [one for one in done if one.task.run is not None]
    if trained and out is None and is_workspace(workspace):
        made += _report(trained, Workspace(workspace).reports / REPORT_FOLDER)
    return made


def _report(trained: Sequence[DoneTask], folder: Path) -> list[Path]:
    """Tables of runs, and one plot of all of them."""
    made = []
    for one in trained:
        below = folder / one.task.name
        best = one.evaluation.best
        facts = one.evaluation.facts | {
            "best": None if best is None else best.name,
            "by": one.evaluation.lead,
        }
        write_tables(below, one.evaluation.rows, facts)
        made += [below / TABLE_CSV, below / TABLE_JSON]
    rows = [row for one in trained for row in one.evaluation.rows]
    return made + _plot(rows, trained[0], folder)


def _plot(rows: Sequence[Row], one: DoneTask, folder: Path) -> list[Path]:
    """The leading measure and the Fréchet distance, each in a file of its own name."""
    facts, made = one.evaluation.facts, []
    subtitle = f"{facts['title']}, {facts['samples']:,} samples; {facts['protocol']}"
    for name in dict.fromkeys([one.evaluation.lead, measure_name("fid", one.space)]):
        path = plot_fid(rows, name, folder / f"{name}.png", subtitle=subtitle)
        made += [] if path is None else [path]
    return made


def _pictures(one: DoneTask, folder: Path, emit: Emit) -> list[Path]:
    task, best, device = one.task, one.evaluation.best, one.settings.device
    if best is None:
        return []
    made: list[Path | None] = []
    label = _class_of(best)
    if len(task.targets) > 1:
        made.append(
            draw_stack(task.targets, folder / "stack", class_index=label, device=device, emit=emit)
        )
    made.append(
        draw_truncation(best, folder / "truncation", class_index=label, device=device, emit=emit)
    )
    made.append(draw_morph(best, folder / "morph", class_index=label, device=device, emit=emit))
    near = nearest_training(best, task.reference, one.space, one.settings, emit=emit)
    title = f"{best.name}: nearest training pictures"
    made.append(draw_neighbours(near, folder / "neighbours.png", title=title))
    return [path for path in made if path is not None]


def _class_of(target: Target) -> int | None:
    """The class that pictures of a conditional model show: its first."""
    return 0 if target.model is not None and target.model.c_dim else None

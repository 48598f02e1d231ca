"""A report of trainings: tables, figures as CSV and JSON, curves, and what the models draw.

    report = make_training_report([tell_training(run) for run in runs], Path("reports/training"))

`table.md` is made to be taken into a text that says what it means.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from artstyle import files
from artstyle.images import read_rgb, write_jpeg
from artstyle.pipeline.training_told import FIRST_GRID, GRID, Told
from artstyle.report.training_curves import draw_curves

TABLE, FIGURES_CSV, SUMMARY_JSON, CURVES = "table.md", "curves.csv", "training.json", "curves.png"
GRIDS = "grids"
_QUALITY = 88
_HEAD = (
    "| run | from | px | pictures | kimg | hours | calls, resumed at kimg | s/kimg | p | best |",
    "|---|---|---|---|---|---|---|---|---|---|",
)


@dataclass(frozen=True)
class TrainingReport:
    """What was written."""

    folder: Path
    files: tuple[Path, ...]
    runs: tuple[str, ...]


def make_training_report(trainings: Sequence[Told], folder: Path) -> TrainingReport:
    """Write the report of these trainings into a folder, in place of an earlier one.

    Args:
        trainings: in the order of the table.
        folder: made if it is missing; other files in it are left alone.

    Returns:
        What was written. Grids of reals are not copied: they show the training pictures.
    """
    made = [folder / TABLE, folder / FIGURES_CSV, folder / SUMMARY_JSON]
    files.write_text(made[0], table_of(trainings))
    files.write_text(made[1], _csv(trainings))
    files.write_json(made[2], {"runs": [_summary(told) for told in trainings]})
    made.append(draw_curves(trainings, folder / CURVES))
    made += [path for told in trainings for path in _grids(told, folder / GRIDS)]
    return TrainingReport(folder, tuple(made), tuple(told.name for told in trainings))


def table_of(trainings: Sequence[Told]) -> str:
    """A table in Markdown, and below it the command of every run."""
    lines = [*_HEAD, *(_row(told) for told in trainings), ""]
    lines += ["```", *(told.command for told in trainings), "```", ""]
    return "\n".join(lines)


def _row(told: Told) -> str:
    again = ", ".join(f"{at:g}" for at in told.resumed_at_kimg)
    calls = f"{told.calls}: {again}" if again else f"{told.calls}"
    mirrored = ", mirrored" if told.mirrored else ""
    cells = (
        told.name,
        told.base or "random weights",
        f"{told.resolution_px}",
        f"{told.pictures:,}{mirrored}",
        f"{told.kimg:.1f}",
        f"{told.hours:.2f}",
        calls,
        f"{told.sec_per_kimg:.0f}",
        f"{told.curve[-1].p:.3f}",
        best_of(told) or "-",
    )
    return f"| {' | '.join(cells)} |"


def best_of(told: Told) -> str:
    """The lowest value of each measure, and where; empty if none was taken."""
    found = []
    for name, points in told.metrics.items():
        kimg, value = min(points, key=lambda point: point[1])
        found.append(f"{name} {value:.4g} at {kimg:g} kimg")
    return "; ".join(found)


def _summary(told: Told) -> dict[str, Any]:
    said = asdict(told)
    del said["curve"]
    metrics = {name: [list(point) for point in points] for name, points in told.metrics.items()}
    return said | {"run": told.name, "sec_per_kimg": told.sec_per_kimg, "metrics": metrics}


def _csv(trainings: Sequence[Told]) -> str:
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    names = ("kimg", "g_loss", "d_loss", "real_sign", "p", "sec_per_kimg")
    table.writerow(("run", *names))
    for told in trainings:
        for tick in told.curve:
            table.writerow((told.name, *(f"{getattr(tick, name):.6g}" for name in names)))
    return stream.getvalue()


def _grids(told: Told, folder: Path) -> list[Path]:
    """What the model drew last, or at first if it has not been stopped yet; as light JPEG."""
    for name in (GRID, FIRST_GRID):
        path = told.run / name
        if path.is_file():
            copy = folder / f"{told.name}.jpg"
            write_jpeg(copy, read_rgb(path).rgb, quality=_QUALITY)
            return [copy]
    return []

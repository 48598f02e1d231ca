"""`artstyle report training`: curves, grids and tables of runs."""

from __future__ import annotations

from pathlib import Path

import click

from artstyle.cli._base import Context, command


@command(
    "training", example="artstyle report training runs/people runs/toon_head --out reports/training"
)
@click.argument(
    "runs",
    nargs=-1,
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="RUN...",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="A folder for table.md, curves.png, curves.csv, training.json and grids/.",
)
def training(ctx: Context, runs: tuple[Path, ...], out: Path) -> None:
    """Draw and tabulate how each RUN went: losses, ADA, speed, resumptions, best snapshot."""
    from artstyle.pipeline.training_told import tell_training
    from artstyle.report.training_report import make_training_report, table_of

    told = [tell_training(run) for run in runs]
    made = make_training_report(told, out)
    data = {"files": [str(path) for path in made.files], "runs": list(made.runs)}
    ctx.result(data, f"{table_of(told)}\n{out}: {len(made.files)} files")

"""`artstyle runs unpack`: a run put together again."""

from __future__ import annotations

from pathlib import Path

import click

from artstyle.cli._base import Context, command


@command("unpack", example="artstyle runs unpack pieces --out runs/people")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="RUN",
    help="The run's folder to be.",
)
def unpack(ctx: Context, folder: Path, out: Path) -> None:
    """Put the run in DIR together; its training goes on with --out RUN and the same settings."""
    from artstyle.pipeline.train.packing import unpack as unpack_run

    done = unpack_run(folder, out, emit=ctx.emit)
    ctx.result(vars(done), f"{done.folder}: {done.kimg:.1f} kimg")

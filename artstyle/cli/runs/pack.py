"""`artstyle runs pack`: a run in pieces."""

from __future__ import annotations

from pathlib import Path

import click

from artstyle.cli._base import Context, command


@command("pack", example="artstyle runs pack runs/people --out pieces --half")
@click.argument("run", type=click.Path(file_okay=False, path_type=Path), metavar="RUN")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="A new folder for the pieces.",
)
@click.option("--half", is_flag=True, help="Adam's moments in half precision: not bit-equal.")
@click.option("--snapshots", is_flag=True, help="Snapshots and grids as well.")
def pack(ctx: Context, run: Path, out: Path, half: bool, snapshots: bool) -> None:
    """Write RUN's newest state as pieces of at most 15 MB, to go on elsewhere."""
    from artstyle.disk import in_words
    from artstyle.pipeline.train.packing import pack as pack_run

    done = pack_run(run, out, half=half, snapshots=snapshots, emit=ctx.emit)
    text = f"{done.folder}: {done.kimg:.1f} kimg in {done.pieces} pieces, "
    ctx.result(vars(done), text + in_words(done.size_bytes))

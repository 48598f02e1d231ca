"""`artstyle models import`: a model of ours from another tool's file."""

from __future__ import annotations

from pathlib import Path

import click

from artstyle.cli._base import Context, command


@command(
    "import",
    example="artstyle models import network-snapshot-002400.pkl --out models/mine.safetensors\n"
    'artstyle models import ffhq.pt --out ffhq.safetensors --licence "CC BY-NC-SA 4.0"',
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="M.safetensors",
    help="Where to write the model.",
)
@click.option("--licence", help="What one may do with it; kept in the file, shown on cards.")
@click.option("--name", help="A name for people; kept in the file.")
@click.option(
    "--networks",
    metavar="G_ema,G,D",
    help="Take only these; all that are there if not given.",
)
def import_model(
    ctx: Context,
    file: Path,
    out: Path,
    *,
    licence: str | None,
    name: str | None,
    networks: str | None,
) -> None:
    """Make a model of FILE, a snapshot of another tool.

    Read are official snapshots (.pkl) of StyleGAN2-ADA and StyleGAN3, TensorFlow ones of
    StyleGAN2, rosinality's state dicts (.pt), and safetensors with official names. What it is,
    the file's bytes say. Nothing in it is executed: a file that asks for anything but tensors and
    settings is refused, and the message names what it asked for.
    """
    from artstyle.cli.models._summary import summary_text
    from artstyle.pipeline.models import import_model as make

    chosen = None if networks is None else [word.strip() for word in networks.split(",")]
    summary = make(file, out, licence=licence, name=name, networks=chosen, emit=ctx.emit)
    ctx.result({"model": summary}, lambda: summary_text(summary))

"""`artstyle models random`: an untrained model to try commands with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from artstyle.cli._base import Context, command

if TYPE_CHECKING:
    from artstyle.pipeline.models import RandomKind


@command(
    "random",
    example="artstyle models random --resolution 64 --out models/noise.safetensors",
)
@click.option(
    "--resolution", type=int, required=True, metavar="PX", help="Side of its pictures: 8, 16, ..."
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="M.safetensors",
    help="Where to write the model.",
)
@click.option(
    "--kind",
    type=click.Choice(["stylegan2", "stylegan3-t", "stylegan3-r"]),
    default="stylegan2",
    show_default=True,
    help="Which network.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of its numbers.")
@click.option(
    "--channel-base",
    type=click.IntRange(min=1),
    default=4096,
    show_default=True,
    help="Channels at a resolution are this divided by it; official models have 32768.",
)
@click.option(
    "--channel-max",
    type=click.IntRange(min=1),
    default=128,
    show_default=True,
    help="But at most this many; official models have 512.",
)
@click.option(
    "--latent-dim",
    type=click.IntRange(min=1),
    default=128,
    show_default=True,
    help="Of z and of w; official models have 512.",
)
@click.option(
    "--mapping-layers",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="From z to w.",
)
@click.option(
    "--classes",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of a conditional model; 0: none.",
)
@click.option(
    "--discriminator/--no-discriminator", default=True, help="With D, so that it can be trained."
)
def random(ctx: Context, *, out: Path, kind: RandomKind, **wishes: Any) -> None:
    """Write an untrained model: its pictures are noise, but every command can be tried with it."""
    from artstyle.cli.models._summary import summary_text
    from artstyle.pipeline.models import RandomModel, random_model

    summary = random_model(out, RandomModel(kind=kind, **wishes), emit=ctx.emit)
    ctx.result({"model": summary}, lambda: summary_text(summary))

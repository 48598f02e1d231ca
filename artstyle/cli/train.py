"""`artstyle train`: a model from scratch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from artstyle.cli._base import Context, command

if TYPE_CHECKING:
    from artstyle.pipeline.train.job import Trained

_CONFIGS = ("auto", "stylegan2", "paper256", "paper512", "paper1024", "small")


@command(
    "train",
    example=(
        "artstyle train --dataset people-64.zip --config small --minutes 60 --out runs/people\n"
        "artstyle train --dataset faces-256.zip --config paper256 --kimg 5000 --dry-run"
    ),
)
@click.option(
    "--dataset",
    required=True,
    type=click.Path(path_type=Path),
    metavar="Z.zip",
    help="The dataset, as 'artstyle build' makes it.",
)
@click.option(
    "--config",
    type=click.Choice(_CONFIGS),
    help="Which table of numbers to use; small is for machines without a GPU. [default: auto]",
)
@click.option("--kimg", type=float, metavar="N", help="Thousands of pictures to show.")
@click.option("--minutes", type=float, metavar="N", help="Stop after so long; it can be resumed.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="RUN",
    help="The run's folder. [default: a numbered one in runs/]",
)
@click.option("--style", metavar="S", help="What is learned. [default: named after the dataset]")
@click.option("--batch", type=int, metavar="N", help="Pictures per step.")
@click.option("--gamma", type=float, metavar="N", help="Weight of R1.")
@click.option("--seed", type=int, metavar="N", help="Seed of everything random.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
def train(ctx: Context, **options: Any) -> None:
    """Train a model from scratch, or go on with it.

    The same command goes on where it was broken off, in whatever way. The run's folder holds
    snapshots (network-snapshot-KIMG.safetensors), the latest model with all networks
    (latest.safetensors), grids of what it draws, and every figure (stats.jsonl).
    """
    from artstyle.pipeline.train.scratch import train_scratch

    trained = train_scratch(ctx.workspace, emit=ctx.emit, **options)
    ctx.result(as_json(trained), lambda: as_text(trained))


def as_json(trained: Trained) -> dict[str, Any]:
    """What a training reached, for programs."""
    return dict(vars(trained))


def as_text(trained: Trained) -> str:
    """What a training reached, for people."""
    hours = trained.seconds / 3600
    return f"{trained.model}: {trained.kimg:.1f} kimg in {hours:.1f} h ({trained.reason})"

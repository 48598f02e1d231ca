"""`artstyle train`: a model from scratch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from artstyle.cli._base import Context, command
from artstyle.cli._training import as_json, as_text, take_means, training_options


@command(
    "train",
    example=(
        "artstyle train --style people --minutes 60\n"
        "artstyle train --dataset people-64.zip --config small --minutes 60 --out runs/people\n"
        "artstyle train --dataset faces-256.zip --config paper256 --kimg 5000 --dry-run"
    ),
)
@click.option(
    "--dataset",
    type=click.Path(path_type=Path),
    metavar="Z.zip",
    help="The dataset. [default: the last that was built of the style]",
)
@click.option("--style", metavar="S", help="What is learned; training/S.toml is its recipe.")
@training_options
@click.option("--channel-base", type=int, metavar="N", help="Feature maps times resolution.")
@click.option("--channel-max", type=int, metavar="N", help="At most so many feature maps.")
@click.option("--latent-dim", type=int, metavar="N", help="Numbers in z and in w.")
@click.option("--mapping-layers", type=int, metavar="N", help="Layers from z to w.")
def train(ctx: Context, **options: Any) -> None:
    """Train a model from scratch, or go on with it.

    The same command goes on where it was broken off, in whatever way, and --kimg and --minutes may
    differ. The run's folder holds snapshots (network-snapshot-KIMG.safetensors), the latest model
    with all networks (latest.safetensors), grids of what it draws, every figure (stats.jsonl, and
    for 'tensorboard --logdir'), and the state from which training goes on.
    """
    from artstyle.pipeline.train.start import train_scratch

    means = take_means(options)
    done = train_scratch(ctx.workspace, means=means, emit=ctx.emit, **options)
    ctx.result(as_json(done), lambda: as_text(done))

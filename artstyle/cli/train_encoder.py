"""`artstyle train-encoder`: what guesses the latents of photos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from artstyle.cli._base import Context, command


@command(
    "train-encoder",
    example=(
        "artstyle train-encoder --base people --minutes 8\n"
        "artstyle train-encoder --base people --photos datasets/people/zips/people-64-train.zip\n"
        "artstyle train-encoder --base ffhq-256 --photos faces-256.zip --kimg 200 --dry-run"
    ),
)
@click.option("--base", required=True, metavar="MODEL", help="The model it is for.")
@click.option(
    "--photos",
    type=click.Path(path_type=Path),
    metavar="Z.zip",
    help="Photos to learn from, as a dataset. [default: the last that was built of the base]",
)
@click.option("--no-photos", is_flag=True, help="Learn from the base's own samples alone.")
@click.option("--kimg", type=float, metavar="N", help="Thousands of pictures. [default: 30]")
@click.option("--minutes", type=float, metavar="N", help="Stop after so long, to be resumed.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="RUN",
    help="The run's folder. [default: a numbered one in runs/]",
)
@click.option("--batch", type=int, metavar="N", help="Pictures per step. [default: 16]")
@click.option("--lr", "learning_rate", type=float, metavar="N", help="[default: 0.002]")
@click.option(
    "--samples-kimg",
    type=float,
    metavar="N",
    help="How long samples come alone, before photos do. [default: 2]",
)
@click.option(
    "--spread-weight",
    type=float,
    metavar="N",
    help="What keeps a photo's rows near each other. [default: 0.05]",
)
@click.option("--mirror/--no-mirror", default=None, help="Show every photo mirrored too.")
@click.option("--warm/--no-warm", default=None, help="Begin with the trunk of the base's D.")
@click.option("--seed", type=int, metavar="N", help="Seed of everything random. [default: 0]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--dry-run", is_flag=True, help="Measure a few iterations, and say the plan.")
def train_encoder(ctx: Context, **options: Any) -> None:
    """Train the encoder of a model, or go on with it: photos to latents in one pass.

    It becomes models/BASE-encoder.safetensors, where 'artstyle project' and 'artstyle challenge'
    find it: they begin with its guess and need a few steps instead of hundreds. It is for this very
    model: train it when the base is finished. The same command goes on where it was broken off.
    """
    from artstyle.pipeline.encode.start import EncoderEstimate
    from artstyle.pipeline.encode.start import train_encoder as train

    done = train(ctx.workspace, emit=ctx.emit, **options)

    def text() -> str:
        if isinstance(done, EncoderEstimate):
            return "\n".join(done.lines)
        figures = ", ".join(
            f"{name.partition('/')[2].replace('_', ' ')} {value:.4g}"
            for name, value in done.figures.items()
        )
        return (
            f"{done.encoder}: {done.kimg:.1f} kimg, {done.size_bytes / 1e6:.1f} MB"
            f" ({done.reason})\nheld-out photos: {figures}"
        )

    ctx.result(dict(vars(done)), text)

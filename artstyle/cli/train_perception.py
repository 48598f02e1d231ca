"""`artstyle train-perception`: the network that sees style where VGG's weights are not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from artstyle.cli._base import Context, command

if TYPE_CHECKING:
    from artstyle.pipeline.train_perception.start import PerceptionEstimate, PerceptionTrained

EXAMPLE = """\
artstyle train-perception --pictures material/content --minutes 10
artstyle train-perception --pictures material/content --source "photos; CC BY 4.0; Caltech-101"
artstyle train-perception --pictures material/content --unlabelled material/paintings --epochs 20
artstyle train-perception --pictures material/content --dry-run"""
_FOLDER = click.Path(file_okay=False, path_type=Path)


@command("train-perception", example=EXAMPLE)
@click.option(
    "--pictures",
    type=_FOLDER,
    multiple=True,
    metavar="DIR",
    help="A folder with a subfolder for each kind of things; several may be given.",
)
@click.option(
    "--unlabelled",
    type=_FOLDER,
    multiple=True,
    metavar="DIR",
    help="A folder of any pictures: paintings, portraits; several may be given.",
)
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="TEXT",
    help='"what; licence; origin" of each folder, in their order; stands on the card.',
)
@click.option("--licence", metavar="TEXT", help="Of the network. [default: that of the sources]")
@click.option("--minutes", type=float, metavar="N", help="Train for so long.")
@click.option(
    "--epochs", type=float, metavar="N", help="Or so often over the pictures. [default: 30]"
)
@click.option("--batch", type=int, metavar="N", help="Crops per step. [default: 64]")
@click.option("--crop", "crop_px", type=int, metavar="N", help="Side of the crops. [default: 48]")
@click.option("--lr", "learning_rate", type=float, metavar="N", help="AdamW's. [default: 0.003]")
@click.option("--seed", type=int, metavar="N", help="Seed of everything random. [default: 0]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option(
    "--out", type=_FOLDER, metavar="RUN", help="The run's folder. [default: a numbered one]"
)
@click.option(
    "--model",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where the network goes. [default: models/perception.safetensors]",
)
@click.option("--dry-run", is_flag=True, help="Measure a few steps, and say the plan.")
def train_perception(ctx: Context, **options: Any) -> None:
    """Train the small network that sees style and content, or go on with it.

    It learns the kinds that subfolders name, and to tell pictures apart by the statistics of its
    maps, which is what style transfer compares. Ten minutes on two cores are enough. The workspace
    then uses it where VGG's weights are not. The same command goes on where it was broken off; at
    the end stand its figures beside chance and beside random filters.
    """
    from artstyle.pipeline.train_perception.start import train_perception as carry_out

    done = carry_out(ctx.workspace, emit=ctx.emit, **options)
    ctx.result(dict(vars(done)), lambda: _text(done))


def _text(done: PerceptionTrained | PerceptionEstimate) -> str:
    from artstyle.pipeline.train.work import in_hours
    from artstyle.pipeline.train_perception.start import PerceptionEstimate

    if isinstance(done, PerceptionEstimate):
        return "\n".join(
            [
                f"pictures   {done.pictures:,}: {done.kinds} kinds, {done.held_out} held out,"
                f" {done.unlabelled} without a kind"
                + (f"; {done.unread} cannot be read" if done.unread else ""),
                f"speed      {done.crops_per_s:.0f} crops/s",
                f"length     {done.epochs:g} epochs in {in_hours(done.seconds)}",
            ]
        )
    lines = [f"{done.model}: {done.epochs:g} epochs in {in_hours(done.seconds)} ({done.reason})"]
    lines += [f"{name:<14} {value:.4g}" for name, value in done.figures.items()]
    return "\n".join(lines)

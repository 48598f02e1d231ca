"""`artstyle train-adain`: a decoder with which any painting's style can be drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from artstyle.cli._base import Context, command

FOLDER = click.Path(file_okay=False, path_type=Path)


@command(
    "train-adain",
    example=(
        "artstyle train-adain --content material/photos --styles material/paintings --minutes 60\n"
        "artstyle train-adain --content material/photos --styles material/paintings"
        " --crop 128 --iterations 5000 --dry-run"
    ),
)
@click.option(
    "--content",
    type=FOLDER,
    multiple=True,
    required=True,
    metavar="DIR",
    help="Photos, in subfolders too; may be given several times.",
)
@click.option(
    "--styles",
    type=FOLDER,
    multiple=True,
    required=True,
    metavar="DIR",
    help="Paintings, likewise; a folder given twice is shown twice as often.",
)
@click.option(
    "--encoder",
    default="own",
    show_default=True,
    metavar="NET",
    help="What the decoder is trained behind: own, vgg19, vgg19-normalised, random, or a file.",
)
@click.option(
    "--base",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A decoder to start from, say one that was trained with smaller crops.",
)
@click.option(
    "--name-styles",
    "named",
    type=FOLDER,
    metavar="DIR",
    help="Paintings whose style goes into the decoder's file, to be asked for by name.",
)
@click.option("--iterations", type=int, metavar="N", help="Steps. [default: 160000]")
@click.option("--minutes", type=float, metavar="N", help="Stop after so long, to be resumed.")
@click.option("--batch", type=int, metavar="N", help="Pictures per step. [default: 8]")
@click.option("--crop", "crop_px", type=int, metavar="PX", help="Side of crops. [default: 256]")
@click.option("--content-weight", type=float, metavar="N", help="[default: 1]")
@click.option("--style-weight", type=float, metavar="N", help="[default: 10]")
@click.option("--tv-weight", type=float, metavar="N", help="[default: 0]")
@click.option(
    "--pixel-weight",
    type=float,
    metavar="N",
    help="How much photos drawn of their own maps shall be themselves. [default: 0]",
)
@click.option(
    "--fit",
    "fit_crops",
    type=int,
    metavar="N",
    help="Begin with layers fitted by least squares on N crops. [default: 256]",
)
@click.option("--warm-up", type=int, metavar="N", help="First steps that learn that alone.")
@click.option("--lr", "learning_rate", type=float, metavar="N", help="Adam's. [default: 0.0001]")
@click.option("--decay", type=float, metavar="N", help="Of the rate, per step. [default: 0.00005]")
@click.option(
    "--jitter", type=float, metavar="P", help="Share of paintings recoloured. [default: 0.5]"
)
@click.option("--mirror/--no-mirror", default=None, help="Show all pictures mirrored too.")
@click.option(
    "--checkpoint",
    "checkpoint_iterations",
    type=int,
    metavar="N",
    help="Steps between two checkpoints. [default: 500]",
)
@click.option("--name", metavar="NAME", help="Of the decoder in models/. [default: adain]")
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="TEXT",
    help='"what; licence; origin; pictures" of what it learns from; stands on the card.',
)
@click.option("--licence", metavar="TEXT", help="What one may do with it. [default: unknown]")
@click.option("--seed", type=int, metavar="N", help="Seed of everything random. [default: 0]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option(
    "--out", type=FOLDER, metavar="RUN", help="The run's folder. [default: a numbered one in runs/]"
)
@click.option("--dry-run", is_flag=True, help="Measure a few iterations, and say the plan.")
def train_adain(
    ctx: Context, content: tuple[Path, ...], styles: tuple[Path, ...], **options: Any
) -> None:
    """Train the decoder of `artstyle stylize adain`, or go on with it.

    The same command goes on where it was broken off, in whatever way, and --iterations and
    --minutes may differ. The run's folder holds the decoder (adain.safetensors), a panel of photos
    and paintings that are held out for each checkpoint, and every figure (stats.jsonl, and for
    'tensorboard --logdir'). The paper has 80,000 paintings; with few of them over-fitting is told.
    """
    from artstyle.pipeline.train_adain import start

    options["sources"] = list(options["sources"]) or None
    done = start.train_adain(
        ctx.workspace, content=content, styles=styles, emit=ctx.emit, **options
    )

    def text() -> str:
        if isinstance(done, start.Estimate):
            return start.estimate_text(done)
        losses = ", ".join(f"{name} {value:.3f}" for name, value in done.losses.items())
        where = done.published or done.decoder
        return (
            f"{where}: {done.iterations:,} iterations in {done.seconds / 60:.1f} min"
            f" ({done.reason})" + (f"\nlosses: {losses}" if losses else "")
        )

    ctx.result(vars(done), text)

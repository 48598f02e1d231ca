"""`artstyle train-fast`: a net that redraws any photo in the style of a painting in one pass."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from artstyle.cli._base import Context, command

if TYPE_CHECKING:
    from artstyle.pipeline.train_fast.start import Estimate, Trained

FOLDER = click.Path(file_okay=False, path_type=Path)

EXAMPLE = """\
artstyle train-fast --content material/photos --style starry_night.jpg --minutes 60
artstyle train-fast --content material/photos --style night.jpg --style wave.jpg --name two
artstyle train-fast --content material/photos --style wave.jpg --base two --crop 192 --dry-run"""


@command("train-fast", example=EXAMPLE)
@click.option(
    "--content",
    type=FOLDER,
    multiple=True,
    required=True,
    metavar="DIR",
    help="Photos, in subfolders too; may be given several times.",
)
@click.option(
    "--style",
    "styles",
    type=click.Path(dir_okay=False, path_type=Path),
    multiple=True,
    required=True,
    metavar="PICTURE",
    help="The painting; several make one net that knows and mixes all of them.",
)
@click.option(
    "--style-name",
    "style_names",
    multiple=True,
    metavar="NAME",
    help="Of each painting, in their order. [default: their files' names]",
)
@click.option(
    "--style-licence",
    "style_licences",
    multiple=True,
    metavar="TEXT",
    help="Of each painting, or one for all. [default: unknown]",
)
@click.option("--name", metavar="NAME", help="models/fast-NAME. [default: the styles' names]")
@click.option("--base", metavar="NET", help="Start from this net, of the same width and blocks.")
@click.option("--iterations", type=int, metavar="N", help="Steps. [default: 40000]")
@click.option("--minutes", type=float, metavar="N", help="Stop after so long, to be resumed.")
@click.option("--batch", type=int, metavar="N", help="Photos per step. [default: 4]")
@click.option(
    "--crop", "crop_px", type=int, metavar="PX", help="Side of the photos shown. [default: 256]"
)
@click.option(
    "--style-size",
    "style_px",
    type=int,
    metavar="PX",
    help="Shorter side of the paintings: larger gives larger strokes. [default: 384]",
)
@click.option("--content-weight", type=float, metavar="N", help="[default: 1]")
@click.option("--style-weight", type=float, metavar="N", help="[default: 5]")
@click.option("--tv-weight", type=float, metavar="N", help="Against noise. [default: 0.02]")
@click.option("--lr", "learning_rate", type=float, metavar="N", help="Adam's. [default: 0.001]")
@click.option(
    "--width",
    type=click.Choice(["narrow", "medium", "paper"]),
    help="Channels: how fast and how rich it draws. [default: medium]",
)
@click.option("--blocks", type=int, metavar="N", help="Residual blocks. [default: 5]")
@click.option("--mirror/--no-mirror", default=None, help="Show photos mirrored too.")
@click.option(
    "--checkpoint",
    "checkpoint_iterations",
    type=int,
    metavar="N",
    help="Steps between two checkpoints with their panels. [default: 500]",
)
@click.option(
    "--perception",
    default="auto",
    show_default=True,
    metavar="NET",
    help="Which network sees: auto, vgg19, vgg16, vgg19-normalised, own, random, or a file.",
)
@click.option("--licence", metavar="TEXT", help="What one may do with the net.")
@click.option(
    "--photos-licence", metavar="TEXT", help="Origin and licence of the photos, for the card."
)
@click.option("--seed", type=int, metavar="N", help="Seed of everything random. [default: 0]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option(
    "--out", type=FOLDER, metavar="RUN", help="The run's folder. [default: a numbered one in runs/]"
)
@click.option("--dry-run", is_flag=True, help="Measure a few iterations, and say the plan.")
def train_fast(
    ctx: Context,
    content: tuple[Path, ...],
    styles: tuple[Path, ...],
    base: str | None,
    **options: Any,
) -> None:
    """Train the net of `artstyle stylize fast`, or go on with it.

    The same command goes on where it was broken off, in whatever way, and --iterations and
    --minutes may differ. The run's folder holds the net (latest.safetensors), for each checkpoint
    a panel of photos that are held out, and every figure (stats.jsonl, and for
    'tensorboard --logdir'); the net and its card also go to models/fast-NAME.safetensors.
    """
    from artstyle.pipeline.stylize.fast_nets import find_net
    from artstyle.pipeline.train_fast import start

    done = start.train_fast(
        ctx.workspace,
        content=content,
        styles=styles,
        base=None if base is None else find_net(base, ctx.workspace).path,
        emit=ctx.emit,
        **options,
    )
    if isinstance(done, start.Estimate):
        ctx.result(vars(done), lambda: estimate_text(done))
    else:
        ctx.result(vars(done), lambda: trained_text(done))


def estimate_text(plan: Estimate) -> str:
    """What a dry run tells a person."""
    return "\n".join(
        [
            f"would train {', '.join(plan.styles)} on {plan.photos} photos ({plan.held_photos}"
            f" held out), seen by {plan.perception}, on {plan.device}",
            f"{plan.iterations:,} iterations of {plan.seconds_per_iteration:.2f} s:"
            f" {plan.seconds / 60:.1f} min",
            f"a net of {plan.parameters / 1e6:.2f} million numbers;"
            f" the run takes {plan.disk_bytes / 1e6:.0f} MB and its panels,"
            f" {plan.free_disk_bytes / 1e9:.0f} GB are free",
        ]
    )


def trained_text(done: Trained) -> str:
    """What is told of a net that is there."""
    losses = ", ".join(f"{name} {value:.3f}" for name, value in done.losses.items())
    return (
        f"{done.model or done.net}: {', '.join(done.styles)}, {done.iterations:,} iterations in"
        f" {done.seconds / 60:.1f} min ({done.reason}), seen by {done.perception}"
        + (f"\nlosses: {losses}" if losses else "")
    )

"""`artstyle stylize fast`: pictures and films through a fast net."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from artstyle.cli._base import Context, command

if TYPE_CHECKING:
    from artstyle.pipeline.stylize.fast import FastDone, FastPlan

FILE = click.Path(path_type=Path)
_NAMED = 20  # results that are listed

EXAMPLE = """\
artstyle stylize fast photo.jpg --model starry_night --out styled.png
artstyle stylize fast photos/ --model great_wave --size 1024 --out styled
artstyle stylize fast walk.mp4 --model the_scream --size 640 --out walk-scream.mp4
artstyle stylize fast photo.jpg --model four --style night=0.7 --style wave=0.3 --out mixed.png"""


@command("fast", example=EXAMPLE)
@click.argument("content", type=FILE, nargs=-1, required=True, metavar="CONTENT...")
@click.option(
    "--model",
    required=True,
    metavar="NAME",
    help="The net: a name (the_scream), or a file that train-fast made.",
)
@click.option(
    "--style",
    "styles",
    multiple=True,
    metavar="K",
    help="Of a net that knows several: a name or number; NAME=SHARE mixes several.",
)
@click.option(
    "--out",
    required=True,
    type=FILE,
    metavar="FILE_OR_DIR",
    help="FILE.png or FILE.jpg, FILE.mp4, .webm or .gif for a film, or a folder.",
)
@click.option(
    "--size",
    "size_px",
    type=click.IntRange(16, 65536),
    metavar="PX",
    help="Longer side at most. [default: as they are]",
)
@click.option(
    "--preserve-color", "keep_colour", is_flag=True, help="Transfer brightness only, keep colours."
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="bfloat16 is faster where the machine has it, and slower elsewhere.",
)
@click.option("--start", "start_s", type=float, metavar="S", help="Films: from this second on.")
@click.option("--end", "end_s", type=float, metavar="S", help="Films: up to this second.")
@click.option("--sound/--no-sound", "with_sound", default=True, help="Films: take the sound over.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--dry-run", is_flag=True, help="Say what would be drawn and how long it takes.")
def fast(
    ctx: Context, content: tuple[Path, ...], out: Path, device: str, dry_run: bool, **options: Any
) -> None:
    """Draw pictures, films and folders of them in a style that a net has learned.

    One pass through a network of Johnson et al. (2016): several pictures a second. Large pictures
    are drawn in tiles without seams; every frame of a film is drawn once, at its own time, and the
    sound is taken over where the new film can hold it. Beside each result lies FILE.json. What is
    finished is kept, so a command that was broken off goes on.
    """
    from artstyle.machine import choose_device
    from artstyle.pipeline.stylize.fast import FastJob, plan_fast, stylize_fast

    job = FastJob(contents=content, out=out, device=choose_device(device), **options)
    if dry_run:
        plan = plan_fast(job, ctx.workspace, emit=ctx.emit)
        ctx.result(plan.data(), lambda: plan_text(plan))
        return
    done = stylize_fast(job, ctx.workspace, emit=ctx.emit)
    ctx.result(done.data(), lambda: done_text(done))


def plan_text(plan: FastPlan) -> str:
    """What a dry run tells a person."""
    lines = [
        f"would draw with {plan.net}: {len(plan.pictures)} pictures and {len(plan.films)} films,"
        f" about {plan.seconds:.0f} s"
    ]
    lines += [f"{one.path} -> {one.out}" for one in plan.pictures[:_NAMED]]
    for film in plan.films[:_NAMED]:
        frames = "an unknown number of" if film.frames is None else f"about {film.frames}"
        size = f"{film.size_px[0]}x{film.size_px[1]} px"
        lines.append(f"{film.source} -> {film.out}: {frames} frames, {size}, sound {film.sound}")
    return "\n".join(lines)


def done_text(done: FastDone) -> str:
    """What is told of what is there."""
    lines = []
    for one in done.results[:_NAMED]:
        held = one.record["file"]
        size = f"{held['width_px']}x{held['height_px']} px"
        film = f", {held['frames']} frames, sound {one.record['sound']}" if "frames" in held else ""
        state = "was done" if one.was_done else f"{one.record['seconds']:.2f} s"
        lines.append(f"{one.file}: {size}{film}, {state}")
    if len(done.results) > _NAMED:
        lines.append(f"... and {len(done.results) - _NAMED} more")
    if done.faults:
        lines.append(f"{len(done.faults)} files could not be drawn")
    styles = ", ".join(
        name if share == 1 else f"{share:.0%} {name}" for name, share in done.styles.items()
    )
    lines.append(f"drawn by {done.net} ({styles}), trained on what {done.perception} sees")
    return "\n".join(lines)

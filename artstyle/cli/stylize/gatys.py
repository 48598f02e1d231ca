"""`artstyle stylize gatys`: a photo in the style of paintings, by optimisation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from artstyle.cli._base import Context, command
from artstyle.cli.stylize._options import (
    FILE,
    films_of,
    numbers,
    out_option,
    search_options,
    searched,
    seeing,
    seeing_options,
)
from artstyle.cli.stylize._words import done_text, plan_text

EXAMPLE = """\
artstyle stylize gatys photo.jpg starry_night.jpg --out styled.png
artstyle stylize gatys photo.jpg night.jpg wave.jpg --weights 2,1 --out mixed
artstyle stylize gatys photo.jpg night.jpg --preserve-face --preserve-color luminance --out a.png
artstyle stylize gatys photo.jpg night.jpg --size 1024 --dry-run --out large.png"""


@command("gatys", example=EXAMPLE)
@click.argument("content", type=FILE)
@click.argument("styles", type=FILE, nargs=-1, required=True, metavar="STYLE...")
@out_option
@click.option(
    "--size",
    "size_px",
    type=click.IntRange(32, 8192),
    default=512,
    show_default=True,
    metavar="PX",
    help="Longer side of the picture.",
)
@click.option(
    "--content-weight",
    type=click.FloatRange(min=0),
    metavar="X",
    help="How much of the photo is kept. [default: 1]",
)
@click.option(
    "--style-weight",
    type=click.FloatRange(min=0, min_open=True),
    metavar="X",
    help="How much of the style is taken. [default: 10; 1000 with --losses paper]",
)
@click.option(
    "--tv-weight",
    type=click.FloatRange(min=0),
    metavar="X",
    help="Against noise: weight of the total variation. [default: VGG 0, else 1]",
)
@click.option(
    "--weights",
    "style_weights",
    callback=numbers,
    metavar="LIST",
    help="Of several STYLEs beside each other, in their order: such as 2,1.",
)
@click.option(
    "--content-layers",
    metavar="LIST",
    help="E.g. conv3_2=0.5,conv4_2=0.5. [default: VGG conv4_2, else that]",
)
@click.option(
    "--style-layers",
    metavar="LIST",
    help="[default: conv1_1 to conv5_1; VGG a fifth each, else less for the deep ones]",
)
@click.option(
    "--losses",
    type=click.Choice(["relative", "paper"]),
    default="relative",
    show_default=True,
    help="How layers are made comparable; 'paper' as Gatys et al. 2016.",
)
@click.option(
    "--style-scale",
    type=click.FloatRange(0.05, 10),
    metavar="X",
    help="Size of the strokes: of the painting beside the picture. [default: 1]",
)
@click.option(
    "--start",
    type=click.Choice(["content", "noise", "picture"]),
    help="What the search begins with. [default: content]",
)
@click.option("--start-picture", type=FILE, metavar="FILE", help="For --start picture.")
@click.option(
    "--preserve-color",
    "kept_colour",
    type=click.Choice(["luminance", "histogram"]),
    help="Keep the photo's colours: transfer brightness only, or recolour the painting first.",
)
@click.option("--preserve-face", is_flag=True, help="Find faces, and hold what is in them.")
@click.option(
    "--face-weight",
    type=click.FloatRange(min=0),
    metavar="X",
    help="How much faces are held; with 1 they stay a photo. [default: 0.3]",
)
@click.option(
    "--mask",
    "masks",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Where each STYLE is wanted, white on black; one for each, in their order.",
)
@click.option(
    "--style-mask",
    "style_masks",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Which part of each STYLE counts; one for each, in their order.",
)
@seeing_options
@search_options
def gatys(  # noqa: PLR0917 - click passes them by name
    ctx: Context,
    content: Path,
    styles: tuple[Path, ...],
    out: Path,
    dry_run: bool,
    save_gif: Path | None,
    save_video: Path | None,
    **options: Any,
) -> None:
    """Draw the photo CONTENT in the style of one or several paintings.

    The way of Gatys, Ecker and Bethge (2016): the picture is searched that has the photo's
    features and the paintings' correlations of features, here from coarse to fine. What sees is
    VGG19 where its weights were pulled, else the network that comes with artstyle; the record says
    which, and where else this is not the paper. A command that was broken off goes on at the last
    size that was done; a finished one ends at once.
    """
    from artstyle.baselines.gatys.settings import GatysSettings, parse_layers
    from artstyle.pipeline.stylize.gatys import GatysJob, Seeing, plan_gatys, stylize_gatys

    how = searched(options)
    for name in ("content_layers", "style_layers"):
        text = options.pop(name)
        if text is not None:
            how[name] = parse_layers(text)
    sees = Seeing(**seeing(options))
    start_picture = options.pop("start_picture")
    if start_picture is not None and options["start"] is None:
        options["start"] = "picture"
    of_job = {
        name: options.pop(name)
        for name in ("style_weights", "masks", "style_masks", "kept_colour", "preserve_face")
    }
    given = {name: value for name, value in options.items() if value is not None}
    job = GatysJob(
        content=content,
        styles=styles,
        out=out,
        settings=GatysSettings(**how, **given),
        start=start_picture,
        seeing=sees,
        films=films_of(save_gif, save_video),
        **of_job,
    )
    if dry_run:
        plan = plan_gatys(job, ctx.workspace, emit=ctx.emit)
        ctx.result(plan.data(), lambda: plan_text(plan))
        return
    done = stylize_gatys(job, ctx.workspace, emit=ctx.emit)
    ctx.result(done.data(), lambda: done_text(done))

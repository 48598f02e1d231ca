"""`artstyle stylize texture`: a texture like a picture, or what a layer keeps of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from artstyle.cli._base import Context, command
from artstyle.cli.stylize._options import (
    FILE,
    films_of,
    out_option,
    search_options,
    searched,
    seeing,
    seeing_options,
)
from artstyle.cli.stylize._words import done_text, plan_text

EXAMPLE = """\
artstyle stylize texture starry_night.jpg --out texture.png
artstyle stylize texture wave.jpg --width 1024 --height 256 --out band.png
artstyle stylize texture photo.jpg --invert conv4_2 --out conv4_2.png"""


@command("texture", example=EXAMPLE)
@click.argument("picture", type=FILE)
@out_option
@click.option(
    "--invert",
    metavar="LAYER",
    help="Instead of a texture, the picture that this layer sees PICTURE in, e.g. conv4_2.",
)
@click.option(
    "--size",
    "size_px",
    type=click.IntRange(32, 8192),
    default=512,
    show_default=True,
    metavar="PX",
    help="Longer side of the result.",
)
@click.option("--width", "width_px", type=click.IntRange(32, 8192), metavar="PX", help="Width.")
@click.option("--height", "height_px", type=click.IntRange(32, 8192), metavar="PX", help="Height.")
@click.option(
    "--style-layers",
    metavar="LIST",
    help="[default: conv1_1 to conv5_1; VGG a fifth each, else less for the deep ones]",
)
@click.option(
    "--style-scale",
    type=click.FloatRange(0.05, 10),
    metavar="X",
    help="Size of the pattern: of the picture beside the texture. [default: 1]",
)
@click.option(
    "--tv-weight",
    type=click.FloatRange(min=0),
    metavar="X",
    help="Weight of the total variation. [default: VGG 0, else 1; with --invert 0.3]",
)
@click.option(
    "--losses",
    type=click.Choice(["relative", "paper"]),
    default="relative",
    show_default=True,
    help="How layers are made comparable.",
)
@seeing_options
@search_options
def texture(  # noqa: PLR0917 - click passes them by name
    ctx: Context,
    picture: Path,
    out: Path,
    dry_run: bool,
    save_gif: Path | None,
    save_video: Path | None,
    **options: Any,
) -> None:
    """Draw a texture like PICTURE, of any size; or, with --invert, what a layer keeps of it.

    The texture of Gatys et al. (2015) has the picture's correlations of features and nothing of
    its places; the inversion of Mahendran and Vedaldi (2015) has one layer's features and nothing
    else. Both begin with noise, and go from coarse to fine.
    """
    from artstyle.baselines.gatys.settings import GatysSettings, parse_layers
    from artstyle.pipeline.stylize.gatys import Seeing
    from artstyle.pipeline.stylize.texture import TextureJob, plan_texture, stylize_texture

    how = searched(options)
    layers = options.pop("style_layers")
    if layers is not None:
        how["style_layers"] = parse_layers(layers)
    sees = Seeing(**seeing(options))
    of_job = {name: options.pop(name) for name in ("invert", "width_px", "height_px")}
    given = {name: value for name, value in options.items() if value is not None}
    job = TextureJob(
        picture=picture,
        out=out,
        settings=GatysSettings(**how, **given),
        seeing=sees,
        films=films_of(save_gif, save_video),
        **of_job,
    )
    if dry_run:
        plan = plan_texture(job, ctx.workspace, emit=ctx.emit)
        ctx.result(plan.data(), lambda: plan_text(plan))
        return
    done = stylize_texture(job, ctx.workspace, emit=ctx.emit)
    ctx.result(done.data(), lambda: done_text(done))

"""`artstyle extract`: films, folders of pictures and sprites to aligned crops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from artstyle.cli._base import Context, command
from artstyle.errors import UsageError
from artstyle.recipes.dataset import DETECTORS, ExtractRecipe, SourceKind

EXAMPLE = """\
artstyle extract --video film.mkv
artstyle extract --style people --images photos --licence "public domain"
artstyle extract --style heads --images drawings --detector layout --layout facesjs
artstyle extract --style ghibli"""

_SPRITES = ("grid", "cell", "gutter_px", "margin_px", "keys", "by", "pixel_art")
_DEFAULT = ExtractRecipe()
_PATH = click.Path(path_type=Path)


@command("extract", example=EXAMPLE)
@click.option("--style", metavar="S", help="Name of the style. [default: after the input]")
@click.option("--video", multiple=True, type=_PATH, metavar="FILM...", help="Films, or a folder.")
@click.option(
    "--images", multiple=True, type=_PATH, metavar="DIR...", help="Folders of pictures, or files."
)
@click.option(
    "--sprites", multiple=True, type=_PATH, metavar="PATH...", help="Sprite sheets, or a folder."
)
@click.argument("more", nargs=-1, type=_PATH, metavar="[...]")
@click.option(
    "--detector",
    type=click.Choice(DETECTORS),
    help="What finds faces; auto tries those that are here on a sample."
    f" [default: {_DEFAULT.detector}]",
)
@click.option("--layout", metavar="NAME", help="Where faces lie, if it is known: no detector.")
@click.option(
    "--size", "size_px", type=int, help=f"Side of the crops, pixels. [default: {_DEFAULT.size_px}]"
)
@click.option(
    "--every",
    "every_s",
    type=float,
    metavar="S",
    help=f"Seconds between frames. [default: {_DEFAULT.every_s}]",
)
@click.option("--per-shot", type=int, metavar="N", help="Look at so many frames of a shot at most.")
@click.option(
    "--keyframes",
    type=click.Choice(["auto", "never", "only"]),
    help="Read keyframes only: where they suffice, never, or always."
    f" [default: {_DEFAULT.keyframes}]",
)
@click.option(
    "--max-per-appearance",
    "per_appearance",
    type=int,
    metavar="N",
    help=f"Crops of one face in one shot. [default: {_DEFAULT.per_appearance}]",
)
@click.option(
    "--min-face",
    "min_face_px",
    type=int,
    metavar="PX",
    help=f"Leave out smaller. [default: {_DEFAULT.min_face_px}]",
)
@click.option(
    "--matte", metavar="#RRGGBB", help=f"Under transparent pixels. [default: {_DEFAULT.matte}]"
)
@click.option("--grid", metavar="CxR", help="Columns and rows of sprite sheets. [default: found]")
@click.option("--cell", metavar="WxH", help="Size of their cells, pixels. [default: found]")
@click.option("--gutter", "gutter_px", type=int, metavar="PX", help="Between two of their cells.")
@click.option("--margin", "margin_px", type=int, metavar="PX", help="Around all of their cells.")
@click.option("--key", "keys", multiple=True, metavar="#RRGGBB", help="What is background on them.")
@click.option(
    "--cut",
    "by",
    type=click.Choice(["auto", "grid", "regions", "whole"]),
    help="How sheets are cut; whole: each file is one sprite. [default: auto]",
)
@click.option(
    "--pixel-art",
    type=click.Choice(["auto", "yes", "no"]),
    help="Enlarge sprites in blocks. [default: auto]",
)
@click.option("--licence", metavar="TEXT", help="What one may do with these sources.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
def extract(  # noqa: PLR0917 - click passes them by name
    ctx: Context,
    style: str | None,
    video: tuple[Path, ...],
    images: tuple[Path, ...],
    sprites: tuple[Path, ...],
    more: tuple[Path, ...],
    licence: str | None,
    dry_run: bool,
    **options: Any,
) -> None:
    """Cut faces out of films, pictures or sprites, aligned, into a style's dataset.

    Everything is written into the workspace: crops below datasets/STYLE/crops, what is known of
    them into the catalog, and a recipe if there is none. With --style alone the sources of its
    recipe are taken. The same command goes on where it was broken off, and does nothing where all
    is done.
    """
    given: dict[SourceKind, tuple[Path, ...]] = {
        "video": video,
        "images": images,
        "sprites": sprites,
    }
    if more:
        kinds: list[SourceKind] = [kind for kind, paths in given.items() if paths]
        if len(kinds) != 1:
            raise UsageError(
                f"is {more[0]} a film, a folder of pictures or a sprite sheet?",
                hint=f"say --video {more[0]}, --images {more[0]} or --sprites {more[0]}",
            )
        given[kinds[0]] += more
    for name in _SPRITES:
        value = options.pop(name)
        options[f"sprites.{name}"] = None if value == () else value
    if options["layout"] and options["detector"] is None:
        options["detector"] = "layout"

    from artstyle.pipeline.extract.run import extract as extract_all
    from artstyle.pipeline.extract.run import plan

    chosen: dict[str, Any] = {"style": style, "licence": licence, "options": options}
    if dry_run:
        place, planned = plan(ctx.workspace, given, **chosen)
        lines = [f"would extract into the style {place.style}, in {place.crops}"]
        lines += [f"  {one.kind} {one.path}: {one.what}" for one in planned]
        lines += [f"  would make {one}" for one in place.made]
        data = {"style": place.style, "crops": place.crops, "planned": planned, "made": place.made}
        ctx.result(data, "\n".join(lines))
        return
    summary = extract_all(ctx.workspace, given, **chosen, emit=ctx.emit)
    ctx.result(vars(summary), summary.words)

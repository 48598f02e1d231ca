"""`artstyle generate`: pictures, mixed styles and films from a generator."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from artstyle.cli._base import Context, command
from artstyle.errors import UsageError

if TYPE_CHECKING:
    from artstyle.pipeline.generate import Film, Work

EXAMPLE = """\
artstyle generate --model ghibli --seeds 0-15 --out ghibli-samples
artstyle generate --model people --model ghibli --model toon --seeds 0-7 --out side-by-side
artstyle generate --model people --seeds 3 --trunc 0,0.5,0.7,1 --out truncation
artstyle generate --model styles --seeds 0-3 --class 0-4 --out every-class
artstyle generate --model ghibli --mix 85,100,75:55,821,1789 --mix-rows 0-6 --out mixed
artstyle generate --model ghibli --seeds 3,7,12 --film loop.mp4 --out film"""


@command("generate", example=EXAMPLE)
@click.option(
    "--model",
    "models",
    multiple=True,
    required=True,
    metavar="MODEL",
    help="Name or file of a generator; several draw the same seeds side by side.",
)
@click.option(
    "--seeds",
    metavar="LIST",
    help="Which pictures, e.g. 0-15,42. [default: 0-7, or none with --mix]",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for pictures, sheet.png and generate.json.",
)
@click.option(
    "--trunc",
    default="1",
    show_default=True,
    metavar="LIST",
    help="Truncation: 1 is as trained, 0 the average picture; several make a column each.",
)
@click.option(
    "--trunc-cutoff",
    type=click.IntRange(min=0),
    metavar="N",
    help="Truncate only the N coarsest rows of w. [default: all]",
)
@click.option(
    "--class",
    "classes",
    metavar="LIST",
    help="Class of a conditional model; several make a column each.",
)
@click.option(
    "--noise",
    type=click.Choice(["const", "random", "none"]),
    default="const",
    show_default=True,
    help="The model's stored noise, noise of the seed's own, or none.",
)
@click.option(
    "--mix",
    metavar="ROWSEEDS:COLSEEDS",
    help="Mix styles: a table in mix.png, e.g. 85,100:55,821.",
)
@click.option(
    "--mix-rows",
    metavar="LIST",
    help="Which rows of w come from the column's seed, 0 the coarsest. [default: 0-6]",
)
@click.option(
    "--film",
    metavar="FILE",
    help="Film that goes through the seeds and closes: .mp4, .webm or .gif; a bare name lies "
    "in --out.",
)
@click.option(
    "--way",
    type=click.Choice(["spline", "linear", "slerp"]),
    help="How the film goes from seed to seed: smooth or straight in w, or on a sphere in z. "
    "[default: spline]",
)
@click.option(
    "--frames-per-key",
    type=click.IntRange(1, 100_000),
    metavar="N",
    help="Frames from one seed to the next. [default: 60]",
)
@click.option(
    "--fps",
    type=click.FloatRange(min=0, min_open=True, max=1000),
    metavar="N",
    help="Frames in a second. [default: 30]",
)
@click.option(
    "--columns",
    type=click.IntRange(min=1),
    metavar="N",
    help="Pictures side by side, where seeds are wrapped into lines. [default: by their number]",
)
@click.option(
    "--size",
    "side_px",
    type=click.IntRange(16, 4096),
    metavar="PX",
    help="Side of each picture in the sheet and the film; single pictures stay as drawn.",
)
@click.option(
    "--enlarge",
    type=click.Choice(["nearest", "lanczos"]),
    help="How small pictures are enlarged there: with crisp pixels, or smoothly. "
    "[default: lanczos]",
)
@click.option("--save-w", is_flag=True, help="Write w beside each picture, as seed0000.npz.")
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16", "float16"]),
    default="float32",
    show_default=True,
    help="Of the highest resolutions; the others are float32.",
)
@click.option(
    "--batch",
    type=click.IntRange(min=1),
    metavar="N",
    help="Pictures that a GPU draws at once; a CPU draws one after the other. [default: 8]",
)
@click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="auto (the fastest), cpu, cuda, cuda:1 or mps.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be drawn, and do nothing.")
def generate(  # noqa: PLR0917 - click passes them by name
    ctx: Context,
    models: tuple[str, ...],
    out: Path,
    seeds: str | None,
    mix: str | None,
    film: str | None,
    dry_run: bool,
    **options: Any,
) -> None:
    """Draw pictures, mixed styles and films with a generator.

    Writes a picture for each seed, a sheet of them all, and generate.json, which says what each
    file is; with several models the same seed stands side by side. --mix makes a table of mixed
    styles, --film a film that goes from seed to seed. A seed gives the same picture whatever else
    is drawn with it. What is there already and was made in just this way is kept, so a command
    that was broken off goes on, and a finished one ends at once.
    """
    from artstyle.pipeline import generate as drawing
    from artstyle.report.generate_sheet import check_size, draw_sheet

    keys = _list("--seeds", seeds or "0-7") if seeds or not mix else []
    tables = _mixed_seeds(mix) if mix else None
    if film and not keys:
        raise UsageError("--film goes through seeds, and none were named", hint="add --seeds 0-7")
    common = _common(options) | {"out": out, "emit": ctx.emit}
    found = drawing.find_models(models, ctx.workspace, emit=ctx.emit)

    def carry_out(dry_run: bool) -> list[Work | Film]:
        how = common | {"dry_run": dry_run}
        made: list[Work | Film] = []
        if keys:
            made.append(drawing.generate(found, keys, save_w=options["save_w"], **how))
        if tables:
            made += drawing.mix_styles(found, **tables, **_mixing(options), **how)
        if film:
            made.append(drawing.interpolate(found, keys, **_pace(options, out, film), **how))
        return made

    if dry_run or (keys and mix) or film or options["side_px"]:  # faults come before the work
        made = carry_out(True)
        check_size(_works(made), options["side_px"])
    if not dry_run:
        made = carry_out(False)
        for work in _works(made):
            draw_sheet(work, **_layout(options), emit=ctx.emit)
        drawing.tell_catalog(ctx.workspace, out)
    data = {"out": out, "dry_run": dry_run, "works": [_facts(one) for one in made]}
    ctx.result(data, lambda: "\n".join(_line(one, dry_run) for one in made))


def _common(options: dict[str, Any]) -> dict[str, Any]:
    """What pictures, tables and films have in common."""
    from artstyle.pipeline.generate import Settings

    classes = options["classes"]
    return {
        "truncation_psis": _truncations(options["trunc"]),
        "classes": None if classes is None else _list("--class", classes),
        "settings": Settings(
            truncation_cutoff=options["trunc_cutoff"],
            noise_mode=options["noise"],
            precision=options["precision"],
            device=options["device"],
            batch=options["batch"],
        ),
    }


def _mixing(options: dict[str, Any]) -> dict[str, Any]:
    rows = options["mix_rows"]
    return {} if rows is None else {"rows": _list("--mix-rows", rows)}


def _pace(options: dict[str, Any], out: Path, film: str) -> dict[str, Any]:
    """The film's file and form; what was not said is left to the film."""
    is_bare = not any(separator in film for separator in (os.sep, os.altsep) if separator)
    file = out / film if is_bare else Path(film)
    return {"file": file, **_said(options, "way", "frames_per_key", "fps"), **_layout(options)}


def _layout(options: dict[str, Any]) -> dict[str, Any]:
    return _said(options, "columns", "side_px", "enlarge")


def _said(options: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: options[name] for name in names if options[name] is not None}


def _works(made: Sequence[Work | Film]) -> list[Work]:
    """Those with a sheet."""
    from artstyle.pipeline.generate import Work

    return [one for one in made if isinstance(one, Work)]


def _facts(made: Work | Film) -> dict[str, Any]:
    """What --json says about a work or a film."""
    from artstyle.pipeline.generate import Film

    if isinstance(made, Film):
        return {"kind": "film", **vars(made)}
    names = ("name", "title", "sheet", "files", "drawn", "kept")
    return {"kind": "pictures", **{name: getattr(made, name) for name in names}}


def _line(made: Work | Film, dry_run: bool) -> str:
    """What a person is told about a work or a film."""
    from artstyle.pipeline.generate import Film

    would = "would be " if dry_run else ""
    if isinstance(made, Film):
        width, height = made.size_px
        state = f"{would}drawn" if made.is_new else "kept"
        form = f"{made.frames} frames, {made.duration_s:g} s, {width} x {height}"
        return f"{made.file}: {form}, {state}"
    numbers = f"{made.drawn} {would}drawn, {made.kept} kept"
    count = "1 picture" if len(made.files) == 1 else f"{len(made.files)} pictures"
    return f"{made.out / made.sheet}: {made.title}; {count}, {numbers}"


def _list(option: str, text: str) -> list[int]:
    """Numbers and ranges as the engine reads them; a fault names the option."""
    from stylegan_ext import latents
    from stylegan_ext.errors import ParameterError

    parsers = {"--class": latents.parse_classes, "--mix-rows": latents.parse_rows}
    parse = parsers.get(option, latents.parse_seeds)
    try:
        return parse(text)
    except ParameterError as fault:
        raise UsageError(f"{option}: {fault}", hint=fault.hint) from fault


def _mixed_seeds(text: str) -> dict[str, Any]:
    """ROWSEEDS:COLSEEDS."""
    rows, colon, columns = text.partition(":")
    if not colon or ":" in columns:
        raise UsageError(
            f"--mix: {text!r:.60} is not ROWSEEDS:COLSEEDS", hint="write it like 85,100:55,821"
        )
    return {"row_seeds": _list("--mix", rows), "column_seeds": _list("--mix", columns)}


def _truncations(text: str) -> tuple[float, ...]:
    try:
        return tuple(dict.fromkeys(float(part) for part in text.split(",")))
    except ValueError:
        raise UsageError(
            f"--trunc: {text!r:.60} is no list of numbers", hint="write it like 0.7 or 0,0.5,1"
        ) from None

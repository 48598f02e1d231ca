"""`artstyle challenge`: one person in every style, in one grid."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from artstyle.cli._base import Context, command
from artstyle.errors import UsageError

if TYPE_CHECKING:
    from artstyle.pipeline.challenge.planning import Options, Plan
    from artstyle.pipeline.challenge.preflight import Checked, Wish
    from artstyle.report.challenge_grid import Made

EXAMPLE = """\
artstyle challenge photo.jpg
artstyle challenge anna.jpg ben.jpg --styles toon_head,pioneer --theme dark --out ours
artstyle challenge party.jpg --face 2
artstyle challenge photo.jpg --baselines adain,fast --strength 0.7
artstyle challenge photo.jpg --base ffhq-256 --cell-px 1024 --columns 4"""


@command("challenge", example=EXAMPLE)
@click.argument(
    "photos", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PHOTO..."
)
@click.option(
    "--base", metavar="MODEL", help="What knows people. [default: people, else the only one there]"
)
@click.option(
    "--styles",
    metavar="A,B",
    help="Which styles, in this order. [default: all that descend from the base]",
)
@click.option(
    "--variant", metavar="NAME", help="Of styles that have variants, only this one, e.g. feminine."
)
@click.option(
    "--baselines",
    default="auto",
    metavar="LIST",
    help="Classic methods beside them: gatys,adain,fast or none. [default: adain and fast, where "
    "what they need is shipped]",
)
@click.option(
    "--baseline-style",
    "baseline_styles",
    metavar="A,B",
    help="Styles of the baselines: names that ship, or a painting of yours (not for fast). "
    "[default: one that all of them have, else each its first]",
)
@click.option(
    "--strength",
    type=click.FloatRange(0, 1),
    help="0 the person, 1 the style. [default: what suits each style]",
)
@click.option(
    "--resolution",
    type=int,
    metavar="PX",
    help="Swap hard where every style begins. [default: what suits each style]",
)
@click.option("--face", metavar="N", help="Which face of several, from the left, or all.")
@click.option(
    "--steps", type=click.IntRange(min=0), help="Of the projection's search. [default: what suits]"
)
@click.option(
    "--tune",
    "tuning",
    type=click.IntRange(min=0),
    metavar="N",
    help="Steps that bend the base to each face, 0 for none. [default: 40 up to 128 px, else 0]",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where to write. [default: challenge/NAME of the workspace]",
)
@click.option(
    "--columns", type=click.IntRange(min=1), help="Pictures in a line. [default: what suits]"
)
@click.option(
    "--theme",
    type=click.Choice(["light", "dark"]),
    default="light",
    show_default=True,
    help="Of the grid and the page.",
)
@click.option(
    "--cell-px",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    help="Side of a picture in the grid; 1200 is 10 cm in print.",
)
@click.option("--title", help="What stands above the grid. [default: after the photos]")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    help="Other fine detail: noise maps of this seed. [default: the models' own]",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option(
    "--dry-run", is_flag=True, help="Look at the photos, say what would be done, and stop."
)
def challenge(
    ctx: Context, photos: tuple[Path, ...], out: Path | None, dry_run: bool, **options: Any
) -> None:
    """Redraw the person in each PHOTO in every style.

    The face is found, aligned, projected into the base model, and drawn with the fine layers of
    every model that was fine-tuned from it. Writes grid.png, cells/, index.html with a slider for
    before and after, and grid.json: figures, models, licences, times.

    Photos are the rows of one grid; a bad one is told and left out. The figure below a cell is its
    distance to the photo in dlib's descriptor of faces: below 0.6 it is one person to dlib.

    The same command again does nothing; one that was broken off goes on where it was.
    """
    from artstyle.report.challenge_grid import look_at_photos, make_challenge

    wanted = _options(options)
    if dry_run:
        from artstyle.pipeline.challenge.planning import completed, finished, make_plan

        plan = make_plan(photos, wanted, ctx.workspace, out, emit=ctx.emit)
        plan = completed(plan, emit=ctx.emit)
        checked = look_at_photos(plan, ctx.emit)
        data = _plan_data(plan, checked, done=finished(plan) is not None)
        ctx.result(data, lambda: _plan_text(data))
        return
    made = make_challenge(
        photos,
        wanted,
        ctx.workspace,
        out,
        command=["artstyle", *sys.argv[1:]],
        emit=ctx.emit,
    )
    ctx.result(_data(made), lambda: _text(made))


def _options(given: Mapping[str, Any]) -> Options:
    from artstyle.pipeline.challenge.baselines import parse_kinds
    from artstyle.pipeline.challenge.planning import Look, Options

    look = Look(given["columns"], given["theme"], given["cell_px"], given["title"])
    same = ("base", "variant", "strength", "resolution", "steps", "tuning", "seed", "device")
    return Options(
        **{name: given[name] for name in same},
        styles=_listed(given["styles"]),
        baselines=parse_kinds(given["baselines"]),
        baseline_styles=_listed(given["baseline_styles"]),
        face=_wish(given["face"]),
        look=look,
    )


def _listed(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not words:
        raise UsageError("an empty list names nothing", hint="leave the option out to take all")
    return words


def _wish(text: str | None) -> Wish:
    if text is None:
        return None
    if text == "all":
        return "all"
    if text.isascii() and text.isdigit() and int(text) >= 1:
        return int(text)
    raise UsageError(f"--face {text!r} is no face: a number from 1, from the left, or all")


def _plan_data(plan: Plan, checked: list[Checked], *, done: bool) -> dict[str, Any]:
    from artstyle.pipeline.challenge.estimate import estimate_s

    faces = sum(len(one.ready) for one in checked)
    return {
        "out": plan.out,
        "is_done": done,
        "base": plan.base.name,
        "styles": [
            {"name": part.style.name, "swap": part.swap.words, "from": part.swap.came}
            for part in plan.parts
        ],
        "baselines": [one.name for one in plan.baselines],
        "faces": [
            {"name": ready.name, "photo": ready.photo.path, **ready.facts()}
            for one in checked
            for ready in one.ready
        ],
        "skipped": [
            {
                "photo": one.refusal.photo.path,
                "code": one.refusal.code,
                "reason": one.refusal.message,
            }
            for one in checked
            if one.refusal is not None
        ],
        "remarks": [
            *plan.remarks,
            *(remark for one in checked for remark in one.remarks),
            *(remark for one in checked for ready in one.ready for remark in ready.remarks),
        ],
        "detector": plan.detector,
        "estimated_s": 0 if done else round(estimate_s(plan, faces), 1),
    }


def _plan_text(data: Mapping[str, Any]) -> str:
    lines = [
        f"would draw {len(data['faces'])} people in {len(data['styles'])} styles, "
        f"into {data['out']}"
    ]
    lines += [f"  {one['name']}: {one['swap']} ({one['from']})" for one in data["styles"]]
    lines += [f"  baseline {name}" for name in data["baselines"]]
    lines += [f"left out: {one['reason']}" for one in data["skipped"]]
    lines += data["remarks"]
    lines.append(
        "all of it is there already" if data["is_done"] else f"about {data['estimated_s']:.0f} s"
    )
    return "\n".join(lines)


def _data(made: Made) -> dict[str, Any]:
    return {
        "out": made.out,
        "grid": made.out / "grid.png",
        "page": made.out / "index.html",
        "was_done": made.was_done,
        "faces_pictures": made.faces_pictures,
        "record": dict(made.record),
    }


def _text(made: Made) -> str:
    record = made.record
    lines = [
        f"{row['name']}: "
        + ", ".join(
            f"{cell['title']} {cell['likeness']['to_photo']:.2f}"
            + (" (lost)" if cell["likeness"]["lost"] else "")
            for cell in row["cells"]
            if cell["likeness"]
        )
        for row in record["rows"]
    ]
    if record["skipped"]:
        lines.append(f"{len(record['skipped'])} photos were left out")
    lines.append(f"licences: {record['licence']['combined']}")
    total_s = record["seconds"]["total"]
    lines.append("was done already" if made.was_done else f"{total_s:.1f} s")
    return "\n".join([*lines, f"{made.out / 'grid.png'}", f"{made.out / 'index.html'}"])

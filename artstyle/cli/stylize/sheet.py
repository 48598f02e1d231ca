"""`artstyle stylize sheet`: the classic methods side by side."""

from __future__ import annotations

from pathlib import Path

import click

from artstyle.cli._base import Context, command
from artstyle.cli.stylize._options import FILE

EXAMPLE = """\
artstyle stylize sheet --content astronaut.jpg --content me.jpg --style night.jpg --out sheet
artstyle stylize sheet --content me.jpg --style night=vg.jpg --methods gatys,fast --out s"""


@command("sheet", example=EXAMPLE)
@click.option(
    "--content",
    "contents",
    type=FILE,
    multiple=True,
    required=True,
    metavar="FILE",
    help="A photo.",
)
@click.option(
    "--style",
    "styles",
    multiple=True,
    required=True,
    metavar="[NAME=]FILE",
    help="A painting; fast draws with the net of that NAME.",
)
@click.option(
    "--methods",
    default="gatys,adain,fast",
    show_default=True,
    metavar="LIST",
    help="Which, in this order.",
)
@click.option(
    "--size",
    "size_px",
    type=click.IntRange(32, 2048),
    default=256,
    show_default=True,
    metavar="PX",
    help="Longer side of the pictures.",
)
@click.option(
    "--cell",
    "cell_px",
    type=click.IntRange(32, 1024),
    metavar="PX",
    help="Side of a place in the sheet. [default: --size]",
)
@click.option(
    "--out",
    required=True,
    type=FILE,
    metavar="DIR",
    help="Folder for sheet.png, sheet.json and cells.",
)
def sheet(  # noqa: PLR0917 - click passes them by name
    ctx: Context,
    contents: tuple[Path, ...],
    styles: tuple[str, ...],
    methods: str,
    size_px: int,
    cell_px: int | None,
    out: Path,
) -> None:
    """Draw every photo in every style by every method, on one sheet with times.

    What is drawn already is kept, so a sheet that was broken off goes on. Gatys' transfer holds
    faces here. What a method cannot draw stays empty, and is told.
    """
    from artstyle.pipeline.stylize.sheet import (
        draw_cells,
        parse_methods,
        parse_styles,
        read_inputs,
    )
    from artstyle.report.baselines_sheet import SHEET, write_sheet

    kinds = parse_methods(methods)
    photos, paintings = read_inputs(contents, parse_styles(styles))
    cells = draw_cells(
        *(photos, paintings, kinds, out),
        size_px=size_px,
        workspace=ctx.workspace,
        emit=ctx.emit,
    )
    record = write_sheet(cells, photos, paintings, kinds, out, cell_px=cell_px or size_px)

    def text() -> str:
        lines = [str(out / SHEET)]
        for method, times in record["methods"].items():
            median = times["median_seconds"]
            lines.append(
                f"{method}: {times['cells']} pictures"
                + ("" if median is None else f", median {median:.3g} s")
            )
        return "\n".join(lines)

    ctx.result({"out": out, **record}, text)

"""`artstyle trace`: the way of a file back to its sources."""

from __future__ import annotations

import click

from artstyle.cli._base import Context, command

EXAMPLE = """\
artstyle trace challenge/cells/anna-ghibli.png
artstyle trace datasets/ghibli/zips/ghibli-64-train.zip --member 12"""


@command("trace", example=EXAMPLE)
@click.argument("file", type=click.Path())
@click.option(
    "--member", metavar="NAME|N", help="A picture in the dataset zip FILE, or its number from 0."
)
def trace(ctx: Context, file: str, member: str | None) -> None:
    """Show what a file was made from, back to its sources.

    FILE is anything that artstyle made or read: a grid, a cell, a model, a dataset zip, a crop, a
    film, a run folder. It is known by its content, so it may have been copied or renamed; a file
    that is gone is known by its name. The SHA-256 of a content will do as well.

    A picture inside a dataset zip is ZIP:NAME, or --member; one that was taken out of its zip is
    known as long as the zip is there.
    """
    from artstyle.catalog import open_catalog
    from artstyle.catalog.lineage_text import as_text
    from artstyle.pipeline.trace import trace_any

    with open_catalog(ctx.workspace, create=False) as catalog:
        root = trace_any(catalog, file, member)
    ctx.result({"lineage": root, "licences": root.licences()}, lambda: as_text(root, ctx.workspace))

"""`artstyle trace`: the way of a file back to its sources."""

from __future__ import annotations

import click

from artstyle.cli._base import Context, command


@command("trace", example="artstyle trace challenge/cells/anna-ghibli.png")
@click.argument("file", type=click.Path())
def trace(ctx: Context, file: str) -> None:
    """Show what a file was made from, back to its sources.

    FILE is anything that artstyle made or read: a grid, a cell, a model, a dataset zip, a crop, a
    film, a run folder. It is known by its content, so it may have been copied or renamed; a file
    that is gone is known by its name. The SHA-256 of a content will do as well.
    """
    from artstyle.catalog import open_catalog
    from artstyle.catalog.lineage import trace as trace_file
    from artstyle.catalog.lineage_text import as_text

    with open_catalog(ctx.workspace, create=False) as catalog:
        root = trace_file(catalog, file)
    ctx.result({"lineage": root, "licences": root.licences()}, lambda: as_text(root, ctx.workspace))

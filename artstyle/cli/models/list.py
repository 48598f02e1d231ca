"""`artstyle models list`: every model by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from artstyle.cli._base import Context, command

if TYPE_CHECKING:
    from artstyle.pipeline.model_list import ListedModel

KINDS = ("stylegan2", "stylegan3", "vgg", "inception", "detector", "other")
_HEAD = ("name", "kind", "px", "size", "state", "commercial", "licence")
_STYLES = {"NO": "bold red", "unclear": "yellow", "not here": "dim", "changed": "bold red"}
_STYLES |= {"unreadable": "bold red", "present": "green", "workspace": "green", "shipped": "green"}


@command(
    "list",
    example="artstyle models list --installed\nartstyle models list --kind detector --json",
)
@click.option("--kind", type=click.Choice(KINDS), help="Only models of this kind.")
@click.option("--installed", is_flag=True, help="Only what is on this machine.")
def list_models(ctx: Context, kind: str | None, installed: bool) -> None:
    """List models and weights by name.

    First the workspace's models, then those that come with artstyle, then the published ones. The
    column COMMERCIAL says whether the licence allows commercial use. "not here" are published
    models that 'artstyle models pull NAME' fetches.
    """
    from artstyle.pipeline.model_list import list_models as all_models

    lines = all_models(ctx.workspace, kind=kind, installed=installed)
    ctx.result({"models": lines}, lambda: _text(lines))


def _text(lines: tuple[ListedModel, ...]) -> str:
    from artstyle.cli._table import table

    if not lines:
        return "none; 'artstyle models list' without options shows all"
    rows = [_row(line) for line in lines]
    parts = [table(_HEAD, rows, styles=_STYLES, right=frozenset({"px", "size"}))]
    parts += [f"{line.name}: {line.detail}" for line in lines if line.detail]
    return "\n\n".join(parts)


def _row(line: ListedModel) -> tuple[str, ...]:
    from artstyle.disk import in_words

    size = in_words(line.size_bytes) if line.size_bytes else "?"
    return (
        line.name,
        line.kind,
        str(line.resolution or ""),
        size if line.size_is_exact or not line.size_bytes else f"~{size}",
        line.state,
        {"yes": "yes", "no": "NO", "unclear": "unclear"}[line.licence.commercial],
        line.licence.id,
    )

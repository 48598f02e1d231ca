"""`artstyle models card`: what a model is and what one may do with it."""

from __future__ import annotations

import click

from artstyle.cli._base import Context, command


@command(
    "card", example="artstyle models card ffhq-256\nartstyle models card models/mine.safetensors"
)
@click.argument("model")
def card(ctx: Context, model: str) -> None:
    """Show the card of MODEL as Markdown.

    MODEL is a file or a name. The card says what the model draws, its licence, its sources and
    parents, what was measured, and how it was made: from the header of its file, and from
    MODEL.card.toml beside it; and how strongly it is laid over its base, from MODEL.swap.json.
    """
    from artstyle.pipeline.search.card import with_front
    from artstyle.weights.cards import card_of, render_markdown

    found = with_front(card_of(model, ctx.workspace, emit=ctx.emit), emit=ctx.emit)
    ctx.result({"card": found}, lambda: render_markdown(found).rstrip("\n"))

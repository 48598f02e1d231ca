"""The front of a layer swap on the card of its style."""

from __future__ import annotations

from dataclasses import replace

from artstyle.errors import RecipeError
from artstyle.events import Emit, Note, ignore
from artstyle.names import shown
from artstyle.pipeline.search.form import Swap
from artstyle.pipeline.search.settings import is_of_style, read_swap, swap_at, swap_file
from artstyle.weights.cards import Card, Table

HEAD = ("strength", "likeness", "style", "the style's share of each level")


def with_front(card: Card, *, emit: Emit = ignore) -> Card:
    """The card with what the swap file beside the model says, if there is one.

    Args:
        card: of any model.
        emit: told of a file that is damaged, or was found for another model.
    """
    path = None if card.file is None else swap_file(card.file)
    if card.file is None or path is None or not path.is_file():
        return card
    try:
        swap = read_swap(path)
    except RecipeError as fault:
        emit(Note(f"{fault}\nit is left out of the card", "warning"))
        return card
    if not is_of_style(swap, card.file):
        emit(Note(f"{shown(path)} was found for another model: left out of the card", "warning"))
        return card
    return replace(card, tables=(*card.tables, front_table(swap)))


def front_table(swap: Swap) -> Table:
    """The front's figures, the default among them."""
    rows = [
        (f"{point.strength:g}", f"{point.likeness:.2f}", f"{point.style:.2f}", point.weights)
        for point in swap.front
    ]
    default = f"{swap.default_strength:g}"
    if default not in [row[0] for row in rows]:
        rows.append((default, "", "", swap_at(swap)))
        rows.sort(key=lambda row: float(row[0]))
    marked = tuple(
        (f"{row[0]} (default)" if row[0] == default else row[0], *row[1:]) for row in rows
    )
    said = swap.measured_in
    how = f"likeness by {said.get('likeness', '?')}, style by {said.get('style', '?')}"
    return Table(f"Laid over {swap.base}: {how}, {swap.photos} people", HEAD, marked)

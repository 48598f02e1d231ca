"""A model card as Markdown: plain enough to read in a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from artstyle.disk import in_words
from artstyle.names import shown

if TYPE_CHECKING:
    from artstyle.weights.cards import Card


def render_markdown(card: Card) -> str:
    """The card as Markdown; sections with nothing to say are left out.

    Whatever a foreign file may have put into its header is shown as printable text on one line.
    """
    sections = [_head(card), _facts(card), *_sections(card)]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _head(card: Card) -> list[str]:
    lines = [f"# {_line(card.title)}"]
    return [*lines, "", _line(card.summary)] if card.summary else lines


def _facts(card: Card) -> list[str]:
    facts = {
        "name": card.name,
        "kind": card.kind,
        "pictures": f"{card.resolution} x {card.resolution} px" if card.resolution else "",
        "licence": card.licence.in_words(),
        "training": f"{card.kimg:g} thousand pictures seen" if _is_number(card.kimg) else "",
        "file": str(card.file) if card.file else "not on this machine",
        "size": in_words(card.size_bytes) if card.size_bytes else "",
        "content sha256": card.content_sha256,
        "made from": card.source,
        "its sha256": card.source_sha256,
    }
    return [f"- {name}: {_line(value)}" for name, value in facts.items() if value]


def _sections(card: Card) -> Iterator[list[str]]:
    rows = [
        (source.what, source.licence, source.origin, _or_empty(source.pictures))
        for source in card.sources
    ]
    yield _table("Sources", ("what", "licence", "origin", "pictures"), rows)
    keys = ("name", "role", "sha256")
    parents = [tuple(str(parent.get(key) or "") for key in keys) for parent in card.parents]
    yield _table("Parents", keys, parents)
    figures = [(figure.name, f"{figure.value:g}", figure.how) for figure in card.figures]
    yield _table("Figures", ("figure", "value", "how"), figures)
    for table in card.tables:
        yield _table(_line(table.title), table.head, table.rows)
    yield _list("Preprocessing", card.preprocessing)
    yield _words("How it was made", card.how_made)
    yield _words("Limits", card.limits)
    yield _list("Networks", card.networks)
    yield _list("Notes", card.notes)
    if card.addresses:
        yield ["## Where it is published", "", *(f"- <{address}>" for address in card.addresses)]


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    lines = [head, tuple("---" for _ in head), *rows]
    return [f"## {title}", "", *("| " + " | ".join(map(_cell, line)) + " |" for line in lines)]


def _list(title: str, values: Mapping[str, Any]) -> list[str]:
    if not values:
        return []
    return [f"## {title}", "", *(f"- {_line(key)}: {_plain(values[key])}" for key in values)]


def _words(title: str, text: str) -> list[str]:
    """A section of prose or commands, with its own line ends."""
    if not text.strip():
        return []
    return [f"## {title}", "", *(shown(line).rstrip() for line in text.strip().splitlines())]


def _plain(value: Any) -> str:
    return _line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _line(text: str) -> str:
    return shown(" ".join(text.split()))


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")


def _or_empty(number: int | None) -> str:
    return "" if number is None else str(number)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)

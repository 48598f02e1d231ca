"""docs/models.md and docs/licences.md say what the registry says; `make docs` writes the tables."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from artstyle.recipes import make_recipe
from artstyle.weights import size_in_words
from artstyle.weights.cards import Sidecar
from artstyle.weights.entries import Entry, registry

DOCS = Path(__file__).resolve().parents[2] / "docs"
COMMERCIAL = {"yes": "yes", "no": "**NO**", "unclear": "unclear"}


def weights_table() -> list[str]:
    rows = ["| name | what | kind | px | size | commercial | licence | digest |"]
    rows.append("|---|---|---|---|---|---|---|---|")
    for item in registry().values():
        title = f"[{item.title}]({item.addresses[0]}): {item.purpose}"
        size = size_in_words(item).replace("about ", "~").replace("size unknown", "?")
        also = "".join(f", `{alias}`" for alias in item.aliases)
        cells = [f"`{item.name}`{also}", title, item.kind, str(item.resolution or ""), size]
        cells += [COMMERCIAL[item.licence.commercial], item.licence.id, digest_of(item)]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def digest_of(item: Entry) -> str:
    return "published" if item.sha256 else "prefix" if item.sha256_prefix else "pin"


def licences_table() -> list[str]:
    rows = ["| licence | commercial | what else | weights |", "|---|---|---|---|"]
    for licence in dict.fromkeys(item.licence for item in registry().values()):
        names = [f"`{item.name}`" for item in registry().values() if item.licence == licence]
        cells = [licence.id, COMMERCIAL[licence.commercial], licence.line, ", ".join(names)]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def with_table(text: str, word: str, table: list[str]) -> str:
    marks = re.compile(rf"(<!-- {word}: .*? -->\n).*?(<!-- end -->)", re.DOTALL)
    assert len(marks.findall(text)) == 1
    lines = "\n".join(table)
    return marks.sub(lambda found: f"{found[1]}\n{lines}\n\n{found[2]}", text)


@pytest.mark.parametrize(
    ("page", "word", "table"),
    [("models.md", "weights", weights_table), ("licences.md", "licences", licences_table)],
)
def test_the_pages_have_the_registrys_tables(
    page: str, word: str, table: Callable[[], list[str]]
) -> None:
    path = DOCS / page
    text = path.read_text("utf-8")
    if os.environ.get("ARTSTYLE_WRITE_DOCS"):
        path.write_text(with_table(text, word, table()), encoding="utf-8")
    assert path.read_text("utf-8") == with_table(text, word, table()), "type 'make docs'"


def test_the_page_says_that_addresses_were_not_tried() -> None:
    assert not any(item.address_checked for item in registry().values())
    assert "None of the addresses below has been tried" in (DOCS / "models.md").read_text("utf-8")


def test_the_card_on_the_page_is_one() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", (DOCS / "models.md").read_text("utf-8"), re.S)
    card = make_recipe(tomllib.loads(example), Sidecar)
    assert card.licence is not None
    assert (card.licence.commercial, card.sources[0].pictures) == ("yes", 1500)

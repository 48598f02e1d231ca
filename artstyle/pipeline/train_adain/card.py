"""A decoder's card, from what its file says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from artstyle.baselines.adain.file import KIND, read_header
from artstyle.errors import UsageError
from artstyle.files import write_text
from artstyle.weights.cards import Card, Figure, Source, render_markdown
from artstyle.weights.entries import licence_of_words

_SUMMARY = (
    "A decoder for AdaIN (Huang & Belongie 2017): photos in the style of any painting, in one pass"
    " (artstyle stylize adain). It belongs to the encoder that is named below and to no other."
)
_LIMITS = (
    "It learned from far fewer paintings than the paper's 80,000, and in minutes. Palettes and"
    " large strokes are taken over; fine strokes become a texture that all paintings share, more"
    " so with paintings unlike those that it learned from. Faces are not held: --alpha below 1"
    " keeps more of them."
)
_HOW = {
    "content": "loss at relu4_1 on photos and paintings that are held out; compares with nothing"
    " but decoders behind the same encoder",
    "style": "loss of means and deviations at relu1_1 to relu4_1, likewise",
}


def sources_of(texts: Sequence[str]) -> list[dict[str, Any]]:
    """What "what; licence; origin; pictures" says, for the file's header.

    Raises:
        UsageError: a text says more, or its last part is no number of pictures.
    """
    found = []
    for text in texts:
        parts = [part.strip() for part in text.split(";")]
        if len(parts) > 4 or not parts[0] or (len(parts) == 4 and not parts[3].isdecimal()):
            raise UsageError(
                f"--source {text!r:.80} is not 'what; licence; origin; number of pictures'",
                hint="for instance 'photos of 96 kinds; CC BY 4.0; Caltech-101; 3071'",
            )
        names = ("what", "licence", "origin", "pictures")
        one: dict[str, Any] = dict(zip(names, parts, strict=False))
        if "pictures" in one:
            one["pictures"] = int(one["pictures"])
        found.append(one)
    return found


def card_of(path: Path) -> str:
    """The card of a decoder's file, as Markdown.

    Raises:
        WeightsError: it is no decoder of ours, or damaged.
    """
    header = read_header(path)
    origin = header.origin
    notes = dict(origin.notes)
    command = str(notes.pop("command", ""))
    losses = notes.pop("held_out_losses", {})
    sources = notes.pop("sources", [])
    notes |= {
        "encoder": origin.encoder,
        "encoder_sha256": origin.encoder_sha256,
        "styles by name": ", ".join(header.styles) or "none",
    }
    card = Card(
        name=path.stem,
        title="AdaIN decoder of artstyle",
        kind=KIND,
        licence=licence_of_words(origin.licence),
        summary=_SUMMARY,
        sources=tuple(Source(**source) for source in sources),
        figures=tuple(
            Figure(f"held-out {name} loss", value, _HOW.get(name, ""))
            for name, value in losses.items()
        ),
        preprocessing={
            "pictures": "RGB, [-1, 1], 32 px and more a side",
            "edges": "reflected, in encoder and decoder",
        },
        how_made=f"    {command}",
        limits=_LIMITS,
        notes=notes,
        file=Path(path.name),
        size_bytes=path.stat().st_size,
        content_sha256=header.content_sha256,
        source=origin.source,
    )
    return render_markdown(card)


def write_card(path: Path) -> Path:
    """Write a decoder's card beside its file, as NAME.md."""
    beside = path.with_suffix(".md")
    write_text(beside, card_of(path))
    return beside

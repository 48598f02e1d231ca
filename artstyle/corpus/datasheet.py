"""The sheet that goes with a dataset, in the sense of Gebru et al. 2018, "Datasheets for Datasets".

Why it was made, what is in it, from where and under which licence, how it was collected, sorted
and split, what it must not be used for, and how to make it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from artstyle.errors import CorpusError


@dataclass(frozen=True)
class SourceLine:
    """One source and what came of it."""

    name: str
    licence: str  # as the user stated it; "" is shown as not stated
    count: int  # pictures of it in the dataset
    sha256: str = ""
    origin: str = ""  # who made it, and where it was found
    found: int | None = None  # crops that were cut from it; None: not known


@dataclass(frozen=True)
class Datasheet:
    """What a datasheet says, as plain data."""

    title: str
    size_px: int
    channels: int
    splits: Mapping[str, int]  # name -> pictures
    sources: Sequence[SourceLine]
    filters: Mapping[str, int] = field(default_factory=dict)  # reason -> pictures dropped for it
    labels: Mapping[str, int] = field(default_factory=dict)  # class -> pictures
    zip_name: str = ""
    zip_sha256: str = ""
    summary: str = ""  # what it is and why it was made
    limits: str = ""  # known weaknesses, and what it must not be used for
    licence: str = ""  # of the whole
    picture: str = ""  # file name of its contact sheet
    picture_goes_along: bool = True  # it goes wherever the sheet goes; else it is only named
    tags: Mapping[str, int] = field(default_factory=dict)  # a picture may have several
    collection: Mapping[str, str] = field(default_factory=dict)  # how pictures were found and cut
    preparation: Mapping[str, str] = field(default_factory=dict)  # how they were sorted and built
    notes: Sequence[str] = ()  # what a reader should know of this set
    commands: Sequence[str] = ()  # that make it again
    builds: Sequence[tuple[str, ...]] = ()  # name, split, size, pictures, SHA-256 of zips made


def datasheet_text(sheet: Datasheet) -> str:
    """The sheet as Markdown; the same data give the same text.

    Raises:
        CorpusError: its sources or its labels do not add up to its splits.
    """
    total = _checked_total(sheet)
    kind = "grey" if sheet.channels == 1 else "RGB"
    lines = [f"# {sheet.title}", ""]
    lines += [f"{total} pictures of {sheet.size_px} x {sheet.size_px} px, {kind}.", ""]
    if sheet.zip_name:
        lines += [f"File: `{sheet.zip_name}`, SHA-256 `{sheet.zip_sha256}`", ""]
    lines += [sheet.summary, ""] if sheet.summary else []
    if sheet.picture:
        sample = f"![a sample, drawn by lot]({sheet.picture})"
        lines += [sample if sheet.picture_goes_along else f"A sample: `{sheet.picture}`.", ""]
    lines += [f"- {note}" for note in sheet.notes]
    lines += [""] if sheet.notes else []
    lines += _sources(sheet)
    lines += _table("Splits", ("split", "pictures"), _counts(sheet.splits))
    lines += _table("Labels", ("class", "pictures"), _counts(sheet.labels))
    lines += _table("Tags", ("tag", "pictures"), _counts(sheet.tags))
    lines += _table("How it was collected", ("what", "how"), tuple(sheet.collection.items()))
    lines += _table("How it was prepared", ("what", "how"), tuple(sheet.preparation.items()))
    lines += _table("Left out", ("reason", "pictures"), _counts(sheet.filters))
    if sheet.limits:
        lines += ["## What it is not for, and where it is weak", "", sheet.limits, ""]
    if sheet.licence:
        lines += ["## Passing it on", "", f"Licence of the whole: {sheet.licence}.", ""]
    head = ("zip", "split", "px", "pictures", "SHA-256")
    lines += _table("Zips made of it", head, sheet.builds)
    if sheet.commands:
        lines += ["## How to make it again", "", "```", *sheet.commands, "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def _checked_total(sheet: Datasheet) -> int:
    """How many pictures there are, if all that is counted agrees on it."""
    total = sum(sheet.splits.values())
    for what, count in (
        ("sources", sum(one.count for one in sheet.sources)),
        ("labels", sum(sheet.labels.values()) if sheet.labels else total),
    ):
        if count != total:
            raise CorpusError(
                f"the datasheet of {sheet.title} does not add up: its {what} have {count} pictures,"
                f" its splits {total}"
            )
    return total


def _sources(sheet: Datasheet) -> list[str]:
    """The table of sources; columns of which nothing is known are left out."""
    columns = {
        "source": [one.name for one in sheet.sources],
        "licence": [one.licence or "**not stated**" for one in sheet.sources],
        "origin": [one.origin for one in sheet.sources],
        "cut": ["" if one.found is None else str(one.found) for one in sheet.sources],
        "pictures": [str(one.count) for one in sheet.sources],
        "SHA-256": [one.sha256[:12] for one in sheet.sources],
    }
    head = tuple(name for name, cells in columns.items() if any(cells))
    rows = zip(*(columns[name] for name in head), strict=True)
    return _table("Sources", head, [tuple(cell or "-" for cell in row) for row in rows])


def _counts(counts: Mapping[str, int]) -> list[tuple[str, ...]]:
    return [(name, str(count)) for name, count in counts.items()]


def _table(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """A section with a table; nothing where there are no rows."""
    if not rows:
        return []
    lines = [f"## {title}", "", _row(head), _row(("---",) * len(head))]
    return [*lines, *(_row(row) for row in rows), ""]


def _row(cells: Sequence[str]) -> str:
    clean = (cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
    return "| " + " | ".join(clean) + " |"

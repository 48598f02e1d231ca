"""The sheet that goes with a dataset: what is in it, from where, under which licence, how split."""

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


def datasheet_text(sheet: Datasheet) -> str:
    """The sheet as Markdown; the same data give the same text.

    Raises:
        CorpusError: its sources or its labels do not add up to its splits.
    """
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
    kind = "grey" if sheet.channels == 1 else "RGB"
    lines = [f"# {sheet.title}", ""]
    lines += [f"{total} pictures of {sheet.size_px} x {sheet.size_px} px, {kind}.", ""]
    if sheet.zip_name:
        lines += [f"File: `{sheet.zip_name}`, SHA-256 `{sheet.zip_sha256}`", ""]
    lines += _table("Sources", ("source", "licence", "pictures", "SHA-256"), _sources(sheet))
    lines += _table("Splits", ("split", "pictures"), _counts(sheet.splits))
    lines += _table("Left out", ("reason", "pictures"), _counts(sheet.filters))
    lines += _table("Labels", ("class", "pictures"), _counts(sheet.labels))
    return "\n".join(lines).rstrip() + "\n"


def _sources(sheet: Datasheet) -> list[tuple[str, ...]]:
    return [
        (one.name, one.licence or "**not stated**", str(one.count), one.sha256[:12] or "-")
        for one in sheet.sources
    ]


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

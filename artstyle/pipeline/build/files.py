"""From a folder or a zip of any pictures to a dataset zip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from artstyle.corpus.datasheet import Datasheet, SourceLine, datasheet_text
from artstyle.corpus.labels import Label
from artstyle.corpus.read import read_corpus
from artstyle.corpus.write import Item, check_size, items_of, write_zip
from artstyle.errors import ArtstyleError, CorpusError, UsageError
from artstyle.events import Emit, Note, ignore
from artstyle.files import sha256_of, write_text
from artstyle.names import shown
from artstyle.pipeline.build.place import building
from artstyle.pipeline.build.selection import Unlabelled


@dataclass(frozen=True)
class FromFiles:
    """A zip that was made of files, or would be."""

    path: Path
    source: Path
    state: Literal["written", "planned"]
    size_px: int
    count: int
    sha256: str | None  # None: planned
    labels: dict[str, int]  # class -> pictures; empty for vectors and for none
    left_out: tuple[str, ...]  # pictures that could not be read, and why
    sheet: Path


def build_from(
    source: Path,
    *,
    size_px: int,
    out: Path,
    grey: bool = False,
    unlabelled: Unlabelled = "refuse",
    licence: str = "",
    dry_run: bool = False,
    threads: int | None = None,
    emit: Emit = ignore,
) -> FromFiles:
    """Build a dataset zip of the pictures in a folder or zip, as the official tool does.

    Pictures are cropped to the square in their middle and resized by Lanczos; labels in a
    `dataset.json` are kept. The same pictures give the same bytes.

    Args:
        source: a folder, with its subfolders, or a zip.
        size_px: side of the pictures in the new zip.
        out: the zip.
        grey: make all pictures grey.
        unlabelled: refuse or drop pictures without a label where others have one.
        licence: of the pictures, for the datasheet.
        dry_run: count, and write nothing.
        threads: see `artstyle.corpus.write.write_zip`.
        emit: hears progress and warnings.

    Raises:
        CorpusError: there are no pictures, the zip is hostile or damaged, labels do not fit, or
            none of the pictures can be read.
        UsageError: it would be written over what it is made of.
        ArtstyleError: another build of this zip is running.
    """
    check_size(size_px)
    if out.resolve() == source.resolve() or out.resolve().is_relative_to(source.resolve()):
        raise UsageError(
            f"{shown(out)} lies in {shown(source)}, which it would be made of",
            hint="put it elsewhere with --out",
        )
    items = _labelled(items_of(source, grey=grey), source, unlabelled, emit)
    planned = FromFiles(
        path=out,
        source=source,
        state="planned",
        size_px=size_px,
        count=len(items),
        sha256=None,
        labels=_classes(item.label for item in items),
        left_out=(),
        sheet=out.with_suffix(".md"),
    )
    if dry_run:
        return planned
    with building(out.with_name(f".{out.name}.lock"), (out, planned.sheet)):
        return _write(planned, items, licence, threads, emit)


def _labelled(items: list[Item], source: Path, unlabelled: Unlabelled, emit: Emit) -> list[Item]:
    """The items, without those that have no label where others have one."""
    having = [item for item in items if item.label is not None]
    lacking = len(items) - len(having)
    if not having or not lacking:
        return items
    if unlabelled == "refuse":
        first = next(item.name for item in items if item.label is None)
        raise CorpusError(
            f"{lacking:,} of {len(items):,} pictures of {shown(source)} have no label, the first"
            f" of them {shown(first)}",
            hint="leave them out with --unlabelled drop, or complete dataset.json",
        )
    emit(Note(f"left out: {lacking:,} pictures without a label", "warning"))
    return having


def _classes(labels: Iterable[Label | None]) -> dict[str, int]:
    """How many pictures each class has; nothing for vectors."""
    counts = Counter(one for one in labels if isinstance(one, int))
    return {str(label): counts[label] for label in sorted(counts)}


def _write(
    planned: FromFiles, items: list[Item], licence: str, threads: int | None, emit: Emit
) -> FromFiles:
    left_out: list[str] = []

    def skip(item: Item, fault: ArtstyleError) -> None:
        left_out.append(str(fault))
        emit(Note(f"left out: {fault}", "warning"))

    try:
        result = write_zip(
            planned.path,
            items,
            size_px=planned.size_px,
            threads=threads,
            on_fault=skip,
            emit=emit,
        )
    except CorpusError as fault:
        if len(left_out) < len(items):
            raise
        raise CorpusError(
            f"none of the {len(items):,} pictures of {shown(planned.source)} can be read; the"
            f" first: {left_out[0]}"
        ) from fault
    built = read_corpus(result.path)
    labels = [] if built.labels is None or built.labels.ndim > 1 else built.labels.tolist()
    done = replace(
        planned,
        state="written",
        count=result.count,
        sha256=result.sha256,
        labels=_classes(labels),
        left_out=tuple(left_out),
    )
    is_zip = planned.source.is_file()
    sheet = Datasheet(
        title=planned.path.stem,
        size_px=planned.size_px,
        channels=built.channels,
        splits={"all": result.count},
        sources=[
            SourceLine(
                shown(planned.source.name),
                licence,
                result.count,
                sha256_of(planned.source) if is_zip else "",
                found=len(items),
            )
        ],
        labels=done.labels,
        filters={"could not be read": len(left_out)} if left_out else {},
        preparation={"pictures": "the square in the middle, resized by Lanczos"},
        zip_name=planned.path.name,
        zip_sha256=result.sha256,
    )
    write_text(planned.sheet, datasheet_text(sheet))
    return done

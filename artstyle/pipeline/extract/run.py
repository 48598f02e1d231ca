"""`artstyle extract`: from a style's sources to its crops, whatever kind they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from artstyle.catalog import open_catalog
from artstyle.errors import ArtstyleError, UsageError
from artstyle.events import Emit, Note, ignore
from artstyle.names import shown
from artstyle.pipeline.extract.digests import Digests
from artstyle.pipeline.extract.films import extract_films, listed_films, look_at
from artstyle.pipeline.extract.images import extract_images, listed_images
from artstyle.pipeline.extract.naming import style_name
from artstyle.pipeline.extract.prepare import Place, prepare, source_of, working
from artstyle.pipeline.extract.settings import Settings
from artstyle.pipeline.extract.sprites import extract_sprites
from artstyle.pipeline.extract.summary import Summary
from artstyle.recipes.dataset import SourceKind, SourceRecipe

KINDS: tuple[SourceKind, ...] = get_args(SourceKind)


@dataclass(frozen=True)
class Planned:
    """What would be done with one source."""

    kind: str
    path: Path
    what: str  # in words


def extract(
    root: Path,
    inputs: Mapping[SourceKind, Sequence[Path]],
    *,
    style: str | None = None,
    licence: str | None = None,
    options: Mapping[str, Any] | None = None,
    emit: Emit = ignore,
) -> Summary:
    """Extract what is given, or what the style's recipe names.

    Args:
        root: the workspace; an existing folder that is none becomes one.
        inputs: films, folders or pictures, sprite sheets, by kind; none takes the recipe's.
        style: its name; None: named after the first input.
        licence: of what is given.
        options: settings of the recipe's [extract] that go before it.
        emit: hears progress, choices and faults.

    Raises:
        UsageError: neither a style nor anything to extract was given.
        ArtstyleError: nothing could be done; see the message.
    """
    place, settings = _placed(root, inputs, style, licence, options or {}, dry_run=False)
    for one in place.made:
        emit(Note(f"made {one}"))
    summary = Summary(place.style, made=list(place.made))
    with working(place, emit), open_catalog(root) as catalog:
        digests = Digests(place.cache / "digests.json")
        for kind, many in _by_kind(place):
            for said, paths in many:
                common: dict[str, Any] = {
                    "settings": settings,
                    "licence": said,
                    "digests": digests,
                    "emit": emit,
                }
                work = _worker(kind)
                summary.add(work(catalog, place.crops, place.style, paths, **common))
        count = catalog.rows("SELECT count(*) FROM crop WHERE style = ?", place.style)
        summary.crops_in_style = int(count[0][0])
    _refuse_nothing(summary)
    return summary


def plan(
    root: Path,
    inputs: Mapping[SourceKind, Sequence[Path]],
    *,
    style: str | None = None,
    licence: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> tuple[Place, list[Planned]]:
    """What `extract` would do; nothing is written.

    Raises:
        UsageError: see `extract`.
    """
    place, settings = _placed(root, inputs, style, licence, options or {}, dry_run=True)
    planned: list[Planned] = []
    for kind, many in _by_kind(place):
        paths = [path for _, some in many for path in some]
        if kind == "video":
            films = listed_films(paths)
            planned += [Planned(kind, path, look_at(path, settings)) for path in films]
        elif kind == "images":
            for path in paths:
                found = len(listed_images([path], Summary(), ignore))
                planned.append(Planned(kind, path, f"{found:,} pictures"))
        else:
            planned += [Planned(kind, path, "sprites") for path in paths]
    return place, planned


def _placed(
    root: Path,
    inputs: Mapping[SourceKind, Sequence[Path]],
    style: str | None,
    licence: str | None,
    options: Mapping[str, Any],
    *,
    dry_run: bool,
) -> tuple[Place, Settings]:
    given = [(kind, path) for kind in KINDS for path in inputs.get(kind, ())]
    if style is None and not given:
        raise UsageError(
            "there is nothing to extract",
            hint="give --video FILM, --images FOLDER or --sprites SHEET, or --style with a recipe",
        )
    sources = [source_of(kind, path, root, licence) for kind, path in given]
    name = style or style_name(given[0][1])
    if all(not path.exists() for _, path in given) and given:
        raise UsageError(
            f"there is no file or folder {shown(given[0][1])}",
            hint="look for a typing error in its name",
        )
    place = prepare(root, name, sources, options, dry_run=dry_run)
    settings = Settings.of(place.recipe.extract)
    settings.check()
    return place, settings


def _by_kind(place: Place) -> Iterator[tuple[str, list[tuple[str | None, list[Path]]]]]:
    """The sources, those of a kind and a licence together."""
    for kind in KINDS:
        groups: dict[str | None, list[Path]] = {}
        for one in place.sources:
            if one.kind == kind:
                said = None if one.licence == "unknown" else one.licence
                groups.setdefault(said, []).append(place.path_of(one))
        if groups:
            yield kind, list(groups.items())


def _worker(kind: str) -> Any:
    if kind == "video":
        return extract_films
    if kind == "images":
        return extract_images
    return extract_sprites


def _refuse_nothing(summary: Summary) -> None:
    """Call it a failure if not a single file could be read.

    Raises:
        ArtstyleError: so it is.
    """
    if not summary.sources and not summary.skipped:
        raise ArtstyleError(
            "there is nothing to extract: no films or pictures are there",
            hint="files are known by their suffix in folders: name a single one to insist",
        )
    if summary.frames or summary.done_before:
        return
    first = summary.skipped[0] if summary.skipped else None
    if first is not None:
        more = len(summary.skipped) - 1
        also = f"; {more:,} more could not be read either" if more else ""
        raise ArtstyleError(f"cannot read {shown(first.path)}: {first.reason}{also}")


__all__ = ["KINDS", "Planned", "SourceRecipe", "extract", "plan"]

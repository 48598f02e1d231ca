"""What the datasheets of a style say, gathered from its recipe and the catalog."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from artstyle.catalog import Catalog
from artstyle.catalog.rows import CropRow
from artstyle.corpus.datasheet import Datasheet, SourceLine, datasheet_text
from artstyle.names import shown
from artstyle.pipeline.build.finished import is_still
from artstyle.pipeline.build.selection import Selection, one_per_face, part_names, reason_of
from artstyle.recipes import DatasetRecipe, SourceRecipe

_MOST_SOURCES = 200  # lines of a table; a guess at what anybody still reads
_ADDED = "not named in the recipe"


def zip_sheet(
    selection: Selection,
    *,
    recipe: DatasetRecipe,
    catalog: Catalog,
    rows: Sequence[CropRow],
    zip_name: str,
    zip_sha256: str,
    grey: bool,
    left_out: int,
) -> str:
    """The sheet that lies beside a zip.

    Args:
        selection: what is in it.
        recipe: of the style.
        catalog: open.
        rows: all crops of the style.
        zip_name: its file name.
        zip_sha256: of its content.
        grey: whether it was made grey.
        left_out: crops that could not be read.
    """
    chosen = [one.crop for one in selection.chosen]
    labels = Counter(
        f"{one.label}: {selection.labels[one.label]}"
        for one in selection.chosen
        if one.label is not None
    )
    filters = dict(selection.dropped)
    for reason, count in (
        ("in another part of the set", _in_other_parts(selection)),
        ("none of the labels", selection.without_label),
        ("several of the labels", selection.several_labels),
        ("could not be read", left_out),
    ):
        if count:
            filters[reason] = count
    option = "" if selection.split == "train" else f" --split {selection.split}"
    option += f" --labels {','.join(selection.labels)}" if selection.labels else ""
    option += " --grey" if grey else ""
    sheet = Datasheet(
        title=f"{recipe.title}, {selection.split}, {selection.size_px} px",
        size_px=selection.size_px,
        channels=1 if grey else 3,
        splits={selection.split: len(chosen)},
        sources=source_lines(chosen, rows, recipe, catalog.workspace),
        filters=filters,
        labels=dict(sorted(labels.items())),
        zip_name=zip_name,
        zip_sha256=zip_sha256,
        summary=recipe.notes,
        limits=recipe.limits,
        licence=recipe.licence,
        picture=Path(zip_name).with_suffix(".jpg").name,
        collection=_collection(catalog, chosen),
        preparation={
            **_curation(catalog, selection.style),
            "pictures": f"resized to {selection.size_px} px by Lanczos, stored as PNG",
        },
        notes=selection.notes,
        commands=(f"artstyle build --style {selection.style} --size {selection.size_px}{option}",),
    )
    return datasheet_text(sheet)


def style_sheet(
    style: str, *, recipe: DatasetRecipe, catalog: Catalog, rows: Sequence[CropRow]
) -> str:
    """The sheet of a whole set, whatever zips were made of it: `datasets/STYLE/DATASHEET.md`."""
    size_px = max(Counter(row.size_px for row in rows).items(), key=lambda pair: pair[::-1])[0]
    faces = one_per_face(rows, size_px)
    kept = [row for row in faces if row.standing.verdict != "drop"]
    dropped = Counter(reason_of(row) for row in faces if row.standing.verdict == "drop")
    tags = Counter(tag for row in kept for tag in row.standing.tags)
    size = recipe.build.size_px
    sheet = Datasheet(
        title=recipe.title,
        size_px=size_px,
        channels=3,
        splits=dict(Counter(part_names(kept))),
        sources=source_lines(kept, rows, recipe, catalog.workspace),
        filters=dict(sorted(dropped.items())),
        summary=recipe.notes,
        limits=recipe.limits,
        licence=recipe.licence,
        picture="DATASHEET.jpg",
        picture_goes_along=False,  # it shows the sources' pictures; not everybody may pass them on
        tags=dict(sorted(tags.items())),
        collection=_collection(catalog, faces),
        preparation=_curation(catalog, style),
        builds=_builds(catalog, style),
        commands=(
            f"artstyle extract --style {style}",
            f"artstyle curate --style {style}",
            f"artstyle build --style {style} --size {size}",
        ),
    )
    return datasheet_text(sheet)


def source_lines(
    chosen: Iterable[CropRow], rows: Sequence[CropRow], recipe: DatasetRecipe, workspace: Path
) -> list[SourceLine]:
    """Sources as the recipe names them, and those it does not name by their folders.

    Args:
        chosen: the crops that are counted.
        rows: all crops of the style: what was cut from each source.
        recipe: names, licences and origins.
        workspace: paths in the recipe are seen from it.
    """
    named = [(_place(workspace, source), source) for source in recipe.sources]
    found = Counter(_group(row, named, workspace) for row in one_per_face(rows, 1))
    counts = Counter(_group(row, named, workspace) for row in chosen)
    licences: dict[str, Counter[str]] = {}
    for row in rows:
        licences.setdefault(_group(row, named, workspace), Counter())[row.licence] += 1
    recipes = {source.path: source for source in recipe.sources}
    lines = []
    for name in sorted(found, key=lambda one: (one not in recipes, one)):
        source = recipes.get(name)
        licence = source.licence if source else ", ".join(sorted(licences[name]))
        origin = source.origin if source else _ADDED
        lines.append(
            SourceLine(
                shown(name),
                "" if licence == "unknown" else licence,
                counts[name],
                origin=origin,
                found=found[name],
            )
        )
    return _shortened(lines)


def _shortened(lines: list[SourceLine]) -> list[SourceLine]:
    if len(lines) <= _MOST_SOURCES:
        return lines
    rest = lines[_MOST_SOURCES - 1 :]
    licences = ", ".join(sorted({line.licence or "not stated" for line in rest}))
    count, found = sum(line.count for line in rest), sum(line.found or 0 for line in rest)
    last = SourceLine(f"{len(rest):,} more sources", licences, count, found=found)
    return [*lines[: _MOST_SOURCES - 1], last]


def _place(workspace: Path, source: SourceRecipe) -> Path:
    return workspace / Path(source.path).expanduser()


def _group(row: CropRow, named: Sequence[tuple[Path, SourceRecipe]], workspace: Path) -> str:
    """The source a crop is counted under: as the recipe names it, a film, or a folder."""
    for place, source in named:
        if row.source_path == place or place in row.source_path.parents:
            return source.path
    path = row.source_path if row.source_kind == "film" else row.source_path.parent
    return (path.relative_to(workspace) if path.is_relative_to(workspace) else path).as_posix()


def _collection(catalog: Catalog, crops: Sequence[CropRow]) -> dict[str, str]:
    """How the crops were found and cut."""
    detectors = Counter(crop.detector for crop in crops)
    sizes = Counter(crop.size_px for crop in crops)
    sides = [crop.quality["face_px"] for crop in crops if "face_px" in crop.quality]
    enlarged = sum(crop.quality.get("upscale_factor", 1.0) > 1.0 for crop in crops)
    outside = sum(crop.quality.get("outside_share", 0.0) > 0.0 for crop in crops)
    facts = {
        "faces found by": _listed(detectors),
        "aligned": "as in FFHQ: eyes and mouth at the same place in every crop",
        "side of the crops": _listed({f"{size} px": count for size, count in sizes.items()}),
    }
    if sides:
        facts["side in the source"] = (
            f"median {median(sides):.0f} px, from {min(sides):.0f} to {max(sides):.0f} px"
        )
    facts["enlarged when they were cut"] = f"{enlarged:,} of {len(crops):,}"
    facts["reach over the edge of their picture"] = f"{outside:,} of {len(crops):,}"
    return facts | _settings(catalog, crops)


def _settings(catalog: Catalog, crops: Sequence[CropRow]) -> dict[str, str]:
    """What the sources were searched with, where the catalog says so."""
    query = """SELECT DISTINCT setting.value FROM scan
        JOIN setting ON setting.sha256 = scan.settings_sha256
        WHERE scan.style = ? ORDER BY setting.value"""
    style = crops[0].style if crops else ""
    texts = [_in_words(json.loads(value)) for (value,) in catalog.rows(query, style)]
    return {"settings": "; ".join(texts[:4])} if texts else {}


def _in_words(settings: Any) -> str:
    if not isinstance(settings, dict):
        return str(settings)
    said = ((name, value) for name, value in sorted(settings.items()) if value not in ({}, [], ""))
    return ", ".join(f"{name} {value}" for name, value in said)


def _curation(catalog: Catalog, style: str) -> dict[str, str]:
    """Who decided what about how many crops."""
    query = """SELECT made."by", made.action, count(DISTINCT made.crop)
        FROM standing_decision AS made JOIN crop ON crop.id = made.crop
        WHERE crop.style = ? GROUP BY 1, 2 ORDER BY 1, 2"""
    people: dict[str, list[str]] = {}
    for name, action, count in catalog.rows(query, style):
        people.setdefault(name, []).append(f"{action} {count:,}")
    if not people:
        return {"decided by": "nobody: all crops are taken"}
    return {"decided by": "; ".join(f"{name}: {', '.join(did)}" for name, did in people.items())}


def _builds(catalog: Catalog, style: str) -> list[tuple[str, ...]]:
    """The zips of a style that lie in the workspace, each as it is now."""
    query = """SELECT id, path, split, size_px, sha256 FROM build
        WHERE style = ? ORDER BY path, id DESC"""
    lines: dict[str, tuple[str, ...]] = {}
    for build, path, split, size_px, sha256 in catalog.rows(query, style):
        place = catalog.absolute(path)
        if (
            path not in lines
            and place.is_relative_to(catalog.workspace)
            and is_still(catalog, build, place)
        ):
            ((count,),) = catalog.rows("SELECT count(*) FROM member WHERE build = ?", build)
            lines[path] = (shown(place.name), split, str(size_px), str(count), sha256[:12])
    return list(lines.values())


def _in_other_parts(selection: Selection) -> int:
    if selection.split == "all":
        return 0
    return sum(selection.parts.values()) - selection.parts[selection.split]


def _listed(counts: Counter[str] | dict[str, int]) -> str:
    """The commonest first, with how many where there are several."""
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{name} ({count:,})" for name, count in Counter(counts).most_common())

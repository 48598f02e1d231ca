"""What a curation proposed, to look at: a row of crops for each reason, and one for what stays.

The sheets lie in the style's cache; they are drawn anew by every curation.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from artstyle.catalog.rows import CropRow
from artstyle.curate.clusters import UNSURE
from artstyle.curate.rules import DUPLICATE, RULES
from artstyle.errors import ImageError
from artstyle.files import atomic_file
from artstyle.images import encode_png, read_rgb, resize_area, resize_nearest
from artstyle.pipeline.curate.plan import Drop
from artstyle.pipeline.curate.run import Outcome
from artstyle.report.sheet import contact_sheet

COLUMNS = 10
SIDE_PX = 112

T = TypeVar("T")
Pixels = NDArray[np.uint8]
Row = tuple[str, list[tuple[CropRow, str]]]  # a name, and crops with captions


def draw_sheets(outcome: Outcome, folder: Path) -> list[Path]:
    """Draw the sheets of a curation.

    Args:
        outcome: what was proposed.
        folder: where they go: `curate.png`, and `curate-clusters.png` if there are clusters.

    Returns:
        What was written; a sheet of clusters from before is taken away.

    Raises:
        OSError: they cannot be written.
    """
    paths = [_written(folder / "curate.png", _proposals(outcome), _title(outcome))]
    clusters = folder / "curate-clusters.png"
    rows = _clusters(outcome)
    if rows:
        title = f"{outcome.style}: what looks alike"
        paths.append(_written(clusters, rows, title))
    else:
        clusters.unlink(missing_ok=True)
    return paths


def _title(outcome: Outcome) -> str:
    count, kept = len(outcome.crops), len(outcome.kept)
    return f"{outcome.style}: {kept:,} of {count:,} crops kept"


def _proposals(outcome: Outcome) -> list[Row]:
    """A row for each reason, the most frequent figures of it; two for what stays."""
    rows: list[Row] = []
    by_id = {crop.id: crop for crop in outcome.crops}
    drops = [one for one in outcome.plan.drops.values() if one.crop not in outcome.people.verdicts]
    for rule in (*RULES, DUPLICATE):
        found = [
            one for one in drops if one.rule == rule and one.crop not in outcome.measured.faults
        ]
        if not found:
            continue
        name = f"{rule} ({len(found):,})"
        if rule == DUPLICATE:
            rows.append((name, _pairs(found, by_id)))
        else:
            rows.append(
                (name, [(by_id[one.crop], _figure(one)) for one in _evenly(found, COLUMNS)])
            )
    kept = [by_id[crop] for crop in outcome.kept if crop not in outcome.measured.faults]
    for at, some in enumerate(np.array_split(np.array(_evenly(kept, 2 * COLUMNS), object), 2)):
        if len(some):
            rows.append(("kept" if at == 0 else "", [(crop, "") for crop in some.tolist()]))
    return rows


def _figure(drop: Drop) -> str:
    """What the rule says, short enough to stand under a picture."""
    said = drop.reason.split("; ")[0].partition(": ")[2]
    return said.split(", ")[0]


def _pairs(found: Sequence[Drop], by_id: dict[int, CropRow]) -> list[tuple[CropRow, str]]:
    """Near-duplicates beside what they repeat, the most different ones first."""
    ordered = sorted(found, key=lambda one: (-(one.figure or 0), one.crop))
    cells = []
    for one in _evenly(ordered, COLUMNS // 2):
        if one.instead_of is not None:
            cells.append((by_id[one.instead_of], "stays"))
            cells.append((by_id[one.crop], f"repeats it, {one.figure:.1f} apart"))
    return cells


def _clusters(outcome: Outcome) -> list[Row]:
    clusters = outcome.plan.clusters
    if clusters is None:
        return []
    kept = set(outcome.kept)
    rows: list[Row] = []
    for number in [*range(1, int(clusters.numbers.max(initial=0)) + 1), UNSURE]:
        inside = np.flatnonzero(clusters.numbers == number)
        inside = inside[np.argsort(-clusters.margins[inside], kind="stable")]
        crops = [outcome.measured.crops[row] for row in inside.tolist()]
        crops = [crop for crop in crops if crop.id in kept]
        if crops:
            name = "unsure" if number == UNSURE else f"cluster {number}"
            shown = _evenly(crops, 2 * COLUMNS)
            rows.append((f"{name} ({len(crops):,})", [(crop, "") for crop in shown[:COLUMNS]]))
            if len(shown) > COLUMNS:
                rows.append(("", [(crop, "") for crop in shown[COLUMNS:]]))
    return rows


def _evenly(items: Sequence[T], most: int) -> list[T]:
    """At most so many of them, from the first to the last."""
    if len(items) <= most:
        return list(items)
    return [items[round(at)] for at in np.linspace(0, len(items) - 1, most)]


def _written(path: Path, rows: Sequence[Row], title: str) -> Path:
    cells: list[Pixels | None] = []
    captions: list[str | None] = []
    for _, crops in rows:
        for place in range(COLUMNS):
            crop, caption = crops[place] if place < len(crops) else (None, "")
            cells.append(None if crop is None else _small(crop.file))
            captions.append(caption)
    white = np.full((SIDE_PX, SIDE_PX, 3), 251, np.uint8)
    sheet = contact_sheet(
        [white if cell is None else cell for cell in cells] or [white],
        columns=COLUMNS,
        labels=captions if any(captions) else None,
        row_labels=[name for name, _ in rows] or None,
        cell_size_px=SIDE_PX,
        title=title,
    )
    with atomic_file(path) as stream:
        stream.write(encode_png(sheet))
    return path


def _small(path: Path) -> Pixels | None:
    """A crop as the sheet shows it; None if it has gone since."""
    try:
        rgb = read_rgb(path).rgb
    except ImageError:
        return None
    resize = resize_area if rgb.shape[0] > SIDE_PX else resize_nearest
    return resize(rgb, SIDE_PX, SIDE_PX)

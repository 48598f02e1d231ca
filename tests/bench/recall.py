"""Recall and precision of an extraction: what a catalog holds against faces marked by eye.

    python tests/bench/recall.py --style titian --truth reports/extraction/titian_faces.tsv
    python tests/bench/recall.py --style people --one-each

A truth file is a table with tabs: file (or film), x, y (the middle of the face, pixels),
face_height_px and view; pictures that are not in it are left out of account. With --one-each every
picture of the style's sources is taken to show one person; `--pictures DIR` counts pictures of
which there is no trace in the catalog as well.

A face counts as found where a crop's box holds the marked point and is of its size, within a
factor of 2.5; each box and each mark is used once. Faces that turn away (view "profile") or are
lower than --least pixels are counted apart: they are no use to a model that draws faces from ahead.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artstyle.catalog import open_catalog
from artstyle.catalog.rows import CropRow, crops
from artstyle.files import write_json
from artstyle.images import list_images

SIZE_FACTOR = 2.5  # a mark's height was read off a grid; boxes differ between detectors


@dataclass(frozen=True)
class Mark:
    """A face that somebody saw."""

    file: str
    x: float
    y: float
    face_height_px: float
    view: str

    def is_usable(self, least_px: float) -> bool:
        return self.view != "profile" and self.face_height_px >= least_px

    def is_in(self, box: list[float]) -> bool:
        x0, y0, x1, y1 = box
        ratio = (y1 - y0) / self.face_height_px
        inside = x0 <= self.x <= x1 and y0 <= self.y <= y1
        return inside and 1 / SIZE_FACTOR <= ratio <= SIZE_FACTOR


def read_marks(path: Path) -> list[Mark]:
    with path.open(encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(stream, delimiter="\t")
        return [
            Mark(
                row["file"],
                float(row["x"]),
                float(row["y"]),
                float(row["face_height_px"]),
                row["view"],
            )
            for row in rows
        ]


def against_marks(found: Iterable[CropRow], marks: list[Mark], least_px: float) -> dict[str, Any]:
    """Counts, shares, and the names of what was missed or should not be there."""
    files = {mark.file for mark in marks}
    free = list(marks)
    matched: list[Mark] = []
    false: list[str] = []
    rows = [row for row in found if row.source_path.name in files]
    for row in sorted(rows, key=lambda row: -row.score):
        fits = [m for m in free if m.file == row.source_path.name and m.is_in(row.bbox_px)]
        if fits:
            free.remove(fits[0])
            matched.append(fits[0])
        else:
            false.append(str(row.file.name))
    usable = [mark for mark in marks if mark.is_usable(least_px)]
    got = [mark for mark in matched if mark.is_usable(least_px)]
    return {
        "pictures": len(files),
        "faces": len(marks),
        "usable_faces": len(usable),
        "crops": len(rows),
        "recall_of_usable": len(got) / len(usable),
        "recall_of_all": len(matched) / len(marks),
        "precision": len(matched) / len(rows) if rows else None,
        "missed": [f"{m.file} ({m.x:.0f}, {m.y:.0f})" for m in free if m.is_usable(least_px)],
        "false": false,
    }


def one_each(found: Iterable[CropRow], pictures: list[Path]) -> dict[str, Any]:
    """How many pictures gave no crop, one, or several."""
    of: defaultdict[str, list[str]] = defaultdict(list)
    for row in found:
        of[str(row.source_path.resolve())].append(row.file.name)
    names = {str(path.resolve()) for path in pictures} | set(of)
    counts = Counter(len(of[name]) for name in names)
    several = {Path(name).name: files for name, files in of.items() if len(files) > 1}
    return {
        "pictures": len(names),
        "with_none": counts[0],
        "with_one": counts[1],
        "with_several": len(names) - counts[0] - counts[1],
        "share_with_one": counts[1] / len(names),
        "none": sorted(Path(name).name for name in names if not of[name]),
        "several": several,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workspace", type=Path, default=Path())
    parser.add_argument("--style", required=True)
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--one-each", action="store_true")
    parser.add_argument("--pictures", type=Path, action="append", default=[])
    parser.add_argument("--least", type=float, default=40)
    parser.add_argument("--kept", action="store_true", help="only crops that were not dropped")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with open_catalog(options.workspace, create=False) as catalog:
        found = crops(catalog, options.style)
    if options.kept:
        found = [row for row in found if row.standing.verdict != "drop"]
    detectors = Counter(row.detector for row in found)
    if options.truth:
        result = against_marks(found, read_marks(options.truth), options.least)
    else:
        pictures = [path for folder in options.pictures for path in list_images(folder)]
        result = one_each(found, pictures)
    result = {"style": options.style, "detectors": dict(detectors), **result}
    if options.json:
        write_json(options.json, result)
    for name, value in result.items():
        shown = f"{value:.3f}" if isinstance(value, float) else value
        sys.stdout.write(f"{name}: {shown}\n")


if __name__ == "__main__":
    main()

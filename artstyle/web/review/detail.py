"""Everything about one crop, for the panel beside the grid."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from artstyle.catalog import Catalog
from artstyle.catalog.rows import decisions
from artstyle.names import shown
from artstyle.web.message import Fault
from artstyle.web.review.source_frames import Place
from artstyle.web.review.table import Row

_DETAIL = """
SELECT crop.file, crop.sha256, crop.size_px, crop.quad_px, face.detector, face.bbox_px,
       face.points_px, face.quality, frame.pts_s, frame.shot,
       source.path AS source_path, source.kind AS source_kind, source.licence, source.size_bytes
FROM crop JOIN face ON face.id = crop.face JOIN frame ON frame.id = face.frame
          JOIN source ON source.id = frame.source
WHERE crop.id = ? AND crop.style = ?
"""


def detail(catalog: Catalog, style: str, crop: int) -> dict[str, Any]:
    """What is known of a crop, as JSON types; coordinates are pixels of the source picture.

    Raises:
        Fault: 404.
    """
    with catalog.snapshot():
        found = _found(catalog, style, crop)
        made = decisions(catalog, crop)
    words = json.loads(found.pop("quality"))
    return {
        "id": crop,
        **found,
        **{name: json.loads(found[name]) for name in ("quad_px", "bbox_px", "points_px")},
        "file": shown(catalog.absolute(found["file"])),
        "source_path": shown(catalog.absolute(found["source_path"])),
        "cell": _cell(words.get("cell")),
        "texts": {name: value for name, value in words.items() if isinstance(value, str)},
        "decisions": [asdict(one) for one in made],
    }


def _cell(found: Any) -> str | None:
    """Which cell of a sheet it was, for people."""
    if not isinstance(found, Mapping):
        return None
    return "cell {index} (row {row}, column {column})".format_map(found)


def place(catalog: Catalog, style: str, crop: int) -> Place:
    """Where the picture that a crop was cut from is to be found.

    Raises:
        Fault: 404.
    """
    found = _found(catalog, style, crop)
    path = catalog.absolute(found["source_path"])
    return Place(path, found["source_kind"], found["size_bytes"], found["pts_s"])


def known_row(row: Row | None) -> Row:
    """The row, if there is one.

    Raises:
        Fault: 404.
    """
    if row is None:
        raise Fault(404, "there is no such crop in this style")
    return row


def _found(catalog: Catalog, style: str, crop: int) -> dict[str, Any]:
    names, rows = catalog.table(_DETAIL, crop, style)
    if not rows:
        raise Fault(404, "there is no such crop in this style")
    return dict(zip(names, rows[0], strict=True))

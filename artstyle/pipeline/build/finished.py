"""Whether a zip is what would be built: told from the catalog, without building it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from artstyle.catalog import Catalog
from artstyle.corpus.store import directory_sha256
from artstyle.errors import CorpusError
from artstyle.pipeline.build.selection import Selection

_ALGORITHM = 1  # counted up when the same crops and settings would give other bytes


def wanted(selection: Selection, *, grey: bool) -> dict[str, Any]:
    """What a zip is made of, as the catalog writes it down; the same makes the same bytes."""
    digest = hashlib.sha256()
    for one in selection.chosen:
        digest.update(f"{one.crop.sha256} {one.label}\n".encode())
    return {
        "algorithm": _ALGORITHM,
        "size_px": selection.size_px,
        "split": selection.split,
        "labels": list(selection.labels),
        "grey": grey,
        "pictures": len(selection.chosen),
        "crops_sha256": digest.hexdigest(),
    }


def settings_of(
    made_of: dict[str, Any], zip_path: Path, left_out: tuple[str, ...]
) -> dict[str, Any]:
    """What is written down of a zip that was just made."""
    return {
        "made_of": made_of,
        "size_bytes": zip_path.stat().st_size,
        "directory_sha256": directory_sha256(zip_path),
        "left_out": list(left_out),
    }


def finished_sha256(catalog: Catalog, zip_path: Path, made_of: dict[str, Any]) -> str | None:
    """The SHA-256 of the zip that lies there, if it is the one that would be built; else None.

    A zip from which crops had to be left out is never finished: they may be there again.
    """
    query = "SELECT id, sha256, settings FROM build WHERE path = ? ORDER BY id DESC"
    for build, sha256, text in catalog.rows(query, catalog.stored(zip_path)):
        settings = json.loads(text)
        is_wanted = settings.get("made_of") == made_of and not settings.get("left_out")
        if is_wanted and is_still(catalog, build, zip_path):
            return str(sha256)
    return None


def is_still(catalog: Catalog, build: int, zip_path: Path) -> bool:
    """Whether a zip is still the one of a build, by its size and the checksums at its end.

    Its whole content is not read: that takes seconds for large zips.
    """
    ((text,),) = catalog.rows("SELECT settings FROM build WHERE id = ?", build)
    settings = json.loads(text)
    if not zip_path.is_file() or settings.get("size_bytes") != zip_path.stat().st_size:
        return False
    try:
        return bool(settings.get("directory_sha256") == directory_sha256(zip_path))
    except CorpusError:
        return False

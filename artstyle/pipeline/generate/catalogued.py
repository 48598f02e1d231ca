"""What was drawn, told to the workspace's catalog: `artstyle trace` leads from it to its models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from artstyle.catalog import Catalog, open_catalog
from artstyle.catalog.models import Input
from artstyle.pipeline.generate.record import read_works
from artstyle.workspace import is_workspace

MADE_BY = "generate"
_KINDS = {"picture": "image", "w": "latent", "sheet": "grid", "film": "video"}
_SETTINGS = ("seed", "row_seed", "column_seed", "rows_of_w", "class", "truncation_psi", "frames")


def tell_catalog(workspace: Path, out: Path) -> int:
    """Put every file of a folder's record into the catalog that is not there yet.

    A folder that is no workspace has no catalog, and gets none.

    Returns:
        How many files the catalog has learned of.

    Raises:
        CatalogError: the catalog is locked, damaged, or of a newer artstyle.
        RunError: the folder holds a foreign record.
    """
    out = out.absolute()  # the catalog takes paths as seen from the workspace
    works = read_works(out)
    if not works or not is_workspace(workspace):
        return 0
    with open_catalog(workspace) as catalog:
        known = set(catalog.rows("SELECT file, sha256 FROM artefact"))
        new = [
            (work, entry)
            for work in works.values()
            for entry in work["files"]
            if (catalog.stored(out / entry["file"]), entry["sha256"]) not in known
        ]
        if not new:
            return 0
        with catalog.transaction():
            models = {
                card["sha256"]: _model(catalog, card) for work, _ in new for card in work["models"]
            }
            for work, entry in new:
                _add(catalog, out, work, entry, models)
    return len(new)


def _model(catalog: Catalog, card: Mapping[str, Any]) -> int:
    """The model's row; one that the catalog knows already stays as it is."""
    for (row_id,) in catalog.rows("SELECT id FROM model WHERE sha256 = ?", card["sha256"]):
        return int(row_id)
    return catalog.add_model(
        card["path"], sha256=card["sha256"], name=card["name"], licence=card["licence"]
    )


def _add(
    catalog: Catalog,
    out: Path,
    work: Mapping[str, Any],
    entry: Mapping[str, Any],
    models: Mapping[str, int],
) -> None:
    cards = work["models"]
    inputs = [
        Input("model", models[card["sha256"]], "drawn by")
        for card in cards
        if entry.get("model", card["name"]) == card["name"]
    ]
    if entry["kind"] == "sheet":
        inputs = [
            Input("artefact", row_id, "cell")
            for other in work["files"]
            if other["kind"] == "picture"
            for row_id in _artefact(catalog, out, other)
        ]
    catalog.add_artefact(
        out / entry["file"],
        sha256=entry["sha256"],
        kind=_KINDS.get(entry["kind"], entry["kind"]),
        made_by=MADE_BY,
        inputs=inputs,
        settings={name: entry[name] for name in _SETTINGS if entry.get(name) is not None},
    )


def _artefact(catalog: Catalog, out: Path, entry: Mapping[str, Any]) -> list[int]:
    query = "SELECT id FROM artefact WHERE file = ? AND sha256 = ?"
    stored = catalog.stored(out / entry["file"])
    return [int(row_id) for (row_id,) in catalog.rows(query, stored, entry["sha256"])]

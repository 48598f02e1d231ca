"""What was projected, told to the workspace's catalog: `artstyle trace` leads back to the photo."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from artstyle.catalog import Catalog, open_catalog
from artstyle.catalog.models import Input
from artstyle.files import sha256_of
from artstyle.workspace import is_workspace

_KINDS = {"proj.png": "image", "projected_w.npz": "latent", "proj.mp4": "video"}


class Finished(Protocol):
    """A photo that was projected, and the folder of its files."""

    @property
    def photo(self) -> Path:
        """The photo as it was given."""

    @property
    def folder(self) -> Path:
        """Where its files lie, `projection.json` among them."""


def tell_catalog(workspace: Path, model: Path, results: Sequence[Finished]) -> None:
    """Put photos, model, latents and pictures into the catalog; what it knows stays as it is.

    A folder that is no workspace has no catalog, and gets none.

    Raises:
        CatalogError: the catalog is locked, damaged, or of a newer artstyle.
    """
    if not is_workspace(workspace):
        return
    with open_catalog(workspace) as catalog, catalog.transaction():
        for one in results:
            _add(catalog, model.absolute(), one)


def _add(catalog: Catalog, model: Path, one: Finished) -> None:
    folder, photo = one.folder.absolute(), one.photo.absolute()
    record = json.loads((folder / "projection.json").read_text(encoding="utf-8"))
    identity: dict[str, Any] = record["identity"]
    source = catalog.add_source(
        photo,
        sha256=identity["photo_sha256"],
        size_bytes=photo.stat().st_size,
        kind="image",
    )
    network = catalog.add_model(
        model, sha256=identity["model_sha256"], name=model.stem, licence=record["licence"]
    )
    latent = folder / "projection.safetensors"
    projection = catalog.add_projection(
        latent,
        sha256=sha256_of(latent),
        source=source,
        model=network,
        space=identity["settings"]["space"],
        settings=identity["settings"],
    )
    for name, kind in _KINDS.items():
        if (folder / name).is_file():
            catalog.add_artefact(
                folder / name,
                sha256=sha256_of(folder / name),
                kind=kind,
                made_by="project",
                inputs=[Input("projection", projection, "drawn from")],
            )

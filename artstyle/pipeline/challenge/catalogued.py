"""What a challenge made, told to the workspace's catalog: `artstyle trace` leads from a cell home.

grid <- cell <- projection <- photo
             |            <- base
             <- style's model <- base, and the training that made it <- dataset <- sources
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from artstyle.catalog import Catalog, open_catalog
from artstyle.catalog.models import Input
from artstyle.workspace import is_workspace

MADE_BY = "challenge"
_NOTES = ("kimg", "dataset", "dataset_sha256", "pictures", "sources")


def tell_catalog(workspace: Path, out: Path, record: Mapping[str, Any]) -> None:
    """Put photos, models, latents, cells, grid and page into the catalog.

    A folder that is no workspace has no catalog, and gets none.

    Raises:
        CatalogError: the catalog is locked, damaged, or of a newer artstyle.
    """
    if not is_workspace(workspace):
        return
    with open_catalog(workspace) as catalog, catalog.transaction():
        _Told(catalog, out.absolute(), record).all()


class _Told:
    """One record on its way into the catalog."""

    def __init__(self, catalog: Catalog, out: Path, record: Mapping[str, Any]) -> None:
        self.catalog, self.out, self.record = catalog, out, record
        self.entries = {entry["file"]: entry for entry in record["files"]}

    def all(self) -> None:
        base_card = self.record["base"]
        base = self._model(base_card)
        styles = {card["name"]: self._style(card, base) for card in self.record["styles"]}
        cells = [
            artefact for row in self.record["rows"] for artefact in self._row(row, base, styles)
        ]
        for name in ("grid.png", "index.html"):
            if name in self.entries:
                kind = "grid" if name.endswith(".png") else "page"
                self._artefact(name, kind, [Input("artefact", one, "cell") for one in cells], {})

    def _row(self, row: Mapping[str, Any], base: int, styles: Mapping[str, int]) -> list[int]:
        photo = row["photo"]
        source = self.catalog.add_source(
            Path(photo["path"]),
            sha256=photo["sha256"],
            size_bytes=photo["size_bytes"],
            kind="image",
        )
        said = row["projection"]
        settings = {"key": said["key"], "how": said.get("how"), "encoder": said.get("encoder")}
        projection = self.catalog.add_projection(
            self.out / said["file"],
            sha256=self.entries[said["file"]]["sha256"],
            source=source,
            model=base,
            space="w+",
            settings=settings,
        )
        made = []
        for cell in row["cells"]:
            inputs = {
                "photo": [Input("source", source, "photo")],
                "baseline": [Input("source", source, "photo")],
                "projection": [Input("projection", projection, "drawn from")],
            }.get(cell["what"])
            facts: dict[str, Any] = {"face": row["face"]["number"]}
            if inputs is None:
                inputs = [
                    Input("projection", projection, "drawn from"),
                    Input("model", styles[cell["name"]], "style"),
                ]
                facts["swap"] = self._swap(cell["name"])
            if cell["what"] == "baseline":
                facts["method"] = cell["name"]
            kind = "aligned photo" if cell["what"] == "photo" else "cell"
            made.append(self._artefact(cell["file"], kind, inputs, facts))
        return made

    def _swap(self, name: str) -> Any:
        return next(card["swap"]["words"] for card in self.record["styles"] if card["name"] == name)

    def _artefact(
        self, name: str, kind: str, inputs: list[Input], settings: Mapping[str, Any]
    ) -> int:
        return self.catalog.add_artefact(
            self.out / name,
            sha256=self.entries[name]["sha256"],
            kind=kind,
            made_by=MADE_BY,
            inputs=inputs,
            settings=dict(settings),
        )

    def _style(self, card: Mapping[str, Any], base: int) -> int:
        """The style's row; the base is its parent if its header says so."""
        style = self._model(card)
        known = self.catalog.rows("SELECT 1 FROM model_parent WHERE model = ?", style)
        if card["is_kin"] and not known and style != base:
            self.catalog.insert(
                "model_parent", {"model": style, "parent": base, "role": "base"}, new_only=True
            )
        return style

    def _model(self, card: Mapping[str, Any]) -> int:
        """The model's row; one that the catalog knows already stays as it is."""
        for (row_id,) in self.catalog.rows("SELECT id FROM model WHERE sha256 = ?", card["sha256"]):
            return int(row_id)
        return self.catalog.add_model(
            card["path"],
            sha256=card["sha256"],
            name=card["name"],
            licence=card["licence"],
            notes={name: card[name] for name in _NOTES if card.get(name)},
        )

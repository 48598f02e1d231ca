"""What the catalog writes down between crops and a grid: builds, runs, models, what they made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from artstyle.catalog.database import AnyPath, Database
from artstyle.catalog.json import Json, canonical_json

InputTable: TypeAlias = Literal["source", "crop", "model", "projection", "artefact"]


@dataclass(frozen=True)
class Input:
    """One thing that an artefact was made from."""

    table: InputTable
    id: int
    role: str  # "photo", "style", "cell", ...


class Models(Database):
    """Builds, runs, models, projections and artefacts; part of `artstyle.catalog.Catalog`."""

    def add_build(
        self,
        path: AnyPath,
        *,
        sha256: str,
        style: str,
        size_px: int,
        split: str,
        members: Mapping[str, int],
        settings: Json | None = None,
    ) -> int:
        """A dataset zip; `members` says which crop each name in it is."""
        with self.transaction():
            key = {"path": self.stored(path), "sha256": sha256}
            values = {"style": style, "size_px": size_px, "split": split}
            settings_json = {"settings": canonical_json(settings or {})}
            build = self.upsert("build", key, values | settings_json, {"at": self._now()})
            for name, crop in members.items():
                self.replace("member", {"build": build, "name": name}, {"crop": crop})
        return build

    def add_run(
        self,
        path: AnyPath,
        *,
        kind: str,
        style: str | None = None,
        build: int | None = None,
        base: int | None = None,
        recipe: Json | None = None,
    ) -> int:
        """A training run, known by its folder; `build` is its dataset, `base` a model."""
        values = {"kind": kind, "style": style, "build": build, "base": base}
        recipe_json = {"recipe": canonical_json(recipe or {})}
        return self.upsert(
            "run", {"path": self.stored(path)}, values | recipe_json, {"at": self._now()}
        )

    def add_model(
        self,
        path: AnyPath,
        *,
        sha256: str,
        name: str,
        licence: str | None = None,  # None: leave what is known, "unknown" at first
        run: int | None = None,  # None: leave what is known
        parents: Iterable[tuple[int, str]] = (),
        notes: Json | None = None,
    ) -> int:
        """A model, known by its content; `parents` are (model's id, role)."""
        given = {"path": self.stored(path), "name": name, "licence": licence, "run": run}
        values = {column: value for column, value in given.items() if value is not None}
        first = {"notes": canonical_json(notes or {}), "at": self._now()}
        with self.transaction():
            model = self.upsert("model", {"sha256": sha256}, values, first)
            for parent, role in parents:
                row = {"model": model, "parent": parent, "role": role}
                self.insert("model_parent", row, new_only=True)
        return model

    def add_projection(
        self,
        file: AnyPath,
        *,
        sha256: str,
        source: int,
        model: int,
        space: Literal["w", "w+"],
        crop: int | None = None,
        settings: Json | None = None,
    ) -> int:
        """A photo's latent: `source` is the photo, `crop` its aligned picture if it is recorded."""
        values = {"source": source, "crop": crop, "model": model, "space": space}
        settings_json = {"settings": canonical_json(settings or {})}
        key = {"file": self.stored(file), "sha256": sha256}
        return self.upsert("projection", key, values | settings_json, {"at": self._now()})

    def add_artefact(
        self,
        file: AnyPath,
        *,
        sha256: str,
        kind: str,
        made_by: str,
        inputs: Iterable[Input],
        settings: Json | None = None,
    ) -> int:
        """Anything else that came out: a grid cell, a grid, a film; with what it was made from."""
        key = {"file": self.stored(file), "sha256": sha256}
        values = {"kind": kind, "made_by": made_by, "settings": canonical_json(settings or {})}
        with self.transaction():
            artefact = self.upsert("artefact", key, values, {"at": self._now()})
            self.change("DELETE FROM artefact_input WHERE artefact = ?", artefact)
            for given in inputs:
                column = "input" if given.table == "artefact" else given.table
                row = {"artefact": artefact, "role": given.role, column: given.id}
                self.insert("artefact_input", row)
        return artefact

"""Films as results: the film, its record beside it, and both in the catalog.

The record is like that of a picture (see `common`); `file` says how long the film is besides.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artstyle import __version__
from artstyle.catalog import Catalog, open_catalog
from artstyle.catalog.models import Input
from artstyle.errors import ArtstyleError, UsageError
from artstyle.files import sha256_of, write_json
from artstyle.names import shown
from artstyle.pipeline.stylize.common import FORMAT, Stylized, record_file
from artstyle.pipeline.stylize.films import Filmed
from artstyle.workspace import is_workspace


@dataclass(frozen=True)
class FilmInput:
    """A film that another is made from."""

    path: Path
    sha256: str

    def facts(self) -> dict[str, Any]:
        """For the record."""
        return {"role": "content", "kind": "film", "path": str(self.path), "sha256": self.sha256}


def read_film(path: Path) -> FilmInput:
    """What the record says of a film.

    Raises:
        UsageError: there is no such file.
    """
    if not path.is_file():
        raise UsageError(f"there is no film {shown(path)}")
    return FilmInput(path, sha256_of(path))


def require_record_place(file: Path) -> None:
    """See that the record would not take the place of somebody else's JSON file.

    Raises:
        ArtstyleError: it would.
    """
    beside = record_file(file)
    if not beside.exists():
        return
    try:
        held = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        held = None
    if not isinstance(held, dict) or held.get("format") != FORMAT:
        raise ArtstyleError(
            f"{shown(beside)} is no record of a film, and the record would take its place",
            hint="name another file with --out",
        )


def write_film_record(
    filmed: Filmed,
    *,
    method: str,
    identity: Mapping[str, Any],
    inputs: Sequence[Mapping[str, Any]],
    facts: Mapping[str, Any],
) -> Stylized:
    """Write the record of a film that was drawn; it is finished with it.

    Args:
        filmed: the film.
        method: e.g. "fast".
        identity: what decides the result, JSON types.
        inputs: what it was made from, as their `facts()`.
        facts: more for the record, JSON types.

    Raises:
        ArtstyleError: something else than a record of ours is where the record should go.
        OSError: it cannot be written.
    """
    require_record_place(filmed.out)
    record: dict[str, Any] = {
        "format": FORMAT,
        "method": method,
        "identity": json.loads(json.dumps(dict(identity))),
        "inputs": [dict(one) for one in inputs],
        **facts,
        "frames": filmed.frames,
        "shots": filmed.shots,
        "sound": filmed.sound,
        "damages": list(filmed.damages),
        "versions": {"artstyle": __version__},
    }
    record["file"] = {
        "name": filmed.out.name,
        "sha256": sha256_of(filmed.out),
        "width_px": filmed.size_px[0],
        "height_px": filmed.size_px[1],
        "frames": filmed.frames,
        "duration_s": round(filmed.duration_s, 6),
    }
    beside = record_file(filmed.out)
    write_json(beside, record)
    return Stylized(filmed.out, beside, record, was_done=False)


def tell_catalog_of_films(
    workspace: Path, results: Sequence[Stylized], models: Sequence[Mapping[str, str]] = ()
) -> None:
    """Put films, and what they were made from, into the catalog of the workspace, if it is one.

    Args:
        workspace: the folder.
        results: films that are there.
        models: networks that drew them: path, sha256, name, licence, role of each.

    Raises:
        CatalogError: the catalog is locked, damaged, or of a newer artstyle.
    """
    if not results or not is_workspace(workspace):
        return
    with open_catalog(workspace) as catalog, catalog.transaction():
        drawn_by = [
            Input("model", _model(catalog, model), model.get("role", "drawn by"))
            for model in models
        ]
        for one in results:
            record = one.record
            given = [
                Input("source", _source(catalog, part), part["role"]) for part in record["inputs"]
            ]
            catalog.add_artefact(
                one.file.absolute(),
                sha256=record["file"]["sha256"],
                kind="video",
                made_by=f"stylize {record['method']}",
                inputs=[*given, *drawn_by],
                settings={key: record[key] for key in ("perception", "settings") if key in record},
            )


def _model(catalog: Catalog, model: Mapping[str, str]) -> int:
    return catalog.add_model(
        Path(model["path"]).absolute(),
        sha256=model["sha256"],
        name=model["name"],
        licence=model.get("licence"),
    )


def _source(catalog: Catalog, part: Mapping[str, Any]) -> int:
    path = Path(part["path"])
    return catalog.add_source(
        path.absolute(),
        sha256=part["sha256"],
        size_bytes=path.stat().st_size,
        kind="film" if part.get("kind") == "film" else "image",
    )

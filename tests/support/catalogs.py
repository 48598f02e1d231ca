"""A small workspace whose catalog knows the whole way from a film to a grid."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from artstyle.catalog import Catalog, Input

QUAD_PX = [[0, 0], [0, 128], [128, 128], [128, 0]]
POINTS_PX = [[30, 40], [60, 40], [45, 60], [33, 80], [57, 80]]
NOON = datetime(2025, 6, 1, 12, 0, 0, tzinfo=UTC)


def noon() -> datetime:
    return NOON


def digest(data: bytes | str) -> str:
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def put(catalog: Catalog, name: str, text: str | None = None) -> tuple[Path, str]:
    """A file in the workspace, and the SHA-256 of its content."""
    path = catalog.workspace / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text or name)
    return path, digest(text or name)


def add_film(catalog: Catalog, name: str = "films/sintel.mkv", licence: str = "CC BY 3.0") -> int:
    path, sha256 = put(catalog, name)
    return catalog.add_source(
        path, sha256=sha256, size_bytes=path.stat().st_size, kind="film", licence=licence
    )


def add_crop(catalog: Catalog, source: int, number: int, style: str = "sintel") -> int:
    """The crop of the frame at `number` * 2.5 seconds, with all that it stands on."""
    frame = catalog.add_frame(source, pts_s=number * 2.5, shot=number // 4)
    face = catalog.add_face(
        frame,
        detector="yunet",
        bbox_px=[10, 20, 110.25, 140],
        points_px=POINTS_PX,
        score=0.9,
        quality={"blur": 1.5},
    )
    path, sha256 = put(catalog, f"datasets/{style}/crops/{source}-{number:06d}.png")
    return catalog.add_crop(
        face, style=style, file=path, quad_px=QUAD_PX, size_px=256, sha256=sha256
    )


@dataclass(frozen=True)
class Whole:
    """The ids of everything on the way."""

    film: int
    crops: tuple[int, ...]
    build: int
    base: int
    run: int
    style: int
    blend: int
    photo: int
    projection: int
    cell: int
    grid: int


def whole_way(catalog: Catalog) -> Whole:
    """Fill a catalog with a film, its crops, a dataset, models, a photo and a grid."""
    with catalog.transaction():
        film = add_film(catalog)
        crops = tuple(add_crop(catalog, film, number) for number in range(6))
        path, sha256 = put(catalog, "datasets/sintel/sintel-64.zip")
        members = {f"00000/img{at:08d}.png": crop for at, crop in enumerate(crops[1:])}
        build = catalog.add_build(
            path, sha256=sha256, style="sintel", size_px=64, split="all", members=members
        )
        path, sha256 = put(catalog, "models/people.safetensors")
        base = catalog.add_model(path, sha256=sha256, name="people", licence="public domain")
        run = catalog.add_run(
            "runs/00001-sintel", kind="finetune", style="sintel", build=build, base=base
        )
        path, sha256 = put(catalog, "models/sintel.safetensors")
        style = catalog.add_model(
            path,
            sha256=sha256,
            name="sintel",
            licence="CC BY 3.0",
            run=run,
            parents=[(base, "base")],
            notes={"kimg": 12},
        )
        path, sha256 = put(catalog, "models/blend.safetensors")
        blend = catalog.add_model(
            path, sha256=sha256, name="blend", parents=[(base, "base"), (style, "style")]
        )
        path, sha256 = put(catalog, "photos/anna.jpg")
        photo = catalog.add_source(
            path, sha256=sha256, size_bytes=path.stat().st_size, kind="image", licence="private"
        )
        path, sha256 = put(catalog, "challenge/anna.npz")
        projection = catalog.add_projection(
            path, sha256=sha256, source=photo, model=base, space="w+", settings={"steps": 250}
        )
        path, sha256 = put(catalog, "challenge/cells/anna-sintel.png")
        cell = catalog.add_artefact(
            path,
            sha256=sha256,
            kind="cell",
            made_by="artstyle challenge",
            inputs=[Input("projection", projection, "photo"), Input("model", blend, "style")],
        )
        path, sha256 = put(catalog, "challenge/grid.png")
        grid = catalog.add_artefact(
            path,
            sha256=sha256,
            kind="grid",
            made_by="artstyle challenge",
            inputs=[Input("source", photo, "photo"), Input("artefact", cell, "cell")],
        )
    return Whole(film, crops, build, base, run, style, blend, photo, projection, cell, grid)

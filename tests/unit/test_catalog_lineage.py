"""Anything leads back to its sources, by its content, by its place, or by its SHA-256."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.catalogs import Whole, add_crop, digest, noon, put, whole_way

from artstyle.catalog import Catalog, lineage, open_catalog
from artstyle.catalog.lineage import Node, trace
from artstyle.catalog.lineage_text import as_text, clock_time
from artstyle.errors import CatalogError


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with open_catalog(tmp_path, clock=noon) as opened:
        yield opened


@pytest.fixture
def way(catalog: Catalog) -> Whole:
    return whole_way(catalog)


def shape(node: Node) -> list[object]:
    """The tree as nested lists of "role kind name"."""
    name = node.file.name if node.file else ""
    title = " ".join(filter(None, (node.role, node.kind, name, "*" if node.is_repeated else "")))
    return [title, *(shape(child) for child in node.children)]


def test_grid_leads_back_to_the_second_of_the_film(catalog: Catalog, way: Whole) -> None:
    root = trace(catalog, catalog.workspace / "challenge/grid.png")
    assert shape(root) == [
        "grid grid.png",
        ["photo image anna.jpg"],
        [
            "cell cell anna-sintel.png",
            [
                "photo projection anna.npz",
                ["photo image anna.jpg"],
                ["into model people.safetensors"],
            ],
            [
                "style model blend.safetensors",
                ["base model people.safetensors *"],
                [
                    "style model sintel.safetensors",
                    ["base model people.safetensors *"],
                    [
                        "trained by run 00001-sintel",
                        ["dataset build sintel-64.zip", ["source film sintel.mkv"]],
                        ["base model people.safetensors *"],
                    ],
                ],
            ],
        ],
    ]
    film = next(node for node in root.walk() if node.kind == "film")
    assert film.facts["crops"] == 5
    assert (film.facts["from_pts_s"], film.facts["to_pts_s"]) == (2.5, 12.5)
    assert root.licences() == {
        "CC BY 3.0": ["sintel.mkv", "sintel.safetensors"],
        "private": ["anna.jpg"],
        "public domain": ["people.safetensors"],
        "unknown": ["blend.safetensors"],
    }


def test_crop_leads_to_its_frame(catalog: Catalog, way: Whole) -> None:
    catalog.decide(way.crops[3], "keep", reason="sharp", by="curate")
    root = trace(catalog, catalog.workspace / "datasets/sintel/crops/1-000003.png")
    assert [node.kind for node in root.walk()] == ["crop", "face", "frame", "film"]
    crop, face, frame, film = root.walk()
    assert crop.facts["decisions"][0]["reason"] == "sharp"
    assert (face.facts["detector"], face.facts["bbox_px"]) == ("yunet", [10, 20, 110.25, 140])
    assert (frame.facts["pts_s"], frame.facts["shot"]) == (7.5, 0)
    assert film.licence == "CC BY 3.0"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("datasets/sintel/sintel-64.zip", "build"),
        ("models/sintel.safetensors", "model"),
        ("challenge/anna.npz", "projection"),
        ("challenge/cells/anna-sintel.png", "cell"),
        ("films/sintel.mkv", "film"),
        ("photos/anna.jpg", "image"),
    ],
)
def test_everything_is_found(catalog: Catalog, way: Whole, name: str, kind: str) -> None:
    root = trace(catalog, catalog.workspace / name)
    assert (root.kind, root.state, root.file) == (kind, "there", catalog.workspace / name)
    assert root.role == ""


def test_run_folder(catalog: Catalog, way: Whole) -> None:
    (catalog.workspace / "runs/00001-sintel").mkdir(parents=True)
    root = trace(catalog, catalog.workspace / "runs/00001-sintel")
    assert root.kind == "run"
    assert [child.role for child in root.children] == ["dataset", "base"]
    with pytest.raises(CatalogError, match="the catalog does not know this file"):
        trace(catalog, catalog.workspace / "models")


def test_names_relative_to_the_current_folder_and_to_the_workspace(
    catalog: Catalog, way: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path / "challenge")
    assert trace(catalog, "grid.png").kind == "grid"
    assert trace(catalog, "models/people.safetensors").kind == "model"


def test_copy_elsewhere_is_known_by_its_content(
    catalog: Catalog, way: Whole, tmp_path: Path
) -> None:
    shutil.copy(catalog.workspace / "challenge/grid.png", tmp_path / "posted.png")
    root = trace(catalog, tmp_path / "posted.png")
    assert (root.kind, root.state) == ("grid", "there")
    assert root.facts["given_as"] == tmp_path / "posted.png"
    (catalog.workspace / "challenge/grid.png").unlink()
    assert trace(catalog, tmp_path / "posted.png").state == "missing"
    assert trace(catalog, digest("challenge/grid.png")).kind == "grid"


def test_file_that_is_gone_or_was_changed(catalog: Catalog, way: Whole) -> None:
    path = catalog.workspace / "challenge/grid.png"
    path.write_text("painted over")
    assert trace(catalog, path).state == "changed"
    path.unlink()
    assert trace(catalog, path).state == "missing"
    (catalog.workspace / "films/sintel.mkv").write_text("another cut of the film")
    (catalog.workspace / "models/people.safetensors").unlink()
    states = {node.file.name: node.state for node in trace(catalog, path).walk() if node.file}
    assert states["sintel.mkv"] == "changed"
    assert states["people.safetensors"] == "missing"
    assert states["anna.jpg"] == "there"


def test_two_crops_of_the_same_content_are_told_apart_by_their_place(
    catalog: Catalog, way: Whole, tmp_path: Path
) -> None:
    path, sha256 = put(catalog, "datasets/sintel/crops/1-000001.png")
    twin = catalog.workspace / "datasets/sintel/crops/1-000004.png"
    shutil.copy(path, twin)
    catalog.change("UPDATE crop SET sha256 = ? WHERE id IN (?, ?)", sha256, *way.crops[1:5:3])
    for file, pts_s in ((path, 2.5), (twin, 10.0)):
        frame = next(node for node in trace(catalog, file).walk() if node.kind == "frame")
        assert frame.facts["pts_s"] == pts_s
    shutil.copy(path, tmp_path / "copy.png")
    assert trace(catalog, tmp_path / "copy.png").facts["others_of_this_content"] == 1


def test_place_that_held_two_contents(catalog: Catalog, way: Whole) -> None:
    path, sha256 = put(catalog, "challenge/grid.png", "a second grid")
    catalog.add_artefact(path, sha256=sha256, kind="grid", made_by="again", inputs=[])
    assert trace(catalog, path).facts["made_by"] == "again"
    put(catalog, "challenge/grid.png")
    assert trace(catalog, path).facts["made_by"] == "artstyle challenge"
    put(catalog, "challenge/grid.png", "painted over")
    assert trace(catalog, path).facts["made_by"] == "again", "the last that is known of this place"


def test_film_in_its_place_is_not_hashed(
    catalog: Catalog, way: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hashed(path: Path) -> str:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(lineage, "sha256_of", hashed)
    assert trace(catalog, catalog.workspace / "films/sintel.mkv").kind == "film"


def test_what_is_not_known(catalog: Catalog, way: Whole, tmp_path: Path) -> None:
    (tmp_path / "mine.png").write_text("something else")
    with pytest.raises(CatalogError, match="the catalog does not know this file") as caught:
        trace(catalog, tmp_path / "mine.png")
    assert "--workspace" in str(caught.value.hint)
    with pytest.raises(CatalogError, match=r"no\\n\.png: .* a file of this name; nor is there one"):
        trace(catalog, tmp_path / "no\n.png")
    with pytest.raises(CatalogError, match="does not know"):
        trace(catalog, "0" * 64)


def test_models_whose_parents_go_round_in_a_circle_end(catalog: Catalog, way: Whole) -> None:
    catalog.add_model(
        "models/people.safetensors",
        sha256=digest("models/people.safetensors"),
        name="people",
        parents=[(way.blend, "odd")],
    )
    root = trace(catalog, catalog.workspace / "models/blend.safetensors")
    assert sum(node.kind == "model" and not node.is_repeated for node in root.walk()) == 3


def test_text_is_a_tree(catalog: Catalog, way: Whole) -> None:
    catalog.decide(way.crops[3], "drop", reason="blurred", by="curate")
    catalog.decide(way.crops[3], "tag", "dragon", reason="seen", by="anna")
    crop = catalog.workspace / "datasets/sintel/crops/1-000003.png"
    assert as_text(trace(catalog, crop), catalog.workspace).splitlines() == [
        "crop datasets/sintel/crops/1-000003.png · style sintel · 256 px"
        " · drop by curate (blurred) · tag dragon by anna (seen)",
        "└── face · found by yunet · score 0.90 · box 10 20 110 140 px",
        "    └── frame · at 0:00:07.500 · shot 0",
        "        └── source: film films/sintel.mkv · licence CC BY 3.0",
        "",
        "licences on this way:",
        "  CC BY 3.0: sintel.mkv",
    ]


def test_text_of_a_grid(catalog: Catalog, way: Whole) -> None:
    (catalog.workspace / "models/people.safetensors").unlink()
    lines = as_text(
        trace(catalog, catalog.workspace / "challenge/grid.png"), catalog.workspace
    ).splitlines()
    assert lines[:5] == [
        "grid challenge/grid.png · made by artstyle challenge",
        "├── photo: image photos/anna.jpg · licence private",
        "└── cell challenge/cells/anna-sintel.png · made by artstyle challenge",
        "    ├── photo: projection challenge/anna.npz · in W+",
        "    │   ├── photo: image photos/anna.jpg · licence private",
    ]
    assert (
        "model models/people.safetensors · people · licence public domain · NO LONGER THERE"
        in lines[5]
    )
    assert lines[7].endswith("· NO LONGER THERE · as above")
    assert any(
        line.endswith(
            "film films/sintel.mkv · 5 crops · from 0:00:02.500 to 0:00:12.500 · licence CC BY 3.0"
        )
        for line in lines
    )


@pytest.mark.parametrize(
    ("pts_s", "text"),
    [
        (0, "0:00:00.000"),
        (59.9996, "0:01:00.000"),
        (3661.48, "1:01:01.480"),
        (36000.0, "10:00:00.000"),
        (-0.04, "-0:00:00.040"),
        (-0.0001, "0:00:00.000"),
    ],
)
def test_clock_time(pts_s: float, text: str) -> None:
    assert clock_time(pts_s) == text


def test_a_picture_has_no_time(catalog: Catalog) -> None:
    path, sha256 = put(catalog, "photos/carl.jpg")
    size_bytes = path.stat().st_size
    photo = catalog.add_source(path, sha256=sha256, size_bytes=size_bytes, kind="image")
    crop = trace(catalog, catalog.absolute(crop_file(catalog, add_crop(catalog, photo, 0))))
    lines = as_text(crop, catalog.workspace).splitlines()
    assert lines[2:4] == [
        "    └── frame",
        "        └── source: image photos/carl.jpg · licence unknown",
    ]


def crop_file(catalog: Catalog, crop: int) -> str:
    return str(catalog.rows("SELECT file FROM crop WHERE id = ?", crop)[0][0])


def test_large_dataset_is_traced_without_reading_every_crop(catalog: Catalog, way: Whole) -> None:
    with catalog.transaction():
        members = {f"{n}.png": add_crop(catalog, way.film, n) for n in range(10, 300)}
        path, sha256 = put(catalog, "datasets/sintel/big.zip")
        catalog.add_build(
            path, sha256=sha256, style="sintel", size_px=64, split="all", members=members
        )
    root = trace(catalog, path)
    assert len(list(root.walk())) == 2
    assert root.children[0].facts["crops"] == 290

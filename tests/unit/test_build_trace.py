"""From a picture in a dataset zip back to the film and the second."""

from __future__ import annotations

import zipfile

import pytest
from support.crops import Shown, drawn_face, put_crops

from artstyle.catalog import open_catalog
from artstyle.catalog.lineage_text import as_text
from artstyle.errors import CatalogError
from artstyle.pipeline.build import build_style
from artstyle.pipeline.trace import trace_any


@pytest.fixture
def built(workspace):
    shown = [Shown(drawn_face(n, 32), "films/a.mkv", n * 1.5, shot=n) for n in range(4)]
    (workspace / "films").mkdir()
    (workspace / "films/a.mkv").write_bytes(b"f")
    with open_catalog(workspace) as catalog:
        put_crops(catalog, "toons", shown, kind="film")
        catalog.decide(1, "drop", reason="dark: 0.1", by="ann")
    build_style(workspace, "toons", size_px=16)
    return workspace, build_style(workspace, "toons", size_px=16, split="all")


def second_of(node):
    return next(one.facts["pts_s"] for one in node.walk() if one.kind == "frame")


@pytest.mark.parametrize(
    ("suffix", "member"),
    [
        (":00000/img00000002.png", None),
        ("", "2"),
        ("", "00000/img00000002.png"),
        ("", "img00000002.png"),
    ],
)
def test_a_member_leads_to_the_second(built, suffix, member):
    workspace, made = built
    with open_catalog(workspace) as catalog:
        node = trace_any(catalog, f"{made.path}{suffix}", member)
    assert second_of(node) == 4.5
    first, crop, *rest = as_text(node, workspace).splitlines()
    zip_name = "datasets/toons/zips/toons-16-all.zip"
    assert first == f"picture {zip_name} · 00000/img00000002.png · 16 px · split all"
    assert crop.startswith("└── crop datasets/toons/crops/a-")
    assert rest[:3] == [
        "    └── face · found by yunet · score 1.00 · box 3 0 35 32 px",
        "        └── frame · at 0:00:04.500 · shot 3",
        "            └── source: film films/a.mkv · licence unknown",
    ]


def test_a_picture_taken_out_is_known_while_its_zip_is_there(built, tmp_path):
    workspace, made = built
    with zipfile.ZipFile(made.path) as opened:
        data = opened.read("00000/img00000001.png")
    (tmp_path / "x.png").write_bytes(data)
    with open_catalog(workspace) as catalog:
        node = trace_any(catalog, str(tmp_path / "x.png"))
        assert second_of(node) == 3.0
        assert node.facts["given_as"] == tmp_path / "x.png"
        assert node.facts["others_of_this_content"] == 1  # the other zip has it too
        for path in (workspace / "datasets/toons/zips").glob("*.zip"):
            path.unlink()
        with pytest.raises(CatalogError, match="does not know this file"):
            trace_any(catalog, str(tmp_path / "x.png"))


def test_what_is_not_there_is_said(built, tmp_path):
    workspace, made = built
    with open_catalog(workspace) as catalog:
        with pytest.raises(CatalogError, match=r"has no picture .*img00000003.*: it has 3"):
            trace_any(catalog, str(made.path), "3")
        with pytest.raises(CatalogError, match="is no dataset zip: the catalog knows it as a crop"):
            trace_any(catalog, str(made.selection.chosen[0].crop.file), "3")
        (tmp_path / "other.zip").write_bytes(b"")
        with pytest.raises(CatalogError, match="does not know this file"):
            trace_any(catalog, f"{tmp_path / 'other.zip'}:a.png")
        copy = tmp_path / "renamed.zip"
        made.path.rename(copy)
        assert second_of(trace_any(catalog, str(copy), "1")) == 3.0
        made.path.write_bytes(b"another")
        assert trace_any(catalog, str(made.path), "1").state == "changed"

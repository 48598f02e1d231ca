"""From crops and decisions to a zip with its datasheets; again, killed, and from files."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.crops import Shown, drawn_face, put_crops

from artstyle.catalog import open_catalog
from artstyle.corpus.read import read_corpus
from artstyle.errors import ArtstyleError, CorpusError, RecipeError, UsageError
from artstyle.images import resize_lanczos
from artstyle.locks import locked
from artstyle.pipeline.build import build_from, build_style

FACES = [drawn_face(seed, 128) for seed in range(6)]
RECIPE = """
style = "toons"
title = "Toons"
licence = "CC0"
notes = "Drawn by a test."
limits = "Not for anything."
[[sources]]
kind = "video"
path = "films/a.mkv"
licence = "CC BY 3.0"
origin = "(c) somebody"
[build]
size_px = 32
"""


@pytest.fixture
def toons(workspace: Path) -> Path:
    """A workspace with six crops of two films, one of them dropped, one held out."""
    shown = [
        Shown(face, source=f"films/{'a' if n < 4 else 'b'}.mkv", pts_s=float(n))
        for n, face in enumerate(FACES)
    ]
    (workspace / "datasets/toons").mkdir()
    (workspace / "datasets/toons/recipe.toml").write_text(RECIPE)
    with open_catalog(workspace) as catalog:
        ids = put_crops(catalog, "toons", shown, kind="film")
        catalog.decide(ids[1], "drop", reason="blurred: 4.0 px", by="artstyle curate")
        catalog.decide(ids[2], "split", "held-out", reason="shot 1", by="artstyle curate")
        for number in (0, 2, 3):
            catalog.decide(ids[number], "tag", "round", reason="seen", by="ann")
    return workspace


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "artstyle.sqlite" not in path.name
    }


def test_a_style_becomes_a_zip_with_sheets_and_rows(toons):
    notes = []
    built = build_style(toons, "toons", emit=notes.append)
    assert built.path == toons / "datasets/toons/zips/toons-32-train.zip"
    assert (built.state, built.count) == ("written", 4)
    corpus = read_corpus(built.path)
    assert (len(corpus), corpus.resolution, corpus.channels) == (4, 32, 3)
    for index, face in enumerate((0, 3, 4, 5)):
        np.testing.assert_array_equal(corpus.image(index), resize_lanczos(FACES[face], 32, 32))
    with open_catalog(toons) as catalog:
        members = catalog.rows(
            "SELECT name, pts_s FROM member JOIN crop ON crop.id = member.crop"
            " JOIN face ON face.id = crop.face JOIN frame ON frame.id = face.frame ORDER BY name"
        )
    assert members == [(f"00000/img{n:08d}.png", s) for n, s in enumerate((0.0, 3.0, 4.0, 5.0))]
    sheet = built.sheet.read_text()
    assert sheet.startswith("# Toons, train, 32 px\n\n4 pictures of 32 x 32 px, RGB.\n")
    assert f"`toons-32-train.zip`, SHA-256 `{built.sha256}`" in sheet
    assert "| films/a.mkv | CC BY 3.0 | (c) somebody | 4 | 2 |" in sheet
    assert "| films/b.mkv | **not stated** | not named in the recipe | 2 | 2 |" in sheet
    assert "| blurred | 1 |\n| in another part of the set | 1 |" in sheet
    assert "Not for anything." in sheet
    whole = (toons / "datasets/toons/DATASHEET.md").read_text()
    assert whole.startswith("# Toons\n\n5 pictures of 128 x 128 px")
    assert "A sample: `DATASHEET.jpg`." in whole
    assert "![" not in whole
    assert "![a sample, drawn by lot](toons-32-train.jpg)" in sheet
    assert "| train | 4 |\n| held-out | 1 |" in whole
    assert "| round | 3 |" in whole
    assert "| decided by | ann: tag 3; artstyle curate: drop 1, split 1 |" in whole
    assert f"| toons-32-train.zip | train | 32 | 4 | {built.sha256[:12]} |" in whole


def test_again_does_nothing_and_a_new_decision_builds_anew(toons):
    first = build_style(toons, "toons")
    before, age = files(toons), first.path.stat().st_mtime_ns
    again = build_style(toons, "toons")
    assert (again.state, again.sha256) == ("kept", first.sha256)
    assert first.path.stat().st_mtime_ns == age
    assert files(toons) == before
    with open_catalog(toons) as catalog:
        catalog.decide(6, "drop", reason="no face", by="ann")
    fewer = build_style(toons, "toons")
    assert (fewer.state, fewer.count) == ("written", 3)
    with open_catalog(toons) as catalog:
        catalog.decide(6, "keep", reason="a face", by="ann")
    back = build_style(toons, "toons")
    assert (back.state, back.sha256) == ("written", first.sha256)
    assert build_style(toons, "toons").state == "kept"
    with open_catalog(toons) as catalog:
        catalog.decide(6, "drop", reason="no face", by="ann")
    assert build_style(toons, "toons").state == "written"  # the catalog knows both, one lies there
    fewer.path.write_bytes(fewer.path.read_bytes()[:-9])
    assert build_style(toons, "toons").sha256 == fewer.sha256
    assert read_corpus(fewer.path)


@pytest.mark.parametrize(
    "options",
    [{"split": "all"}, {"grey": True}, {"labels": ["round"], "unlabelled": "drop"}],
    ids=str,
)
def test_other_options_are_another_zip(toons, options):
    out = toons / "z.zip"
    build_style(toons, "toons", out=out)
    other = build_style(toons, "toons", out=out, **options)
    assert other.state == "written"
    corpus = read_corpus(out)
    if "grey" in options:
        assert corpus.channels == 1
        grey = np.asarray(Image.fromarray(FACES[0]).convert("L"))
        np.testing.assert_array_equal(corpus.image(0)[..., 0], resize_lanczos(grey, 32, 32))
    elif "labels" in options:
        assert corpus.labels.tolist() == [0, 0]
        assert "| 0: round | 2 |" in other.sheet.read_text()
    else:
        assert len(corpus) == 5
    assert build_style(toons, "toons", out=out, **options).state == "kept"


def test_the_same_in_another_workspace_whatever_came_first(toons, tmp_path):
    one = build_style(toons, "toons", split="all", threads=1)
    other = tmp_path / "other"
    other.mkdir()
    kept = [
        Shown(FACES[n], f"films/{'a' if n < 4 else 'b'}.mkv", float(n)) for n in (5, 4, 0, 3, 2)
    ]
    with open_catalog(other) as catalog:
        put_crops(catalog, "toons", kept, kind="film")
    two = build_style(other, "toons", size_px=32, split="all", threads=3)
    assert one.sha256 == two.sha256


def test_crops_that_changed_are_left_out_and_named(toons):
    crop = next((toons / "datasets/toons/crops").rglob("000000.png"))
    data = crop.read_bytes()
    Image.fromarray(FACES[1]).save(crop)
    notes = []
    built = build_style(toons, "toons", emit=notes.append)
    assert built.count == len(read_corpus(built.path)) == 3
    assert "000000.png is not the crop that was cut" in built.left_out[0]
    assert "| could not be read | 1 |" in built.sheet.read_text()
    crop.unlink()
    assert "no such file" in build_style(toons, "toons").left_out[0]
    crop.write_bytes(data)
    assert build_style(toons, "toons").count == 4
    for path in (toons / "datasets/toons/crops").rglob("*.png"):
        path.unlink()
    with pytest.raises(CorpusError, match="none of the 5 crops can be read") as caught:
        build_style(toons, "toons", split="all")
    assert "artstyle extract --style toons" in caught.value.hint


def test_dry_runs_write_nothing_and_locks_are_held(toons):
    before = files(toons)
    planned = build_style(toons, "toons", dry_run=True)
    assert (planned.state, planned.count, planned.sha256) == ("planned", 4, None)
    assert files(toons) == before
    (toons / "datasets/toons/cache").mkdir()
    with (
        locked(toons / "datasets/toons/cache/build.lock", wait_s=0),
        pytest.raises(ArtstyleError, match="another 'artstyle build'"),
    ):
        build_style(toons, "toons")


def test_unknown_styles_and_wrong_recipes(toons):
    with pytest.raises(CorpusError, match=r"no crops of toon; there are some of toons \(6\)"):
        build_style(toons, "toon")
    with pytest.raises(CorpusError, match="power of two"):
        build_style(toons, "toons", size_px=48)
    (toons / "datasets/toons/recipe.toml").write_text(RECIPE + "sise = 3")
    with pytest.raises(RecipeError, match="sise"):
        build_style(toons, "toons")


def test_what_a_killed_build_left_is_taken_away(toons):
    zips = toons / "datasets/toons/zips"
    zips.mkdir()
    (zips / ".toons-32-train.zip.0123456789abcdef.part").write_bytes(b"half")
    (zips / ".other.zip.0123456789abcdef.part").write_bytes(b"another's")
    build_style(toons, "toons")
    assert [path.name for path in zips.glob(".*")] == [".other.zip.0123456789abcdef.part"]


def pictures(folder: Path) -> Path:
    folder.mkdir()
    for number, face in enumerate(FACES[:4]):
        Image.fromarray(face[:, : 100 + number]).save(folder / f"{number}.png")
    return folder


def test_folders_are_cropped_labelled_and_described(tmp_path):
    folder = pictures(tmp_path / "in")
    (folder / "broken.png").write_bytes(b"\x89PNG no")
    labels = [[f"{number}.png", number % 2] for number in range(3)] + [["broken.png", 1]]
    (folder / "dataset.json").write_text(json.dumps({"labels": labels}))
    with pytest.raises(CorpusError, match=r"1 of 5 pictures of .*in have no label.* 3\.png"):
        build_from(folder, size_px=32, out=tmp_path / "z.zip")
    made = build_from(folder, size_px=32, out=tmp_path / "z.zip", unlabelled="drop", licence="CC0")
    corpus = read_corpus(made.path)
    assert corpus.labels.tolist() == [0, 1, 0]
    assert made.labels == {"0": 2, "1": 1}
    assert len(made.left_out) == 1
    square = resize_lanczos(np.ascontiguousarray(FACES[0][14:114, :100]), 32, 32)
    np.testing.assert_array_equal(corpus.image(0), square)
    assert "| in | CC0 | 4 | 3 |" in made.sheet.read_text()
    # a zip is read as a folder is, and an official zip becomes itself
    again = build_from(made.path, size_px=32, out=tmp_path / "y.zip")
    assert again.sha256 == made.sha256
    assert sorted(path.name for path in tmp_path.glob(".*")) == []


def test_grey_stays_grey_where_all_are_and_is_coloured_among_colours(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(FACES[0]).convert("L").save(folder / "a.png")
    assert read_corpus(build_from(folder, size_px=64, out=tmp_path / "a.zip").path).channels == 1
    Image.fromarray(FACES[1]).save(folder / "b.jpg")
    mixed = read_corpus(build_from(folder, size_px=64, out=tmp_path / "b.zip").path)
    assert mixed.channels == 3
    assert len(mixed) == 2
    built = build_from(folder, size_px=64, out=tmp_path / "c.zip", grey=True)
    assert read_corpus(built.path).channels == 1


def test_what_cannot_be_built_from_is_refused(tmp_path):
    folder = pictures(tmp_path / "in")
    with pytest.raises(UsageError, match="lies in"):
        build_from(folder, size_px=32, out=folder / "z.zip")
    zip_path = build_from(folder, size_px=32, out=tmp_path / "z.zip").path
    with pytest.raises(UsageError, match="lies in"):
        build_from(zip_path, size_px=32, out=zip_path)
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as bad:
        bad.writestr("../a.png", b"")
    with pytest.raises(CorpusError, match="leads out"):
        build_from(tmp_path / "bad.zip", size_px=32, out=tmp_path / "y.zip")
    for path in folder.iterdir():
        path.write_bytes(b"no picture")
    with pytest.raises(CorpusError, match="none of the 4 pictures"):
        build_from(folder, size_px=32, out=tmp_path / "y.zip")
    assert not (tmp_path / "y.zip").exists()

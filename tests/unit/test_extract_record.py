"""What was found becomes files and rows, the same ones however often it is done."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from artstyle.catalog import Catalog, Scan, open_catalog
from artstyle.catalog.rows import crops, decisions
from artstyle.faces.crop import Crop
from artstyle.faces.detector import Face
from artstyle.pipeline.extract.naming import moment, picture_names, slug, style_name
from artstyle.pipeline.extract.record import BY, Cut, Found, Recorder, SourceFile

QUAD = np.array([[0, 0], [0, 8], [8, 8], [8, 0]], dtype=np.float64)


@pytest.fixture
def catalog(workspace: Path):
    with open_catalog(workspace) as opened:
        yield opened


def source(name: str = "a") -> SourceFile:
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    return SourceFile(Path(f"/films/{name}.mkv"), sha256, 5, "film")


def cut(name: str = "0-00-01.000-1", *, at: float = 0.0, pts_s: float = 1.0) -> Cut:
    points = np.zeros((5, 2), np.float32)
    face = Face((at, 0.0, at + 4, 4.0), 0.9, points, "five", "yunet")
    crop = Crop(np.zeros((8, 8, 3), np.uint8), QUAD + at, 1.0, False, 0.0)
    return Cut(name, face, crop, f"png {at}".encode(), {"confidence": 0.5}, pts_s, 0)


def recorder(catalog: Catalog, style: str = "s", **settings: object) -> Recorder:
    folder = catalog.workspace / f"datasets/{style}/crops"
    return Recorder(catalog, folder, style, {"detector": "yunet", **settings}, {"asked": "auto"})


def test_files_rows_and_the_scan_are_there_together(catalog: Catalog) -> None:
    mine = recorder(catalog)
    assert mine.scan_of(source()) == Scan(None, finished=False)
    assert mine.record([Found(source(), "a", [cut(), cut("other", at=20)], 1.0, False)]) == 2
    assert mine.scan_of(source()) == Scan(1.0, finished=False)
    first, second = crops(catalog, "s")
    assert first.file == catalog.workspace / "datasets/s/crops/a/0-00-01.000-1.png"
    assert first.file.read_bytes() == b"png 0.0"
    assert first.sha256 == hashlib.sha256(b"png 0.0").hexdigest()
    assert first.quality == {"confidence": 0.5, "extraction": {"s": mine.mark}}
    assert (second.file.name, second.pts_s, second.shot) == ("other.png", 1.0, 0)
    ((_, scan, settings, notes),) = catalog.settings(first.source, style="s")
    assert (scan.until_pts_s, notes) == (1.0, {"asked": "auto"})
    assert settings == {"detector": "yunet", "style": "s"}


def test_why_is_noted_for_each_style_by_itself(catalog: Catalog) -> None:
    for style in ("s", "t"):
        one = recorder(catalog, style)
        one.notes = {"reason": f"it suits {style}"}
        one.record([Found(source(), "a", [cut()], 1.0)])
    (film,) = (row.source for row in crops(catalog, "s"))
    told = [catalog.settings(film, style=style)[0][3]["reason"] for style in ("s", "t")]
    assert told == ["it suits s", "it suits t"]


def test_the_same_again_changes_nothing(catalog: Catalog) -> None:
    for _ in range(2):
        recorder(catalog).record([Found(source(), "a", [cut()])])
    assert len(crops(catalog, "s")) == 1
    assert [path.name for path in (catalog.workspace / "datasets/s/crops/a").iterdir()] == [
        "0-00-01.000-1.png"
    ]


def test_names_that_are_taken_get_digits_that_stay_the_same(catalog: Catalog) -> None:
    found = [
        Found(source("a"), "same", [cut("x")]),
        Found(source("b"), "same", [cut("x"), cut("x", at=30)]),
    ]
    recorder(catalog).record(found)
    names = [row.file.name for row in crops(catalog, "s")]
    assert len(set(names)) == 3
    assert "x.png" in names
    recorder(catalog).record(found[1:])
    assert [row.file.name for row in crops(catalog, "s")] == names


def test_a_scan_whose_crop_is_gone_is_not_finished(catalog: Catalog) -> None:
    mine = recorder(catalog)
    mine.record([Found(source(), "a", [cut()])])
    assert mine.scan_of(source()).finished
    crops(catalog, "s")[0].file.unlink()
    assert mine.scan_of(source()) == Scan(None, finished=False)


def test_other_settings_drop_what_they_do_not_give_and_that_can_be_gone_back(
    catalog: Catalog,
) -> None:
    recorder(catalog).record([Found(source(), "a", [cut(), cut("mine", at=20), cut("w", at=40)])])
    mine = next(row for row in crops(catalog, "s") if row.file.stem == "mine")
    catalog.decide(mine.id, "keep", reason="I like it", by="anna")
    recorder(catalog, every_s=2).record([Found(source(), "a", [cut("w", at=40)])])
    found = {row.file.stem: row.standing for row in crops(catalog, "s")}
    assert found["0-00-01.000-1"].verdict == "drop"
    assert found["0-00-01.000-1"].by == BY
    assert (found["mine"].verdict, found["mine"].by) == ("keep", "anna")
    assert found["w"].verdict is None
    old = recorder(catalog)
    assert not old.scan_of(source()).finished, "one way of searching stands at a time"
    old.record([Found(source(), "a", [cut(), cut("mine", at=20), cut("w", at=40)])])
    assert {row.file.stem: row.standing.verdict for row in crops(catalog, "s")} == {
        "0-00-01.000-1": None,
        "mine": "keep",
        "w": None,
    }
    assert [one.action for one in decisions(catalog, crops(catalog, "s")[0].id)] == ["drop", "undo"]


def test_styles_do_not_drop_each_others_crops(catalog: Catalog) -> None:
    recorder(catalog, "one").record([Found(source(), "a", [cut()])])
    recorder(catalog, "two", size_px=64).record([Found(source(), "a", [cut()])])
    assert [row.standing.verdict for style in ("one", "two") for row in crops(catalog, style)] == [
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Mein Film (2010)", "mein-film-2010"),
        ("Amélie/été", "amelie-ete"),
        ("千と千尋", "unnamed"),
        ("a\nb\udce9", "a-b"),
        ("CON", "con-file"),
        ("x" * 200, "x" * 60),
        ("../..", "unnamed"),
    ],
)
def test_names_are_ones_that_every_file_system_takes(text: str, name: str) -> None:
    assert slug(text) == name


def test_pictures_that_would_be_called_alike_are_told_apart() -> None:
    names = picture_names([Path("a/1.png"), Path("a/1.jpg"), Path("a-1.gif"), Path("b.png")])
    assert len(set(names)) == 4
    assert names[3] == "b"
    assert all(name.startswith("a-1-") for name in names[:3])


def test_moments_and_styles() -> None:
    assert moment(723.48) == "0-12-03.480"
    assert moment(3599.9996) == "1-00-00.000"
    assert moment(-0.5) == "minus-0-00-00.500"
    assert style_name(Path("/x/Das Boot.mkv")) == "das-boot"

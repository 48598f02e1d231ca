"""Folders of pictures become crops in the catalog; what cannot be read is named."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.films import picture

from artstyle.catalog import Catalog, open_catalog
from artstyle.catalog.rows import crops
from artstyle.errors import UsageError
from artstyle.faces import auto
from artstyle.faces.align import align
from artstyle.faces.detector import make_detector
from artstyle.images import read_rgb
from artstyle.pipeline.extract.digests import Digests
from artstyle.pipeline.extract.images import extract_images
from artstyle.pipeline.extract.settings import Settings
from artstyle.pipeline.extract.summary import Summary

PHOTO = Path(auto.__file__).parents[1] / "starter/photos/astronaut.jpg"
DRAWN = Settings(detector="layout", layout="facesjs", size_px=64, min_face_px=20)


@pytest.fixture
def catalog(workspace: Path):
    with open_catalog(workspace) as opened:
        yield opened


def draw(folder: Path, names: list[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(picture(number, 120, 96)).save(folder / name)
    return folder


def extracted(catalog: Catalog, *inputs: Path, settings: Settings = DRAWN, **more) -> Summary:
    folder = catalog.workspace / "datasets/s/crops"
    return extract_images(catalog, folder, "s", inputs, settings=settings, workers=2, **more)


def test_the_crop_is_the_one_that_alignment_gives_with_its_figures(catalog: Catalog) -> None:
    summary = extracted(catalog, PHOTO, settings=Settings(detector="dlib", size_px=128))
    assert (summary.frames, summary.faces, summary.crops) == (1, 1, 1)
    (row,) = crops(catalog, "s")
    rgb = read_rgb(PHOTO).rgb
    face = make_detector("dlib", threshold=0.2).detect(rgb)[0]
    expected = align(rgb, face.points_px, face.kind, 128)
    assert np.array_equal(read_rgb(row.file).rgb, expected.crop.rgb)
    assert row.file == catalog.workspace / "datasets/s/crops/photos/astronaut.png"
    figures = row.quality
    assert figures["confidence"] == pytest.approx(expected.confidence, abs=1e-4)
    assert figures["roll_deg"] == pytest.approx(expected.pose.roll_deg, abs=1e-4)
    assert figures["upscale_factor"] == pytest.approx(128 / figures["face_px"], rel=1e-3)
    assert (figures["appearance"], figures["appearance_faces"], figures["enlarged"]) == (
        "1",
        1,
        False,
    )


def test_a_second_run_does_nothing_and_one_with_more_pictures_only_those(
    catalog: Catalog, tmp_path: Path
) -> None:
    folder = draw(tmp_path / "Mein Ordner", ["1.png", "2.png", "b/1.png"])
    first = extracted(catalog, folder, licence="CC0")
    assert (first.crops, first.done_before) == (3, 0)
    rows = crops(catalog, "s")
    assert {row.file.relative_to(row.file.parents[1]).as_posix() for row in rows} == {
        "mein-ordner/1.png",
        "mein-ordner/2.png",
        "mein-ordner/b-1.png",
    }
    assert {row.licence for row in rows} == {"CC0"}
    again = extracted(catalog, folder, licence="CC0")
    assert (again.crops, again.done_before, again.frames) == (0, 3, 0)
    Image.fromarray(picture(9, 120, 96)).save(folder / "3.png")
    more = extracted(catalog, folder)
    assert (more.crops, more.done_before) == (1, 3)


def test_a_crop_that_was_deleted_is_made_again(catalog: Catalog, tmp_path: Path) -> None:
    folder = draw(tmp_path / "a", ["1.png", "2.png"])
    extracted(catalog, folder)
    lost = crops(catalog, "s")[1].file
    data = lost.read_bytes()
    lost.unlink()
    assert extracted(catalog, folder).crops == 1
    assert lost.read_bytes() == data


def test_pictures_of_one_content_are_one_source(catalog: Catalog, tmp_path: Path) -> None:
    folder = draw(tmp_path / "a", ["1.png"])
    shutil.copy(folder / "1.png", folder / "2.png")
    summary = extracted(catalog, folder)
    assert (summary.crops, summary.same_content) == (1, 1)
    paths = [path for (path,) in catalog.rows("SELECT path FROM source_path")]
    assert sorted(Path(path).name for path in paths) == ["1.png", "2.png"]
    before = catalog.rows("SELECT * FROM source")
    extracted(catalog, folder)
    assert catalog.rows("SELECT * FROM source") == before


def test_small_faces_are_counted_and_large_crops_are_marked(
    catalog: Catalog, tmp_path: Path
) -> None:
    folder = draw(tmp_path / "a", ["1.png"])
    small = Settings(detector="layout", layout="facesjs", size_px=64, min_face_px=500)
    assert (extracted(catalog, folder, settings=small).too_small, len(crops(catalog, "s"))) == (
        1,
        0,
    )
    large = Settings(detector="layout", layout="facesjs", size_px=256, min_face_px=20)
    assert extracted(catalog, folder, settings=large).enlarged == 1
    assert crops(catalog, "s")[0].quality["enlarged"] is True


def test_transparent_pixels_get_the_matte(catalog: Catalog, tmp_path: Path) -> None:
    clear = np.zeros((120, 96, 4), np.uint8)
    (tmp_path / "a").mkdir()
    Image.fromarray(clear).save(tmp_path / "a/1.png")
    red = Settings(detector="layout", layout="facesjs", size_px=64, min_face_px=20, matte="#ff0000")
    extracted(catalog, tmp_path / "a", settings=red)
    assert (read_rgb(crops(catalog, "s")[0].file).rgb == [255, 0, 0]).all()


def test_auto_is_chosen_once_and_the_reason_is_kept(catalog: Catalog) -> None:
    first = extracted(catalog, PHOTO, settings=Settings(size_px=64))
    (reason,) = first.detectors.values()
    assert list(first.detectors) == ["dlib"]
    assert "a confident face in 100% of 1 pictures" in reason
    heard = []
    again = extracted(catalog, PHOTO, settings=Settings(size_px=64), emit=heard.append)
    assert again.detectors == first.detectors
    assert any("as chosen before for s" in getattr(one, "text", "") for one in heard)
    assert again.done_before == 1


def test_where_no_detector_finds_anything_it_is_said(catalog: Catalog, tmp_path: Path) -> None:
    folder = draw(tmp_path / "a", ["1.png", "2.png"])
    summary = extracted(catalog, folder, settings=Settings(size_px=64))
    assert summary.without_face == 2
    assert "none of the detectors that are here found a face" in summary.detectors["dlib"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(size_px=100), "no power of two"),
        (Settings(detector="layout"), "where the faces lie"),
        (Settings(matte="red"), "no colour"),
        (Settings(detector="layout", layout="nobody"), "no layout 'nobody'"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_any_work(
    catalog: Catalog, tmp_path: Path, settings: Settings, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        extracted(catalog, draw(tmp_path / "a", ["1.png"]), settings=settings)
    assert not (catalog.workspace / "datasets/s").exists()


def test_digests_are_believed_until_the_file_changes(tmp_path: Path) -> None:
    film, memory = tmp_path / "a.bin", tmp_path / "digests.json"
    film.write_bytes(b"one")
    digests = Digests(memory)
    first = digests.of(film)
    digests.save()
    assert first[1] == 3
    text = memory.read_text().replace(first[0], "f" * 64)
    memory.write_text(text)
    assert Digests(memory).of(film)[0] == "f" * 64, "it is not read again"
    film.write_bytes(b"two, longer")
    assert Digests(memory).of(film)[0] not in (first[0], "f" * 64)
    memory.write_text("{broken")
    film.write_bytes(b"one")
    assert Digests(memory).of(film) == first


def test_beyond_a_transparent_picture_the_matte_goes_on(catalog: Catalog, tmp_path: Path) -> None:
    head = np.zeros((96, 120, 4), np.uint8)
    head[8:, 20:100] = (60, 120, 200, 255)  # ends before three edges; under it lies black
    folder = tmp_path / "cut out"
    folder.mkdir()
    Image.fromarray(head).save(folder / "1.png")
    extracted(catalog, folder, settings=replace(DRAWN, matte="#f0e0d0"))
    (row,) = crops(catalog, "s")
    assert row.quality["outside_share"] > 0
    pixels = read_rgb(row.file).rgb
    assert {tuple(one) for one in pixels[:, 0].tolist()} == {(0xF0, 0xE0, 0xD0)}

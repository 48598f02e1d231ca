"""From sheets to crops in the catalog: one template, whole blocks, cells in the lineage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.sheets import MAGENTA, Drawn, draw_sheet, write_sprites

from artstyle.catalog import open_catalog
from artstyle.catalog.lineage import trace
from artstyle.catalog.lineage_text import as_text
from artstyle.catalog.rows import crops
from artstyle.errors import UsageError
from artstyle.images import read_rgb
from artstyle.pipeline.extract.settings import Settings
from artstyle.pipeline.extract.sprites import extract_sprites
from artstyle.recipes.sprites import SpritesRecipe
from artstyle.web.review.detail import detail


def _sheet(folder: Path, **how: object) -> Path:
    drawn = Drawn(4, 3, (16, 16), 2, 4, key=MAGENTA, missing=1, **how)  # type: ignore[arg-type] - few
    art, _ = draw_sheet(drawn)
    path = folder / "heads.png"
    Image.fromarray(art.repeat(4, axis=0).repeat(4, axis=1)).save(path)
    return path


def _settings(**sprites: object) -> Settings:
    recipe = SpritesRecipe(**sprites)  # type: ignore[arg-type] - as the tests say
    return Settings(detector="layout", layout="head", size_px=64, sprites=recipe)


def test_a_sheet_becomes_crops_of_its_cells(tmp_path: Path) -> None:
    sheet = _sheet(tmp_path)
    with open_catalog(tmp_path) as catalog:
        places = (catalog, tmp_path / "crops", "heads", [sheet])
        first = extract_sprites(*places, settings=_settings())
        assert (first.sources, first.frames, first.crops) == (1, 11, 11)
        again = extract_sprites(*places, settings=_settings())
        assert (again.done_before, again.crops) == (1, 0)
        rows = crops(catalog, "heads")
        assert [row.pts_s for row in rows] == [float(index) for index in range(11)]
        assert [row.shot for row in rows] == [0] * 4 + [1] * 4 + [2] * 3
        assert {row.source_kind for row in rows} == {"sprite"}
        # cells are 64 px, 8 px between them, 16 px around them
        assert rows[5].quad_px == [[88, 88], [88, 152], [152, 152], [152, 88]]
        pixels = np.asarray(Image.open(sheet))[88:152, 88:152]
        assert np.array_equal(read_rgb(rows[5].file).rgb, pixels)
        text = as_text(trace(catalog, rows[5].file), tmp_path)
        assert "cell 5 (row 1, column 1)" in text


def test_pixel_art_is_enlarged_in_blocks_unless_told_otherwise(tmp_path: Path) -> None:
    sheet = _sheet(tmp_path)
    colours = {}
    for choice in ("auto", "no"):
        with open_catalog(tmp_path) as catalog:
            settings = _settings(pixel_art=choice)
            settings = Settings(**{**vars(settings), "size_px": 128})
            extract_sprites(catalog, tmp_path / "crops", choice, [sheet], settings=settings)
            rgb = read_rgb(crops(catalog, choice)[0].file).rgb
            colours[choice] = len(np.unique(rgb.reshape(-1, 3), axis=0))
            blocks = rgb.reshape(16, 8, 16, 8, 3)
            assert (blocks == blocks[:, :1, :, :1]).all() == (choice == "auto")
    assert colours["auto"] < 10 < colours["no"]


def test_every_sprite_is_cut_by_the_same_square(tmp_path: Path) -> None:
    sheet = _sheet(tmp_path)
    points = (0.3, 0.4, 0.7, 0.4, 0.5, 0.55, 0.35, 0.7, 0.65, 0.7)
    with open_catalog(tmp_path) as catalog:
        settings = _settings(points=points, pixel_art="no")
        extract_sprites(catalog, tmp_path / "crops", "heads", [sheet], settings=settings)
        rows = crops(catalog, "heads")
        corners = []
        for row in rows:
            cell = row.quality["cell"]
            left, top = 16 + 72 * cell["column"], 16 + 72 * cell["row"]
            corners.append(np.array(row.quad_px) - (left, top))
        assert np.ptp(np.stack(corners), axis=0).max() < 1e-3
        assert {row.detector for row in rows} == {"layout:given"}


def test_bad_files_are_named_and_the_others_done(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    _sheet(folder)
    (folder / "empty.png").write_bytes(b"")
    Image.new("RGBA", (64, 64)).save(folder / "nothing.png")
    (folder / "text.png").write_text("hello")
    with open_catalog(tmp_path) as catalog:
        done = extract_sprites(catalog, tmp_path / "crops", "s", [folder], settings=_settings())
    assert done.crops == 11
    reasons = {one.path.name: one.reason for one in done.skipped}
    assert set(reasons) == {"empty.png", "nothing.png", "text.png"}
    assert "every pixel of it is transparent" in reasons["nothing.png"]


def test_a_transparent_sprite_lies_on_its_matte_and_is_not_mirrored(tmp_path: Path) -> None:
    rgba = np.zeros((64, 64, 4), dtype=np.uint8)
    rgba[2:50, 10:54] = (200, 30, 30, 255)
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(rgba).save(folder / "one.png")
    points = (0.2, 0.2, 0.8, 0.2, 0.5, 0.3, 0.3, 0.5, 0.7, 0.5)  # the square leaves the sprite
    with open_catalog(tmp_path) as catalog:
        settings = _settings(points=points, pixel_art="no")
        settings = Settings(**{**vars(settings), "matte": "#0000ff"})
        extract_sprites(catalog, tmp_path / "crops", "s", [folder], settings=settings)
        rgb = read_rgb(crops(catalog, "s")[0].file).rgb
    assert (rgb[0] == (0, 0, 255)).all()
    assert (rgb[:, 0] == (0, 0, 255)).all()


def test_a_gutter_without_a_grid_is_refused_before_any_work(tmp_path: Path) -> None:
    with open_catalog(tmp_path) as catalog, pytest.raises(UsageError, match="without a grid"):
        extract_sprites(
            catalog, tmp_path / "crops", "s", [_sheet(tmp_path)], settings=_settings(gutter_px=2)
        )


def test_the_review_page_is_told_the_cell_of_a_sheet_and_none_of_a_single_sprite(
    tmp_path: Path,
) -> None:
    sheet = _sheet(tmp_path)
    Image.open(sheet).crop((16, 16, 80, 80)).save(tmp_path / "one.png")
    with open_catalog(tmp_path) as catalog:
        places = (catalog, tmp_path / "crops", "heads", [sheet, tmp_path / "one.png"])
        extract_sprites(*places, settings=_settings())
        rows = crops(catalog, "heads")
        told = [detail(catalog, "heads", row.id) for row in rows]
    assert [one["cell"] for one in told[4:6]] == [
        "cell 4 (row 1, column 0)",
        "cell 5 (row 1, column 1)",
    ]
    assert told[5]["quad_px"] == [[88, 88], [88, 152], [152, 152], [152, 88]]
    assert told[-1]["cell"] is None


def test_crops_do_not_depend_on_how_many_files_are_cut_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = write_sprites(tmp_path / "material", sheets=2, singles=12)
    folder = Path(words[words.index("--sprites") + 1])
    found = {}
    for workers, small in ((1, 0), (3, 1_000_000), (3, 0)):
        monkeypatch.setattr("artstyle.pipeline.extract.sprites._SMALL_PIXELS", small)
        place = tmp_path / f"{workers}-{small}"
        place.mkdir()
        with open_catalog(place) as catalog:
            done = (catalog, place / "crops", "heads", [folder])
            summary = extract_sprites(*done, settings=_settings(), workers=workers)
            assert summary.crops == 2 * 24 + 81 + 12
            rows = crops(catalog, "heads")
            found[workers, small] = [
                (row.id, str(row.file.relative_to(place)), row.file.read_bytes()) for row in rows
            ]
    assert found[1, 0] == found[3, 1_000_000] == found[3, 0]

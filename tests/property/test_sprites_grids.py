"""Sheets of all kinds are read right, or it is said that they cannot be."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from support.sheets import MAGENTA, Drawn, draw_sheet

from artstyle.errors import ImageError
from artstyle.images import read_rgba
from artstyle.sprites.find import SURE, find_grid
from artstyle.sprites.grid import Grid
from artstyle.sprites.sheet import Slicing, slice_sheet


def _random(seed: int, *, opaque: bool) -> Drawn:
    rng = np.random.default_rng(seed)
    columns, rows = (int(one) for one in rng.integers(2, 8, 2))
    square = (int(rng.choice([24, 32, 48, 64])),) * 2
    oblong = (int(rng.choice([24, 37, 50])), int(rng.choice([24, 32, 48])))
    key = MAGENTA if rng.random() < 0.6 else None
    return Drawn(
        *(columns, rows, square if rng.random() < 0.5 else oblong),
        gutter_px=int(rng.choice([0, 0, 1, 2, 5, 8])),
        margin_px=int(rng.choice([0, 0, 1, 4, 10])),
        missing=int(rng.integers(0, columns // 2 + 1)),
        opaque=opaque,
        key=key,
        noise=int(rng.choice([0, 6])) if key else 0,
        seed=seed,
    )


@pytest.mark.parametrize("seed", range(40))
def test_full_cells_are_found_to_the_pixel(seed: int) -> None:
    how = _random(seed, opaque=True)
    found = find_grid(*draw_sheet(how))
    gaps = (how.gutter_px,) * 2, (how.margin_px,) * 2
    assert found.grid == Grid(how.columns, how.rows, how.cell_px, *gaps), how
    assert found.confidence >= SURE


@pytest.mark.parametrize("seed", range(40))
def test_floating_sprites_are_never_cut_and_never_share_a_cell(seed: int) -> None:
    how = _random(seed, opaque=False)
    found = find_grid(*draw_sheet(how))
    boxes = [cell.box_px for cell in found.grid.cells()]
    for x0, y0, x1, y1 in how.sprites:
        around = [b for b in boxes if b[0] <= x0 and b[1] <= y0 and b[2] >= x1 and b[3] >= y1]
        assert len(around) == 1, (how, found.grid)
    assert len(boxes) >= how.columns * how.rows
    assert found.confidence >= SURE or len(how.sprites) < 4


@pytest.mark.parametrize("seed", range(12))
def test_a_single_figure_is_not_taken_for_a_sheet(seed: int) -> None:
    how = Drawn(1, 1, (96, 128), 0, 8, opaque=seed % 2 == 0, seed=seed)
    assert len(slice_sheet(*draw_sheet(how)).sprites) == 1


def test_where_only_one_axis_is_understood_nothing_is_cut() -> None:
    """Four strips in a row, each of three pictures that run into one another."""
    rng = np.random.default_rng(0)
    rgb = np.zeros((300, 4 * 40, 3), dtype=np.uint8)
    for column in range(4):
        wave = rng.normal(size=300).cumsum()[:, None, None] * 2 + rng.integers(60, 200, 3)
        rgb[:, column * 40 + 2 : column * 40 + 38] = np.clip(wave, 0, 255)
    alpha = np.where(rgb.any(axis=2), np.uint8(255), np.uint8(0))
    assert find_grid(rgb, alpha).confidence < SURE
    with pytest.raises(ImageError, match="not clear how it is divided") as caught:
        slice_sheet(rgb, alpha, Slicing(by="grid"))
    assert "--grid" in (caught.value.hint or "")


@pytest.mark.shared
def test_all_real_sheets_are_found_exactly(shared_dir: Path) -> None:
    folder = shared_dir / "data" / "sprites" / "pixel_art_sheets"
    with (folder / "layout.csv").open(encoding="utf-8") as stream:
        truth = list(csv.DictReader(stream))
    assert len(truth) == 10
    for row in truth:
        name, *figures = row.values()
        columns, rows, width, height, gutter, margin = (int(one) for one in figures)
        picture = read_rgba(folder / name)
        assert picture.alpha is not None
        found = find_grid(picture.rgb, picture.alpha)
        assert found.grid == Grid(columns, rows, (width, height), (gutter,) * 2, (margin,) * 2), (
            name
        )
        assert found.confidence > 0.99
        assert len(slice_sheet(picture.rgb, picture.alpha).sprites) == 60


@pytest.mark.shared
@pytest.mark.parametrize("folder", ["sprites/wesnoth", "sprites/lorelei", "styles/fluent_3d"])
def test_real_single_sprites_are_left_whole(shared_dir: Path, folder: str) -> None:
    files = sorted((shared_dir / "data" / folder).iterdir())[::12]
    assert len(files) > 10
    for file in files:
        picture = read_rgba(file)
        assert picture.alpha is not None
        assert len(slice_sheet(picture.rgb, picture.alpha).sprites) == 1, file.name

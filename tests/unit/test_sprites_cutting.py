"""Sheets to sprites: grids as they are given, keys and halos, regions, pixel art."""

from __future__ import annotations

import numpy as np
import pytest
from support.sheets import MAGENTA, Drawn, draw_sheet

from artstyle.errors import ImageError, UsageError
from artstyle.sprites.background import Background, find_background, foreground, parse_colour
from artstyle.sprites.cut_out import cut_out
from artstyle.sprites.grid import Grid, grid_of_cells, grid_of_counts, parse_pair
from artstyle.sprites.pixel_art import (
    enlarged_square,
    is_pixel_art,
    pixel_scale,
    snapped_square,
)
from artstyle.sprites.regions import find_regions
from artstyle.sprites.sheet import Slicing, slice_sheet


def test_cells_of_a_grid_lie_where_gutters_and_margins_put_them() -> None:
    grid = Grid(3, 2, (10, 20), (2, 4), (5, 6))
    cells = list(grid.cells())
    assert [cell.box_px for cell in cells[:2]] == [(5, 6, 15, 26), (17, 6, 27, 26)]
    assert cells[5].box_px == (29, 30, 39, 50)
    assert (cells[5].row, cells[5].column) == (1, 2)
    assert cells[5].title == "cell 5 (row 1, column 2)"
    assert grid.size_px == (39, 50)
    assert str(grid) == "3 x 2 cells of 10 x 20 px, gutter 2 and 4, margin 5 and 6"


def test_a_grid_by_counts_or_by_cells_fills_the_sheet() -> None:
    whole = Grid(10, 6, (128, 128), (4, 4), (6, 6))
    size = (whole.size_px[0] + 6, whole.size_px[1] + 6)
    assert size == (1328, 800)
    assert grid_of_counts(size, (10, 6), gutter_px=4, margin_px=6) == whole
    assert grid_of_cells(size, (128, 128), gutter_px=4, margin_px=6) == whole
    # what is left at the end is not used
    assert grid_of_cells((70, 33), (16, 16)) == Grid(4, 2, (16, 16))


def test_a_grid_that_does_not_fit_is_refused_with_the_figures() -> None:
    with pytest.raises(ImageError, match="width of 100 px cannot be divided into 7 cells"):
        grid_of_counts((100, 70), (7, 7))
    with pytest.raises(ImageError, match="no room for one cell of 64 x 64"):
        grid_of_cells((70, 60), (64, 64))
    with pytest.raises(UsageError, match="more than"):
        Grid(1000, 1000, (1, 1))


@pytest.mark.parametrize(
    ("text", "pair"), [("10x6", (10, 6)), (" 8 X 4 ", (8, 4)), ("64", (64, 64))]
)
def test_pairs_are_read(text: str, pair: tuple[int, int]) -> None:
    assert parse_pair(text, what="--grid") == pair


@pytest.mark.parametrize("text", ["", "0x4", "10x", "ten", "-1x2", "3x4x5"])
def test_what_is_no_pair_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--grid"):
        parse_pair(text, what="--grid")


def test_contradictions_are_refused_before_any_work() -> None:
    for how, said in (
        (Slicing(counts=(2, 2), cell_px=(8, 8)), "not by both"),
        (Slicing(gutter_px=2), "means nothing without a grid"),
        (Slicing(by="regions", counts=(2, 2)), "takes no grid"),
    ):
        with pytest.raises(UsageError, match=said):
            how.check()


def test_the_background_is_what_the_border_shows() -> None:
    rgb, alpha = draw_sheet(Drawn(3, 2, (32, 32), 2, 4, opaque=False, key=MAGENTA, noise=5))
    behind = find_background(rgb, alpha)
    assert behind.kind == "colour"
    assert not behind.is_exact
    assert max(abs(a - b) for a, b in zip(behind.keys[0], MAGENTA, strict=True)) <= 5
    rgb, alpha = draw_sheet(Drawn(3, 2, (32, 32), 2, 4, opaque=False))
    assert find_background(rgb, alpha).kind == "transparent"


def test_lines_between_full_cells_are_background_where_cells_reach_the_border() -> None:
    rgb, alpha = draw_sheet(Drawn(4, 3, (32, 32), 2, 0, key=MAGENTA))
    behind = find_background(rgb, alpha)
    assert behind.keys == (MAGENTA,)
    assert (~foreground(rgb, alpha, behind)).sum() == rgb.shape[0] * 6 + rgb.shape[1] * 4 - 24


def test_a_sheet_that_is_all_transparent_is_refused() -> None:
    rgb, alpha = np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16), np.uint8)
    with pytest.raises(ImageError, match="every pixel of it is transparent"):
        slice_sheet(rgb, alpha)


def test_a_sheet_of_nothing_but_key_is_refused() -> None:
    rgb = np.full((32, 32, 3), MAGENTA, dtype=np.uint8)
    with pytest.raises(ImageError, match="are empty"):
        slice_sheet(rgb, np.full((32, 32), 255, np.uint8), Slicing(counts=(2, 2)))


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 2), (7, 9)])
def test_tiny_pictures_are_one_sprite(size: tuple[int, int]) -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (*size, 3)).astype(np.uint8)
    sheet = slice_sheet(rgb, np.full(size, 255, np.uint8))
    assert len(sheet.sprites) == 1
    assert sheet.sprites[0].rgb.shape == (*size, 3)


def _disc_on(key: tuple[int, int, int], colour: tuple[int, int, int]) -> np.ndarray:
    """A disc with a soft edge over a key."""
    yy, xx = np.mgrid[:40, :40] + 0.5
    share = np.clip(12.5 - np.hypot(xx - 20, yy - 20), 0, 1)[..., None]
    return np.round(share * np.array(colour) + (1 - share) * np.array(key)).astype(np.uint8)


def test_no_halo_of_the_key_remains() -> None:
    rgb = _disc_on(MAGENTA, (40, 160, 60))
    opaque = np.full((40, 40), 255, np.uint8)
    cut, alpha = cut_out(rgb, opaque, Background("colour", (MAGENTA,)))
    assert alpha[0, 0] == 0
    assert alpha[20, 20] == 255
    assert ((alpha > 0) & (alpha < 255)).any(), "the soft edge became soft transparency"
    seen = cut[alpha > 0].astype(int)
    assert np.abs(seen - (40, 160, 60)).max() <= 2, "every pixel left has the sprite's colour"


def test_a_dark_outline_beside_the_key_stays() -> None:
    rgb = np.full((20, 20, 3), MAGENTA, dtype=np.uint8)
    rgb[5:15, 5:15] = 0
    rgb[6:14, 6:14] = (250, 200, 160)
    cut, alpha = cut_out(rgb, np.full((20, 20), 255, np.uint8), Background("colour", (MAGENTA,)))
    assert (alpha[5:15, 5:15] == 255).all()
    assert np.array_equal(cut[5:15, 5:15], rgb[5:15, 5:15])
    assert (alpha == 255).sum() == 100


def test_white_goes_only_where_it_reaches_the_edge_and_magenta_everywhere() -> None:
    opaque = np.full((20, 20), 255, np.uint8)
    for key, inner in (((255, 255, 255), 255), (MAGENTA, 0)):
        rgb = np.full((20, 20, 3), key, dtype=np.uint8)
        rgb[4:16, 4:16] = (200, 30, 30)
        rgb[8:12, 8:12] = key  # the white of an eye
        _, alpha = cut_out(rgb, opaque, Background("colour", (key,)))
        assert alpha[0, 0] == 0
        assert alpha[10, 10] == inner


def test_a_single_picture_keeps_its_plain_wall_but_loses_magenta() -> None:
    opaque = np.full((40, 40), 255, np.uint8)
    for key, corner in (((220, 230, 240), 255), (MAGENTA, 0)):
        sheet = slice_sheet(_disc_on(key, (40, 60, 50)), opaque)
        assert len(sheet.sprites) == 1
        assert sheet.sprites[0].alpha[0, 0] == corner


def test_empty_cells_are_counted_and_left_out() -> None:
    how = Drawn(4, 3, (32, 32), 2, 4, missing=2)
    sheet = slice_sheet(*draw_sheet(how))
    assert (len(sheet.sprites), sheet.empty_cells) == (10, 2)
    assert [one.cell.index for one in sheet.sprites] == list(range(10))


def test_regions_are_found_in_the_order_of_reading_without_specks() -> None:
    mask = np.zeros((60, 100), dtype=bool)
    boxes = [(5, 4, 25, 24), (40, 8, 60, 26), (70, 2, 95, 20), (8, 35, 30, 55), (50, 33, 80, 58)]
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    mask[30, 98] = True
    assert [cell.box_px for cell in find_regions(mask)] == boxes
    assert [cell.row for cell in find_regions(mask)] == [0, 0, 0, 1, 1]


def test_a_sheet_without_a_grid_is_cut_by_its_regions() -> None:
    rng = np.random.default_rng(3)
    alpha = np.zeros((200, 300), dtype=np.uint8)
    for x, y, side in (
        (10, 7, 40),
        (77, 21, 52),
        (163, 3, 44),
        (231, 40, 55),
        (31, 110, 60),
        (140, 97, 66),
    ):
        alpha[y : y + side, x : x + side] = 255
    rgb = rng.integers(0, 255, (200, 300, 3)).astype(np.uint8)
    sheet = slice_sheet(rgb, alpha)
    assert sheet.grid is None
    assert len(sheet.sprites) == 6
    assert all((one.alpha == 255).all() for one in sheet.sprites)


def test_the_scale_of_pixel_art_is_found() -> None:
    art = np.random.default_rng(1).integers(0, 2, (16, 12, 1)) * np.array([60, 50, 40])
    for scale in (1, 2, 8):
        large = art.repeat(scale, axis=0).repeat(scale, axis=1).astype(np.uint8)
        assert pixel_scale(large) == scale
        assert is_pixel_art(large)
    smooth = np.random.default_rng(1).integers(0, 255, (128, 128, 3)).astype(np.uint8)
    assert not is_pixel_art(smooth)
    assert pixel_scale(np.full((32, 32, 3), 9, np.uint8)) == 1


def test_enlarged_pixel_art_holds_only_colours_of_the_art_in_equal_blocks() -> None:
    art = np.random.default_rng(2).integers(0, 255, (16, 16, 3)).astype(np.uint8)
    large = art.repeat(8, axis=0).repeat(8, axis=1)
    quad = np.array([[0.0, 0.3], [0, 127.9], [127.6, 127.9], [127.6, 0.3]])
    square = snapped_square(quad, 256, 8, (128, 128))
    assert square == (0, 0, 16)
    crop = enlarged_square(large, square, 256, 8, (1, 2, 3))
    assert np.array_equal(crop, art.repeat(16, axis=0).repeat(16, axis=1))


def test_pixel_art_outside_of_the_picture_gets_the_colour_asked_for() -> None:
    art = np.full((4, 4, 3), 200, dtype=np.uint8)
    crop = enlarged_square(art, (-2, 0, 4), 8, 1, (7, 8, 9))
    assert (crop[:, :4] == (7, 8, 9)).all()
    assert (crop[:, 4:] == 200).all()


def test_a_colour_is_read_or_refused() -> None:
    assert parse_colour("#FF00ff", what="--key") == MAGENTA
    with pytest.raises(UsageError, match="--key 'pink' is no colour"):
        parse_colour("pink", what="--key")

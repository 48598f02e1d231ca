"""The grid as a picture: where things go, that pixels are kept, and what is written."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from artstyle.errors import UsageError
from artstyle.pipeline.challenge.planning import Look
from artstyle.report.challenge_layout import Box, Layout, Sizes, arrangement_of, lay_out
from artstyle.report.challenge_sheet import LOST, Tile, TileRow, check_look, draw_grid
from artstyle.report.sheet import THEMES

GROUPS = ("person", "person", *["styles"] * 5, *["baselines"] * 2)


def layout(rows: int = 1, columns: int | None = None, tiles: int = 9, cell: int = 100) -> Layout:
    return lay_out(
        Sizes(cell), rows, GROUPS[:tiles], columns=columns, top=90, row_name_px=60 * (rows > 1)
    )


def overlap(one: Box, other: Box) -> bool:
    apart = one.left + one.side <= other.left or other.left + other.side <= one.left
    return not (apart or one.bottom <= other.top or other.bottom <= one.top)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("tiles", [2, 3, 6, 9])
@pytest.mark.parametrize("columns", [None, 1, 4, 20])
def test_pictures_stand_apart_and_inside(rows, tiles, columns):
    found = layout(rows, columns, tiles)
    boxes = [box for row in found.boxes for box in row]
    assert len(boxes) == rows * tiles
    assert not any(overlap(one, other) for one, other in combinations(boxes, 2))
    margin = Sizes(100).margin
    assert min(box.left for box in boxes) >= margin
    assert max(box.left + box.side for box in boxes) == found.width - margin
    assert min(box.top for box in boxes) >= 90
    assert max(box.bottom for box in boxes) < found.bottom


def test_one_photo_is_a_poster_with_the_photo_large():
    assert arrangement_of(1, 9, None) == "poster"
    photo, *others = layout().boxes[0]
    assert {box.side for box in others} == {100}
    assert photo.side > 200
    assert photo.bottom == others[-1].bottom  # it ends where the last line does
    assert len({box.top for box in others}) == 2


def test_several_photos_are_a_table_with_more_room_between_groups():
    assert arrangement_of(2, 9, None) == "table"
    first, second = layout(rows=2).boxes
    assert [box.left for box in first] == [box.left for box in second]
    gaps = np.diff([box.left for box in first]) - 100
    assert gaps[1] == gaps[6] > gaps[0] == gaps[2]  # before the styles, and before the baselines


def test_columns_that_were_asked_for():
    found = layout(rows=2, columns=4)
    assert found.arrangement == "wrapped"
    assert [len({box.top for box in row}) for row in found.boxes] == [3, 3]
    assert max(len({box.left for box in row}) for row in found.boxes) == 4
    assert layout(columns=9).arrangement == "table"


def tile(colour: str, name: str, group: str = "styles", **more: object) -> Tile:
    pixels = np.array(Image.new("RGB", (16, 16), colour))
    return Tile(pixels, name, group, **more)  # type: ignore[arg-type]


def row(name: str = "anna") -> TileRow:
    tiles = (
        tile("#804020", "photo", "person"),
        tile("#208040", "projection", "person", figure="0.31"),
        tile("#402080", "toon head", figure="0.71, likeness lost", is_lost=True),
    )
    return TileRow(name, tiles)


def colours(picture: np.ndarray) -> dict[tuple[int, ...], int]:
    packed = picture.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    values, counts = np.unique(packed, return_counts=True)
    return {
        tuple(int(value).to_bytes(3, "big")): int(count)
        for value, count in zip(values, counts, strict=True)
    }


def rgb(word: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(word[1:]))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("columns", [None, 1, 3])
def test_pictures_come_through_unchanged_and_words_are_in_the_theme(theme, columns):
    look = Look(columns=columns, theme=theme, cell_px=240)
    picture = draw_grid([row()], look, title="Anna in one style", foot=["Licences: CC0-1.0"])
    found = colours(picture)
    assert found[rgb("#208040")] == found[rgb("#402080")] == 240 * 240
    assert found[rgb("#804020")] >= 240 * 240
    assert max(found, key=lambda colour: found[colour]) == rgb(THEMES[theme].paper)
    for colour in (THEMES[theme].ink, THEMES[theme].soft, THEMES[theme].edge, LOST[theme]):
        assert found.get(rgb(colour), 0) > 20


def test_a_figure_that_says_nothing_is_not_in_the_colour_of_loss():
    kept = TileRow("anna", row().tiles[:2])
    picture = draw_grid([kept], Look(cell_px=96), title="Anna", foot=[])
    assert rgb(LOST["light"]) not in colours(picture)


def test_print_size_is_the_same_picture_larger():
    small, large = (
        draw_grid([row(), row("ben")], Look(cell_px=side), title="Two people", foot=["foot"])
        for side in (240, 720)
    )
    assert np.abs(np.array(large.shape[:2]) / small.shape[:2] - 3).max() < 0.1
    shrunk = Image.fromarray(large).resize(small.shape[1::-1], Image.Resampling.BOX)
    assert np.abs(np.asarray(shrunk).astype(int) - small).mean() < 8


def test_long_names_stay_inside():
    name = "a very long name of a photo that nobody would give to a file " * 3
    picture = draw_grid(
        [row(name), row("ben")], Look(cell_px=64), title=name, foot=["words " * 300]
    )
    margin = Sizes(64).margin - 1  # a hairline stands around pictures
    paper = rgb(THEMES["light"].paper)
    assert (picture[:, :margin] == paper).all()
    assert (picture[:, -margin:] == paper).all()
    assert (picture[-margin + 4 :] == paper).all()


def test_sizes_that_cannot_be():
    with pytest.raises(UsageError, match="no room for words"):
        check_look(Look(cell_px=30), 1, 5)
    with pytest.raises(UsageError, match="megapixels") as fault:
        check_look(Look(cell_px=20_000), 1, 5)
    most = int(str(fault.value.hint).split()[1])
    check_look(Look(cell_px=most), 1, 5)
    with pytest.raises(UsageError, match="0 columns"):
        check_look(Look(columns=0), 1, 5)

"""Contact sheets: pictures unchanged and in their places, words beside them and readable."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from PIL import ImageFont

from artstyle.errors import ImageError
from artstyle.report import _lettering as lettering
from artstyle.report.sheet import THEMES, contact_sheet

PAPER = {name: tuple(bytes.fromhex(theme.paper[1:])) for name, theme in THEMES.items()}
HOLE = tuple(bytes.fromhex(THEMES["light"].hole[1:]))


def picture(colour: tuple[int, int, int], height: int = 40, width: int = 40) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def box(sheet: np.ndarray, colour: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Where a colour stands: left, top, right, bottom; and it fills that box."""
    rows, columns = np.nonzero((sheet == colour).all(axis=2))
    assert len(rows), f"{colour} is nowhere"
    left, top, right, bottom = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    assert len(rows) == (right - left) * (bottom - top)
    return int(left), int(top), int(right), int(bottom)


def ink(sheet: np.ndarray, part: tuple[slice, slice], paper: str = "light") -> int:
    """How many pixels of a part are not paper."""
    return int((sheet[part] != PAPER[paper]).any(axis=2).sum())


RED, GREEN, BLUE, PINK = (200, 0, 0), (0, 200, 0), (0, 0, 200), (250, 0, 250)


def test_pictures_stand_row_after_row_unchanged() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    sheet = contact_sheet([noise, picture(RED), picture(GREEN)], columns=2, gap_px=10)
    left, top, right, bottom = box(sheet, RED)
    assert (right - left, bottom - top) == (40, 40)
    assert (sheet[top:bottom, left - 50 : left - 10] == noise).all()
    assert box(sheet, GREEN) == (left - 50, top + 50, left - 10, top + 90)
    assert sheet.dtype == np.uint8
    assert sheet.shape[2] == 3
    margin = left - 50
    assert sheet.shape[:2] == (40 * 2 + 10 + 2 * margin, 40 * 2 + 10 + 2 * margin)
    assert margin == top


def test_columns_are_nearly_a_square_or_follow_their_names() -> None:
    cells = [picture(RED)] * 7
    assert contact_sheet(cells, gap_px=6).shape == contact_sheet(cells, columns=3, gap_px=6).shape
    named = contact_sheet(cells, column_labels=["a", "b", "c", "d"])
    assert named.shape[1] > contact_sheet(cells, columns=3).shape[1]


def test_pictures_are_fitted_in_proportion_and_centred() -> None:
    sheet = contact_sheet(
        [picture(RED, 100, 50), picture(GREEN, 25, 50), picture(BLUE, 10, 10)],
        columns=3,
        cell_size_px=(60, 80),
        gap_px=8,
    )
    red, green, blue = box(sheet, RED), box(sheet, GREEN), box(sheet, BLUE)
    assert (red[2] - red[0], red[3] - red[1]) == (40, 80)
    assert (green[2] - green[0], green[3] - green[1]) == (60, 30)
    assert (blue[2] - blue[0], blue[3] - blue[1]) == (60, 60)
    assert green[0] - (red[0] - 10) == 68
    assert green[1] - red[1] == 25
    assert red[0] - 10 == blue[0] - 2 * 68


def test_pixel_art_is_enlarged_by_whole_numbers() -> None:
    art = np.zeros((4, 4, 3), np.uint8)
    art[::2, ::2] = art[1::2, 1::2] = 255
    sheet = contact_sheet([art], cell_size_px=30, pixel_art=True)
    big = art.repeat(7, axis=0).repeat(7, axis=1)
    middle = sheet.shape[0] // 2
    assert (sheet[middle - 14 : middle + 14, middle - 14 : middle + 14] == big).all()
    smooth = contact_sheet([art], cell_size_px=30)
    assert len(np.unique(smooth)) > 20


def test_one_channel_grey_and_alpha() -> None:
    grey = np.full((40, 40), 7, np.uint8)
    clear = np.dstack([picture(RED), np.full((40, 40), 0, np.uint8)])
    sheet = contact_sheet([grey, grey[..., None], clear], columns=3)
    assert ((sheet == 7).all(axis=2)).sum() == 2 * 40 * 40
    assert not (sheet == RED).all(axis=2).any()
    assert box(sheet, HOLE)[2] - box(sheet, HOLE)[0] == 40


def test_empty_places_show_that_something_is_missing() -> None:
    sheet = contact_sheet([picture(RED), None, picture(GREEN)], columns=2)
    left, top, right, bottom = box(sheet, HOLE)
    assert (right - left, bottom - top) == (40, 40)
    assert box(sheet, RED)[1] == top, "the last place of an unfinished row stays paper"


def test_hairline_lies_beside_the_picture() -> None:
    edge = tuple(bytes.fromhex(THEMES["light"].edge[1:]))
    sheet = contact_sheet([picture(RED)])
    left, top, right, bottom = box(sheet, RED)
    assert (sheet[top - 1, left - 1 : right + 1] == edge).all()
    assert (sheet[bottom, left - 1 : right + 1] == edge).all()
    tight = contact_sheet([picture(RED), picture(GREEN)], columns=2, gap_px=0)
    assert box(tight, GREEN)[0] == box(tight, RED)[2]
    assert not (tight == edge).all(axis=2).any()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_stand_where_they_belong(theme: Any) -> None:
    cells = [picture(colour, 120, 120) for colour in (RED, GREEN, BLUE, PINK)]
    common: dict[str, Any] = {"columns": 2, "gap_px": 10, "background": theme}
    bare = contact_sheet(cells, **common)
    left, top, right, _ = box(bare, RED)
    assert ink(bare, (slice(0, top - 1), slice(None)), theme) == 0

    titled = contact_sheet(cells, title="Title", **common)
    moved = box(titled, RED)[1] - top
    assert moved >= 20
    assert ink(titled, (slice(top, top + moved - 2), slice(None)), theme) > 50

    named = contact_sheet(cells, column_labels=["one", "two"], **common)
    moved = box(named, RED)[1] - top
    over = slice(top, top + moved - 2)
    assert ink(named, (over, slice(left, right)), theme) > 20
    assert ink(named, (over, slice(right + 2, right + 8)), theme) == 0

    rows = contact_sheet(cells, row_labels=["alpha", "beta"], **common)
    moved = box(rows, RED)[0] - left
    first, second = box(rows, RED), box(rows, BLUE)
    beside = slice(left, left + moved - 2)
    assert ink(rows, (slice(first[1] + 45, first[1] + 75), beside), theme) > 20
    assert ink(rows, (slice(second[1] + 45, second[1] + 75), beside), theme) > 20
    assert ink(rows, (slice(first[1], first[1] + 40), beside), theme) == 0

    below = contact_sheet(cells, labels=["a", "b", None, "d"], **common)
    first, third, last = box(below, RED), box(below, BLUE), box(below, PINK)
    assert third[1] - first[3] > 10 + 12
    assert ink(below, (slice(first[3] + 2, third[1] - 2), slice(first[0], first[2])), theme) > 5
    assert ink(below, (slice(third[3] + 2, None), slice(third[0], third[2])), theme) == 0
    assert ink(below, (slice(last[3] + 2, None), slice(last[0], last[2])), theme) > 5

    footed = contact_sheet(cells, footer="CC BY 3.0", **common)
    assert box(footed, RED) == box(bare, RED)
    assert ink(footed, (slice(box(footed, BLUE)[3] + 2, None), slice(None)), theme) > 50


def test_words_are_dark_on_light_and_light_on_dark() -> None:
    for theme, extreme in (("light", 60), ("dark", 220)):
        sheet = contact_sheet([picture(RED)], title="IIII", background=theme)  # type: ignore[arg-type]
        top = sheet[: box(sheet, RED)[1] - 2].astype(int).mean(axis=2)
        assert (top.min() < extreme) if theme == "light" else (top.max() > extreme)


def test_captions_never_reach_their_neighbours() -> None:
    cells = [picture(RED), picture(GREEN), picture(BLUE)]
    long = "a caption much longer than the picture above it is wide, supercalifragilistic"
    sheet = contact_sheet(cells, columns=3, labels=[None, long, None], gap_px=12)
    red, green, blue = box(sheet, RED), box(sheet, GREEN), box(sheet, BLUE)
    under = slice(green[3] + 2, None)
    assert ink(sheet, (under, slice(green[0], green[2]))) > 20
    assert ink(sheet, (under, slice(red[0], red[2]))) == 0
    assert ink(sheet, (under, slice(blue[0], blue[2]))) == 0


def test_groups_of_columns_have_room_between_them() -> None:
    cells = [picture(RED), picture(GREEN), picture(BLUE)]
    sheet = contact_sheet(cells, columns=3, gap_px=8, column_groups=[1, 2])
    red, green, blue = box(sheet, RED), box(sheet, GREEN), box(sheet, BLUE)
    assert blue[0] - green[2] == 8
    assert green[0] - red[2] == 8 + 16


def test_same_words_and_pictures_give_the_same_sheet() -> None:
    first, second = (
        contact_sheet([picture(RED)], title="T", labels=["x"], footer="f") for _ in range(2)
    )
    assert (first == second).all()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"cells": []}, "needs at least one picture"),
        ({"columns": 0}, "cannot have 0 columns"),
        ({"labels": ["a"]}, "1 captions do not fit 2 pictures"),
        ({"row_labels": ["a", "b"]}, "2 names of rows do not fit 1 rows"),
        ({"column_labels": ["a"]}, "1 names of columns do not fit 2 columns"),
        ({"column_groups": [1, 2]}, r"groups of \(1, 2\) columns are not 2 columns"),
        ({"column_groups": [2, 0]}, r"groups of \(2, 0\)"),
        ({"cell_size_px": 4}, "cells of 4 x 4 pixels are too small"),
        ({"cells": [np.zeros((4, 4, 3))] * 2}, "float64 and shape .* is no picture for a sheet"),
        ({"cells": [np.zeros((4, 4, 2), np.uint8)] * 2}, "is no picture for a sheet"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], why: str) -> None:
    cells = [picture(RED), picture(GREEN)]
    with pytest.raises(ImageError, match=why):
        contact_sheet(**{"cells": cells, "columns": 2} | options)


# Lettering


def test_long_lines_are_shortened_to_their_width() -> None:
    whole = lettering.set_line("a short line", 20)
    assert whole.text == "a short line"
    for width in (30, 60, 90):
        line = lettering.set_line("a short line", 20, width)
        assert line.width_px <= width
        assert line.text.endswith("…")
        longer = lettering.set_line("a short line"[: len(line.text)] + "…", 20)
        assert longer.width_px > width, "one letter more would not fit"
    assert lettering.set_line(" two\n  spaces ", 20).text == "two spaces"


def test_lines_are_broken_between_words() -> None:
    width = lettering.set_line("three words here", 16).width_px
    lines = lettering.set_lines("three words here and three more there", 16, width, 5)
    assert " ".join(line.text for line in lines) == "three words here and three more there"
    assert lines[0].text == "three words here"
    assert all(line.width_px <= width for line in lines)
    short = lettering.set_lines("three words here and three more there", 16, width, 2)
    assert len(short) == 2
    assert short[1].text.endswith("…")
    assert [line.text for line in lettering.set_lines("a\nb", 16, 500, 5)] == ["a", "b"]
    assert lettering.set_lines("", 16, 500, 5) == []


def test_letters_without_a_font_become_their_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "_SYSTEM_FONTS", ())
    said = {
        "Gödel, Ærø": "Godel, AEro",
        "Łódź \N{MULTIPLICATION SIGN} 3 \N{EN DASH} ok": "Lodz x 3 - ok",
        "naïve ²": "naive 2",
        "写真": "??",
        "straße… ok": "strasse… ok",
    }
    assert {text: lettering.set_line(text, 20).text for text in said} == said


def test_letters_are_taken_from_a_font_of_the_system_that_has_them_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bundled = lettering._bundled(20)
    richer = ImageFont.load_default(20)
    monkeypatch.setattr(lettering, "_has", lambda font, letter: font is richer or letter.isascii())
    asked: list[str] = []

    def system(name: str, size_px: int) -> ImageFont.FreeTypeFont | None:
        asked.append(name)
        return richer if name == "Arial.ttf" else None

    monkeypatch.setattr(lettering, "_system", system)
    assert lettering.set_line("Gödel", 20) == lettering.Line("Gödel", richer)
    assert asked[-1] == "Arial.ttf"
    asked.clear()
    assert lettering.set_line("Goedel", 20) == lettering.Line("Goedel", bundled)
    assert asked == [], "plain words look alike on every machine"


def test_font_that_is_not_there_is_none() -> None:
    assert lettering._system("No Such Font.ttf", 12) is None


def test_pillow_without_freetype_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    lettering._bundled.cache_clear()
    monkeypatch.setattr(lettering.features, "check", lambda feature: False)
    with pytest.raises(ImageError, match="built without FreeType") as caught:
        lettering.set_line("x", 12)
    assert re.search("pip install --force-reinstall pillow", str(caught.value.hint))

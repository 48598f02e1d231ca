"""How sheets are cut, from what is typed to what lies in the workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.sheets import MAGENTA, Drawn, draw_sheet

from artstyle.images import read_rgb

HEADS = ("--style", "heads", "--layout", "head", "--size", "64")


def _written(path: Path, how: Drawn) -> Path:
    rgb, alpha = draw_sheet(how)
    Image.fromarray(rgb if how.key else np.dstack([rgb, alpha])).save(path)
    return path


def _extracted(cli: Any, workspace: Path, sheet: Path, *words: object) -> dict[str, Any]:
    command = ("extract", "--workspace", workspace, "--sprites", sheet, *HEADS, *words)
    outcome = cli(*command, "--json")
    assert outcome.exit_code == 0, outcome.stderr
    return dict(outcome.json())


def _crops(workspace: Path) -> list[Path]:
    return sorted((workspace / "datasets/heads/crops").rglob("*.png"))


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    return _written(tmp_path / "sheet.png", Drawn(4, 3, (32, 32), 4, 6, key=MAGENTA))


@pytest.mark.parametrize(
    "words",
    [
        ("--grid", "4x3", "--gutter", "4", "--margin", "6"),
        ("--cell", "32x32", "--gutter", "4", "--margin", "6"),
        ("--cell", "32", "--gutter", "4", "--margin", "6", "--cut", "grid"),
        (),
    ],
)
def test_a_grid_is_taken_as_it_is_given(
    cli: Any, workspace: Path, sheet: Path, words: tuple[str, ...]
) -> None:
    assert _extracted(cli, workspace, sheet, *words, "--pixel-art", "yes")["crops"] == 12
    drawn = np.asarray(Image.open(sheet))
    last = read_rgb(_crops(workspace)[-1]).rgb
    x, y = 6 + 3 * 36, 6 + 2 * 36
    assert np.array_equal(last, drawn[y : y + 32, x : x + 32].repeat(2, axis=0).repeat(2, axis=1))


def test_a_grid_without_its_gutter_and_margin_cuts_elsewhere(
    cli: Any, workspace: Path, sheet: Path
) -> None:
    assert _extracted(cli, workspace, sheet, "--grid", "2x2")["crops"] == 4


def test_whole_takes_a_sheet_for_one_sprite(cli: Any, workspace: Path, sheet: Path) -> None:
    assert _extracted(cli, workspace, sheet, "--cut", "whole")["crops"] == 1


def test_regions_are_cut_apart_wherever_they_lie(cli: Any, workspace: Path, tmp_path: Path) -> None:
    canvas = np.zeros((120, 200, 4), dtype=np.uint8)
    for x, y in ((5, 7), (60, 30), (120, 2), (150, 70)):
        canvas[y : y + 40, x : x + 36] = (200, x, y, 255)
    path = tmp_path / "regions.png"
    Image.fromarray(canvas).save(path)
    assert _extracted(cli, workspace, path, "--cut", "regions")["crops"] == 4


def test_a_key_that_is_named_becomes_the_matte(cli: Any, workspace: Path, tmp_path: Path) -> None:
    art = np.zeros((64, 64, 3), dtype=np.uint8)
    art[:] = (0, 90, 40)  # a plain wall behind one sprite, which stays unless it is named
    art[16:48, 16:48] = (250, 200, 180)
    path = tmp_path / "one.png"
    Image.fromarray(art).save(path)
    for words, corner in (((), (0, 90, 40)), (("--key", "#005a28", "--matte", "#102030"), None)):
        _extracted(cli, workspace, path, "--pixel-art", "yes", *words)
        newest = max(_crops(workspace), key=lambda one: one.stat().st_mtime_ns)
        pixels = read_rgb(newest).rgb
        assert tuple(pixels[0, 0].tolist()) == (corner or (0x10, 0x20, 0x30))
        assert tuple(pixels[32, 32].tolist()) == (250, 200, 180)


def test_blocks_or_smooth(cli: Any, workspace: Path, tmp_path: Path) -> None:
    path = _written(tmp_path / "one.png", Drawn(1, 1, (32, 32), key=(9, 9, 9)))
    blocks = {}
    for choice in ("yes", "no"):
        _extracted(cli, workspace, path, "--pixel-art", choice)
        newest = max(_crops(workspace), key=lambda one: one.stat().st_mtime_ns)
        pixels = read_rgb(newest).rgb
        small = pixels[::2, ::2].repeat(2, axis=0).repeat(2, axis=1)
        blocks[choice] = bool(np.array_equal(pixels, small))
    assert blocks == {"yes": True, "no": False}


@pytest.mark.parametrize("missing", [0, 3])
def test_sprites_that_float_in_their_cells_are_found(
    cli: Any, workspace: Path, tmp_path: Path, missing: int
) -> None:
    how = Drawn(6, 4, (48, 48), opaque=False, missing=missing, seed=4)
    found = _extracted(cli, workspace, _written(tmp_path / "floating.png", how))
    assert found["crops"] == 24 - missing
    assert _crops(workspace)[0].name == "row-00-column-00.png"


@pytest.mark.parametrize(
    ("words", "code_and_said"),
    [
        (("--grid", "4by3"), (1, "'4by3' is not two whole numbers like 10x6")),
        (("--cell", "0x8"), (1, "'0x8' is not two whole numbers like 10x6")),
        (("--grid", "4x3", "--cell", "32x32"), (2, "not by both")),
        (("--gutter", "4"), (2, "means nothing without a grid")),
        (("--grid", "4x3", "--cut", "regions"), (2, "takes no grid")),
        (("--key", "pink"), (1, "'pink' is no colour like #ff00ff")),
        (("--cell", "900x900"), (1, "no room for one cell")),
    ],
)
def test_what_cannot_be_cut_is_said(
    cli: Any, workspace: Path, sheet: Path, words: tuple[str, ...], code_and_said: tuple[int, str]
) -> None:
    command = ("extract", "--workspace", workspace, "--sprites", sheet, *HEADS, *words)
    outcome = cli(*command)
    code, said = code_and_said
    assert said in outcome.stderr
    assert outcome.exit_code == code


def test_a_huge_sheet_is_named_and_the_others_are_cut(
    cli: Any, workspace: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "sheets"
    folder.mkdir()
    Image.new("P", (9000, 8000)).save(folder / "huge.png")  # a few kilobytes
    _written(folder / "small.png", Drawn(4, 3, (32, 32), 2, 2))
    found = _extracted(cli, workspace, folder)
    assert found["crops"] == 12
    (skipped,) = found["skipped"]
    assert skipped["path"].endswith("huge.png")
    assert "9,000 x 8,000 pixels, more than the bound of 64 megapixels" in skipped["reason"]


def test_of_an_animation_the_first_picture_is_taken_and_that_is_said(
    cli: Any, workspace: Path, tmp_path: Path
) -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("#c83214", "#0a0aff", "#14b41e")]
    path = tmp_path / "waving.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    command = ("extract", "--workspace", workspace, "--sprites", path, *HEADS)
    outcome = cli(*command)
    assert outcome.exit_code == 0, outcome.stderr
    assert "waving.gif: first of 3" in outcome.stderr
    (crop,) = _crops(workspace)
    assert tuple(read_rgb(crop).rgb[32, 32].tolist()) == (0xC8, 0x32, 0x14)


def test_points_of_a_recipe_say_where_the_faces_lie(
    cli: Any, workspace: Path, tmp_path: Path
) -> None:
    path = _written(tmp_path / "one.png", Drawn(1, 1, (96, 96), key=(9, 9, 9)))
    _extracted(cli, workspace, path)
    recipe = workspace / "datasets/heads/recipe.toml"
    written = recipe.read_text()
    words = ("extract", "--workspace", workspace, "--style", "heads", "--json")
    for points, fault in (
        ("0.3, 0.4, 0.7, 0.4, 0.5, 0.55, 0.35, 0.7, 0.65, 0.7", ""),
        ("0.3, 0.4, 0.7", "points: 3 numbers are not ten"),
        ("0.3, 4", "points[1]: 4.0 is"),
    ):
        changed = written.replace("points = []", f"points = [{points}]")
        assert changed != written
        recipe.write_text(changed)
        outcome = cli(*words)
        assert fault in outcome.stderr
        assert (outcome.exit_code == 0) is (not fault), outcome.stderr
    assert len(_crops(workspace)) == 2, "one by the layout, one by the points"

"""The sheet of drawn pictures: what stands where, when it is drawn anew, how large it may be."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.generators import write_generator

from artstyle import files, images
from artstyle.errors import UsageError
from artstyle.events import Note
from artstyle.pipeline.generate import find_models, generate, mix_styles, pictures
from artstyle.pipeline.generate.record import read_works
from artstyle.report import generate_sheet
from artstyle.report.generate_sheet import check_size, draw_sheet


@pytest.fixture
def models(tmp_path: Path, workspace: Path):
    for seed, name in enumerate(("base", "style")):
        write_generator(workspace / "models" / f"{name}.safetensors", seed=seed)
    return find_models(["base", "style"], workspace)


@pytest.fixture
def asked(monkeypatch):
    """What the drawer of sheets is asked for."""
    calls = []
    drawer = generate_sheet.contact_sheet

    def listen(cells, **words):
        calls.append((cells, words))
        return drawer(cells, **words)

    monkeypatch.setattr(generate_sheet, "contact_sheet", listen)
    return calls


def test_one_column_is_wrapped_and_named_below(models, tmp_path, asked):
    work = generate(models[:1], [4, 0, 9], out=tmp_path / "out")
    path = draw_sheet(work)
    assert path == tmp_path / "out" / "sheet.png"
    ((cells, words),) = asked
    assert words["labels"] == ("seed 4", "seed 0", "seed 9")
    assert words["columns"] == 3
    assert words["title"] == "base"
    assert words["footer"] == "base: licence CC0-1.0"
    assert words["cell_size_px"] == 128
    for cell, seed in zip(cells, (4, 0, 9), strict=True):
        picture = images.read_rgb(tmp_path / "out" / f"seed{seed:04d}.png").rgb
        assert np.array_equal(cell, images.resize_lanczos(picture, 128, 128))


def test_models_stand_side_by_side_seed_by_seed(models, tmp_path, asked):
    work = generate(models, [4, 0], out=tmp_path / "out", truncation_psis=(0.5, 1))
    draw_sheet(work, enlarge="nearest", side_px=32)
    ((cells, words),) = asked
    assert words["row_labels"] == ("seed 4", "seed 0")
    assert words["column_labels"] == (
        "base\ntruncation 0.5",
        "base\ntruncation 1",
        "style\ntruncation 0.5",
        "style\ntruncation 1",
    )
    assert words["column_groups"] == (2, 2)
    assert words["pixel_art"] is True
    assert words["footer"] == "base, style: licence CC0-1.0"
    assert len(cells) == 8
    picture = images.read_rgb(tmp_path / "out" / "style" / "trunc0.5" / "seed0000.png").rgb
    assert np.array_equal(cells[1 * 4 + 2], picture)
    sheet = images.read_rgb(tmp_path / "out" / "sheet.png").rgb
    enlarged = images.resize_nearest(picture, 32, 32)
    assert contains(sheet, enlarged)


def contains(large: np.ndarray, small: np.ndarray) -> bool:
    height, width = small.shape[:2]
    corners = np.argwhere((large == small[0, 0]).all(axis=2))
    return any(
        np.array_equal(large[y : y + height, x : x + width], small)
        for y, x in corners
        if y + height <= large.shape[0] and x + width <= large.shape[1]
    )


def test_a_table_of_mixed_styles_has_its_origins_at_the_edges(models, tmp_path, asked):
    (work,) = mix_styles(models[:1], [1], [5, 6], out=tmp_path / "out", rows=[0, 1, 3])
    assert draw_sheet(work) == tmp_path / "out" / "mix.png"
    ((cells, words),) = asked
    assert words["row_labels"] == ("source B", "seed 1")
    assert words["column_labels"] == ("source A", "seed 5", "seed 6")
    assert words["footer"].startswith("w: rows 0-1, 3 of source B, the others of source A\n")
    assert cells[0] is None
    mixed = images.read_rgb(tmp_path / "out" / "mix" / "row0001-column0006.png").rgb
    assert np.array_equal(cells[5], images.resize_lanczos(mixed, 128, 128))


def test_the_sheet_is_in_the_record_and_says_what_it_is_made_from(models, tmp_path):
    work = generate(models, [4], out=tmp_path)
    path = draw_sheet(work)
    entry = read_works(tmp_path)["pictures"]["files"][-1]
    assert (entry["file"], entry["kind"]) == ("sheet.png", "sheet")
    assert entry["sha256"] == files.sha256_of(path)
    with Image.open(path) as picture:
        lineage = json.loads(picture.info["artstyle"])
    assert [model["name"] for model in lineage["models"]] == ["base", "style"]
    assert lineage["models"][0]["licence"] == "CC0-1.0"
    assert lineage["asked"]["seeds"] == [4]


def test_a_sheet_that_is_there_stays_and_a_changed_one_is_drawn_again(models, tmp_path, asked):
    work = generate(models[:1], [4], out=tmp_path)
    path = draw_sheet(work)
    record = (tmp_path / "generate.json").stat().st_mtime_ns
    draw_sheet(generate(models[:1], [4], out=tmp_path))
    assert len(asked) == 1
    assert (tmp_path / "generate.json").stat().st_mtime_ns == record
    whole = path.read_bytes()
    draw_sheet(work, side_px=64)
    draw_sheet(work)
    assert len(asked) == 3
    path.write_bytes(whole[:-1] + b"?")
    draw_sheet(work)
    path.unlink()
    draw_sheet(work)
    assert len(asked) == 5
    assert path.read_bytes() == whole
    draw_sheet(generate(models[:1], [4], out=tmp_path, truncation_psis=(0.5,)))
    assert len(asked) == 6


def test_a_sheet_of_other_pictures_is_drawn_again(models, tmp_path, asked, monkeypatch):
    draw_sheet(generate(models[:1], [4], out=tmp_path))
    newer = {**pictures.versions(), "torch": "99"}
    monkeypatch.setattr(pictures, "versions", lambda: newer)
    draw_sheet(generate(models[:1], [4], out=tmp_path))
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("count", "columns"),
    [(1, 1), (2, 2), (3, 3), (4, 2), (5, 3), (7, 4), (8, 4), (9, 3), (10, 5), (16, 4), (100, 10)],
)
def test_lines_are_well_filled(count, columns):
    assert generate_sheet._well_filled(count) == columns


def test_columns_can_be_chosen(models, tmp_path, asked):
    work = generate(models[:1], range(3), out=tmp_path)
    draw_sheet(work, columns=1)
    draw_sheet(work, columns=50)
    assert [words["columns"] for _, words in asked] == [1, 3]


@pytest.mark.parametrize(
    ("count", "native", "side"),
    [(1, 16, 128), (4, 64, 128), (4, 128, 128), (4, 256, 256), (4, 1024, 512), (1000, 1024, 200)],
)
def test_pictures_have_a_size_that_can_be_seen_and_held(count, native, side):
    assert generate_sheet._side(count, native) == side


def test_too_many_pictures_get_no_sheet_and_a_word(models, tmp_path, monkeypatch):
    work = generate(models[:1], range(3), out=tmp_path)
    monkeypatch.setattr(generate_sheet, "SHEET_PIXELS", 2 * 32 * 32)
    seen = []
    assert draw_sheet(work, emit=seen.append) is None
    (note,) = seen
    assert isinstance(note, Note)
    assert "3 pictures are too many for a sheet, which holds 2" in note.text
    assert not (tmp_path / "sheet.png").exists()


def test_a_sheet_that_would_be_too_large_is_refused(models, tmp_path):
    work = generate(models, range(5), out=tmp_path, dry_run=True)
    check_size([work], 2000)
    check_size([work], None)
    with pytest.raises(UsageError, match="a sheet of 10 pictures of 2001 pixels") as caught:
        check_size([work], 2001)
    assert caught.value.hint.startswith("--size 2000")

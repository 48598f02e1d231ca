from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.small_models import write_small_model

from artstyle.errors import RecipeError, UsageError
from artstyle.events import Note
from artstyle.files import sha256_of
from artstyle.pipeline.search.settings import (
    FrontPoint,
    Swap,
    find_swap,
    half_sha256,
    points_of,
    read_swap,
    swap_at,
    swap_file,
    write_swap,
)
from artstyle.pipeline.search.walk import levels_of_labels, shares_at, words_of
from stylegan_ext.checkpoint import read_model, write_model
from stylegan_ext.levels import levels_of, parse_weights
from stylegan_ext.records import ModelFile

LABELS = ("4.1", "8.0", "8.1", "16.0", "16.1")
LEVELS = levels_of_labels(LABELS)


def a_swap(base: Path, style: Path) -> Swap:
    points = (
        FrontPoint(0.0, "4-16:0", 1.0, 0.0),
        FrontPoint(0.4, "4-8:0,16:1", 0.75, 0.5, {"distance": 0.2}),
        FrontPoint(1.0, "4.1:0,8-16:1", 0.25, 1.0),
    )
    return Swap(
        base="people",
        base_sha256=sha256_of(base),
        style_sha256=sha256_of(style),
        base_half_sha256=half_sha256(base),
        style_half_sha256=half_sha256(style),
        levels=LABELS,
        default_weights="4-8:0,16:1",
        default_strength=0.4,
        front=points,
        measured_in={"likeness": "dlib", "style": "own"},
        photos=24,
        command="artstyle blend people toon --search",
    )


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return (
        write_small_model(tmp_path / "people.safetensors", resolution=16),
        write_small_model(tmp_path / "toon.safetensors", resolution=16, seed=1),
    )


def test_a_swap_file_is_read_as_it_was_written(pair):
    swap = a_swap(*pair)
    path = swap_file(pair[1])
    assert path.name == "toon.swap.json"
    write_swap(path, swap)
    assert read_swap(path) == swap
    assert find_swap(*pair) == swap
    said = json.loads(path.read_text())
    assert said["default"] == {"weights": "4-8:0,16:1", "strength": 0.4}


def test_strengths_walk_between_neighbours(pair):
    swap = a_swap(*pair)
    assert swap_at(swap) == "4-8:0,16:1"
    assert swap_at(swap, 0) == "4-16:0"
    assert swap_at(swap, 0.1) == "4-8:0,16:0.25"
    assert swap_at(swap, 0.4) == "4-8:0,16:1"
    assert swap_at(swap, 0.7) == "4:0,8:0.5,16:1"
    assert swap_at(swap, 1) == "4:0,8-16:1"
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(UsageError, match="from 0, the base alone, to 1"):
            swap_at(swap, wrong)


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_strength_is_never_less_style_where_the_front_rises(one, two):
    points = [(0.0, (0.0,) * 5), (0.3, (0.0, 0.0, 0.2, 0.5, 1.0)), (0.9, (0.0, 0.1, 0.9, 1.0, 1.0))]
    weak, strong = (shares_at(points, strength) for strength in sorted((one, two)))
    assert all(a <= b for a, b in zip(weak, strong, strict=True))


@given(st.lists(st.sampled_from((0.0, 0.125, 0.3333, 0.5, 1.0)), min_size=5, max_size=5))
def test_words_say_what_the_shares_are(shares):
    words = words_of(shares, LEVELS)
    assert list(parse_weights(words, LEVELS).values()) == shares
    assert words.count(",") == sum(a != b for a, b in pairwise(shares))


def test_labels_stand_for_the_levels_of_a_model():
    kwargs = {"z_dim": 8, "c_dim": 0, "w_dim": 8, "img_resolution": 16, "img_channels": 3}
    held = levels_of("stylegan2-generator", kwargs)
    assert tuple(level.label for level in held) == LABELS
    words = "4-8:0,16.0:0.5,16.1:1"
    mine, real = parse_weights(words, LEVELS), parse_weights(words, held)
    assert list(mine.values()) == list(real.values())


def test_no_file_is_no_swap_and_no_complaint(pair):
    told: list[Note] = []
    assert find_swap(*pair, emit=told.append) is None
    assert told == []


def test_a_swap_for_other_models_is_told_and_not_used(pair, tmp_path):
    other = write_small_model(tmp_path / "other.safetensors", resolution=16, seed=7)
    write_swap(swap_file(pair[1]), a_swap(*pair))
    for base, style, role in ((other, pair[1], "base"), (pair[0], other, "style")):
        if style is other:
            swap_file(other).write_bytes(swap_file(pair[1]).read_bytes())
        told: list[Note] = []
        assert find_swap(base, style, emit=told.append) is None
        assert [note.level for note in told] == ["warning"]
        assert f"it was found for another {role}" in told[0].text


def test_a_model_that_was_packed_is_still_the_same(pair):
    swap = a_swap(*pair)
    write_swap(swap_file(pair[1]), swap)
    held = read_model(pair[1])
    record = held.networks["G_ema"]
    halves = {name: tensor.half() for name, tensor in record.tensors.items()}
    networks = {"G_ema": replace(record, tensors=halves)}
    write_model(pair[1], ModelFile(networks, replace(held.provenance, licence="CC0-1.0")))
    assert sha256_of(pair[1]) != swap.style_sha256
    assert find_swap(*pair) == swap


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "else"}, "something else"),
        ({"format_version": 2}, "its version is 2"),
        ({"base_sha256": "12"}, "base_sha256: '12' is no SHA-256"),
        ({"levels": ["4.1", "x"]}, "'x' is no level"),
        ({"levels": ["4.1", "4.1"]}, "a level is named twice"),
        ({"levels": []}, "there are no levels"),
        ({"front": []}, "front: it has no points"),
        ({"front": [3]}, "front[0]: 3 is no point"),
        ({"default": None}, "default: it is missing"),
        ({"default": {"weights": "4-16:0", "strength": 2}}, "strength is 2, no number from 0 to 1"),
        ({"default": {"weights": "4-8:0", "strength": 1}}, "no share for 16.0, 16.1"),
        ({"photos": True}, "photos is True, no number"),
        ({"measured_in": 3}, "measured_in: it is missing, or no table"),
    ],
)
def test_damaged_files_are_refused_with_all_faults(pair, change, said):
    path = swap_file(pair[1])
    write_swap(path, a_swap(*pair))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(RecipeError) as caught:
        read_swap(path)
    assert said in str(caught.value)
    assert "--search" in str(caught.value.hint)
    told: list[Note] = []
    assert find_swap(*pair, emit=told.append) is None
    assert told[0].level == "warning"
    assert said in told[0].text


def test_what_is_no_json_is_refused(pair):
    path = swap_file(pair[1])
    for text in ("", "{", "[1]", '{"photos": NaN}', "[" * 10_000, "\udc80"):
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        with pytest.raises(RecipeError):
            read_swap(path)
    path.unlink()
    with pytest.raises(RecipeError, match="there is no swap file"):
        read_swap(path)


def test_faults_come_together_and_are_never_written(pair):
    swap = a_swap(*pair)
    front = (swap.front[1], replace(swap.front[0], likeness=float("nan"), weights="99:1"))
    wrong = replace(swap, base_sha256="", front=front)
    path = swap_file(pair[1])
    with pytest.raises(RecipeError) as caught:
        write_swap(path, wrong)
    assert len(caught.value.faults) == 4
    assert "the strengths do not rise: [0.4, 0.0]" in str(caught.value)
    assert not path.exists()


def test_points_hold_the_shares(pair):
    assert points_of(a_swap(*pair))[1] == (0.4, (0.0, 0.0, 0.0, 1.0, 1.0))

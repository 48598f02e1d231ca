"""Which crops go into a dataset zip: parts, verdicts, labels, sizes, order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from artstyle.catalog.rows import CropRow, Standing
from artstyle.errors import CorpusError
from artstyle.pipeline.build.selection import part_names, reason_of, select

HERE = Path("/w")


def row(number, *, verdict=None, split=None, tags=(), size_px=256, reason="", **rest):
    return replace(
        CropRow(
            id=number,
            style="s",
            file=HERE / f"datasets/s/crops/a/{number:03d}.png",
            sha256=f"{number:064d}",
            size_px=size_px,
            quad_px=[],
            face=number,
            detector="yunet",
            bbox_px=[],
            points_px=[],
            score=1.0,
            quality={},
            frame=number,
            pts_s=float(number),
            shot=None,
            source=1,
            source_path=HERE / "films/a.mkv",
            source_kind="film",
            licence="CC0",
            standing=Standing(verdict=verdict, split=split, tags=frozenset(tags), reason=reason),
        ),
        **rest,
    )


def numbers(selection):
    return [one.crop.id for one in selection.chosen]


def take(rows, size_px=64, **rest):
    return select(rows, "s", HERE, size_px=size_px, **rest)


def test_parts_and_verdicts():
    rows = [
        row(1, split="train"),
        row(2, split="held-out", verdict="keep"),
        row(3, verdict="drop", split="train", reason="blurred: 4.1 px of smear; dark: 0.05"),
        row(4),
        row(5, verdict="drop", reason="blurred: 3.2 px of smear"),
    ]
    train = take(rows)
    assert numbers(train) == [1]
    assert train.parts == {"train": 1, "held-out": 1, "in neither part": 1}
    assert train.dropped == {"blurred": 2}
    assert any("1 kept crops are in neither part" in note for note in train.notes)
    assert numbers(take(rows, split="held-out")) == [2]
    assert numbers(take(rows, split="all")) == [1, 2, 4]
    assert part_names([rows[0], rows[1], rows[3]]) == ["train", "held-out", "in neither part"]


def test_where_only_some_are_held_out_the_rest_is_for_training():
    rows = [row(1), row(2, split="held-out"), row(3)]
    train = take(rows)
    assert numbers(train) == [1, 3]
    assert train.parts == {"train": 2, "held-out": 1}
    assert train.notes == ()


def test_nothing_split_takes_all_that_is_kept_and_says_so():
    train = take([row(1), row(2)])
    assert numbers(train) == [1, 2]
    assert train.notes[0].startswith("nothing was decided about the crops of s yet")
    assert train.notes[1].startswith("nothing is held out")


@pytest.mark.parametrize(
    ("rows", "options", "words", "hint"),
    [
        (
            [row(1, verdict="drop", reason="dark: 0.1")],
            {},
            "all 1 crops of s are dropped .1 dark",
            "--undo",
        ),
        ([row(1)], {"split": "held-out"}, "no crop of s is in the part 'held-out'", "curate"),
        (
            [row(1, tags="a")],
            {"labels": ["b"]},
            "1 have none .* several .b: 0; other tags are a",
            "dr",
        ),
        ([row(1, tags="ab"), row(2, tags="a")], {"labels": ["a", "b"]}, "1 have several", "drop"),
        (
            [row(1, tags="ab")],
            {"labels": ["a", "b"], "unlabelled": "drop"},
            "exactly one",
            "review",
        ),
        ([row(1, size_px=16)], {}, "16 px, would be enlarged 4.0 times", "--size 16"),
    ],
)
def test_what_cannot_be_built_says_what_to_do(rows, options, words, hint):
    with pytest.raises(CorpusError, match=words) as caught:
        take(rows, **options)
    assert hint in caught.value.hint


def test_labels_are_classes_in_the_order_given():
    rows = [row(1, tags=["m"]), row(2, tags=["f", "hat"]), row(3), row(4, tags=["f", "m"])]
    found = take(rows, labels=["f", "m"], unlabelled="drop")
    assert [(one.crop.id, one.label) for one in found.chosen] == [(1, 1), (2, 0)]
    assert (found.without_label, found.several_labels) == (1, 1)


def test_small_crops_are_counted_and_larger_ones_preferred():
    rows = [row(1, size_px=32), row(2, size_px=128), row(3, face=2, size_px=512)]
    rows.append(row(4, face=2, size_px=64))
    found = take(rows)
    assert numbers(found) == [1, 4]  # of face 2 the smallest that is large enough
    assert found.enlarged == 1
    assert "1 of 2 crops are enlarged to 64 px" in found.notes[-1]
    assert numbers(take(rows, size_px=1024, allow_enlarge=True)) == [1, 3]
    assert numbers(take([row(1, size_px=64), row(2, face=1, size_px=64)])) == [2]  # cut later


def test_few_pixels_in_the_source_are_told():
    found = take([row(1, quality={"upscale_factor": 8.0}), row(2)])
    assert found.thin == 1
    assert "1 of 2 crops had fewer than 64 pixels" in found.notes[-1]


def test_the_order_is_that_of_places_and_times_and_not_of_numbers():
    rows = [
        row(1, source_path=HERE / "films/b.mkv"),
        row(2, pts_s=9.0),
        row(3, pts_s=3.0, file=HERE / "datasets/s/crops/a/3-2.png"),
        row(4, pts_s=3.0, file=HERE / "datasets/s/crops/a/3-1.png"),
    ]
    assert numbers(take(rows)) == [4, 3, 2, 1]
    assert numbers(take(rows[::-1])) == [4, 3, 2, 1]


@pytest.mark.parametrize(
    ("reason", "short"),
    [
        ("blurred: smeared over 4.1 px; dark: mean 0.03", "blurred"),
        ("not a face", "not a face"),
        ("near 17.png", "near"),
        ("", "no reason given"),
    ],
)
def test_reasons_are_counted_without_their_figures(reason, short):
    assert reason_of(row(1, verdict="drop", reason=reason)) == short

"""Near-duplicates: what is one, what is not, and which of them stays."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from support.crops import drawn_face

from artstyle.curate.duplicates import (
    Kin,
    Near,
    Prints,
    bits_apart,
    components,
    differences,
    duplicates,
    joined,
    pair_differences,
    thumbnail,
)
from artstyle.curate.figures import luma, perceptual_hash

NEAR = Near(bits=10, difference=12.0)


def prints_of(pictures: list[np.ndarray]) -> Prints:
    flipped = [np.ascontiguousarray(one[:, ::-1]) for one in pictures]
    return Prints(
        np.array([perceptual_hash(luma(one)) for one in pictures], np.uint64),
        np.array([perceptual_hash(luma(one)) for one in flipped], np.uint64),
        np.stack([thumbnail(one) for one in pictures]),
    )


def jpeg(rgb: np.ndarray, quality: int = 50) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)


def test_bits_and_differences_by_hand() -> None:
    ones = np.array([0b1011, 0], np.uint64)
    assert bits_apart(ones, np.array([0b0010, 0b111], np.uint64)).tolist() == [2, 3]
    black = np.zeros((1, 24, 24, 3), np.uint8)
    dot = black.copy()
    dot[0, :4, :4, 1] = 30  # one field's chroma
    assert differences(black, dot).tolist() == [30]
    dot[0, :4, 2:4, 1] = 0  # half of the field
    assert differences(black, dot)[0] == pytest.approx(30 / np.sqrt(2))
    brighter = black.copy()
    brighter[..., 0] = 12
    assert differences(black, brighter).tolist() == [0]
    brighter[..., 0] = 20  # 12 are forgiven
    assert differences(black, brighter).tolist() == [8]


def test_other_copies_of_a_picture_are_near_and_others_are_not() -> None:
    rgb = drawn_face(1, 256)
    copies = [
        rgb,
        jpeg(rgb),
        cv2.resize(cv2.resize(rgb, (90, 90), interpolation=cv2.INTER_AREA), (256, 256)),
        np.clip(rgb * 1.05, 0, 255).astype(np.uint8),
        drawn_face(1, 256, shift_px=(1, 0)),
        np.ascontiguousarray(jpeg(rgb)[:, ::-1]),
    ]
    others = [drawn_face(seed, 256) for seed in range(2, 8)]
    prints = prints_of(copies + others)
    labels = components(prints, NEAR)
    assert labels[: len(copies)].tolist() == [0] * len(copies)
    assert labels[len(copies) :].tolist() == list(range(len(copies), len(prints)))
    found = duplicates(prints, labels, range(len(prints)), NEAR)
    assert [(one.crop, one.of) for one in found] == [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0)]
    assert [one.mirrored for one in found] == [False, False, False, False, True]


def test_another_mouth_is_another_picture() -> None:
    flat = np.full((256, 256, 3), 200, np.uint8)
    one, two = flat.copy(), flat.copy()
    cv2.circle(one, (128, 128), 80, (230, 180, 150), -1)
    cv2.circle(two, (128, 128), 80, (230, 180, 150), -1)
    cv2.ellipse(one, (128, 180), (20, 8), 0, 0, 360, (150, 20, 20), -1)
    cv2.ellipse(two, (128, 180), (8, 14), 0, 0, 360, (20, 20, 20), -1)
    prints = prints_of([one, two])
    assert bits_apart(prints.hashes[:1], prints.hashes[1:])[0] <= NEAR.bits, "the hash alone"
    assert components(prints, NEAR).tolist() == [0, 1]


def test_the_best_stays_and_nothing_goes_because_of_a_chain() -> None:
    """a ~ b ~ c, but not a ~ c: with b best both go; with a best, c stays."""
    thumbs = np.zeros((3, 24, 24, 3), np.uint8)
    for row in range(3):
        thumbs[row, :4, :4, 1] = 8 * row
    hashes = np.zeros(3, np.uint64)
    prints = Prints(hashes, ~hashes, thumbs)
    labels = components(prints, Near(0, 10))
    assert labels.tolist() == [0, 0, 0]
    of = {
        row: [(one.crop, one.of) for one in duplicates(prints, labels, order, Near(0, 10))]
        for row, order in {0: [0, 1, 2], 1: [1, 0, 2]}.items()
    }
    assert of == {0: [(1, 0)], 1: [(0, 1), (2, 1)]}
    assert duplicates(prints, labels, [0, 2], Near(0, 10)) == [], "1 takes no part"


def test_neighbours_in_a_film_are_held_to_less() -> None:
    thumbs = np.zeros((4, 24, 24, 3), np.uint8)
    thumbs[1:, :4, :4, 1] = 18
    thumbs[2:, 4:8, :4, 1] = 60
    thumbs[3, 4:8, :4, 1] = 90
    hashes = np.zeros(4, np.uint64)
    prints = Prints(hashes, ~hashes, thumbs)
    kin = Kin(["a", "a", None, None], Near(2, 24))
    labels = components(prints, Near(0, 12), kin)
    assert labels.tolist() == [0, 0, 2, 3]
    found = duplicates(prints, labels, range(4), Near(0, 12), kin)
    assert [(one.crop, one.of) for one in found] == [(1, 0)]
    assert components(prints, Near(0, 12)).tolist() == [0, 1, 2, 3]


def test_components_are_those_of_all_pairs() -> None:
    """Blocks, filters and shortcuts find what looking at every pair finds."""
    chance = np.random.default_rng(4)
    thumbs = chance.integers(0, 14, (60, 24, 24, 3)).astype(np.uint8)
    thumbs[:, :12] += chance.integers(0, 4, (60, 1, 1, 3)).astype(np.uint8) * 6
    hashes = chance.integers(0, 2**6, 60).astype(np.uint64)
    prints = Prints(hashes, hashes[::-1].copy(), thumbs)
    pairs = np.array(list(itertools.combinations(range(60), 2)))
    found, _ = pair_differences(prints, pairs[:, 0], pairs[:, 1], bits=3)
    near = Near(3, float(np.partition(found, 40)[40]))
    labels = np.arange(60)
    for (a, b), difference in zip(pairs, found, strict=True):
        if difference <= near.difference:
            labels[labels == labels[b]] = labels[a]
    expected = [int(np.flatnonzero(labels == label)[0]) for label in labels]
    assert 3 < len(set(expected)) < 57, "there are groups and there are loners"
    assert components(prints, near).tolist() == expected


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    import artstyle.curate.duplicates as module

    prints = prints_of([drawn_face(seed // 2, 64) for seed in range(30)])
    whole = components(prints, NEAR).tolist()
    assert len(set(whole)) == 15
    monkeypatch.setattr(module, "_BLOCK", 4)
    monkeypatch.setattr(module, "_PAIRS", 2)
    assert components(prints, NEAR).tolist() == whole


def test_joining_gives_the_smallest_row() -> None:
    labels = np.arange(6)
    labels = joined(labels, np.array([4, 5]), np.array([3, 4]))
    assert labels.tolist() == [0, 1, 2, 3, 3, 3]
    assert joined(labels, np.array([5]), np.array([1])).tolist() == [0, 1, 2, 1, 1, 1]


def test_a_still_film_is_cheap() -> None:
    """1,500 copies of one picture are a million near pairs; few of them are looked at."""
    import time

    one = prints_of([drawn_face(1, 64)])
    many = Prints(
        *(np.repeat(part, 1500, axis=0) for part in (one.hashes, one.mirrored, one.thumbs))
    )
    begin = time.process_time()
    labels = components(many, NEAR)
    found = duplicates(many, labels, range(1500), NEAR)
    assert time.process_time() - begin < 4
    assert set(labels.tolist()) == {0}
    assert len(found) == 1499

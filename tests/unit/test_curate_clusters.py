"""Heaps of what looks alike, and the one of those that belong to none."""

from __future__ import annotations

import numpy as np
import pytest

from artstyle.curate.clusters import UNSURE, cluster, renumbered, silhouette
from artstyle.errors import UsageError


def heaps(sizes: tuple[int, ...], apart: float = 8.0, seed: int = 0) -> np.ndarray:
    chance = np.random.default_rng(seed)
    parts = []
    for number, size in enumerate(sizes):
        centre = np.zeros(6)
        centre[number] = apart
        parts.append(centre + chance.normal(size=(size, 6)))
    return np.concatenate(parts).astype(np.float32)


def test_clear_heaps_are_found_by_number_and_without() -> None:
    vectors = heaps((40, 25, 10))
    truth = np.repeat([1, 2, 3], (40, 25, 10))
    for count in (3, None):
        found = cluster(vectors, count, seed=0, least_margin=0.1)
        assert found.numbers.tolist() == truth.tolist(), "numbered by size"
        assert found.count == 3
        assert found.silhouette > 0.5


def test_one_cloud_is_one_heap() -> None:
    stretched = heaps((150,)) * np.array([4, 2, 1, 1, 0.5, 0.5], np.float32)
    for cloud in (heaps((150,)), stretched):
        found = cluster(cloud, None, seed=0, least_margin=0.1)
        assert (found.count, set(found.numbers.tolist())) == (1, {1})
    flat = cluster(np.zeros((30, 4), np.float32), None, seed=0, least_margin=0.1)
    assert (flat.count, set(flat.numbers.tolist())) == (1, {1})


def test_what_lies_between_is_unsure() -> None:
    between = np.zeros((1, 6), np.float32)
    between[0, :2] = 4.0  # half way
    vectors = np.concatenate([heaps((30, 30)), between])
    found = cluster(vectors, 2, seed=0, least_margin=0.3)
    assert found.numbers[-1] == UNSURE
    assert found.margins[-1] < 0.3 < np.median(found.margins)
    assert (found.numbers[:-1] != UNSURE).mean() > 0.8
    assert cluster(vectors, 2, seed=0, least_margin=0.0).numbers[-1] != UNSURE


def test_an_appearance_is_not_torn() -> None:
    vectors = heaps((10, 10))
    vectors[3] = vectors[15]  # one look of the first that is like the second
    kin = ["a", "a", "a", "a", *[None] * 16]
    numbers = cluster(vectors, 2, seed=0, least_margin=0.0, kin=kin).numbers
    assert len(set(numbers[:4].tolist())) == 1
    alone = cluster(vectors, 2, seed=0, least_margin=0.0).numbers
    assert alone[3] != alone[0]


def test_the_same_seed_gives_the_same() -> None:
    vectors = heaps((30, 30, 30), apart=2.0)
    one, two = (cluster(vectors, 3, seed=5, least_margin=0.1).numbers for _ in range(2))
    assert np.array_equal(one, two)


def test_numbers_stay_when_crops_are_added() -> None:
    before = np.array([2, 2, 2, 1, 1, 0, 0])
    now = np.array([1, 1, 1, 2, 2, 3, 0])
    assert renumbered(now, before).tolist() == [2, 2, 2, 1, 1, 3, 0]
    assert renumbered(now, np.zeros(7, np.int64)).tolist() == now.tolist()


def test_silhouette_by_hand() -> None:
    points = np.array([[0.0], [1.0], [10.0], [12.0]], np.float32)
    numbers = np.array([0, 0, 1, 1])
    parts = [1 - 1 / 11, 1 - 1 / 10, 1 - 2 / 9.5, 1 - 2 / 11.5]
    assert silhouette(points, numbers, 0) == pytest.approx(np.mean(parts))


def test_more_clusters_than_faces_are_refused() -> None:
    with pytest.raises(UsageError, match="3 faces cannot be put into 4 clusters"):
        cluster(heaps((3,)), 4, seed=0, least_margin=0.1)

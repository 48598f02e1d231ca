"""Crops in heaps that look alike, and a heap of those that belong to none clearly.

k-means on embeddings. Crops of one appearance (one face followed through a film) are one point:
they are the same person, whatever each of them looks like.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import UsageError

UNSURE = 0  # the number of the heap of those that belong to none
MOST = 40  # clusters that can be asked for; a person names them
AUTO_MOST = 8  # clusters that are tried where the number is to be found

_TRIES = 6  # k-means from different beginnings; the tightest is taken
_SAMPLE = 1000  # points that the number of clusters is judged by
_SHUFFLES = 3  # clouds that heaps are held against
_LEAST_GAIN = 0.05  # of silhouette over chance; with less nothing hangs together; measured

Vectors = NDArray[np.float32]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Clusters:
    """Which heap each crop belongs to."""

    numbers: Numbers  # [n], 1 and more by size; 0: unsure
    margins: NDArray[np.float32]  # [n], [0, 1]: how much nearer the own centre is than the next
    silhouette: float  # of the whole, [-1, 1]; 0 for one heap
    count: int  # without the unsure


def cluster(
    vectors: Vectors,
    count: int | None,
    *,
    seed: int,
    least_margin: float,
    kin: Sequence[object] | None = None,
) -> Clusters:
    """Put crops into heaps.

    Args:
        vectors: [n, k], see `look.reduce`.
        count: how many heaps; None: the number in 2..8 with the clearest ones, or 1 where they
            are no clearer than in a cloud.
        seed: the same gives the same heaps.
        least_margin: crops whose own centre is nearer than the next by less are unsure: 0.1 means
            by less than a tenth.
        kin: what crops share that go together, row for row; None among them: alone.

    Raises:
        UsageError: the count is out of range.
    """
    points, back = _points(vectors, kin)
    if count is not None and not 1 <= count <= min(MOST, max(len(points), 1)):
        raise UsageError(
            f"{len(points):,} faces cannot be put into {count} clusters",
            hint=f"ask for 1 to {min(MOST, max(len(points), 1))}, for auto, or for none",
        )
    if count is None:
        count = _best_count(points, seed)
    if count == 1:
        ones = np.ones(len(vectors), dtype=np.int64)
        return Clusters(ones, np.ones(len(vectors), dtype=np.float32), 0.0, 1)
    centres = _centres(points, count, seed)
    away = _distances(points, centres)
    numbers = away.argmin(axis=1)
    whole = silhouette(points, numbers, seed)
    two = np.partition(away, 1, axis=1)[:, :2]
    margins = (1 - two[:, 0] / np.maximum(two[:, 1], 1e-12)).astype(np.float32)
    size = np.bincount(numbers[back], minlength=count)
    rank = np.empty(count, dtype=np.int64)
    rank[np.lexsort((np.arange(count), -size))] = np.arange(1, count + 1)
    result = np.where(margins < least_margin, UNSURE, rank[numbers])
    return Clusters(result[back], margins[back], whole, count)


def renumbered(numbers: Numbers, before: Numbers) -> Numbers:
    """The same heaps with the numbers that most of their crops had before.

    Args:
        numbers: [n], 0 is unsure.
        before: [n], 0 where a crop had none.
    """
    from scipy.optimize import linear_sum_assignment

    most = int(max(numbers.max(initial=0), before.max(initial=0)))
    table = np.zeros((most + 1, most + 1), dtype=np.int64)
    np.add.at(table, (numbers, before), 1)
    shared = table[1:, 1:]
    # Among equals the own number is kept, so that without a history nothing changes.
    new, old = linear_sum_assignment(-(shared * (most + 1) + np.eye(most, dtype=np.int64)))
    names = np.zeros(most + 1, dtype=np.int64)
    names[new + 1] = old + 1
    return np.asarray(names[numbers], dtype=np.int64)


def silhouette(points: Vectors, numbers: Numbers, seed: int) -> float:
    """How much nearer points are to their own heap than to the next (Rousseeuw 1987), on a sample.

    Returns:
        The mean, [-1, 1]: 1 for tight heaps far apart, 0 for heaps that touch.
    """
    chance = np.random.default_rng(seed)
    rows = np.arange(len(points))
    if len(rows) > _SAMPLE:
        rows = np.sort(chance.choice(len(rows), _SAMPLE, replace=False))
    points, numbers = points[rows], numbers[rows]
    names = np.unique(numbers)
    if len(names) < 2:
        return 0.0
    away = _distances(points, points)
    member = (numbers[:, None] == names[None]).astype(np.float64)
    sums, sizes = away @ member, member.sum(axis=0)
    own = member.astype(bool)
    inside = sums[own] / np.maximum(sizes[own.argmax(axis=1)] - 1, 1)
    outside = np.where(own, np.inf, sums / sizes).min(axis=1)
    alone = sizes[own.argmax(axis=1)] == 1
    values = (outside - inside) / np.maximum(np.maximum(inside, outside), 1e-12)
    return float(np.where(alone, 0, values).mean())


def _points(vectors: Vectors, kin: Sequence[object] | None) -> tuple[Vectors, Numbers]:
    """One point for all crops that go together, and the point of each crop."""
    if kin is None:
        return vectors, np.arange(len(vectors), dtype=np.int64)
    numbers: dict[object, int] = {}
    back = np.array(
        [
            numbers.setdefault((row,) if key is None else key, len(numbers))
            for row, key in enumerate(kin)
        ],
        dtype=np.int64,
    )
    sums = np.zeros((len(numbers), vectors.shape[1]), dtype=np.float64)
    np.add.at(sums, back, vectors)
    return (sums / np.bincount(back)[:, None]).astype(np.float32), back


def _best_count(points: Vectors, seed: int) -> int:
    """The number of clusters that stand out most from what chance would give.

    k-means cuts any cloud into parts with a silhouette above 0. Held against it are the same points
    with each coordinate shuffled on its own: as wide in every direction, but without heaps.
    """
    chance = np.random.default_rng(seed)
    if len(points) > _SAMPLE:
        points = points[np.sort(chance.choice(len(points), _SAMPLE, replace=False))]
    shuffled = [chance.permuted(points, axis=0) for _ in range(_SHUFFLES)]
    best, clear = 1, _LEAST_GAIN
    for count in range(2, min(AUTO_MOST, len(points) - 1) + 1):
        found, *nothing = (
            silhouette(one, _distances(one, _centres(one, count, seed)).argmin(axis=1), seed)
            for one in (points, *shuffled)
        )
        gain = found - sum(nothing) / len(nothing)
        if gain > clear:
            best, clear = count, gain
    return best


def _centres(points: Vectors, count: int, seed: int) -> Vectors:
    """The centres of the tightest of several k-means."""
    found = [_kmeans(points, count, np.random.default_rng((seed, at))) for at in range(_TRIES)]
    return min(found, key=lambda one: one[0])[1]


def _kmeans(points: Vectors, count: int, chance: np.random.Generator) -> tuple[float, Vectors]:
    """Lloyd's algorithm from centres drawn far apart (k-means++, Arthur & Vassilvitskii 2007)."""
    centres = points[[int(chance.integers(len(points)))]]
    for _ in range(count - 1):
        square = _distances(points, centres).min(axis=1).astype(np.float64) ** 2
        total = float(square.sum())
        share = square / total if total > 0 else np.full(len(points), 1 / len(points))
        centres = np.concatenate([centres, points[[int(chance.choice(len(points), p=share))]]])
    for _ in range(60):
        numbers = _distances(points, centres).argmin(axis=1)
        moved = centres.copy()
        for number in range(count):
            if (numbers == number).any():  # an empty one stays where it is
                moved[number] = points[numbers == number].mean(axis=0)
        if np.abs(moved - centres).max() < 1e-6:
            break
        centres = moved
    spread = float((_distances(points, centres).min(axis=1).astype(np.float64) ** 2).sum())
    return spread, centres


def _distances(one: Vectors, two: Vectors) -> Vectors:
    """Euclidean distances between all of one and all of two: [n, m]."""
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(one, two), dtype=np.float32)

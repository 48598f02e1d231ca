"""Near-duplicates: crops that show the same picture, mirrored ones too.

Two crops are near when their perceptual hashes differ in few bits and their thumbnails differ
little everywhere: the hash alone takes all flat heads for one, and a mean alone overlooks a
mouth. Every pair is looked at, in blocks: 64 bits are compared so fast that an index would not pay
below a hundred thousand crops.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

THUMB_PX = 24
_FIELD_PX = 4  # thumbnails are compared field by field
_LIGHT = 12.0  # so many steps of 255 of brightness are forgiven
_BLOCK = 512  # rows of the table of all pairs that are looked at together
_PAIRS = 4096  # pairs whose thumbnails are compared together

Indices = NDArray[np.int64]
Means = NDArray[np.float32]


@dataclass(frozen=True)
class Near:
    """What near means."""

    bits: int  # of 64 in which the hashes may differ
    difference: float  # of the thumbnails, in the field where it is largest; steps of 255


@dataclass(frozen=True, eq=False)
class Prints:
    """What crops are known by; row for row."""

    hashes: NDArray[np.uint64]  # [n]
    mirrored: NDArray[np.uint64]  # [n], of the mirrored crops
    thumbs: NDArray[np.uint8]  # [n, 24, 24, 3], see `thumbnail`

    def __len__(self) -> int:
        return len(self.hashes)


@dataclass(frozen=True)
class Kin:
    """Crops among which near means something else: neighbours in a film."""

    keys: Sequence[Hashable | None]  # what they share, row for row; None: no kin
    near: Near

    def rows(self) -> list[Indices]:
        """The rows of each family of two and more."""
        found: dict[Hashable, list[int]] = {}
        for row, key in enumerate(self.keys):
            if key is not None:
                found.setdefault(key, []).append(row)
        return [np.array(rows, dtype=np.int64) for rows in found.values() if len(rows) > 1]


@dataclass(frozen=True)
class Duplicate:
    """A crop, and the better one that it repeats."""

    crop: int  # its row
    of: int  # the row of the one that stays
    difference: float  # of their thumbnails
    mirrored: bool


def thumbnail(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A crop at 24 x 24 pixels by areas: luma, red and blue difference; HWC uint8."""
    import cv2

    small = cv2.resize(rgb, (THUMB_PX, THUMB_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb), dtype=np.uint8)


def bits_apart(one: NDArray[np.uint64], two: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """In how many bits hashes differ; the arrays are broadcast."""
    return np.asarray(np.bitwise_count(one ^ two), dtype=np.uint8)


def differences(one: NDArray[np.uint8], two: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How much thumbnails differ in the field where they differ most.

    Args:
        one: [n, 24, 24, 3].
        two: the same.

    Returns:
        [n]: root mean square over the field's pixels, steps of 255; a common difference in
        brightness of up to 12 steps does not count.
    """
    found = np.empty(len(one), dtype=np.float32)
    fields = THUMB_PX // _FIELD_PX
    for start in range(0, len(one), _PAIRS):
        part = slice(start, start + _PAIRS)
        gap = one[part].astype(np.float32) - two[part]
        light = np.clip(gap[..., 0].mean(axis=(1, 2)), -_LIGHT, _LIGHT)
        gap[..., 0] -= light[:, None, None]
        squares = np.square(gap).sum(axis=3).reshape(-1, fields, _FIELD_PX, fields, _FIELD_PX)
        found[part] = np.sqrt(squares.mean(axis=(2, 4)).max(axis=(1, 2)))
    return found


def pair_differences(
    prints: Prints, a: Indices, b: Indices, bits: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """How much pairs differ, upright or mirrored, whichever is less.

    Args:
        prints: of all crops.
        a: rows.
        b: the other rows.
        bits: pairs whose hashes differ in more are not looked at: infinitely different.

    Returns:
        [n] differences; [n] whether the mirrored one was nearer.
    """
    straight = bits_apart(prints.hashes[a], prints.hashes[b]) <= bits
    turned = _mirrored_bits(prints, a, b) <= bits
    best = np.full(len(a), np.inf, dtype=np.float32)
    other = np.full(len(a), np.inf, dtype=np.float32)
    best[straight] = differences(prints.thumbs[a[straight]], prints.thumbs[b[straight]])
    other[turned] = differences(prints.thumbs[a[turned]], prints.thumbs[b[turned], :, ::-1])
    return np.minimum(best, other), other < best


def _mirrored_bits(prints: Prints, a: Indices, b: Indices) -> NDArray[np.uint8]:
    """Bits between one and the other mirrored; the same whichever of the two is mirrored."""
    one = bits_apart(prints.hashes[a], prints.mirrored[b])
    return np.minimum(one, bits_apart(prints.mirrored[a], prints.hashes[b]))


def components(prints: Prints, near: Near, kin: Kin | None = None) -> Indices:
    """Which crops hang together through pairs that are near.

    Args:
        prints: of all crops.
        near: what near means.
        kin: crops among which it means more.

    Returns:
        [n]: the same number for crops that hang together; their smallest row.
    """
    means = _field_means(prints)
    rows = labels = np.arange(len(prints), dtype=np.int64)
    labels = _joined(prints, means, rows, near, labels)
    if kin is not None:
        for family in kin.rows():
            labels = _joined(prints, means, family, kin.near, labels)
    return labels


def _joined(prints: Prints, means: Means, rows: Indices, near: Near, labels: Indices) -> Indices:
    """The labels after all near pairs among some rows were joined."""
    hashes, mirrored = prints.hashes[rows], prints.mirrored[rows]
    for start in range(0, len(rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        # Only pairs whose second row comes after the first; the block's own triangle is cut below.
        straight = bits_apart(hashes[block, None], hashes[None, start:]) <= near.bits
        straight |= bits_apart(hashes[block, None], mirrored[None, start:]) <= near.bits
        straight |= bits_apart(mirrored[block, None], hashes[None, start:]) <= near.bits
        i, j = np.nonzero(np.triu(straight, 1))
        a, b = rows[i + start], rows[j + start]
        for part in range(0, len(a), 16 * _PAIRS):
            # Those that hang together already need not be looked at: a still film stays cheap.
            one, two = a[part : part + 16 * _PAIRS], b[part : part + 16 * _PAIRS]
            apart = labels[one] != labels[two]
            one, two = one[apart], two[apart]
            close = _close(prints, means, one, two, near)
            labels = joined(labels, one[close], two[close])
    return labels


def _close(prints: Prints, means: Means, a: Indices, b: Indices, near: Near) -> NDArray[np.bool_]:
    """Whether pairs are near; most that are not are told by their fields' means alone."""
    close = np.zeros(len(a), dtype=np.bool_)
    possible = _least(means[a], means[b]) <= near.difference
    possible |= _least(means[a], means[b][:, :, ::-1]) <= near.difference
    chosen = np.flatnonzero(possible)
    found, _ = pair_differences(prints, a[chosen], b[chosen], near.bits)
    close[chosen] = found <= near.difference
    return close


def _field_means(prints: Prints) -> Means:
    """What the fields of all thumbnails are on the whole: [n, 6, 6, 3]."""
    fields = THUMB_PX // _FIELD_PX
    shape = (-1, fields, _FIELD_PX, fields, _FIELD_PX, 3)
    return np.asarray(prints.thumbs.reshape(shape).mean(axis=(2, 4)), dtype=np.float32)


def _least(one: Means, two: Means) -> NDArray[np.float32]:
    """What `differences` gives at least: a mean of squares is no less than the mean's square."""
    gap = one - two
    gap[..., 0] -= np.clip(gap[..., 0].mean(axis=(1, 2)), -_LIGHT, _LIGHT)[:, None, None]
    return np.asarray(np.sqrt(np.square(gap).sum(axis=3).max(axis=(1, 2))) - 1e-3, np.float32)


def joined(labels: Indices, a: Indices, b: Indices) -> Indices:
    """Labels after pairs of rows were put together; a label is its smallest row."""
    if not len(a):
        return labels
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(labels)
    ones = np.ones(len(a), dtype=np.int8)
    graph = coo_array((ones, (labels[a], labels[b])), shape=(count, count))
    _, numbers = connected_components(graph, directed=False)
    first = np.full(int(numbers.max()) + 1, count, dtype=np.int64)
    merged = numbers[labels]
    np.minimum.at(first, merged, np.arange(count))
    return first[merged]


def duplicates(
    prints: Prints, labels: Indices, order: Sequence[int], near: Near, kin: Kin | None = None
) -> list[Duplicate]:
    """Which crops repeat a better one.

    Best first, each crop is held against the ones that stay: it is dropped only if it is near one
    of them itself, not because others lie between them.

    Args:
        prints: of all crops.
        labels: from `components`.
        order: rows from the best crop on; crops that are not in it neither stay nor go.
        near: what near means.
        kin: crops among which it means more.

    Returns:
        In the order of `order`.
    """
    staying: dict[int, list[int]] = {}
    found = []
    for row in order:
        others = staying.setdefault(int(labels[row]), [])
        best = _repeated(prints, row, others, near, kin) if others else None
        if best is None:
            others.append(row)
        else:
            found.append(best)
    return found


def _repeated(
    prints: Prints, row: int, others: list[int], near: Near, kin: Kin | None
) -> Duplicate | None:
    """The crop among others that this one repeats; the nearest."""
    b = np.array(others, dtype=np.int64)
    a = np.full(len(b), row, dtype=np.int64)
    found, turned = pair_differences(prints, a, b, near.bits)
    close = found <= near.difference
    if kin is not None and kin.keys[row] is not None:
        same = np.array([kin.keys[other] == kin.keys[row] for other in others])
        found[same], turned[same] = pair_differences(prints, a[same], b[same], kin.near.bits)
        close[same] = found[same] <= kin.near.difference
    if not close.any():
        return None
    best = int(np.where(close, found, np.inf).argmin())
    return Duplicate(row, others[best], float(found[best]), bool(turned[best]))

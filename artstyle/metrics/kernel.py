"""The kernel distance (KID, Bińkowski et al. 2018): squared MMD with (x.y / d + 1)^3, unbiased.

Officially the mean over 100 subsets of at most 1000 pictures, each drawn anew. Here a subset is
two blocks of half its size, and the next subset keeps one of them: every subset is still a random
one, every value still unbiased, but a quarter of the kernel is never computed twice. Where there
are few pictures, all of the kernel is computed once, and whatever is wanted is summed from it.

Products are float32, sums float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from artstyle.errors import MeasureError
from artstyle.metrics.frechet import Features, checked

SUBSETS, SUBSET_SIZE = 100, 1000  # Bińkowski et al. 2018, as in all implementations
DENSE_ROWS = 7_000  # up to this many pictures a set, all of the kernel costs less than subsets
RESAMPLES = 300  # of the bootstrap; a guess: each end then strays by a tenth of the width
CONFIDENCE = 0.95
_CHUNK_ROWS = 512  # of the kernel at once
IntervalKind: TypeAlias = Literal["bootstrap", "normal"]
Blocks: TypeAlias = NDArray[np.int64]  # [blocks, rows]
Sums: TypeAlias = NDArray[np.float64]
_Place: TypeAlias = tuple[int, int]  # 0: reals, 1: fakes; number of the block


@dataclass(frozen=True)
class KernelDistance:
    """A squared MMD with what chance may have done to it."""

    value: float  # mean over subsets; may fall below 0, since it is unbiased
    low: float  # the 95 % interval
    high: float
    interval: IntervalKind
    subsets: int
    subset_size: int


def kernel_distance(
    reals: Features,
    fakes: Features,
    *,
    subsets: int = SUBSETS,
    subset_size: int = SUBSET_SIZE,
    seed: int = 0,
    dense_rows: int = DENSE_ROWS,
) -> KernelDistance:
    """The mean squared MMD over subsets, with an interval.

    The interval is a bootstrap over pictures (with the pairs of a picture with its own copies
    left out), or, beyond `dense_rows`, the normal one of the leading term.

    Args:
        reals: [n, dim].
        fakes: [m, dim].
        subsets: how many.
        subset_size: pictures of each set in a subset; less if there are fewer, and even.
        seed: of the subsets and of the bootstrap.
        dense_rows: see the module's text.

    Raises:
        MeasureError: fewer than four pictures in a set, or features that do not fit.
    """
    x, y = _tensor(reals), _tensor(fakes)
    if x.shape[1] != y.shape[1]:
        raise MeasureError(f"{x.shape[1]} and {y.shape[1]} features do not go together")
    size = min(len(x), len(y), subset_size) // 2 * 2
    if size < 4 or subsets < 1:
        raise MeasureError(f"{len(x)} and {len(y)} pictures are too few for a kernel distance")
    generator = np.random.default_rng(seed)
    blocks = [_chain(len(rows), size // 2, subsets + 1, generator) for rows in (x, y)]
    if max(len(x), len(y)) <= dense_rows:
        sums, samples = _dense(x, y, blocks, generator)
        values = sums.values(size)
        low, high = np.quantile(samples, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        kind: IntervalKind = "bootstrap"
    else:
        sums, spread = _sparse(x, y, blocks)
        values = sums.values(size)
        low, high = values.mean() - 1.96 * spread, values.mean() + 1.96 * spread
        kind = "normal"
    return KernelDistance(float(values.mean()), float(low), float(high), kind, subsets, size)


def mean_of_subsets(
    reals: Features, fakes: Features, picks: Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]
) -> float:
    """The mean squared MMD over given subsets, one after the other: the plain form.

    Args:
        reals: [n, dim].
        fakes: [m, dim].
        picks: for each subset the rows of `reals` and of `fakes`.
    """
    x, y = _tensor(reals), _tensor(fakes)
    values = []
    for of_x, of_y in picks:
        some_x, some_y = x[torch.from_numpy(of_x)], y[torch.from_numpy(of_y)]
        n, m = len(some_x), len(some_y)
        xx, yy = kernel(some_x, some_x), kernel(some_y, some_y)
        inside = [float(k.sum(dtype=torch.float64) - k.trace().double()) for k in (xx, yy)]
        across = float(kernel(some_x, some_y).sum(dtype=torch.float64))
        values.append(inside[0] / (n * (n - 1)) + inside[1] / (m * (m - 1)) - 2 * across / (n * m))
    return float(np.mean(values))


def kernel(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """(x.y / dim + 1)^3 of every row with every row: [n, m] float32."""
    ones = torch.ones((), dtype=x.dtype, device=x.device)
    k = torch.addmm(ones, x, y.T, alpha=1 / x.shape[1])
    return (k * k).mul_(k)


def _tensor(features: Features) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(checked(features), dtype=np.float32))


def _chain(count: int, half: int, blocks: int, generator: np.random.Generator) -> Blocks:
    """Blocks of `half` rows, neighbours without a row in common.

    All rows are gone through in one shuffled order after another. `count` is at least 2 x `half`.
    """
    made: list[NDArray[np.int64]] = []
    queue = generator.permutation(count)
    while len(made) < blocks:
        if len(queue) < half:
            order = generator.permutation(count)
            taken = np.isin(order, made[-1])
            queue = np.concatenate([order[~taken], order[taken]])
        made.append(queue[:half])
        queue = queue[half:]
    return np.stack(made)


@dataclass(frozen=True)
class _Sums:
    """Sums of the kernel over pairs of rows of two blocks; x are reals, y fakes."""

    xx: Sums  # inside each block, without its diagonal
    xx_next: Sums  # each block with the next one: one less
    yy: Sums
    yy_next: Sums
    xy: Sums  # each block with the other set's of the same number
    xy_next: Sums  # with the other set's next block
    yx_next: Sums  # the other set's block with the next one of x

    def values(self, size: int) -> Sums:
        """The squared MMD of each subset; a subset is a block and the next one."""
        inside = [
            own[:-1] + own[1:] + 2 * following
            for own, following in ((self.xx, self.xx_next), (self.yy, self.yy_next))
        ]
        across = self.xy[:-1] + self.xy[1:] + self.xy_next + self.yx_next
        values: Sums = (inside[0] + inside[1]) / (size * (size - 1)) - 2 * across / size**2
        return values


def _dense(
    x: torch.Tensor, y: torch.Tensor, blocks: list[Blocks], generator: np.random.Generator
) -> tuple[_Sums, Sums]:
    """All of the kernel, a few rows at a time: sums over blocks, and the bootstrap's values."""
    members = [_members(len(rows), some) for rows, some in zip((x, y), blocks, strict=True)]
    weights = [
        torch.from_numpy(
            generator.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), RESAMPLES)
            .T.astype(np.float32)
            .copy()
        )
        for rows in (x, y)
    ]
    found: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    for name, (one, two) in {"xx": (0, 0), "yy": (1, 1), "xy": (0, 1)}.items():
        rows, others = (x, y)[one], (x, y)[two]
        right = torch.cat([members[two], weights[two]], dim=1)
        over_blocks = torch.zeros(members[one].shape[1], members[two].shape[1], dtype=torch.float64)
        over_weights = torch.zeros(RESAMPLES, dtype=torch.float64)
        for begin in range(0, len(rows), _CHUNK_ROWS):
            part = slice(begin, begin + _CHUNK_ROWS)
            k = kernel(rows[part], others)
            if one == two:  # a picture with itself is no pair
                k.diagonal(begin).zero_()
            product = (k @ right).double()
            split = members[two].shape[1]
            over_blocks += members[one][part].double().T @ product[:, :split]
            over_weights += (weights[one][part].double() * product[:, split:]).sum(dim=0)
        found[name] = over_blocks, over_weights
    samples = -2 * found["xy"][1] / (len(x) * len(y))
    for name, index in (("xx", 0), ("yy", 1)):
        w = weights[index].double()
        samples += found[name][1] / (w.sum(dim=0).square() - w.square().sum(dim=0))
    xx, yy, xy = (found[name][0].numpy() for name in ("xx", "yy", "xy"))
    sums = _Sums(
        xx=xx.diagonal(),
        xx_next=xx.diagonal(1),
        yy=yy.diagonal(),
        yy_next=yy.diagonal(1),
        xy=xy.diagonal(),
        xy_next=xy.diagonal(1),
        yx_next=xy.diagonal(-1),
    )
    return sums, samples.numpy()


def _members(count: int, blocks: Blocks) -> torch.Tensor:
    """[rows, blocks]: 1 where the row is in the block."""
    table = torch.zeros(count, len(blocks))
    for column, some in enumerate(blocks):
        table[torch.from_numpy(some), column] = 1
    return table


class _Leading:
    """For every picture the mean kernel with its own set less that with the other set.

    Four times the variance of these over the number of pictures is the leading term of the
    variance of a squared MMD (Serfling 1980, section 5.5).
    """

    def __init__(self, count: int) -> None:
        self.own, self.other = np.zeros(count), np.zeros(count)
        self.own_pairs, self.other_pairs = np.zeros(count), np.zeros(count)

    def add(self, rows: NDArray[np.int64], sums: torch.Tensor, pairs: int, *, own: bool) -> None:
        """Count in the sums of the kernel over `pairs` others, for some rows without repeats."""
        total, number = (self.own, self.own_pairs) if own else (self.other, self.other_pairs)
        total[rows] += sums.double().numpy()
        number[rows] += pairs

    def variance(self) -> float:
        """Of the mean over these pictures."""
        seen = (self.own_pairs > 0) & (self.other_pairs > 0)
        values = self.own[seen] / self.own_pairs[seen] - self.other[seen] / self.other_pairs[seen]
        return float(values.var(ddof=1) / len(values))


def _sparse(x: torch.Tensor, y: torch.Tensor, blocks: list[Blocks]) -> tuple[_Sums, float]:
    """Only what the chain of subsets needs: sums over blocks, and the standard error.

    A block meets all that it has to meet in one product: wide ones are a fifth faster.
    """
    count, half = blocks[0].shape
    names = ("xx", "xx_next", "yy", "yy_next", "xy", "xy_next", "yx_next")
    sums = {name: np.zeros(count - name.endswith("next")) for name in names}
    leading = _Leading(len(x)), _Leading(len(y))

    def tell(name: str, k: torch.Tensor, one: _Place, two: _Place) -> None:
        """Count in a part of the kernel: rows of `one`, columns of `two`."""
        own = one[0] == two[0]
        over = k.sum(dim=1)
        sums[name][min(one[1], two[1])] = float(over.sum(dtype=torch.float64))
        if one == two:
            leading[one[0]].add(blocks[one[0]][one[1]], over, half - 1, own=True)
            return
        leading[one[0]].add(blocks[one[0]][one[1]], over, half, own=own)
        leading[two[0]].add(blocks[two[0]][two[1]], k.sum(dim=0), half, own=own)

    # Slots of even blocks' x and y, and odd blocks' y and x: what a y meets lies side by side too.
    held = torch.empty(4, half, x.shape[1], dtype=x.dtype)
    for at in range(count):
        slots = (0, 1, 2, 3) if at % 2 == 0 else (3, 2, 1, 0)
        now = dict(zip(slots, ((0, at), (1, at), (1, at - 1), (0, at - 1)), strict=True))
        for slot, rows, some in zip(slots, (x, y), blocks, strict=False):
            torch.index_select(rows, 0, torch.from_numpy(some[at]), out=held[slot])
        for index in (0, 1):
            met = [s for s in sorted(now) if now[s][1] >= 0 and (index == 0 or s != slots[0])]
            parts = kernel(held[slots[index]], held[met[0] : met[-1] + 1].flatten(0, 1))
            for number, slot in enumerate(met):
                k = parts[:, number * half : (number + 1) * half]
                if now[slot] == (index, at):
                    k.diagonal().zero_()  # a picture with itself is no pair
                own, other = "xy"[index], "xy"[now[slot][0]]
                name = own + other if now[slot][1] == at else f"{other}{own}_next"
                tell(name, k, (index, at), now[slot])
    spread = 2 * float(np.sqrt(leading[0].variance() + leading[1].variance()))
    return _Sums(**sums), spread

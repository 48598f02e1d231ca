"""Precision and recall (Kynkäänniemi et al. 2019), density and coverage (Naeem et al. 2020).

A set of pictures covers the union of balls around its members, each reaching to the k-th nearest
other member. Distances are computed in blocks, so that 10,000 x 10,000 of them never lie in
memory at once. Features are centred first: the square of a distance is then a difference of small
numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from artstyle.errors import MeasureError
from artstyle.metrics.frechet import Features, checked

K_PRECISION = 3  # Kynkäänniemi et al. 2019, section 3.1, and the official code
K_DENSITY = 5  # Naeem et al. 2020, section 3
_BLOCK_BYTES = 256 << 20  # of squared distances at once


@dataclass(frozen=True)
class Manifold:
    """How two sets of pictures cover each other; each a share, but density may exceed 1."""

    precision: float  # of fakes inside the reals' manifold: how believable they are
    recall: float  # of reals inside the fakes' manifold: how much of the variety is reached
    density: float  # as precision, counting every ball a fake lies in: outliers weigh little
    coverage: float  # of reals with a fake in their ball: as recall, and robust to odd fakes
    k_precision: int
    k_density: int


def manifold(
    reals: Features,
    fakes: Features,
    *,
    k_precision: int = K_PRECISION,
    k_density: int = K_DENSITY,
    block_bytes: int = _BLOCK_BYTES,
) -> Manifold:
    """Precision, recall, density and coverage in one pass over the distances.

    Args:
        reals: [n, dim].
        fakes: [m, dim].
        k_precision: neighbours for precision and recall.
        k_density: neighbours for density and coverage.
        block_bytes: memory for distances.

    Raises:
        MeasureError: a set is no larger than the number of neighbours, or features do not fit.
    """
    x, y = _centred(reals, fakes)
    most = max(k_precision, k_density)
    if min(len(x), len(y)) <= most:
        raise MeasureError(
            f"{len(x)} and {len(y)} pictures are too few for {most} nearest neighbours"
        )
    radii = neighbour_distances(x, (k_precision, k_density), block_bytes)
    ball, tight = radii[:, 0], radii[:, 1]
    fake_ball = neighbour_distances(y, (k_precision,), block_bytes)[:, 0]
    believable = torch.zeros(len(y), dtype=torch.bool)
    reached = torch.zeros(len(x), dtype=torch.bool)
    covered = torch.zeros(len(x), dtype=torch.bool)
    inside = 0
    for rows, squares in _blocks(x, y, block_bytes):
        believable |= (squares <= ball[rows, None]).any(dim=0)
        reached[rows] = (squares <= fake_ball).any(dim=1)
        within = squares < tight[rows, None]
        inside += int(within.sum())
        covered[rows] = within.any(dim=1)
    return Manifold(
        precision=float(believable.double().mean()),
        recall=float(reached.double().mean()),
        density=inside / (k_density * len(y)),
        coverage=float(covered.double().mean()),
        k_precision=k_precision,
        k_density=k_density,
    )


def nearest(
    queries: Features, candidates: Features, k: int = 1, *, block_bytes: int = _BLOCK_BYTES
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each query the k nearest candidates: their rows and distances, [n, k], nearest first.

    Raises:
        MeasureError: there are fewer candidates than k, or features do not fit.
    """
    if not 1 <= k <= len(candidates):
        raise MeasureError(f"{len(candidates)} pictures have no {k} nearest ones")
    x, y = _centred(queries, candidates)
    rows, distances = [], []
    for part, squares in _blocks(x, y, block_bytes):
        found = squares.topk(k, dim=1, largest=False).indices
        # Once more from the differences: what is equal has distance 0, and not nearly so.
        exact = torch.stack([(y[some] - x[part]).norm(dim=1) for some in found.T], dim=1)
        order = exact.argsort(dim=1, stable=True)
        rows.append(found.gather(1, order).numpy())
        distances.append(exact.gather(1, order).double().numpy())
    return np.concatenate(rows), np.concatenate(distances)


def neighbour_distances(
    x: torch.Tensor, ks: tuple[int, ...], block_bytes: int = _BLOCK_BYTES
) -> torch.Tensor:
    """[n, len(ks)]: the squared distance of each row to its k-th nearest other row."""
    parts = []
    for rows, squares in _blocks(x, x, block_bytes):
        squares.diagonal(rows.start).fill_(torch.inf)  # a picture is no neighbour of itself
        nearest_first = squares.topk(max(ks), dim=1, largest=False, sorted=True).values
        parts.append(nearest_first[:, [k - 1 for k in ks]])
    return torch.cat(parts)


def _centred(first: Features, second: Features) -> tuple[torch.Tensor, torch.Tensor]:
    if checked(first).shape[1] != checked(second).shape[1]:
        raise MeasureError(f"{first.shape[1]} and {second.shape[1]} features do not go together")
    centre = first.mean(axis=0, dtype=np.float64).astype(np.float32)
    x, y = (torch.from_numpy(rows.astype(np.float32) - centre) for rows in (first, second))
    return x, y


def _blocks(
    x: torch.Tensor, y: torch.Tensor, block_bytes: int
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Squared distances of some rows of x to all of y: (slice, [rows, len(y)] float32)."""
    step = max(1, block_bytes // (4 * max(len(y), 1)))
    lengths = y.square().sum(dim=1)
    for begin in range(0, len(x), step):
        rows = slice(begin, min(begin + step, len(x)))
        squares = torch.addmm(lengths, x[rows], y.T, alpha=-2)
        yield rows, squares.add_(x[rows].square().sum(dim=1, keepdim=True))

"""FID-infinity (Chong & Forsyth 2020): what the distance would be with endlessly many fakes.

A Fréchet distance of few pictures is too large, by an amount that goes with one over their number.
A line through distances at several numbers, carried on to one over infinity, takes that away. It
takes away the fakes' share only: that of the reals, whose number is given, stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from artstyle.errors import MeasureError
from artstyle.metrics.frechet import Features, Moments, checked, frechet_distance, moments_of

POINTS = 15  # Chong & Forsyth 2020, section 4
LEAST_PER_FEATURE = 2  # with fewer pictures per feature the line is none; a guess


@dataclass(frozen=True)
class Extrapolated:
    """A Fréchet distance for endlessly many fakes."""

    value: float
    counts: tuple[int, ...]  # of fakes, at which it was measured
    distances: tuple[float, ...]


def least_fakes(dim: int) -> int:
    """How many fakes the line needs: twice as many as its first point has."""
    return 2 * LEAST_PER_FEATURE * dim


def frechet_at_infinity(
    reals: Features, fakes: Features, *, points: int = POINTS, seed: int = 0, ddof: int = 1
) -> Extrapolated:
    """The distance, carried on to endlessly many fakes.

    The first n of one shuffled order serve for every n, so that moments are added up and not
    computed anew; the numbers are spread evenly, from a tenth of all, but at least two per feature.

    Args:
        reals: [n, dim].
        fakes: [m, dim].
        points: how many numbers of fakes.
        seed: of the order.
        ddof: see `Moments.covariance`.

    Raises:
        MeasureError: too few fakes.
    """
    dim = checked(fakes).shape[1]
    if len(fakes) < least_fakes(dim) or points < 2:
        raise MeasureError(
            f"{len(fakes)} pictures in {dim} features are too few to go on to infinity",
            hint=f"take --samples {least_fakes(dim)} or more",
        )
    first = max(LEAST_PER_FEATURE * dim, len(fakes) // 10)
    counts = np.unique(np.linspace(first, len(fakes), points).round().astype(int))
    order = np.random.default_rng(seed).permutation(len(fakes))
    of_reals = moments_of(reals)
    mean, covariance = of_reals.mean, of_reals.covariance(ddof)
    growing, distances = Moments(dim), []
    for count in counts:
        growing.add(fakes[order[growing.count : count]])
        distances.append(frechet_distance(mean, covariance, growing.mean, growing.covariance(ddof)))
    _, value = np.polyfit(1 / counts, distances, 1)
    return Extrapolated(float(value), tuple(map(int, counts)), tuple(map(float, distances)))

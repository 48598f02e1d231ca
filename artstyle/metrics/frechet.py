"""The Fréchet distance of two Gaussians (Heusel et al. 2017, equation 6), through eigenvalues.

    d^2 = |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2)

With S1 = L L^T, the eigenvalues of S1 S2 are those of the symmetric L^T S2 L. So neither a matrix
square root nor eigenvectors are needed: a Cholesky factor, two triangular products, and the
eigenvalues of a symmetric matrix. A factor of rank r makes the last an r x r problem.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.linalg import blas, lapack

from artstyle.errors import MeasureError

Float64: TypeAlias = NDArray[np.float64]
Features: TypeAlias = NDArray[np.float32] | Float64

_BLOCK_ROWS = 4096  # of features made float64 at once: 64 MB at 2048
_NEGATIVE = 1e-6  # eigenvalues below minus this share of the largest are no rounding


class Moments:
    """Mean and covariance of features that come in blocks; all sums in float64.

    Args:
        dim: how many features a picture has.
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self.count = 0
        self._origin: Float64 | None = None  # near the mean, so that little is lost in squares
        self._sum = np.zeros(dim)
        self._square = np.zeros((dim, dim))

    def add(self, features: Features) -> None:
        """Count in some rows [n, dim].

        Raises:
            MeasureError: another shape, or values that are not finite.
        """
        rows = checked(features)
        if rows.shape[1] != self.dim:
            raise MeasureError(f"features of {rows.shape[1]} figures do not go with {self.dim}")
        if not len(rows):
            return
        if self._origin is None:
            self._origin = rows[:_BLOCK_ROWS].mean(axis=0, dtype=np.float64)
        for begin in range(0, len(rows), _BLOCK_ROWS):
            block = rows[begin : begin + _BLOCK_ROWS].astype(np.float64)
            block -= self._origin
            self._sum += block.sum(axis=0)
            self._square += block.T @ block  # numpy takes the symmetric product for it
            self.count += len(block)

    @property
    def mean(self) -> Float64:
        """[dim]."""
        if self._origin is None:
            raise MeasureError("no pictures were counted, so they have no mean")
        mean: Float64 = self._origin + self._sum / self.count
        return mean

    def covariance(self, ddof: int = 1) -> Float64:
        """[dim, dim], the sum of products over count - ddof.

        Args:
            ddof: 1 as numpy.cov, pytorch-fid and clean-fid have it, 0 as the official code.

        Raises:
            MeasureError: too few pictures.
        """
        if self.count <= ddof:
            raise MeasureError(f"{self.count} pictures have no covariance over count - {ddof}")
        shift = self._sum / self.count
        covariance: Float64 = (self._square - self.count * np.outer(shift, shift)) / (
            self.count - ddof
        )
        return covariance


def moments_of(features: Features) -> Moments:
    """The moments of features [n, dim]."""
    moments = Moments(checked(features).shape[1])
    moments.add(features)
    return moments


def frechet_distance(
    mean1: Float64, covariance1: Float64, mean2: Float64, covariance2: Float64
) -> float:
    """The squared Fréchet distance, which is what is called FID.

    Args:
        mean1: [dim].
        covariance1: [dim, dim], symmetric and not negative; it may lack rank.
        mean2: [dim].
        covariance2: [dim, dim].

    Raises:
        MeasureError: shapes that do not fit, values that are not finite, or a matrix that is no
            covariance.
    """
    for name, mean, covariance in (("1", mean1, covariance1), ("2", mean2, covariance2)):
        if mean.shape != mean1.shape or covariance.shape != (len(mean1), len(mean1)):
            raise MeasureError(f"mean {mean.shape} and covariance {covariance.shape} do not fit")
        if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
            raise MeasureError(f"mean or covariance {name} holds values that are not finite")
    root = trace_of_root(covariance1, covariance2)
    apart = float(np.square(mean1 - mean2).sum())
    return apart + float(np.trace(covariance1) + np.trace(covariance2)) - 2 * root


def trace_of_root(covariance1: Float64, covariance2: Float64) -> float:
    """The trace of (S1 S2)^(1/2), from eigenvalues; see the module's text.

    Raises:
        MeasureError: a matrix is no covariance.
    """
    dim = len(covariance1)
    factor, other = cholesky_factor(covariance1), covariance2
    if factor.shape[1] == dim:  # else it already makes a small problem
        second = cholesky_factor(covariance2)
        if second.shape[1] < dim:
            factor, other = second, covariance1
    if factor.shape[1] == 0:
        return 0.0
    if factor.shape[1] == dim:
        # S2 is symmetric: read in Fortran's order it is itself, and nothing is copied.
        inner = blas.dtrmm(1.0, factor, other.T, side=0, lower=1, trans_a=1)
        inner = blas.dtrmm(1.0, factor, inner, side=1, lower=1, overwrite_b=1)
    else:
        inner = factor.T @ (other @ factor)
    values = linalg.eigvalsh(inner, check_finite=False, overwrite_a=True, driver="evd")
    if values[0] < -_NEGATIVE * max(values[-1], np.finfo(float).tiny):
        raise MeasureError("a matrix has negative directions: it is no covariance")
    return float(np.sqrt(np.maximum(values, 0)).sum())


def cholesky_factor(covariance: Float64) -> Float64:
    """L with L L^T = the matrix: [dim, dim] and lower triangular, or [dim, rank] if rank lacks.

    Raises:
        MeasureError: the matrix has negative directions.
    """
    dim = len(covariance)
    largest = float(covariance.diagonal().max(initial=0))
    if largest <= 0:
        if np.abs(covariance).max(initial=0) > 0:
            raise MeasureError("a matrix without variance but with covariance is no covariance")
        return np.zeros((dim, 0))
    tolerance = dim * np.finfo(np.float64).eps * largest
    lower, fault = lapack.dpotrf(covariance.T, lower=1, clean=1)
    if fault == 0 and float(lower.diagonal().min()) ** 2 > tolerance:
        return np.asfortranarray(lower)
    # Pivoted: the largest remaining variance first, until only rounding remains.
    pivoted, order, rank, _ = lapack.dpstrf(covariance.T, lower=1, tol=tolerance)
    factor = np.zeros((dim, rank))
    factor[order - 1] = np.tril(pivoted)[:, :rank]
    missing = covariance.diagonal() - np.square(factor).sum(axis=1)
    if float(missing.min()) < -_NEGATIVE * largest:
        raise MeasureError("a matrix has negative directions: it is no covariance")
    return factor


def frechet_of_features(first: Features, second: Features, *, ddof: int = 1) -> float:
    """The squared Fréchet distance of two sets of features [n, dim].

    Where a set has fewer pictures than features, the covariances are never formed: with centred
    rows A and B, tr (S1 S2)^(1/2) is the sum of the singular values of A B^T.

    Args:
        first: [n1, dim].
        second: [n2, dim].
        ddof: see `Moments.covariance`.

    Raises:
        MeasureError: fewer than two pictures, shapes that differ, values that are not finite.
    """
    sets = [checked(first), checked(second)]
    if sets[0].shape[1] != sets[1].shape[1]:
        raise MeasureError(f"{sets[0].shape[1]} and {sets[1].shape[1]} features do not go together")
    if min(map(len, sets)) <= ddof:
        raise MeasureError("a set of fewer than two pictures has no spread to compare")
    if max(map(len, sets)) > sets[0].shape[1]:
        one, two = moments_of(first), moments_of(second)
        return frechet_distance(one.mean, one.covariance(ddof), two.mean, two.covariance(ddof))
    means = [rows.mean(axis=0, dtype=np.float64) for rows in sets]
    spread = [
        (rows - mean) / np.sqrt(len(rows) - ddof) for rows, mean in zip(sets, means, strict=True)
    ]
    root = linalg.svdvals(spread[0] @ spread[1].T, check_finite=False).sum()
    traces = sum(float(np.square(rows).sum()) for rows in spread)
    return float(np.square(means[0] - means[1]).sum() + traces - 2 * root)


def checked(features: Features) -> Features:
    """The features, if they are [n, dim] and finite.

    Raises:
        MeasureError: they are not.
    """
    if features.ndim != 2:
        raise MeasureError(f"features are [pictures, figures]; these are {features.shape}")
    if not np.isfinite(features).all():
        raise MeasureError("features hold values that are not finite")
    return features

"""The Inception score (Salimans et al. 2016): sure of each picture, unsure of all together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import MeasureError

SPLITS = 10  # as in all implementations


def inception_score(
    probabilities: NDArray[np.float32] | NDArray[np.float64], *, splits: int = SPLITS
) -> tuple[float, float]:
    """Mean and standard deviation over splits of exp of the mean KL of p(y|x) from p(y).

    Args:
        probabilities: [n, classes], rows that add up to 1, in the order they were drawn.
        splits: how many parts of neighbouring rows.

    Raises:
        MeasureError: fewer pictures than splits, or rows that are no probabilities.
    """
    rows = probabilities.astype(np.float64)
    if rows.ndim != 2 or len(rows) < splits or splits < 1:
        raise MeasureError(f"probabilities {rows.shape} cannot be cut into {splits} parts")
    if not np.isfinite(rows).all() or rows.min() < 0 or np.abs(rows.sum(axis=1) - 1).max() > 1e-3:
        raise MeasureError("the rows are no probabilities: they are negative or do not add up to 1")
    scores = []
    for part in range(splits):
        some = rows[part * len(rows) // splits : (part + 1) * len(rows) // splits]
        mean = some.mean(axis=0)
        ratio = np.ones_like(some)
        np.divide(some, mean, out=ratio, where=some > 0)  # 0 log 0 is 0
        scores.append(np.exp((some * np.log(ratio)).sum(axis=1).mean()))
    return float(np.mean(scores)), float(np.std(scores))

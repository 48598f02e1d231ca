"""How much of a style pictures have: their distance to its pictures in perceptual features.

The distance is the root of an unbiased squared MMD with KID's kernel, on features of which each is
brought to mean 0 and spread 1 over photos and style. On that scale the base's own pictures stand at
0 and what the style's model draws at 1. A blend may go beyond 1: the style's model, too, is no
perfect copy of its pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from artstyle.errors import MeasureError
from artstyle.metrics.kernel import kernel
from artstyle.metrics.space import FeatureSpace

Picture: TypeAlias = NDArray[np.uint8]
Rows: TypeAlias = NDArray[np.float32]
RESAMPLES, CONFIDENCE = 300, 0.95  # of the bootstrap over photos
_LEAST = 4  # pictures: a kernel distance of fewer says nothing


@dataclass(frozen=True)
class StyleShare:
    """How much of the style there is."""

    value: float  # 0: none, as the base's pictures; 1: as what the style's model draws
    low: float  # the 95 % interval, a bootstrap over photos
    high: float
    distance: float  # to the style's pictures, from 0 up

    def as_json(self) -> dict[str, Any]:
        """For the record."""
        return {
            "style_low": round(self.low, 5),
            "style_high": round(self.high, 5),
            "style_distance": round(self.distance, 5),
        }


class StyleJudge:
    """Measures pictures against a style.

    Args:
        space: turns pictures into features.
        reference: features of the style's pictures.
        base: features of the unstyled projections: these are 0.
        style: features of what the style's model draws: these are 1.
        seed: of the bootstrap.

    Raises:
        MeasureError: too few pictures, or the style's model is no nearer to them than the base.
    """

    def __init__(
        self, space: FeatureSpace, reference: Rows, base: Rows, style: Rows, *, seed: int = 0
    ) -> None:
        for what, rows in (("style's pictures", reference), ("photos", base)):
            if len(rows) < _LEAST:
                raise MeasureError(
                    f"{len(rows)} {what} are too few to measure style: {_LEAST} at least"
                )
        self.space = space
        middles = [rows.mean(axis=0, dtype=np.float64) for rows in (reference, base)]
        spread = [rows.var(axis=0, dtype=np.float64) for rows in (reference, base)]
        self._middle = (middles[0] + middles[1]) / 2
        variance = (spread[0] + spread[1]) / 2 + np.square(middles[0] - middles[1]) / 4
        self._scale = 1 / np.sqrt(np.maximum(variance, 1e-12))
        self._reference = self._tensor(reference)
        self._inside = _inside(kernel(self._reference, self._reference).double())
        count = len(base)
        dice = np.random.default_rng(seed)
        weights = dice.multinomial(count, np.full(count, 1 / count), RESAMPLES)
        weights = weights[weights.max(axis=1) < count]  # one picture alone makes no pair
        self._weights = torch.from_numpy(weights.astype(np.float64))
        self.of_base = self._distances(base)[0]
        self.of_style = self._distances(style, bootstrap=False)[0]
        if not self.of_base > self.of_style:
            raise MeasureError(
                "what the style's model draws is no nearer to the style's pictures"
                f" ({self.of_style:.4g}) than the base's pictures are ({self.of_base:.4g}),"
                f" measured with {space.title}",
                hint="is it the right dataset? else train the style for longer",
            )

    def __call__(self, pictures: Sequence[Picture]) -> StyleShare:
        """How much of the style pictures have: as many as there are photos."""
        distance, samples = self._distances(self.space(pictures))
        values = self._share(samples)
        low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        return StyleShare(float(self._share(distance)), float(low), float(high), float(distance))

    def facts(self) -> Mapping[str, Any]:
        """How it is measured, for the record."""
        return {
            "style": f"kernel distance, root, with {self.space.title}",
            "style_space": self.space.name,
            "base_distance": round(float(self.of_base), 5),
            "style_distance": round(float(self.of_style), 5),
        }

    def _share(self, distance: NDArray[np.float64]) -> NDArray[np.float64]:
        return (self.of_base - distance) / (self.of_base - self.of_style)

    def _tensor(self, rows: Rows) -> torch.Tensor:
        even = (rows.astype(np.float64) - self._middle) * self._scale
        return torch.from_numpy(even.astype(np.float32))

    def _distances(
        self, rows: Rows, *, bootstrap: bool = True
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The distance to the style, and those of resampled pictures."""
        x = self._tensor(rows)
        inside = kernel(x, x).double()
        across = kernel(x, self._reference).double().mean(dim=1)
        square = _inside(inside) + self._inside - 2 * across.mean()
        samples = torch.zeros(0)
        if bootstrap:
            w = self._weights
            inside.fill_diagonal_(0)  # a picture with its own copies is no pair
            pairs = w.sum(dim=1).square() - w.square().sum(dim=1)
            of_pairs = ((w @ inside) * w).sum(dim=1) / pairs
            samples = of_pairs + self._inside - 2 * (w @ across) / w.sum(dim=1)
        roots = [np.sqrt(np.maximum(one.numpy(), 0.0)) for one in (square, samples.double())]
        return roots[0], roots[1]


def _inside(k: torch.Tensor) -> torch.Tensor:
    """The mean of a set's kernel with itself, without the diagonal."""
    count = len(k)
    return (k.sum() - k.trace()) / (count * (count - 1))

"""What a sheet shows about where its cells end, along one axis.

Line x lies before column of pixels x; a sheet that is W wide has the lines 0 to W.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artstyle.sprites.background import Mask, Pixels

Floats = NDArray[np.float64]

# A guess: neighbours that differ by no more than this are one picture, of 255 and per channel.
_ALIKE = 12
_MOST_PHASES = 24  # of one period that are weighed; a guess
_STRIP_ROWS = 512  # rows looked at together: the memory for a large sheet stays small


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis of a sheet."""

    filled: Floats  # [W], share of each column of pixels that belongs to sprites
    joined: Floats  # [W + 1], share of each line that a picture goes across
    first: int  # first column of pixels that is not empty
    last: int  # the one behind the last
    specks: float  # the share of a column that may be filled although it counts as empty

    @property
    def length(self) -> int:
        """W, in pixels."""
        return len(self.filled)

    def is_empty(self) -> NDArray[np.bool_]:
        """[W], which columns of pixels hold no sprite."""
        return np.asarray(self.filled <= self.specks)


def axes(rgb: Pixels, mask: Mask, specks: float = 0.0) -> tuple[Axis, Axis]:
    """The evidence along x and along y.

    Args:
        rgb: HWC uint8.
        mask: [H, W], which pixels belong to sprites.
        specks: the share of a column or row of pixels that noise may fill.
    """
    height, width = mask.shape
    across, down = np.zeros(width + 1), np.zeros(height + 1)
    for start in range(0, height, _STRIP_ROWS):
        stop = min(start + _STRIP_ROWS + 1, height)  # one row more, for the line between strips
        strip, seen = rgb[start:stop], mask[start:stop]
        rows = min(_STRIP_ROWS, height - start)
        beside = _alike(strip[:rows, 1:], strip[:rows, :-1])
        across[1:-1] += (beside & seen[:rows, 1:] & seen[:rows, :-1]).sum(axis=0)
        below = _alike(strip[1:], strip[:-1]) & seen[1:] & seen[:-1]
        down[start + 1 : start + 1 + len(below)] += below.sum(axis=1)
    return (
        _axis(mask.mean(axis=0), across / height, specks),
        _axis(mask.mean(axis=1), down / width, specks),
    )


def _alike(one: Pixels, two: Pixels) -> Mask:
    import cv2

    if 0 in one.shape:
        return np.zeros(one.shape[:2], dtype=np.bool_)
    away = np.asarray(cv2.absdiff(np.ascontiguousarray(one), np.ascontiguousarray(two)))
    return np.asarray(away.reshape(one.shape).max(axis=2) <= _ALIKE)


def _axis(filled: Floats, joined: Floats, specks: float) -> Axis:
    there = np.flatnonzero(filled > specks)
    first, last = (int(there[0]), int(there[-1]) + 1) if len(there) else (0, 0)
    return Axis(filled, joined, first, last, specks)


@dataclass(frozen=True)
class Lattice:
    """Equally spaced lines between cells."""

    period: int
    phase: int  # a line lies here, and at every period after it
    lines: int  # how many of them lie between the first and the last filled column
    contrast: float  # 1: nothing goes across them; 0: as much as across any line
    strength: float  # how far below the mean, in standard deviations of a mean of so many


def lattices(axis: Axis, least_px: int, least_contrast: float) -> Iterator[Lattice]:
    """The lattices of two cells or more across which little goes, in no special order.

    Args:
        axis: the evidence.
        least_px: the least period.
        least_contrast: the least contrast that is of interest.
    """
    inner = np.arange(axis.first + 1, axis.last)
    if len(inner) < least_px:
        return
    joined = axis.joined[inner]
    mean, spread = float(joined.mean()), float(joined.std())
    if mean <= 0 or spread <= 0:
        return
    for period in range(least_px, len(inner) + 1):
        phases = inner % period
        lines = np.bincount(phases, minlength=period)
        across = np.bincount(phases, weights=joined, minlength=period)
        with np.errstate(divide="ignore", invalid="ignore"):
            contrast = 1 - across / lines / mean
        fit = np.flatnonzero(contrast >= least_contrast)
        if not len(fit):
            continue
        is_old = (np.diff(fit, prepend=-2) == 1) & (contrast[fit] == contrast[fit - 1])
        fit = fit[~is_old]  # a gap is as good at each of its lines
        strongest = fit[np.argsort(-contrast[fit] * np.sqrt(lines[fit]), kind="stable")]
        for phase in strongest[:_MOST_PHASES]:
            count, strength = int(lines[phase]), float(contrast[phase]) * mean / spread
            yield Lattice(
                *(period, int(phase), count),
                *(float(contrast[phase]), strength * float(np.sqrt(count))),
            )

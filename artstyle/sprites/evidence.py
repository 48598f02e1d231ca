"""What a sheet shows about where its cells end, along one axis.

Line x lies before column of pixels x; a sheet that is W wide has the lines 0 to W.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artstyle.sprites.background import Mask, Pixels

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

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

    def empty_beside(self) -> tuple[Ints, Ints]:
        """How many columns right before, and right behind, each line are empty, [W + 1] both."""
        empty = self.is_empty()
        return _run_lengths(empty), _run_lengths(empty[::-1])[::-1]


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
    within = cv2.inRange(away.reshape(one.shape), (0, 0, 0), (_ALIKE,) * 3)
    return np.asarray(within) > 0


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

    Those whose outermost cells would not fit the sheet, however far their lines are moved through
    what is empty, are not even measured: that is nearly all of them where a picture is one sprite.

    Args:
        axis: the evidence.
        least_px: the least period.
        least_contrast: the least contrast that is of interest.
    """
    inner = np.arange(axis.first + 1, axis.last)
    count = len(inner)
    if count < least_px:
        return
    joined = axis.joined[inner]
    mean, spread = float(joined.mean()), float(joined.std())
    if mean <= 0 or spread <= 0:
        return
    before, behind = axis.empty_beside()
    furthest, nearest = (inner + behind[inner]).tolist(), (inner - before[inner]).tolist()
    rows_of = np.concatenate([joined, np.zeros(count)])  # so that each period divides it
    for period in range(least_px, count + 1):
        rows = -(-count // period)
        across = rows_of[: rows * period].reshape(rows, period)
        begin = bisect_left(furthest, period)  # lines before it are no end of a first cell
        end = bisect_right(nearest, axis.length - period)  # and from here on no begin of a last one
        fuller = count - (rows - 1) * period  # phases with one line more than the others
        for lines, low, high in (
            (rows, begin, min(fuller, end - (rows - 1) * period)),
            (rows - 1, max(begin, fuller), min(period, end - (rows - 2) * period)),
        ):
            if low >= high:
                continue
            contrast = 1 - across[:, low:high].sum(axis=0) / lines / mean
            fit = np.flatnonzero(contrast >= least_contrast)
            if not len(fit):
                continue
            is_old = (np.diff(fit, prepend=-2) == 1) & (contrast[fit] == contrast[fit - 1])
            fit = fit[~is_old]  # a gap is as good at each of its lines
            cleanest = fit[np.argsort(-contrast[fit], kind="stable")][:_MOST_PHASES]
            for place in cleanest.tolist():
                phase = (axis.first + 1 + low + place) % period
                share = float(contrast[place])
                yield Lattice(period, phase, lines, share, share * mean / spread * lines**0.5)


def _run_lengths(empty: NDArray[np.bool_]) -> Ints:
    """[n + 1], how many columns right before each line are empty."""
    places = np.arange(len(empty) + 1)
    filled = np.where(empty, 0, places[1:])
    return np.asarray(places - np.concatenate([[0], np.maximum.accumulate(filled)]))

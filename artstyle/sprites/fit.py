"""From lines between cells to the cells: where they begin, how wide they are, what lies between.

A line can be moved as far as nothing is cut. Where cells are filled to their edges that decides
gutter and margin; where sprites float in their cells, several readings fit a sheet, and the
simplest is taken: cells that fill the sheet, then equal margins, then equal gutters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artstyle.sprites.evidence import Axis, Lattice

Ints = NDArray[np.int64]

_FLUSH = 0.8  # a guess: how full a cell's outermost pixels are, against the fullest ones


@dataclass(frozen=True)
class Fit:
    """One reading of an axis: `count` cells of `cell` pixels from `start` on."""

    start: int
    cell: int
    gutter: int
    count: int
    rank: int  # how simple it is; 0 is simplest
    lattice: Lattice | None  # None: one cell that fills the axis

    @property
    def contrast(self) -> float:
        """Of its lines; 0 where there are none."""
        return self.lattice.contrast if self.lattice else 0.0

    @property
    def order(self) -> tuple[int, int, int]:
        """Simple readings first: by rank, then round cells, then little between them."""
        round_by = next((step for step in (16, 8, 4, 2) if self.cell % step == 0), 1)
        return self.rank, -round_by, self.gutter + self.start


class Fitter:
    """Readings of one axis.

    Args:
        axis: the evidence.
    """

    def __init__(self, axis: Axis) -> None:
        self._axis = axis
        self._before, self._behind = axis.empty_beside()
        self._filled_until = np.concatenate([[0], np.cumsum(~axis.is_empty())])

    def fits(self, lattice: Lattice) -> Iterator[Fit]:
        """The readings of a lattice that cut no sprite; none if its cells do not fit the sheet."""
        axis, period = self._axis, lattice.period
        lines = _lines(axis, lattice)
        left, right = int(self._before[lines].min()), int(self._behind[lines].min())
        first, last = int(lines[0]), int(lines[-1])
        fits_in = first - period + right >= 0 and last + period - left <= axis.length
        if left + right >= period or not fits_in or not self._no_empty_cell(lines):
            return
        if self._is_flush(lines, period, left, right):
            yield self._flush(lattice, lines, left, right)
        else:
            yield from _floating(axis, lattice, first, left, right)

    def _no_empty_cell(self, lines: Ints) -> bool:
        ends = np.concatenate([[0], lines, [self._axis.length]])
        return bool(np.diff(self._filled_until[ends]).min() > 0)

    def _is_flush(self, lines: Ints, period: int, left: int, right: int) -> bool:
        """Whether cells are filled to their edges once gutters are as wide as they can be."""
        begins = np.append(lines[0] - period, lines) + right
        ends = np.append(lines, lines[-1] + period) - left
        filled = self._axis.filled
        shares = []
        for begin, end in zip(np.maximum(begins, 0), ends, strict=True):
            inside = filled[begin:end]
            shares.append(min(inside[0], inside[-1]) / max(inside.max(), 1e-9))
        return bool(np.median(shares) >= _FLUSH)

    def _flush(self, lattice: Lattice, lines: Ints, left: int, right: int) -> Fit:
        start, cell = int(lines[0]) - lattice.period + right, lattice.period - left - right
        return Fit(start, cell, left + right, len(lines) + 1, -1, lattice)


def _floating(axis: Axis, lattice: Lattice, first: int, left: int, right: int) -> Iterator[Fit]:
    """Readings of cells whose edges cannot be seen; the line `first` may move to both sides."""
    length, period, count = axis.length, lattice.period, lattice.lines + 1
    low, high = first - left, first + right  # all between them is empty
    if length % period == 0 and (-low) % period <= high - low:
        yield Fit(0, period, 0, length // period, 0, lattice)
    over = length - count * period
    begin = over // 2
    holds_all = begin <= axis.first and axis.last <= begin + count * period
    if over >= 0 and holds_all and low <= begin + period <= high:
        yield Fit(begin, period, 0, count, 1, lattice)
    if -period < over < 0 and low <= period + over and period <= high:
        yield Fit(0, period + over, -over, count, 1, lattice)
    fits = over <= axis.first and axis.last <= length - over
    if 0 < over < period and fits and low <= period and period + over <= high:
        yield Fit(over, period - over, over, count, 2, lattice)
    yield from _anywhere(axis, lattice, low, high)


def _anywhere(axis: Axis, lattice: Lattice, low: int, high: int) -> Iterator[Fit]:
    """The reading that stays away from sprites as far as it can."""
    period, count = lattice.period, lattice.lines + 1
    start = (low + high) // 2 - period
    gutter = max(-start, 0)
    beyond = max(start + count * period - axis.length, 0)
    cell = period - gutter - beyond
    if cell > 0:
        yield Fit(max(start, 0), cell, gutter + beyond, count, 3, lattice)


def whole(axis: Axis) -> Fit:
    """The reading of an axis that is not divided."""
    edges = axis.filled[[axis.first, axis.last - 1]]
    if axis.first and edges.min() >= _FLUSH * axis.filled.max():
        return Fit(axis.first, axis.last - axis.first, 0, 1, 0, None)
    return Fit(0, axis.length, 0, 1, 0, None)


def _lines(axis: Axis, lattice: Lattice) -> Ints:
    """The lines of a lattice between the first and the last filled column."""
    after = axis.first + 1
    start = after + (lattice.phase - after) % lattice.period
    return np.arange(start, axis.last, lattice.period)

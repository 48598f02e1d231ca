"""Figures for tools that people know: TensorBoard's event files, and MLflow where it is wished."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PLAIN = ("Progress/nimg", "timestamp")  # of a row of figures: no mean and deviation


class Tracker(Protocol):
    """Somebody who wants to know how a training goes."""

    def begin(self, nimg: int) -> None:
        """A training begins, or goes on, here."""
        ...

    def figures(self, nimg: int, row: Mapping[str, Any]) -> None:
        """A row of `stats.jsonl`."""
        ...

    def picture(self, nimg: int, name: str, pixels: NDArray[np.uint8]) -> None:
        """A picture, HWC uint8."""
        ...

    def close(self) -> None:
        """Nothing follows."""
        ...


class Trackers:
    """All of them as one."""

    def __init__(self, *trackers: Tracker) -> None:
        self._trackers = trackers

    def begin(self, nimg: int) -> None:
        """See `Tracker`."""
        for tracker in self._trackers:
            tracker.begin(nimg)

    def figures(self, nimg: int, row: Mapping[str, Any]) -> None:
        """See `Tracker`."""
        for tracker in self._trackers:
            tracker.figures(nimg, row)

    def picture(self, nimg: int, name: str, pixels: NDArray[np.uint8]) -> None:
        """See `Tracker`."""
        for tracker in self._trackers:
            tracker.picture(nimg, name, pixels)

    def close(self) -> None:
        """See `Tracker`."""
        for tracker in self._trackers:
            tracker.close()


def means(row: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a row by name, their means."""
    return {name: float(value["mean"]) for name, value in row.items() if name not in PLAIN}

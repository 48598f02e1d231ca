"""What was measured about crops, kept by the SHA-256 of their files, so that it is measured once.

A file `NAME.npz` in the style's cache: `sha256` [n] and `values` [n, ...], the newest at the end.
It may be deleted at any time. One process at a time writes it (the command holds a lock).
"""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artstyle.files import atomic_file

SAVE_EVERY_S = 15.0  # what a kill costs at most; writing takes a tenth of a second


class Store:
    """Values by SHA-256.

    Args:
        path: the file; one that is damaged or of another form counts as none.
        dtype: of a value; may be structured.
        shape: of a value.
        save_every_s: write the file when so much time has gone by.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        path: Path,
        dtype: np.dtype[Any],
        shape: tuple[int, ...] = (),
        *,
        save_every_s: float = SAVE_EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._dtype, self._shape = dtype, shape
        self._every_s, self._clock, self._saved_s = save_every_s, clock, clock()
        self._blocks: list[NDArray[Any]] = []
        self._names: list[str] = []
        self._changed = False
        for leftover in path.parent.glob(f".{path.name}.*.part"):
            leftover.unlink(missing_ok=True)  # of a process that was killed while it wrote
        self._load()
        self._rows = {name: row for row, name in enumerate(self._names)}

    def __contains__(self, sha256: str) -> bool:
        return sha256 in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, names: Sequence[str], values: NDArray[Any]) -> None:
        """Keep values; `save` when it is time."""
        new = [at for at, name in enumerate(names) if name not in self._rows]
        for at in new:
            self._rows[names[at]] = len(self._names)
            self._names.append(names[at])
        if new:
            self._blocks.append(values[new])
            self._changed = True
        if self._clock() - self._saved_s >= self._every_s:
            self.save()

    def save(self) -> None:
        """Write the file, if there is anything new.

        Raises:
            OSError: it cannot be written.
        """
        if self._changed:
            with atomic_file(self.path) as stream:
                np.savez(stream, sha256=np.array(self._names, dtype="S64"), values=self._all())
            self._changed = False
        self._saved_s = self._clock()

    def values(self, names: Sequence[str]) -> NDArray[Any]:
        """The values of these, in this order.

        Raises:
            KeyError: one was never added.
        """
        rows = np.array([self._rows[name] for name in names], dtype=np.int64)
        found: NDArray[Any] = self._all()[rows]
        return found

    def _all(self) -> NDArray[Any]:
        if len(self._blocks) != 1:
            empty = np.empty((0, *self._shape), dtype=self._dtype)
            self._blocks = [np.concatenate([empty, *self._blocks])]
        return self._blocks[0]

    def _load(self) -> None:
        try:
            with self.path.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
                names = [name.decode("ascii") for name in held["sha256"].tolist()]
                values = held["values"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return
        fits = values.dtype == self._dtype and values.shape == (len(names), *self._shape)
        if fits and len(set(names)) == len(names):
            self._names, self._blocks = names, [values]

"""The order in which training sees a dataset, as the official implementations have it.

The dataset is shuffled once and then read round and round; each picture that was read is swapped
with one of those read shortly before, so that no two rounds are alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import CorpusError

_WINDOW_PART = 0.5  # of the dataset a picture may be swapped back over; official


class InfiniteOrder:
    """An endless iterator over indices whose place can be saved and found again.

    Args:
        length: how many pictures there are.
        seed: of the order.
        rank: which of several processes this is; each takes every `replicas`-th index.
        replicas: how many processes there are.
        shuffle: False reads from front to back, round and round.
    """

    def __init__(
        self, length: int, seed: int = 0, *, rank: int = 0, replicas: int = 1, shuffle: bool = True
    ) -> None:
        if length < 1 or not 0 <= rank < replicas:
            raise CorpusError(f"there is no order of {length} pictures for rank {rank}/{replicas}")
        self._settings = (length, seed, rank, replicas, shuffle)
        self._rewind()

    def _rewind(self) -> None:
        length, seed, _, _, shuffle = self._settings
        self._order: NDArray[np.int64] = np.arange(length, dtype=np.int64)
        self._dice = np.random.RandomState(seed)
        self._window = round(length * _WINDOW_PART) if shuffle else 0  # half to even, as rint
        self._read = 0  # by all processes together
        self._given = 0  # by this one
        if shuffle:
            self._dice.shuffle(self._order)

    def __iter__(self) -> InfiniteOrder:
        return self

    def __next__(self) -> int:
        length, _, rank, replicas, _ = self._settings
        while True:
            place = self._read % length
            index, is_ours = int(self._order[place]), self._read % replicas == rank
            if self._window >= 2:
                other = (place - int(self._dice.randint(self._window))) % length
                self._order[[place, other]] = self._order[[other, place]]
            self._read += 1
            if is_ours:
                self._given += 1
                return index

    @property
    def position(self) -> int:
        """How many indices this process has been given."""
        return self._given

    def move_to(self, position: int) -> None:
        """Continue as if `position` indices had been given; going back begins anew."""
        if position < self._given:
            self._rewind()
        while self._given < position:
            next(self)

    def state(self) -> dict[str, Any]:
        """What JSON can hold and `restore` continues from."""
        _, keys, at, _, _ = self._dice.get_state(legacy=True)
        return {
            "settings": list(self._settings),
            "order": self._order.tolist(),
            "keys": np.asarray(keys).tolist(),
            "at": int(at),
            "read": self._read,
            "given": self._given,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state of the same order.

        Raises:
            CorpusError: the state is that of another order.
        """
        if tuple(state["settings"]) != self._settings:
            raise CorpusError(
                f"the order saved is of {tuple(state['settings'])}, and this one of"
                f" {self._settings} (length, seed, rank, replicas, shuffle)",
                hint="resume with the dataset and the settings that the run began with",
            )
        self._order = np.array(state["order"], dtype=np.int64)
        self._dice.set_state(("MT19937", np.array(state["keys"], np.uint32), state["at"], 0, 0.0))
        self._read, self._given = state["read"], state["given"]


def subset(length: int, most: int, seed: int = 0) -> list[int]:
    """The indices that are left where only `most` of `length` pictures may be used, ascending."""
    indices = np.arange(length)
    np.random.RandomState(seed % (1 << 31)).shuffle(indices)
    return sorted(int(index) for index in indices[:most])

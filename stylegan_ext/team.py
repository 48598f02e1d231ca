"""One training on several processes, drawing the same random numbers as one process would.

Every process draws what the whole batch needs and keeps its share: item i belongs to process
i modulo `world`. Drawing is cheap beside convolving, and so the training does not depend on how
many processes share it (but for rounding). The groups of the minibatch statistics, which hold the
items i, i + n/g, i + 2 n/g ..., stay whole as long as the number of groups is a multiple of
`world`. A process alone is the team `SOLO`, in which nothing is shared and nothing costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeAlias

import torch

Reduce: TypeAlias = Callable[[torch.Tensor], torch.Tensor]


def _alone(values: torch.Tensor) -> torch.Tensor:
    return values


@dataclass(frozen=True)
class Team:
    """Which of several processes this is, and how they find their common mean."""

    rank: int = 0
    world: int = 1
    mean: Reduce = _alone  # of a tensor over all processes; the same result in each

    def share(self, whole: torch.Tensor) -> torch.Tensor:
        """This process's items of a whole batch [n, ...]."""
        return whole if self.world == 1 else whole[self.rank :: self.world].contiguous()


SOLO = Team()
_current: ContextVar[Team] = ContextVar("team", default=SOLO)


@contextmanager
def working_in(team: Team) -> Iterator[None]:
    """Draw and average with this team inside the block."""
    token = _current.set(team)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Team:
    """The team of the block we are in; `SOLO` outside of any."""
    return _current.get()


def normal(
    shape: Sequence[int],
    device: torch.device | None = None,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Normal numbers for this process's items, float32; shape[0] counts them."""
    team = current()
    whole = [shape[0] * team.world, *shape[1:]]
    if generator is None:  # said in full, it cannot be traced by torch.compile and torch.export
        return team.share(torch.randn(whole, device=device))
    return team.share(torch.randn(whole, device=device, generator=generator))


def uniform(
    shape: Sequence[int],
    device: torch.device | None = None,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Numbers from [0, 1) for this process's items, float32; shape[0] counts them."""
    team = current()
    whole = [shape[0] * team.world, *shape[1:]]
    return team.share(torch.rand(whole, device=device, generator=generator))

"""The search for a picture: Adam or L-BFGS, its average, and what happens where numbers fail.

    found = minimise(start, evaluate, Search(), steps=20, emit=emit)

A search goes in steps of several evaluations. Within a step nothing is asked of the device; after
it the loss is read, progress is told, and values that are not finite are dealt with: the search
goes back to the last point where all was well, at half the rate, and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import torch

from artstyle.baselines.optim_lbfgs import HISTORY, LBFGS, Evaluate
from artstyle.errors import MeasureError
from artstyle.events import Emit, Note, Progress, ignore

Method: TypeAlias = Literal["lbfgs", "adam"]
# Adam's is crowsonkb's choice for [0, 1], doubled for [-1, 1] (github: style-transfer-pytorch);
# 1 is Newton's step.
RATES: dict[Method, float] = {"lbfgs": 1.0, "adam": 0.04}
BETAS = (0.9, 0.99)  # of Adam; the same source's
MOST_HALVINGS = 6  # of the rate, before the search gives up. A guess


@dataclass(frozen=True)
class Search:
    """How to look for the picture."""

    method: Method = "lbfgs"
    lr: float | None = None  # None: see RATES
    iterations: int = 10  # evaluations in a step
    history: int = HISTORY  # of L-BFGS
    # Decay of the iterate's average, which is what is drawn; 0: the iterate itself. None: 0.99 with
    # Adam, whose iterates tremble, and 0 with L-BFGS, whose do not.
    ema: float | None = None

    @property
    def rate(self) -> float:
        """The learning rate that is meant."""
        return RATES[self.method] if self.lr is None else self.lr

    @property
    def decay(self) -> float:
        """The decay of the average that is meant."""
        return (0.99 if self.method == "adam" else 0.0) if self.ema is None else self.ema


@dataclass(frozen=True)
class Step:
    """How far a search is; the picture is [n, c, h, w], not clamped, and may be read only now."""

    index: int  # from 0
    total: int
    loss: float
    picture: torch.Tensor


@dataclass(frozen=True)
class Found:
    """What a search came to."""

    picture: torch.Tensor  # like the start; the average where one was asked for
    losses: tuple[float, ...]  # after each step
    evaluations: int
    setbacks: tuple[str, ...]  # where values were not finite, in words


class Optimiser(Protocol):
    """What a search drives."""

    @property
    def x(self) -> torch.Tensor:
        """The last good point."""

    @property
    def loss(self) -> torch.Tensor:
        """The function's value at the last good point that was looked at, []."""

    @property
    def unfit(self) -> torch.Tensor:
        """How many evaluations were not finite, []."""

    def run(self, evaluations: int) -> None:
        """Look at the function so many times."""


class Adam:
    """Adam (Kingma and Ba 2015) that keeps out of where the function is not finite.

    Args:
        start: where to begin.
        evaluate: the function and its gradient.
        lr: the rate.
        bounds: values are clamped to these after each move; None leaves them free.
    """

    def __init__(
        self,
        start: torch.Tensor,
        evaluate: Evaluate,
        *,
        lr: float,
        bounds: tuple[float, float] | None = (-1.0, 1.0),
    ) -> None:
        self._evaluate, self._lr, self._bounds = evaluate, lr, bounds
        self._next = start.detach().clone()  # where to look; `x` is where all was well
        self.x: torch.Tensor = self._next
        self.loss: torch.Tensor = torch.full((), torch.inf, device=start.device)
        self.unfit: torch.Tensor = torch.zeros((), dtype=torch.long, device=start.device)
        self._mean, self._square = torch.zeros_like(start), torch.zeros_like(start)
        self._moves = 0

    def run(self, evaluations: int) -> None:
        """See `Optimiser.run`."""
        for _ in range(evaluations):
            self._move()

    def _move(self) -> None:
        loss, gradient = self._evaluate(self._next)
        is_fit = torch.isfinite(loss) & torch.isfinite(gradient).all()
        self.unfit = self.unfit + ~is_fit
        self.x = torch.where(is_fit, self._next, self.x)
        self.loss = torch.where(is_fit, loss.detach(), self.loss)
        gradient = torch.where(is_fit, gradient, torch.zeros_like(gradient))
        first, second = BETAS
        self._moves += 1
        self._mean.lerp_(gradient, 1 - first)
        self._square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        spread = (self._square / (1 - second**self._moves)).sqrt_().add_(1e-8)
        moved = self.x - self._lr / (1 - first**self._moves) * self._mean / spread
        if self._bounds is not None:
            moved = moved.clamp(*self._bounds)
        self._next = moved


def minimise(
    start: torch.Tensor,
    evaluate: Evaluate,
    search: Search,
    *,
    steps: int,
    task: str = "search",
    on_step: Callable[[Step], None] = lambda step: None,
    emit: Emit = ignore,
) -> Found:
    """Look for the picture at which a function is least.

    Args:
        start: where to begin.
        evaluate: the function and its gradient.
        search: how.
        steps: how many times `search.iterations` evaluations are made.
        task: the name of the progress.
        on_step: called after each step.
        emit: told of progress and of setbacks.

    Raises:
        MeasureError: the function is not finite at the start, or however small the rate is.
    """
    rate, optimiser = search.rate, _optimiser(start, evaluate, search, search.rate)
    average = _Average(start, search.decay)
    losses: list[float] = []
    setbacks: list[str] = []
    for index in range(steps):
        for _ in range(search.iterations):
            optimiser.run(1)
            average.add(optimiser.x)
        unfit, loss = int(optimiser.unfit), float(optimiser.loss)
        if unfit:
            if len(setbacks) >= MOST_HALVINGS or not torch.isfinite(optimiser.loss):
                raise MeasureError(
                    f"the loss is not finite ({unfit} of the last {search.iterations} evaluations),"
                    f" also at a rate of {rate:g}",
                    hint="lower the weights, or take another start or another --perception",
                )
            rate /= 2
            setbacks.append(f"step {index + 1}: {unfit} evaluations not finite, rate now {rate:g}")
            emit(
                Note(
                    f"the loss was not finite in {unfit} evaluations of step {index + 1}: back to"
                    f" the last good picture, at half the rate ({rate:g})",
                    "warning",
                )
            )
            optimiser = _optimiser(optimiser.x, evaluate, search, rate)
        losses.append(loss)
        on_step(Step(index, steps, loss, average.value))
        emit(Progress(task, index + 1, steps, "steps", f"loss {loss:.4g}"))
    made = steps * search.iterations
    return Found(average.value, tuple(losses), made, tuple(setbacks))


def _optimiser(start: torch.Tensor, evaluate: Evaluate, search: Search, rate: float) -> Optimiser:
    if search.method == "adam":
        return Adam(start, evaluate, lr=rate, bounds=None)
    return LBFGS(start, evaluate, lr=rate, history=search.history)


class _Average:
    """The average of what was added, later values counting more; with a decay of 0 the last."""

    def __init__(self, like: torch.Tensor, decay: float) -> None:
        self._sum, self._decay, self._share = torch.zeros_like(like), decay, 0.0
        self._last = like

    def add(self, point: torch.Tensor) -> None:
        self._last = point
        if self._decay:
            self._sum.lerp_(point, 1 - self._decay)
            self._share += (1 - self._decay) * (1 - self._share)

    @property
    def value(self) -> torch.Tensor:
        return self._sum / self._share if self._share else self._last

"""L-BFGS that never waits for the device: no number of it is looked at by Python.

`torch.optim.LBFGS` compares losses and curvatures in Python, which on a GPU stops the pipeline
several times per evaluation. Here every decision is a `where` on the device. The direction comes
from the compact form of the inverse Hessian (Byrd, Nocedal and Schnabel 1994, theorem 2.2), whose
small matrices replace the two loops over the history.

A step that does not lower the loss enough (Armijo's condition) is not taken; half of it is tried
with the next evaluation. So an evaluation costs one look at the function, whatever happens, and
the loss never rises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch

# The loss, [], and its gradient, like the point; neither carries a graph.
Evaluate: TypeAlias = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]

HISTORY = 20  # pairs kept; they take 2 * HISTORY times the picture's memory
FIRST_RMS = 0.02  # of the first move, per value; pictures have the range [-1, 1]. A guess
LONGEST_RMS = 0.25  # no move is longer. A guess: a tenth of the range and a little
_ENOUGH = 1e-4  # Armijo's constant (Nocedal and Wright 2006, section 3.1)
_ROUNDING = 1e-7  # of the loss: differences that float32 cannot see are no rise
_MOST_HALVINGS = 8  # then the history misleads, and is forgotten


class LBFGS:
    """Minimises a function of one tensor.

    Args:
        start: where to begin, any shape, float.
        evaluate: the function and its gradient.
        lr: the share of the full step that is tried first, 1 for Newton's.
        history: pairs of moves and changes of the gradient that are kept.
        first_rms: length of the first move, per value.
        longest_rms: no move is longer, per value.
    """

    def __init__(
        self,
        start: torch.Tensor,
        evaluate: Evaluate,
        *,
        lr: float = 1.0,
        history: int = HISTORY,
        first_rms: float = FIRST_RMS,
        longest_rms: float = LONGEST_RMS,
    ) -> None:
        self._evaluate, self._lr, self._shape = evaluate, lr, start.shape
        self._point = start.detach().reshape(-1).clone()
        self._first_length = first_rms * self._point.numel() ** 0.5
        self._longest_length = longest_rms * self._point.numel() ** 0.5
        self._loss, self._gradient = self._at(self._point)
        self._pairs = _Pairs(self._point, history)
        self._unfit = torch.zeros((), dtype=torch.long, device=start.device)
        self._halvings = torch.zeros((), device=start.device)
        self._reach = torch.full((), lr, device=start.device, dtype=start.dtype)
        self._direction = self._downhill()

    @property
    def x(self) -> torch.Tensor:
        """The best point so far, of the start's shape."""
        return self._point.reshape(self._shape)

    @property
    def loss(self) -> torch.Tensor:
        """The function's value there, []."""
        return self._loss

    @property
    def unfit(self) -> torch.Tensor:
        """How many points were tried where the function or its gradient is not finite, []."""
        return self._unfit

    def run(self, evaluations: int) -> None:
        """Look at the function so many times."""
        for _ in range(evaluations):
            self._try()

    def _try(self) -> None:
        move = self._reach * self._direction
        trial = self._point + move
        loss, gradient = self._at(trial)
        slope = torch.dot(self._gradient, move)
        allowed = self._loss + _ENOUGH * slope + _ROUNDING * self._loss.abs()
        is_fit = torch.isfinite(loss) & torch.isfinite(gradient).all()
        self._unfit = self._unfit + ~is_fit
        taken = (loss <= allowed) & is_fit
        self._pairs.add(move, gradient - self._gradient, taken)
        self._point = torch.where(taken, trial, self._point)
        self._gradient = torch.where(taken, gradient, self._gradient)
        self._loss = torch.where(taken, loss, self._loss)
        self._halvings = torch.where(taken, 0.0, self._halvings + 1)
        lost = self._halvings >= _MOST_HALVINGS
        self._pairs.forget(lost)
        self._halvings = torch.where(lost, 0.0, self._halvings)
        anew = taken | lost
        self._direction = torch.where(anew, self._next_direction(), self._direction)
        self._reach = torch.where(anew, self._lr, self._reach / 2)

    def _at(self, point: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        loss, gradient = self._evaluate(point.reshape(self._shape))
        return loss.detach(), gradient.detach().reshape(-1)

    def _downhill(self) -> torch.Tensor:
        """Straight down, as long as the first move."""
        share: torch.Tensor = -self._first_length / _length(self._gradient)
        return self._gradient * share

    def _next_direction(self) -> torch.Tensor:
        """What the history proposes, if it leads down, and never too far."""
        newton = -self._pairs.inverse_hessian_times(self._gradient)
        leads_down = (torch.dot(newton, self._gradient) < 0) & self._pairs.are_there
        direction = torch.where(leads_down, newton, self._downhill())
        share: torch.Tensor = self._longest_length / _length(direction)
        return direction * share.clamp_max(1.0)


class _Pairs:
    """The last moves s and changes y of the gradient, and their products.

    Slots that hold nothing are zeros, and drop out of the sums by themselves.

    Args:
        like: a vector of the size, type and device that all have.
        count: how many pairs are kept.
    """

    def __init__(self, like: torch.Tensor, count: int) -> None:
        self._moves = like.new_zeros(count, like.numel())
        self._changes = like.new_zeros(count, like.numel())
        # MPS has no float64; elsewhere the small systems are solved in it.
        exact = torch.float32 if like.device.type == "mps" else torch.float64
        self._sy = torch.zeros(count, count, dtype=exact, device=like.device)
        self._yy = torch.zeros_like(self._sy)
        self._next = torch.zeros(1, dtype=torch.long, device=like.device)
        self._slots = torch.arange(count, device=like.device)
        self._scale = torch.ones((), dtype=exact, device=like.device)

    @property
    def are_there(self) -> torch.Tensor:
        """Whether any pair is kept, [] bool."""
        return (self._sy.diagonal() > 0).any()

    def add(self, move: torch.Tensor, change: torch.Tensor, wanted: torch.Tensor) -> None:
        """Keep a pair in place of the oldest, if it is wanted and curves upwards."""
        exact = self._sy.dtype
        curve, square = torch.dot(move, change), torch.dot(change, change)
        kept = wanted & (curve > 1e-8 * move.norm() * change.norm())
        at = self._next
        for rows, row in ((self._moves, move), (self._changes, change)):
            rows.index_copy_(0, at, torch.where(kept, row, rows[at][0])[None])
        # With a slot left as it was, these products are what they were.
        new_move, new_change = self._moves[at][0], self._changes[at][0]
        self._sy.index_copy_(0, at, (self._changes @ new_move).to(exact)[None])
        self._sy.index_copy_(1, at, (self._moves @ new_change).to(exact)[:, None])
        products = (self._changes @ new_change).to(exact)
        self._yy.index_copy_(0, at, products[None])
        self._yy.index_copy_(1, at, products[:, None])
        scale = (curve / square.clamp_min(torch.finfo(square.dtype).tiny)).to(exact)
        self._scale = torch.where(kept, scale, self._scale)
        self._next = (at + kept) % len(self._slots)

    def forget(self, all_of_it: torch.Tensor) -> None:
        """Drop every pair, if so; `all_of_it` is [] bool."""
        keep = ~all_of_it
        for held in (self._moves, self._changes, self._sy, self._yy):
            held.mul_(keep)

    def inverse_hessian_times(self, gradient: torch.Tensor) -> torch.Tensor:
        """H g of Byrd, Nocedal and Schnabel 1994, theorem 2.2, with H_0 = (s.y / y.y) I."""
        exact, scale = self._sy.dtype, self._scale
        order = (self._next + self._slots) % len(self._slots)  # the oldest first
        sy = self._sy[order][:, order]
        yy = self._yy[order][:, order]
        curves = sy.diagonal()
        upper = sy.triu() + torch.diag((curves == 0).to(exact))
        along = (self._moves @ gradient).to(exact)[order]
        across = (self._changes @ gradient).to(exact)[order]
        inner = _solve(upper, along)
        outer = torch.diag(curves) @ inner + scale * (yy @ inner) - scale * across
        of_moves = torch.linalg.solve_triangular(upper.T, outer[:, None], upper=False)[:, 0]
        back = torch.argsort(order)
        of_moves, of_changes = of_moves[back].to(gradient), (-scale * inner)[back].to(gradient)
        result: torch.Tensor = scale.to(gradient) * gradient
        result += of_moves @ self._moves
        result += of_changes @ self._changes
        return result


def _length(vector: torch.Tensor) -> torch.Tensor:
    """The norm, and never zero."""
    norm: torch.Tensor = torch.linalg.vector_norm(vector)
    return norm.clamp_min(torch.finfo(vector.dtype).tiny)


def _solve(upper: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = torch.linalg.solve_triangular(upper, right[:, None], upper=True)
    return found[:, 0]

"""The training itself: iterations, and at their times figures, panels, nets and states."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from artstyle.baselines.fast.training import DivergedError
from artstyle.errors import RunError
from artstyle.events import Emit, Note, Progress
from artstyle.images import to_tensor, write_png
from artstyle.pipeline.train.tracking import Trackers
from artstyle.pipeline.train.work import STATE_MINUTES, in_hours, peak_memory_bytes
from artstyle.pipeline.train_fast.feed import Feed
from artstyle.pipeline.train_fast.panel import panel
from artstyle.pipeline.train_fast.plan import Plan
from artstyle.pipeline.train_fast.result import write_net
from artstyle.runs import Run
from stylegan_ext.training.state import StateFiles

if TYPE_CHECKING:
    from artstyle.baselines.fast.training import FastTraining

TICK_ITERATIONS = 20  # between two rows of figures
_MOST_RETURNS = 3  # how often a training that ran apart goes back, each time at half the rate
LATEST = "latest.safetensors"
_STATE_HINT = "free some space and give the same command again: it goes on from the last state"


class Work:
    """One call's share of a training.

    Args:
        run: its folder, held for writing.
        plan: what is trained.
        training: at its beginning.
        emit: told of everything; notes go into the run's log as well.
        trackers: told of figures.
        clock: seconds that only grow; a test gives its own.
    """

    def __init__(
        self,
        run: Run,
        plan: Plan,
        training: FastTraining,
        emit: Emit,
        *,
        trackers: Trackers,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.run, self.plan, self.training, self.emit = run, plan, training, emit
        self.trackers, self.clock = trackers, clock
        self.feed = Feed(plan.crops(emit=emit), plan.recipe.batch)
        self.states = StateFiles(run.folder)
        self.seconds = 0.0  # of training, over all calls
        self.returns = 0
        self._lap_s = self._saved_at_s = clock()
        self._told = ""

    # -- beginning ---------------------------------------------------------------------------

    def begin(self) -> None:
        """Go on from the newest state, or write the first one.

        Raises:
            RunError: there are states, and none is whole.
        """
        for left in self.run.folder.glob(".*.part"):  # by a kill, in the middle of a file
            left.unlink(missing_ok=True)
        if not self._restore():
            self.trackers.begin(0)
            self.save()
            return
        at = self.training.iteration
        self.run.keep_stats(lambda row: row["Progress/iteration"]["mean"] <= at)
        self.trackers.begin(at * self.plan.recipe.batch)
        told = f"goes on at iteration {at:,}, {in_hours(self.seconds)} into the training"
        self.emit(Note(told))

    def _restore(self) -> bool:
        """Go to the newest state; False if there is none."""
        state, faults = self.states.newest()
        for fault in faults:
            self.emit(Note(f"{fault}; the state before it is used", "warning"))
        if state is None and faults:
            raise RunError(
                f"no state of {self.run.folder} is whole",
                hint="remove the folder, and give the same command again",
            )
        if state is None:
            return False
        try:
            self.training.restore(state.tensors, state.facts["counters"])
        except (KeyError, RuntimeError) as fault:
            raise RunError(
                f"the state in {self.run.folder} is that of another training: {fault}",
                hint="name a new folder with --out",
            ) from fault
        self.seconds = float(state.facts["seconds"])
        self.returns = int(state.facts["returns"])
        self._lap_s = self._saved_at_s = self.clock()
        return True

    # -- going on ----------------------------------------------------------------------------

    def go(self, iterations: int, minutes: float | None) -> str:
        """Train until the goal.

        Returns:
            Why it ended: "iterations" or "minutes".

        Raises:
            RunError: it ran apart and going back did not help, or the disk is full.
        """
        until_s = None if minutes is None else self.clock() + minutes * 60
        try:
            while True:
                if self.training.iteration >= iterations:
                    return self._finish("iterations")
                if until_s is not None and self.clock() >= until_s:
                    return self._finish("minutes")
                try:
                    self._iterate(iterations, until_s)
                except DivergedError as fault:
                    self._go_back(fault)
        except KeyboardInterrupt:
            self.save()
            self.emit(Note("interrupted; the same command goes on from here"))
            raise
        finally:
            self.feed.close()
            self.trackers.close()

    def _iterate(self, iterations: int, until_s: float | None) -> None:
        at = self.training.iteration
        photos = to_tensor(self.feed.take(at))
        self.training.iterate(photos, self.plan.styles_of(at))
        at = self.training.iteration
        if at % TICK_ITERATIONS == 0:
            self._tick(iterations, until_s)
        if at % self.plan.recipe.checkpoint_iterations == 0:
            self.checkpoint()
        elif self.clock() - self._saved_at_s >= STATE_MINUTES * 60:
            self.save()
        self.emit(Progress("train-fast", min(at, iterations), iterations, "iterations", self._told))

    def _go_back(self, fault: DivergedError) -> None:
        """To the last state, and on from there at half the rate."""
        self._restore()
        self.returns += 1
        at = self.training.iteration
        if self.returns > _MOST_RETURNS:
            raise RunError(
                f"the training has run apart again: {fault}; the last good state is that of"
                f" iteration {at:,}, in {self.run.folder}",
                hint="start anew with a lower --lr or a lower --style-weight",
            ) from fault
        self.training.rate_share /= 2
        rate = self.plan.recipe.learning_rate * self.training.rate_share
        for _ in range(2):  # both files, so that no older one of this iteration is read again
            self.save()
        self.emit(
            Note(f"{fault}: back to iteration {at:,}, and on at the rate {rate:g}", "warning")
        )

    # -- what is due -------------------------------------------------------------------------

    def _tick(self, iterations: int, until_s: float | None) -> None:
        """A row of figures since the last one."""
        training, recipe = self.training, self.plan.recipe
        means = training.take_means()
        now = self.clock()
        spent_s = now - self._lap_s
        self.seconds += spent_s
        self._lap_s = now
        per_s = spent_s / TICK_ITERATIONS
        nimg = training.iteration * recipe.batch
        row: dict[str, Any] = {
            f"Loss/{name}": _figure(value, TICK_ITERATIONS) for name, value in means.items()
        }
        row |= {
            "Progress/iteration": _figure(training.iteration),
            "Progress/rate": _figure(recipe.learning_rate * training.rate_share),
            "Timing/sec_per_iteration": _figure(per_s),
            "Timing/total_sec": _figure(self.seconds),
            "Resources/peak_mem_gb": _figure(
                peak_memory_bytes(torch.device(training.device).type) / 1e9
            ),
            "Progress/nimg": nimg,
            "timestamp": self.run.clock().timestamp(),
        }
        self.run.append_stats(row)
        self.trackers.figures(nimg, row)
        left_s = (iterations - training.iteration) * per_s
        if until_s is not None:
            left_s = min(left_s, max(0.0, until_s - now))
        self._told = (
            f"content {means['content']:.3f}  style {means['style']:.3f}"
            f"  {per_s:.2f} s each  {in_hours(left_s)} to go"
        )

    def _peak_gb(self) -> float:
        return peak_memory_bytes(torch.device(self.training.device).type) / 1e9

    def checkpoint(self) -> None:
        """Write the state, the averaged net, and what it draws of photos it never saw.

        Raises:
            DivergedError: the net holds NaN or infinity; nothing was written.
        """
        self.save()
        self._draw(f"panel{self.training.iteration:07d}.png")
        write_net(self.run.folder / LATEST, self.plan, self.training, self.run, self.seconds)
        if self._told:
            self.emit(Note(f"iteration {self.training.iteration:,}  {self._told}"))

    def _draw(self, name: str) -> None:
        photos = self.plan.held_photos or self.plan.photos[:1]
        pixels = panel(self.training.average, photos, self.plan.styles, device=self.training.device)
        write_png(self.run.folder / name, pixels)
        nimg = self.training.iteration * self.plan.recipe.batch
        self.trackers.picture(nimg, "panel", pixels)

    def save(self) -> None:
        """Write the state.

        Raises:
            RunError: it cannot be written; the one before is intact.
            DivergedError: it would hold something that is not finite.
        """
        self.training.require_finite()
        facts = {
            "counters": self.training.counters(),
            "seconds": self.seconds + self.clock() - self._lap_s,
            "returns": self.returns,
        }
        try:
            self.states.write(self.training.tensors(), facts)
        except OSError as fault:
            message = f"the state cannot be written to {self.run.folder}: {fault.strerror}"
            raise RunError(message, hint=_STATE_HINT) from fault
        self._saved_at_s = self.clock()

    def _finish(self, reason: str) -> str:
        self.save()
        self._draw("panel_latest.png")
        write_net(self.run.folder / LATEST, self.plan, self.training, self.run, self.seconds)
        return reason


def _figure(mean: float, count: int = 1) -> dict[str, float]:
    """A figure in the form that all rows have; deviations are not kept."""
    return {"num": count, "mean": float(mean), "std": 0.0}

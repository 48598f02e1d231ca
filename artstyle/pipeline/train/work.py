"""The training itself: iterations, and at their times figures, grids, snapshots and states."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from artstyle.errors import ArtstyleError, RunError
from artstyle.events import Emit, Note, Progress
from artstyle.pipeline.train import grids
from artstyle.pipeline.train.pictures import Feed, Pictures
from artstyle.pipeline.train.plan import Plan
from artstyle.pipeline.train.snapshots import Snapshots
from artstyle.pipeline.train.tracking import Trackers
from artstyle.runs import Run

if TYPE_CHECKING:
    import torch

    from stylegan_ext.training.loop import Training
    from stylegan_ext.training.state import StateFiles

STATE_MINUTES = 5.0  # between two states, besides those at snapshots; a guess
TICK_ITERATIONS = 64  # between two rows of figures, so that a row has R1 four times
TICK_NIMG = 1000  # pictures between them, at least
_STATE_HINT = "free some space and give the same command again: it goes on from the last state"

Clock = Callable[[], float]
Stop = Callable[[], str | None]  # why to stop now, or None


@dataclass(frozen=True)
class Goal:
    """How far to go in this call."""

    kimg: float
    minutes: float | None = None
    should_stop: Stop = lambda: None


class Work:
    """One call's share of a training.

    Args:
        run: its folder, held for writing.
        plan: what is trained.
        training: the engine's loop.
        pictures: the dataset.
        emit: told of everything; notes go into the run's log as well.
        clock: seconds that only grow; a test gives its own.
    """

    def __init__(
        self,
        run: Run,
        plan: Plan,
        training: Training,
        pictures: Pictures,
        emit: Emit,
        *,
        trackers: Trackers,
        snapshots: Snapshots,
        clock: Clock = time.monotonic,
    ) -> None:
        from stylegan_ext.training.state import StateFiles

        self.run, self.plan, self.training, self.pictures = run, plan, training, pictures
        self.emit, self.clock, self.trackers, self.snapshots = emit, clock, trackers, snapshots
        team = training.team
        self.is_first = team.rank == 0  # of several processes, the one that writes
        self.feed = Feed(
            pictures, plan.numbers.batch, plan.recipe.seed, rank=team.rank, world=team.world
        )
        self.states: StateFiles = StateFiles(run.folder)
        self.seconds = 0.0  # of training, over all calls
        self.ticked_at_nimg = 0
        self.best: dict[str, Any] = {}
        self._saved_at_s = clock()
        self._lap_s = clock()

    # -- beginning ---------------------------------------------------------------------------

    def begin(self) -> None:
        """Go on from the newest state, or start with the first files of the run.

        Raises:
            RunError: there are states, and none is whole.
        """
        if self.is_first:
            for left in self.run.folder.glob(".*.part"):  # by a kill, in the middle of a file
                left.unlink(missing_ok=True)
        state, faults = self.states.newest()
        for fault in faults:
            self.emit(Note(f"{fault}; the state before it is used", "warning"))
        if state is None and faults:
            raise RunError(
                f"no state of {self.run.folder} is whole",
                hint="start a new run; its snapshots can be its base (--base)",
            )
        if state is not None:
            self._restore(state.tensors, state.facts)
        if self.is_first:
            self.run.keep_stats(lambda row: row["Progress/nimg"] <= self.training.nimg)
            self.trackers.begin(self.training.nimg)
            if state is None:
                self._first_files()
        self._lap_s = self._saved_at_s = self.clock()

    def _restore(self, tensors: dict[str, torch.Tensor], facts: dict[str, Any]) -> None:
        try:
            self.training.restore(tensors, facts["counters"])
        except (KeyError, RuntimeError) as fault:
            raise RunError(
                f"the state in {self.run.folder} is that of another training: {fault}",
                hint="name a new folder with --out",
            ) from fault
        self.feed.restore(facts["order"])
        self.seconds = float(facts["seconds"])
        self.ticked_at_nimg = int(facts["ticked_at_nimg"])
        self.best = dict(facts["best"])
        self.snapshots.restore(facts["snapshots"])
        at = f"{self.training.nimg / 1000:.1f} kimg"
        self.emit(Note(f"goes on at {at}, {self.seconds / 3600:.1f} hours into the training"))

    def _first_files(self) -> None:
        pixels, _ = grids.reals_of(self.pictures, self.plan.recipe.seed)
        grids.write_grid(self.run.folder / "reals.png", pixels)
        self.write_fakes("fakes_init.png")

    # -- going on ----------------------------------------------------------------------------

    def go(self, goal: Goal) -> str:
        """Train until the goal.

        Returns:
            Why it ended: "kimg", "minutes", "metric", or what the caller said.

        Raises:
            DivergedError: something is NaN or infinite; what was saved last is good.
            RunError: the disk is full.
        """
        from stylegan_ext.training.loop import DivergedError

        until_s = None if goal.minutes is None else self.clock() + goal.minutes * 60
        reason = ""
        try:
            while not (reason := self._reason(goal, until_s)):
                self._iterate()
                self._keep_up(goal, until_s)
        except DivergedError as fault:
            raise self._explained(fault) from fault
        except KeyboardInterrupt:
            self.save()
            self.emit(Note("interrupted; the same command goes on from here"))
            raise
        self._finish(reason, goal)
        return reason

    def _reason(self, goal: Goal, until_s: float | None) -> str:
        """Why to stop before the next iteration; "" goes on. All processes agree."""
        if self.training.nimg >= goal.kimg * 1000:
            return "kimg"
        if self.snapshots.has_lost_patience:
            return "metric"
        said = goal.should_stop() or ""
        if not said and until_s is not None and self.clock() >= until_s:
            said = "minutes"
        return said if self.training.team.world == 1 else self._agreed(said)

    def _agreed(self, said: str) -> str:
        import torch

        flag = torch.tensor([float(bool(said))], device=self.training.device)
        return (said or "another process stopped") if float(self.training.team.mean(flag)) else ""

    def _iterate(self) -> None:
        import torch

        pixels, labels = self.feed.next()
        pool = self.pictures.labels
        self.training.iterate(
            torch.from_numpy(pixels),
            None if labels is None else torch.from_numpy(labels),
            None if pool is None else torch.from_numpy(pool),
        )

    def _keep_up(self, goal: Goal, until_s: float | None) -> None:
        """What is due after an iteration."""
        training, batch = self.training, self.plan.numbers.batch
        due_tick = training.nimg - self.ticked_at_nimg >= max(TICK_ITERATIONS * batch, TICK_NIMG)
        if due_tick:
            self.tick(goal)
        every = max(1, round(self.plan.numbers.snapshot_kimg * 1000 / batch))
        if training.iteration % every == 0:
            self.snapshot()
            self.save()
        elif self._all_agree(self.clock() - self._saved_at_s >= STATE_MINUTES * 60):
            self.save()
        if self.is_first:
            self._tell_progress(goal, until_s)

    def _all_agree(self, due: bool) -> bool:
        """What the first process thinks is due is due for all: reading sums is done together."""
        if self.training.team.world == 1:
            return due
        return bool(self._agreed("due" if due and self.is_first else ""))

    def _tell_progress(self, goal: Goal, until_s: float | None) -> None:
        done, total, unit = self.training.nimg / 1000, goal.kimg, "kimg"
        note = self._line
        if until_s is not None and goal.minutes is not None:
            left = max(0.0, until_s - self.clock()) / 60
            note = f"{left:.0f} min of {goal.minutes:g} left  {note}"
        self.emit(Progress("train", min(done, total), total, unit, note))

    _line = ""

    # -- what is due -------------------------------------------------------------------------

    def tick(self, goal: Goal) -> None:
        """A row of figures since the last tick."""
        training = self.training
        training.require_finite(deep=False)
        stats = training.take_stats()
        now = self.clock()
        spent_s = now - self._lap_s
        shown_kimg = (training.nimg - self.ticked_at_nimg) / 1000
        self.seconds += spent_s
        self._lap_s, self.ticked_at_nimg = now, training.nimg
        if not self.is_first:
            return
        per_kimg = spent_s / shown_kimg
        row: dict[str, Any] = dict(stats)
        row |= {
            "Progress/kimg": _single(training.nimg / 1000),
            "Progress/augment": _single(training.p),
            "Progress/iteration": _single(training.iteration),
            "Timing/sec_per_kimg": _single(per_kimg),
            "Timing/total_sec": _single(self.seconds),
            "Resources/peak_mem_gb": _single(peak_memory_bytes(training.device.type) / 1e9),
            "Progress/nimg": training.nimg,
            "timestamp": self.run.clock().timestamp(),
        }
        self.run.append_stats(row)
        self.trackers.figures(training.nimg, row)
        self._line = self._words(row, per_kimg, goal)
        self.emit(Note(f"{training.nimg / 1000:.1f} kimg  {self._line}"))

    def _words(self, row: dict[str, Any], per_kimg: float, goal: Goal) -> str:
        left_s = max(0.0, goal.kimg - self.training.nimg / 1000) * per_kimg
        return (
            f"{per_kimg:.1f} s/kimg  {in_hours(left_s)} to go  "
            f"G {row['Loss/G/loss']['mean']:.3f}  D {row['Loss/D/loss']['mean']:.3f}  "
            f"p {self.training.p:.3f}  {row['Resources/peak_mem_gb']['mean']:.2f} GB"
        )

    def snapshot(self) -> None:
        """Write the averaged generator, what it draws, and how good it is."""
        self.training.require_finite()
        if self.is_first:
            kimg = f"{self.training.nimg // 1000:06d}"
            self.write_fakes(f"fakes{kimg}.png")
            self.snapshots.take(self.training, kimg)

    def write_fakes(self, name: str) -> None:
        """Draw the fixed latents."""
        fakes = grids.draw_fakes(self.training.average, *self._latents())
        grids.write_grid(self.run.folder / name, fakes)
        self.trackers.picture(self.training.nimg, "fakes", grids.tiled(fakes))

    def _latents(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Latents of the grid, the same all the way; labels are those of the grid of reals."""
        import numpy as np
        import torch

        columns, rows = grids.grid_size(self.pictures.corpus.resolution)
        dice = np.random.RandomState(self.plan.recipe.seed % (1 << 31))
        z = dice.randn(columns * rows, self.training.average.z_dim).astype(np.float32)
        labels = None
        if self.pictures.labels is not None:
            _, chosen = grids.reals_of(self.pictures, self.plan.recipe.seed)
            labels = self.pictures.labels_of(chosen)
        device = self.training.device
        c = None if labels is None else torch.from_numpy(labels).to(device)
        return torch.from_numpy(z).to(device), c

    def save(self) -> None:
        """Write the state.

        Raises:
            RunError: it cannot be written; the one before is intact.
            DivergedError: it would hold something that is not finite.
        """
        self.training.require_finite()
        if self.is_first:
            facts = {
                "counters": self.training.counters(),
                "order": self.feed.state(),
                "seconds": self.seconds + self.clock() - self._lap_s,
                "ticked_at_nimg": self.ticked_at_nimg,
                "best": self.best,
                "snapshots": self.snapshots.state(),
                "dataset_sha256": self.plan.dataset_sha256,
            }
            try:
                self.states.write(self.training.tensors(), facts)
            except OSError as fault:
                message = f"the state cannot be written to {self.run.folder}: {fault.strerror}"
                raise RunError(message, hint=_STATE_HINT) from fault
        self._saved_at_s = self.clock()

    # -- the end -----------------------------------------------------------------------------

    def _finish(self, reason: str, goal: Goal) -> None:
        self.save()
        if self.is_first:
            self.write_fakes("fakes_latest.png")
            self.snapshots.write_latest(self.training)
            self.trackers.close()
        self.feed.close()

    def _explained(self, fault: Exception) -> ArtstyleError:
        """What a training that ran apart leaves, and what to do."""
        state, _ = self.states.newest()
        good = (
            f"the last good state is that of {int(state.facts['counters']['nimg']) / 1000:.1f} kimg"
            if state is not None
            else "nothing had been saved yet"
        )
        self.trackers.close()
        self.feed.close()
        return RunError(
            f"the training has run apart: {fault}; {good}, in {self.run.folder}",
            hint="the same command would come to the same point: start a new run from a snapshot "
            "(--base) with twice the gamma or half the learning rate",
        )


def _single(value: float) -> dict[str, float]:
    """A figure that was measured once, in the form of the others."""
    return {"num": 1, "mean": value if math.isfinite(value) else 0.0, "std": 0.0}


def peak_memory_bytes(device: str) -> int:
    """The most memory used so far: the device's if it has its own, else the process's."""
    if device == "cuda":
        import torch

        return int(torch.cuda.max_memory_reserved())
    if sys.platform == "win32":
        return 0  # Windows tells it in another way, and a missing figure stops nobody
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def in_hours(seconds: float) -> str:
    """A duration for people: "3 h 20 min", "5 min", "40 s"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"

"""The training itself: iterations, and at their times figures, panels and states."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from artstyle import images
from artstyle.errors import RunError
from artstyle.events import Emit, Note, Progress
from artstyle.pipeline.encode.panel import Panel
from artstyle.pipeline.encode.plan import EncoderPlan
from artstyle.pipeline.train.tracking import Trackers
from artstyle.pipeline.train.work import Stop, in_hours
from artstyle.runs import Run
from stylegan_ext.training.encoder import EncoderTraining
from stylegan_ext.training.loop import DivergedError
from stylegan_ext.training.state import StateFiles

STATE_MINUTES = 1.0  # between two states: most trainings take ten
TICK_NIMG = 1000  # pictures between two rows of figures
PANEL = "held-out.png"
_STATE_HINT = "free some space and give the same command again: it goes on from the last state"


@dataclass(frozen=True)
class Goal:
    """How far to go in this call."""

    kimg: float
    minutes: float | None = None
    should_stop: Stop = lambda: None


@dataclass
class Reached:
    """Where a training stands."""

    figures: dict[str, float] = field(default_factory=dict)  # of the held-out photos
    seconds: float = 0.0  # over all calls


class Work:
    """One call's share of a training.

    Args:
        run: its folder, held for writing.
        plan: what is trained.
        emit: told of everything.
        trackers: those who follow the figures.
        clock: seconds that only grow; a test gives its own.
    """

    def __init__(
        self,
        run: Run,
        plan: EncoderPlan,
        emit: Emit,
        *,
        trackers: Trackers,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.run, self.plan, self.emit = run, plan, emit
        self.trackers, self.clock = trackers, clock
        self.photos = plan.photos(emit)
        self.training: EncoderTraining = plan.training()
        self.panel = self._panel()
        self.states = StateFiles(run.folder)
        self.reached = Reached()
        self.ticked_at_nimg = 0
        self._lap_s = self._saved_at_s = clock()
        self._line = ""

    def _panel(self) -> Panel:
        """Held-out photos; without photos, samples of the base."""
        plan = self.plan
        if self.photos is not None:
            shown = self.photos.held_out
        else:
            dice = torch.Generator().manual_seed(plan.recipe.seed)
            z = torch.randn(plan.recipe.held_out, plan.generator.z_dim, generator=dice)
            c = None
            if plan.generator.c_dim:
                c = torch.eye(plan.generator.c_dim)[torch.arange(len(z)) % plan.generator.c_dim]
                c = c.to(plan.device)
            with torch.no_grad():
                drawn = plan.generator(z.to(plan.device), c)
            shown = images.from_batch(drawn).transpose(0, 3, 1, 2)
        return Panel(shown, plan.generator, plan.features, plan.device)

    def begin(self) -> None:
        """Go on from the newest state, or start.

        Raises:
            RunError: there are states, and none is whole or is of this training.
        """
        for left in self.run.folder.glob(".*.part"):  # by a kill, in the middle of a file
            left.unlink(missing_ok=True)
        state, faults = self.states.newest()
        for fault in faults:
            self.emit(Note(f"{fault}; the state before it is used", "warning"))
        if state is None and faults:
            raise RunError(
                f"no state of {self.run.folder} is whole", hint="start a new run with --out"
            )
        if state is not None:
            self._restore(state.tensors, state.facts)
        self.run.keep_stats(lambda row: row["Progress/nimg"] <= self.training.nimg)
        self.trackers.begin(self.training.nimg)
        self._lap_s = self._saved_at_s = self.clock()

    def _restore(self, tensors: dict[str, torch.Tensor], facts: dict[str, Any]) -> None:
        try:
            self.training.restore(tensors, facts["counters"])
            if self.photos is not None:
                self.photos.restore(facts["order"])
        except (KeyError, RuntimeError) as fault:
            raise RunError(
                f"the state in {self.run.folder} is that of another training: {fault}",
                hint="name a new folder with --out",
            ) from fault
        self.reached = Reached(dict(facts["figures"]), float(facts["seconds"]))
        self.ticked_at_nimg = int(facts["ticked_at_nimg"])
        at = f"{self.training.nimg / 1000:.1f} kimg"
        self.emit(Note(f"goes on at {at}, {in_hours(self.reached.seconds)} into the training"))

    def go(self, goal: Goal) -> str:
        """Train until the goal.

        Returns:
            Why it ended: "kimg", "minutes", or what the caller said.

        Raises:
            RunError: it has run apart, or the disk is full; what was saved last is good.
        """
        until_s = None if goal.minutes is None else self.clock() + goal.minutes * 60
        try:
            reason = self._train(goal, until_s)
            if self.training.nimg > self.ticked_at_nimg or not self.reached.figures:
                self.look()
            self.save()
        except DivergedError as fault:
            raise RunError(
                f"the training has run apart: {fault}",
                hint="start a new run with half the learning rate: --lr",
            ) from fault
        except KeyboardInterrupt:
            self.save()
            self.emit(Note("interrupted; the same command goes on from here"))
            raise
        finally:
            self.trackers.close()
        return reason

    def _train(self, goal: Goal, until_s: float | None) -> str:
        while not (reason := self._reason(goal, until_s)):
            self._iterate()
            if self.training.nimg - self.ticked_at_nimg >= TICK_NIMG:
                self.tick()
            if self.clock() - self._saved_at_s >= STATE_MINUTES * 60:
                self.save()
            self._tell(goal, until_s)
        return reason

    def _reason(self, goal: Goal, until_s: float | None) -> str:
        if self.training.nimg >= goal.kimg * 1000:
            return "kimg"
        said = goal.should_stop() or ""
        if not said and until_s is not None and self.clock() >= until_s:
            said = "minutes"
        return said

    def _iterate(self) -> None:
        count = self.training.photos_per_batch
        photos = None
        if count and self.photos is not None:
            photos = torch.from_numpy(self.photos.next(count))
        self.training.iterate(photos)

    def _tell(self, goal: Goal, until_s: float | None) -> None:
        note = self._line
        if until_s is not None and goal.minutes is not None:
            left = max(0.0, until_s - self.clock()) / 60
            note = f"{left:.1f} min of {goal.minutes:g} left  {note}"
        done = min(self.training.nimg / 1000, goal.kimg)
        self.emit(Progress("train-encoder", done, goal.kimg, "kimg", note))

    def tick(self) -> None:
        """A row of figures since the last one, and a look at the held-out photos."""
        stats = self.training.take_stats()
        self.look()
        now = self.clock()
        spent_s, self._lap_s = now - self._lap_s, now
        shown_kimg = (self.training.nimg - self.ticked_at_nimg) / 1000
        self.reached.seconds += spent_s
        self.ticked_at_nimg = self.training.nimg
        row: dict[str, Any] = dict(stats)
        row |= {name: _single(value) for name, value in self.reached.figures.items()}
        row |= {
            "Progress/kimg": _single(self.training.nimg / 1000),
            "Timing/sec_per_kimg": _single(spent_s / shown_kimg),
            "Timing/total_sec": _single(self.reached.seconds),
            "Progress/nimg": self.training.nimg,
            "timestamp": self.run.clock().timestamp(),
        }
        self.run.append_stats(row)
        self.trackers.figures(self.training.nimg, row)
        figures = self.reached.figures
        self._line = (
            f"{spent_s / shown_kimg:.1f} s/kimg  held out: features "
            f"{figures['Held-out/feature_distance']:.4f}  pixels "
            f"{figures['Held-out/pixel_rmse']:.1f}/255"
        )
        self.emit(Note(f"{self.training.nimg / 1000:.1f} kimg  {self._line}"))

    def look(self) -> None:
        """See how the averaged encoder does, and write the panel."""
        self.reached.figures, drawn = self.panel.look(self.training.average)
        picture = self.panel.picture(drawn)
        images.write_png(self.run.folder / PANEL, picture)
        self.trackers.picture(self.training.nimg, "held-out", picture)

    def save(self) -> None:
        """Write the state.

        Raises:
            RunError: it cannot be written; the one before is intact.
        """
        facts = {
            "counters": self.training.counters(),
            "order": None if self.photos is None else self.photos.state(),
            "seconds": self.reached.seconds + self.clock() - self._lap_s,
            "ticked_at_nimg": self.ticked_at_nimg,
            "figures": self.reached.figures,
            "base": self.plan.identity,
            "photos_sha256": self.plan.corpus_sha256,
        }
        try:
            self.states.write(self.training.tensors(), facts)
        except OSError as fault:
            message = f"the state cannot be written to {self.run.folder}: {fault.strerror}"
            raise RunError(message, hint=_STATE_HINT) from fault
        self._saved_at_s = self.clock()


def _single(value: float) -> dict[str, float]:
    """A figure that was measured once, in the form of the others."""
    return {"num": 1, "mean": value if math.isfinite(value) else 0.0, "std": 0.0}

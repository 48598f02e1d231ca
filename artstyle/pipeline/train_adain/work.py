"""The training itself: iterations, and at their times figures, panels, decoders and states."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from artstyle.errors import RunError
from artstyle.events import Emit, Note, Progress
from artstyle.files import write_bytes
from artstyle.images import encode_png, to_tensor
from artstyle.pipeline.train.tracking import Trackers
from artstyle.pipeline.train.work import in_hours, peak_memory_bytes
from artstyle.pipeline.train_adain.card import sources_of
from artstyle.pipeline.train_adain.named import named_styles
from artstyle.pipeline.train_adain.panel import draw_panel, panel_pictures
from artstyle.pipeline.train_adain.plan import Plan
from artstyle.runs import Run

if TYPE_CHECKING:
    from artstyle.baselines.adain.training import DecoderTraining

DECODER = "adain.safetensors"  # the newest, in the run's folder
STATE_MINUTES = 5.0  # between two states, besides those at checkpoints; a guess
TICK_ITERATIONS = 25  # between two rows of figures
_TOLD = ("content", "style", "pixels")  # of the losses
_HELD_BATCHES = 2  # that the losses of what is held out are taken over
# Where the style loss of what is held out is so much larger than that of what is learned from,
# the paintings are learned by heart. A guess.
_OVERFIT = 2.0

Clock = Callable[[], float]
Stop = Callable[[], str | None]  # why to stop now, or None


@dataclass(frozen=True)
class Goal:
    """How far to go in this call."""

    iterations: int
    minutes: float | None = None
    should_stop: Stop = lambda: None


class Work:
    """One call's share of a training.

    Args:
        run: its folder, held for writing.
        plan: what is trained.
        training: the decoder in training.
        emit: told of everything; notes go into the run's log as well.
        trackers: who else wants the figures.
        command: the words of the command line.
        clock: seconds that only grow; a test gives its own.
    """

    def __init__(
        self,
        run: Run,
        plan: Plan,
        training: DecoderTraining,
        emit: Emit,
        *,
        trackers: Trackers,
        command: Sequence[str],
        clock: Clock = time.monotonic,
    ) -> None:
        from stylegan_ext.training.state import StateFiles

        self.run, self.plan, self.training, self.emit = run, plan, training, emit
        self.trackers, self.command, self.clock = trackers, command, clock
        self.feed = plan.feed(emit=emit)
        self.held_feed = plan.held_feed(emit=emit)
        self.states = StateFiles(run.folder)
        self.panel = panel_pictures(plan)
        self.named = named_styles(plan, training.average, emit)
        self.seconds = 0.0  # of training, over all calls
        self.last: dict[str, float] = {}  # losses of the last tick
        self._saved_at_s = self._lap_s = clock()
        self._line = ""
        self._began_at = self._lap_at = 0  # iterations

    # -- beginning and going on --------------------------------------------------------------

    def begin(self) -> None:
        """Go on from the newest state, if there is one.

        Raises:
            RunError: there are states, and none is whole.
        """
        for left in self.run.folder.glob(".*.part"):  # by a kill, in the middle of a file
            left.unlink(missing_ok=True)
        state, faults = self.states.newest()
        for fault in faults:
            self.emit(Note(f"{fault}; the state before it is used", "warning"))
        if state is None and faults:
            raise RunError(f"no state of {self.run.folder} is whole", hint="name a new --out")
        if state is not None:
            self._restore(state.tensors, state.facts)
        elif self.plan.base is None and self.plan.recipe.fit_crops:
            self._fit(self.plan.recipe.fit_crops)
        shown = self.training.iteration * self.plan.recipe.batch
        self.run.keep_stats(lambda row: row["Progress/nimg"] <= shown)
        self.trackers.begin(shown)
        self._began_at = self._lap_at = self.training.iteration
        self._lap_s = self._saved_at_s = self.clock()

    def _fit(self, crops: int) -> None:
        """Begin with a decoder that was fitted layer by layer, on photos and paintings."""
        from artstyle.baselines.adain.fit import fit_layers

        batches = []
        for number in range(-(-crops // (2 * self.plan.recipe.batch))):
            pair = self.feed.take(number)
            batches.append(np.concatenate(pair))
        tell = self.emit
        self.training.begin_with(
            lambda decoder, encoder: fit_layers(
                decoder,
                encoder,
                [to_tensor(batch).to(self.training.device) for batch in batches],
                seed=self.plan.recipe.seed,
                on_layer=lambda done, total: tell(Progress("fit", done, total, "layers")),
            )
        )

    def _restore(self, tensors: dict[str, Any], facts: dict[str, Any]) -> None:
        try:
            self.training.restore(tensors, facts["counters"])
        except (KeyError, RuntimeError) as fault:
            raise RunError(
                f"the state in {self.run.folder} is that of another training: {fault}",
                hint="name a new folder with --out",
            ) from fault
        self.seconds = float(facts["seconds"])
        self.last = dict(facts["last"])
        at = f"iteration {self.training.iteration:,}"
        self.emit(Note(f"goes on at {at}, {in_hours(self.seconds)} into the training"))

    def go(self, goal: Goal) -> str:
        """Train until the goal.

        Returns:
            Why it ended: "iterations", "minutes", or what the caller said.

        Raises:
            RunError: something is NaN or infinite, or the disk is full; the last state is good.
        """
        from artstyle.baselines.adain.training import DivergedError

        until_s = None if goal.minutes is None else self.clock() + goal.minutes * 60
        try:
            while not (reason := self._reason(goal, until_s)):
                photos, paintings = self.feed.take(self.training.iteration)
                self.training.iterate(to_tensor(photos), to_tensor(paintings))
                self._keep_up(goal)
            self._finish()
        except DivergedError as fault:
            raise self._explained(fault) from fault
        except KeyboardInterrupt:
            self.save()
            self.emit(Note("interrupted; the same command goes on from here"))
            raise
        finally:
            self.close()
        return reason

    def _finish(self) -> None:
        """The last checkpoint, if something was done since the one before."""
        is_there = (self.run.folder / DECODER).is_file()
        if self.training.iteration == self._began_at and is_there:
            return
        if self.training.iteration % self.plan.recipe.checkpoint_iterations or not is_there:
            self.checkpoint()
        self.save()

    def _reason(self, goal: Goal, until_s: float | None) -> str:
        """Why to stop before the next iteration; "" goes on."""
        if self.training.iteration >= goal.iterations:
            return "iterations"
        if until_s is not None and self.clock() >= until_s:
            return "minutes"
        return goal.should_stop() or ""

    def _keep_up(self, goal: Goal) -> None:
        """What is due after an iteration."""
        done = self.training.iteration
        if done % TICK_ITERATIONS == 0:
            self.tick(goal)
        if done % self.plan.recipe.checkpoint_iterations == 0:
            self.checkpoint()
            self.save()
        elif self.clock() - self._saved_at_s >= STATE_MINUTES * 60:
            self.save()
        self.emit(Progress("train", done, max(goal.iterations, done), "steps", self._line))

    # -- what is due -------------------------------------------------------------------------

    def tick(self, goal: Goal) -> None:
        """A row of figures since the last tick."""
        self.last = self.training.take_means()
        now, done, batch = self.clock(), self.training.iteration, self.plan.recipe.batch
        spent_s = now - self._lap_s
        pictures = (done - self._lap_at) * batch  # of this call
        self.seconds += spent_s
        self._lap_s, self._lap_at = now, done
        rate = pictures / spent_s if spent_s > 0 else 0.0
        row = {f"Loss/{name}": _single(value) for name, value in self.last.items()}
        row |= {
            "Progress/iteration": _single(done),
            "Timing/images_per_sec": _single(rate),
            "Timing/total_sec": _single(self.seconds),
            "Resources/peak_mem_gb": _single(peak_memory_bytes(self.training.device) / 1e9),
        }
        self._tell(row)
        left_s = max(0, goal.iterations - done) * batch / rate if rate else 0.0
        self._line = (
            "".join(f"{name} {self.last[name]:.3f}  " for name in _TOLD if name in self.last)
            + f"{rate:.1f} images/s  {in_hours(left_s)} to go"
        )
        self.emit(Note(f"iteration {done:,}  {self._line}"))

    def checkpoint(self) -> None:
        """Write the averaged decoder, the panel it draws, and its losses on what is held out."""
        from artstyle.baselines.adain.file import write_decoder

        self.training.require_finite()
        done, average = self.training.iteration, self.training.average
        held = self._held_losses()
        place, origin = self.run.folder / DECODER, self.origin(held)
        write_decoder(place, average, origin, styles=self.named)
        pixels = draw_panel(self.plan, average, *self.panel)
        data = encode_png(pixels)
        for name in (f"panel-{done:06d}.png", "panel.png"):
            write_bytes(self.run.folder / name, data)
        self.trackers.picture(done * self.plan.recipe.batch, "panel", pixels)
        if held:
            self._tell({f"Loss/held-out/{name}": _single(value) for name, value in held.items()})
            self._warn_of_overfitting(held)

    def _held_losses(self) -> dict[str, float]:
        """Losses of the average on photos and paintings that it never learned from."""
        import torch

        if self.held_feed is None:
            return {}
        sums = {"content": 0.0, "style": 0.0}
        with torch.no_grad():
            for number in range(_HELD_BATCHES):
                photos, paintings = (to_tensor(part) for part in self.held_feed.take(number))
                terms = self.training.compare(self.training.average, photos, paintings)
                sums["content"] += float(terms.content) / _HELD_BATCHES
                sums["style"] += float(terms.style) / _HELD_BATCHES
        return sums

    def _warn_of_overfitting(self, held: dict[str, float]) -> None:
        text = f"held out: content {held['content']:.3f}, style {held['style']:.3f}"
        learned = self.last.get("style")
        if learned is not None and held["style"] > _OVERFIT * learned:
            text += (
                f"; that is {held['style'] / learned:.1f} times the style loss of the paintings"
                " that are learned from: more paintings, or fewer iterations, would help"
            )
            self.emit(Note(text, "warning"))
        else:
            self.emit(Note(text))

    def origin(self, held: dict[str, float]) -> Any:
        """What the decoder's file says of itself."""
        from artstyle.baselines.adain.file import Origin

        plan, recipe = self.plan, self.plan.recipe
        notes: dict[str, Any] = {
            "iterations": self.training.iteration,
            "batch": recipe.batch,
            "crop_px": recipe.crop_px,
            "photos": len(set(plan.photos)),
            "paintings": len(set(plan.paintings)),
            "weights": {
                name: getattr(recipe, f"{name}_weight")
                for name in ("content", "style", "tv", "pixel")
            },
            "warm_up": recipe.warm_up,
            "command": shlex.join(self.command),
            "run": self.run.folder.name,
            "minutes": round((self.seconds + self.clock() - self._lap_s) / 60, 1),
            "seed": recipe.seed,
            "sources": sources_of(recipe.sources),
        }
        if plan.base is not None:
            notes["base_sha256"] = plan.base.header.content_sha256
            before = plan.base.header.origin.notes
            notes["before"] = {
                name: before.get(name) for name in ("iterations", "minutes", "crop_px", "command")
            }
        if held:
            notes["held_out_losses"] = {name: round(value, 4) for name, value in held.items()}
        return Origin(
            encoder=plan.encoder.name,
            encoder_choice=plan.encoder.choice,
            encoder_sha256=plan.encoder.sha256,
            licence=recipe.licence,
            source=f"trained by artstyle on {len(set(plan.photos))} photos and"
            f" {len(set(plan.paintings))} paintings",
            notes=notes,
        )

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
            "last": self.last,
        }
        try:
            self.states.write(self.training.tensors(), facts)
        except OSError as fault:
            raise RunError(
                f"the state cannot be written to {self.run.folder}: {fault.strerror}",
                hint="free some space and give the same command again",
            ) from fault
        self._saved_at_s = self.clock()

    def close(self) -> None:
        """End threads and files."""
        self.feed.close()
        if self.held_feed is not None:
            self.held_feed.close()
        self.trackers.close()

    def _tell(self, row: dict[str, Any]) -> None:
        shown = self.training.iteration * self.plan.recipe.batch
        row |= {"Progress/nimg": shown, "timestamp": self.run.clock().timestamp()}
        self.run.append_stats(row)
        self.trackers.figures(shown, row)

    def _explained(self, fault: Exception) -> RunError:
        """What a training that ran apart leaves, and what to do."""
        state, _ = self.states.newest()
        good = "nothing had been saved yet"
        if state is not None:
            at = int(state.facts["counters"]["iteration"])
            good = f"the last good state is that of iteration {at:,}"
        return RunError(
            f"the training has run apart: {fault}; {good}, in {self.run.folder}",
            hint="start a new run with half the --lr; the decoder of the last checkpoint is "
            f"{Path(self.run.folder) / DECODER}",
        )


def _single(value: float) -> dict[str, float]:
    """A figure that was measured once, in the form of the others."""
    return {"num": 1, "mean": value if math.isfinite(value) else 0.0, "std": 0.0}

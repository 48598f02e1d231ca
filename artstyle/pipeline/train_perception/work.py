"""The training itself: steps, and at their times figures, judgements and states.

What is random at a step depends on the seed and the step's number alone, so that a training that
was broken off ends bit-equal to one that was not, on one thread. Where its length is said in
minutes, the clock is part of it: the rates follow the time that was spent.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from typing import Any

import torch

from artstyle.errors import RunError
from artstyle.events import Emit, Note, Progress
from artstyle.pipeline.train.tracking import Trackers
from artstyle.pipeline.train_perception.album import Album
from artstyle.pipeline.train_perception.crops import Batches
from artstyle.pipeline.train_perception.figures import held_out_accuracy
from artstyle.pipeline.train_perception.settings import PerceptionRecipe
from artstyle.pipeline.train_perception.student import Student, apart_loss, kinds_loss
from artstyle.runs import Run
from stylegan_ext.training.state import StateFiles

STATE_SECONDS = 60.0  # between two states; writing one takes a tenth of a second
ROW_STEPS = 25  # between two rows of figures
JUDGED = 5  # times over the whole training
_WARM_UP = 0.05  # share of the training in which the rate rises
_LOWEST = 0.01  # of the highest rate, at the end

Clock = Callable[[], float]


class Work:
    """A training of the perceptual network.

    Args:
        run: its folder, held for writing.
        recipe: what is asked for.
        album: the pictures.
        trackers: get the figures.
        emit: told of progress.
        device: where to compute.
        clock: seconds that only grow; a test gives its own.
    """

    def __init__(
        self,
        run: Run | None,
        recipe: PerceptionRecipe,
        album: Album,
        trackers: Trackers,
        emit: Emit,
        *,
        device: str = "cpu",
        clock: Clock = time.monotonic,
    ) -> None:
        self.run, self.recipe, self.album = run, recipe, album
        self.trackers, self.emit, self.device, self.clock = trackers, emit, device, clock
        torch.manual_seed(recipe.seed)
        self.student = Student(len(album.names)).to(device)
        for weight in self.student.parameters():
            if weight.ndim == 4:  # half as fast again on a processor
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.student).requires_grad_(False).eval()
        self.optimiser = torch.optim.AdamW(_groups(self.student, recipe), betas=(0.9, 0.99))
        self.batches = Batches(album, recipe.batch, recipe.unlabelled_share, recipe.seed)
        self.states = None if run is None else StateFiles(run.folder)
        self.step = self.nimg = self.judged = 0
        self.seconds = 0.0  # of training, over all calls
        self.sums: dict[str, list[float]] = {}  # since the last row: count, sum, sum of squares
        self.latest: dict[str, float] = {}  # the last judgement
        self._lap_s = self._saved_at_s = clock()

    @property
    def share(self) -> float:
        """How much of the training is behind us."""
        return self.recipe.share_done(self.nimg, self.batches.pictures, self.seconds)

    # -- beginning and going on --------------------------------------------------------------

    def begin(self) -> None:
        """Go on from the newest state, or start.

        Raises:
            RunError: there are states, and none is whole.
        """
        assert self.run is not None
        assert self.states is not None
        for left in self.run.folder.glob(".*.part"):  # by a kill, in the middle of a file
            left.unlink(missing_ok=True)
        state, faults = self.states.newest()
        for fault in faults:
            self.emit(Note(f"{fault}; the state before it is used", "warning"))
        if state is None and faults:
            raise RunError(
                f"no state of {self.run.folder} is whole",
                hint=f"remove the folder {self.run.folder} and begin anew",
            )
        if state is not None:
            self._restore(state.tensors, state.facts)
        self.run.keep_stats(lambda row: row["Progress/nimg"] <= self.nimg)
        self.trackers.begin(self.nimg)
        self._lap_s = self._saved_at_s = self.clock()

    def go(self) -> None:
        """Train to the end.

        Raises:
            RunError: something is not finite, or the state cannot be written.
        """
        try:
            while self.share < 1:
                self.iterate()
                self._keep_up()
        except KeyboardInterrupt:
            self.save()
            self.emit(Note("interrupted; the same command goes on from here"))
            raise
        if self.judged <= JUDGED:
            self._judge()
            self.judged = JUDGED + 1
            self.write_row()
        self.save()

    def iterate(self) -> None:
        """One step: crops, losses, gradients, average."""
        recipe, share = self.recipe, self.share
        images, kinds = self.batches.at(self.step, recipe.crop_at(share))
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.learning_rate * rate_at(share)
        scores, embedded = self.student(images.to(self.device))
        apart = apart_loss(embedded, recipe.temperature)
        loss = recipe.statistics_weight * apart
        losses = {"Loss/apart": apart}
        if scores is not None:
            wrong = kinds_loss(scores, kinds.repeat(2).to(self.device), recipe.smoothing)
            loss = loss + wrong
            losses["Loss/kinds"] = wrong
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self._average()
        self.step += 1
        self.nimg += len(images)
        self._count({name: float(value.detach()) for name, value in losses.items()})
        now = self.clock()
        self.seconds += now - self._lap_s
        self._lap_s = now

    @torch.no_grad()
    def _average(self) -> None:
        """Move the average towards the weights; at first faster, so that it forgets the start."""
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        held, now = self.average.state_dict(), self.student.state_dict()
        for name, tensor in held.items():
            if tensor.is_floating_point():
                tensor.lerp_(now[name], 1 - decay)
            else:
                tensor.copy_(now[name])

    # -- what is due -------------------------------------------------------------------------

    def _keep_up(self) -> None:
        if self.step % ROW_STEPS == 0:
            self.write_row()
        share = self.share
        if share * JUDGED >= self.judged + 1 and share < 1:
            self.judged = int(share * JUDGED)
            self._judge()
        if self.clock() - self._saved_at_s >= STATE_SECONDS:
            self.save()
        self.emit(Progress("train", min(share, 1.0) * 100, 100, "%", self._words()))

    def _words(self) -> str:
        top = self.latest.get("held_out_top1")
        held = "" if top is None else f", {top:.0%} of held-out kinds right"
        epochs = self.nimg / (2 * self.batches.pictures)
        return f"{epochs:.1f} epochs, {self.nimg / max(self.seconds, 1e-9):.0f} crops/s{held}"

    def _judge(self) -> None:
        self.latest = held_out_accuracy(self.average, self.album, self.recipe.crop_px)
        self._count({f"Held-out/{name}": value for name, value in self.latest.items()})
        self._lap_s = self.clock()  # judging is no training

    def _count(self, values: dict[str, float]) -> None:
        for name, value in values.items():
            if not math.isfinite(value):
                raise RunError(
                    f"the training has run apart at step {self.step}: {name} is {value}",
                    hint="start anew with half the rate (--lr)",
                )
            held = self.sums.setdefault(name, [0.0, 0.0, 0.0])
            for place, power in enumerate((1.0, value, value * value)):
                held[place] += power

    def write_row(self) -> None:
        """A row of figures since the last one."""
        if self.run is None or not self.sums:
            return
        row: dict[str, Any] = {"Progress/nimg": self.nimg, "timestamp": time.time()}
        for name, (num, total, squares) in self.sums.items():
            mean = total / num
            std = math.sqrt(max(0.0, squares / num - mean * mean))
            row[name] = {"num": int(num), "mean": mean, "std": std}
        more = {"Progress/share": self.share, "Rate": rate_at(self.share)}
        row |= {name: {"num": 1, "mean": value, "std": 0.0} for name, value in more.items()}
        self.run.append_stats(row)
        self.trackers.figures(self.nimg, row)
        self.sums = {}

    # -- the state ---------------------------------------------------------------------------

    def save(self) -> None:
        """Write the state.

        Raises:
            RunError: it cannot be written; the one before is whole.
        """
        assert self.states is not None
        facts = {
            "counters": {"iteration": self.step},
            "nimg": self.nimg,
            "judged": self.judged,
            "seconds": self.seconds,
            "sums": self.sums,
            "latest": self.latest,
        }
        try:
            self.states.write(self._tensors(), facts)
        except OSError as fault:
            raise RunError(
                f"the state cannot be written to {self.states.folder}: {fault.strerror}",
                hint="free some space and give the same command again: it goes on",
            ) from fault
        self._lap_s = self._saved_at_s = self.clock()

    def _tensors(self) -> dict[str, torch.Tensor]:
        found = {f"student.{name}": held for name, held in self.student.state_dict().items()}
        found |= {f"average.{name}": held for name, held in self.average.state_dict().items()}
        for number, held in self.optimiser.state_dict()["state"].items():
            found |= {f"optimiser.{number}.{name}": tensor for name, tensor in held.items()}
        return found

    def _restore(self, tensors: dict[str, torch.Tensor], facts: dict[str, Any]) -> None:
        def below(prefix: str) -> dict[str, torch.Tensor]:
            return {
                name.removeprefix(prefix): held
                for name, held in tensors.items()
                if name.startswith(prefix)
            }

        try:
            self.student.load_state_dict(below("student."))
            self.average.load_state_dict(below("average."))
            moments: dict[int, dict[str, torch.Tensor]] = {}
            for key, held in below("optimiser.").items():
                number, _, name = key.partition(".")
                moments.setdefault(int(number), {})[name] = held
            groups = self.optimiser.state_dict()["param_groups"]
            self.optimiser.load_state_dict({"state": moments, "param_groups": groups})
            self.step, self.nimg = int(facts["counters"]["iteration"]), int(facts["nimg"])
            self.judged, self.seconds = int(facts["judged"]), float(facts["seconds"])
            self.sums, self.latest = dict(facts["sums"]), dict(facts["latest"])
        except (KeyError, RuntimeError, ValueError) as fault:
            raise RunError(f"the state is that of another training: {fault}") from fault
        self.emit(Note(f"goes on at {min(self.share, 1.0):.0%} of the training"))


def rate_at(share: float) -> float:
    """The learning rate, as a share of the highest: a short rise, then half a cosine."""
    if share < _WARM_UP:
        return max(share / _WARM_UP, 0.02)
    fallen = min(1.0, (share - _WARM_UP) / (1 - _WARM_UP))
    return _LOWEST + (1 - _LOWEST) * 0.5 * (1 + math.cos(math.pi * fallen))


def _groups(student: Student, recipe: PerceptionRecipe) -> list[dict[str, Any]]:
    """Weights of layers decay; biases and normalisations do not."""
    held = list(student.parameters())
    return [
        {
            "params": [one for one in held if one.ndim > 1],
            "weight_decay": recipe.weight_decay,
            "lr": recipe.learning_rate,
        },
        {
            "params": [one for one in held if one.ndim <= 1],
            "weight_decay": 0.0,
            "lr": recipe.learning_rate,
        },
    ]

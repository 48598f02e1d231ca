"""What trainings did, read from their runs' folders: how long, how often resumed, where they are.

told = tell_training(Path("runs/people"))
told.kimg, told.hours, told.calls, told.curve[-1].d_loss
"""

from __future__ import annotations

import re
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artstyle import jsonlines
from artstyle.errors import RunError
from artstyle.names import shown
from artstyle.recipes import TrainingRecipe, read_recipe
from artstyle.runs import Run, open_run

_GOES_ON = re.compile(r"goes on at ([\d.]+) kimg")
_METRIC = re.compile(r"metric-(.+)\.jsonl")
GRID, FIRST_GRID = "fakes_latest.png", "fakes_init.png"


@dataclass(frozen=True)
class Tick:
    """Figures between two rows of a run's statistics."""

    kimg: float
    g_loss: float
    d_loss: float
    real_sign: float  # mean sign of D on reals: what ADA holds
    p: float  # probability of augmentations
    sec_per_kimg: float


@dataclass(frozen=True)
class Told:
    """One training."""

    run: Path
    style: str
    base: str | None
    resolution_px: int
    pictures: int
    mirrored: bool
    batch: int
    kimg: float
    hours: float  # of computing, over all calls
    calls: int  # how often the command was given
    resumed_at_kimg: tuple[float, ...]
    state: str  # open, finished, failed
    command: str  # the first one
    curve: tuple[Tick, ...]
    metrics: dict[str, tuple[tuple[float, float], ...]]  # name -> (kimg, value), rising
    device: str
    precision: str

    @property
    def sec_per_kimg(self) -> float:
        """The median."""
        return statistics.median(tick.sec_per_kimg for tick in self.curve)

    @property
    def name(self) -> str:
        """The run's, as people name it."""
        return self.run.name


def tell_training(folder: Path) -> Told:
    """Read a training's run.

    Raises:
        RunError: the folder holds no run, or one that is no training or has no figures yet.
    """
    run = open_run(folder)
    recipe = _recipe_of(run)
    options = _options(run)
    rows = run.stats()
    if not rows:
        raise RunError(f"{shown(folder)} has no figures yet", hint="train for longer than a tick")
    resumed = _resumed(run)
    last = rows[-1]
    return Told(
        run=folder,
        style=recipe.style,
        base=recipe.base,
        resolution_px=int(options["generator"]["img_resolution"]),
        pictures=int(options["dataset"]["pictures"]),
        mirrored=bool(options["dataset"]["mirrored"]),
        batch=int(options["numbers"]["batch"]),
        kimg=last["Progress/nimg"] / 1000,
        hours=last["Timing/total_sec"]["mean"] / 3600,
        calls=1 + len(resumed),
        resumed_at_kimg=resumed,
        state=run.state,
        command=(folder / "command.txt").read_text(encoding="utf-8").strip(),
        curve=tuple(_tick(row) for row in rows),
        metrics=_metrics(folder),
        device=str(options["device"]),
        precision=str(options["precision"]),
    )


def _recipe_of(run: Run) -> TrainingRecipe:
    return read_recipe(run.folder / "recipe.toml", TrainingRecipe)


def _options(run: Run) -> dict[str, Any]:
    import json

    path = run.folder / "training_options.json"
    try:
        said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise RunError(f"{shown(run.folder)} is no training: {path.name}: {fault}") from fault
    return said


def _resumed(run: Run) -> tuple[float, ...]:
    """Where later calls took up the training."""
    path = run.folder / "log.txt"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return tuple(float(found) for found in _GOES_ON.findall(text))


def _tick(row: dict[str, Any]) -> Tick:
    def mean(name: str) -> float:
        return float(row[name]["mean"])

    return Tick(
        kimg=row["Progress/nimg"] / 1000,
        g_loss=mean("Loss/G/loss"),
        d_loss=mean("Loss/D/loss"),
        real_sign=mean("Loss/signs/real"),
        p=mean("Progress/augment"),
        sec_per_kimg=mean("Timing/sec_per_kimg"),
    )


def _metrics(folder: Path) -> dict[str, tuple[tuple[float, float], ...]]:
    found = {}
    for path in sorted(folder.glob("metric-*.jsonl")):
        matched = _METRIC.fullmatch(path.name)
        rows = jsonlines.read(path)
        if matched and rows:
            points = sorted((float(row["kimg"]), float(row["value"])) for row in rows)
            found[matched[1]] = tuple(points)
    return found

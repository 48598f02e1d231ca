"""`artstyle train`: from a dataset and a few words to a model."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from artstyle.corpus.read import read_corpus
from artstyle.errors import UsageError
from artstyle.events import Emit, ignore
from artstyle.machine import choose_device
from artstyle.pipeline.train.job import Trained, carry_out, run_of
from artstyle.pipeline.train.plan import plan_scratch
from artstyle.pipeline.train.work import Goal
from artstyle.recipes import TrainingRecipe
from artstyle.recipes.schema import make_recipe


def train_scratch(
    workspace: Path,
    *,
    dataset: Path,
    out: Path | None = None,
    style: str | None = None,
    minutes: float | None = None,
    device: str = "auto",
    emit: Emit = ignore,
    **settings: Any,
) -> Trained:
    """Train from random weights, or go on with it.

    Args:
        workspace: where runs lie if `out` does not say it.
        dataset: a dataset zip.
        out: the run's folder.
        style: what is learned; None takes the dataset's name.
        minutes: stop after so long.
        device: see `machine.choose_device`.
        emit: told of everything.
        settings: of `TrainingRecipe`; None leaves its default.
    """
    if not dataset.is_file():
        raise UsageError(f"there is no dataset {dataset}", hint="artstyle build makes one")
    said = {**settings, "style": style or style_of(dataset), "minutes": minutes}
    table = {name: value for name, value in said.items() if value is not None}
    recipe = make_recipe(table, TrainingRecipe, name="the training")
    corpus = read_corpus(dataset)
    plan = plan_scratch(
        recipe,
        dataset,
        corpus,
        device=choose_device(device),
        licence="unknown",
        sha256=corpus.sha256(),
    )
    command = ["artstyle", *sys.argv[1:]]
    run = run_of(plan, workspace / "runs", out, command)
    goal = Goal(recipe.kimg, minutes)
    return carry_out(plan, run, goal, command=command, emit=emit)


def style_of(dataset: Path) -> str:
    """A style's name after a dataset's: people-64-train.zip is people."""
    name = re.sub(r"[-_](train|all|held-out)$", "", dataset.stem.lower())
    name = re.sub(r"[-_]\d+$", "", name)
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-")[:64].strip("-") or "dataset"

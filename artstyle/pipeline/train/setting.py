"""What stands around a training: the judge of its snapshots, and those who follow its figures."""

from __future__ import annotations

from pathlib import Path

from artstyle.errors import UsageError
from artstyle.events import Emit
from artstyle.pipeline.train.plan import Plan
from artstyle.pipeline.train.snapshots import Measure
from artstyle.pipeline.train.tracking import MLflow, TensorBoard, Trackers
from artstyle.runs import Run

METRICS = ("kid",)


def judge_of(plan: Plan, emit: Emit) -> Measure | None:
    """What tells how good a snapshot is; None if the recipe asks for nothing.

    Raises:
        UsageError: there is no such metric.
    """
    if plan.recipe.metric is None:
        return None
    if plan.recipe.metric not in METRICS:
        raise UsageError(
            f"{plan.recipe.metric!r} cannot tell the best snapshot while training goes on",
            hint=f"known are: {', '.join(METRICS)}; 'artstyle evaluate' measures all others later",
        )
    from artstyle.pipeline.evaluate import Judge, choose_space, open_pictures

    return Judge(open_pictures(plan.dataset), choose_space("auto", emit=emit), emit=emit)


def trackers_of(plan: Plan, run: Run, workspace: Path, track: str | None) -> Trackers:
    """TensorBoard always, and MLflow where it is wished.

    Raises:
        UsageError: MLflow is not installed.
    """
    board = TensorBoard(run.folder)
    if track is None:
        return Trackers(board)
    settings = {**vars(plan.recipe), **vars(plan.numbers)}
    return Trackers(board, MLflow(run.folder, workspace / "mlruns", settings))

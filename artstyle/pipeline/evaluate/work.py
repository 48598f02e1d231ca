"""Measuring targets against a dataset, figure after figure; what is known is not repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artstyle import jsonlines
from artstyle.errors import UsageError
from artstyle.events import Emit, Note, Progress, ignore
from artstyle.locks import locked
from artstyle.metrics.space import FeatureSpace, measure_name
from artstyle.pipeline.evaluate.features import cache_folder, features_of, tidy
from artstyle.pipeline.evaluate.measure import (
    DEFAULT,
    Metric,
    can_go_to_infinity,
    check_metrics,
    is_small,
    measure,
)
from artstyle.pipeline.evaluate.pictures import CorpusPictures, Pictures
from artstyle.pipeline.evaluate.record import (
    MEASURED,
    Row,
    add_measured,
    key_of,
    read_measured,
    space_facts,
    write_tables,
)
from artstyle.pipeline.evaluate.targets import Target

MOST_SAMPLES = 1_000_000  # more is taken for a slip of the finger; a guess


@dataclass(frozen=True)
class Settings:
    """How to measure."""

    metrics: tuple[str, ...] = DEFAULT
    samples: int | None = None  # pictures to draw per target; None: the space's own number
    psis: tuple[float, ...] = (1.0,)  # the first for all targets, the others for the best one
    seed: int = 0  # of subsets and bootstrap; pictures are always seeds 0, 1, 2 ...
    device: str = "cpu"  # where generators draw


@dataclass(frozen=True)
class Step:
    """A target at a truncation, and what of it is still to be measured."""

    target: Target
    psi: float | None
    keys: Mapping[Metric, str]
    missing: tuple[Metric, ...]


@dataclass(frozen=True)
class Evaluation:
    """What came of it."""

    rows: tuple[Row, ...]
    best: Target | None  # by the leading measure, at the first truncation; None with a dry run
    lead: str  # the name of that measure
    measured: int  # figures that were taken now, or with a dry run would be
    kept: int  # figures that were known
    facts: dict[str, Any]  # about space and dataset
    advice: tuple[str, ...]  # what to know and to try


def evaluate(
    targets: Sequence[Target],
    reference: Pictures,
    space: FeatureSpace,
    settings: Settings,
    *,
    out: Path | None = None,
    dry_run: bool = False,
    emit: Emit = ignore,
) -> Evaluation:
    """Measure every target against the reference.

    Args:
        targets: see `pipeline.evaluate.targets`.
        reference: the dataset.
        space: see `choose_space`.
        settings: how.
        out: where `measured.jsonl` and the tables lie; None: nothing is written but features.
        dry_run: only look what there is to do.
        emit: gets progress.

    Raises:
        UsageError: settings that cannot be.
        MeasureError: too few pictures.
        LockTimeoutError: another process measures into the same folder.
    """
    desk = Desk(reference, space, settings, out=out, emit=emit)
    metrics, samples = desk.metrics, desk.samples
    _warn_of_sizes(targets, reference, emit)
    lead = lead_of(metrics, space)
    facts = space_facts(space) | {
        "dataset": reference.name,
        "dataset_identity": reference.identity,
        "reals": len(reference),
        "samples": samples,
        "seed": settings.seed,
    }
    first = [desk.step(target, settings.psis[0]) for target in targets]
    if dry_run:
        extra = len(settings.psis[1:]) * len(metrics) if targets and targets[0].model else 0
        todo = sum(len(step.missing) for step in first)
        kept = len(first) * len(metrics) - todo
        return Evaluation((), None, lead, todo + extra, kept, facts, ())
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    with nullcontext() if out is None else locked(out / ".lock", wait_s=0):
        if out is not None:
            jsonlines.mend(out / MEASURED)
        rows = [desk.carry_out(step) for step in first]
        best = _best(targets, rows, lead)
        if best.model is not None:
            rows += [desk.carry_out(desk.step(best, psi)) for psi in settings.psis[1:]]
        if out is not None:
            write_tables(out, rows, facts | {"best": best.name, "by": lead})
        tidy(cache_folder())
    advice = _advice(rows, space, samples, metrics, has_models=best.model is not None)
    return Evaluation(tuple(rows), best, lead, desk.taken, desk.kept, facts, advice)


class Desk:
    """The reference's features, what is known, and the counting."""

    def __init__(
        self,
        reference: Pictures,
        space: FeatureSpace,
        settings: Settings,
        *,
        out: Path | None,
        emit: Emit,
    ) -> None:
        self.reference, self.space, self.settings = reference, space, settings
        self.metrics = check_metrics(settings.metrics, space)
        self.samples = _samples(settings, space, self.metrics)
        self.out, self.emit = out, emit
        self.known = read_measured(out)
        self.taken = self.kept = 0
        self._reals: NDArray[np.float32] | None = None

    def step(self, target: Target, psi: float) -> Step:
        """What there is to do for a target."""
        at = psi if target.model is not None else None
        judged = {"identity": target.identity, "psi": at, "count": self._count(target)}
        reference, seed = self.reference.identity, self.settings.seed
        keys = {
            metric: key_of(judged, reference, self.space, metric, seed) for metric in self.metrics
        }
        missing = tuple(metric for metric in self.metrics if keys[metric] not in self.known)
        return Step(target, at, keys, missing)

    def carry_out(self, step: Step) -> Row:
        """Measure what is missing, and put everything together."""
        target = step.target
        row = Row(
            target=target.name,
            style=target.style,
            kimg=target.kimg,
            psi=step.psi,
            reals=len(self.reference),
            fakes=self._count(target),
            measures=(),
        )
        self.kept += len(self.metrics) - len(step.missing)
        if step.missing:
            reals, fakes = self.reals(), self.fakes(target, step.psi or 1.0)
            for number, metric in enumerate(step.missing):
                self.emit(
                    Progress(f"measure {target.name}", number, len(step.missing), "figures", metric)
                )
                found = measure(reals, fakes, self.space, (metric,), seed=self.settings.seed)
                self.known[step.keys[metric]] = tuple(found)
                self.taken += 1
                if self.out is not None:
                    done = replace(row, measures=tuple(found))
                    add_measured(self.out, step.keys[metric], done, metric, self.space)
            count = len(step.missing)
            self.emit(Progress(f"measure {target.name}", count, count, "figures"))
        return replace(
            row,
            measures=tuple(one for metric in self.metrics for one in self.known[step.keys[metric]]),
        )

    def reals(self) -> NDArray[np.float32]:
        """The dataset's features, computed when they are first needed."""
        if self._reals is None:
            self._reals = features_of(
                self.reference, self.space, cache=cache_folder(), emit=self.emit
            )
        return self._reals

    def fakes(self, target: Target, psi: float) -> NDArray[np.float32]:
        """The features of what is judged."""
        pictures = target.open(
            self.reference,
            psi=psi,
            samples=self.samples,
            device=self.settings.device,
            emit=self.emit,
        )
        return features_of(pictures, self.space, cache=cache_folder(), emit=self.emit)

    def _count(self, target: Target) -> int:
        return self.samples if target.pictures is None else len(target.pictures)


def lead_of(metrics: Sequence[Metric], space: FeatureSpace) -> str:
    """The measure that says which snapshot is best: the first of these that is taken."""
    named = {"kid": "kid", "fid": "fid", "fid_inf": "fid_inf", "pr": "precision", "dc": "coverage"}
    measure = next(
        (named[metric] for metric in named if metric in metrics),
        "is" if "is" in metrics else "copies",
    )
    return measure_name(measure, space)


def _samples(settings: Settings, space: FeatureSpace, metrics: Sequence[Metric]) -> int:
    samples = space.samples if settings.samples is None else settings.samples
    if not 1 <= samples <= MOST_SAMPLES:
        raise UsageError(f"{samples} samples cannot be measured: 1 to {MOST_SAMPLES:,} can")
    if not settings.psis:
        raise UsageError("no truncation was named", hint="1 draws as trained")
    if settings.samples is None and "fid_inf" in metrics:
        while not can_go_to_infinity(space, samples):
            samples *= 2
    return samples


def _warn_of_sizes(targets: Sequence[Target], reference: Pictures, emit: Emit) -> None:
    """Pictures of another size are resized for the network, and that alone makes a distance."""
    if not isinstance(reference, CorpusPictures):
        return
    side = reference.corpus.resolution
    others = sorted({t.model.resolution for t in targets if t.model} - {side})
    if others:
        words = ", ".join(f"{other} px" for other in others)
        emit(
            Note(
                f"{reference.name} has pictures of {side} px, the model draws {words}:"
                " part of every distance is the difference in sharpness",
                "warning",
            )
        )


def _best(targets: Sequence[Target], rows: Sequence[Row], lead: str) -> Target:
    """The target whose leading measure is least."""
    values = [row.value(lead) for row in rows]
    more_is_better = lead.startswith(("precision", "recall", "density", "coverage", "is"))
    sign = -1 if more_is_better else 1
    known = [(sign * value, index) for index, value in enumerate(values) if value is not None]
    return targets[min(known)[1]] if known else targets[-1]


def _advice(
    rows: Sequence[Row],
    space: FeatureSpace,
    samples: int,
    metrics: Sequence[Metric],
    *,
    has_models: bool,
) -> tuple[str, ...]:
    said = []
    reals = rows[0].reals
    kernel, frechet = measure_name("kid", space), measure_name("fid", space)
    if is_small(reals) or any(is_small(row.fakes) for row in rows):
        said.append(f"few pictures: go by {kernel} and its interval, not by {frechet}")
        if has_models and "fid" in metrics and "fid_inf" not in metrics:
            least = max(samples, 4 * space.dim)
            said.append(
                f"--metric fid_inf --samples {least} takes the fakes' share of the error away"
            )
    if space.ddof == 0 and "fid" in metrics:
        said.append("covariances are over N, as in the official code")
    return tuple(said)

"""Which detector suits a set of pictures: all that are here are tried on a sample."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from artstyle.errors import UsageError, WeightsError
from artstyle.events import Emit, Progress, ignore
from artstyle.faces.align import confidence_of
from artstyle.faces.detector import Detector, Pixels, detectors, make_detector
from artstyle.faces.landmarks import Kind, Points

# Guesses: a point that is off by 0.042 of the crop's side; a difference in figures that is noise
# in a sample of a few dozen pictures.
CONFIDENT = 0.5
_AS_GOOD = 0.05
# dlib-cnn takes seconds a picture on a processor: it is asked for by name, or it is in
# `candidates`. A layout is knowledge, not something to be found out.
CANDIDATES = ("yunet", "dlib", "lbp-anime")


@dataclass(frozen=True)
class Trial:
    """What one detector did on the sample; the best face of each picture counts."""

    name: str
    pictures: int
    found_share: float  # of pictures with any face
    confident_share: float  # of pictures with a face of confidence 0.5 and more
    median_confidence: float  # of the faces found; 0 where there are none
    ms_per_picture: float

    @property
    def worth(self) -> float:
        """What is compared: confident pictures, and estimated faces a little."""
        return self.confident_share + 0.1 * self.found_share * self.median_confidence


@dataclass(frozen=True)
class Choice:
    """The detector that was chosen, why, and what the others did."""

    detector: Detector
    reason: str
    trials: tuple[Trial, ...]  # best first
    lacking: tuple[str, ...]  # candidates that are not here, each with what to type


def choose_detector(
    sample: Sequence[Pixels],
    *,
    candidates: Sequence[str] = CANDIDATES,
    clock: Callable[[], float] = time.perf_counter,
    emit: Emit = ignore,
) -> Choice:
    """Try the available detectors on some pictures and take the best.

    Args:
        sample: HWC uint8, RGB each; a few dozen are plenty.
        candidates: names of detectors.
        clock: seconds.
        emit: gets progress.

    Raises:
        UsageError: there are no pictures, or no detector found a face in any.
        WeightsError: none of the candidates is here.
    """
    if not sample:
        raise UsageError("a detector cannot be chosen without pictures to try it on")
    known = {one.name: one for one in detectors()}
    made: dict[str, Detector] = {}
    lacking = []
    for name in candidates:
        if name in known and not known[name].available:
            lacking.append(f"{name}: {known[name].remedy}")
        else:
            made[name] = make_detector(name)
    if not made:
        raise WeightsError("none of the detectors is here", hint="; ".join(lacking))
    trials = [_tried(name, one, sample, clock, emit) for name, one in made.items()]
    best = max(trial.worth for trial in trials)
    if best <= 0:
        names = ", ".join(made)
        raise UsageError(
            f"{names} found no face in any of {len(sample)} pictures",
            hint="name a detector or a layout; also possible: " + "; ".join(lacking)
            if lacking
            else "name a detector or a layout",
        )
    good = [trial for trial in trials if trial.worth >= best - _AS_GOOD]
    taken = min(good, key=lambda trial: trial.ms_per_picture)
    order = sorted(trials, key=lambda trial: (trial is not taken, -trial.worth))
    return Choice(made[taken.name], _reason(taken, len(good)), tuple(order), tuple(lacking))


def _tried(
    name: str,
    detector: Detector,
    sample: Sequence[Pixels],
    clock: Callable[[], float],
    emit: Emit,
) -> Trial:
    detector.detect(sample[0])  # the first call loads the models
    confidences = []
    seconds = 0.0
    for done, rgb in enumerate(sample, start=1):
        start = clock()
        found = detector.detect(rgb)
        seconds += clock() - start
        if found:
            confidences.append(max(_confidence(face.points_px, face.kind) for face in found))
        emit(Progress(f"try {name}", done, len(sample), "images"))
    return Trial(
        name,
        len(sample),
        len(confidences) / len(sample),
        sum(one >= CONFIDENT for one in confidences) / len(sample),
        median(confidences) if confidences else 0.0,
        1000 * seconds / len(sample),
    )


def _confidence(points_px: Points, kind: Kind) -> float:
    try:
        return confidence_of(points_px, kind)
    except UsageError:  # points without a direction: a face nobody can align
        return 0.0


def _reason(trial: Trial, rivals: int) -> str:
    why = (
        f"{trial.name}: a confident face in {trial.confident_share:.0%} of {trial.pictures}"
        f" pictures (any face in {trial.found_share:.0%}), median confidence"
        f" {trial.median_confidence:.2f}, {trial.ms_per_picture:.0f} ms a picture"
    )
    return f"{why}; the fastest of {rivals} that do as well" if rivals > 1 else why

"""Which detector suits a set of pictures: all that are here are tried on a sample."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from artstyle.errors import UsageError, WeightsError
from artstyle.events import Emit, Progress, ignore
from artstyle.faces.align import confidence_of
from artstyle.faces.detector import Detector, Face, Pixels, detectors, make_detector

# Guesses: a point that is off by 0.042 of the crop's side; a difference in figures that is noise
# in a sample of a few dozen pictures.
CONFIDENT = 0.5
_AS_GOOD = 0.05
# A layout is knowledge, not something to be found out. dlib-cnn takes seconds a picture on a
# processor: it is asked for by name, or it is in `candidates`.
CANDIDATES = ("yunet", "dlib", "lbp-anime", "anime", "anime-frcnn")
# These take seconds a picture on a processor. They are tried only where nothing before does well
# enough, and on no more pictures than fit into a minute each. Guesses.
DEAR = frozenset({"dlib-cnn", "anime", "anime-frcnn", "anime-mmcv"})
_WELL_ENOUGH = 0.9  # of a worth that is 1.1 at most
_DEAR_S = 60.0
_DEAR_PICTURES = 3  # as many in any case
# The least height of a heat map at which anime-face-detector's demonstrations show the point.
_POINT_SEEN = 0.3


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

    Quick ones are tried on all pictures. Where the best of them does well, that is all; else dear
    ones are tried until one does, and all are compared on the pictures that all of them saw.

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
    order = random.Random(0).sample(range(len(sample)), len(sample))  # any start of it is a sample
    looks: dict[str, _Look] = {}
    for name in sorted(made, key=lambda one: one in DEAR):
        so_far = [_trial(one, look, len(look.confidences)).worth for one, look in looks.items()]
        if name in DEAR and max(so_far, default=0) >= _WELL_ENOUGH:
            continue
        looks[name] = _looked(name, made[name], [sample[row] for row in order], clock, emit)
    common = min(len(look.confidences) for look in looks.values())
    trials = [_trial(name, look, common) for name, look in looks.items()]
    best = max(trial.worth for trial in trials)
    if best <= 0:
        names = ", ".join(looks)
        raise UsageError(
            f"{names} found no face in any of {common} pictures",
            hint="name a detector or a layout; also possible: " + "; ".join(lacking)
            if lacking
            else "name a detector or a layout",
        )
    good = [trial for trial in trials if trial.worth >= best - _AS_GOOD]
    taken = min(good, key=lambda trial: trial.ms_per_picture)
    trials.sort(key=lambda trial: (trial is not taken, -trial.worth))
    return Choice(made[taken.name], _reason(taken, len(good)), tuple(trials), tuple(lacking))


@dataclass
class _Look:
    """What a detector saw, picture by picture; None where it found no face."""

    confidences: list[float | None]
    seconds: list[float]


def _looked(
    name: str,
    detector: Detector,
    sample: Sequence[Pixels],
    clock: Callable[[], float],
    emit: Emit,
) -> _Look:
    detector.detect(sample[0])  # the first call loads the models
    look = _Look([], [])
    for done, rgb in enumerate(sample, start=1):
        start = clock()
        found = detector.detect(rgb)
        look.seconds.append(clock() - start)
        look.confidences.append(max(map(_confidence, found), default=None))
        emit(Progress(f"try {name}", done, len(sample), "images"))
        if name in DEAR and done >= _DEAR_PICTURES and sum(look.seconds) >= _DEAR_S:
            break
    return look


def _trial(name: str, look: _Look, pictures: int) -> Trial:
    """What came of the first pictures of a look."""
    found = [one for one in look.confidences[:pictures] if one is not None]
    return Trial(
        name,
        pictures,
        len(found) / pictures,
        sum(one >= CONFIDENT for one in found) / pictures,
        median(found) if found else 0.0,
        1000 * sum(look.seconds[:pictures]) / pictures,
    )


def _confidence(face: Face) -> float:
    if face.kind == "anime-28" and face.point_scores is not None:
        # The template has the proportions of people, which drawn faces need not have; how many
        # of its points the network is sure of says more.
        return float((face.point_scores >= _POINT_SEEN).mean())
    try:
        return confidence_of(face.points_px, face.kind)
    except UsageError:  # points without a direction: a face nobody can align
        return 0.0


def _reason(trial: Trial, rivals: int) -> str:
    why = (
        f"{trial.name}: a confident face in {trial.confident_share:.0%} of {trial.pictures}"
        f" pictures (any face in {trial.found_share:.0%}), median confidence"
        f" {trial.median_confidence:.2f}, {trial.ms_per_picture:.0f} ms a picture"
    )
    return f"{why}; the fastest of {rivals} that do as well" if rivals > 1 else why

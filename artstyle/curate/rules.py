"""What speaks against a crop: rules that propose to drop it, each with reason and figure.

Limits are absolute where the meaning is (a face seen from the side, more pixels made than there
were), and relative to the set where it is not (grey among coloured ones). A relative limit always
has an absolute one beside it, so that in a good set the least good one is not thrown away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from artstyle.curate.figures import SIDE_PX, Figures

# Rule -> what it says, in the order in which they are told; the first that speaks is the reason.
RULES = {
    "unreadable": "the file cannot be read",
    "doubtful": "perhaps no face: the detector's score is low",
    "misaligned": "eyes, nose and mouth are not where those of a face are",
    "profile": "the face is turned away",
    "small": "too few pixels in the picture: the crop would be enlarged",
    "dark": "too dark",
    "bright": "too bright",
    "pale": "hardly any contrast",
    "blurred": "out of focus, or moved",
    "clipped": "much of the face is black or white",
    "outside": "much of the crop lies outside of the picture",
    "grey": "grey or of one tint, among crops in colour",
    "colour": "in colour, among grey crops",
    "outlier": "unlike all others",
}
DUPLICATE = "duplicate"

# A score below which a face of this detector is doubtful if it is also low for the set. YuNet's are
# in [0.6, 1], clear faces of dlib have 1 and more (see `artstyle.faces`); guesses from portraits,
# drawings and paintings. Detectors that are not here give no score that says anything.
_DOUBTFUL_SCORE = {"yunet": 0.75, "dlib": 0.3, "dlib-cnn": 0.6, "anime": 0.5, "anime-frcnn": 0.5}
# The same for what was seen in one frame of a film only, before and after which there was no face:
# in films looked at, leaves, backs and walls were, and had less than this.
_FLEETING_SCORE = {"yunet": 0.8, "dlib": 0.5}
_FITS = 0.5  # alignment confidence from which a low score says nothing; measured on emoji
_GREY, _COLOURED = 0.5, 0.1  # greyness from, and up to, which a crop is one
_MAJORITY = 0.8  # of a set that has to be the one for the other to be odd
_MAD = 1.4826  # times the median deviation is the standard deviation of a normal distribution


@dataclass(frozen=True)
class Limits:
    """What is allowed; see `artstyle.recipes.dataset.CurateRecipe` for the defaults."""

    max_enlarge: float
    max_blur_px: float
    min_brightness: float
    max_brightness: float
    min_contrast: float
    max_clipped_share: float
    max_yaw_deg: float
    min_confidence: float
    max_outside_share: float
    deviations: float  # robust standard deviations from the set's middle that make a figure odd
    outlier_deviations: float  # the same, of the distance to the next crops; 0: none is an outlier
    without: frozenset[str]  # rules that are left out


@dataclass(frozen=True)
class Subject:
    """A crop, as the rules see it."""

    id: int
    source_kind: str
    detector: str
    score: float
    quality: Mapping[str, Any]  # as extraction wrote it; what is missing is not judged
    figures: Figures | None  # None: the file cannot be read
    fault: str = ""  # why it cannot
    strangeness: float = 0.0  # mean distance to the next crops in the embedding


@dataclass(frozen=True)
class Objection:
    """What one rule has against one crop."""

    rule: str
    figure: float | None
    text: str  # e.g. "edges smeared over 4.1 px, 3.0 allowed"


@dataclass(frozen=True)
class _Case:
    """A crop before the rules."""

    subject: Subject
    figures: Figures
    limits: Limits
    scale: float  # the set's size over the size at which sharpness was measured
    enlarge: float  # pixels of a dataset picture per pixel of the source
    odd: Mapping[str, float]  # robust deviations from the set's middle, by figure
    grey_share: float  # of the set's crops

    def known(self, name: str) -> float | None:
        """A figure of the extraction, if there is one."""
        value = self.subject.quality.get(name)
        return float(value) if isinstance(value, (int, float)) else None


def objections(
    subjects: Sequence[Subject], limits: Limits, *, crop_px: int, dataset_px: int
) -> dict[int, list[Objection]]:
    """What the rules have against each crop.

    Args:
        subjects: all crops of the set: what is odd depends on the others.
        limits: what is allowed.
        crop_px: side of the crops.
        dataset_px: side they will have in the dataset; a face that is small in the crop may be
            large enough for it.

    Returns:
        By the crop's id; in the order of `RULES`. Crops that nothing speaks against are not there.
    """
    odd = _oddness(subjects)
    readable = [one.figures for one in subjects if one.figures is not None]
    grey = np.mean([one.greyness > _GREY for one in readable]) if readable else 0.0
    found = {}
    for number, subject in enumerate(subjects):
        if subject.figures is None:
            against = [Objection("unreadable", None, subject.fault or RULES["unreadable"])]
        else:
            upscale = subject.quality.get("upscale_factor")
            case = _Case(
                subject,
                subject.figures,
                limits,
                scale=min(dataset_px / min(crop_px, SIDE_PX), 1.0),
                enlarge=float(upscale or 0) * dataset_px / crop_px,
                odd={name: float(values[number]) for name, values in odd.items()},
                grey_share=float(grey),
            )
            against = list(_objections(case))
        against = [one for one in against if one.rule not in limits.without]
        if against:
            found[subject.id] = against
    return found


def reason(against: Sequence[Objection]) -> str:
    """Objections as the reason of a decision: "blurred: ...; dark: ..."."""
    return "; ".join(f"{one.rule}: {one.text}" for one in against)


def _objections(case: _Case) -> Iterable[Objection]:
    for rule, judge in _JUDGES.items():
        verdict = judge(case)
        if verdict is not None:
            yield Objection(rule, round(verdict[0], 4), verdict[1])


def _doubtful(case: _Case) -> tuple[float, str] | None:
    score, least = case.subject.score, _DOUBTFUL_SCORE.get(case.subject.detector)
    fits = case.known("confidence")
    low = case.odd["score"] < -case.limits.deviations
    if least is None or (fits or 0) >= _FITS:
        return None  # drawn heads get low scores, but their eyes and mouths lie where they should
    is_fleeting = case.subject.source_kind == "film" and case.known("appearance_faces") == 1
    if is_fleeting and score < _FLEETING_SCORE.get(case.subject.detector, 0.0):
        return score, f"score {score:.2f}, and seen in one frame only"
    if score >= least or not low:
        return None
    return (
        score,
        f"score {score:.2f}, clear faces of {case.subject.detector} have {least:g} and more",
    )


def _misaligned(case: _Case) -> tuple[float, str] | None:
    value, least = case.known("confidence"), case.limits.min_confidence
    if value is None or value >= least or case.subject.detector.startswith("layout"):
        return None  # of a layout it says how the style's heads differ from people's
    return value, f"alignment confidence {value:.2f}, {least:g} asked for"


def _profile(case: _Case) -> tuple[float, str] | None:
    yaw, most = case.known("yaw_deg"), case.limits.max_yaw_deg
    if yaw is None or abs(yaw) <= most:
        return None
    return yaw, f"turned by {abs(yaw):.0f} degrees, {most:g} allowed"


def _small(case: _Case) -> tuple[float, str] | None:
    most = case.limits.max_enlarge
    if case.subject.source_kind == "sprite" or case.enlarge <= most:
        return None  # sprites are enlarged on purpose, and stay crisp
    side = case.known("face_px")
    size = "" if side is None else f"{side:.0f} px in the source, "
    return case.enlarge, f"{size}enlarged {case.enlarge:.1f} times, {most:g} allowed"


def _blurred(case: _Case) -> tuple[float, str] | None:
    blur, most = case.scale / case.figures.sharpness, case.limits.max_blur_px
    odd = case.odd["sharpness"] < -case.limits.deviations and blur > most / 2
    if blur <= most and not odd:
        return None
    rest = f"{most:g} allowed" if blur > most else f"far more than others, {most / 2:g} allowed"
    return case.figures.sharpness, f"edges smeared over {blur:.1f} px, {rest}"


def _dark(case: _Case) -> tuple[float, str] | None:
    value, least = case.figures.brightness, case.limits.min_brightness
    odd = case.odd["brightness"] < -case.limits.deviations and value < 1.5 * least
    if value >= least and not odd:
        return None
    rest = f"{least:g} asked for" if value < least else "far less than others"
    return value, f"brightness {value:.2f}, {rest}"


def _bright(case: _Case) -> tuple[float, str] | None:
    value, most = case.figures.brightness, case.limits.max_brightness
    if value <= most or case.odd["brightness"] <= case.limits.deviations:
        return None  # white ink drawings are bright, all of them
    return value, f"brightness {value:.2f}, {most:g} allowed"


def _pale(case: _Case) -> tuple[float, str] | None:
    value, least = case.figures.contrast, case.limits.min_contrast
    if value >= least:
        return None
    return value, f"contrast {value:.2f}, {least:g} asked for"


def _clipped(case: _Case) -> tuple[float, str] | None:
    value, most = case.figures.clipped_share, case.limits.max_clipped_share
    if value <= most or case.odd["clipped_share"] <= case.limits.deviations:
        return None
    return value, f"{value:.0%} black or white, {most:.0%} allowed"


def _outside(case: _Case) -> tuple[float, str] | None:
    value, most = case.known("outside_share"), case.limits.max_outside_share
    if value is None or value <= most:
        return None
    return value, f"{value:.0%} outside of the picture, {most:.0%} allowed"


def _grey(case: _Case) -> tuple[float, str] | None:
    value = case.figures.greyness
    if value <= _GREY or case.grey_share > 1 - _MAJORITY:
        return None
    return value, f"greyness {value:.2f} where {1 - case.grey_share:.0%} are in colour"


def _colour(case: _Case) -> tuple[float, str] | None:
    value = case.figures.greyness
    if value >= _COLOURED or case.grey_share < _MAJORITY:
        return None
    return value, f"greyness {value:.2f} where {case.grey_share:.0%} are grey"


def _outlier(case: _Case) -> tuple[float, str] | None:
    value, most = case.odd["strangeness"], case.limits.outlier_deviations
    if most <= 0 or value <= most:
        return None
    return value, f"{value:.1f} deviations from the others, {most:g} allowed"


_JUDGES: dict[str, Callable[[_Case], tuple[float, str] | None]] = {
    "doubtful": _doubtful,
    "misaligned": _misaligned,
    "profile": _profile,
    "small": _small,
    "dark": _dark,
    "bright": _bright,
    "pale": _pale,
    "blurred": _blurred,
    "clipped": _clipped,
    "outside": _outside,
    "grey": _grey,
    "colour": _colour,
    "outlier": _outlier,
}


def _oddness(subjects: Sequence[Subject]) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    """How far each crop lies from the middle of the set, by figure; 0 where nothing is known."""
    columns = {
        "score": _by_detector(subjects),
        "strangeness": deviations(np.array([one.strangeness for one in subjects])),
    }
    for name, way in (
        ("sharpness", np.log),
        ("brightness", np.asarray),
        ("clipped_share", np.asarray),
    ):
        values = np.full(len(subjects), np.nan)
        for number, one in enumerate(subjects):
            if one.figures is not None:
                values[number] = way(getattr(one.figures, name))
        columns[name] = deviations(values)
    return columns


def _by_detector(subjects: Sequence[Subject]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Scores of each detector on a scale of their own."""
    odd = np.zeros(len(subjects))
    names = np.array([one.detector for one in subjects])
    scores = np.array([one.score for one in subjects])
    for name in sorted(set(names.tolist())):
        odd[names == name] = deviations(scores[names == name])
    return odd


def deviations(
    values: np.ndarray[Any, np.dtype[np.float64]],
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Distances from the median in robust standard deviations.

    Half of a set may be odd without moving the scale. Where more than half are the same, the scale
    is a hundredth of the median, so that tiny differences are no deviations.

    Args:
        values: [n]; NaN is not known and gives 0.
    """
    known = values[~np.isnan(values)]
    if len(known) < 2:
        return np.zeros(len(values))
    middle = float(np.median(known))
    spread = _MAD * float(np.median(np.abs(known - middle)))
    return np.nan_to_num((values - middle) / max(spread, 0.01 * abs(middle), 1e-3), nan=0.0)

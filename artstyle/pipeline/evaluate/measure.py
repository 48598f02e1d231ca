"""All measures of a set of pictures against a dataset, from their features.

Few pictures make a Fréchet distance too large, by more than the differences one looks for. Below
`SMALL_SET` pictures it is therefore never given bare: the kernel distance with its interval comes
first, and the Fréchet distance says how many pictures it stands on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import MeasureError, UsageError
from artstyle.metrics.frechet import frechet_of_features
from artstyle.metrics.inception_score import inception_score
from artstyle.metrics.infinity import frechet_at_infinity, least_fakes
from artstyle.metrics.kernel import kernel_distance
from artstyle.metrics.manifold import manifold, nearest
from artstyle.metrics.space import Classifies, FeatureSpace, measure_name

Metric: TypeAlias = Literal["kid", "fid", "fid_inf", "pr", "dc", "is", "nn"]
METRICS: tuple[Metric, ...] = get_args(Metric)
DEFAULT: tuple[Metric, ...] = ("kid", "fid", "pr", "dc", "nn")
SMALL_SET = 2048  # below it a covariance of Inception's 2048 features lacks rank
_LEAST = 8  # pictures; with fewer no measure means anything
_TOO_NEAR = 0.01  # nearer to a training picture than this share of training pictures to another

Features: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True)
class Measure:
    """One figure."""

    name: str  # "fid", "kd_dlib": see `measure_name`
    value: float
    low: float | None = None  # of a 95 % interval
    high: float | None = None
    note: str = ""  # what one has to know to read it

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        interval = {} if self.low is None else {"low": self.low, "high": self.high}
        return {
            "name": self.name,
            "value": self.value,
            **interval,
            **({"note": self.note} if self.note else {}),
        }


def check_metrics(metrics: Iterable[str], space: FeatureSpace | None = None) -> tuple[Metric, ...]:
    """The metrics in the order of a table, each once.

    Raises:
        UsageError: one that there is not, or that the space cannot have.
    """
    wanted = set(metrics)
    strange = sorted(wanted - set(METRICS))
    if strange:
        raise UsageError(
            f"there is no metric {', '.join(map(repr, strange))}",
            hint="known are " + ", ".join(METRICS),
        )
    if "is" in wanted and space is not None and not isinstance(space, Classifies):
        raise UsageError(
            f"the Inception score needs Inception's weights; {space.title} names no classes",
            hint="artstyle models pull inception-fid",
        )
    return tuple(metric for metric in METRICS if metric in wanted)


def measure(
    reals: Features,
    fakes: Features,
    space: FeatureSpace,
    metrics: Sequence[str] = DEFAULT,
    *,
    seed: int = 0,
) -> list[Measure]:
    """Measure fakes against reals.

    Args:
        reals: [n, dim], of the dataset.
        fakes: [m, dim], of what is judged.
        space: that the features are of.
        metrics: from `METRICS`; pr is precision and recall, dc density and coverage, nn how near
            fakes come to training pictures.
        seed: of subsets and bootstrap.

    Raises:
        UsageError: see `check_metrics`.
        MeasureError: too few pictures.
    """
    chosen = check_metrics(metrics, space)
    if min(len(reals), len(fakes)) < _LEAST:
        raise MeasureError(
            f"{len(reals)} and {len(fakes)} pictures are too few to measure anything",
            hint=f"take {_LEAST} of each at the very least; hundreds make figures that hold",
        )
    found: list[Measure] = []
    if "kid" in chosen:
        kernel = kernel_distance(reals, fakes, seed=seed)
        note = f"{kernel.subsets} subsets of {kernel.subset_size}, {kernel.interval} interval"
        name = measure_name("kid", space)
        found.append(Measure(name, kernel.value, kernel.low, kernel.high, note))
    if "fid" in chosen:
        value = frechet_of_features(reals, fakes, ddof=space.ddof)
        found.append(Measure(measure_name("fid", space), value, note=_small(reals, fakes)))
    if "fid_inf" in chosen:
        found.append(_infinity(reals, fakes, space, seed))
    if "pr" in chosen or "dc" in chosen:
        covered = manifold(reals, fakes)
        names: tuple[str, ...] = ("precision", "recall") if "pr" in chosen else ()
        names += ("density", "coverage") if "dc" in chosen else ()
        found += [Measure(measure_name(one, space), getattr(covered, one)) for one in names]
    if "is" in chosen and isinstance(space, Classifies):
        mean, spread = inception_score(space.probabilities(fakes))
        found.append(Measure("is", mean, note=f"standard deviation over splits {spread:.3g}"))
    if "nn" in chosen:
        found.append(_nearness(reals, fakes, space))
    return found


def is_small(count: int) -> bool:
    """Whether a set of so many pictures gives no bare Fréchet distance."""
    return count < SMALL_SET


def _small(reals: Features, fakes: Features) -> str:
    """What has to stand beside a Fréchet distance of few pictures; "" if there are enough."""
    few = [
        f"{len(rows):,} {what}"
        for rows, what in ((reals, "reals"), (fakes, "fakes"))
        if is_small(len(rows))
    ]
    return f"too large, by an unknown amount: only {' and '.join(few)}" if few else ""


def _infinity(reals: Features, fakes: Features, space: FeatureSpace, seed: int) -> Measure:
    carried = frechet_at_infinity(reals, fakes, seed=seed, ddof=space.ddof)
    note = f"from {carried.counts[0]:,} to {carried.counts[-1]:,} fakes"
    if is_small(len(reals)):
        note += f"; still too large for {len(reals):,} reals"
    return Measure(measure_name("fid_inf", space), carried.value, note=note)


def can_go_to_infinity(space: FeatureSpace, samples: int) -> bool:
    """Whether so many samples allow `fid_inf`."""
    return samples >= least_fakes(space.dim)


def _nearness(reals: Features, fakes: Features, space: FeatureSpace) -> Measure:
    """The share of fakes that lie nearer to a training picture than these lie to each other."""
    own = nearest(reals, reals, 2)[1][:, 1]  # the nearest but itself
    bound = float(np.quantile(own, _TOO_NEAR))
    share = float((nearest(fakes, reals, 1)[1][:, 0] < bound).mean())
    note = f"{_TOO_NEAR:.0%} of training pictures lie as near to another one"
    return Measure(measure_name("copies", space), share, note=note)


def lines_of(measures: Sequence[Measure]) -> list[str]:
    """Measures for people, a line each."""
    lines = []
    for one in measures:
        interval = "" if one.low is None else f" [{one.low:.4g}, {one.high:.4g}]"
        note = f"  ({one.note})" if one.note else ""
        lines.append(f"{one.name} {one.value:.5g}{interval}{note}")
    return lines

"""How near samples come to training pictures: what a person looks at to see memorisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artstyle.events import Emit, ignore
from artstyle.metrics.manifold import nearest
from artstyle.metrics.space import FeatureSpace, Picture
from artstyle.pipeline.evaluate.pictures import Pictures, all_of
from artstyle.pipeline.evaluate.targets import Target
from artstyle.pipeline.evaluate.work import Desk, Settings


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Samples, and for each the training pictures that lie nearest, nearest first."""

    samples: tuple[Picture, ...]
    nearest: tuple[tuple[Picture, ...], ...]
    distances: NDArray[np.float64]  # [samples, k]
    typical: float  # the median distance of a training picture to the nearest other one
    space: str


def nearest_training(
    target: Target,
    reference: Pictures,
    space: FeatureSpace,
    settings: Settings,
    *,
    first: int = 4,
    closest: int = 4,
    k: int = 4,
    emit: Emit = ignore,
) -> Neighbours:
    """The first samples and those that come closest to a training picture, with their neighbours.

    Args:
        target: whose pictures.
        reference: the training pictures.
        space: where distances are taken.
        settings: how many samples are looked through.
        first: of the first seeds.
        closest: of the samples that lie nearest to a training picture.
        k: neighbours of each.
        emit: gets progress.
    """
    desk = Desk(reference, space, settings, out=None, emit=emit)
    reals, fakes = desk.reals(), desk.fakes(target, settings.psis[0])
    k = min(k, len(reals))
    rows, distances = nearest(fakes, reals, k)
    nearest_first = np.argsort(distances[:, 0], kind="stable")
    chosen = list(range(min(first, len(fakes))))
    chosen += [int(index) for index in nearest_first if index not in chosen][:closest]
    pictures = target.open(
        reference,
        psi=settings.psis[0],
        samples=len(fakes),
        device=settings.device,
        emit=emit,
    )
    own = nearest(reals, reals, min(2, len(reals)))[1][:, -1]
    return Neighbours(
        samples=tuple(all_of(pictures, chosen)),
        nearest=tuple(tuple(all_of(reference, rows[index].tolist())) for index in chosen),
        distances=distances[chosen],
        typical=float(np.median(own)),
        space=space.title,
    )

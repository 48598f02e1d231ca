"""From what was measured to what is proposed; nothing is written here."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artstyle.catalog.rows import CropRow
from artstyle.curate.clusters import UNSURE, Clusters, cluster, renumbered
from artstyle.curate.duplicates import Kin, components, duplicates
from artstyle.curate.rules import DUPLICATE, Objection, Subject, objections, reason
from artstyle.curate.split import Split, groups, hold_out
from artstyle.names import shown
from artstyle.pipeline.curate.embed import Embedded
from artstyle.pipeline.curate.measure import Measured
from artstyle.pipeline.curate.settings import Settings

CLUSTER_TAG, UNSURE_TAG = "cluster:", "cluster:unsure"
NEIGHBOURS = 5  # whose mean distance says how strange a crop is

Key = Sequence[Hashable | None]


@dataclass(frozen=True)
class Drop:
    """A crop that is proposed to be dropped."""

    crop: int
    rule: str  # the first that speaks against it
    rules: tuple[str, ...]  # all of them
    reason: str
    figure: float | None
    instead_of: int | None = None  # the crop that stays, of a near-duplicate


@dataclass(frozen=True, eq=False)
class Plan:
    """What is proposed about a style."""

    drops: dict[int, Drop]  # by the crop's id
    sides: dict[int, str]  # every readable crop's split
    tags: dict[int, str]  # every clustered crop's; empty without clusters
    duplicate_groups: list[list[int]]  # ids, the one that stays first
    clusters: Clusters | None
    split: Split
    embedding: Embedded | None  # None: none was needed


@dataclass(frozen=True)
class ByPerson:
    """What people decided about a style's crops; curating leaves all of it alone.

    What an extraction with other settings replaced counts as such too.
    """

    verdicts: Mapping[int, str]  # crop -> keep or drop
    splits: Mapping[int, str]
    tagged: frozenset[int]  # crops whose cluster tags a person set or took away


def plan_for(
    crops: Sequence[CropRow],
    measured: Measured,
    embedded: Embedded | None,
    by_person: ByPerson,
    settings: Settings,
) -> Plan:
    """What is to be proposed.

    Args:
        crops: all of the style.
        measured: what is known of those that could be read.
        embedded: the same as vectors; needed for clusters and outliers.
        by_person: what people decided.
        settings: what to go by.
    """
    drops = _objected(crops, measured, embedded, settings)
    appearances = [appearance(crop) for crop in measured.crops]
    kin = Kin(appearances, settings.kin_near)
    labels = components(measured.prints, settings.near, kin)
    order = [row for row in quality_order(measured, by_person) if _stays(measured, row, drops)]
    order = [row for row in order if by_person.verdicts.get(measured.crops[row].id) != "drop"]
    repeated = duplicates(measured.prints, labels, order, settings.near, kin)
    if settings.near.difference <= 0:
        repeated = []  # left out
    stacks: dict[int, list[int]] = {}
    for one in repeated:
        crop, best = measured.crops[one.crop], measured.crops[one.of]
        stacks.setdefault(best.id, [best.id]).append(crop.id)
        drops[crop.id] = _repeats(crop, best, one.difference, mirrored=one.mirrored)
    for wanted, verdict in by_person.verdicts.items():
        if verdict == "keep":
            drops.pop(wanted, None)
    clusters = _clustered(measured, embedded, appearances, settings)
    split = _split(measured, labels, appearances, clusters, drops, by_person, settings)
    ids = [crop.id for crop in measured.crops]
    return Plan(
        drops=drops,
        sides=dict(zip(ids, split.sides, strict=True)),
        tags=_tags(measured, clusters),
        duplicate_groups=sorted(stacks.values()),
        clusters=clusters,
        split=split,
        embedding=embedded,
    )


def appearance(crop: CropRow) -> Hashable | None:
    """What crops of one face, followed through a film, share; None in a picture."""
    name = crop.quality.get("appearance")
    return (crop.source, name) if name is not None and crop.source_kind == "film" else None


def quality_order(measured: Measured, by_person: ByPerson) -> list[int]:
    """Rows from the best crop on.

    What a person keeps; then pixels of the face in the source, in steps of a quarter octave up to
    the size of the crop; then sharpness, in steps of a tenth; then how well the face is aligned.
    What is left is decided by the file's digest, so that it does not depend on the order of ids.
    """

    def key(row: int) -> tuple[int, float, float, float, str]:
        crop, figures = measured.crops[row], measured.figures[row]
        pixels = float(crop.quality.get("face_px") or crop.size_px)
        octaves = math.floor(4 * math.log2(max(min(pixels, crop.size_px), 1)))
        confidence = float(crop.quality.get("confidence") or 0)
        kept = by_person.verdicts.get(crop.id) == "keep"
        return -kept, -octaves, -round(figures.sharpness, 1), -round(confidence, 2), crop.sha256

    return sorted(range(len(measured.crops)), key=key)


def strangeness(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """The mean distance of each row to the five next ones."""
    from scipy.spatial import KDTree

    if len(vectors) < 2:
        return np.zeros(len(vectors))
    count = min(NEIGHBOURS, len(vectors) - 1) + 1
    away = np.asarray(KDTree(vectors).query(vectors, k=count)[0])
    return np.asarray(away[:, 1:].mean(axis=1), dtype=np.float64)


def _objected(
    crops: Sequence[CropRow], measured: Measured, embedded: Embedded | None, settings: Settings
) -> dict[int, Drop]:
    """What the rules say."""
    strange: NDArray[np.float64] = np.zeros(len(measured.crops))
    if embedded is not None and settings.limits.outlier_deviations > 0:
        strange = strangeness(embedded.vectors)
    known = {
        crop.id: (figures, float(value))
        for crop, figures, value in zip(measured.crops, measured.figures, strange, strict=True)
    }
    subjects = []
    for crop in crops:
        figures, value = known.get(crop.id, (None, 0.0))
        subjects.append(
            Subject(
                crop.id,
                crop.source_kind,
                crop.detector,
                crop.score,
                crop.quality,
                figures,
                fault=measured.faults.get(crop.id, ""),
                strangeness=value,
            )
        )
    crop_px = int(np.median([crop.size_px for crop in crops])) if crops else settings.dataset_px
    found = objections(
        subjects, settings.limits, crop_px=crop_px, dataset_px=min(settings.dataset_px, crop_px)
    )
    return {crop: _drop(crop, against) for crop, against in found.items()}


def _drop(crop: int, against: Sequence[Objection]) -> Drop:
    rules = tuple(one.rule for one in against)
    return Drop(crop, rules[0], rules, reason(against), against[0].figure)


def _repeats(crop: CropRow, best: CropRow, difference: float, *, mirrored: bool) -> Drop:
    how = "repeats, mirrored," if mirrored else "repeats"
    where = f"crop {best.id} ({shown(best.file.parent.name)}/{shown(best.file.name)})"
    text = f"{DUPLICATE}: {how} {where}, which is better; they differ by {difference:.1f} of 255"
    return Drop(crop.id, DUPLICATE, (DUPLICATE,), text, round(difference, 2), best.id)


def _stays(measured: Measured, row: int, drops: Mapping[int, Drop]) -> bool:
    return measured.crops[row].id not in drops


def _clustered(
    measured: Measured, embedded: Embedded | None, appearances: Key, settings: Settings
) -> Clusters | None:
    if not settings.wants_clusters or embedded is None or not measured.crops:
        return None
    found = cluster(
        embedded.vectors,
        settings.clusters,
        seed=settings.seed,
        least_margin=settings.unsure_margin,
        kin=appearances,
    )
    before = np.array([_number_before(crop) for crop in measured.crops], dtype=np.int64)
    numbers = renumbered(found.numbers, before)
    return Clusters(numbers, found.margins, found.silhouette, found.count)


def _number_before(crop: CropRow) -> int:
    """The number of the cluster a crop is tagged with; 0 if with none."""
    numbers = [tag[len(CLUSTER_TAG) :] for tag in crop.standing.tags if tag.startswith(CLUSTER_TAG)]
    known = sorted(int(one) for one in numbers if one.isascii() and one.isdigit())
    return known[0] if known and known[0] <= 1000 else 0


def _tags(measured: Measured, clusters: Clusters | None) -> dict[int, str]:
    if clusters is None:
        return {}
    return {
        crop.id: UNSURE_TAG if number == UNSURE else f"{CLUSTER_TAG}{number}"
        for crop, number in zip(measured.crops, clusters.numbers.tolist(), strict=True)
    }


def _split(  # noqa: PLR0917 - one step of `plan_for`, with what the steps before gave
    measured: Measured,
    labels: NDArray[np.int64],
    appearances: Key,
    clusters: Clusters | None,
    drops: Mapping[int, Drop],
    by_person: ByPerson,
    settings: Settings,
) -> Split:
    crops = measured.crops
    shots = [(one.source, one.shot) if one.shot is not None else None for one in crops]
    frames = [one.frame for one in crops]
    keys: list[Key] = [appearances, shots, frames]
    if settings.held_out_by == "source":
        keys.append([one.source for one in crops])
    if settings.held_out_by == "cluster" and clusters is not None:
        keys.append([number or None for number in clusters.numbers.tolist()])
    kept = [one.id not in drops and by_person.verdicts.get(one.id) != "drop" for one in crops]
    return hold_out(
        groups(labels, *keys),
        kept,
        [one.sha256 for one in crops],
        [by_person.splits.get(one.id, one.standing.split) for one in crops],
        [one.id in by_person.splits for one in crops],
        share=settings.held_out_share,
        seed=settings.seed,
    )

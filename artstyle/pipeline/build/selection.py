"""Which crops go into a dataset zip, in which order and with which label."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from artstyle.catalog.paths import stored_path
from artstyle.catalog.rows import CropRow
from artstyle.errors import CorpusError

Split: TypeAlias = Literal["train", "held-out", "all"]
Unlabelled: TypeAlias = Literal["refuse", "drop"]
SPLITS: tuple[Split, ...] = get_args(Split)
TRAIN, HELD_OUT, NEITHER = "train", "held-out", "in neither part"

_FIGURES = re.compile(r"\s*(?:[:;(]|[-+]?\d).*$", re.DOTALL)  # "blurred: 4.1 px" -> "blurred"
_ENLARGE_AT_MOST = 2.0  # a guess: beyond it a network learns the smear


@dataclass(frozen=True)
class Chosen:
    """A crop that goes into the zip."""

    crop: CropRow
    label: int | None = None


@dataclass(frozen=True)
class Selection:
    """What goes into a zip, and what was counted on the way there."""

    style: str
    split: Split
    size_px: int
    labels: tuple[str, ...]
    chosen: tuple[Chosen, ...]
    found: int  # crops of the style, one for each face
    dropped: Mapping[str, int]  # reason -> crops
    parts: Mapping[str, int]  # of what is kept: train, held-out, in neither part
    without_label: int  # crops that have none of the labels, and were left out
    several_labels: int
    enlarged: int  # crops that are smaller than the pictures of the zip
    thin: int  # crops that had fewer pixels in their source than the pictures of the zip
    notes: tuple[str, ...]  # what the user should know, in words


def select(
    crops: Sequence[CropRow],
    style: str,
    workspace: Path,
    *,
    size_px: int,
    split: Split = "train",
    labels: Sequence[str] = (),
    unlabelled: Unlabelled = "refuse",
    allow_enlarge: bool = False,
) -> Selection:
    """Choose what goes into a zip.

    Crops stand in the order of their sources' paths, their times and their own names, which is
    the same in every workspace that holds the same things at the same places.

    Args:
        crops: all of the style, from `artstyle.catalog.rows.crops`.
        style: its name.
        workspace: paths are taken as seen from it.
        size_px: side of the zip's pictures.
        split: which part; "train" takes all that is kept where nothing was split.
        labels: tags that become the classes 0, 1, ...; none makes no labels.
        unlabelled: what becomes of crops that have none or several of these tags.
        allow_enlarge: take crops of less than half the size.

    Raises:
        CorpusError: nothing would be in the zip, labels do not fit, or crops are too small.
    """
    crops = sorted(one_per_face(crops, size_px), key=lambda crop: _place(crop, workspace))
    kept = [crop for crop in crops if crop.standing.verdict != "drop"]
    dropped = Counter(reason_of(crop) for crop in crops if crop.standing.verdict == "drop")
    if not kept:
        raise _nothing_kept(style, dropped)
    parts = _parts(kept)
    part = kept if split == "all" else [crop for crop in kept if _part(crop, parts) == split]
    if not part:
        raise _nothing_in(style, split, len(kept))
    chosen, none, several = _labelled(part, labels)
    if (none or several) and unlabelled == "refuse":
        raise _unlabelled(part, labels, none, several)
    if not chosen:
        raise CorpusError(
            f"no crop of {style} has exactly one of the tags {', '.join(labels)}",
            hint=f"give tags with 'artstyle review --style {style}'",
        )
    small = [one.crop.size_px for one in chosen if one.crop.size_px < size_px]
    if small and size_px > _ENLARGE_AT_MOST * min(small) and not allow_enlarge:
        raise _too_small(style, size_px, small, len(chosen))
    selection = Selection(
        style=style,
        split=split,
        size_px=size_px,
        labels=tuple(labels),
        chosen=tuple(chosen),
        found=len(crops),
        dropped=dict(sorted(dropped.items())),
        parts=parts,
        without_label=none,
        several_labels=several,
        enlarged=len(small),
        thin=sum(_source_side_px(one.crop) < size_px for one in chosen),
        notes=(),
    )
    is_curated = any(crop.standing.verdict or crop.standing.split for crop in crops)
    return _with_notes(selection, is_curated=is_curated)


def one_per_face(crops: Iterable[CropRow], size_px: int) -> list[CropRow]:
    """Of several crops of a face the smallest that need not be enlarged, or the largest.

    Where two are of the same size, the one that was cut later stands.
    """
    best: dict[int, CropRow] = {}
    for crop in crops:
        other = best.get(crop.face)
        if other is None or _fitness(crop, size_px) > _fitness(other, size_px):
            best[crop.face] = crop
    return list(best.values())


def reason_of(crop: CropRow) -> str:
    """Why a crop was dropped, without the figures that differ from crop to crop."""
    return _FIGURES.sub("", crop.standing.reason).strip() or "no reason given"


def _fitness(crop: CropRow, size_px: int) -> tuple[bool, int, int]:
    fits = crop.size_px >= size_px
    return fits, -crop.size_px if fits else crop.size_px, crop.id


def _place(crop: CropRow, workspace: Path) -> tuple[str, float, str]:
    source, file = (stored_path(path, workspace) for path in (crop.source_path, crop.file))
    return source, crop.pts_s, file


def _parts(kept: Sequence[CropRow]) -> dict[str, int]:
    """How many crops are in which part; those in none are counted as training where nothing is."""
    said = Counter(crop.standing.split for crop in kept)
    counts = {TRAIN: said[TRAIN], HELD_OUT: said[HELD_OUT]}
    rest = len(kept) - sum(counts.values())
    if not counts[TRAIN]:
        counts[TRAIN] = rest
    elif rest:
        counts[NEITHER] = rest
    return counts


def _part(crop: CropRow, parts: Mapping[str, int]) -> str:
    """The part a crop is in."""
    if crop.standing.split in (TRAIN, HELD_OUT):
        return str(crop.standing.split)
    return NEITHER if NEITHER in parts else TRAIN


def part_names(crops: Sequence[CropRow]) -> list[str]:
    """The part that each of some kept crops is in, in their order."""
    parts = _parts(crops)
    return [_part(crop, parts) for crop in crops]


def _labelled(part: Sequence[CropRow], labels: Sequence[str]) -> tuple[list[Chosen], int, int]:
    """Crops with their class, and how many have no label or several."""
    if not labels:
        return [Chosen(crop) for crop in part], 0, 0
    chosen, none, several = [], 0, 0
    for crop in part:
        own = [number for number, label in enumerate(labels) if label in crop.standing.tags]
        none += not own
        several += len(own) > 1
        if len(own) == 1:
            chosen.append(Chosen(crop, own[0]))
    return chosen, none, several


def _source_side_px(crop: CropRow) -> float:
    """How many pixels of the source the side of a crop is made of."""
    factor = crop.quality.get("upscale_factor", 1.0)
    is_figure = isinstance(factor, int | float) and factor > 0
    return crop.size_px / float(factor) if is_figure else crop.size_px


def _with_notes(selection: Selection, *, is_curated: bool) -> Selection:
    style, notes = selection.style, []
    if not is_curated:
        notes.append(
            f"nothing was decided about the crops of {style} yet: all are taken"
            f" ('artstyle curate --style {style}' proposes what to drop)"
        )
    if selection.split == TRAIN and not selection.parts[HELD_OUT]:
        notes.append(
            "nothing is held out: what a model learned by heart cannot be told from what it can do"
        )
    if selection.split != "all" and NEITHER in selection.parts:
        notes.append(
            f"{selection.parts[NEITHER]:,} kept crops are in neither part and are left out:"
            f" 'artstyle curate --style {style}' assigns them"
        )
    if selection.without_label or selection.several_labels:
        notes.append(
            f"left out: {selection.without_label:,} crops with none of the labels,"
            f" {selection.several_labels:,} with several"
        )
    count, size = len(selection.chosen), selection.size_px
    if selection.enlarged:
        notes.append(f"{selection.enlarged:,} of {count:,} crops are enlarged to {size} px")
    elif selection.thin:
        notes.append(
            f"{selection.thin:,} of {count:,} crops had fewer than {size} pixels in their source"
        )
    return replace(selection, notes=tuple(notes))


def _nothing_kept(style: str, dropped: Mapping[str, int]) -> CorpusError:
    count = sum(dropped.values())
    why = ", ".join(f"{number:,} {reason}" for reason, number in Counter(dropped).most_common(4))
    return CorpusError(
        f"there is nothing to build: all {count:,} crops of {style} are dropped ({why})",
        hint=f"look at them with 'artstyle review --style {style}', or take the proposals back:"
        f" 'artstyle curate --style {style} --undo'",
    )


def _nothing_in(style: str, split: str, kept: int) -> CorpusError:
    return CorpusError(
        f"no crop of {style} is in the part {split!r}; {kept:,} are kept",
        hint=f"'artstyle curate --style {style}' splits the set, 'artstyle review --style {style}'"
        " does it by hand, and --split all takes everything that is kept",
    )


def _unlabelled(
    part: Sequence[CropRow], labels: Sequence[str], none: int, several: int
) -> CorpusError:
    tags = Counter(tag for crop in part for tag in crop.standing.tags)
    counts = ", ".join(f"{label}: {tags[label]:,}" for label in labels)
    others = [tag for tag, _ in tags.most_common() if tag not in labels][:8]
    known = f"; other tags are {', '.join(others)}" if others else ""
    return CorpusError(
        f"labels do not fit: of {len(part):,} crops {none:,} have none of the tags and"
        f" {several:,} have several ({counts}{known})",
        hint="leave these crops out with --unlabelled drop, or tag them with 'artstyle review'",
    )


def _too_small(style: str, size_px: int, small: Sequence[int], count: int) -> CorpusError:
    fitting = 1 << (min(small).bit_length() - 1)
    return CorpusError(
        f"{len(small):,} of {count:,} crops of {style} are smaller than {size_px} px: the smallest,"
        f" of {min(small)} px, would be enlarged {size_px / min(small):.1f} times",
        hint=f"take --size {fitting}, extract larger crops with 'artstyle extract --style {style}"
        f" --size {size_px}', or accept it with --allow-enlarge",
    )

"""A film along a closed way through the seeds; several variants play side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from artstyle import files
from artstyle.errors import UsageError
from artstyle.events import Emit, Progress, ignore
from artstyle.names import shown
from artstyle.pipeline.generate.frames import Enlarge, FilmPlan, WayKind, frames_of
from artstyle.pipeline.generate.models import Model, variants
from artstyle.pipeline.generate.pictures import (
    check_seeds,
    title_of,
    variant_lineage,
)
from artstyle.pipeline.generate.record import (
    is_unchanged,
    lineage_text,
    prepare_folder,
    read_works,
    write_work,
)
from artstyle.pipeline.generate.settings import Settings
from artstyle.runs import versions

FRAMES_PER_KEY = 60  # two seconds from seed to seed; a guess
FPS = 30
MIN_SIDE_PX = 256  # smaller pictures are enlarged to it: players blur tiny films; a guess
MAX_SIDE_PX = 4096  # beyond it no decoder plays H.264
_ABREAST = 4  # this many variants stand side by side before they are wrapped


@dataclass(frozen=True)
class Film:
    """A film that was made, or was there."""

    file: Path
    frames: int
    duration_s: float
    size_px: tuple[int, int]  # width, height
    is_new: bool  # made now, or with a dry run would be


def interpolate(
    models: Sequence[Model],
    seeds: Sequence[int],
    *,
    out: Path,
    file: Path,
    frames_per_key: int = FRAMES_PER_KEY,
    fps: float = FPS,
    way: WayKind = "spline",
    columns: int | None = None,
    side_px: int | None = None,
    enlarge: Enlarge = "lanczos",
    truncation_psis: Sequence[float] = (1.0,),
    classes: Sequence[int] | None = None,
    settings: Settings | None = None,
    dry_run: bool = False,
    emit: Emit = ignore,
) -> Film:
    """Make a film that goes through the seeds and ends where it began.

    Args:
        models: see `generate`; several play side by side, each in its own latent space.
        seeds: the keys, in this order. Two are gone to and fro.
        out: where the record is.
        file: the film; its suffix says what it is: .mp4, .webm or .gif.
        frames_per_key: frames from one seed to the next.
        fps: frames in a second.
        way: "spline" and "linear" go through w, "slerp" through z.
        columns: variants side by side; None: up to four, else about as many as lines.
        side_px: of each picture; None: that of the largest model, at least 256.
        enlarge: how smaller pictures are enlarged.
        truncation_psis: see `generate`.
        classes: see `generate`.
        settings: see `generate`.
        dry_run: only look what there is to do.
        emit: gets progress in frames.

    Raises:
        UsageError: what `generate` refuses; a suffix, size or pace that no film has.
        RunError: the folder cannot be used, or holds a foreign record.
        VideoError: the film cannot be written.
    """
    settings = settings or Settings()
    check_seeds(seeds)
    ways = variants(models, classes, truncation_psis, truncation_cutoff=settings.truncation_cutoff)
    plan = FilmPlan(
        variants=ways,
        seeds=tuple(seeds),
        way=way,
        frames_per_key=frames_per_key,
        fps=fps,
        columns=min(_abreast(len(ways)) if columns is None else columns, len(ways)),
        side_px=side_px or max(MIN_SIDE_PX, *(model.resolution for model in models)),
        enlarge=enlarge,
    )
    _check(plan, file)
    name = f"film {_recorded_name(out, file)}"
    before = read_works(out).get(name, {"files": []})
    lineage = _lineage(plan, settings)
    there = before["files"][:1]
    is_there = there != [] and there[0].get("lineage") == lineage and is_unchanged(file, there[0])
    film = Film(file, plan.frames, plan.frames / fps, plan.size_px, not is_there)
    if is_there or dry_run:
        return film
    prepare_folder(out)
    _write(plan, file, settings, emit)
    entry = {
        "file": _recorded_name(out, file),
        "kind": "film",
        "frames": plan.frames,
        "duration_s": film.duration_s,
        "size_px": list(plan.size_px),
        "sha256": files.sha256_of(file),
        "size_bytes": file.stat().st_size,
        "lineage": lineage,
    }
    cards = {model.name: model.card() for model in models}
    work = {
        "what": f"{title_of(ways)}: film through {len(seeds)} seeds",
        "asked": plan.asked() | settings.lineage(),
        "models": list(cards.values()),
        "versions": versions(),
        "files": [entry],
    }
    write_work(out, name, work)
    return film


def _abreast(count: int) -> int:
    return count if count <= _ABREAST else math.ceil(math.sqrt(count))


def _check(plan: FilmPlan, file: Path) -> None:
    from artstyle.video.write import SUFFIXES

    if file.suffix.lower() not in SUFFIXES:
        ending = file.suffix or "nothing"
        raise UsageError(
            f"a film is {', '.join(SUFFIXES)}, and {shown(file)} ends in {ending}",
            hint=f"call it {shown(file.with_suffix('.mp4').name)}",
        )
    if plan.columns < 1:
        raise UsageError(f"{plan.columns} columns show nothing")
    if plan.frames_per_key < 1:
        raise UsageError(f"{plan.frames_per_key} frames from seed to seed make no film")
    if not 0 < plan.fps <= 1000:
        raise UsageError(f"{plan.fps:g} frames a second make no film", hint="try --fps 30")
    width, height = plan.size_px
    if max(width, height) > MAX_SIDE_PX:
        raise UsageError(
            f"a film of {width} x {height} pixels is too large to be played: "
            f"{MAX_SIDE_PX} a side is the bound",
            hint="make it smaller with --size, or name fewer models",
        )


def _recorded_name(out: Path, file: Path) -> str:
    """The film as the record calls it: below the folder if it lies there."""
    whole = file.absolute()
    if whole.is_relative_to(out.absolute()):
        return whole.relative_to(out.absolute()).as_posix()
    return str(whole)


def _lineage(plan: FilmPlan, settings: Settings) -> str:
    made = [variant_lineage(variant, settings) for variant in plan.variants]
    return lineage_text({"what": "film", **plan.asked(), "made_with": made})


def _write(plan: FilmPlan, file: Path, settings: Settings, emit: Emit) -> None:
    from artstyle.video.write import VideoWriter

    task = f"film {file.name}"
    with VideoWriter(file, plan.size_px, plan.fps) as film:
        for done, frame in enumerate(frames_of(plan, settings, emit), start=1):
            film.write(frame)
            emit(Progress(task, done, plan.frames, "frames"))

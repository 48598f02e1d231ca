"""`artstyle stylize fast`: pictures, folders and films through a fast net."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from artstyle.baselines.colour import with_kept_colours
from artstyle.errors import ArtstyleError, ImageError, UsageError, VideoError
from artstyle.events import Emit, Note, Progress, ignore
from artstyle.files import sha256_of
from artstyle.images import resize_area
from artstyle.names import shown
from artstyle.pipeline.stylize.common import (
    Pixels,
    Stylized,
    finished,
    read_picture,
    tell_catalog,
    write_result,
)
from artstyle.pipeline.stylize.contents import Content, find_contents
from artstyle.pipeline.stylize.fast_nets import Mixture, find_net, parse_mixture
from artstyle.pipeline.stylize.film_results import (
    read_film,
    require_record_place,
    tell_catalog_of_films,
    write_film_record,
)
from artstyle.pipeline.stylize.films import FilmPlan, plan_film, stylize_film

if TYPE_CHECKING:
    from artstyle.baselines.fast.draw import Painter
    from artstyle.baselines.fast.file import Header

Precision: TypeAlias = Literal["float32", "bfloat16"]
METHOD = "fast"
_ALGORITHM = 1  # counts up when the same settings give other pixels
_PROBE_PX = 256  # side of what a dry run measures with
_FAULTS_NAMED = 3


@dataclass(frozen=True)
class FastJob:
    """What was asked for."""

    contents: tuple[Path, ...]  # pictures, films, folders
    out: Path
    model: str  # a net's name or file
    styles: tuple[str, ...] = ()  # see `parse_mixture`
    size_px: int | None = None  # bound on the longer side; None: as they are
    keep_colour: bool = False  # only brightness is transferred
    precision: Precision = "float32"
    device: str = "cpu"
    start_s: float | None = None  # films: the first time that is wanted
    end_s: float | None = None
    with_sound: bool = True


@dataclass(frozen=True)
class FastPlan:
    """What would be drawn."""

    net: str
    styles: dict[str, float]
    pictures: tuple[Content, ...]
    films: tuple[FilmPlan, ...]
    seconds: float  # about so long; films whose length is not known are left out

    def data(self) -> dict[str, Any]:
        """For --json."""
        return {
            "net": self.net,
            "styles": self.styles,
            "pictures": [{"content": one.path, "out": one.out} for one in self.pictures],
            "films": [vars(one) for one in self.films],
            "seconds": round(self.seconds, 1),
        }


@dataclass(frozen=True)
class FastDone:
    """What was drawn."""

    net: str
    styles: dict[str, float]
    results: tuple[Stylized, ...]
    faults: tuple[str, ...]  # of files that could not be drawn
    seconds: float = 0.0
    perception: str = ""

    def data(self) -> dict[str, Any]:
        """For --json."""
        return {
            "net": self.net,
            "styles": self.styles,
            "perception": self.perception,
            "results": [one.data() for one in self.results],
            "faults": list(self.faults),
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, eq=False)
class _Work:
    """A job with its net."""

    job: FastJob
    header: Header
    mixture: Mixture
    net_sha256: str  # of the file
    held: list[Painter] = field(default_factory=list)

    @property
    def painter(self) -> Painter:
        """Read when the first thing has to be drawn; all done before needs no net."""
        from artstyle.baselines.fast.draw import Painter
        from artstyle.baselines.fast.file import read_fast

        if not self.held:
            import torch

            network, _ = read_fast(self.header.path)
            dtype = torch.bfloat16 if self.job.precision == "bfloat16" else torch.float32
            self.held.append(
                Painter(network, self.mixture.shares, device=self.job.device, dtype=dtype)
            )
        return self.held[0]

    def identity(self, content_sha256: str, *, is_film: bool) -> dict[str, Any]:
        """What decides a result."""
        job = self.job
        of_films = ("start_s", "end_s", "with_sound")
        return {
            "method": METHOD,
            "algorithm": _ALGORITHM,
            "net": self.header.content_sha256,
            "shares": list(self.mixture.shares),
            "content_sha256": content_sha256,
            "size_px": job.size_px,
            "keep_colour": job.keep_colour,
            "precision": job.precision,
            **({name: getattr(job, name) for name in of_films} if is_film else {}),
        }

    def facts(self) -> dict[str, Any]:
        """What records say besides."""
        header, job = self.header, self.job
        styles = [
            {"share": share, **vars(style)}
            for style, share in zip(header.record.styles, self.mixture.shares, strict=True)
            if share
        ]
        return {
            "net": {
                "name": header.name,
                "path": str(header.path),
                "sha256": self.net_sha256,
                "content_sha256": header.content_sha256,
                "licence": header.record.licence,
            },
            "styles": styles,
            "perception": header.record.perception,
            "settings": {
                "size_px": job.size_px,
                "keep_colour": job.keep_colour,
                "precision": job.precision,
            },
        }

    def models(self) -> list[dict[str, str]]:
        """For the catalog."""
        header = self.header
        return [
            {
                "path": str(header.path),
                "sha256": self.net_sha256,
                "name": header.name,
                "licence": header.record.licence,
            }
        ]


def plan_fast(job: FastJob, workspace: Path, *, emit: Emit = ignore) -> FastPlan:
    """Say what would be drawn, and how long it takes; arguments and errors as `stylize_fast`."""
    work = _work(job, workspace)
    contents = find_contents(job.contents, job.out, work.mixture.label, emit=emit)
    pictures = tuple(one for one in contents if not one.is_film)
    films = tuple(_film_plan(one, job) for one in contents if one.is_film)
    per_pixel_s = _seconds_per_pixel(work.painter)
    pixels = sum(_picture_pixels(one.path, job.size_px) for one in pictures)
    pixels += sum(one.size_px[0] * one.size_px[1] * (one.frames or 0) for one in films)
    styles = work.mixture.facts(work.header.record)
    return FastPlan(work.header.name, styles, pictures, films, pixels * per_pixel_s)


def stylize_fast(job: FastJob, workspace: Path, *, emit: Emit = ignore) -> FastDone:
    """Draw pictures and films. What is finished already is kept.

    Args:
        job: what was asked for.
        workspace: where nets are looked for, and whose catalog is told; need not be one.
        emit: gets progress, and what could not be drawn.

    Raises:
        WeightsError: there is no such net, or its file is damaged.
        UsageError: there is no such style, nothing to draw, or a place that does not fit.
        ArtstyleError: not one of the contents could be drawn.
        OSError: a result cannot be written.
    """
    began_s = time.monotonic()
    work = _work(job, workspace)
    contents = find_contents(job.contents, job.out, work.mixture.label, emit=emit)
    results: list[Stylized] = []
    films: list[Stylized] = []
    faults: list[str] = []
    for number, content in enumerate(contents):
        emit(Progress("stylize", number, len(contents), "files", shown(content.path.name)))
        try:
            drawn = _film(work, content, emit) if content.is_film else _picture(work, content, emit)
        except (ImageError, VideoError) as fault:
            if len(contents) == 1:
                raise
            faults.append(str(fault))
            emit(Note(f"left out: {fault}", "warning"))
            continue
        (films if content.is_film else results).append(drawn)
    emit(Progress("stylize", len(contents), len(contents), "files"))
    if not results and not films:
        raise ArtstyleError(
            f"none of {len(contents)} files could be drawn: {'; '.join(faults[:_FAULTS_NAMED])}"
        )
    tell_catalog(workspace, results, work.models())
    tell_catalog_of_films(workspace, films, work.models())
    return FastDone(
        net=work.header.name,
        styles=work.mixture.facts(work.header.record),
        results=(*results, *films),
        faults=tuple(faults),
        seconds=time.monotonic() - began_s,
        perception=work.header.record.perception,
    )


def _work(job: FastJob, workspace: Path) -> _Work:
    header = find_net(job.model, workspace)
    mixture = parse_mixture(job.styles, header.record)
    if job.size_px is not None and job.size_px < 16:
        raise UsageError(f"pictures of {job.size_px} px show nothing", hint="try --size 512")
    return _Work(job, header, mixture, sha256_of(header.path))


def _picture(work: _Work, content: Content, emit: Emit) -> Stylized:
    picture = read_picture(content.path, "content")
    identity = work.identity(picture.sha256, is_film=False)
    there = finished(content.out, identity)
    if there is not None:
        return there
    photo = _bounded(picture.pixels, work.job.size_px)
    painter = work.painter
    began_s = time.monotonic()
    pixels = painter.draw(photo, emit=emit)
    if work.job.keep_colour:
        pixels = with_kept_colours(pixels, photo, "luminance")
    seconds = time.monotonic() - began_s
    return write_result(
        content.out,
        pixels,
        method=METHOD,
        identity=identity,
        inputs=[picture],
        facts={**work.facts(), "seconds": round(seconds, 3)},
    )


def _film(work: _Work, content: Content, emit: Emit) -> Stylized:
    job = work.job
    source = read_film(content.path)
    identity = work.identity(source.sha256, is_film=True)
    there = finished(content.out, identity)
    if there is not None:
        return there
    require_record_place(content.out)
    painter = work.painter

    def draw(frame: Pixels) -> Pixels:
        pixels = painter.draw(frame)
        return with_kept_colours(pixels, frame, "luminance") if job.keep_colour else pixels

    filmed = stylize_film(
        content.path,
        content.out,
        draw,
        size_px=job.size_px,
        start_s=job.start_s,
        end_s=job.end_s,
        with_sound=job.with_sound,
        emit=emit,
    )
    return write_film_record(
        filmed,
        method=METHOD,
        identity=identity,
        inputs=[source.facts()],
        facts={**work.facts(), "seconds": round(filmed.seconds, 3)},
    )


def _bounded(pixels: Pixels, size_px: int | None) -> Pixels:
    """A picture whose longer side is at most so long."""
    height, width = pixels.shape[:2]
    longest = max(height, width)
    if size_px is None or longest <= size_px:
        return pixels
    scale = size_px / longest
    return resize_area(pixels, max(1, round(width * scale)), max(1, round(height * scale)))


def _film_plan(content: Content, job: FastJob) -> FilmPlan:
    return plan_film(
        content.path,
        content.out,
        size_px=job.size_px,
        start_s=job.start_s,
        end_s=job.end_s,
        with_sound=job.with_sound,
    )


def _seconds_per_pixel(painter: Painter) -> float:
    noise = np.random.default_rng(0).integers(0, 256, (_PROBE_PX, _PROBE_PX, 3), dtype=np.uint8)
    painter.draw(noise)
    began_s = time.perf_counter()
    painter.draw(noise)
    return (time.perf_counter() - began_s) / _PROBE_PX**2


def _picture_pixels(path: Path, size_px: int | None) -> int:
    """By the header; 0 for what is no picture, which drawing will tell."""
    from artstyle.images.open import regular_file
    from artstyle.images.read import claimed_pixels

    try:
        with regular_file(path) as stream:
            pixels = claimed_pixels(stream, path.suffix)
    except ImageError:
        return 0
    return pixels if size_px is None else min(pixels, size_px * size_px)

"""Films to aligned crops.

    reading thread            pool of threads                 this thread
    decode, shots, sample  -> find faces, measure          -> follow, choose, cut, write down

Frames come in order; what is waiting between the threads is bounded, so that memory does not grow
with the film. A film is written down piece by piece, each a whole shot or a minute of one.
"""

from __future__ import annotations

import itertools
import math
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from artstyle.catalog import Catalog
from artstyle.errors import ImageError, VideoError
from artstyle.events import Emit, Note, Progress, ignore
from artstyle.faces.detector import Pixels
from artstyle.machine import cores
from artstyle.names import natural_key, shown
from artstyle.pipeline.extract.ahead import ahead
from artstyle.pipeline.extract.appearances import Appearance, Candidate, Stretch, sharpness_of
from artstyle.pipeline.extract.choice import SAMPLE, Finder, find_finder
from artstyle.pipeline.extract.cutting import figures_of, look, part_of, png_of
from artstyle.pipeline.extract.digests import Digests
from artstyle.pipeline.extract.naming import source_folder
from artstyle.pipeline.extract.record import Cut, Found, Recorder, SourceFile
from artstyle.pipeline.extract.settings import Settings
from artstyle.pipeline.extract.summary import Skipped, Summary
from artstyle.video.bars import Area, picture_area
from artstyle.video.film import Damage, Film, open_film
from artstyle.video.glimpse import glimpses
from artstyle.video.sample import Plan, Sampled, sample, use_keyframes

SUFFIXES = (
    *(".3gp", ".asf", ".avi", ".flv", ".gif", ".ivf", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4"),
    *(".mpeg", ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".ts", ".webm", ".wmv"),
)
_FRAMES_BETWEEN_WRITES = 30  # looked at; a guess: several seconds of work
_SAMPLE_PX = 960  # frames of the sample are shrunk to this
_GLIMPSES = 16  # in which black bars are looked for
_WAITING = 3  # frames that may wait for a detector


@dataclass(frozen=True, eq=False)
class _Looked:
    """What a sampled frame showed; the frame itself is gone."""

    pts_s: float
    shot: int
    candidates: list[Candidate]
    too_small: int
    unusable: int


def extract_films(
    catalog: Catalog,
    crops_folder: Path,
    style: str,
    inputs: Sequence[Path],
    *,
    settings: Settings | None = None,  # None: the defaults
    licence: str | None = None,  # None: leave what is known
    digests: Digests | None = None,  # None: nothing is remembered
    workers: int | None = None,  # None: as many as there are processors
    emit: Emit = ignore,
    clock: Callable[[], float] = time.monotonic,
) -> Summary:
    """Cut out the faces of films, and write them down; what is done already is left alone.

    Args:
        catalog: open, and this thread's.
        crops_folder: where crops go; for a workspace, `datasets/STYLE/crops`.
        style: its name.
        inputs: films, and folders that are looked through for films by their suffix.
        settings: what is looked for and how it is cut.
        licence: of the films.
        digests: remembers the films' SHA-256.
        workers: threads that look for faces.
        emit: hears progress and every film that is skipped.
        clock: seconds.

    Returns:
        What was done. Nothing at all may have been: it is the caller's to call that an error.

    Raises:
        UsageError: the settings cannot be.
        WeightsError: the detector is not here.
        CatalogError: the catalog cannot be written.
        OSError: a crop cannot be written.
    """
    settings = settings or Settings()
    settings.check()
    begin_s = clock()
    summary = Summary(style)
    paths = listed_films(inputs)
    summary.sources = len(paths)
    digests = digests or Digests(crops_folder.parent / "cache" / "digests.json")
    films, copies = _opened(paths, licence, digests, summary, emit)
    if films:
        finder = find_finder(
            settings,
            "film",
            lambda: _sample([film for film, _ in films], emit),
            catalog=catalog,
            style=style,
            emit=emit,
        )
        summary.detectors[finder.name] = finder.reason
        most = finder.workers(workers or cores())
        with closing(finder), ThreadPoolExecutor(most, "artstyle-extract") as pool:
            prints = settings.fingerprint("film", finder.name, options=dict(finder.options))
            recorder = Recorder(catalog, crops_folder, style, prints, finder.notes(), pool)
            for film, source in films:
                work = _Work(film, source, recorder, finder, settings, pool, most, emit, clock)
                summary.add(work.done())
            for source in copies:
                recorder.know_path(source)
    summary.seconds = clock() - begin_s
    return summary


def listed_films(inputs: Sequence[Path]) -> list[Path]:
    """Films by name; of folders, the files with a film's suffix, with all below them."""
    found: list[Path] = []
    for one in inputs:
        if not one.is_dir():
            found.append(one)
            continue
        below = (
            Path(folder) / name
            for folder, _, names in os.walk(one)
            for name in names
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")
        )
        found += sorted(below, key=lambda path: natural_key(path.relative_to(one)))
    return found


def look_at(path: Path, settings: Settings) -> str:
    """What a film is, and how many frames of it would be looked at, in words."""
    try:
        film = open_film(path)
    except VideoError as fault:
        return f"would be skipped: {fault}"
    size = f"{film.size_px[0]} x {film.size_px[1]} {film.codec}"
    if film.duration_s is None:
        return f"{size}, of unknown length"
    return (
        f"{size}, {film.duration_s:.0f} s, about {film.duration_s / settings.every_s:,.0f} frames"
    )


def _opened(
    paths: Sequence[Path], licence: str | None, digests: Digests, summary: Summary, emit: Emit
) -> tuple[list[tuple[Film, SourceFile]], list[SourceFile]]:
    """The films that can be read, and files that hold the same as one of those."""
    films: list[tuple[Film, SourceFile]] = []
    copies: list[SourceFile] = []
    met: set[str] = set()
    for number, path in enumerate(paths):
        emit(Progress("open", number, len(paths), "films"))
        try:
            film = open_film(path)
            sha256, size_bytes = digests.of(path)
        except (VideoError, ImageError) as fault:
            summary.skip(path, fault)
            emit(Note(f"skipped {shown(path)}: {summary.skipped[-1].reason}", "warning"))
            continue
        source = SourceFile(path, sha256, size_bytes, "film", licence)
        if sha256 in met:
            copies.append(source)
        else:
            films.append((film, source))
            met.add(sha256)
    emit(Progress("open", len(paths), len(paths), "films"))
    summary.same_content += len(copies)
    digests.save()
    return films, copies


def _sample(films: Sequence[Film], emit: Emit) -> list[Pixels]:
    """Frames from all over some of the films."""
    step = max(len(films) / SAMPLE, 1)
    some = [films[int(number * step)] for number in range(min(SAMPLE, len(films)))]
    each = max(SAMPLE // len(some), 1)
    found = []
    for done, film in enumerate(some):
        emit(Progress("look into films", done, len(some), "films"))
        try:
            found += [one.rgb for one in glimpses(film, each, size_limit_px=_SAMPLE_PX)]
        except VideoError as fault:
            emit(Note(f"no sample of {shown(film.path)}: {fault}", "debug"))
    emit(Progress("look into films", len(some), len(some), "films"))
    return found


@dataclass
class _Work:
    """One run over one film."""

    film: Film
    source: SourceFile
    recorder: Recorder
    finder: Finder
    settings: Settings
    pool: Executor
    workers: int
    emit: Emit
    clock: Callable[[], float]
    summary: Summary = field(default_factory=Summary, init=False)
    _cuts: list[Cut] = field(default_factory=list, init=False)  # not written down yet
    _frames: int = field(default=0, init=False)  # looked at since the last writing
    # The picture without its black bars, x0 y0 x1 y1, in frames of this size; None: there are none.
    _area: tuple[int, int, int, int] | None = field(default=None, init=False)
    _area_of_px: tuple[int, int] = field(default=(0, 0), init=False)

    def done(self) -> Summary:
        """Do what is not done yet."""
        scan = self.recorder.scan_of(self.source)
        if scan.finished:
            self.summary.done_before = 1
            self.recorder.know_path(self.source)
            return self.summary
        self._find_bars()
        faults: list[Damage] = []
        plan = Plan(
            every_s=self.settings.every_s,
            per_shot=self.settings.per_shot,
            keyframes=self.settings.keyframes,
        )
        use_keyframes(self.film, plan, self.emit)  # says so; the reading thread is silent
        frames = sample(
            self.film,
            plan,
            after_s=scan.until_pts_s,
            threads=min(2, cores()),
            on_damage=faults.append,
        )
        with ahead(frames, _WAITING) as coming:
            self._follow(self._looked(coming))
        self._tell_faults(faults)
        return self.summary

    def _looked(self, coming: Iterator[Sampled]) -> Generator[_Looked, None, None]:
        """What the frames showed, in order; several are being searched at a time."""
        waiting: deque[Future[_Looked]] = deque()
        try:
            for one in coming:
                waiting.append(self.pool.submit(self._look, one))
                if len(waiting) > self.workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def _look(self, one: Sampled) -> _Looked:
        area, pts_s = self._picture_area(one.frame.rgb), one.frame.pts_s
        rgb = area.of(one.frame.rgb)
        seen = look(rgb, self.finder.get(), self.settings.min_face_px)
        candidates = []
        for number, face in enumerate(seen.seen, start=1):
            part = part_of(rgb, face).moved(area.x0, area.y0)
            candidates.append(
                Candidate(pts_s, number, part, sharpness_of(part), self.settings.size_px)
            )
        return _Looked(pts_s, one.shot, candidates, seen.too_small, seen.unusable)

    def _picture_area(self, rgb: Pixels) -> Area:
        """Where the picture lies in a frame: without its black bars."""
        height, width = rgb.shape[:2]
        whole = Area(0, 0, width, height)
        if self._area is None:
            return whole
        (x0, y0, x1, y1), (wide, high) = self._area, self._area_of_px
        if abs(wide * height - high * width) > wide + high:
            return whole  # from here on the pictures have another shape
        return Area(
            math.ceil(x0 * width / wide),
            math.ceil(y0 * height / high),
            math.floor(x1 * width / wide),
            math.floor(y1 * height / high),
        )

    def _find_bars(self) -> None:
        glimpsed = [one.rgb for one in glimpses(self.film, _GLIMPSES, size_limit_px=_SAMPLE_PX)]
        found = picture_area(glimpsed)
        if found is not None:
            self._area = (found.x0, found.y0, found.x1, found.y1)
            self._area_of_px = (glimpsed[0].shape[1], glimpsed[0].shape[0])
            size = f"{found.x1 - found.x0} x {found.y1 - found.y0}"
            of = f"{self._area_of_px[0]} x {self._area_of_px[1]}"
            self.emit(Note(f"{shown(self.film.path.name)} has black bars: {size} of {of}", "debug"))

    def _follow(self, looked: Iterator[_Looked]) -> None:
        begin_s, stretch, first_s = self.clock(), None, None
        for one in looked:
            if stretch is not None and not stretch.holds(one.shot, one.pts_s):
                self._close(stretch)
                stretch = None
            if stretch is None:
                stretch = Stretch(one.shot, one.pts_s, self.settings.per_appearance)
            stretch.add(one.pts_s, one.candidates)
            self._count(one)
            first_s = one.pts_s if first_s is None else first_s
            self._tell(one.pts_s, one.pts_s - first_s, self.clock() - begin_s)
        if stretch is not None:
            self._close(stretch)
        self._write(None if stretch is None else stretch.last_s, finished=True)
        if first_s is not None and stretch is not None:
            self.summary.film_s = stretch.last_s - first_s

    def _close(self, stretch: Stretch) -> None:
        """Cut out what is kept of a stretch, and write it down if it is time to."""
        found = stretch.appearances()
        jobs = [(one, best) for one in found for best in one.best(self.settings.per_appearance)]
        cuts = list(self.pool.map(lambda job: self._cut(stretch.shot, *job), jobs))
        self._cuts += cuts
        self.summary.appearances += len(found)
        self.summary.crops += len(cuts)
        self.summary.enlarged += sum(one.crop.enlarged for one in cuts)
        if self._frames >= _FRAMES_BETWEEN_WRITES:
            self._write(stretch.last_s, finished=False)

    def _cut(self, shot: int, appearance: Appearance, one: Candidate) -> Cut:
        crop = one.part.cut(self.settings.size_px, self.settings.enlarge_limit)
        figures = {
            **figures_of(one.part.seen, crop),
            "appearance": appearance.name,
            "appearance_faces": appearance.faces,
        }
        face = one.part.seen.face
        return Cut(one.name, face, crop, png_of(crop), figures, one.pts_s, shot)

    def _write(self, until_pts_s: float | None, *, finished: bool) -> None:
        folder = source_folder(self.source.path, self.source.sha256)
        self.recorder.record([Found(self.source, folder, self._cuts, until_pts_s, finished)])
        self._cuts, self._frames = [], 0

    def _count(self, one: _Looked) -> None:
        self._frames += 1
        self.summary.frames += 1
        self.summary.faces += len(one.candidates)
        self.summary.too_small += one.too_small
        self.summary.unusable += one.unusable

    def _tell(self, pts_s: float, read_s: float, took_s: float) -> None:
        """How far it is, how fast, and how long it will take."""
        done_s = pts_s - self.film.start_s
        words = [f"{self.summary.crops} crops"]
        if took_s > 0 and read_s > 0:
            speed = read_s / took_s
            words.insert(0, f"{speed:.1f}x real time")
            if self.film.duration_s is not None:
                words.insert(1, f"{_span(max(self.film.duration_s - done_s, 0) / speed)} left")
        name = f"extract {shown(self.film.path.name)}"
        self.emit(Progress(name, done_s, self.film.duration_s, "s", ", ".join(words)))

    def _tell_faults(self, faults: Sequence[Damage]) -> None:
        if not self.summary.crops and self.summary.frames:
            self.summary.without_face = 1
        for one in itertools.chain(self.film.notes, ()):
            self.emit(Note(f"{shown(self.film.path.name)}: {one}"))
        if not faults:
            return
        first = faults[0]
        where = "" if first.pts_s is None else f" (after {first.pts_s:.1f} s)"
        more = f", and {len(faults) - 1:,} more faults" if len(faults) > 1 else ""
        reason = f"{first.text}{where}{more}"
        self.summary.faults.append(Skipped(self.film.path, reason))
        self.emit(Note(f"{shown(self.film.path.name)} was read in part: {reason}", "warning"))


def _span(seconds: float) -> str:
    """A length of time in words."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"

"""Folders of pictures to aligned crops.

Pictures are taken in small groups: read, searched and cut side by side, then written down in one
transaction. What cannot be read is named and left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from artstyle.catalog import Catalog
from artstyle.errors import ImageError
from artstyle.events import Emit, Event, Note, Progress, ignore
from artstyle.faces.detector import Pixels
from artstyle.images import list_images, read_rgb, read_rgba
from artstyle.machine import cores
from artstyle.names import shown
from artstyle.pipeline.extract.choice import SAMPLE, Finder, find_finder
from artstyle.pipeline.extract.cutting import Look, cut, figures_of, laid, look, png_of
from artstyle.pipeline.extract.digests import Digests
from artstyle.pipeline.extract.naming import picture_names, pictures_folder
from artstyle.pipeline.extract.record import Cut, Found, Recorder, SourceFile
from artstyle.pipeline.extract.settings import Settings
from artstyle.pipeline.extract.summary import Summary

_GROUP = 32  # pictures between two transactions
_SAMPLE_PX = 1024  # pictures of the sample are shrunk to this, so that it needs no gigabytes


@dataclass(frozen=True)
class _Picture:
    path: Path
    folder: str  # of its crops
    name: str  # of its crops


@dataclass(frozen=True, eq=False)
class _Searched:
    """A picture that was read, or why it was not."""

    seen: Look
    cuts: tuple[Cut, ...]
    enlarged: int
    fault: str = ""


def extract_images(
    catalog: Catalog,
    crops_folder: Path,
    style: str,
    inputs: Sequence[Path],
    *,
    settings: Settings | None = None,  # None: the defaults
    licence: str | None = None,  # None: leave what is known
    digests: Digests | None = None,  # None: nothing is remembered
    workers: int | None = None,  # None: as many as there are cores
    emit: Emit = ignore,
    clock: Callable[[], float] = time.monotonic,
) -> Summary:
    """Cut out the faces of pictures, and write them down; what is done already is left alone.

    Args:
        catalog: open, and this thread's.
        crops_folder: where crops go; for a workspace, `datasets/STYLE/crops`.
        style: its name.
        inputs: folders, looked through with all below them, and single pictures.
        settings: what is looked for and how it is cut.
        licence: of the pictures.
        digests: remembers the pictures' SHA-256.
        workers: threads.
        emit: hears progress and every file that is skipped.
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
    pictures = listed_images(inputs, summary, emit)
    summary.sources = len(pictures)
    digests = digests or Digests(crops_folder.parent / "cache" / "digests.json")
    if pictures:
        finder = find_finder(
            settings,
            "image",
            lambda: _sample([one.path for one in pictures], settings),
            catalog=catalog,
            style=style,
            emit=emit,
        )
        summary.detectors[finder.name] = finder.reason
        most = finder.workers(workers or cores())
        with closing(finder), ThreadPoolExecutor(most, "artstyle-extract") as pool:
            prints = settings.fingerprint("image", finder.name, options=dict(finder.options))
            recorder = Recorder(catalog, crops_folder, style, prints, finder.notes(), pool)
            work = _Work(recorder, finder, settings, licence, digests, pool, summary, emit)
            try:
                work.all(pictures)
            finally:
                digests.save()
    summary.seconds = clock() - begin_s
    return summary


@dataclass
class _Work:
    """One run over one list of pictures."""

    recorder: Recorder
    finder: Finder
    settings: Settings
    licence: str | None
    digests: Digests
    pool: ThreadPoolExecutor
    summary: Summary
    emit: Emit
    # Content that was met in this run -> why it cannot be read, or nothing.
    _met: dict[str, str] = field(default_factory=dict, init=False)

    def all(self, pictures: Sequence[_Picture]) -> None:
        total = len(pictures)
        for start in range(0, total, _GROUP):
            self.emit(Progress("extract", start, total, "images", f"{self.summary.crops} crops"))
            self._group(pictures[start : start + _GROUP])
        self.emit(Progress("extract", total, total, "images", f"{self.summary.crops} crops"))

    def _group(self, pictures: Sequence[_Picture]) -> None:
        todo: list[tuple[_Picture, SourceFile]] = []
        again: list[SourceFile] = []
        met = self._met
        found = self.pool.map(self._source, pictures)
        for picture, source in zip(pictures, found, strict=True):
            if isinstance(source, str):
                self._skip(picture.path, source)
            elif source.sha256 in met:
                again.append(source)
            elif self.recorder.scan_of(source).finished:
                self.summary.done_before += 1
                self.recorder.know_path(source)
                met[source.sha256] = ""
            else:
                todo.append((picture, source))
                met[source.sha256] = ""
        done = [
            Found(source, picture.folder, searched.cuts)
            for (picture, source), searched in zip(
                todo, self.pool.map(self._searched, [one for one, _ in todo]), strict=True
            )
            if self._counted(picture.path, source.sha256, searched)
        ]
        if done:
            self.recorder.record(done)
        for source in again:
            if met[source.sha256]:
                self._skip(source.path, met[source.sha256])
            else:
                self.summary.same_content += 1
                self.recorder.know_path(source)

    def _source(self, picture: _Picture) -> SourceFile | str:
        """The picture's content, or why it has none."""
        try:
            sha256, size_bytes = self.digests.of(picture.path)
        except ImageError as fault:
            return str(fault)
        return SourceFile(picture.path, sha256, size_bytes, "image", self.licence)

    def _searched(self, picture: _Picture) -> _Searched:
        settings = self.settings
        try:
            read = read_rgba(picture.path)
            whole = laid(read.rgb, read.alpha, settings.matte_rgb)
            seen = look(whole.rgb, self.finder.get(), settings.min_face_px)
        except ImageError as fault:
            return _Searched(Look((), 0, 0), (), 0, str(fault))
        cuts = []
        for number, one in enumerate(seen.seen, start=1):
            crop = cut(whole, one, settings.size_px, settings.enlarge_limit)
            name = picture.name if len(seen.seen) == 1 else f"{picture.name}-{number}"
            figures = {**figures_of(one, crop), "appearance": str(number), "appearance_faces": 1}
            cuts.append(Cut(name, one.face, crop, png_of(crop), figures))
        enlarged = sum(one.crop.enlarged for one in cuts)
        return _Searched(seen, tuple(cuts), enlarged)

    def _counted(self, path: Path, sha256: str, searched: _Searched) -> bool:
        """Whether the picture could be read."""
        if searched.fault:
            self._skip(path, searched.fault)
            self._met[sha256] = self.summary.skipped[-1].reason
            return False
        summary = self.summary
        summary.frames += 1
        summary.faces += len(searched.seen.seen)
        summary.appearances += len(searched.seen.seen)
        summary.too_small += searched.seen.too_small
        summary.unusable += searched.seen.unusable
        summary.crops += len(searched.cuts)
        summary.enlarged += searched.enlarged
        summary.without_face += not searched.cuts
        return True

    def _skip(self, path: Path, reason: str) -> None:
        self.summary.skip(path, reason)
        said = self.summary.skipped[-1].reason
        self.emit(Note(f"skipped {shown(path)}: {said}", "warning"))


def listed_images(inputs: Sequence[Path], summary: Summary, emit: Emit) -> list[_Picture]:
    """The pictures of all inputs, with the names that their crops get."""
    pictures: list[_Picture] = []

    def hear(event: Event) -> None:
        if isinstance(event, Note) and event.level == "warning":
            said = event.text.removeprefix("skipped ")
            name, _, reason = said.partition(": ")
            summary.skip(Path(name), reason)
        emit(event)

    for one in inputs:
        if one.is_dir():
            try:
                found = list_images(one, emit=hear)
            except ImageError as fault:
                summary.skip(one, fault)
                continue
            names = picture_names([path.relative_to(one) for path in found])
            folder = pictures_folder(one)
            pictures += [_Picture(*pair) for pair in _with(folder, found, names)]
        else:
            names = picture_names([Path(one.name)])
            pictures += [_Picture(one, pictures_folder(one.parent), names[0])]
    return pictures


def _with(
    folder: str, paths: Sequence[Path], names: Sequence[str]
) -> Iterator[tuple[Path, str, str]]:
    return ((path, folder, name) for path, name in zip(paths, names, strict=True))


def _sample(paths: Sequence[Path], settings: Settings) -> list[Pixels]:
    """Pictures from all over the list that can be read, shrunk."""
    from artstyle.faces.detector import at_most

    step = max(len(paths) / SAMPLE, 1)
    sample = []
    for number in range(min(SAMPLE, len(paths))):
        try:
            rgb = read_rgb(paths[int(number * step)], matte=settings.matte_rgb).rgb
        except ImageError:
            continue  # told when its turn comes
        sample.append(at_most(rgb, _SAMPLE_PX)[0])
    return sample

"""Sprite sheets and folders of sprites to aligned crops.

A sheet is a source of kind "sprite"; its cells are its frames: `pts_s` is the number of the cell,
counted row after row from 0, and `shot` its row. Boxes, points and quads are pixels of the sheet.
A file that holds one sprite is a sheet of one cell.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from artstyle.catalog import Catalog
from artstyle.errors import ImageError
from artstyle.events import Emit, Note, Progress, ignore
from artstyle.faces.align import Crop
from artstyle.faces.detector import Face, Pixels
from artstyle.images import blend, read_rgba
from artstyle.images.open import regular_file
from artstyle.images.read import claimed_pixels
from artstyle.machine import cores
from artstyle.names import shown
from artstyle.pipeline.extract.cutting import Look, figures_of, laid, look, png_of
from artstyle.pipeline.extract.digests import Digests
from artstyle.pipeline.extract.images import listed_images
from artstyle.pipeline.extract.naming import source_folder
from artstyle.pipeline.extract.record import Cut, Found, Recorder, SourceFile
from artstyle.pipeline.extract.settings import Settings
from artstyle.pipeline.extract.sprite_crops import Cutter
from artstyle.pipeline.extract.sprite_places import Places, find_places
from artstyle.pipeline.extract.summary import Summary
from artstyle.recipes.sprites import SpritesRecipe
from artstyle.sprites.background import parse_colour
from artstyle.sprites.grid import parse_pair
from artstyle.sprites.sheet import MAX_SHEET_PIXELS, Sheet, Slicing, Sprite, slice_sheet

_GROUP = 32  # files, or crops, between two transactions
_SMALL_PIXELS = 1_000_000  # sheets up to here are cut side by side; a guess
_SAMPLE_FILES, _SAMPLE_SPRITES = 32, 48  # what a template is looked for in; guesses


@dataclass(frozen=True)
class _File:
    """A sheet or a sprite."""

    path: Path
    folder: str  # of its crops, if it is one sprite
    name: str  # of its crop, if it is one sprite


@dataclass(frozen=True, eq=False)
class _Cut:
    """What a file gave, without its pixels, or why it gave nothing."""

    sprites: int = 0
    empty_cells: int = 0
    cuts: tuple[Cut, ...] = ()
    looks: tuple[Look, ...] = ()
    notes: tuple[str, ...] = ()
    reason: str = ""  # how it was cut
    fault: str = ""

    @property
    def is_one(self) -> bool:
        """Whether the file is one sprite."""
        return self.sprites == 1 and not self.empty_cells


def extract_sprites(
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
    """Cut sheets into sprites, and the heads out of these; what is done already is left alone.

    Args:
        catalog: open, and this thread's.
        crops_folder: where crops go; for a workspace, `datasets/STYLE/crops`.
        style: its name.
        inputs: sheets, single sprites, and folders of both.
        settings: how sheets are cut, and where the heads lie.
        licence: of the sprites.
        digests: remembers the files' SHA-256.
        workers: threads.
        emit: hears progress, how each sheet was cut, and every file that is skipped.
        clock: seconds.

    Returns:
        What was done; `frames` counts sprites.

    Raises:
        UsageError: the settings cannot be.
        WeightsError: the detector that was asked for is not here.
        CatalogError: the catalog cannot be written.
        OSError: a crop cannot be written.
    """
    settings = settings or Settings()
    settings.check()
    slicing = slicing_of(settings.sprites)
    slicing.check()
    begin_s = clock()
    summary = Summary(style)
    files = [_File(*vars(one).values()) for one in listed_images(inputs, summary, emit)]
    summary.sources = len(files)
    digests = digests or Digests(crops_folder.parent / "cache" / "digests.json")
    if files:
        places = find_places(
            settings,
            lambda: _sample([one.path for one in files], slicing, settings),
            catalog=catalog,
            style=style,
            emit=emit,
        )
        summary.detectors[places.name] = places.reason
        with (
            closing(places.finder),
            ThreadPoolExecutor(places.workers(workers or cores()), "artstyle-extract") as pool,
        ):
            prints = settings.fingerprint("sprite", places.name, **places.fingerprint(settings))
            recorder = Recorder(catalog, crops_folder, style, prints, places.notes(), pool)
            work = _Work(recorder, places, settings, slicing, licence, digests, pool, summary, emit)
            try:
                work.all(files)
            finally:
                digests.save()
    summary.seconds = clock() - begin_s
    return summary


def slicing_of(recipe: SpritesRecipe) -> Slicing:
    """How sheets are cut, from the recipe's texts.

    Raises:
        UsageError: one of them makes no sense.
    """
    return Slicing(
        by=recipe.by,
        counts=parse_pair(recipe.grid, what="--grid") if recipe.grid else None,
        cell_px=parse_pair(recipe.cell, what="--cell") if recipe.cell else None,
        gutter_px=recipe.gutter_px,
        margin_px=recipe.margin_px,
        keys=tuple(parse_colour(key, what="--key") for key in recipe.keys),
    )


@dataclass
class _Work:
    """One run over one list of files."""

    recorder: Recorder
    places: Places
    settings: Settings
    slicing: Slicing
    licence: str | None
    digests: Digests
    pool: ThreadPoolExecutor
    summary: Summary
    emit: Emit
    again: list[SourceFile] = field(default_factory=list)  # files with the content of another

    def all(self, files: Sequence[_File]) -> None:
        met: set[str] = set()
        waiting: list[Found] = []
        for start in range(0, len(files), _GROUP):
            self.emit(self._progress(start, len(files)))
            todo = self._todo(files[start : start + _GROUP], met)
            for (one, source), done in zip(todo, self._all_cut(todo), strict=True):
                if done.fault:
                    self._skip(one.path, done.fault)
                    continue
                self._count(one, done)
                folder = one.folder if done.is_one else source_folder(one.path, source.sha256)
                waiting.append(Found(source, folder, done.cuts))
                if sum(len(some.cuts) for some in waiting) >= _GROUP or len(waiting) >= _GROUP:
                    self.recorder.record(waiting)
                    waiting = []
        if waiting:
            self.recorder.record(waiting)
        for source in self.again:
            if self.recorder.source_id(source) is not None:
                self.recorder.know_path(source)
        self.emit(self._progress(len(files), len(files)))

    def _progress(self, done: int, total: int) -> Progress:
        return Progress("extract", done, total, "files", f"{self.summary.crops} crops")

    def _todo(self, files: Sequence[_File], met: set[str]) -> list[tuple[_File, SourceFile]]:
        """The files that are to be cut, with their content."""
        todo: list[tuple[_File, SourceFile]] = []
        for one, source in zip(files, self.pool.map(self._source, files), strict=True):
            if isinstance(source, str):
                self._skip(one.path, source)
            elif source.sha256 in met:
                self.summary.same_content += 1
                self.again.append(source)
            elif self.recorder.scan_of(source).finished:
                self.summary.done_before += 1
                self.recorder.know_path(source)
                met.add(source.sha256)
            else:
                todo.append((one, source))
                met.add(source.sha256)
        return todo

    def _source(self, one: _File) -> SourceFile | str:
        """The file's content, or why it has none."""
        try:
            sha256, size_bytes = self.digests.of(one.path)
        except ImageError as fault:
            return str(fault)
        return SourceFile(one.path, sha256, size_bytes, "sprite", self.licence)

    def _all_cut(self, todo: Sequence[tuple[_File, SourceFile]]) -> Iterator[_Cut]:
        """What each file gave, in their order.

        Small ones are cut side by side, and of a large one its sprites: there are never two
        large sheets in memory.
        """
        files = [one for one, _ in todo]
        for is_small, some in groupby(files, key=lambda one: _is_small(one.path)):
            work = self.pool.map if is_small else map
            yield from work(self._cut_alone if is_small else self._cut_by_sprites, some)

    def _cut_alone(self, one: _File) -> _Cut:
        return self._cut(one, map)

    def _cut_by_sprites(self, one: _File) -> _Cut:
        return self._cut(one, self.pool.map)

    def _cut(self, one: _File, each: Callable[..., Iterator[Any]]) -> _Cut:
        """Read a file and cut its sprites.

        Args:
            one: the file.
            each: like `map`; runs over the sprites.
        """
        try:
            picture = read_rgba(one.path, max_pixels=MAX_SHEET_PIXELS)
            sheet = slice_sheet(picture.rgb, _opaque(picture.alpha, picture.rgb), self.slicing)
            cutter = Cutter(self.settings, sheet)
            found = list(each(lambda some: self._sprite(some, cutter, one, sheet), sheet.sprites))
        except ImageError as fault:
            hint = f" ({fault.hint})" if fault.hint else ""
            return _Cut(fault=f"{fault}{hint}")
        return _Cut(
            *(len(sheet.sprites), sheet.empty_cells),
            cuts=tuple(cut for _, cuts in found for cut in cuts),
            looks=tuple(seen for seen, _ in found),
            notes=picture.notes,
            reason=sheet.reason,
        )

    def _sprite(
        self, sprite: Sprite, cutter: Cutter, one: _File, sheet: Sheet
    ) -> tuple[Look, list[Cut]]:
        """The faces of one sprite, in pixels of the sheet."""
        whole = laid(sprite.rgb, sprite.alpha, self.settings.matte_rgb)
        least = 1 if self.places.is_layout else self.settings.min_face_px
        seen = look(whole.rgb, self.places.finder.get(), least)
        is_one = len(sheet.sprites) == 1 and sheet.empty_cells == 0
        cell = sprite.cell
        name = one.name if is_one else f"row-{cell.row:02}-column-{cell.column:02}"
        cuts = []
        for number, face in enumerate(seen.seen, start=1):
            crop, figures = cutter.cut(whole, face)
            more = {"appearance": f"{cell.index}-{number}", "appearance_faces": 1}
            if not is_one:
                more["cell"] = {"index": cell.index, "row": cell.row, "column": cell.column}
            cuts.append(
                Cut(
                    name if len(seen.seen) == 1 else f"{name}-{number}",
                    _moved_face(face.face, cell.box_px[:2]),
                    _moved_crop(crop, cell.box_px[:2]),
                    png_of(crop),
                    {**figures_of(face, crop), **figures, **more},
                    pts_s=float(cell.index),
                    shot=None if is_one else cell.row,
                )
            )
        return seen, cuts

    def _count(self, one: _File, done: _Cut) -> None:
        summary = self.summary
        for seen in done.looks:
            summary.frames += 1
            summary.faces += len(seen.seen)
            summary.appearances += len(seen.seen)
            summary.too_small += seen.too_small
            summary.unusable += seen.unusable
            summary.without_face += not seen.seen
        summary.crops += len(done.cuts)
        summary.enlarged += sum(bool(cut.quality["enlarged"]) for cut in done.cuts)
        empty = f", {done.empty_cells} empty" if done.empty_cells else ""
        said = f"{shown(one.path)}: {done.sprites} sprites{empty}; {done.reason}"
        self.emit(Note(said, "info" if done.sprites > 1 else "debug"))
        for note in done.notes:
            if note.startswith("first of"):
                self.emit(Note(f"{shown(one.path)}: {note}", "warning"))

    def _skip(self, path: Path, reason: object) -> None:
        self.summary.skip(path, reason)
        said = self.summary.skipped[-1].reason
        self.emit(Note(f"skipped {shown(path)}: {said}", "warning"))


def _sample(paths: Sequence[Path], slicing: Slicing, settings: Settings) -> Iterator[Pixels]:
    """Sprites on their matte, from all over the files."""
    step = max(len(paths) / _SAMPLE_FILES, 1)
    chosen = [paths[int(number * step)] for number in range(min(_SAMPLE_FILES, len(paths)))]
    each = max(_SAMPLE_SPRITES // max(len(chosen), 1), 1)
    for path in chosen:
        try:
            picture = read_rgba(path, max_pixels=MAX_SHEET_PIXELS)
            sheet = slice_sheet(picture.rgb, _opaque(picture.alpha, picture.rgb), slicing)
        except ImageError:
            continue  # told when its turn comes
        apart = max(len(sheet.sprites) // each, 1)
        for sprite in sheet.sprites[::apart][:each]:
            yield blend(sprite.rgb, sprite.alpha, settings.matte_rgb)


def _is_small(path: Path) -> bool:
    """Whether several such files may be in memory; what cannot be read is small."""
    try:
        with regular_file(path) as stream:
            return claimed_pixels(stream, path.suffix) <= _SMALL_PIXELS
    except ImageError:
        return True  # told when its turn comes


def _opaque(alpha: Pixels | None, rgb: Pixels) -> Pixels:
    return np.full(rgb.shape[:2], 255, dtype=np.uint8) if alpha is None else alpha


def _moved_face(face: Face, corner: Sequence[int]) -> Face:
    """The face in pixels of the sheet."""
    x, y = corner
    x0, y0, x1, y1 = face.bbox_px
    points = face.points_px + np.array([x, y], dtype=np.float32)
    box = (x0 + x, y0 + y, x1 + x, y1 + y)
    return Face(box, face.score, points, face.kind, face.detector)


def _moved_crop(crop: Crop, corner: Sequence[Any]) -> Crop:
    """The crop with its quad in pixels of the sheet."""
    quad = crop.quad_px + np.array(corner, dtype=np.float64)
    return Crop(crop.rgb, quad, crop.upscale_factor, crop.enlarged, crop.outside_share)

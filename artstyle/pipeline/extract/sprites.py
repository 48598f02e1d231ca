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
from pathlib import Path
from typing import Any

import numpy as np

from artstyle.catalog import Catalog
from artstyle.errors import ImageError
from artstyle.events import Emit, Note, Progress, ignore
from artstyle.faces.align import Crop
from artstyle.faces.detector import Face, Pixels
from artstyle.images import blend, read_rgba
from artstyle.machine import cores
from artstyle.names import shown
from artstyle.pipeline.extract.cutting import Look, figures_of, look, png_of
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
_SAMPLE_FILES, _SAMPLE_SPRITES = 32, 48  # what a template is looked for in; guesses


@dataclass(frozen=True)
class _File:
    """A sheet or a sprite."""

    path: Path
    folder: str  # of its crops, if it is one sprite
    name: str  # of its crop, if it is one sprite


@dataclass(frozen=True, eq=False)
class _Cut:
    """What a file gave, or why it gave nothing."""

    sheet: Sheet | None
    cuts: tuple[Cut, ...] = ()
    looks: tuple[Look, ...] = ()
    notes: tuple[str, ...] = ()
    fault: str = ""


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
        for number, one in enumerate(files):
            self.emit(self._progress(number, len(files)))
            found = self._file(one, met)
            waiting += [] if found is None else [found]
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

    def _file(self, one: _File, met: set[str]) -> Found | None:
        """What a file gave that is to be written down."""
        try:
            sha256, size_bytes = self.digests.of(one.path)
        except ImageError as fault:
            self._skip(one.path, fault)
            return None
        source = SourceFile(one.path, sha256, size_bytes, "sprite", self.licence)
        if sha256 in met:
            self.summary.same_content += 1
            self.again.append(source)
            return None
        met.add(sha256)
        if self.recorder.scan_of(source).finished:
            self.summary.done_before += 1
            self.recorder.know_path(source)
            return None
        done = self._cut(one, source)
        if done.sheet is None:
            self._skip(one.path, done.fault)
            return None
        self._count(one, done)
        is_one = len(done.sheet.sprites) == 1 and done.sheet.empty_cells == 0
        folder = one.folder if is_one else source_folder(one.path, sha256)
        return Found(source, folder, done.cuts)

    def _cut(self, one: _File, source: SourceFile) -> _Cut:
        try:
            picture = read_rgba(source.path, max_pixels=MAX_SHEET_PIXELS)
            alpha = _opaque(picture.alpha, picture.rgb)
            sheet = slice_sheet(picture.rgb, alpha, self.slicing)
        except ImageError as fault:
            hint = f" ({fault.hint})" if fault.hint else ""
            return _Cut(None, fault=f"{fault}{hint}")
        cutter = Cutter(self.settings, sheet)
        jobs = self.pool.map(lambda sprite: self._sprite(sprite, cutter, one, sheet), sheet.sprites)
        cuts: list[Cut] = []
        looks = []
        for seen, found in jobs:
            looks.append(seen)
            cuts += found
        return _Cut(sheet, tuple(cuts), tuple(looks), picture.notes)

    def _sprite(
        self, sprite: Sprite, cutter: Cutter, one: _File, sheet: Sheet
    ) -> tuple[Look, list[Cut]]:
        """The faces of one sprite, in pixels of the sheet."""
        rgb = blend(sprite.rgb, sprite.alpha, self.settings.matte_rgb)
        least = 1 if self.places.is_layout else self.settings.min_face_px
        seen = look(rgb, self.places.finder.get(), least)
        is_one = len(sheet.sprites) == 1 and sheet.empty_cells == 0
        cell = sprite.cell
        name = one.name if is_one else f"row-{cell.row:02}-column-{cell.column:02}"
        cuts = []
        for number, face in enumerate(seen.seen, start=1):
            crop, figures = cutter.cut(rgb, sprite, face)
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
        summary, sheet = self.summary, done.sheet
        if sheet is None:
            return
        for seen in done.looks:
            summary.frames += 1
            summary.faces += len(seen.seen)
            summary.appearances += len(seen.seen)
            summary.too_small += seen.too_small
            summary.unusable += seen.unusable
            summary.without_face += not seen.seen
        summary.crops += len(done.cuts)
        summary.enlarged += sum(bool(cut.quality["enlarged"]) for cut in done.cuts)
        empty = f", {sheet.empty_cells} empty" if sheet.empty_cells else ""
        said = f"{shown(one.path)}: {len(sheet.sprites)} sprites{empty}; {sheet.reason}"
        self.emit(Note(said, "info" if len(sheet.sprites) > 1 else "debug"))
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

"""From found faces to files and rows of the catalog: what all kinds of extraction share.

    recorder = Recorder(catalog, workspace.style_folder(style) / "crops", style, settings)
    if not recorder.scan_of(source).finished:
        recorder.record([Found(source, folder, cuts, until_pts_s=None, finished=True)])

A call of `record` writes the crops' files first, each as a whole, and then everything that the
catalog has to know in one transaction. Killed in between, the next run writes the same files
again. Names depend on what was recorded before and on nothing else, so that a run that was killed
and one that was not end with the same names.

One way of extracting a source for a style stands at a time. When a source is finished with other
settings than before, crops that the new settings do not give are dropped, by a decision that can
be undone and that never goes against a person's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from artstyle import files
from artstyle.catalog import Catalog, Scan, SourceKind
from artstyle.catalog.json import Json, canonical_json, coordinates
from artstyle.faces.crop import Crop
from artstyle.faces.detector import Face
from artstyle.pipeline.extract.naming import digits

BY = "artstyle extract"  # who decides, where this decides anything
REPLACED = "extracted again with other settings, which do not give this crop"


@dataclass(frozen=True)
class SourceFile:
    """A film, a picture or a sprite sheet."""

    path: Path
    sha256: str
    size_bytes: int
    kind: SourceKind
    licence: str | None = None  # None: leave what the catalog knows


@dataclass(frozen=True, eq=False)
class Cut:
    """A face that was cut out."""

    name: str  # of its file, without suffix; digits are added where another crop has it
    face: Face
    crop: Crop
    png: bytes  # the crop as a file
    quality: Mapping[str, Any]  # figures for face.quality
    pts_s: float = 0.0  # of the frame; 0 in a picture
    shot: int | None = None


@dataclass(frozen=True, eq=False)
class Found:
    """What a source, or the next part of it, gave."""

    source: SourceFile
    folder: str  # of its crops, below `crops/`
    cuts: Sequence[Cut] = ()
    until_pts_s: float | None = None  # all frames up to this one are done
    finished: bool = True


@dataclass
class Recorder:
    """Writes down what was found for one style with one set of settings.

    Args:
        catalog: open, and this thread's.
        crops_folder: `datasets/STYLE/crops`.
        style: its name.
        settings: everything that decides what comes out, JSON; another value is another scan.
        notes: what else should be known of the settings, for instance why they were chosen.
        pool: writes files side by side; None writes one after the other.
    """

    catalog: Catalog
    crops_folder: Path
    style: str
    settings: Json
    notes: Json | None = None
    pool: Executor | None = None
    settings_sha256: str = field(init=False)

    def __post_init__(self) -> None:
        # With the style: why a detector was chosen is noted with them, and is another for each.
        self.settings = {**self.settings, "style": self.style}
        text = canonical_json(self.settings)
        self.settings_sha256 = hashlib.sha256(text.encode()).hexdigest()

    @property
    def mark(self) -> str:
        """How faces of these settings are marked: quality["extraction"][style]."""
        return self.settings_sha256[:12]

    def source_id(self, source: SourceFile) -> int | None:
        """The source's row, or None if the catalog has none yet."""
        found = self.catalog.rows("SELECT id FROM source WHERE sha256 = ?", source.sha256)
        return int(found[0][0]) if found else None

    def scan_of(self, source: SourceFile) -> Scan:
        """How far the source was searched; not finished where a crop's file is gone."""
        known = self.source_id(source)
        if known is None:
            return Scan(None, finished=False)
        scan = self.catalog.scan(known, style=self.style, settings_sha256=self.settings_sha256)
        if scan.until_pts_s is None and not scan.finished:
            return scan
        if any(not self.catalog.absolute(file).is_file() for file in self._files(known)):
            return Scan(None, finished=False)
        return scan

    def record(self, found: Sequence[Found]) -> int:
        """Write files, and all of this in one transaction; gives how many crops.

        Raises:
            OSError: a file cannot be written.
            CatalogError: the catalog cannot be written.
        """
        taken: set[str] = set()
        places: list[list[Path]] = []
        for one in found:
            places.append([self._place(one, cut, taken) for cut in one.cuts])
        jobs = [
            (path, cut.png)
            for one, paths in zip(found, places, strict=True)
            for path, cut in zip(paths, one.cuts, strict=True)
        ]
        if self.pool is None:
            for path, png in jobs:
                files.write_bytes(path, png)
        else:
            list(self.pool.map(lambda job: files.write_bytes(*job), jobs))
        with self.catalog.transaction():
            self.catalog.add_settings(self.settings, self.notes)
            for one, paths in zip(found, places, strict=True):
                self._write_rows(one, paths)
        return len(jobs)

    def know_path(self, source: SourceFile) -> None:
        """Write down where a finished source lies, if that is new; else touch nothing."""
        known = self.catalog.rows(
            "SELECT 1 FROM source_path JOIN source ON source.id = source_path.source"
            " WHERE sha256 = ? AND source_path.path = ? AND (? IS NULL OR licence = ?)",
            *(source.sha256, self.catalog.stored(source.path), source.licence, source.licence),
        )
        if not known:
            self._add_source(source)

    def _add_source(self, source: SourceFile) -> int:
        return self.catalog.add_source(
            source.path,
            sha256=source.sha256,
            size_bytes=source.size_bytes,
            kind=source.kind,
            licence=source.licence,
        )

    def _write_rows(self, found: Found, paths: Sequence[Path]) -> None:
        source = self._add_source(found.source)
        for cut, path in zip(found.cuts, paths, strict=True):
            frame = self.catalog.add_frame(source, pts_s=cut.pts_s, shot=cut.shot)
            face = self.catalog.add_face(
                frame,
                detector=cut.face.detector,
                bbox_px=cut.face.bbox_px,
                points_px=cut.face.points_px,
                score=cut.face.score,
                quality={**cut.quality, "extraction": {self.style: self.mark}},
            )
            self.catalog.add_crop(
                face,
                style=self.style,
                file=path,
                quad_px=cut.crop.quad_px,
                size_px=cut.crop.rgb.shape[0],
                sha256=hashlib.sha256(cut.png).hexdigest(),
            )
        key = {"style": self.style, "settings_sha256": self.settings_sha256}
        self.catalog.mark_scan(
            source, until_pts_s=found.until_pts_s, finished=found.finished, **key
        )
        if found.finished:
            self.catalog.forget_other_scans(source, **key)
            self._replace_others(source)

    def _place(self, found: Found, cut: Cut, taken: set[str]) -> Path:
        """Where a crop goes: where it lies already, else where no other crop lies."""
        there = self._known_file(found, cut)
        if there is not None and there not in taken:
            taken.add(there)
            return self.catalog.absolute(there)
        box = coordinates(cut.face.bbox_px)
        told = (found.source.sha256, repr(cut.pts_s), cut.face.detector, box)
        names = (cut.name, f"{cut.name}-{digits(*told)}", f"{cut.name}-{digits(*told, self.mark)}")
        for name in names:
            path = self.crops_folder / found.folder / f"{name}.png"
            stored = self.catalog.stored(path)
            if stored not in taken and not self._is_anothers(stored):
                break
        taken.add(stored)
        return path

    def _known_file(self, found: Found, cut: Cut) -> str | None:
        rows = self.catalog.rows(
            "SELECT crop.file FROM crop JOIN face ON face.id = crop.face"
            " JOIN frame ON frame.id = face.frame JOIN source ON source.id = frame.source"
            " WHERE source.sha256 = ? AND frame.pts_s = ? AND face.detector = ?"
            " AND face.bbox_px = ? AND crop.style = ? AND crop.size_px = ? AND crop.quad_px = ?",
            *(found.source.sha256, float(cut.pts_s), cut.face.detector),
            *(coordinates(cut.face.bbox_px), self.style, cut.crop.rgb.shape[0]),
            coordinates(cut.crop.quad_px),
        )
        return str(rows[0][0]) if rows else None

    def _is_anothers(self, stored: str) -> bool:
        return bool(self.catalog.rows("SELECT 1 FROM crop WHERE file = ?", stored))

    def _files(self, source: int) -> list[str]:
        """Of the crops that these settings gave."""
        rows = self.catalog.rows(
            "SELECT crop.file FROM crop JOIN face ON face.id = crop.face"
            " JOIN frame ON frame.id = face.frame WHERE frame.source = ? AND crop.style = ?"
            " AND face.quality ->> '$.extraction' ->> ? = ?",
            *(source, self.style, self.style, self.mark),
        )
        return [str(file) for (file,) in rows]

    def _replace_others(self, source: int) -> None:
        """Drop what these settings do not give, and take back such drops of what they give."""
        rows = self.catalog.rows(
            "SELECT crop.id, face.quality ->> '$.extraction' ->> ? = ? FROM crop"
            " JOIN face ON face.id = crop.face JOIN frame ON frame.id = face.frame"
            " WHERE frame.source = ? AND crop.style = ?",
            *(self.style, self.mark, source, self.style),
        )
        for crop, is_ours in rows:
            verdict = self.catalog.rows(
                'SELECT id, action, "by" FROM standing_decision WHERE crop = ?'
                " AND action IN ('keep', 'drop') ORDER BY id DESC LIMIT 1",
                crop,
            )
            by = verdict[0][2] if verdict else None
            if is_ours and by == BY:
                self.catalog.undo(verdict[0][0], by=BY, reason="extracted again")
            elif not is_ours and (by is None or str(by).startswith("artstyle ")) and by != BY:
                self.catalog.decide(crop, "drop", reason=REPLACED, by=BY, batch=self.mark)

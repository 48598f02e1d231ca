"""What the catalog writes down between a film and its crops: sources, frames, faces, crops."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from artstyle.catalog.database import AnyPath, Database
from artstyle.catalog.json import Json, canonical_json, coordinates

SourceKind: TypeAlias = Literal["film", "image", "sprite"]


@dataclass(frozen=True)
class Scan:
    """How far a source was searched for faces."""

    until_pts_s: float | None  # all frames up to this one are done; None: none yet
    finished: bool


class Extraction(Database):
    """Sources, frames, faces and crops; part of `artstyle.catalog.Catalog`."""

    def add_source(
        self,
        path: AnyPath,
        *,
        sha256: str,
        size_bytes: int,
        kind: SourceKind,
        licence: str | None = None,  # None: leave what is known, "unknown" at first
    ) -> int:
        """A film, picture or sprite sheet, known by its content; every path it had is kept."""
        stored = self.stored(path)
        values = {"path": stored} | ({"licence": licence} if licence is not None else {})
        with self.transaction():
            first = {"size_bytes": size_bytes, "kind": kind, "added_at": self._now()}
            source = self.upsert("source", {"sha256": sha256}, values, first)
            self.insert("source_path", {"source": source, "path": stored}, new_only=True)
        return source

    def scan(self, source: int, *, style: str, settings_sha256: str) -> Scan:
        """How far a source was searched for a style with these settings."""
        found = self.rows(
            "SELECT until_pts_s, finished FROM scan"
            " WHERE source = ? AND style = ? AND settings_sha256 = ?",
            *(source, style, settings_sha256),
        )
        return Scan(found[0][0], bool(found[0][1])) if found else Scan(None, finished=False)

    def mark_scan(
        self,
        source: int,
        *,
        style: str,
        settings_sha256: str,
        until_pts_s: float | None,
        finished: bool,
    ) -> None:
        """Write down how far a search went; best in the transaction of what it found."""
        with self.transaction():
            key = {"source": source, "style": style, "settings_sha256": settings_sha256}
            reached = {"until_pts_s": until_pts_s, "finished": int(finished), "at": self._now()}
            self.replace("scan", key, reached)

    def add_settings(self, value: Json, notes: Json | None = None) -> str:
        """Write down what scans are made with; notes say more about it and change nothing.

        Returns:
            The `settings_sha256` of such scans: the digest of the value as canonical JSON.
        """
        text = canonical_json(value)
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        values = {"value": text}
        if notes is not None:
            values["notes"] = canonical_json(notes)
        self.replace("setting", {"sha256": sha256}, values)
        return sha256

    def settings(self, source: int, *, style: str) -> list[tuple[str, Scan, Json, Json]]:
        """The scans of a source for a style: digest, how far, what they are made with, notes."""
        found = self.rows(
            "SELECT scan.settings_sha256, until_pts_s, finished, setting.value, setting.notes"
            " FROM scan JOIN setting ON setting.sha256 = scan.settings_sha256"
            " WHERE source = ? AND style = ? ORDER BY scan.settings_sha256",
            *(source, style),
        )
        return [
            (sha256, Scan(until, bool(finished)), json.loads(value), json.loads(notes))
            for sha256, until, finished, value, notes in found
        ]

    def forget_other_scans(self, source: int, *, style: str, settings_sha256: str) -> None:
        """Let only one way of searching a source for a style stand: another one starts anew."""
        self.change(
            "DELETE FROM scan WHERE source = ? AND style = ? AND settings_sha256 <> ?",
            *(source, style, settings_sha256),
        )

    def add_frame(self, source: int, *, pts_s: float, shot: int | None = None) -> int:
        """A frame by its presentation time in seconds; a picture has one, at 0.

        Args:
            source: its id.
            pts_s: presentation time, in seconds.
            shot: which shot of the film, from 0; None leaves what is known.
        """
        key = {"source": source, "pts_s": float(pts_s)}
        return self.upsert("frame", key, {} if shot is None else {"shot": shot})

    def add_face(
        self,
        frame: int,
        *,
        detector: str,
        bbox_px: Sequence[float],
        points_px: Iterable[Sequence[float]],
        score: float,
        quality: Json | None = None,  # None: no figures yet
    ) -> int:
        """A face that a detector found.

        Args:
            frame: its id.
            detector: its name, with whatever settings tell two of its kind apart.
            bbox_px: x0, y0, x1, y1 in the frame; edges of pixels, from the upper left.
            points_px: (x, y) each, five or as many as the detector gives.
            score: the detector's own.
            quality: further figures by name; they join those that are known.
        """
        key = {"frame": frame, "detector": detector, "bbox_px": coordinates(bbox_px)}
        values = {"points_px": coordinates(points_px), "score": float(score)}
        with self.transaction():
            face = self.upsert("face", key, values)
            if quality:
                self.set_quality(face, quality)
        return face

    def set_quality(self, face: int, figures: Json) -> None:
        """Add figures about a face to those that are known; a figure of None takes one away."""
        query = "UPDATE face SET quality = json_patch(quality, ?) WHERE id = ?"
        self.change(query, canonical_json(figures), face)

    def set_qualities(self, figures: Mapping[int, Json]) -> None:
        """What `set_quality` does, of many faces at once: figures by the face's id."""
        query = "UPDATE face SET quality = json_patch(quality, ?) WHERE id = ?"
        self.change_many(query, ((canonical_json(one), face) for face, one in figures.items()))

    def add_crop(
        self,
        face: int,
        *,
        style: str,
        file: AnyPath,
        quad_px: Iterable[Sequence[float]],
        size_px: int,
        sha256: str,
    ) -> int:
        """An aligned picture of a face.

        Args:
            face: its id.
            style: the set it belongs to.
            file: where it lies; no other crop lies there.
            quad_px: where its corners lie in the frame: upper left, lower left, lower right,
                upper right; (x, y) each.
            size_px: the side of the square.
            sha256: of the file.
        """
        key = {"face": face, "style": style, "size_px": size_px, "quad_px": coordinates(quad_px)}
        return self.upsert("crop", key, {"file": self.stored(file), "sha256": sha256})

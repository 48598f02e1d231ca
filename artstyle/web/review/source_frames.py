"""The picture that a crop was cut from: a frame of a film, found by seeking, or the file itself."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from artstyle.errors import ArtstyleError
from artstyle.names import shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from artstyle.video.read import Film

LONGEST_PX = 1280
_QUALITY = 85
_KEEP_BYTES = 48_000_000
_NEAR_S = 0.5  # a frame farther than this from the time is not the one; damaged films have none


class GoneError(ArtstyleError):
    """The source is not where it was, or its frame cannot be had any more."""


@dataclass(frozen=True)
class SourceFrame:
    """A picture as a JPEG file, and how large it was."""

    jpeg: bytes
    width: int  # of the whole picture, in pixels; the JPEG may be smaller
    height: int
    note: str  # what one should know, or ""


@dataclass(frozen=True)
class Place:
    """Where a picture is to be found."""

    path: Path
    kind: str  # "film", "image" or "sprite"
    size_bytes: int  # when it was searched
    pts_s: float


class SourceFrames:
    """Finds source pictures, and keeps the last ones in memory."""

    def __init__(self, *, keep_bytes: int = _KEEP_BYTES) -> None:
        self._keep_bytes = keep_bytes
        self._kept: OrderedDict[tuple[Path, float], SourceFrame] = OrderedDict()
        self._films: OrderedDict[Path, Film] = OrderedDict()
        self._lock = threading.Lock()  # one at a time: decoders take all cores

    def get(self, place: Place) -> SourceFrame:
        """The picture at a place.

        Raises:
            GoneError: it is not there any more.
            ArtstyleError: it cannot be read.
        """
        key = (place.path, place.pts_s)
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                found = self._kept[key] = self._read(place)
                self._trim()
            self._kept.move_to_end(key)
        return found

    def _trim(self) -> None:
        while len(self._kept) > 1 and self._held_bytes() > self._keep_bytes:
            self._kept.popitem(last=False)

    def _held_bytes(self) -> int:
        return sum(len(frame.jpeg) for frame in self._kept.values())

    def _read(self, place: Place) -> SourceFrame:
        try:
            size_bytes = place.path.stat().st_size
        except OSError as fault:
            raise GoneError(
                f"{shown(place.path.name)} is not at {shown(place.path.parent)} any more",
                hint="put it back there to see the frame; the crop is not affected",
            ) from fault
        changed = size_bytes != place.size_bytes
        rgb, note = self._frame(place) if place.kind == "film" else _picture(place)
        if changed:
            note = "the file has changed since it was searched; " + note
        return _packed(rgb, note.rstrip("; "))

    def _frame(self, place: Place) -> tuple[NDArray[np.uint8], str]:
        from artstyle.video.read import open_film, raw_frames

        film = self._films.get(place.path)
        if film is None:
            film = self._films[place.path] = open_film(place.path)
            if len(self._films) > 8:
                self._films.popitem(last=False)
        for frame in raw_frames(film, start_s=place.pts_s - 1e-4, threads=0):
            away_s = abs(frame.pts_s - place.pts_s)
            if away_s > _NEAR_S:
                break
            return frame.rgb(), f"the frame {away_s:.2f} s later" if away_s > 1e-3 else ""
        raise GoneError(f"{shown(place.path.name)} has no frame at {place.pts_s:.3f} s any more")


def _picture(place: Place) -> tuple[NDArray[np.uint8], str]:
    from artstyle.images import read_rgb

    return read_rgb(place.path).rgb, ""


def _packed(rgb: NDArray[np.uint8], note: str) -> SourceFrame:
    from artstyle.images import encode_jpeg, resize_area

    height, width = rgb.shape[:2]
    scale = LONGEST_PX / max(height, width)
    small = rgb
    if scale < 1:
        small = resize_area(rgb, max(1, round(width * scale)), max(1, round(height * scale)))
    return SourceFrame(encode_jpeg(small, quality=_QUALITY), width, height, note)

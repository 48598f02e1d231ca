"""Small pictures for the grid, made when they are first asked for and kept by content."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from artstyle.files import write_bytes
from artstyle.machine import cores
from artstyle.web.message import Fault

SIDE_PX = 192  # sharp at 96 pixels a cell on screens of double density, fair up to twice that
_QUALITY = 82
_START, _END = b"\xff\xd8", b"\xff\xd9"  # of a whole JPEG


class Thumbnails:
    """Makes and keeps thumbnails; `close` ends its threads.

    Args:
        folder: where they are kept; everything in it may be deleted at any time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._makers = ThreadPoolExecutor(max(2, min(cores(), 4)), thread_name_prefix="thumbnail")
        self._keeper = ThreadPoolExecutor(1, thread_name_prefix="thumbnail-file")
        self._making: dict[str, Future[bytes]] = {}
        self._lock = threading.Lock()
        self._closed = False

    def get(self, sha256: str, file: Path) -> bytes:
        """The thumbnail of a picture as a JPEG file.

        Args:
            sha256: of the picture's file; names the content.
            file: the picture.

        Raises:
            ImageError: the picture cannot be read.
            Fault: 503; the review is being closed.
        """
        place = self._folder / sha256[:2] / f"{sha256}.jpg"
        kept = _whole(place)
        if kept is not None:
            return kept
        with self._lock:
            if self._closed:
                raise Fault(503, "the review is closed")
            future = self._making.get(sha256)
            if future is None:
                future = self._makers.submit(self._make, sha256, file, place)
                self._making[sha256] = future
        return future.result()

    def _make(self, sha256: str, file: Path, place: Path) -> bytes:
        try:
            data = thumbnail_of(file)
            self._keeper.submit(_keep, place, data)  # the page need not wait for the disk
            return data
        finally:
            with self._lock:
                self._making.pop(sha256, None)

    def close(self) -> None:
        """Finish what has been begun."""
        with self._lock:
            self._closed = True
        self._makers.shutdown()
        self._keeper.shutdown()


def thumbnail_of(file: Path) -> bytes:
    """A picture, made small, as a JPEG file.

    Raises:
        ImageError: it cannot be read.
    """
    from artstyle.images import encode_jpeg, read_rgb, resize_lanczos

    rgb = read_rgb(file).rgb
    scale = SIDE_PX / max(rgb.shape[:2])
    if scale < 1:
        width, height = (max(1, round(side * scale)) for side in (rgb.shape[1], rgb.shape[0]))
        rgb = resize_lanczos(rgb, width, height)
    return encode_jpeg(rgb, quality=_QUALITY)


def _whole(place: Path) -> bytes | None:
    """What is kept, unless a power cut has left half of it."""
    try:
        data = place.read_bytes()
    except OSError:
        return None
    return data if data.startswith(_START) and data.endswith(_END) else None


def _keep(place: Path, data: bytes) -> None:
    try:
        write_bytes(place, data)
    except OSError:
        return  # a full disk or a read-only folder: it is made again next time

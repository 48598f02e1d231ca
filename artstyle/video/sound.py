"""The sound of a film, taken over into another film packet by packet, as it is.

Nothing is decoded, so nothing is lost; a sound that the other container cannot hold as it is, is
not taken, and `sound_for` says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from artstyle.video.film import Film, opened

# Suffix of the film -> codecs that players expect in it.
_FITS: dict[str, frozenset[str]] = {
    ".mp4": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"}),
    ".webm": frozenset({"opus", "vorbis"}),
    ".gif": frozenset(),
}
_BEFORE_S = 0.2  # sound this long before the first picture is a coder's run-up, and kept


@dataclass(frozen=True)
class Sound:
    """A film's sound, and where in its file it lies."""

    path: Path
    stream: int  # its number among the file's streams
    codec: str  # "aac", "opus", ...


def sound_for(film: Film, suffix: str) -> tuple[Sound | None, str | None]:
    """The sound that a film of another kind can take over, or why it cannot.

    Args:
        film: what has the sound.
        suffix: of the film that is to be written, e.g. ".mp4".

    Returns:
        The sound and None; None and the reason; or None twice where there is no sound.
    """
    if "audio" not in film.streams:
        return None, None
    with opened(film.path) as (container, _):
        stream = container.streams.best("audio")
        context = None if stream is None else stream.codec_context
        codec = "" if context is None else context.codec.canonical_name
        number = -1 if stream is None else stream.index
    if not codec:
        return None, "its sound is of a kind that nothing here knows"
    if codec not in _FITS.get(suffix.lower(), ()):
        return None, f"its sound ({codec}) cannot lie in a {suffix.lower()} as it is"
    return Sound(film.path, number, codec), None


class SoundCopy:
    """Packets of a sound, in the clock of the film that takes them; used in a `with`.

    Args:
        sound: what `sound_for` gave.
        start_s: the time in the source that becomes 0.
        end_s: the time in the source from which on nothing is taken; None: to its end.
    """

    def __init__(self, sound: Sound, *, start_s: float, end_s: float | None = None) -> None:
        self.sound, self.start_s, self.end_s = sound, start_s, end_s
        self.fault: str | None = None  # why it ended early, if it did
        self.template: Any = None  # the stream; None outside of the `with`
        self._file: AbstractContextManager[tuple[Any, Any]] | None = None
        self._packets: Iterator[Any] = iter(())
        self._next: Any = None

    def __enter__(self) -> Self:
        self._file = opened(self.sound.path)
        container, _ = self._file.__enter__()
        self.template = container.streams[self.sound.stream]
        self._packets = self._shifted(container)
        self._next = next(self._packets, None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._packets, self._next, self.template = iter(()), None, None
        if self._file is not None:
            self._file.__exit__(kind, error, trace)
            self._file = None

    def until(self, time_s: float = math.inf) -> Iterator[Any]:
        """The packets that begin before a time of the new film and were not given yet."""
        while self._next is not None and float(self._next.pts * self._next.time_base) < time_s:
            packet, self._next = self._next, next(self._packets, None)
            yield packet

    def _shifted(self, container: Any) -> Iterator[Any]:
        """All packets between the bounds, in the new film's clock."""
        import av

        try:
            for packet in container.demux(self.template):
                if not packet.size or packet.pts is None or packet.dts is None:
                    continue
                time_s = float(packet.pts * packet.time_base)
                if self.end_s is not None and time_s >= self.end_s:
                    return
                if time_s < self.start_s - _BEFORE_S:
                    continue
                by = round(self.start_s / packet.time_base)
                packet.pts, packet.dts = packet.pts - by, packet.dts - by
                yield packet
        except (av.FFmpegError, OSError, ValueError) as fault:
            self.fault = f"its sound is damaged and ends early ({fault})"

"""Read the frames of a film, as far as they are there.

A film that is cut off, damaged in the middle or whose time stamps are broken gives what it has;
every fault is told once to `on_damage` with the time at which it was met.

    film = open_film("sintel.mkv")
    for frame in frames(film, every_s=2.0, size_limit_px=1080):
        frame.pts_s, frame.rgb
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from artstyle.errors import VideoError
from artstyle.video.clock import Clock
from artstyle.video.film import Damage, Film, open_film, opened
from artstyle.video.picture import Display, Frame, RawFrame

__all__ = ["Damage", "Display", "Film", "Frame", "OnDamage", "RawFrame", "frames", "open_film"]
__all__ += ["raw_frames"]

OnDamage: TypeAlias = Callable[[Damage], None]
_TRIES = 32  # faults without a packet between them, after which the rest is given up
_SHORT_S, _SHORT_PART = 1.0, 0.02  # how much may be missing at the end before it is a fault


def _unheard(damage: Damage) -> None:
    """For those who only want the pictures."""


def frames(
    film: Film,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    keyframes_only: bool = False,
    every_s: float | None = None,
    size_limit_px: int | None = None,
    threads: int = 1,
    on_damage: OnDamage = _unheard,
) -> Iterator[Frame]:
    """The pictures of a film, in the order in which they are shown.

    Args:
        film: what `open_film` gave.
        start_s: the first time that is wanted, in the film's clock; None: from its beginning.
        end_s: the time from which on nothing is wanted; None: to its end.
        keyframes_only: decode only what was stored whole: about twenty times as fast.
        every_s: at most one frame in each span of so many seconds, the first; None: all.
        size_limit_px: bound on the longer side; None: as large as it is.
        threads: how many the decoder may use; 0 lets it choose.
        on_damage: hears of every fault.

    Raises:
        VideoError: the film cannot be opened any more, or `every_s` or `size_limit_px` is not
            above 0.
    """
    if every_s is not None and not every_s > 0:
        raise VideoError(f"a frame every {every_s} seconds cannot be had: it must be more than 0")
    if size_limit_px is not None and size_limit_px < 1:
        raise VideoError(f"pictures of at most {size_limit_px} pixels hold nothing")
    span = None
    raw = raw_frames(
        film,
        start_s=start_s,
        end_s=end_s,
        keyframes_only=keyframes_only,
        threads=threads,
        on_damage=on_damage,
    )
    for one in raw:
        if every_s is not None:
            number = int((one.pts_s - film.start_s + 1e-6) // every_s)
            if number == span:
                continue
            span = number
        yield Frame(one.pts_s, one.rgb(size_limit_px), one.is_keyframe, one.index, one.is_damaged)


def raw_frames(
    film: Film,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    keyframes_only: bool = False,
    threads: int = 1,
    on_damage: OnDamage = _unheard,
    leave_out_unneeded: bool = False,
) -> Iterator[RawFrame]:
    """Decoded frames that are not pictures yet; other arguments and errors as for `frames`.

    Memory does not grow with the film: whoever keeps a frame keeps its planes, nothing else.
    With `leave_out_unneeded`, frames that no other frame is decoded from are left out where the
    film has such: of three frames one to two remain, in two thirds of the time.
    """
    clock = Clock(film.fps, film.end_s)
    numbers = itertools.count()
    shown_px = film.stored_size_px
    heard = on_damage
    left_out = _LeftOut() if keyframes_only else None

    def tell(text: str) -> None:
        heard(Damage(clock.last_s, text))

    with opened(film.path, threads=threads) as (container, stream):
        if leave_out_unneeded:
            stream.codec_context.skip_frame = "NONREF"
        if start_s is not None and start_s > film.start_s:
            _seek(container, stream, start_s, tell)
        for frame in _decoded(container, stream, left_out, tell):
            pts_s, fault = clock.time_s(frame.pts, frame.time_base)
            if fault:
                tell(fault)
            if end_s is not None and pts_s >= end_s:
                return
            if start_s is not None and pts_s < start_s:
                continue
            if frame.is_corrupt:
                tell("a frame is damaged")
            if (frame.width, frame.height) != shown_px:
                shown_px = (frame.width, frame.height)
                tell(f"from here on its pictures have {shown_px[0]} x {shown_px[1]} pixels")
            yield RawFrame(
                pts_s,
                bool(frame.key_frame),
                next(numbers),
                bool(frame.is_corrupt),
                frame,
                film.display,
            )
    reached = (clock.last_s, left_out.last_s if left_out else None)
    last_s = max((one for one in reached if one is not None), default=None)
    if fault := _ends_early(film, last_s, end_s):
        tell(fault)


@dataclass
class _LeftOut:
    """Packets between keyframes, which are not decoded: the film is there up to the last one."""

    last_s: float | None = None

    def note(self, packet: Any) -> None:
        if packet.pts is not None and packet.time_base:
            time_s = float(packet.pts * packet.time_base)
            self.last_s = time_s if self.last_s is None else max(self.last_s, time_s)


def _seek(container: Any, stream: Any, start_s: float, tell: Callable[[str], None]) -> None:
    """Go to the keyframe at or before a time; reading goes on from there."""
    import av

    try:
        container.seek(int(start_s / stream.time_base), stream=stream)
    except (av.FFmpegError, OSError, OverflowError) as fault:
        tell(f"it cannot be entered at {start_s:.3f} s ({fault}); it is read from its beginning")
        container.seek(0)


def _decoded(
    container: Any, stream: Any, left_out: _LeftOut | None, tell: Callable[[str], None]
) -> Iterator[Any]:
    """Frames in order of presentation; packets that cannot be decoded are told and left out.

    Given `left_out`, keyframes only.
    """
    import av

    for packet in _packets(container, stream, tell):
        # An empty packet drains the decoder at the end. skip_frame would not skip with VP9.
        if left_out is not None and packet.size and not packet.is_keyframe:
            left_out.note(packet)
            continue
        try:
            found = packet.decode()
        except (av.FFmpegError, ValueError) as fault:
            tell(f"a piece of {packet.size} bytes cannot be decoded ({fault})")
            continue
        yield from found


def _packets(container: Any, stream: Any, tell: Callable[[str], None]) -> Iterator[Any]:
    """Packets of the stream, past places where the container itself is damaged."""
    import av

    failures = 0
    while failures < _TRIES:
        try:
            for packet in container.demux(stream):
                failures = 0
                yield packet
            return
        except (av.FFmpegError, OSError, ValueError) as fault:
            failures += 1
            if failures == 1:
                tell(f"the file is damaged ({fault})")
    tell("the rest of the file cannot be read")


def _ends_early(film: Film, last_s: float | None, end_s: float | None) -> str | None:
    """What to say if the pictures end long before the header says they do."""
    if film.end_s is None:
        return None
    expected_s = film.end_s if end_s is None else min(end_s, film.end_s)
    reached_s = film.start_s if last_s is None else last_s + 1 / (film.fps or 25.0)
    slack_s = max(_SHORT_S, _SHORT_PART * (film.duration_s or 0))
    if reached_s >= expected_s - slack_s:
        return None
    return f"it ends at {reached_s:.3f} s, and should last until {expected_s:.3f} s"

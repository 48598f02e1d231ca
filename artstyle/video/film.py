"""Open a film and say what it is, or in words why it is none.

A file is opened by its own name, never as an address, and only with demuxers of films: a play
list that names other files, a text that would be drawn as a terminal, or a still picture is not
opened at all.
"""

from __future__ import annotations

import itertools
import os
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from artstyle.errors import ImageError, VideoError
from artstyle.images.open import regular_file
from artstyle.names import shown
from artstyle.video.picture import Display, usable_aspect

_CONTAINERS = (
    "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,avi,ogg,mpegts,mpeg,mpegvideo,flv,asf,gif,nut,ivf,"
    "h264,hevc,m4v,obu,av1,mxf,dv,apng,rm,wtv,swf,yuv4mpegpipe,wav,mp3,flac,aac"
)
MAX_PIXELS = 100_000_000  # a guess: three times 8K; as planes 150 MB a frame
_LOOK_AT_PACKETS = 600  # for the rate and the distance of keyframes: 24 s at 25 frames a second
_HDR_TRANSFERS = {16, 18}  # AVCOL_TRC: SMPTE 2084 (PQ), ARIB B67 (HLG)


@dataclass(frozen=True)
class Damage:
    """Something that was wrong with a film, and where."""

    pts_s: float | None  # the time of the last good frame before it; None: before the first
    text: str


@dataclass(frozen=True)
class Film:
    """What a film says of itself; `frames` reads its pictures."""

    path: Path
    size_px: tuple[int, int]  # width, height as shown: upright, with square pixels
    stored_size_px: tuple[int, int]
    start_s: float  # when its first frame is shown; often 0
    duration_s: float | None  # of the pictures, by the header; None: it does not say
    fps: float | None  # nominal; None: it does not say
    is_variable_rate: bool  # the distances between its first frames differ
    keyframe_gap_s: float | None  # longest distance of its first keyframes; None: only one seen
    codec: str  # "h264", "hevc", "vp9", "av1", "gif", ...
    display: Display
    streams: tuple[str, ...]  # all of them, e.g. ("video", "audio", "subtitle")
    notes: tuple[str, ...]  # what is unusual and is not corrected

    @property
    def rotation_deg(self) -> int:
        """How far pictures are turned counter-clockwise to stand upright: 0, 90, 180 or 270."""
        return self.display.rotation_deg

    @property
    def pixel_aspect(self) -> Fraction:
        """Width of a stored pixel through its height."""
        return self.display.pixel_aspect

    @property
    def end_s(self) -> float | None:
        """When the film ends by its header, in its own clock."""
        return None if self.duration_s is None else self.start_s + self.duration_s


def open_film(path: str | os.PathLike[str]) -> Film:
    """Look at a film: its header, its first packets and its first frame.

    Args:
        path: a regular file; its content, not its suffix, says what it is.

    Raises:
        VideoError: there is no such file, it is empty, no film, damaged from its beginning, has
            no picture (for instance sound only), or its pictures are too large.
    """
    name = Path(path)
    try:
        with regular_file(name):
            pass
    except ImageError as fault:
        raise VideoError(f"cannot read {shown(name)}: {fault}", hint=fault.hint) from fault
    with opened(name) as (container, stream):
        seen = _first_packets(container, stream)
    with opened(name) as (container, stream):
        frame = _first_frame(name, container, stream)
        return _described(name, container, stream, frame, seen)


@contextmanager
def opened(path: Path, *, threads: int = 1) -> Iterator[tuple[Any, Any]]:
    """The container and its pictures' stream, ready to decode.

    Raises:
        VideoError: see `open_film`.
    """
    import av

    av.logging.set_level(None)  # ffmpeg's own words go to stderr, past whoever draws it
    options = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"}
    try:
        container = av.open(f"file:{path.absolute()}", options=options, metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as fault:
        raise VideoError(
            f"cannot read {shown(path)}: it is no film, or its beginning is damaged"
            f" ({_reason(fault)})",
            hint="pictures go to --images; fetch the film again if it should be one",
        ) from fault
    with container:
        stream = _picture_stream(path, container)
        stream.thread_type = "FRAME" if threads != 1 else "NONE"
        stream.thread_count = threads
        yield container, stream


def _picture_stream(path: Path, container: Any) -> Any:
    """The stream that a player would show."""
    import av

    cover = av.stream.Disposition.attached_pic  # in music files, a stream of one picture
    pictures = [one for one in container.streams.video if not one.disposition & cover]
    if not pictures:
        kinds = ", ".join(one.type for one in container.streams) or "nothing"
        raise VideoError(
            f"cannot read {shown(path)}: it has no pictures, only: {kinds}",
            hint="was the sound exported without the film?",
        )
    stream = max(pictures, key=lambda one: one.disposition & av.stream.Disposition.default or 0)
    context = stream.codec_context
    if context is None:
        raise VideoError(
            f"cannot read {shown(path)}: no decoder here knows how its pictures are coded",
            hint="convert it to h264 first, e.g. with ffmpeg -i FILM out.mp4",
        )
    if context.width * context.height > MAX_PIXELS:
        raise VideoError(
            f"cannot read {shown(path)}: its pictures have {context.width} x {context.height}"
            f" pixels, more than the {MAX_PIXELS:,} that are taken",
            hint="the header is damaged, or the film has to be scaled down first",
        )
    context.options = {**(context.options or {}), "max_pixels": str(MAX_PIXELS)}
    return stream


def _first_packets(container: Any, stream: Any) -> tuple[list[float], list[float]]:
    """Times of the first packets and of those among them that hold keyframes, ascending."""
    import av

    times: list[float] = []
    keys: list[float] = []
    try:
        for _, packet in zip(range(_LOOK_AT_PACKETS), container.demux(stream), strict=False):
            if packet.size and packet.pts is not None:
                time_s = float(packet.pts * packet.time_base)
                times.append(time_s)
                if packet.is_keyframe:
                    keys.append(time_s)
    except (av.FFmpegError, OSError, ValueError):
        pass  # what was seen is enough; reading the frames will say where the damage is
    return sorted(times)[:-8], sorted(keys)  # the last ones may lack a neighbour still to come


def _first_frame(path: Path, container: Any, stream: Any) -> Any:
    import av

    fault: Exception | None = None
    try:
        for packet in container.demux(stream):
            try:
                for frame in packet.decode():
                    return frame
            except (av.FFmpegError, ValueError) as one:
                fault = one  # the next packet may be whole
    except (av.FFmpegError, OSError, ValueError) as one:
        fault = one
    why = f" ({_reason(fault)})" if fault else ""
    raise VideoError(
        f"cannot read {shown(path)}: not one of its pictures can be decoded{why}",
        hint="the file is damaged or was cut off: fetch it again",
    )


def _described(
    path: Path, container: Any, stream: Any, frame: Any, seen: tuple[list[float], list[float]]
) -> Film:
    times, keys = seen
    context = stream.codec_context
    rotation_deg = round(frame.rotation / 90) * 90 % 360
    display = Display(rotation_deg, usable_aspect(stream.sample_aspect_ratio))
    stored_px = (frame.width, frame.height)
    width, height = display.size_px(stored_px)
    start_s, duration_s = _span_s(container, stream, frame)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    key_gaps = [later - earlier for earlier, later in itertools.pairwise(keys)]
    rate = stream.average_rate or stream.guessed_rate
    return Film(
        path=path,
        size_px=(height, width) if rotation_deg % 180 else (width, height),
        stored_size_px=stored_px,
        start_s=start_s,
        duration_s=duration_s,
        fps=float(rate) if rate else None,
        is_variable_rate=_differ(gaps, float(stream.time_base or 0)),
        keyframe_gap_s=max(key_gaps, default=None),
        codec=context.codec.canonical_name,
        display=display,
        streams=tuple(one.type for one in container.streams),
        notes=tuple(_notes(stream, frame)),
    )


def _span_s(container: Any, stream: Any, frame: Any) -> tuple[float, float | None]:
    """When the film begins, and how long its pictures last."""
    base = stream.time_base
    first = frame.pts if frame.pts is not None else stream.start_time
    start_s = float(first * base) if first is not None and base else 0.0
    if stream.duration and stream.duration > 0 and base:
        return start_s, float(stream.duration * base)
    if container.duration and container.duration > 0:
        from_s = (container.start_time or 0) / 1_000_000
        return start_s, max(0.0, container.duration / 1_000_000 + from_s - start_s)
    return start_s, None


def _differ(gaps: list[float], tick_s: float) -> bool:
    """Whether distances differ by more than rounding to a clock's ticks explains."""
    if len(gaps) < 2:
        return False
    usual = statistics.median(gaps)
    return any(abs(gap - usual) > max(1.5 * tick_s, 0.1 * usual) for gap in gaps)


def _notes(stream: Any, frame: Any) -> Iterator[str]:
    aspect = stream.sample_aspect_ratio
    if aspect and usable_aspect(aspect) != aspect:
        yield f"its header says that pixels are {aspect} as wide as tall, which is ignored"
    if frame.rotation % 90:
        yield f"it is turned by {frame.rotation} degrees, which is rounded to quarter turns"
    if frame.interlaced_frame:
        yield "it is interlaced: moving edges show as combs"
    if int(frame.color_trc) in _HDR_TRANSFERS:
        yield "it is HDR, and shown without tone mapping: colours look pale"


def _reason(fault: Exception) -> str:
    return str(getattr(fault, "strerror", None) or fault or type(fault).__name__).lower()

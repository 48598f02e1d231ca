"""Films out of frames: MP4 (H.264), WebM (VP9) or GIF, by the suffix, whole or not at all.

    with VideoWriter(Path("walk.mp4"), size_px=(256, 256), fps=30) as video:
        for rgb in frames:
            video.write(rgb)

The same frames give the same bytes with the same PyAV, whatever machine and hour it is.
"""

from __future__ import annotations

import math
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import VideoError
from artstyle.files import sync_folder
from artstyle.names import shown
from artstyle.video.sound import SoundCopy

if TYPE_CHECKING:
    import av

_BT709 = 1  # FFmpeg's number for primaries, transfer and matrix alike
_LIMITED = 1  # FFmpeg's number for luma from 16 to 235


@dataclass(frozen=True)
class _Format:
    """What one suffix stands for."""

    container: str
    encoder: str
    pixels: str  # FFmpeg's name of the layout that goes into the encoder
    crf: int | None  # default quality; None: the format has no such scale
    threads: int  # of the encoder; a fixed number, because it changes what is written
    encoder_options: Mapping[str, str]
    container_options: Mapping[str, str]


# "bitexact" leaves out dates, random numbers and versions.
_FORMATS = {
    ".mp4": _Format(
        container="mp4",
        encoder="libx264",
        pixels="yuv420p",
        crf=18,
        threads=1,  # with more, x264 was seen to write other bytes from the same frames
        # "cpu-independent": else x264 picks algorithms that round otherwise, by processor and by
        # where a frame lies in memory; the same frames then gave other bytes one time in four.
        encoder_options={"preset": "medium", "x264-params": "cpu-independent=1"},
        # The index goes to the front, so that a browser plays before it has everything.
        container_options={"movflags": "+faststart", "fflags": "+bitexact"},
    ),
    ".webm": _Format(
        container="webm",
        encoder="libvpx-vp9",
        pixels="yuv420p",
        crf=28,
        threads=4,
        encoder_options={"b": "0", "row-mt": "1", "cpu-used": "4", "deadline": "good"},
        container_options={"fflags": "+bitexact"},
    ),
    ".gif": _Format(
        container="gif",
        encoder="gif",
        pixels="pal8",
        crf=None,
        threads=1,
        encoder_options={},
        container_options={"loop": "0"},
    ),
}
SUFFIXES = tuple(_FORMATS)


class VideoWriter:
    """A film that is being written; used in a `with`, at whose end the file is there.

    If the block ends with an exception, there is no file, or the one that was there before. What
    a kill leaves behind is a hidden file whose name ends in `.part`.

    Args:
        path: where to; the suffix, one of `SUFFIXES`, says how.
        size_px: width and height of the frames. Where the format wants even numbers (MP4, WebM),
            the last column or row is repeated.
        fps: frames per second; frame n is shown at n / fps seconds. GIF counts in hundredths.
        crf: constant rate factor, smaller is better and larger; 0 to 51 for MP4, 0 to 63 for
            WebM, nothing for GIF. None: 18 for MP4, 28 for WebM.
        tick_s: seconds per tick, where frames come with times of their own; None: 1 / fps, and
            frame n at n ticks.
        sound: taken over beside the pictures; None: a silent film.

    Raises:
        VideoError: another suffix, size or rate than a film can have, or PyAV lacks the encoder.
    """

    def __init__(
        self,
        path: Path,
        size_px: tuple[int, int],
        fps: float | Fraction,
        *,
        crf: int | None = None,
        tick_s: Fraction | None = None,
        sound: SoundCopy | None = None,
    ) -> None:
        self.path = path
        self.size_px = size_px
        self.frames = 0  # written so far
        self._format = _format_of(path)
        self._rate = Fraction(fps).limit_denominator(1001)
        self._crf = self._format.crf if crf is None else crf
        if min(size_px) < 1 or not 0 < self._rate <= 1000:
            raise VideoError(
                f"a film of {size_px[0]} x {size_px[1]} pixels and {float(fps):g} frames a second"
                " cannot be"
            )
        self._tick_s = tick_s
        self._sound = sound
        self._sound_stream: Any = None
        self._last_tick = -1
        self._even_px = _padded(size_px) if self._format.pixels == "yuv420p" else size_px
        target = path.resolve() if path.is_symlink() else path
        self._target = target
        self._part = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
        self._container: Any = None
        self._stream: Any = None
        self._palette: _Palette | None = None

    def __enter__(self) -> Self:
        _check_encoder(self._format, self.path)
        try:
            with self._explained():
                self._target.parent.mkdir(parents=True, exist_ok=True)
                self._open()
        except BaseException:
            self._give_up()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._give_up()

    def write(self, rgb: NDArray[np.uint8], pts_s: float | None = None) -> None:
        """Add a frame.

        Args:
            rgb: HWC, 3 channels, uint8, [0, 255], RGB in sRGB, of the film's size.
            pts_s: when it is shown, from 0 on, where the writer was given `tick_s`; a time that
                falls on the tick of the frame before is moved to the next. None: at n / fps.

        Raises:
            VideoError: it is no such frame, or the file cannot be written.
        """
        import av

        width, height = self.size_px
        if self._container is None:
            raise VideoError(f"{shown(self.path)} is not open: use the writer in a 'with'")
        if rgb.dtype != np.uint8 or rgb.shape != (height, width, 3):
            raise VideoError(
                f"frame {self.frames} of {shown(self.path)} is {rgb.dtype} of shape {rgb.shape},"
                f" not uint8 of ({height}, {width}, 3)"
            )
        more = self._even_px[0] - width, self._even_px[1] - height
        if any(more):
            rgb = np.pad(rgb, ((0, more[1]), (0, more[0]), (0, 0)), mode="edge")
        with self._explained():
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            tick = self._tick(pts_s)
            for ready in self._for_the_encoder(frame):
                ready.pts, ready.time_base = tick, self._tick_s or 1 / self._rate
                self._container.mux(self._stream.encode(ready))
            self._mux_sound(float(tick * (self._tick_s or 1 / self._rate)))
        self.frames += 1

    def _tick(self, pts_s: float | None) -> int:
        """The frame's time in ticks, more than all before."""
        tick = self.frames if pts_s is None or not self._tick_s else round(pts_s / self._tick_s)
        self._last_tick = max(tick, self._last_tick + 1)
        return self._last_tick

    def _mux_sound(self, until_s: float = math.inf) -> None:
        """Bring the sound as far as the pictures are, so that a player finds them together."""
        if self._sound is None:
            return
        for packet in self._sound.until(until_s):
            packet.stream = self._sound_stream
            self._container.mux(packet)

    def _open(self) -> None:
        import av

        kind = self._format
        self._container = av.open(
            str(self._part), "w", format=kind.container, options=dict(kind.container_options)
        )
        options = dict(kind.encoder_options)
        if self._crf is not None and kind.crf is not None:
            options["crf"] = str(self._crf)
        stream = self._container.add_stream(kind.encoder, rate=self._rate, options=options)
        stream.width, stream.height = self._even_px
        stream.pix_fmt = kind.pixels
        coder = stream.codec_context
        coder.time_base = self._tick_s or 1 / self._rate
        if kind.pixels == "yuv420p":
            coder.thread_count = kind.threads
            coder.color_primaries = coder.color_trc = coder.colorspace = _BT709
            coder.color_range = _LIMITED
        else:
            self._palette = _Palette(self._even_px, self._rate)
        self._stream = stream
        if self._sound is not None:
            template = self._sound.template
            self._sound_stream = self._container.add_stream_from_template(template)

    def _for_the_encoder(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """The frame in the encoder's colours."""
        if self._palette is not None:
            yield self._palette.applied(frame)
        else:
            yield frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")

    def _finish(self) -> None:
        """Write what is still on its way, and put the file into its place."""
        if not self.frames:
            raise VideoError(f"{shown(self.path)} was not written: there were no frames for it")
        with self._explained():
            self._container.mux(self._stream.encode())
            self._mux_sound()
            self._container.close()
            self._container = None
            with self._part.open("rb") as stream:
                os.fsync(stream.fileno())
            with suppress(FileNotFoundError):
                self._part.chmod(self._target.stat().st_mode & 0o7777)
            self._part.replace(self._target)
        sync_folder(self._target.parent)

    def _give_up(self) -> None:
        """Close what is open and take away what was not finished."""
        import av

        if self._container is not None:
            with suppress(av.FFmpegError, OSError):  # there is no file to be had any more
                self._container.close()
            self._container = None
        with suppress(FileNotFoundError, NotADirectoryError):
            self._part.unlink()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        import av

        try:
            yield
        except (av.FFmpegError, OSError) as fault:
            words = getattr(fault, "strerror", None) or str(fault)
            raise VideoError(f"cannot write {shown(self.path)}: {words}") from fault


class _Palette:
    """Gives each frame the 256 colours that suit it best, and dithers between them.

    Args:
        size_px: width and height of the frames.
        rate: frames per second.
    """

    def __init__(self, size_px: tuple[int, int], rate: Fraction) -> None:
        from av.filter import Graph

        self._graph = Graph()
        width, height = size_px
        base = f"{rate.denominator}/{rate.numerator}"
        source = self._graph.add(
            "buffer", f"video_size={width}x{height}:pix_fmt=rgb24:time_base={base}:pixel_aspect=1"
        )
        split = self._graph.add("split")
        colours = self._graph.add("palettegen", "stats_mode=single")
        use = self._graph.add("paletteuse", "new=1:dither=sierra2_4a")
        sink = self._graph.add("buffersink")
        source.link_to(split)
        split.link_to(use, 0, 0)
        split.link_to(colours, 1, 0)
        colours.link_to(use, 0, 1)
        use.link_to(sink)
        self._graph.configure()
        self._count, self._time_base = 0, 1 / rate

    def applied(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The frame with its palette."""
        frame.pts, frame.time_base = self._count, self._time_base
        self._count += 1
        self._graph.push(frame)
        return cast("av.VideoFrame", self._graph.pull())  # the graph could give sound, too


def _padded(size_px: tuple[int, int]) -> tuple[int, int]:
    return size_px[0] + size_px[0] % 2, size_px[1] + size_px[1] % 2


def _format_of(path: Path) -> _Format:
    found = _FORMATS.get(path.suffix.lower())
    if found is None:
        raise VideoError(
            f"cannot write {shown(path)}: films are written as {', '.join(SUFFIXES)}",
            hint=f"call it {shown(path.with_suffix('.mp4').name)}",
        )
    return found


def _check_encoder(wanted: _Format, path: Path) -> None:
    import av

    there = av.codec.codecs_available
    if wanted.encoder in there:
        return
    able = [
        f"{suffix} ({kind.encoder})" for suffix, kind in _FORMATS.items() if kind.encoder in there
    ]
    raise VideoError(
        f"cannot write {shown(path)}: this PyAV ({av.__version__}) has no encoder {wanted.encoder};"
        f" it can write {', '.join(able) or 'none of our formats'}",
        hint="type 'pip install --force-reinstall av' to get the usual wheel, which has all",
    )

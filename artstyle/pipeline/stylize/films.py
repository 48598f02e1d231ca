"""A film, drawn anew frame by frame: every frame once, at its own time, with the sound it had.

    filmed = stylize_film(Path("walk.mkv"), Path("walk-night.mp4"), draw, size_px=640)

`draw` takes a frame and gives the styled one. Methods whose colours would flicker may remember
what they drew; `on_shot` tells them where a new shot begins and the memory has to end. The film
is there whole or not at all; what a kill leaves is a hidden file whose name ends in `.part`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from artstyle.errors import UsageError, VideoError
from artstyle.events import Emit, Note, Progress, ignore
from artstyle.names import shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from artstyle.video.film import Damage, Film
    from artstyle.video.picture import RawFrame
    from artstyle.video.sound import Sound, SoundCopy
    from artstyle.video.write import VideoWriter

    Picture: TypeAlias = NDArray[np.uint8]  # HWC, [0, 255], RGB in sRGB

# What a folder's films are known by; a film that was named itself may be called anything.
FILM_SUFFIXES = (".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".ogv")
_USUAL_FPS, _MOST_FPS = 25.0, 240.0  # outside of the second the header is believed to be wrong
_GIF_FPS = 50.0  # browsers slow down GIFs that change faster
_FINEST_TICK_S = Fraction(1, 90000)  # MPEG's own clock
_FAULTS_TOLD = 3


@dataclass(frozen=True)
class FilmPlan:
    """What would be drawn."""

    source: Path
    out: Path
    size_px: tuple[int, int]  # width, height of the frames that are given to `draw`
    frames: int | None  # about so many; None: the film does not say
    fps: float
    sound: str  # "copied (aac)", "none", or why it is left out


@dataclass(frozen=True)
class Filmed:
    """A film that was drawn."""

    source: Path
    out: Path
    size_px: tuple[int, int]  # width, height
    frames: int
    duration_s: float  # from the first frame's time to the last one's
    shots: int
    sound: str  # "copied (aac)", "none", or why it was left out
    damages: tuple[str, ...]  # what was wrong with the source, in words
    seconds: float  # that it took


def plan_film(
    source: Path,
    out: Path,
    *,
    size_px: int | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    with_sound: bool = True,
) -> FilmPlan:
    """Look at a film, and say what would be drawn; arguments and errors as `stylize_film`."""
    film = _checked(source, out, size_px, start_s, end_s)
    width, height = film.display.size_px(film.stored_size_px, size_px)
    if film.rotation_deg % 180:
        width, height = height, width
    _, words = _sound(film, out, with_sound)
    frames = _frames_expected(film, start_s, end_s)
    return FilmPlan(source, out, (width, height), frames, _fps(film), words)


def stylize_film(
    source: Path,
    out: Path,
    draw: Callable[[Picture], Picture],
    *,
    size_px: int | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    with_sound: bool = True,
    on_shot: Callable[[], None] = lambda: None,
    emit: Emit = ignore,
) -> Filmed:
    """Draw every frame of a film anew.

    Args:
        source: a film.
        out: the new one, .mp4, .webm or .gif; it is there whole or not at all.
        draw: HWC uint8, [0, 255], RGB in sRGB, upright, to the same; the size of what it gives
            for the first frame is the new film's, and that of all frames.
        size_px: bound on the longer side of the frames that `draw` gets; None: as they are.
        start_s: the first time that is wanted, in the film's clock; None: from its beginning.
        end_s: the time from which on nothing is wanted; None: to its end.
        with_sound: take the sound over, where the new film can hold it as it is.
        on_shot: called before the first frame of each shot, the first one included.
        emit: gets progress in frames, what is wrong with the film, and what becomes of the sound.

    Raises:
        VideoError: the film cannot be read, has no frames in the span, or cannot be written.
        UsageError: a span, size or place that cannot be; a GIF faster than GIFs can be.
    """
    film = _checked(source, out, size_px, start_s, end_s)
    began_s = time.monotonic()
    told = _Told(film, emit)
    for note in film.notes:
        emit(Note(f"{shown(source.name)}: {note}", "warning"))
    frames = _shots(film, start_s, end_s, told)
    first = next(frames, None)
    if first is None:
        raise VideoError(
            f"{shown(source)} has no frames to draw"
            + ("" if start_s is None and end_s is None else f" {_span(start_s, end_s)}")
        )
    work = _Work(first[0].pts_s, draw, on_shot, size_px)
    pixels = work.drawn(*first)
    expected = _frames_expected(film, start_s, end_s)
    task = f"film {shown(out.name)}"
    with ExitStack() as stack:
        writer, words = _writer(
            stack,
            film,
            out,
            first=first[0],
            pixels=pixels,
            end_s=end_s,
            with_sound=with_sound,
            emit=emit,
        )
        writer.write(pixels, 0.0)
        for raw, begins in frames:
            emit(Progress(task, work.frames, _at_least(expected, work.frames + 1), "frames"))
            pixels = work.drawn(raw, begins)
            writer.write(pixels, work.last_s)
    emit(Progress(task, work.frames, work.frames, "frames"))
    told.sum_up()
    return Filmed(
        source=source,
        out=out,
        size_px=writer.size_px,
        frames=work.frames,
        duration_s=work.last_s,
        shots=work.shots,
        sound=words,
        damages=tuple(told.damages),
        seconds=time.monotonic() - began_s,
    )


def is_film(path: Path) -> bool:
    """Whether a file is called like a film; what it is, only opening it can say."""
    return path.suffix.lower() in FILM_SUFFIXES


@dataclass
class _Work:
    """Draws one frame after the other, all in the size of the first."""

    origin_s: float  # the source's time that becomes 0
    draw: Callable[[Picture], Picture]
    on_shot: Callable[[], None]
    size_px: int | None
    frames: int = 0
    shots: int = 0
    last_s: float = 0.0  # of the new film
    _asked_px: tuple[int, ...] = ()
    _drawn_px: tuple[int, ...] = ()

    def drawn(self, raw: RawFrame, begins: bool) -> Picture:
        from artstyle.images import resize_lanczos

        if begins:
            self.on_shot()
            self.shots += 1
        rgb = raw.rgb(self.size_px)
        if self._asked_px and rgb.shape != self._asked_px:  # the film changes its size on its way
            rgb = resize_lanczos(rgb, self._asked_px[1], self._asked_px[0])
        self._asked_px = rgb.shape
        pixels = self.draw(rgb)
        if self._drawn_px and pixels.shape != self._drawn_px:
            raise VideoError(
                f"frame {self.frames} was drawn in {pixels.shape[1]} x {pixels.shape[0]} pixels,"
                f" the ones before in {self._drawn_px[1]} x {self._drawn_px[0]}"
            )
        self._drawn_px = pixels.shape
        self.frames += 1
        self.last_s = raw.pts_s - self.origin_s
        return pixels


@dataclass
class _Told:
    """Tells of what is wrong with a film, and counts on when it is too much."""

    film: Film
    emit: Emit
    damages: list[str] = field(default_factory=list)

    def __call__(self, damage: Damage) -> None:
        where = "" if damage.pts_s is None else f" (after {damage.pts_s:.3f} s)"
        self.damages.append(f"{damage.text}{where}")
        if len(self.damages) <= _FAULTS_TOLD:
            self.emit(Note(f"{shown(self.film.path.name)}: {self.damages[-1]}", "warning"))

    def sum_up(self) -> None:
        more = len(self.damages) - _FAULTS_TOLD
        if more > 0:
            name = shown(self.film.path.name)
            self.emit(Note(f"{name}: {more} more faults of this film", "warning"))


def _checked(
    source: Path, out: Path, size_px: int | None, start_s: float | None, end_s: float | None
) -> Film:
    """The film, if what is wanted of it can be."""
    from artstyle.video.film import open_film
    from artstyle.video.write import SUFFIXES

    if out.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"films are written as {', '.join(SUFFIXES)}, and {shown(out)} is none of them",
            hint=f"call it {shown(out.with_suffix('.mp4').name)}",
        )
    if size_px is not None and size_px < 2:
        raise UsageError(f"frames of {size_px} pixels show nothing")
    if start_s is not None and end_s is not None and end_s <= start_s:
        raise UsageError(f"there is nothing {_span(start_s, end_s)}")
    film = open_film(source)
    if out.exists() and out.samefile(source):
        raise UsageError(f"{shown(out)} is the film itself", hint="name another with --out")
    if out.suffix.lower() == ".gif" and _fps(film) > _GIF_FPS:
        raise UsageError(
            f"{shown(source)} has {_fps(film):g} frames a second, and a GIF shows {_GIF_FPS:g}",
            hint=f"call it {shown(out.with_suffix('.mp4').name)}",
        )
    return film


def _span(start_s: float | None, end_s: float | None) -> str:
    begin = "its beginning" if start_s is None else f"{start_s:g} s"
    return f"from {begin} on" if end_s is None else f"from {begin} to {end_s:g} s"


def _shots(
    film: Film, start_s: float | None, end_s: float | None, told: _Told
) -> Iterator[tuple[RawFrame, bool]]:
    """The frames, each with whether a shot begins there."""
    from artstyle.video.read import raw_frames
    from artstyle.video.sample import with_shots
    from artstyle.video.shots import ShotDetector

    raw = raw_frames(film, start_s=start_s, end_s=end_s, on_damage=told)
    for one, number in with_shots(raw, ShotDetector()):
        yield one, number is not None


def _writer(
    stack: ExitStack,
    film: Film,
    out: Path,
    *,
    first: RawFrame,
    pixels: Picture,
    end_s: float | None,
    with_sound: bool,
    emit: Emit,
) -> tuple[VideoWriter, str]:
    """The new film, opened, and what becomes of the sound."""
    from artstyle.video.sound import SoundCopy
    from artstyle.video.write import VideoWriter

    sound, words = _sound(film, out, with_sound)
    copy = None
    if sound is not None:
        copy = stack.enter_context(SoundCopy(sound, start_s=first.pts_s, end_s=end_s))
        told = copy
        stack.callback(lambda: _tell_fault(told, film, emit))
    elif words.startswith("left out: "):
        emit(Note(f"{shown(film.path.name)}: {words[10:]}; the new film is silent", "warning"))
    tick_s = max(Fraction(first.source.time_base or _FINEST_TICK_S), _FINEST_TICK_S)
    size = (pixels.shape[1], pixels.shape[0])
    writer = VideoWriter(out, size, _fps(film), tick_s=tick_s, sound=copy)
    return stack.enter_context(writer), words


def _tell_fault(copy: SoundCopy, film: Film, emit: Emit) -> None:
    if copy.fault:
        emit(Note(f"{shown(film.path.name)}: {copy.fault}", "warning"))


def _sound(film: Film, out: Path, wanted: bool) -> tuple[Sound | None, str]:
    """The sound that can be taken over, and what to say of it."""
    from artstyle.video.sound import sound_for

    if not wanted:
        return None, "none"
    sound, why = sound_for(film, out.suffix)
    if sound is not None:
        return sound, f"copied ({sound.codec})"
    return None, f"left out: {why}" if why else "none"


def _fps(film: Film) -> float:
    fps = film.fps or _USUAL_FPS
    return fps if fps <= _MOST_FPS else _USUAL_FPS


def _frames_expected(film: Film, start_s: float | None, end_s: float | None) -> int | None:
    if film.end_s is None and end_s is None:
        return None
    ends = [one for one in (film.end_s, end_s) if one is not None]
    span_s = min(ends) - max(film.start_s, start_s or film.start_s)
    return max(1, round(span_s * _fps(film)))


def _at_least(expected: int | None, frames: int) -> int | None:
    """How many frames there are in all; a header that promised fewer is not believed."""
    return None if expected is None else max(expected, frames)

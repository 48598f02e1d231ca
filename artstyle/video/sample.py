"""Which frames of a film are worth looking at: some per shot, spread over it, and sharp.

The film is read once, from front to back. What is kept in memory does not grow with its length:
the frames the shot detector has not decided yet, and a bounded number of candidates of the shot
that is running. A candidate is the sharpest frame of a short span, so that what moves is taken
where it stands still.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import VideoError
from artstyle.events import Emit, Note, Progress, ignore
from artstyle.video.film import Film
from artstyle.video.picture import Frame, RawFrame
from artstyle.video.read import OnDamage, raw_frames
from artstyle.video.shots import LOOKAHEAD, ShotDetector

_COMPARE_PX, _SHARPNESS_PX = 64, 320  # longer sides of what is compared and measured; guesses
_HELD_PER_WANTED = 4  # candidates kept for each frame that a shot may give
_MOST_PER_SHOT = 16  # beyond this the candidates of 1080p would take 200 MB and more
_KEYFRAME_THRESHOLD = 20.0  # keyframes lie seconds apart and differ without a cut; a guess
_PLENTY = 5.0  # frames in the span of which the sharpest is taken; a guess
_PROGRESS_S = 5.0  # of the film between two reports


@dataclass(frozen=True)
class Plan:
    """Which frames are wanted."""

    every_s: float = 1.0  # a candidate in each span of so many seconds of a shot
    per_shot: int | None = 4  # at most so many of each shot; None: every candidate
    sharpest_of_s: float = 0.25  # length of the span whose sharpest frame is the candidate
    keyframes: Literal["auto", "never", "only"] = "auto"  # auto: where they lie close enough
    size_limit_px: int | None = None  # bound on the longer side of the pictures
    start_s: float | None = None  # in the film's clock; None: from its beginning
    end_s: float | None = None  # None: to its end
    min_shot_s: float = 0.4

    def check(self) -> None:
        """Refuse what cannot be done.

        Raises:
            VideoError: a length that is not above 0, or a number out of bounds.
        """
        for name in ("every_s", "sharpest_of_s"):
            if not getattr(self, name) > 0:
                raise VideoError(f"{name} is {getattr(self, name)}, and must be more than 0")
        if self.per_shot is not None and not 1 <= self.per_shot <= _MOST_PER_SHOT:
            raise VideoError(
                f"{self.per_shot} frames per shot cannot be chosen: 1 to {_MOST_PER_SHOT} can",
                hint="leave the bound away, and every span of every_s gives one",
            )


@dataclass(frozen=True, eq=False)
class Sampled:
    """A frame that was chosen."""

    frame: Frame
    shot: int  # number of its shot, counting from 0
    sharpness: float  # see `sharpness`; comparable inside a film only


@dataclass(frozen=True, eq=False)
class _Candidate:
    raw: RawFrame
    sharpness: float


def sample(
    film: Film,
    plan: Plan,
    *,
    after_s: float | None = None,
    threads: int = 1,
    emit: Emit = ignore,
    on_damage: OnDamage | None = None,
) -> Generator[Sampled, None, None]:
    """Choose frames while reading; the frames of a shot come when it has ended, in order.

    Frames that the decoder marks as damaged are not chosen.

    Args:
        film: what `open_film` gave.
        plan: which frames are wanted.
        after_s: leave out what was chosen up to this time by an earlier reading with the same
            plan; all others are the same as without. None: leave out nothing.
        threads: how many the decoder may use; 0 lets it choose.
        emit: hears how far it is, and whether keyframes suffice.
        on_damage: hears of every fault of the film; None: `emit` hears it as a warning.

    Raises:
        VideoError: the plan cannot be followed, or the film cannot be opened any more.
    """
    plan.check()
    keyframes_only = use_keyframes(film, plan, emit)
    raw = raw_frames(
        film,
        start_s=plan.start_s,
        end_s=plan.end_s,
        keyframes_only=keyframes_only,
        threads=threads,
        on_damage=on_damage or (lambda one: emit(Note(f"{film.path.name}: {one.text}", "warning"))),
        leave_out_unneeded=not keyframes_only and _has_plenty(film, plan),
    )
    detector = ShotDetector(min_shot_s=plan.min_shot_s)
    if keyframes_only:
        detector = ShotDetector(_KEYFRAME_THRESHOLD, None, plan.min_shot_s)
    shot = _Shot(0, plan, after_s)
    told_s = film.start_s
    for one, begins in with_shots(raw, detector):
        if begins is not None and begins != shot.number:
            yield from shot.end()
            shot = _Shot(begins, plan, after_s)
        yield from shot.take(one)
        if one.pts_s >= told_s + _PROGRESS_S:
            told_s = one.pts_s
            emit(Progress("sample", one.pts_s - film.start_s, film.duration_s, "s"))
    yield from shot.end()


def _has_plenty(film: Film, plan: Plan) -> bool:
    """Whether a half or a third of the frames still gives several to choose the sharpest from."""
    return film.fps is not None and film.fps * plan.sharpest_of_s >= _PLENTY


def use_keyframes(film: Film, plan: Plan, emit: Emit = ignore) -> bool:
    """Whether to read keyframes only, and why not where they were asked for or would not do."""
    gap_s = film.keyframe_gap_s
    suffices = gap_s is not None and gap_s <= plan.every_s
    apart = (
        "lie farther apart than was looked" if gap_s is None else f"lie up to {gap_s:.2f} s apart"
    )
    if plan.keyframes == "only":
        if not suffices:
            emit(
                Note(
                    f"the keyframes of {film.path.name} {apart}: there will be fewer frames"
                    f" than one in {plan.every_s:g} s",
                    "warning",
                )
            )
        return True
    if plan.keyframes == "auto" and not suffices:
        emit(Note(f"the keyframes of {film.path.name} {apart}: every frame is read", "debug"))
    return plan.keyframes == "auto" and suffices


def sharpness(luma: NDArray[np.uint8]) -> float:
    """The variance of the Laplacian: large where edges are crisp.

    Args:
        luma: HW uint8, at least 3 x 3; else the answer is 0.
    """
    if min(luma.shape) < 3:
        return 0.0
    grey = luma.astype(np.float32)
    middle = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4 * middle).var())


def with_shots(
    raw: Iterator[RawFrame], detector: ShotDetector
) -> Iterator[tuple[RawFrame, int | None]]:
    """Frames in order, each with the number of the shot that begins there, or None."""
    held: deque[RawFrame] = deque()
    shape: tuple[int, ...] | None = None
    small_like: tuple[int, int] = (0, 0)
    for one in raw:
        small = one.colour(_COMPARE_PX)
        if shape is not None and small.shape != shape:
            # The pictures' size changes: compared in the size of the first ones.
            small = _to_shape(small, small_like)
        shape, small_like = small.shape, (small.shape[1], small.shape[2])
        start = detector.feed(one.pts_s, small)
        held.append(one)
        if start is not None and start.kind == "first":
            yield held.popleft(), start.number
        elif len(held) > LOOKAHEAD:
            yield held.popleft(), None if start is None else start.number
    begins = {start.pts_s: start.number for start in detector.finish()}
    for one in held:
        yield one, begins.get(one.pts_s)


def _to_shape(planes: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The nearest pixels of CHW planes in another height and width."""
    rows = np.arange(size[0]) * planes.shape[1] // size[0]
    columns = np.arange(size[1]) * planes.shape[2] // size[1]
    resized: NDArray[np.uint8] = planes[:, rows][:, :, columns]
    return resized


@dataclass
class _Shot:
    """The shot that is running: its candidates so far."""

    number: int
    plan: Plan
    after_s: float | None
    held: list[_Candidate] = field(default_factory=list)
    best: _Candidate | None = None  # of the span that is open
    begin_s: float | None = None
    end_s: float = 0.0  # time of its last frame so far
    span: int = -1  # number of the span whose candidate is found or sought
    stride: int = 1  # only every so manieth span is kept: the shot is long

    def take(self, raw: RawFrame) -> Iterator[Sampled]:
        """The next frame of the shot; gives what needs no more waiting."""
        if self.begin_s is None:
            self.begin_s = raw.pts_s
        self.end_s = raw.pts_s
        since_s = raw.pts_s - self.begin_s + 1e-6
        span = int(since_s // self.plan.every_s)
        if span != self.span:
            yield from self._close()
            self.span = span
        if span % self.stride or raw.is_damaged:
            return
        if self.best is None or since_s - span * self.plan.every_s < self.plan.sharpest_of_s:
            candidate = _Candidate(raw, sharpness(raw.luma(_SHARPNESS_PX)))
            if self.best is None or candidate.sharpness > self.best.sharpness:
                self.best = candidate

    def end(self) -> Iterator[Sampled]:
        """The shot is over: the frames that were chosen and not given yet."""
        yield from self._close()
        for one in spread(self.held, self.plan.per_shot or len(self.held), self.end_s):
            yield from self._sampled(one)

    def _close(self) -> Iterator[Sampled]:
        best, self.best = self.best, None
        if best is None:
            return
        if self.plan.per_shot is None:
            yield from self._sampled(best)
            return
        self.held.append(best)
        if len(self.held) > _HELD_PER_WANTED * self.plan.per_shot:
            self.held = self.held[::2]
            self.stride *= 2

    def _sampled(self, one: _Candidate) -> Iterator[Sampled]:
        raw = one.raw
        if self.after_s is not None and raw.pts_s <= self.after_s:
            return
        rgb = raw.rgb(self.plan.size_limit_px)
        frame = Frame(raw.pts_s, rgb, raw.is_keyframe, raw.index, raw.is_damaged)
        yield Sampled(frame, self.number, one.sharpness)


def spread(candidates: list[_Candidate], wanted: int, end_s: float) -> list[_Candidate]:
    """At most so many of the candidates: the sharpest of each of as many equal times.

    Args:
        candidates: in order of time.
        wanted: how many.
        end_s: when their shot ends; it begins with the first of them.
    """
    if len(candidates) <= wanted:
        return candidates
    begin_s = candidates[0].raw.pts_s
    part_s = max(end_s - begin_s, 1e-6) / wanted
    best: dict[int, _Candidate] = {}
    for one in candidates:
        part = min(int((one.raw.pts_s - begin_s + 1e-6) // part_s), wanted - 1)
        if part not in best or one.sharpness > best[part].sharpness:
            best[part] = one
    return [best[part] for part in sorted(best)]

"""Find where shots begin, frame by frame, while a film is read.

A cut is a frame that differs from the one before it far more than its neighbours differ from
theirs: the content difference (mean absolute difference of luma and colour) is held against its
own average in a window around it, so that a fast pan or falling snow is no cut. The idea of such
an adaptive threshold is that of PySceneDetect's AdaptiveDetector (B. Castellano, BSD-3-Clause);
this is our own code, with our own rules for flashes and fades. Dissolves are not found: the shot
that a dissolve leads to counts as part of the one before it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import VideoError

_SIDE = 2  # frames on each side that a difference is compared with, as in PySceneDetect
LOOKAHEAD = _SIDE  # a frame is decided when this many more have been fed
# Guesses, held against Sintel and drawn films in the tests:
_LUMA_WEIGHT, _COLOUR_WEIGHT = 1.0, 1.0
_QUIET = 1.0  # an average below this counts as this: in a still, noise is no neighbour to beat
_FLASH_PART = 0.5  # a flash: what follows it resembles what came before by so much
_BLACK, _WHITE, _FLAT = 22.0, 232.0, 8.0  # mean luma of faded frames, and their deviation

Kind: TypeAlias = Literal["first", "cut", "fade"]


@dataclass(frozen=True)
class ShotStart:
    """A shot begins at this frame."""

    pts_s: float
    number: int  # of the shot, counting from 0
    kind: Kind
    score: float  # content difference to the frame before, 0 to 255; 0 for the first


@dataclass(frozen=True, eq=False)
class _Seen:
    pts_s: float
    small: NDArray[np.float32]  # CHW
    score: float  # difference to the frame before
    is_blank: bool  # faded out to black or white


@dataclass
class ShotDetector:
    """Feed it small frames in order; it answers with shots that begin.

    Args:
        threshold: least content difference of a cut, in steps of 8 bits.
        ratio: how many times the average of its neighbours a cut's difference must be; None takes
            the threshold alone, which is right for frames that lie far apart, such as keyframes.
        min_shot_s: a shot that would end sooner goes on instead.
    """

    threshold: float = 8.0  # a guess, held against Sintel: fast pans there reach 13, cuts 9 to 53
    ratio: float | None = 3.0  # PySceneDetect's default
    min_shot_s: float = 0.4  # a guess: ten frames of a film
    _window: deque[_Seen] = field(default_factory=lambda: deque(maxlen=2 * _SIDE + 2), init=False)
    _last: ShotStart | None = field(default=None, init=False)
    _was_blank: bool = field(default=False, init=False)
    _undecided: int = field(default=0, init=False)

    def feed(self, pts_s: float, small: NDArray[np.uint8]) -> ShotStart | None:
        """The next frame.

        Args:
            pts_s: when it is shown.
            small: luma HW, or planes 3HW of luma and two colour differences; uint8; a few
                thousand pixels, all frames alike.

        Returns:
            The shot that begins at the frame fed `LOOKAHEAD` calls ago, or None if none does.
            The first frame is answered at once.

        Raises:
            VideoError: the shape is not one of the two, or another than before.
        """
        if small.ndim not in (2, 3) or not small.size:
            raise VideoError(f"an array of shape {small.shape} is no small frame: HW or 3HW is")
        planes = np.asarray(small if small.ndim == 3 else small[None], dtype=np.float32)
        if not self._window:
            self._window.append(_Seen(pts_s, planes, 0.0, _is_blank(planes)))
            self._was_blank = self._window[-1].is_blank
            return self._begin(pts_s, "first", 0.0)
        before = self._window[-1].small
        if before.shape != planes.shape:
            raise VideoError(f"a small frame of shape {planes.shape} follows one of {before.shape}")
        score = content_difference(before, planes)
        self._window.append(_Seen(pts_s, planes, score, _is_blank(planes)))
        self._undecided += 1
        return self._decide() if self._undecided > _SIDE else None

    def finish(self) -> list[ShotStart]:
        """The shots that begin among the last `LOOKAHEAD` frames, when no more frames come."""
        found = []
        while self._undecided:
            if start := self._decide():
                found.append(start)
        return found

    def _decide(self) -> ShotStart | None:
        """Decide about the oldest frame that is not decided."""
        at = len(self._window) - self._undecided
        self._undecided -= 1
        here = self._window[at]
        leaves_fade, self._was_blank = self._was_blank and not here.is_blank, here.is_blank
        if self._last is not None and here.pts_s - self._last.pts_s < self.min_shot_s - 1e-6:
            # Blank frames before the first picture of a shot are part of that shot.
            self._was_blank = self._was_blank or (leaves_fade and self._last.kind != "first")
            return None
        if leaves_fade and not (here.score >= self.threshold and self._is_flash(at)):
            return self._begin(here.pts_s, "fade", here.score)
        if self._is_cut(at) and (self.ratio is None or not self._is_flash(at)):
            return self._begin(here.pts_s, "cut", here.score)
        return None

    def _is_cut(self, at: int) -> bool:
        window = list(self._window)
        here = window[at]
        if here.score < self.threshold or here.is_blank:
            return False  # a cut to black is decided when the black ends
        if self.ratio is None:
            return True
        around = window[max(1, at - _SIDE) : at] + window[at + 1 : at + 1 + _SIDE]
        if around:
            # The largest is left out: beside a cut there may be a repeated or a damaged frame.
            scores = sorted(one.score for one in around)[: max(1, len(around) - 1)]
            if here.score < self.ratio * max(_QUIET, sum(scores) / len(scores)):
                return False
        return True

    def _is_flash(self, at: int) -> bool:
        """Whether what was before comes back: the frame begins a flash, or ends one."""
        window = list(self._window)
        here, limit = window[at], _FLASH_PART * window[at].score
        begins = ((window[at - 1], later) for later in window[at + 1 : at + 1 + _SIDE])
        ends = ((earlier, here) for earlier in window[max(0, at - 1 - _SIDE) : at - 1])
        return any(
            content_difference(one.small, other.small) < limit
            for pairs in (begins, ends)
            for one, other in pairs
        )

    def _begin(
        self, pts_s: float, kind: Literal["first", "cut", "fade"], score: float
    ) -> ShotStart:
        number = 0 if self._last is None else self._last.number + 1
        self._last = ShotStart(pts_s, number, kind, score)
        return self._last


def content_difference(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """How much two small frames differ, 0 to 255.

    Args:
        before: CHW float32, [0, 255]; the first plane is luma.
        after: as `before`.

    Returns:
        Weighted mean of the planes' mean absolute differences: colour alone can make a cut.
    """
    planes = np.abs(after - before).mean(axis=(1, 2))
    if len(planes) == 1:
        return float(planes[0])
    # Colour differences span less than luma does: the larger of both counts twice.
    return float(_LUMA_WEIGHT * planes[0] + _COLOUR_WEIGHT * planes[1:].max()) / (
        _LUMA_WEIGHT + _COLOUR_WEIGHT * 0.5
    )


def _is_blank(planes: NDArray[np.float32]) -> bool:
    luma = planes[0]
    mean = float(luma.mean())
    return (mean < _BLACK or mean > _WHITE) and float(luma.std()) < _FLAT

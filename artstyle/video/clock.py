"""When a frame is shown: its own time stamp, or the best guess where that is missing or broken."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

_USUAL_FPS = 25.0  # a guess, for files that name no rate and break their first time stamps
_BEYOND_END_S = 10.0  # a guess: headers round, and end up to a few seconds before the last frame


@dataclass
class Clock:
    """Turns time stamps into seconds that only grow.

    Args:
        fps: the nominal rate; None is taken as 25 where a time has to be guessed.
        end_s: when the film ends by its header; None if it does not say.
    """

    fps: float | None
    end_s: float | None
    last_s: float | None = None

    def time_s(self, pts: int | None, time_base: Fraction | None) -> tuple[float, str | None]:
        """The time of the next frame in order of presentation, and what is wrong with its stamp.

        Args:
            pts: its time stamp in units of `time_base`, or None if it has none.
            time_base: seconds per unit.

        Returns:
            Seconds, more than all before; None if the stamp was good, else why it was not taken.
        """
        stamp_s = None if pts is None or not time_base else float(pts * time_base)
        fault = self._fault(stamp_s)
        time_s = self._guess_s() if fault or stamp_s is None else stamp_s
        self.last_s = time_s
        return time_s, fault

    def _fault(self, stamp_s: float | None) -> str | None:
        if stamp_s is None:
            return "a frame has no time stamp; its time is guessed"
        if self.last_s is not None and stamp_s <= self.last_s:
            return f"the time stamp {stamp_s:.3f} s lies before the last one; its time is guessed"
        if self.end_s is not None and stamp_s > self.end_s + _BEYOND_END_S:
            return f"the time stamp {stamp_s:.3f} s lies beyond the film's end; its time is guessed"
        return None

    def _guess_s(self) -> float:
        if self.last_s is None:
            return 0.0
        step_s = 1.0 / (self.fps or _USUAL_FPS)
        return max(self.last_s + step_s, math.nextafter(self.last_s, math.inf))

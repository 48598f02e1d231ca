"""How long a base is bent to each face, where nobody says; nothing heavy is imported to know it."""

from __future__ import annotations

_STEPS, _SMALL_PX = 40, 128


def usual_tuning(resolution: int) -> int:
    """Steps of pivotal tuning for a base of this side, where nobody says how many.

    A face takes about 2 s at 64 px on one core, and 1 MB; at 256 px minutes, and tens of MB.
    """
    return _STEPS if resolution <= _SMALL_PX else 0

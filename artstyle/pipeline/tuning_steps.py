"""How long a base is bent to each face, where nobody says, and what styles take along of it.

Nothing heavy is imported to know it.
"""

from __future__ import annotations

# Of a person's change in a level that is all the style's (`stylegan_ext.tuning.left_of`); chosen by
# eye, of 0, 0.3, 0.5, 0.6, 0.75 and 1.
KEPT = 0.3
_STEPS, _SMALL_PX = 40, 128


def usual_tuning(resolution: int) -> int:
    """Steps of pivotal tuning for a base of this side, where nobody says how many.

    A face takes about 2 s at 64 px on one core, and 1 MB; at 256 px minutes, and tens of MB.
    """
    return _STEPS if resolution <= _SMALL_PX else 0

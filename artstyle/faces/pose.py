"""How a head is turned, estimated from five points.

A mean head in three dimensions is fitted to the points under scaled orthographic projection: the
best affine map by least squares, then the rotation next to it. Depth is seen in the nose alone, so
yaw is an estimate and pitch a rough one; roll and scale are sure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import UsageError
from artstyle.faces.landmarks import EyesMouth
from artstyle.faces.quad import TEMPLATE

# The five points of the mean head, (x right, y down, z towards the viewer) in distances of the
# eyes, from the eyes' middle. x and y are the template's; the depths are a guess from the
# proportions of heads: the tip of the nose stands half a distance of the eyes out, the mouth a
# little.
_DEPTHS = (0.0, 0.0, 0.5, 0.1, 0.1)
HEAD: NDArray[np.float64] = np.column_stack([(TEMPLATE - [0.5, 0.476]) / 0.25, _DEPTHS])


@dataclass(frozen=True)
class Pose:
    """How a head is turned, and how large it is; angles are 0 for a level face seen from ahead."""

    roll_deg: float  # clockwise in the picture
    yaw_deg: float  # towards the viewer's right
    pitch_deg: float  # upwards
    scale_px: float  # the distance of the eyes if the head were seen from ahead


def pose_of(face: EyesMouth) -> Pose:
    """Estimate the pose of a head.

    Raises:
        UsageError: the points coincide.
    """
    head = HEAD - HEAD.mean(axis=0)
    seen = face.five() - face.five().mean(axis=0)
    affine = np.linalg.lstsq(head, seen, rcond=None)[0].T  # [2, 3]
    left, scales, right = np.linalg.svd(affine, full_matrices=False)
    if scales[1] < 1e-6 * max(scales[0], 1e-6):
        raise UsageError("the five points lie on a line, so that they show no pose")
    rows = left @ right  # the two rows of the nearest rotation
    rotation = np.vstack([rows, np.cross(rows[0], rows[1])])
    # The rotation is roll after yaw after pitch; its entries in that order give the angles.
    return Pose(
        roll_deg=float(np.degrees(np.arctan2(rotation[1, 0], rotation[0, 0]))),
        yaw_deg=float(np.degrees(-np.arcsin(np.clip(rotation[2, 0], -1, 1)))),
        pitch_deg=float(np.degrees(np.arctan2(rotation[2, 1], rotation[2, 2]))),
        scale_px=float(scales.mean()),
    )

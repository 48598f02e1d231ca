"""From a face's points to its aligned crop, with figures about both.

    aligned = align(rgb, face.points_px, face.kind, 256)
    aligned.crop.rgb, aligned.confidence, aligned.pose.yaw_deg

The steps are there for themselves: `landmarks_to_eyes_mouth`, `landmarks_to_quad`, `quad_to_crop`,
`crop_to_picture`, `pose_of`, `alignment_confidence`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artstyle.faces.crop import ENLARGE_LIMIT, Crop, outside_share, quad_to_crop
from artstyle.faces.landmarks import EyesMouth, Kind, Points, landmarks_to_eyes_mouth
from artstyle.faces.pose import Pose, pose_of
from artstyle.faces.quad import (
    TEMPLATE,
    Quad,
    alignment_confidence,
    crop_to_picture,
    landmarks_to_quad,
    picture_to_crop,
    quad_side_px,
    template_distance,
)

__all__ = [
    "ENLARGE_LIMIT",
    "ESTIMATED_CONFIDENCE",
    "TEMPLATE",
    "Aligned",
    "Crop",
    "EyesMouth",
    "Kind",
    "Pose",
    "Quad",
    "align",
    "alignment_confidence",
    "confidence_of",
    "crop_to_picture",
    "landmarks_to_eyes_mouth",
    "landmarks_to_quad",
    "outside_share",
    "picture_to_crop",
    "pose_of",
    "quad_side_px",
    "quad_to_crop",
    "template_distance",
]

# Points that were set by proportion fit the template because they were made so. A guess: below
# half, so that they never pass for points that were seen.
ESTIMATED_CONFIDENCE = 0.3


@dataclass(frozen=True, eq=False)
class Aligned:
    """A face, cut out aligned."""

    crop: Crop
    face: EyesMouth  # in the picture
    pose: Pose
    confidence: float  # [0, 1], see `confidence_of`


def align(
    rgb: NDArray[np.uint8],
    points_px: Points,
    kind: Kind,
    size_px: int,
    *,
    enlarge_limit: float = ENLARGE_LIMIT,
) -> Aligned:
    """Cut a face out of a picture so that eyes and mouth lie where FFHQ has them.

    Args:
        rgb: HWC uint8, [0, 255], RGB.
        points_px: [n, 2], (x, y) in pixels, centre of pixel i at i + 0.5.
        kind: what the points are.
        size_px: side of the crop.
        enlarge_limit: see `quad_to_crop`.

    Raises:
        ImageError: the picture is none, or the face lies outside of it.
        UsageError: the points are not what `kind` says, or give no direction.
    """
    face = landmarks_to_eyes_mouth(points_px, kind)
    quad = landmarks_to_quad(face)
    crop = quad_to_crop(rgb, quad, size_px, enlarge_limit=enlarge_limit)
    return Aligned(crop, face, pose_of(face), confidence_of(points_px, kind))


def confidence_of(points_px: Points, kind: Kind) -> float:
    """`alignment_confidence` of a detector's points, at most 0.3 where they are estimated.

    Raises:
        UsageError: see `align`.
    """
    face = landmarks_to_eyes_mouth(points_px, kind)
    confidence = alignment_confidence(face, landmarks_to_quad(face))
    return min(confidence, ESTIMATED_CONFIDENCE) if kind == "five-estimated" else confidence

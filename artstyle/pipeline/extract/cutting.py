"""The faces of one picture or frame, and how one is cut out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from artstyle.errors import ImageError, UsageError
from artstyle.faces.align import (
    Crop,
    EyesMouth,
    Pose,
    Quad,
    confidence_of,
    landmarks_to_eyes_mouth,
    landmarks_to_quad,
    outside_share,
    pose_of,
    quad_side_px,
    quad_to_crop,
)
from artstyle.faces.beyond import wall_of
from artstyle.faces.detector import Detector, Face, Pixels
from artstyle.images import WHITE, blend, encode_png

# A square this many times as large as the picture is a slip of the points, not a face: a guess.
_LARGEST = 4.0
_DIGITS = 4  # of figures in the catalog
_MARGIN_PX = 8  # kept around what a crop needs, against rounding
_BORDER = 0.15  # in sides: more than `quad_to_crop` reads around a square


@dataclass(frozen=True, eq=False)
class Seen:
    """A face that can be aligned."""

    face: Face
    points: EyesMouth
    pose: Pose
    quad_px: Quad
    confidence: float

    @property
    def face_px(self) -> float:
        """Side of its square in the picture."""
        return quad_side_px(self.quad_px)


@dataclass(frozen=True)
class Look:
    """What a detector saw in one picture."""

    seen: tuple[Seen, ...]
    too_small: int
    unusable: int


def look(rgb: Pixels, detector: Detector, min_face_px: float) -> Look:
    """Find the faces of a picture.

    Args:
        rgb: HWC uint8, [0, 255], RGB.
        detector: this thread's.
        min_face_px: least side of a face's square.

    Raises:
        ImageError: the detector cannot search this picture.
    """
    try:
        found = detector.detect(rgb)
    except (cv2.error, MemoryError, RuntimeError) as fault:
        size = f"{rgb.shape[1]} x {rgb.shape[0]}"
        raise ImageError(f"{detector.name} cannot search a picture of {size}: {fault}") from fault
    seen, too_small, unusable = [], 0, 0
    for face in found:
        one = _seen(face, rgb.shape[1], rgb.shape[0])
        if one is None:
            unusable += 1
        elif one.face_px < min_face_px:
            too_small += 1
        else:
            seen.append(one)
    return Look(tuple(seen), too_small, unusable)


def _seen(face: Face, width: int, height: int) -> Seen | None:
    """The face with its square, or None if its points make none that lies in the picture."""
    try:
        points = landmarks_to_eyes_mouth(face.points_px, face.kind)
        quad, pose = landmarks_to_quad(points), pose_of(points)
        confidence = confidence_of(face.points_px, face.kind)
    except UsageError:
        return None
    too_large = quad_side_px(quad) > _LARGEST * max(width, height)
    if too_large or outside_share(quad, width, height) >= 1:
        return None
    return Seen(face, points, pose, quad, confidence)


@dataclass(frozen=True, eq=False)
class Laid:
    """A picture without transparency, and what is known of the figure in it."""

    rgb: Pixels
    alpha: Pixels | None  # of the figure: what it was, or all but a plain wall; None: unknown
    behind: tuple[int, int, int]  # what the figure lies on, [0, 255]


def laid(rgb: Pixels, alpha: Pixels | None, matte: tuple[int, int, int]) -> Laid:
    """Lay a picture over a colour; an opaque one may have a plain wall of its own instead."""
    if alpha is not None and alpha.min() < 255:
        return Laid(blend(rgb, alpha, matte), alpha, matte)
    wall = wall_of(rgb)
    return Laid(rgb, *wall) if wall else Laid(rgb, None, matte)


def cut(picture: Pixels | Laid, seen: Seen, size_px: int, enlarge_limit: float) -> Crop:
    """The aligned crop of a face of this picture."""
    one = picture if isinstance(picture, Laid) else Laid(picture, None, WHITE)
    return quad_to_crop(
        *(one.rgb, seen.quad_px, size_px),
        enlarge_limit=enlarge_limit,
        alpha=one.alpha,
        matte=one.behind,
    )


def png_of(crop: Crop) -> bytes:
    """The crop as a file.

    Runs alone are looked for: on portraits and paintings a quarter of the time of level 6, and
    the files are not larger.
    """
    return encode_png(crop.rgb, compress_level=1, only_runs=True)


def figures_of(seen: Seen, crop: Crop) -> dict[str, Any]:
    """The figures that the catalog keeps about a face that was cut out."""
    figures: Mapping[str, float] = {
        "confidence": seen.confidence,
        **vars(seen.pose),
        "face_px": seen.face_px,
        "upscale_factor": crop.upscale_factor,
        "outside_share": crop.outside_share,
    }
    rounded = {name: round(float(value), _DIGITS) for name, value in figures.items()}
    return {**rounded, "enlarged": crop.enlarged}


@dataclass(frozen=True, eq=False)
class Part:
    """As much of a frame as the crop of one face needs, so that the frame need not be kept."""

    rgb: Pixels
    origin_px: tuple[int, int]  # x, y of its first pixel in the frame
    seen: Seen

    def moved(self, x_px: int, y_px: int) -> Part:
        """The same part, of a frame in which the picture that it was taken from lies there."""
        face, points, by = self.seen.face, self.seen.points, np.array([x_px, y_px], np.float64)
        x0, y0, x1, y1 = face.bbox_px
        seen = Seen(
            Face(
                (x0 + x_px, y0 + y_px, x1 + x_px, y1 + y_px),
                face.score,
                (face.points_px + by).astype(np.float32),
                face.kind,
                face.detector,
            ),
            EyesMouth(**{name: value + by for name, value in vars(points).items()}),
            self.seen.pose,
            self.seen.quad_px + by,
            self.seen.confidence,
        )
        return Part(self.rgb, (self.origin_px[0] + x_px, self.origin_px[1] + y_px), seen)

    def cut(self, size_px: int, enlarge_limit: float) -> Crop:
        """The crop that the whole frame would give, with its square in the frame."""
        moved = self.seen.quad_px - np.array(self.origin_px, dtype=np.float64)
        crop = quad_to_crop(self.rgb, moved, size_px, enlarge_limit=enlarge_limit)
        return Crop(
            crop.rgb, self.seen.quad_px, crop.upscale_factor, crop.enlarged, crop.outside_share
        )


def part_of(rgb: Pixels, seen: Seen) -> Part:
    """Keep what the crop of a face needs."""
    margin = _BORDER * seen.face_px + _MARGIN_PX
    limits = (rgb.shape[1], rgb.shape[0])
    low = np.clip(np.floor(seen.quad_px.min(axis=0) - margin).astype(int), 0, limits)
    high = np.clip(np.ceil(seen.quad_px.max(axis=0) + margin).astype(int), 0, limits)
    region = rgb[low[1] : high[1], low[0] : high[0]].copy()
    return Part(region, (int(low[0]), int(low[1])), seen)

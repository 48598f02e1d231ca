"""Aligned crops in a workspace, as `artstyle extract` leaves them: files, and rows in the catalog.

`put_crops` takes pictures that are crops already, e.g. drawn by `drawn_face`; `extract_folder`
finds and cuts the faces of real pictures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artstyle.catalog import Catalog, SourceKind
from artstyle.files import write_bytes
from artstyle.images import encode_png, list_images, read_rgb

Pixels = NDArray[np.uint8]

QUALITY = {
    "confidence": 0.9,
    "roll_deg": 0.0,
    "yaw_deg": 0.0,
    "pitch_deg": 0.0,
    "face_px": 256.0,
    "upscale_factor": 1.0,
    "outside_share": 0.0,
}


@dataclass(frozen=True)
class Shown:
    """One crop to be put into a workspace."""

    rgb: Pixels
    source: str = "pictures/a.png"
    pts_s: float = 0.0
    shot: int | None = None
    score: float = 1.0
    detector: str = "yunet"
    quality: Mapping[str, Any] = field(default_factory=dict)  # joins QUALITY


def put_crops(
    catalog: Catalog, style: str, crops: Iterable[Shown], *, kind: SourceKind = "image"
) -> list[int]:
    """Write crops and what the catalog knows of them; gives their ids."""
    ids = []
    with catalog.transaction():
        for number, one in enumerate(crops):
            sha256 = hashlib.sha256(one.source.encode()).hexdigest()
            source = catalog.add_source(
                catalog.workspace / one.source, sha256=sha256, size_bytes=1, kind=kind
            )
            frame = catalog.add_frame(source, pts_s=one.pts_s, shot=one.shot)
            width = one.rgb.shape[1]
            face = catalog.add_face(
                frame,
                detector=one.detector,
                bbox_px=[number, 0, number + width, width],
                points_px=[],
                score=one.score,
                quality={**QUALITY, "appearance": f"a{number}", **one.quality},
            )
            data = encode_png(one.rgb)
            path = (
                catalog.workspace
                / f"datasets/{style}/crops/{Path(one.source).stem}-{sha256[:8]}/{number:06d}.png"
            )
            write_bytes(path, data)
            crop = catalog.add_crop(
                face,
                style=style,
                file=path,
                quad_px=[[0, 0], [0, width], [width, width], [width, 0]],
                size_px=width,
                sha256=hashlib.sha256(data).hexdigest(),
            )
            ids.append(crop)
    return ids


def extract_folder(
    catalog: Catalog,
    style: str,
    pictures: Path | Sequence[Path],
    *,
    detector: str,
    size_px: int = 256,
    weights: Path | None = None,
    most: int | None = None,
) -> list[int]:
    """The best face of each picture, cut out aligned; pictures without a face are left out."""
    from artstyle.faces.align import align
    from artstyle.faces.detector import make_detector
    from artstyle.faces.yunet import YuNet

    finder = make_detector(detector) if weights is None else YuNet(weights=weights)
    paths = list_images(pictures) if isinstance(pictures, Path) else list(pictures)
    shown = []
    for path in paths[:most]:
        rgb = read_rgb(path).rgb
        found = finder.detect(rgb)
        if not found:
            continue
        face = found[0]
        aligned = align(rgb, face.points_px, face.kind, size_px)
        quality = {
            "confidence": aligned.confidence,
            "roll_deg": aligned.pose.roll_deg,
            "yaw_deg": aligned.pose.yaw_deg,
            "pitch_deg": aligned.pose.pitch_deg,
            "face_px": size_px / aligned.crop.upscale_factor,
            "upscale_factor": aligned.crop.upscale_factor,
            "outside_share": aligned.crop.outside_share,
            "appearance": "1",
        }
        shown.append(
            Shown(
                aligned.crop.rgb,
                source=str(path),
                score=face.score,
                detector=face.detector,
                quality=quality,
            )
        )
    return put_crops(catalog, style, shown)


def drawn_face(
    seed: int,
    size_px: int = 128,
    *,
    blur_px: float = 0.0,
    noise: float = 2.0,
    shift_px: tuple[float, float] = (0.0, 0.0),
    gain: float = 1.0,
) -> Pixels:
    """A face of ellipses in an aligned crop; another seed is another person.

    Args:
        seed: of shape, colours and surroundings; not of the noise.
        size_px: side.
        blur_px: sigma of a blur over all.
        noise: standard deviation, in steps of 255.
        shift_px: moves everything, right and down.
        gain: brightness.
    """
    import cv2

    chance = np.random.default_rng(seed)
    over = 4
    side = size_px * over

    def colour(low: int, high: int) -> tuple[int, ...]:
        return tuple(int(value) for value in chance.integers(low, high, 3))

    canvas = np.empty((side, side, 3), np.uint8)
    one, two = np.array(colour(20, 235)), np.array(colour(20, 235))
    ramp = np.linspace(0, 1, side)[:, None, None]
    canvas[:] = one + (two - one) * ramp

    def ellipse(
        x: float, y: float, rx: float, ry: float, fill: tuple[int, ...], *, angle: float = 0
    ) -> None:
        centre = (int((x + shift_px[0] / size_px) * side), int((y + shift_px[1] / size_px) * side))
        axes = (max(int(rx * side), 1), max(int(ry * side), 1))
        cv2.ellipse(canvas, centre, axes, angle, 0, 360, fill, -1, cv2.LINE_AA)

    def near(value: float, by: float) -> float:
        return value + float(chance.uniform(-by, by))

    for _ in range(6):  # what lies behind
        ellipse(
            *chance.uniform(0, 1, 2),
            *chance.uniform(0.03, 0.2, 2),
            colour(10, 245),
            angle=near(0, 90),
        )
    ellipse(0.5, near(0.45, 0.05), near(0.36, 0.05), near(0.42, 0.06), colour(10, 200))  # hair
    ellipse(0.5, 0.58, near(0.27, 0.03), near(0.34, 0.03), colour(90, 245))
    for x in (0.375, 0.625):
        ellipse(x, 0.476, near(0.06, 0.015), near(0.035, 0.01), (245, 245, 245))
        ellipse(x, 0.476, 0.022, near(0.025, 0.004), colour(0, 90))
    ellipse(0.5, near(0.617, 0.01), near(0.03, 0.012), near(0.03, 0.015), colour(60, 200))
    ellipse(0.5, 0.7145, near(0.11, 0.03), near(0.03, 0.015), colour(60, 200))
    small = cv2.resize(canvas, (size_px, size_px), interpolation=cv2.INTER_AREA).astype(np.float32)
    if blur_px:
        small = cv2.GaussianBlur(small, (0, 0), blur_px)
    small = small * gain + np.random.default_rng(seed + 1).normal(0, noise, small.shape) * bool(
        noise
    )
    return np.clip(np.rint(small), 0, 255).astype(np.uint8)

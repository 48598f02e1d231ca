"""What a detector is, which there are, and how to get each.

    make_detector("dlib").detect(rgb)       # list of Face, best score first

Boxes are x0, y0, x1, y1 along the edges of pixels; points as in `landmarks`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import ImageError, UsageError, WeightsError
from artstyle.faces.landmarks import Kind

Pixels: TypeAlias = NDArray[np.uint8]
Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Face:
    """A face that a detector found."""

    bbox_px: Box  # may reach over the picture's edges
    score: float  # the detector's own; scales differ between detectors
    points_px: NDArray[np.float32]  # [n, 2], (x, y)
    kind: Kind  # what the points are
    detector: str  # its name
    point_scores: NDArray[np.float32] | None = None  # [n], [0, 1]; None where it gives none


class Detector(Protocol):
    """Finds faces."""

    @property
    def name(self) -> str:
        """As in the registry."""

    @property
    def licence(self) -> str:
        """Of its weights, in one line."""

    def detect(self, rgb: Pixels) -> list[Face]:
        """The faces in a picture, best score first.

        Args:
            rgb: HWC uint8, [0, 255], RGB, of any size.

        Raises:
            ImageError: it is no picture.
        """


@dataclass(frozen=True)
class Kept:
    """How a detector is made, and how one learns whether it can be."""

    title: str
    licence: str
    maker: str  # module:callable; takes the detector's options
    lack: str  # module:callable; gives None, or the WeightsError that making it would raise


@dataclass(frozen=True)
class Availability:
    """Whether a detector can be made on this machine."""

    name: str
    title: str
    licence: str
    available: bool
    lacks: str  # what is missing; empty where nothing is
    remedy: str  # what to type to get it; empty where nothing is missing


REGISTRY: dict[str, Kept] = {
    "dlib": Kept(
        "histograms of gradients and 68 points, photos seen from ahead",
        "dlib: Boost; its 68 points were trained on 300-W: NOT for commercial products",
        "artstyle.faces.dlib:hog",
        "artstyle.faces.dlib:lack",
    ),
    "dlib-cnn": Kept(
        "dlib's network and 68 points; turned heads too, slow without a GPU",
        "dlib: Boost; its 68 points were trained on 300-W: NOT for commercial products",
        "artstyle.faces.dlib:cnn",
        "artstyle.faces.dlib:lack",
    ),
    "yunet": Kept(
        "a small network with five points; photos and many paintings, fast",
        "Apache-2.0 (opencv_zoo)",
        "artstyle.faces.yunet:YuNet",
        "artstyle.faces.yunet:lack",
    ),
    "anime": Kept(
        "YOLOv3 and 28 points, trained on anime; drawn faces, seconds a picture without a GPU",
        "MIT (hysts, anime-face-detector)",
        "artstyle.faces.anime.detect:yolov3",
        "artstyle.faces.anime.detect:lack_yolov3",
    ),
    "anime-frcnn": Kept(
        "Faster R-CNN at 1333x800 and 28 points, trained on anime; drawn faces, slower still",
        "MIT (hysts, anime-face-detector)",
        "artstyle.faces.anime.detect:frcnn",
        "artstyle.faces.anime.detect:lack_frcnn",
    ),
    "anime-mmcv": Kept(
        "the package anime-face-detector itself, where it is installed and works",
        "MIT (hysts, anime-face-detector)",
        "artstyle.faces.anime.official_package:OfficialDetector",
        "artstyle.faces.anime.official_package:lack",
    ),
    "lbp-anime": Kept(
        "a cascade for drawn faces; boxes only, points set by proportion",
        "MIT (nagadomi)",
        "artstyle.faces.lbp_anime:LbpAnime",
        "artstyle.faces.lbp_anime:lack",
    ),
    "layout": Kept(
        "no detector: the fixed places of sprites and generators",
        "none needed",
        "artstyle.faces.layout:make",
        "artstyle.faces.layout:lack",
    ),
}


def detectors() -> list[Availability]:
    """Every known detector, and whether it can be made here; nothing is loaded or fetched."""
    found = []
    for name, kept in REGISTRY.items():
        fault: WeightsError | None = _attribute(kept.lack)()
        lacks, remedy = ("", "") if fault is None else (str(fault), fault.hint or "")
        licence = kept.licence
        found.append(Availability(name, kept.title, licence, fault is None, lacks, remedy))
    return found


def make_detector(name: str, **options: Any) -> Detector:
    """Make a detector by its name.

    Args:
        name: from `REGISTRY`; `layout:NAME` is the layout of that name.
        options: those of the detector, e.g. `longest_px` or `layout`.

    Raises:
        UsageError: there is none of this name, or it has no such option.
        WeightsError: something is missing; the hint says how to get it.
    """
    base, _, variant = name.partition(":")
    if base == "auto":
        raise UsageError(
            "detector auto is chosen by looking at pictures",
            hint="call artstyle.faces.auto.choose_detector with a sample of them",
        )
    if base not in REGISTRY or (variant and base != "layout"):
        near = difflib.get_close_matches(base, REGISTRY, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(REGISTRY)}"
        raise UsageError(f"there is no detector {name!r}", hint=hint)
    if variant:
        options["layout"] = variant
    kept = REGISTRY[base]
    fault: WeightsError | None = _attribute(kept.lack)()
    if fault is not None:
        raise fault
    try:
        made: Detector = _attribute(kept.maker)(**options)
    except TypeError as error:
        raise UsageError(f"detector {base} does not take these options: {error}") from error
    return made


def checked_picture(rgb: Pixels) -> Pixels:
    """The picture, if it is one.

    Raises:
        ImageError: another dtype or shape.
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise ImageError(
            f"an array of {rgb.dtype} and shape {rgb.shape} cannot be searched: uint8 HWC, RGB can"
        )
    return rgb


def at_most(rgb: Pixels, longest_px: int) -> tuple[Pixels, NDArray[np.float64]]:
    """A picture shrunk by areas until no side is longer, and what takes its points back.

    Returns:
        The picture, contiguous; [2], the factors for x and y.
    """
    import cv2

    height, width = rgb.shape[:2]
    scale = longest_px / max(height, width)
    if scale >= 1:
        return np.ascontiguousarray(rgb), np.ones(2)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return small, np.array([width / size[0], height / size[1]])


def _attribute(place: str) -> Callable[..., Any]:
    module, _, name = place.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found

"""dlib's detectors, points and descriptor, from dlib-bin and the files of face_recognition_models.

Neither face_recognition nor face_recognition_models is imported: both need pkg_resources, and the
former ends the process where that is missing. Only the files are looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import UsageError, WeightsError
from artstyle.faces.detector import REGISTRY, Box, Face, Pixels, at_most, checked_picture
from artstyle.faces.landmarks import landmarks_to_eyes_mouth
from artstyle.faces.quad import landmarks_to_quad, quad_side_px

if TYPE_CHECKING:
    from artstyle.faces.describer import Describer

LONGEST_PX = 800  # a guess: with upsampling 1, faces from a twentieth of the picture are found

_FILES = {
    "dlib-68": "shape_predictor_68_face_landmarks.dat",
    "dlib-5": "shape_predictor_5_face_landmarks.dat",
    "cnn": "mmod_human_face_detector.dat",
    "descriptor": "dlib_face_recognition_resnet_model_v1.dat",
}
_DESCRIBED_PX, _DESCRIBED_PADDING = 150, 0.25  # what the descriptor was trained on
_CHIP_PX = 256  # the side that a face's box has when its points are sought; they come as integers
# Where dlib's own box lies in the FFHQ square: below the centre by, and its side over the
# square's. Medians over 75 frontal portraits.
_BOX_DOWN, _BOX_SIDE = 0.105, 0.608

PointsKind: TypeAlias = Literal["dlib-68", "dlib-5"]


def lack() -> WeightsError | None:
    """What is missing for any of this, or None."""
    if find_spec("dlib") is None:
        return WeightsError(
            "the package dlib is not installed: it finds faces", hint="pip install dlib-bin"
        )
    folder = _folder()
    missing = [name for name in _FILES.values() if folder is None or not (folder / name).is_file()]
    if not missing:
        return None
    return WeightsError(
        f"the models of dlib are not installed: {', '.join(missing)}",
        hint="pip install --force-reinstall --no-deps face-recognition-models",
    )


def hog(
    *,
    upsample: int = 1,
    threshold: float = 0.0,
    longest_px: int = LONGEST_PX,
    points: PointsKind = "dlib-68",
    grey: bool = False,
) -> DlibDetector:
    """Histograms of oriented gradients: faces seen from ahead.

    Args:
        upsample: how often the picture is doubled before the search; 1 finds faces from 40 pixels
            on, 0 from 80 on, and each step takes four times as long.
        threshold: the least score; a clear face has 1 and more, false ones are near 0.
        longest_px: larger pictures are shrunk to this for the search.
        points: `dlib-5` for the model without the restriction of 300-W; it does not see the mouth.
        grey: search without colour, in four fifths of the time; edges of equal light are not seen.
    """
    return DlibDetector("dlib", points, upsample, threshold, longest_px, grey=grey)


def cnn(
    *,
    upsample: int = 0,
    threshold: float = 0.0,
    longest_px: int = LONGEST_PX,
    points: PointsKind = "dlib-68",
) -> DlibDetector:
    """The network of dlib (max-margin detection): faces from about 80 pixels on; see `hog`."""
    return DlibDetector("dlib-cnn", points, upsample, threshold, longest_px)


class DlibDetector:
    """A detector of dlib with its points; see `hog` and `cnn`.

    Raises:
        UsageError: an option is out of its range.
    """

    def __init__(
        self,
        name: str,
        points: PointsKind,
        upsample: int,
        threshold: float,
        longest_px: int,
        *,
        grey: bool = False,
    ) -> None:
        if points not in ("dlib-68", "dlib-5"):
            raise UsageError(f"dlib has no points {points!r}; it has dlib-68 and dlib-5")
        if not 0 <= upsample <= 4 or longest_px < 32:
            raise UsageError(
                f"upsample {upsample} is not in 0..4, or longest_px {longest_px} is below 32"
            )
        self.name = name
        self.licence = REGISTRY[name].licence if points == "dlib-68" else "dlib: Boost"
        self._points, self._grey = points, grey
        self._upsample, self._threshold, self._longest_px = upsample, threshold, longest_px

    def detect(self, rgb: Pixels) -> list[Face]:
        """See `Detector.detect`."""
        picture, back = at_most(checked_picture(rgb), self._longest_px)
        found = self._boxes(picture)
        faces = []
        for rectangle, score in sorted(found, key=lambda one: -one[1]):
            # Rectangles of dlib hold their last row and column.
            corners = (
                np.array([rectangle.left(), rectangle.top()]),
                np.array([rectangle.right() + 1, rectangle.bottom() + 1]),
            )
            (x0, y0), (x1, y1) = corners[0] * back, corners[1] * back
            box = (float(x0), float(y0), float(x1), float(y1))
            where = points_in_box(rgb, box, self._points)
            faces.append(Face(box, score, where, self._points, self.name))
        return faces

    def _boxes(self, picture: Pixels) -> list[tuple[Any, float]]:
        if self.name == "dlib":
            if self._grey:
                import cv2

                picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
            # `run` gives what its shorter form hides: the scores.
            boxes, scores, _ = _model("hog").run(picture, self._upsample, self._threshold)
            return list(zip(boxes, map(float, scores), strict=True))
        found = _model("cnn")(picture, self._upsample)
        kept = [(one.rect, float(one.confidence)) for one in found]
        return [one for one in kept if one[1] >= self._threshold]


def points_in_box(rgb: Pixels, box: Box, kind: PointsKind) -> NDArray[np.float32]:
    """The points of the face in a box, sought where the box is 256 pixels wide.

    dlib gives whole pixels; seeking at one size makes them equally fine for faces of any size.

    Args:
        rgb: HWC uint8, RGB.
        box: as dlib's detectors give it, square.
        kind: which points.

    Returns:
        [68 or 5, 2], (x, y) in pixels of `rgb`, pixel centres at i + 0.5.
    """
    import dlib

    chip, origin, back = _around(rgb, box)
    x0, y0 = (np.array(box[:2]) - origin) / back
    x1, y1 = (np.array(box[2:]) - origin) / back
    inside = dlib.rectangle(round(x0), round(y0), round(x1) - 1, round(y1) - 1)
    shape = _model(kind)(chip, inside)
    where = np.array([(part.x + 0.5, part.y + 0.5) for part in shape.parts()])
    return (where * back + origin).astype(np.float32)


def descriptor(rgb: Pixels, face: Face) -> NDArray[np.float32]:
    """128 figures of a person's face: those of one person lie within about 0.6 of each other.

    Args:
        rgb: the picture the face was found in, HWC uint8, RGB.
        face: from any detector; the box for dlib's five points is laid by its points.

    Returns:
        [128] float32.

    Raises:
        WeightsError: dlib or its models are missing.
    """
    figures: NDArray[np.float32] = describe_chips([chip_of(rgb, face)])[0]
    return figures


def chip_of(rgb: Pixels, face: Face) -> Pixels:
    """What the descriptor looks at: the face upright, [150, 150, 3]; see `descriptor`."""
    import dlib

    if (fault := lack()) is not None:
        raise fault
    quad = landmarks_to_quad(landmarks_to_eyes_mouth(face.points_px, face.kind))
    side = quad_side_px(quad)
    x, y = quad.mean(axis=0) + _BOX_DOWN * (quad[1] - quad[0])
    half = _BOX_SIDE * side / 2
    box = (float(x - half), float(y - half), float(x + half), float(y + half))
    chip, origin, back = _around(checked_picture(rgb), box)
    where = (points_in_box(rgb, box, "dlib-5") - origin) / back - 0.5
    parts = dlib.points([dlib.point(round(px), round(py)) for px, py in where])
    left, top = (np.array(box[:2]) - origin) / back
    right, bottom = (np.array(box[2:]) - origin) / back - 1
    outline = dlib.rectangle(round(left), round(top), round(right), round(bottom))
    shape = dlib.full_object_detection(outline, parts)
    cut = dlib.get_face_chip(chip, shape, size=_DESCRIBED_PX, padding=_DESCRIBED_PADDING)
    return np.asarray(cut, dtype=np.uint8)


def describe_chips(chips: Sequence[Pixels]) -> NDArray[np.float32]:
    """The figures of faces that were cut out already, upright and as large as dlib wants them.

    They are dlib's, computed by torch (see `describer`).

    Args:
        chips: each [150, 150, 3] uint8, RGB, as dlib.get_face_chip cuts with a padding of 0.25.

    Returns:
        [n, 128] float32; see `descriptor`.

    Raises:
        WeightsError: dlib or its models are missing.
    """
    if (fault := lack()) is not None:
        raise fault
    if not chips:
        return np.zeros((0, 128), dtype=np.float32)
    describe: Describer = _model("descriptor")
    return describe(chips)


def _around(rgb: Pixels, box: Box) -> tuple[Pixels, NDArray[np.float64], NDArray[np.float64]]:
    """The picture around a box, half its side more on each side, with the box at 256 pixels.

    Returns:
        The part; where it begins in the picture; pixels of the picture per pixel of it, x and y.
    """
    import cv2

    low, high = np.array(box[:2]), np.array(box[2:])
    side = float((high - low).max())
    limits = np.array([rgb.shape[1], rgb.shape[0]])
    start = np.clip(np.floor(low - side / 2).astype(int), 0, limits - 1)
    stop = np.clip(np.ceil(high + side / 2).astype(int), start + 1, limits)
    part = rgb[start[1] : stop[1], start[0] : stop[0]]
    scale = _CHIP_PX / side
    old = stop - start
    new = np.maximum(np.rint(old * scale).astype(int), 1)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    chip = cv2.resize(part, (int(new[0]), int(new[1])), interpolation=way)
    return np.ascontiguousarray(chip, dtype=np.uint8), start.astype(np.float64), old / new


def _folder() -> Path | None:
    spec = find_spec("face_recognition_models")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "models"


@cache
def _model(name: str) -> Any:
    """A model, loaded once; reading the 68 points takes most of a second."""
    if name == "hog":
        import dlib

        return dlib.get_frontal_face_detector()
    folder = _folder()
    if folder is None:
        raise WeightsError(
            "the models of dlib are not installed", hint="pip install face-recognition-models"
        )
    path = folder / _FILES[name]
    if name == "descriptor":
        from artstyle.faces.describer import Describer

        return Describer(path)
    import dlib

    if name == "cnn":
        return dlib.cnn_face_detection_model_v1(str(path))
    return dlib.shape_predictor(str(path))

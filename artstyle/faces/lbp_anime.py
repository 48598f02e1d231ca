"""nagadomi's cascade of local binary patterns for drawn faces: boxes only."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from artstyle.errors import UsageError, WeightsError
from artstyle.faces.detector import REGISTRY, Face, Pixels, at_most, checked_picture
from artstyle.weights import path_of

# Where the five points lie in a box of the cascade, as fractions. A guess: the proportions of a
# drawn face seen from ahead, large eyes below the middle.
_PLACES = np.array([[0.31, 0.52], [0.69, 0.52], [0.5, 0.68], [0.42, 0.82], [0.58, 0.82]])


def lack() -> WeightsError | None:
    """What is missing, or None."""
    try:
        path_of("lbp-anime")
    except WeightsError as error:
        return error
    return None


class LbpAnime:
    """Drawn faces seen from ahead; their points are set by proportion ("five-estimated").

    Args:
        longest_px: larger pictures are shrunk to this.
        smallest_px: of a face in the shrunk picture.
        neighbours: how many windows must agree; more gives fewer false faces.
        weights: the file to take; None takes the one in the home folder.

    Raises:
        WeightsError: the file is missing or cannot be read.
        UsageError: an option is out of its range.
    """

    name = "lbp-anime"
    licence = REGISTRY["lbp-anime"].licence

    def __init__(
        self,
        *,
        longest_px: int = 800,
        smallest_px: int = 24,
        neighbours: int = 5,
        weights: Path | None = None,
    ) -> None:
        import cv2

        if longest_px < 32 or smallest_px < 1 or neighbours < 1:
            raise UsageError(
                f"longest_px {longest_px} is below 32, or smallest_px {smallest_px} or neighbours"
                f" {neighbours} below 1"
            )
        path = path_of("lbp-anime", given=weights)
        self._cascade = cv2.CascadeClassifier()
        if not _loaded(self._cascade, path):
            raise WeightsError(
                f"{path} cannot be read as a cascade",
                hint="move it away and type 'artstyle models pull lbp-anime'",
            )
        self._longest_px, self._smallest_px = longest_px, smallest_px
        self._neighbours = neighbours

    def detect(self, rgb: Pixels) -> list[Face]:
        """See `Detector.detect`; the score is the weight of the last stage of the cascade."""
        import cv2

        picture, back = at_most(checked_picture(rgb), self._longest_px)
        grey = cv2.equalizeHist(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
        boxes, _, weights = self._cascade.detectMultiScale3(
            grey,
            scaleFactor=1.1,
            minNeighbors=self._neighbours,
            minSize=(self._smallest_px, self._smallest_px),
            outputRejectLevels=True,
        )
        faces = []
        scores = np.ravel(weights)
        for (x, y, width, height), score in zip(boxes, scores, strict=True):
            low = np.array([x, y]) * back
            size = np.array([width, height]) * back
            points = (low + _PLACES * size).astype(np.float32)
            box = (*map(float, low), *map(float, low + size))
            faces.append(
                Face(
                    (box[0], box[1], box[2], box[3]),
                    float(score),
                    points,
                    "five-estimated",
                    "lbp-anime",
                )
            )
        return sorted(faces, key=lambda face: -face.score)


def _loaded(cascade: object, path: Path) -> bool:
    import cv2

    try:
        return bool(cascade.load(str(path)))  # type: ignore[attr-defined]
    except cv2.error:
        return False

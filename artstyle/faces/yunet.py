"""YuNet, OpenCV's small face network (Wu, Peng & Yu 2023): box, five points, score."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from artstyle.errors import UsageError, WeightsError
from artstyle.faces.detector import REGISTRY, Face, Pixels, at_most, checked_picture
from artstyle.weights import path_of

# Tried one after the other until a face is found: a face that fills a large picture is only seen
# when that is shrunk. A guess; the network knows faces of about 10 to 300 pixels.
SIZES_PX = (640, 320, 160)


def lack() -> WeightsError | None:
    """What is missing, or None."""
    try:
        path_of("yunet")
    except WeightsError as error:
        return error
    return None


class YuNet:
    """Faces with five points.

    Args:
        threshold: the least score, [0, 1].
        sizes_px: the picture is shrunk to these, one after the other, until a face is found.
        weights: the file to take; None takes the one in the home folder.

    Raises:
        WeightsError: the file is missing or cannot be read.
        UsageError: a threshold outside of [0, 1], or no sizes.
    """

    name = "yunet"
    licence = REGISTRY["yunet"].licence

    def __init__(
        self,
        *,
        threshold: float = 0.6,
        sizes_px: tuple[int, ...] = SIZES_PX,
        weights: Path | None = None,
    ) -> None:
        import cv2

        if not 0 <= threshold <= 1 or not sizes_px or min(sizes_px) < 32:
            raise UsageError(
                f"threshold {threshold} is not in [0, 1], or not all of sizes_px"
                f" {sizes_px} are from 32 on"
            )
        path = path_of("yunet", given=weights)
        self._sizes_px = sizes_px
        try:
            self._network = cv2.FaceDetectorYN.create(
                str(path), "", (320, 320), threshold, 0.3, 500
            )
        except cv2.error as error:
            raise WeightsError(
                f"{path} cannot be read as YuNet: {error}",
                hint="move it away and type 'artstyle models pull yunet'",
            ) from error

    def detect(self, rgb: Pixels) -> list[Face]:
        """See `Detector.detect`. One instance serves one thread at a time."""
        checked_picture(rgb)
        longest = max(rgb.shape[:2])
        for number, size in enumerate(self._sizes_px):
            if (number == 0 or size < longest) and (found := self._at(rgb, size)):
                return found
        return []

    def _at(self, rgb: Pixels, size_px: int) -> list[Face]:
        picture, back = at_most(rgb, size_px)
        self._network.setInputSize((picture.shape[1], picture.shape[0]))
        _, rows = self._network.detect(np.ascontiguousarray(picture[..., ::-1]))
        faces = []
        for row in [] if rows is None else sorted(rows, key=lambda one: -one[14]):
            # Its zero is the centre of the first pixel: points of a picture and of its mirror
            # image, 75 portraits, add up to the width less 1.3.
            x0, y0 = (row[:2] + 0.5) * back
            x1, y1 = (row[:2] + row[2:4] + 0.5) * back
            # Its order is the subject's right eye, left eye, nose, right and left mouth corner:
            # the viewer's left comes first, as in ours.
            points = ((row[4:14].reshape(5, 2) + 0.5) * back).astype(np.float32)
            box = (float(x0), float(y0), float(x1), float(y1))
            faces.append(Face(box, float(row[14]), points, "five", self.name))
        return faces

"""Faces in the photo that shall stay faces: where they are, and how well they were kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import UsageError, WeightsError
from artstyle.events import Emit, ignore
from artstyle.faces.align import confidence_of
from artstyle.faces.auto import CONFIDENT, choose_detector
from artstyle.faces.detector import Face
from artstyle.faces.dlib import descriptor, lack
from artstyle.images import resize_lanczos

CANDIDATES = ("yunet", "dlib")  # both are quick, and see photographed faces
# dlib's authors take faces nearer than this for one person's (dlib.net, dnn_face_recognition_ex).
SAME_PERSON = 0.6
# Of the best face's score: dlib's of false faces are below a tenth of a clear one's, those of small
# or turned ones about a third. A guess
_SURE = 0.25


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces of a photo."""

    found: tuple[Face, ...]  # in pixels of the photo
    detector: str
    photo: NDArray[np.uint8]  # HWC, RGB

    def mask(self, size: tuple[int, int]) -> NDArray[np.float32]:
        """Where they are, HW, [0, 1], for a picture of this height and width."""
        from artstyle.baselines.masks import ellipses

        scale = size[1] / self.photo.shape[1], size[0] / self.photo.shape[0]
        boxes = [
            (x0 * scale[0], y0 * scale[1], x1 * scale[0], y1 * scale[1])
            for x0, y0, x1, y1 in (face.bbox_px for face in self.found)
        ]
        mask: NDArray[np.float32] = ellipses(boxes, *size).numpy()
        return mask

    def kept(self, drawn: NDArray[np.uint8]) -> list[dict[str, Any]]:
        """How far each face is from what it was, for the record.

        dlib's descriptor is looked at before and after; it has no gradient, and so no part in the
        drawing itself.

        Args:
            drawn: the result, of any size.
        """
        described = lack() is None
        height, width = self.photo.shape[:2]
        after = resize_lanczos(drawn, width, height)
        found = []
        for face in self.found:
            facts: dict[str, Any] = {"bbox_px": [round(side, 1) for side in face.bbox_px]}
            if described:
                moved = descriptor(after, face) - descriptor(self.photo, face)
                facts["descriptor_distance"] = round(float(np.linalg.norm(moved)), 4)
                facts["is_same_person"] = facts["descriptor_distance"] < SAME_PERSON
            found.append(facts)
        return found


def find_faces(
    photo: NDArray[np.uint8], *, candidates: Sequence[str] = CANDIDATES, emit: Emit = ignore
) -> Faces:
    """The faces of a photo, by the best detector that is here.

    Raises:
        WeightsError: no detector is here; the hint says what to type.
        UsageError: none of them finds a face.
    """
    try:
        choice = choose_detector([photo], candidates=candidates, emit=emit)
    except WeightsError as fault:
        raise WeightsError(f"--preserve-face needs a detector: {fault}", hint=fault.hint) from fault
    except UsageError as fault:
        raise UsageError(
            f"--preserve-face: no face was found in the photo ({', '.join(candidates)} looked)",
            hint="leave --preserve-face out, or hold a region with --mask",
        ) from fault
    found = choice.detector.detect(photo)
    least = _SURE * found[0].score
    sure = [face for face in found if face.score >= least and _is_face(face)]
    return Faces(tuple(sure or found[:1]), choice.detector.name, photo)


def _is_face(face: Face) -> bool:
    """Whether its points lie as a face's do."""
    return confidence_of(face.points_px, face.kind) >= CONFIDENT

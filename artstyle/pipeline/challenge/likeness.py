"""Whether a cell still shows the person: dlib's descriptor of faces, and how to read its distances.

dlib's network gives 128 figures of a face, of a picture of 150 px; two photos of one person are
less than 0.6 apart. A photo that is shrunk to 64 px and enlarged again is 0.21 away from itself, so
the photo is brought to the size of the cell before the two are compared: both lose the same detail.
Then 0.6 tells people apart at 64 px as it does in full; see `CALIBRATION`. The network was trained
on photos. In drawn faces it sees less, so that a cell in a drawn style lies further away, whoever
it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

NAME = "dlib's descriptor of faces"
# "two face descriptor vectors are of the same person if their Euclidean distance is less than 0.6",
# dlib's documentation of dlib_face_recognition_resnet_model_v1.
THRESHOLD = 0.6
# Measured on aligned crops of the people dataset: neighbours among 80 of Caltech-101's faces, where
# 52 pairs are one person and 27 are two, and all pairs of 60 members of Congress.
CALIBRATION = {
    "threshold_from": "dlib's documentation: one person is below 0.6, in photos of 150 px",
    "pairs_of_one_person_256_px": {"count": 52, "median": 0.25, "largest": 0.52},
    "pairs_of_one_person_64_px": {"count": 52, "median": 0.27, "largest": 0.51},
    "pairs_of_two_people_256_px": {"count": 1770, "smallest_percent": 0.60, "median": 0.80},
    "pairs_of_two_people_64_px": {"count": 1770, "smallest_percent": 0.59, "median": 0.80},
    "pairs_of_two_people_32_px": {"count": 1770, "smallest_percent": 0.51, "median": 0.70},
    "the_same_photo_at_256_and_64_px": {"count": 60, "median": 0.21, "largest": 0.27},
}


@dataclass(frozen=True)
class Likeness:
    """How far a picture is from the photo, and from the photo's projection; 0 is the same."""

    to_photo: float
    to_projection: float | None  # None: it is the projection

    @property
    def is_lost(self) -> bool:
        """Whether dlib would not call it the same person."""
        return self.to_photo > THRESHOLD

    def card(self) -> dict[str, Any]:
        """For the record."""
        return {
            "to_photo": round(self.to_photo, 4),
            "to_projection": None if self.to_projection is None else round(self.to_projection, 4),
            "lost": self.is_lost,
        }


def lack() -> str:
    """Why likeness cannot be measured here; "" if it can."""
    from artstyle.faces import dlib

    fault = dlib.lack()
    return "" if fault is None else str(fault)


def describe(pictures: Sequence[Pixels]) -> NDArray[np.float32]:
    """128 figures of each FFHQ-aligned square, [n, 128].

    Args:
        pictures: [s, s, 3] uint8 RGB each, of any size.

    Raises:
        WeightsError: dlib or its models are missing.
    """
    from artstyle.faces.dlib import describe_chips
    from artstyle.pipeline.evaluate.dlib_space import face_chip

    return describe_chips([face_chip(picture) for picture in pictures])


def at_size(photo: Pixels, size_px: int) -> Pixels:
    """The aligned photo with no more detail than a cell of this size has."""
    from artstyle.images import resize_lanczos

    return photo if photo.shape[0] <= size_px else resize_lanczos(photo, size_px, size_px)


def likenesses(
    rows: Sequence[tuple[Pixels, Pixels, Sequence[Pixels]]],
) -> list[tuple[Likeness, list[Likeness]]]:
    """How like their photos people's projections are, and their cells; all are described together.

    Args:
        rows: for each person the aligned photo, of any size; the projection, as the base draws it;
            other pictures of the same square.

    Returns:
        For each person the projection's likeness, and those of the cells, in order.
    """
    sizes = [sorted({picture.shape[0] for picture in (own, *cells)}) for _, own, cells in rows]
    pictures = [
        [*(at_size(photo, size) for size in wanted), own, *cells]
        for wanted, (photo, own, cells) in zip(sizes, rows, strict=True)
    ]
    figures = iter(describe([picture for row in pictures for picture in row]))
    found = []
    for wanted, (_, own, cells) in zip(sizes, rows, strict=True):
        photos = {size: next(figures) for size in wanted}
        base = next(figures)
        found.append(
            (
                Likeness(_apart(photos[own.shape[0]], base), None),
                [
                    Likeness(_apart(photos[cell.shape[0]], drawn), _apart(base, drawn))
                    for cell, drawn in zip(cells, figures, strict=False)
                ],
            )
        )
    return found


def _apart(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(one - other))

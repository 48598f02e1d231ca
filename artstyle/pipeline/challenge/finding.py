"""Who is in a photo: faces found, numbered from left to right, and where else one may look.

The detector is the one that the base's training pictures were cut with, if the base says so and it
is here; else YuNet, else dlib. Where it finds nobody, others look more closely, so that a refusal
can say what is wrong: a photo that lies on its side, a small face, a head that is turned away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import WeightsError
from artstyle.faces.detector import Detector, detectors, make_detector
from artstyle.pipeline.extract.cutting import Seen, look

if TYPE_CHECKING:
    from numpy.typing import NDArray as Array

    Picture = Array[np.uint8]

# The detectors that know photos of people, the better first.
FOR_PHOTOS = ("yunet", "dlib")
# The second look: dlib sees faces from 80 px on in what it is given, so that a picture brought to
# this shows those of a fortieth of its length. Its network sees turned heads, in seconds.
_CLOSELY_PX = 3200
_NETWORK_PX = 640
# Below these a detector is not sure. Measured on 96 kinds of things and 48 portraits: dlib gave a
# stone Buddha 0.30 and portraits 0.37 to 2.9; YuNet a dog 0.62 and portraits 0.93 and more.
SURE = {"dlib": 0.35, "dlib-cnn": 0.7, "yunet": 0.75}
_SAME_FACE = 0.5  # in sides of the smaller square: centres nearer than this are one face; a guess


@dataclass(frozen=True, eq=False)
class Found:
    """What was found in a photo."""

    rgb: NDArray[np.uint8]  # turned upright, if it lay on its side
    seen: tuple[Seen, ...]  # from left to right
    detector: str  # its name
    quarter_turns: int = 0  # counter-clockwise, that brought it upright

    def is_sure(self, one: Seen) -> bool:
        """Whether the detector is sure that this is a face."""
        return is_sure(one, self.detector)


def is_sure(one: Seen, detector: str) -> bool:
    """Whether a detector is sure that this is a face."""
    return one.face.score >= SURE.get(detector, 0.0)


class Finder:
    """Finds the faces of photos.

    Args:
        preprocessing: what the base's header says of its training pictures.
        closely: whether to look again, for seconds, where nobody is found at once.

    Raises:
        WeightsError: no detector is here.
    """

    def __init__(self, preprocessing: Mapping[str, Any], *, closely: bool = True) -> None:
        self.closely = closely
        here = {one.name for one in detectors() if one.available}
        wished = preprocessing.get("detector")
        self.remark = ""
        if isinstance(wished, str) and wished in here:
            self.name = wished
        else:
            self.name = next((name for name in FOR_PHOTOS if name in here), "")
        if not self.name:
            raise WeightsError(
                "there is no detector of faces here", hint="artstyle models pull yunet"
            )
        if isinstance(wished, str) and wished != self.name:
            self.remark = (
                f"the base's training pictures were aligned by {wished}, which is not here: "
                f"{self.name} aligns a little differently"
            )
        self._here = here

    @cached_property
    def _detector(self) -> Detector:
        return make_detector(self.name)

    def find(self, rgb: NDArray[np.uint8]) -> Found:
        """The faces of a photo; none if nobody finds any, however closely they look."""
        first = self._looked(rgb, self._detector)
        if first.seen or not self.closely:
            return first
        best = max(self._second_looks(rgb), key=_worth, default=first)
        return best if best.seen else first

    def _second_looks(self, rgb: NDArray[np.uint8]) -> Iterator[Found]:
        """Ever dearer looks, until one of them is sure."""
        for found in self._all_second_looks(rgb):
            yield found
            if any(found.is_sure(one) for one in found.seen):
                return

    def _all_second_looks(self, rgb: NDArray[np.uint8]) -> Iterator[Found]:
        for turns in (1, 3, 2):
            turned = np.ascontiguousarray(np.rot90(rgb, turns))
            yield replace(self._looked(turned, self._detector), quarter_turns=turns)
        if "dlib" not in self._here:
            return
        longest = max(rgb.shape[:2])
        upsample = 1 if longest >= _CLOSELY_PX / 2 else 2 if longest >= _CLOSELY_PX / 4 else 3
        size_px = min(longest, _CLOSELY_PX >> upsample)
        yield self._looked(rgb, make_detector("dlib", upsample=upsample, longest_px=size_px))
        yield self._looked(rgb, make_detector("dlib-cnn", longest_px=_NETWORK_PX))

    def _looked(self, rgb: NDArray[np.uint8], detector: Detector) -> Found:
        seen = look(rgb, detector, 1.0).seen
        sure = [one for one in seen if is_sure(one, detector.name)]
        apart: list[Seen] = []
        for one in sure or seen:  # best score first; beside a sure face a doubtful one is none
            if not any(_is_same(one, other) for other in apart):
                apart.append(one)
        apart.sort(key=lambda one: float(one.quad_px[:, 0].mean()))
        return Found(rgb, tuple(apart), detector.name)


def _worth(found: Found) -> tuple[bool, float]:
    sure = [one for one in found.seen if found.is_sure(one)]
    return bool(sure), max((one.confidence for one in sure or found.seen), default=0.0)


def _is_same(one: Seen, other: Seen) -> bool:
    apart = np.hypot(*(one.quad_px.mean(axis=0) - other.quad_px.mean(axis=0)))
    return bool(apart < _SAME_FACE * min(one.face_px, other.face_px))

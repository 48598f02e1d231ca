"""From the faces of sampled frames to the few that are kept of each appearance.

An appearance is one face through one shot; in shots of over a minute, through one minute, so that
memory stays flat and what is found is written down as it goes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from artstyle.faces.track import Tracker
from artstyle.pipeline.extract.cutting import Part
from artstyle.pipeline.extract.naming import moment

STRETCH_S = 60.0  # the longest piece of a shot that is one; a guess
_APART_S = 1.0  # crops of one appearance lie at least so far apart; a guess
_HELD = 4  # candidates held for each crop that is wanted
_SHARP_PX = 96  # faces are brought to this side before their sharpness is measured
_FLOOR = 0.02  # of confidence: a turned head counts for little, and not for nothing


@dataclass(frozen=True, eq=False)
class Candidate:
    """A face in a sampled frame."""

    pts_s: float
    number: int  # of the face in its frame, from 1
    part: Part
    sharpness: float
    size_px: int  # of the crops that are wanted

    @property
    def name(self) -> str:
        """What its crop is called."""
        return f"{moment(self.pts_s)}-{self.number}"

    @property
    def worth(self) -> float:
        """How good a crop it makes: frontal, sharp, and no smaller than the crop."""
        seen = self.part.seen
        size = min(seen.face_px / self.size_px, 1.0)
        return (seen.confidence + _FLOOR) * float(np.sqrt(self.sharpness)) * size


@dataclass
class Appearance:
    """One face through one shot."""

    name: str  # of its first face: unique in a film
    faces: int = 0
    held: list[Candidate] = field(default_factory=list)

    def best(self, wanted: int) -> list[Candidate]:
        """The best few that lie apart in time, in order of time."""
        chosen: list[Candidate] = []
        for one in sorted(self.held, key=lambda one: (-one.worth, one.pts_s)):
            if len(chosen) < wanted and all(
                abs(one.pts_s - other.pts_s) >= _APART_S - 1e-6 for other in chosen
            ):
                chosen.append(one)
        return sorted(chosen, key=lambda one: one.pts_s)


@dataclass
class Stretch:
    """A shot, or a minute of it: whose faces are followed together.

    Args:
        shot: its number.
        begin_s: time of its first frame.
        wanted: crops of each appearance.
    """

    shot: int
    begin_s: float
    wanted: int
    last_s: float = 0.0
    _tracker: Tracker = field(default_factory=Tracker, init=False)
    _found: dict[int, Appearance] = field(default_factory=dict, init=False)

    def holds(self, shot: int, pts_s: float) -> bool:
        """Whether a frame still belongs to it."""
        return shot == self.shot and pts_s - self.begin_s < STRETCH_S

    def add(self, pts_s: float, candidates: list[Candidate]) -> None:
        """The faces of its next frame."""
        self.last_s = pts_s
        boxes = [one.part.seen.face.bbox_px for one in candidates]
        for number, one in zip(self._tracker.update(pts_s, boxes), candidates, strict=True):
            appearance = self._found.setdefault(number, Appearance(one.name))
            appearance.faces += 1
            appearance.held.append(one)
            if len(appearance.held) > _HELD * self.wanted:
                appearance.held.remove(min(appearance.held, key=lambda held: held.worth))

    def appearances(self) -> list[Appearance]:
        """What was found, in the order in which the faces were seen first."""
        return [self._found[number] for number in sorted(self._found)]


def sharpness_of(part: Part) -> float:
    """The variance of the Laplacian of a face at one size: large where its edges are crisp."""
    low, high = part.seen.quad_px.min(axis=0), part.seen.quad_px.max(axis=0)
    quarter = (high - low) / 4  # the face itself, without hair and background
    origin = np.array(part.origin_px)
    (x0, y0), (x1, y1) = (
        np.clip(np.rint(edge - origin).astype(int), 0, part.rgb.shape[1::-1])
        for edge in (low + quarter, high - quarter)
    )
    if x1 - x0 < 3 or y1 - y0 < 3:
        return 0.0
    grey = cv2.cvtColor(np.ascontiguousarray(part.rgb[y0:y1, x0:x1]), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_SHARP_PX, _SHARP_PX), interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(small, cv2.CV_32F).var())

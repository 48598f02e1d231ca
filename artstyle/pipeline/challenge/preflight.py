"""Before any work: is there a face in the photo that can be projected, and which one?

    checked = check_photo(photo, finder, resolution=64, wish=None)
    checked.ready       # the faces that can be used
    checked.refusal     # or why there is none

Nothing here raises over a bad photo: the others of the same command go on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import ArtstyleError, ImageError
from artstyle.faces.align import quad_to_crop
from artstyle.names import shown
from artstyle.pipeline.challenge.finding import Finder, Found
from artstyle.pipeline.challenge.photos import PhotoFile, Pixels, read_photo
from artstyle.pipeline.extract.cutting import Seen

Code: TypeAlias = Literal["unreadable", "none", "small", "turned", "several", "no such face"]
Wish: TypeAlias = int | Literal["all"] | None  # a face's number from the left; None: the only one

# Guesses. Below half of the model's pixels, half of what it shows is invented; and a square of
# 48 px holds a face of 29, of which nobody is known again.
LEAST_SHARE, LEAST_PX = 0.5, 48
MOST_YAW_DEG = 50.0  # as curate has it: an ear is where the eye should be
ASKEW_YAW_DEG = 30.0  # works, less well
_CLEARLY_LARGER = 2.0  # times the next face: the others stand in the background
_BOX_OVER_SQUARE = 0.608  # a face's box over its square, as dlib has it: what people call its size
SHOWN_PX = 512  # the side of the aligned photo that is kept for showing
_GREY = 2.5  # mean difference of channels, of 255, below which a photo has no colour; a guess


@dataclass(frozen=True, eq=False)
class Ready:
    """A face, cut out as the base's training pictures were."""

    photo: PhotoFile
    name: str  # of its files and of its row; the photo's, and the face's number if several are used
    number: int  # from the left, from 1
    faces: int  # found in the photo
    target: NDArray[np.uint8]  # [r, r, 3], r the base's resolution
    shown: NDArray[np.uint8]  # [s, s, 3], the same square, larger
    detector: str
    score: float
    confidence: float
    yaw_deg: float
    face_px: float  # side of the square in the photo
    quad_px: list[list[float]]  # in the photo as it was read
    remarks: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """What the record says of the face."""
        return {
            "number": self.number,
            "faces_in_photo": self.faces,
            "detector": self.detector,
            "score": round(self.score, 4),
            "confidence": round(self.confidence, 4),
            "yaw_deg": round(self.yaw_deg, 1),
            "face_px": round(self.face_px, 1),
            "quad_px": self.quad_px,
        }


@dataclass(frozen=True)
class Refusal:
    """Why a photo cannot be used, and what would help."""

    photo: PhotoFile
    code: Code
    message: str
    hint: str | None = None


@dataclass(frozen=True, eq=False)
class Checked:
    """What came of looking at a photo."""

    photo: PhotoFile
    ready: tuple[Ready, ...] = ()
    refusal: Refusal | None = None
    found: Found | None = None  # for a picture of the faces; None: there is nothing to choose from
    remarks: tuple[str, ...] = field(default=())


def check_photo(
    photo: PhotoFile, finder: Finder, *, resolution: int, wish: Wish = None, alone: bool = True
) -> Checked:
    """Look at a photo.

    Args:
        photo: the file.
        finder: finds faces.
        resolution: of the base, in pixels.
        wish: which face, by its number from the left; "all" takes every one that can be used.
        alone: whether it is the only photo; of several, a number concerns those with several faces.
    """
    if photo.fault:
        return _refused(photo, "unreadable", photo.fault, photo.hint)
    try:
        pixels = read_photo(photo)
        found = finder.find(pixels.rgb)
        if pixels.is_shrunk and _is_worth_more(found, resolution):
            pixels = read_photo(photo, in_full=True)
            found = finder.find(pixels.rgb)
    except ImageError as fault:
        return _refused(photo, "unreadable", str(fault), fault.hint)
    except ArtstyleError as fault:
        return _refused(photo, "unreadable", f"{shown(photo.path)}: {fault}", fault.hint)
    if not found.seen:
        return _nobody(photo, pixels)
    if wish is not None and wish != "all" and len(found.seen) == 1 and not alone:
        wish = None
    return _chosen(photo, pixels, found, resolution, wish)


def _is_worth_more(found: Found, resolution: int) -> bool:
    """Whether the photo in full would give a better crop than the one that was decoded smaller."""
    return not found.seen or max(one.face_px for one in found.seen) < max(resolution, 256)


def least_px(resolution: int) -> int:
    """The least side of a face's square, in pixels of the photo."""
    return max(LEAST_PX, round(LEAST_SHARE * resolution))


def face_fault(one: Seen, resolution: int) -> tuple[Code, str] | None:
    """What keeps a face from being used, in words; None if nothing does."""
    need_px = least_px(resolution)
    if one.face_px < need_px:
        return "small", (
            f"the face is {one.face_px * _BOX_OVER_SQUARE:.0f} px wide; "
            f"{need_px * _BOX_OVER_SQUARE:.0f} px are needed"
        )
    if abs(one.pose.yaw_deg) > MOST_YAW_DEG:
        return "turned", (
            f"the head is turned away by about {abs(one.pose.yaw_deg):.0f} degrees; "
            f"up to {MOST_YAW_DEG:.0f} work"
        )
    return None


def _nobody(photo: PhotoFile, pixels: Pixels) -> Checked:
    height, width = pixels.rgb.shape[:2]
    return _refused(
        photo,
        "none",
        f"no face was found in {shown(photo.path)} ({width} x {height} px), looked at from all "
        "four sides. The detectors know photos of people: drawings, animals and the backs of "
        "heads they mostly do not see",
        "take a photo of one person who looks at the camera; 'artstyle models pull yunet' fetches "
        "a detector that sees more",
    )


def _chosen(photo: PhotoFile, pixels: Pixels, found: Found, resolution: int, wish: Wish) -> Checked:
    seen = found.seen
    faults = [face_fault(one, resolution) for one in seen]
    usable = [number for number, fault in enumerate(faults) if fault is None]
    name = shown(photo.path)
    if isinstance(wish, int):
        if not 1 <= wish <= len(seen):
            return _refused(
                photo,
                "no such face",
                f"there is no face {wish} in {name}: it shows {_counted(len(seen))}",
                "they are numbered from left to right, from 1",
                found,
            )
        if (fault := faults[wish - 1]) is not None:
            return _refused(photo, fault[0], f"face {wish} of {name}: {fault[1]}", _help(fault[0]))
        usable = [wish - 1]
    if not usable:
        largest = max(range(len(seen)), key=lambda number: seen[number].face_px)
        code, why = faults[largest] or ("none", "")
        more = f" (the largest of {len(seen)})" if len(seen) > 1 else ""
        return _refused(photo, code, f"{name}: {why}{more}", _help(code))
    remarks: list[str] = []
    if wish is None and len(usable) > 1:
        usable.sort(key=lambda number: -seen[number].face_px)
        first, second = (seen[number].face_px for number in usable[:2])
        if first < _CLEARLY_LARGER * second:
            return _refused(
                photo,
                "several",
                f"{name} shows {_counted(len(seen))}; which one shall it be?",
                f"say --face N, from 1 to {len(seen)} from left to right, or --face all",
                found,
            )
        usable = usable[:1]
    if wish is None and len(seen) > 1:
        remarks.append(
            f"{name} shows {_counted(len(seen))}; face {usable[0] + 1} from the left is much the "
            "largest and was taken (--face N takes another)"
        )
    ready = tuple(
        _cut(photo, pixels, found, number, resolution, many=len(usable) > 1)
        for number in sorted(usable)
    )
    return Checked(photo, ready, found=found if len(seen) > 1 else None, remarks=tuple(remarks))


def _cut(
    photo: PhotoFile, pixels: Pixels, found: Found, number: int, resolution: int, *, many: bool
) -> Ready:
    one = found.seen[number]
    target = quad_to_crop(found.rgb, one.quad_px, resolution).rgb
    shown_crop = quad_to_crop(found.rgb, one.quad_px, max(SHOWN_PX, resolution))
    return Ready(
        photo=photo,
        name=f"{photo.name}-{number + 1}" if many else photo.name,
        number=number + 1,
        faces=len(found.seen),
        target=target,
        shown=shown_crop.rgb,
        detector=found.detector,
        score=one.face.score,
        confidence=one.confidence,
        yaw_deg=one.pose.yaw_deg,
        face_px=one.face_px,
        quad_px=[[round(float(x), 2), round(float(y), 2)] for x, y in one.quad_px],
        remarks=tuple(_remarks(photo, pixels, found, one, shown_crop.rgb, resolution)),
    )


def _remarks(  # noqa: PLR0917 - as its one caller has them
    photo: PhotoFile,
    pixels: Pixels,
    found: Found,
    one: Seen,
    crop: NDArray[np.uint8],
    resolution: int,
) -> list[str]:
    """What may make the result worse than one would hope."""
    name = shown(photo.path)
    said = []
    if found.quarter_turns:
        said.append(f"{name} lies on its side or head; it was turned upright")
    if one.face_px < resolution:
        said.append(
            f"{name}: the face's square has {one.face_px:.0f} px, fewer than the {resolution} that "
            "the model draws, so it is soft"
        )
    if abs(one.pose.yaw_deg) > ASKEW_YAW_DEG:
        said.append(
            f"{name}: the head is turned by about {abs(one.pose.yaw_deg):.0f} degrees; heads seen "
            "from ahead come out better"
        )
    if not found.is_sure(one):
        said.append(
            f"{name}: {found.detector} is not sure that this is a face (score "
            f"{one.face.score:.2f}). The base draws people only: of a drawing or an animal it "
            "makes the person it finds nearest"
        )
    if is_grey(crop):
        said.append(f"{name} has no colour: the colours of the cells are the models' guess")
    return said + [f"{name}: {note}" for note in pixels.notes if "first of" in note]


def is_grey(rgb: NDArray[np.uint8]) -> bool:
    """Whether a picture, HWC uint8 RGB, has no colour worth the name."""
    channels = rgb.astype(np.int16)
    return bool((channels.max(axis=2) - channels.min(axis=2)).mean() < _GREY)


def _refused(
    photo: PhotoFile, code: Code, message: str, hint: str | None, found: Found | None = None
) -> Checked:
    return Checked(photo, refusal=Refusal(photo, code, message, hint), found=found)


def _counted(faces: int) -> str:
    return f"{faces} faces" if faces != 1 else "one face"


def _help(code: Code) -> str:
    if code == "small":
        return "take a photo in which the face is larger, or the original instead of a thumbnail"
    return "take a photo in which the person looks at the camera"

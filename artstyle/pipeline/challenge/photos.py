"""The photos of a challenge: read as small as will do, known by their content, named for files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from artstyle.errors import ImageError
from artstyle.files import sha256_of
from artstyle.images.open import regular_file
from artstyle.names import shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# A face that fills a tenth of a picture this long has 240 px: more than most models draw. A guess.
ENOUGH_PX = 2400
_LONGEST_NAME = 48  # of a file that is named after a photo; a guess


@dataclass(frozen=True)
class PhotoFile:
    """A photo as it was given."""

    path: Path
    name: str  # for files and for people; unlike the others' in the same command
    sha256: str  # of the file; "" where it cannot be read
    size_bytes: int
    fault: str = ""  # why it cannot be read
    hint: str | None = None


@dataclass(frozen=True, eq=False)
class Pixels:
    """A photo that was read."""

    rgb: NDArray[np.uint8]  # HWC, [0, 255], RGB, upright
    stored_size_px: tuple[int, int]  # width, height in the file
    notes: tuple[str, ...]  # what was converted
    is_shrunk: bool  # decoded smaller than it is stored


def list_photos(paths: Sequence[Path]) -> list[PhotoFile]:
    """The photos with their digests and names; the same content is taken once.

    A photo that cannot be opened has its fault in it, and an empty digest.
    """
    found: list[PhotoFile] = []
    for path in paths:
        name = _unlike(plain_name(path.stem), [other.name for other in found])
        try:
            with regular_file(path):
                photo = PhotoFile(path, name, sha256_of(path), path.stat().st_size)
        except ImageError as fault:
            photo = PhotoFile(path, name, "", 0, f"cannot read {shown(path)}: {fault}", fault.hint)
        if not photo.sha256 or all(photo.sha256 != other.sha256 for other in found):
            found.append(photo)
    return found


def read_photo(photo: PhotoFile, *, in_full: bool = False) -> Pixels:
    """The pixels of a photo; a large JPEG is decoded smaller, which takes a tenth of the time.

    Args:
        photo: where it is.
        in_full: whatever its size.

    Raises:
        ImageError: it cannot be read, or is larger than the bound of `artstyle.images`.
    """
    from artstyle.images import read_rgb

    picture = read_rgb(photo.path, enough_px=None if in_full else ENOUGH_PX)
    is_shrunk = max(picture.stored_size_px) > max(picture.width, picture.height)
    return Pixels(picture.rgb, picture.stored_size_px, picture.notes, is_shrunk)


def plain_name(word: str) -> str:
    """A name that any file system takes: letters, digits, dots, - and _."""
    return re.sub(r"[^\w.-]+", "-", shown(word)).strip("-.")[:_LONGEST_NAME] or "photo"


def _unlike(name: str, taken: Sequence[str]) -> str:
    unlike, number = name, 2
    while unlike.casefold() in {other.casefold() for other in taken}:
        unlike, number = f"{name}-{number}", number + 1
    return unlike

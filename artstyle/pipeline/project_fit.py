"""How a photo becomes a picture of the model's size: its face aligned, or its middle square."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from artstyle import images
from artstyle.errors import ImageError, UsageError
from artstyle.events import Emit, Note, ignore
from artstyle.names import shown
from artstyle.pipeline.challenge.finding import Finder
from artstyle.pipeline.challenge.photos import list_photos
from artstyle.pipeline.challenge.preflight import Checked, check_photo

Fit: TypeAlias = Literal["auto", "face", "square", "exact"]
FACES = "ffhq"  # how artstyle and most face models align; a header that says nothing means it


@dataclass(frozen=True, eq=False)
class Fitted:
    """A photo at the model's size."""

    pixels: NDArray[np.uint8]  # [side, side, 3], [0, 255], RGB
    how: Literal["face", "square", "exact"]
    facts: dict[str, Any]  # of the face; JSON types


class Fitter:
    """Brings photos to a model's size.

    Args:
        side_px: of the model's pictures.
        fit: "face" aligns the face and refuses a photo without one; "square" takes the largest
            middle square; "exact" refuses another size; "auto" is "face" for models of aligned
            faces, and where no face is seen at once "square", which is told.
        preprocessing: what the model's header says of its training pictures.
        number: which face, from the left from 1; None: the only one, or much the largest.
        emit: gets remarks about photos.
    """

    def __init__(
        self,
        side_px: int,
        fit: Fit,
        preprocessing: Mapping[str, Any],
        *,
        number: int | None = None,
        emit: Emit = ignore,
    ) -> None:
        if number is not None and fit in ("square", "exact"):
            raise UsageError(f"face {number} was named, and --fit {fit} looks for none")
        self.side_px, self.number, self.emit = side_px, number, emit
        self._preprocessing = preprocessing
        self.fit: Fit = "square" if fit == "auto" and not is_of_faces(preprocessing) else fit

    @cached_property
    def _finder(self) -> Finder:
        finder = Finder(self._preprocessing, closely=self.fit == "face")
        if finder.remark:
            self.emit(Note(finder.remark, "warning"))
        return finder

    def __call__(self, photo: Path) -> Fitted:
        """The photo at the model's size.

        Raises:
            ImageError: it cannot be read, or there is no face in it that can be used.
            UsageError: it has another size and "exact" was asked for.
        """
        if self.fit == "exact":
            return self._exact(photo)
        if self.fit == "square":
            return self._square(photo)
        checked = self._checked(photo)
        if checked.ready:
            face = checked.ready[0]
            for remark in (*checked.remarks, *face.remarks):
                self.emit(Note(remark, "warning"))
            return Fitted(face.target, "face", face.facts())
        refusal = checked.refusal
        assert refusal is not None
        if self.fit == "face" or refusal.code in ("unreadable", "several", "no such face"):
            raise ImageError(refusal.message, hint=refusal.hint)
        if refusal.code == "none":
            said = f"no face was seen in {shown(photo)}: the middle square is taken"
            self.emit(Note(f"{said} (--fit face looks closer)", "warning"))
        else:
            self.emit(Note(f"{refusal.message}: the middle square is taken", "warning"))
        return self._square(photo)

    def _checked(self, photo: Path) -> Checked:
        (file,) = list_photos([photo])
        return check_photo(file, self._finder, resolution=self.side_px, wish=self.number)

    def _exact(self, photo: Path) -> Fitted:
        picture, side = images.read_rgb(photo), self.side_px
        if (picture.width, picture.height) != (side, side):
            raise UsageError(
                f"{shown(photo)} is {picture.width}x{picture.height} px, the model draws"
                f" {side}x{side}",
                hint="leave --fit exact out to have the face aligned and resized",
            )
        return Fitted(picture.rgb, "exact", {})

    def _square(self, photo: Path) -> Fitted:
        square = images.center_square(images.read_rgb(photo).rgb)
        side = self.side_px
        return Fitted(images.resize_lanczos(square, side, side), "square", {})


def is_of_faces(preprocessing: Mapping[str, Any]) -> bool:
    """Whether a model was trained on aligned faces, as far as its header says."""
    return bool(preprocessing.get("alignment", FACES) == FACES)

"""From a file to straight sRGB colours and transparency, upright; see `artstyle.images`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageFile

from artstyle.errors import ImageError
from artstyle.images import damage, samples
from artstyle.images.colour import split_alpha, to_srgb
from artstyle.images.kind import HEAD_BYTES, kind_of
from artstyle.images.pillow import (
    DamagedError,
    beyond_pillow,
    faults_of_the_file,
    open_header,
    quiet,
)

_ORIENTATION_TAG = 0x0112
_EMPTY_ALPHA_KINDS = ("BMP", "TGA")  # often have a plane for alpha that nobody filled
_WHITE_IS_ZERO = 0  # TIFF's PhotometricInterpretation


@dataclass(frozen=True)
class Decoded:
    """What a file holds."""

    rgb: NDArray[np.uint8]  # HWC, straight colours, sRGB
    alpha: NDArray[np.uint8] | None  # HW, 255 opaque; None: all opaque
    stored_size_px: tuple[int, int]  # width, height in the file
    kind: str
    notes: tuple[str, ...]


def decode(
    stream: IO[bytes], suffix: str, max_pixels: int, enough_px: int | None = None
) -> Decoded:
    """Decode the first picture of a file.

    Args:
        stream: the file, seekable.
        suffix: of its name.
        max_pixels: the bound on width x height, held against the header.
        enough_px: a JPEG may be decoded at a half, a quarter or an eighth of its size, as long as
            its longer side keeps this many pixels; None: always in full.

    Raises:
        ImageError: it cannot or must not be; the message continues "cannot read NAME: ".
    """
    kind = kind_of(stream.read(HEAD_BYTES), suffix)
    notes: list[str] = []
    picture: ImageFile.ImageFile | None = None
    with quiet():
        try:
            picture = open_header(stream, kind)
            _check_size(picture.size, max_pixels)
            if damage.is_torn(stream, kind):
                raise DamagedError
            stored_size = _stored_size(picture)
            _shrink_while_decoding(picture, enough_px, notes)
            # TIFF turns itself while it is decoded; others have their EXIF data at hand only then.
            turned_by_pillow = _orientation(picture, notes) if kind == "TIFF" else 1
            rgb, alpha = _pixels(picture, kind, notes)
        except DamagedError as fault:
            raise _damaged(stream, kind, picture, fault) from fault
        turned = _orientation(picture, [] if kind == "TIFF" else notes)
        if max(turned, turned_by_pillow) > 1:
            notes.insert(0, f"EXIF orientation {max(turned, turned_by_pillow)} applied")
        _note_frames(picture, kind, notes)
    rgb = upright(rgb, turned)
    alpha = None if alpha is None else upright(alpha, turned)
    return Decoded(rgb, alpha, stored_size, kind, tuple(notes))


def claimed_pixels(stream: IO[bytes], suffix: str) -> int:
    """Width x height by a file's header; nothing is decoded.

    Raises:
        ImageError: it is no picture, or its header makes no sense.
    """
    kind = kind_of(stream.read(HEAD_BYTES), suffix)
    with quiet():
        try:
            width, height = open_header(stream, kind).size
        except DamagedError as fault:
            raise _damaged(stream, kind, None, fault) from fault
    return width * height


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    """Refuse a picture by what its header claims, before any memory is taken for it."""
    width, height = size
    if width * height > max_pixels:
        raise ImageError(
            f"it claims {width:,} x {height:,} pixels, more than the bound of"
            f" {max_pixels / 1e6:,.0f} megapixels"
            if max_pixels >= 1e6
            else f"it claims {width:,} x {height:,} pixels, more than the bound of {max_pixels:,}",
            hint="if you trust the file, shrink it with another program first",
        )


def _shrink_while_decoding(
    picture: ImageFile.ImageFile, enough_px: int | None, notes: list[str]
) -> None:
    """Let a JPEG be decoded smaller, which takes a fraction of time and memory."""
    if enough_px is None or picture.format not in ("JPEG", "MPO"):
        return
    full_px = max(picture.size)
    share = min(enough_px / full_px, 1.0)
    with faults_of_the_file():
        picture.draft(
            None, (max(1, int(picture.width * share)), max(1, int(picture.height * share)))
        )
    if max(picture.size) < full_px:
        notes.append(f"decoded at 1/{round(full_px / max(picture.size))} of its size")


def _damaged(
    stream: IO[bytes], kind: str, picture: ImageFile.ImageFile | None, fault: Exception
) -> ImageError:
    what = damage.missing_part(stream, kind, picture) or f"it is damaged ({fault})"
    return ImageError(f"this {kind} file is not whole: {what}", hint="fetch or export it again")


def _pixels(
    picture: ImageFile.ImageFile, kind: str, notes: list[str]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Decode and convert: HWC uint8 sRGB, and HW uint8 alpha or None."""
    stored = _stored_samples(picture)
    colour, alpha, profile = _decoded(picture, stored, notes)
    if alpha is not None and kind in _EMPTY_ALPHA_KINDS and not alpha.any():
        notes.append("alpha plane of zeros ignored")
        alpha = None
    with faults_of_the_file():
        # Copies: Pillow's own buffers are read-only, which dlib and torch refuse or warn about.
        return np.array(to_srgb(colour, profile, notes)), None if alpha is None else np.array(alpha)


def _decoded(
    picture: ImageFile.ImageFile, stored: str, notes: list[str]
) -> tuple[PillowImage.Image, NDArray[np.uint8] | None, bytes | None]:
    """Colours in mode L, RGB, CMYK or LAB; alpha; and the ICC profile."""
    with faults_of_the_file():
        try:
            picture.load()
        except PillowImage.DecompressionBombError as fault:
            raise beyond_pillow(str(picture.format)) from fault
        profile = picture.info.get("icc_profile")
        if not samples.is_deep(picture.mode):
            if ";16" in stored:
                notes.append("16-bit reduced to 8-bit")
            colour, alpha = split_alpha(picture, stored)
            return colour, alpha, profile
        deep = np.asarray(picture)
        tags = getattr(picture, "tag_v2", {})
        inverted = bool(tags) and tags.get(262) == _WHITE_IS_ZERO
        grey, note = samples.to_eight_bits(deep, stored, white_is_zero=inverted)
        notes.append(note)
        alpha = samples.deep_alpha(deep, picture.info.get("transparency"))
        return samples.grey_picture(grey), alpha, profile


def _stored_samples(picture: ImageFile.ImageFile) -> str:
    """Pillow's name of how the samples lie in the file, e.g. "RGB;16B"; asked before decoding."""
    for tile in picture.tile:
        arguments = tile[3]
        first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
        if isinstance(first, str):
            return first
    return str(picture.mode)


def _stored_size(picture: ImageFile.ImageFile) -> tuple[int, int]:
    tags = getattr(picture, "tag_v2", None)
    if tags and isinstance(tags.get(256), int) and isinstance(tags.get(257), int):
        return tags[256], tags[257]  # Pillow may have turned the other size already
    return picture.size


def _orientation(picture: ImageFile.ImageFile, notes: list[str]) -> int:
    """How the picture lies in the file, 1 to 8; damaged EXIF data mean upright."""
    try:
        with faults_of_the_file():
            exif = picture.getexif()
            value = exif.get(_ORIENTATION_TAG, 1)
            readable = bool(exif) or not picture.info.get("exif")
    except DamagedError:
        readable, value = False, 1
    if not readable:
        notes.append("damaged EXIF data ignored")
        return 1
    if value in range(1, 9):
        return int(value)
    if value != 0:  # 0 is what many programs write for "not known"
        notes.append("EXIF orientation that does not exist ignored")
    return 1


def upright(plane: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn rows and columns the way EXIF orientation 1 to 8 asks for.

    Args:
        plane: HW or HWC.
        orientation: where the file's first row and first column lie: 1 top left, 2 top right,
            3 bottom right, 4 bottom left, 5 left top, 6 right top, 7 right bottom, 8 left bottom.

    Returns:
        HW or HWC, contiguous; for 5 to 8, height and width have changed places.
    """
    if orientation >= 5:
        plane = plane.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        plane = plane[:, ::-1]
    if orientation in (3, 4, 7, 8):
        plane = plane[::-1]
    return np.ascontiguousarray(plane)


def _note_frames(picture: ImageFile.ImageFile, kind: str, notes: list[str]) -> None:
    """Say that there is more in the file than the first picture."""
    try:
        with faults_of_the_file():
            frames = int(getattr(picture, "n_frames", 1))
    except DamagedError:
        notes.append("first of several frames taken; a later one is damaged")
        return
    if frames > 1:
        word = "pages" if kind == "TIFF" else "pictures" if kind in ("JPEG", "ICO") else "frames"
        notes.append(f"first of {frames} {word} taken")

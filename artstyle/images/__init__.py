"""Pictures, read and written: the one place where files become arrays and arrays files.

Arrays are HWC (row, column, channel), uint8, [0, 255], RGB in sRGB, upright. Whatever a file does
differently is converted here and noted, or refused with the reason: EXIF orientation, colour
profiles, CMYK, CIELAB, grey, palettes, transparency, 16 bits and floats, animations, broken and
gigantic files. Nothing here needs torch except the functions that make and take tensors.

    picture = read_rgb(Path("photo.jpg"))
    picture.rgb.shape, picture.notes        # (3024, 4032, 3), ("EXIF orientation 6 applied",)

Reading changes no global state: any number of threads may read at once. Pillow's own bound of
about 179 megapixels remains for TIFF and WebP, even where `max_pixels` is larger.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import ImageError
from artstyle.images.arrays import (
    center_square,
    from_batch,
    from_tensor,
    resize_area,
    resize_lanczos,
    resize_nearest,
    to_tensor,
)
from artstyle.images.colour import blend
from artstyle.images.folder import list_images
from artstyle.images.open import regular_file
from artstyle.images.read import Decoded, decode
from artstyle.images.write import encode_jpeg, encode_png, write_jpeg, write_png
from artstyle.names import shown

__all__ = [
    "MAX_PIXELS",
    "WHITE",
    "Image",
    "blend",
    "center_square",
    "decode_rgb",
    "decode_rgba",
    "encode_jpeg",
    "encode_png",
    "from_batch",
    "from_tensor",
    "list_images",
    "read_rgb",
    "read_rgba",
    "resize_area",
    "resize_lanczos",
    "resize_nearest",
    "to_tensor",
    "write_jpeg",
    "write_png",
]

MAX_PIXELS = 200_000_000  # a guess: twice a 100-megapixel camera; decodes into 600 MB
WHITE = (255, 255, 255)


@dataclass(frozen=True, eq=False)
class Image:
    """A picture that was read."""

    rgb: NDArray[np.uint8]  # HWC, [0, 255], sRGB, upright
    alpha: NDArray[np.uint8] | None  # HW, 255 opaque; only `read_rgba` and `decode_rgba` give it
    stored_size_px: tuple[int, int]  # width, height in the file, before it was turned upright
    format: str  # what the file really is, e.g. "PNG", whatever its name says
    notes: tuple[str, ...]  # what was converted, e.g. "CMYK converted", in the order it was done

    @property
    def width(self) -> int:
        """Columns, in pixels."""
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        """Rows, in pixels."""
        return int(self.rgb.shape[0])


def read_rgb(
    path: str | os.PathLike[str],
    *,
    matte: tuple[int, int, int] | None = WHITE,
    max_pixels: int = MAX_PIXELS,
    enough_px: int | None = None,
) -> Image:
    """Read a picture without its transparency.

    Args:
        path: a regular file; its content, not its suffix, says what it is.
        matte: the colour, RGB [0, 255], that transparent pixels are laid over; None keeps the
            colours that lie hidden under them, which may be anything.
        max_pixels: the bound on width x height, held against the header before decoding.
        enough_px: a JPEG may be decoded at a half, a quarter or an eighth of its size, as long as
            its longer side keeps this many pixels; None: always in full.

    Returns:
        The picture; `alpha` is None.

    Raises:
        ImageError: there is no such picture, it is damaged or too large, or it is none.
    """
    return _without_alpha(_decode_file(Path(path), max_pixels, enough_px), matte)


def read_rgba(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Image:
    """Read a picture with its transparency: `alpha` is 255 everywhere where the file has none.

    Args:
        path: see `read_rgb`.
        max_pixels: see `read_rgb`.

    Returns:
        The picture; `rgb` are straight colours, not multiplied by `alpha`.

    Raises:
        ImageError: see `read_rgb`.
    """
    return _with_alpha(_decode_file(Path(path), max_pixels))


def decode_rgb(
    data: bytes,
    *,
    name: str = "picture",
    matte: tuple[int, int, int] | None = WHITE,
    max_pixels: int = MAX_PIXELS,
) -> Image:
    """Read a picture from memory (an upload, a member of a zip); else as `read_rgb`.

    Args:
        data: what would be the file.
        name: stands in messages; its suffix matters only for TGA.
        matte: see `read_rgb`.
        max_pixels: see `read_rgb`.

    Raises:
        ImageError: see `read_rgb`.
    """
    return _without_alpha(_decode_bytes(data, name, max_pixels), matte)


def decode_rgba(data: bytes, *, name: str = "picture", max_pixels: int = MAX_PIXELS) -> Image:
    """Read a picture with its transparency from memory; see `decode_rgb` and `read_rgba`."""
    return _with_alpha(_decode_bytes(data, name, max_pixels))


def _decode_file(path: Path, max_pixels: int, enough_px: int | None = None) -> Decoded:
    try:
        with regular_file(path) as stream:
            return decode(stream, path.suffix, max_pixels, enough_px)
    except ImageError as fault:
        raise _named(path, fault) from fault


def _decode_bytes(data: bytes, name: str, max_pixels: int) -> Decoded:
    try:
        if not data:
            raise ImageError("it is empty (0 bytes)")
        return decode(io.BytesIO(data), PurePath(name).suffix, max_pixels)
    except ImageError as fault:
        raise _named(name, fault) from fault


def _named(name: str | os.PathLike[str], fault: ImageError) -> ImageError:
    hint = fault.hint and fault.hint.replace("FILE", shown(name))
    return ImageError(f"cannot read {shown(name)}: {fault}", hint=hint)


def _without_alpha(decoded: Decoded, matte: tuple[int, int, int] | None) -> Image:
    rgb, notes = decoded.rgb, decoded.notes
    if decoded.alpha is not None:
        if matte is None:
            notes = (*notes, "transparency dropped")
        else:
            rgb = blend(rgb, decoded.alpha, matte)
            notes = (*notes, f"transparency laid over rgb{tuple(matte)}")
    return Image(rgb, None, decoded.stored_size_px, decoded.kind, notes)


def _with_alpha(decoded: Decoded) -> Image:
    alpha = decoded.alpha
    if alpha is None:
        alpha = np.full(decoded.rgb.shape[:2], 255, dtype=np.uint8)
    return Image(decoded.rgb, alpha, decoded.stored_size_px, decoded.kind, decoded.notes)

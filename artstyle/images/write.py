"""Pictures to PNG and JPEG files: the same pixels give the same bytes, whole or not at all."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL.PngImagePlugin import PngInfo

from artstyle.errors import ImageError
from artstyle.files import write_bytes

_EXIF_IFD, _COLOUR_SPACE, _SRGB = 0x8769, 0xA001, 1
_PERCEPTUAL = b"\0"  # the rendering intent that a PNG's sRGB chunk has to name
_JPEG_SIDE_PX = 65500  # the longest side libjpeg writes


def encode_png(
    pixels: NDArray[np.uint8],
    *,
    text: Mapping[str, str] | None = None,  # None: no text chunks
    srgb: bool = True,
    compress_level: int = 6,
    only_runs: bool = False,
) -> bytes:
    """A picture as the bytes of a PNG file.

    Args:
        pixels: HW, HWC with 1, 3 or 4 channels; uint8, [0, 255], sRGB, alpha straight.
        text: keyword (1 to 79 Latin-1 characters) -> text, written in this order.
        srgb: say in the file that the colours are sRGB.
        compress_level: 0 stores, 9 is smallest and slowest.
        only_runs: look for no other repetition; quick, and for photos no larger.

    Raises:
        ImageError: the array is no such picture, or a keyword cannot be one.
    """
    picture = _picture(pixels, channels=(1, 3, 4))
    info = PngInfo()
    if srgb:
        info.add(b"sRGB", _PERCEPTUAL)
    for keyword, words in (text or {}).items():
        if not _is_keyword(keyword):
            raise ImageError(
                f"{keyword!r} cannot be a keyword: PNG takes 1 to 79 Latin-1 characters"
            )
        info.add_itxt(keyword, words) if not words.isascii() else info.add_text(keyword, words)
    stream = io.BytesIO()
    how = {"compress_type": zlib.Z_RLE} if only_runs else {}
    picture.save(stream, "PNG", pnginfo=info, compress_level=compress_level, **how)
    return stream.getvalue()


def write_png(
    path: Path,
    pixels: NDArray[np.uint8],
    *,
    text: Mapping[str, str] | None = None,
    srgb: bool = True,
    compress_level: int = 6,
) -> None:
    """Write a PNG file as a whole; the arguments are those of `encode_png`.

    Raises:
        ImageError: see `encode_png`.
        OSError: the file cannot be written.
    """
    write_bytes(path, encode_png(pixels, text=text, srgb=srgb, compress_level=compress_level))


def encode_jpeg(
    pixels: NDArray[np.uint8],
    *,
    quality: int = 92,
    text: Mapping[str, str] | None = None,  # None: no comment
    srgb: bool = True,
) -> bytes:
    """A picture as the bytes of a JPEG file, with colour at full resolution (4:4:4).

    Args:
        pixels: HW, HWC with 1 or 3 channels; uint8, [0, 255], sRGB.
        quality: 1 to 95, libjpeg's scale.
        text: becomes the file's comment, a line "keyword: text" for each.
        srgb: say in the EXIF data that the colours are sRGB.

    Raises:
        ImageError: the array is no such picture, or it is too large for the format.
    """
    picture = _picture(pixels, channels=(1, 3))
    if max(picture.size) > _JPEG_SIDE_PX:
        raise ImageError(
            f"{picture.width} x {picture.height} pixels are too many for JPEG,"
            f" which ends at {_JPEG_SIDE_PX} a side",
            hint="write a .png instead",
        )
    comment = "\n".join(f"{keyword}: {words}" for keyword, words in (text or {}).items())
    stream = io.BytesIO()
    picture.save(
        stream,
        "JPEG",
        quality=quality,
        subsampling=0,
        comment=comment.encode(),
        exif=_srgb_exif() if srgb else b"",
    )
    return stream.getvalue()


def write_jpeg(
    path: Path,
    pixels: NDArray[np.uint8],
    *,
    quality: int = 92,
    text: Mapping[str, str] | None = None,
    srgb: bool = True,
) -> None:
    """Write a JPEG file as a whole; the arguments are those of `encode_jpeg`.

    Raises:
        ImageError: see `encode_jpeg`.
        OSError: the file cannot be written.
    """
    write_bytes(path, encode_jpeg(pixels, quality=quality, text=text, srgb=srgb))


def _picture(pixels: NDArray[np.uint8], *, channels: tuple[int, ...]) -> PillowImage.Image:
    """The array as a Pillow picture, if it is one that the format can hold."""
    if pixels.dtype != np.uint8:
        raise ImageError(
            f"a picture to be written must be uint8, not {pixels.dtype}",
            hint="bring floats to [0, 255] first, e.g. with images.from_tensor",
        )
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or pixels.shape[2] not in channels or 0 in pixels.shape:
        wanted = " or ".join(str(count) for count in channels)
        raise ImageError(
            f"an array of shape {pixels.shape} is no picture: height x width x {wanted} is",
            hint="JPEG holds no transparency: write a .png" if pixels.shape[-1:] == (4,) else None,
        )
    plane = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    return PillowImage.fromarray(np.ascontiguousarray(plane))


def _is_keyword(keyword: str) -> bool:
    try:
        return 1 <= len(keyword.encode("latin-1")) <= 79 and keyword.isprintable()
    except UnicodeEncodeError:
        return False


def _srgb_exif() -> bytes:
    """EXIF data that say sRGB; a profile would hold the date, and differ every second."""
    directory = struct.Struct("<HHHIII")  # one entry; tag, type, count, value; no next directory
    long, short, exif_at = 4, 3, 8 + directory.size
    root = directory.pack(1, _EXIF_IFD, long, 1, exif_at, 0)
    return b"Exif\0\0II*\0\x08\0\0\0" + root + directory.pack(1, _COLOUR_SPACE, short, 1, _SRGB, 0)

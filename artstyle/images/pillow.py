"""The border with Pillow: which formats, whose warnings, which exceptions, what bounds.

Pillow's own switches (`MAX_IMAGE_PIXELS`, `LOAD_TRUNCATED_IMAGES`) belong to the whole process and
are never touched here: the plugin of a format is called directly, so that the bound on pixels is
the caller's, and any number of threads may read at once.
"""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import IO, Any

import PIL
from PIL import Image as PillowImage
from PIL import ImageFile

from artstyle.errors import ImageError

# Format -> the plugin that opens it. Left out on purpose: what runs other programs (EPS), what
# only points elsewhere (WMF, GRIB), and what is a document rather than a picture (PSD, PDF).
_PLUGINS = {
    "PNG": ("PngImagePlugin", "PngImageFile"),
    "JPEG": ("JpegImagePlugin", "jpeg_factory"),
    "GIF": ("GifImagePlugin", "GifImageFile"),
    "WebP": ("WebPImagePlugin", "WebPImageFile"),
    "TIFF": ("TiffImagePlugin", "TiffImageFile"),
    "BMP": ("BmpImagePlugin", "BmpImageFile"),
    "PNM": ("PpmImagePlugin", "PpmImageFile"),
    "TGA": ("TgaImagePlugin", "TgaImageFile"),
    "PCX": ("PcxImagePlugin", "PcxImageFile"),
    "ICO": ("IcoImagePlugin", "IcoImageFile"),
    "QOI": ("QoiImagePlugin", "QoiImageFile"),
    "JPEG 2000": ("Jpeg2KImagePlugin", "Jpeg2KImageFile"),
    "AVIF": ("AvifImagePlugin", "AvifImageFile"),
}


class DamagedError(Exception):
    """Pillow could not make sense of the bytes; the message is Pillow's own."""


@contextmanager
def faults_of_the_file() -> Iterator[None]:
    """Turn whatever Pillow raises over the bytes of a file into `DamagedError`.

    Raises:
        DamagedError: Pillow's parsers gave up, in whichever way.
        ImageError: the memory does not suffice.
    """
    try:
        yield
    except ImageError:
        raise
    except MemoryError as fault:
        raise ImageError("there is not enough memory to decode it") from fault
    except Exception as fault:
        # Not only OSError: hostile bytes lead the parsers into IndexError, struct.error,
        # SyntaxError, OverflowError and more, and every one of them is a fault of the file.
        raise DamagedError(str(fault) or type(fault).__name__) from fault


def open_header(stream: IO[bytes], kind: str) -> ImageFile.ImageFile:
    """Read a picture's header, and nothing of its pixels.

    Args:
        stream: the file, seekable; it must stay open until the pixels are read.
        kind: one of the formats this module knows, e.g. "PNG".

    Raises:
        DamagedError: the header makes no sense.
        ImageError: this Pillow was built without the format.
    """
    module, name = _PLUGINS[kind]
    try:
        factory = getattr(import_module(f"PIL.{module}"), name)
    except ModuleNotFoundError as fault:
        raise ImageError(
            f"this Pillow ({PIL.__version__}) cannot read {kind}",
            hint="upgrade it with 'pip install -U pillow', or convert the file to PNG",
        ) from fault
    stream.seek(0)
    with faults_of_the_file():
        try:
            opened: ImageFile.ImageFile = factory(stream, "")
        except PillowImage.DecompressionBombError as fault:
            raise beyond_pillow(kind) from fault
    return opened


def beyond_pillow(kind: str) -> ImageError:
    """The refusal of what Pillow itself will not decode, whatever bound the caller set."""
    return ImageError(
        f"it is larger than what Pillow decodes of {kind} (about 179 megapixels)",
        hint="shrink it with another program first, or convert it to PNG",
    )


# How many blocks are quiet now, and what to take away when the last one ends.
_quiet_lock = threading.Lock()
_quiet_depth = 0
_quiet_filters: list[tuple[list[Any], Any]] = []
_quiet_handler = logging.NullHandler()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Pillow's warnings and log lines about odd files to itself while the block runs.

    `warnings.catch_warnings` restores a snapshot, which loses what other threads changed in the
    meantime; this adds one filter for Pillow's modules and later takes away just that one.
    """
    if getattr(sys.flags, "context_aware_warnings", False):  # Python 3.14 on: safe in threads
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\b")
            yield
        return
    _enter_quiet()
    try:
        yield
    finally:
        _leave_quiet()


def _enter_quiet() -> None:
    global _quiet_depth  # noqa: PLW0603 - the filters it counts are the process's own
    with _quiet_lock:
        _quiet_depth += 1
        if _quiet_depth == 1:
            logging.getLogger("PIL").addHandler(_quiet_handler)
        filters: Any = warnings.filters
        if not any(held is filters for held, _ in _quiet_filters):
            warnings.filterwarnings("ignore", module=r"PIL\b")
            _quiet_filters.append((filters, filters[0]))


def _leave_quiet() -> None:
    global _quiet_depth  # noqa: PLW0603 - see above
    with _quiet_lock:
        _quiet_depth -= 1
        if _quiet_depth:
            return
        logging.getLogger("PIL").removeHandler(_quiet_handler)
        # Both lists: a catch_warnings block of another thread may have swapped them meanwhile.
        current: Any = warnings.filters
        for held, added in _quiet_filters:
            for filters in (held, current):
                with suppress(ValueError):
                    filters.remove(added)
        _quiet_filters.clear()

"""PNG files that store their pixels: no compression, the same bytes on every machine.

zlib at level 0 cuts its blocks as the library at hand likes; here they are cut as the format's
bound has it, and no filter is tried, so that writing is little more than copying.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import CorpusError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BLOCK_BYTES = 65535  # the longest stored block of DEFLATE
_COLOUR_TYPE = {1: 0, 3: 2}


def stored_png(pixels: NDArray[np.uint8]) -> bytes:
    """A picture as a PNG file.

    Args:
        pixels: HWC uint8 with 1 (grey) or 3 (RGB) channels, [0, 255].

    Raises:
        CorpusError: the array is no such picture.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in _COLOUR_TYPE:
        raise CorpusError(
            f"an array of {pixels.dtype} and shape {pixels.shape} is no picture of a dataset:"
            " uint8 and HWC with 1 or 3 channels is"
        )
    height, width, channels = pixels.shape
    rows = np.zeros((height, 1 + width * channels), dtype=np.uint8)  # column 0: no filter
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPE[channels], 0, 0, 0)
    data = _chunk(b"IDAT", _stored(rows.tobytes()))
    return b"".join((SIGNATURE, _chunk(b"IHDR", header), data, _chunk(b"IEND", b"")))


def _stored(data: bytes) -> bytes:
    """A zlib stream of stored blocks."""
    parts = [b"\x78\x01"]
    for start in range(0, len(data), _BLOCK_BYTES):
        block = data[start : start + _BLOCK_BYTES]
        is_last = start + _BLOCK_BYTES >= len(data)
        parts += [struct.pack("<BHH", is_last, len(block), len(block) ^ 0xFFFF), block]
    parts.append(struct.pack(">I", zlib.adler32(data)))
    return b"".join(parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(data, zlib.crc32(kind))
    return b"".join((struct.pack(">I", len(data)), kind, data, struct.pack(">I", checksum)))

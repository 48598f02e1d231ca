"""How much of a picture's file is missing, where its format lets us know.

Called after the decoder gave up, so that the message can say more than "damaged"; and before it
starts for JPEG and JPEG 2000, whose decoders take what is torn or filled with zeros for whole.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from typing import IO, Any

_BLOCK_BYTES = 1 << 16
_ZERO_TAIL_BYTES = 64
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # colour type -> samples per pixel


def missing_part(stream: IO[bytes], kind: str, picture: Any) -> str | None:
    """What is missing at the end of a file, in words.

    Args:
        stream: the file, seekable.
        kind: its format, e.g. "PNG".
        picture: what Pillow made of it, decoded as far as it went; None if nothing.

    Returns:
        E.g. "it breaks off in row 113 of 480"; None if nothing is known to be missing.
    """
    size = stream.seek(0, os.SEEK_END)
    try:
        if kind == "PNG":
            return _png(stream, size)
        if kind == "JPEG":
            return _jpeg(stream, size, picture)
        if kind == "JPEG 2000":
            return _jpeg2000(stream)
        if kind == "TIFF" and (behind := _tiff_directory_behind(stream, size)):
            return behind
        stated = _stated_size(stream, kind, picture)
    except (OSError, ValueError, LookupError, TypeError, struct.error):
        return None  # too damaged to tell; the decoder's own words must do
    if stated is not None and stated > size:
        return _bytes_missing(stated, size)
    return None


def is_torn(stream: IO[bytes], kind: str) -> bool:
    """Whether a file ends too early in a way that its decoder would not notice."""
    if kind == "JPEG":
        return zero_tail(stream) > 0
    return kind == "JPEG 2000" and _jpeg2000(stream) is not None


def zero_tail(stream: IO[bytes]) -> int:
    """How many zero bytes stand at the end of a JPEG where its picture should go on.

    Returns:
        0 if the file ends as a JPEG does, or with anything else than a run of zeros.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _ZERO_TAIL_BYTES))
    if stream.read().strip(b"\0"):
        return 0
    stream.seek(0)
    data = stream.read().rstrip(b"\0")
    # In a scan, 0xFF is only ever followed by a zero or a marker: the last marker found is real.
    ended = data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda")
    return 0 if ended else size - len(data)


def _bytes_missing(stated: int, size: int) -> str:
    return f"it breaks off: {stated - size:,} of {stated:,} bytes are missing"


def _stated_size(stream: IO[bytes], kind: str, picture: Any) -> int | None:
    """The size in bytes that a file says it has, if its format says so."""
    stream.seek(0)
    head = stream.read(12)
    if kind == "WebP":
        return int.from_bytes(head[4:8], "little") + 8
    if kind == "BMP":
        return int.from_bytes(head[2:6], "little")
    if kind == "TIFF" and picture is not None:
        tags = picture.tag_v2
        starts = tags.get(273) or tags.get(324) or ()  # strips or tiles
        lengths = tags.get(279) or tags.get(325) or ()
        return max(
            (start + length for start, length in zip(starts, lengths, strict=False)), default=0
        )
    return None


def _tiff_directory_behind(stream: IO[bytes], size: int) -> str | None:
    """Whether the first directory, which many programs write last, lies behind the file's end."""
    stream.seek(0)
    order, version = ("<" if stream.read(2) == b"II" else ">"), stream.read(2)
    if b"*" in version:  # BigTIFF has its offset elsewhere
        (at,) = struct.unpack(f"{order}I", stream.read(4))
        stream.seek(at)
        count = struct.unpack(f"{order}H", stream.read(2))[0] if at + 2 <= size else 0
        if at + 2 + 12 * count > size or not count:
            return f"it breaks off: its directory, at byte {at:,}, lies behind its end ({size:,})"
    return None


def _jpeg(stream: IO[bytes], size: int, picture: Any) -> str | None:
    stream.seek(0)
    data = stream.read()
    if data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda"):
        return None
    if zeros := zero_tail(stream):
        return f"its last {zeros:,} of {size:,} bytes are zeros: it was not copied as a whole"
    whole = "it breaks off before its end"
    rows, height = _rows_decoded(picture)
    return f"{whole}: rows up to {rows} of {height} are there" if rows else whole


def _jpeg2000(stream: IO[bytes]) -> str | None:
    """Whether the codestream of a JPEG 2000 file lacks its end."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    end = size
    if stream.read(2) != b"\xff\x4f":  # boxes around the codestream
        at, name = 0, b""
        while name != b"jp2c":
            stream.seek(at)
            header = stream.read(16)
            if len(header) < 8:
                return "it breaks off before its pixels"
            length, name = struct.unpack(">I4s", header[:8])
            if length == 1 and len(header) == 16:
                length = int.from_bytes(header[8:], "big")
            end = at + length if length else size
            at += max(length, 8)
        if end > size:
            return _bytes_missing(end, size)
    stream.seek(max(end - 2, 0))
    return None if stream.read(2) == b"\xff\xd9" else "it breaks off before its end"


def _rows_decoded(picture: Any) -> tuple[int, int]:
    """Up to which row a broken picture was decoded, at least; rows without data are black."""
    core = getattr(picture, "_im", None)
    if core is None:
        return 0, 0
    box = core.getbbox()
    rows = box[3] if box else 0
    return (rows if rows < picture.height else 0), picture.height


def _png(stream: IO[bytes], size: int) -> str | None:
    """The row in which the pixels of a PNG end, or how many bytes the broken chunk lacks."""
    stream.seek(16)
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", stream.read(13))
    row_bytes = 1 + (width * depth * _PNG_CHANNELS[colour] + 7) // 8
    unpacked = zlib.decompressobj()
    decoded = 0
    try:
        for block in _png_pixel_blocks(stream):
            rest = block
            while rest and decoded < row_bytes * height:
                decoded += len(unpacked.decompress(rest, _BLOCK_BYTES))
                rest = unpacked.unconsumed_tail
    except zlib.error:
        pass  # up to here it made sense
    lacking = _png_lacking(stream, size)
    if lacking is None:
        return None
    rows = decoded // row_bytes
    if interlaced or rows >= height:
        return f"it breaks off: at least {lacking:,} bytes are missing"
    return (
        f"it breaks off in row {rows + 1:,} of {height:,}: at least {lacking:,} bytes are missing"
    )


def _png_chunks(stream: IO[bytes]) -> Iterator[tuple[bytes, int, int]]:
    """Name, first data byte and length of each chunk whose header is there."""
    at = 8
    while True:
        stream.seek(at)
        header = stream.read(8)
        if len(header) < 8:
            return
        length, name = struct.unpack(">I4s", header)
        yield name, at + 8, length
        at += 12 + length


def _png_pixel_blocks(stream: IO[bytes]) -> Iterator[bytes]:
    for name, start, length in _png_chunks(stream):
        if name == b"IDAT":
            stream.seek(start)
            for block_start in range(0, length, _BLOCK_BYTES):
                yield stream.read(min(_BLOCK_BYTES, length - block_start))


def _png_lacking(stream: IO[bytes], size: int) -> int | None:
    """How many bytes the last chunk lacks, with its checksum; None if the file has its end."""
    end = 8
    for name, start, length in _png_chunks(stream):
        end = start + length + 4
        if name == b"IEND" and end <= size:
            return None
    return max(end - size, 0) + (0 if end > size else 12)

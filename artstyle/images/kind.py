"""What a file is, judged by its first bytes: a picture we read, or something we can name."""

from __future__ import annotations

from artstyle.errors import ImageError
from artstyle.names import shown

HEAD_BYTES = 1024  # what `kind_of` wants to see

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),  # BigTIFF
    (b"MM\0+", "TIFF"),
    (b"BM", "BMP"),
    (b"\0\0\1\0", "ICO"),
    (b"qoif", "QOI"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    *((b"P%d" % digit + space, "PNM") for digit in range(1, 7) for space in (b"\n", b" ", b"\r")),
    *((b"\x0a" + bytes([version]), "PCX") for version in (0, 2, 3, 5)),
)

_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_RAW_SUFFIXES = (
    *(".3fr", ".arw", ".cr2", ".cr3", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".nef"),
    *(".nrw", ".orf", ".pef", ".raf", ".rw2", ".srw"),
)

_TO_PNG = "open it in an image editor and export it as PNG"
# First bytes of what is often met among pictures and is none that we read -> its name, what to do.
_STRANGERS: tuple[tuple[bytes, str, str | None], ...] = (
    (b"%PDF", "a PDF document", "export its pages as PNG, e.g. 'pdftoppm -png -r 200 FILE page'"),
    (b"%!PS", "a PostScript drawing", _TO_PNG),
    (b"\xc5\xd0\xd3\xc6", "a PostScript drawing", _TO_PNG),
    (b"8BPS", "a Photoshop document", "export it flattened, as PNG"),
    (b"gimp xcf", "a GIMP project", "export it as PNG"),
    (b"\xff\x0a", "a JPEG XL picture", "convert it to PNG first, e.g. 'djxl FILE out.png'"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture", "convert it to PNG first, e.g. 'djxl FILE out.png'"),
    (b"\x76\x2f\x31\x01", "an OpenEXR picture", _TO_PNG),
    (b"DDS ", "a DirectDraw texture", _TO_PNG),
    (b"\x1aE\xdf\xa3", "a film (Matroska or WebM)", "give it to 'artstyle extract --video FILE'"),
    (b"PK\x03\x04", "a zip archive", "unpack it first"),
    (b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (b"version https://git-lfs", "a Git LFS pointer, not the picture", "type 'git lfs pull'"),
)


def kind_of(head: bytes, suffix: str) -> str:
    """The format of a picture that we read.

    Args:
        head: the first `HEAD_BYTES` of the file, or all of it.
        suffix: of the file's name, e.g. ".jpg"; decides only for TGA, which has no signature, and
            for camera raw files, which pass for TIFF.

    Returns:
        A key of the table of plugins, e.g. "PNG".

    Raises:
        ImageError: it is something else; the message continues "cannot read NAME: ".
    """
    if suffix.lower() in _RAW_SUFFIXES:
        raise ImageError(
            "it is the raw data of a camera", hint="develop it to TIFF or JPEG with a raw converter"
        )
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[4:8] == b"ftyp" and b"avif" in _brands(head) | {head[8:12].replace(b"avis", b"avif")}:
        return "AVIF"
    if suffix.lower() in (".tga", ".targa"):
        return "TGA"
    raise _refusal(head, suffix)


def _brands(head: bytes) -> set[bytes]:
    """The brands an ISO media file says it conforms to."""
    end = int.from_bytes(head[:4], "big")
    return {head[at : at + 4] for at in (8, *range(16, min(end, len(head)), 4))}


def _refusal(head: bytes, suffix: str) -> ImageError:
    """What a file without a signature of ours is, in words."""
    for signature, name, hint in _STRANGERS:
        if head.startswith(signature):
            return ImageError(f"it is {name}", hint=hint)
    if head[4:8] == b"ftyp":
        return _iso_refusal(head)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return ImageError("it is a film (AVI)", hint="give it to 'artstyle extract --video FILE'")
    if not head.strip(b"\0"):
        return ImageError(
            "it holds nothing but zero bytes", hint="the copy or download failed: fetch it again"
        )
    return _text_refusal(head, suffix)


def _iso_refusal(head: bytes) -> ImageError:
    if _brands(head) & set(_HEIF_BRANDS):
        return ImageError(
            "it is a HEIC picture",
            hint="convert it to JPEG first, e.g. 'heif-convert FILE out.jpg'; a phone set to"
            " 'most compatible' takes JPEGs at once",
        )
    return ImageError(
        "it is a film (MP4 or MOV)", hint="give it to 'artstyle extract --video FILE'"
    )


def _text_refusal(head: bytes, suffix: str) -> ImageError:
    lower = head.lower().lstrip(b"\xef\xbb\xbf \t\r\n")
    if b"<svg" in lower:
        return ImageError(
            "it is an SVG drawing, which has no pixels",
            hint="draw it at the size you want first, e.g. 'rsvg-convert -w 1024 FILE -o out.png'",
        )
    if lower.startswith((b"<!doctype html", b"<html", b"<head")):
        return ImageError(
            "it is a web page, not a picture",
            hint="the download brought an error page: open the address in a browser",
        )
    claim = f" called {shown(suffix)}" if suffix else ""
    if _is_text(head):
        return ImageError(f"it is a text file{claim}")
    return ImageError(f"its first bytes are those of no picture we know{claim}", hint=_TO_PNG)


def _is_text(head: bytes) -> bool:
    text = head.decode("utf-8", errors="ignore")
    printable = sum(character.isprintable() or character in "\t\r\n\f" for character in text)
    return len(head) - len(text.encode()) <= 3 and printable >= 0.98 * max(len(text), 1)

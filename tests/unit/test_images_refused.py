"""Files that are no pictures, are broken, or must not be read: each is refused with its reason."""

from __future__ import annotations

import os
import socket
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from artstyle import images
from artstyle.errors import ImageError

NOISE = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def refusal(path: Path, **options: Any) -> ImageError:
    with pytest.raises(ImageError) as caught:
        images.read_rgb(path, **options)
    return caught.value


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def saved(path: Path, **options: Any) -> Path:
    PillowImage.fromarray(NOISE).save(path, **options)
    return path


def cut(path: Path, keep: int) -> Path:
    return written(path, path.read_bytes()[:keep])


# No regular file


def test_missing_file_and_broken_link(tmp_path: Path) -> None:
    assert "there is no such file" in str(refusal(tmp_path / "no.png"))
    (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
    assert "a link that leads nowhere" in str(refusal(tmp_path / "a.png"))
    written(tmp_path / "file", b"x")
    assert "there is no such file" in str(refusal(tmp_path / "file" / "a.png"))
    (tmp_path / "b.png").symlink_to(tmp_path / "b.png")
    assert "symbolic links" in str(refusal(tmp_path / "b.png"))


def test_folder_empty_file_and_name_with_a_zero_byte(tmp_path: Path) -> None:
    assert "it is a folder" in str(refusal(tmp_path))
    assert "it is empty (0 bytes)" in str(refusal(written(tmp_path / "a.png", b"")))
    error = refusal(Path("a\0b.png"))
    assert str(error) == "cannot read a\\x00b.png: its name holds a zero byte"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    assert "it is a pipe" in str(refusal(tmp_path / "a.png"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipe_that_took_the_place_of_a_file_is_refused_without_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    regular = saved(tmp_path / "a.png").stat()
    os.mkfifo(tmp_path / "b.png")
    monkeypatch.setattr(Path, "stat", lambda *_, **__: regular)  # looked at before the exchange
    assert "it is a pipe" in str(refusal(tmp_path / "b.png"))


def test_devices_and_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "it is a device" in str(refusal(Path("/dev/zero")))
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("a.png")
        assert "it is a socket" in str(refusal(Path("a.png")))


def test_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.png")

    def denied(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)  # who runs as root may read everything
    error = refusal(path)
    assert "you may not read it" in str(error)
    assert error.hint is not None
    assert "chmod" in error.hint


def test_names_that_are_no_text_are_shown_safely(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9\n\x1b[31m.jpg")
    path = tmp_path / name
    message = str(refusal(path))
    assert message.endswith("caf\\xe9\\n\\x1b[31m.jpg: there is no such file")
    assert message.isprintable()
    path.write_bytes(saved(tmp_path / "a.png").read_bytes())
    assert (images.read_rgb(path).rgb == NOISE).all()


# Not a picture, or none that we read


@pytest.mark.parametrize(
    ("name", "data", "what", "hint"),
    [
        ("a.jpg", b"These are my holiday photos,\nall of them.\n", "a text file called .jpg", None),
        ("a.jpg", "Größe, naïve, 写真\n".encode() * 200, "a text file called .jpg", None),
        ("a.png", b"<!DOCTYPE html><html><body>404</body>", "a web page", "browser"),
        (
            "a.png",
            b"version https://git-lfs.github.com/spec/v1\noid",
            "Git LFS pointer",
            "lfs pull",
        ),
        ("a.svg", b"\xef\xbb\xbf<?xml version='1.0'?>\n<svg xmlns=''>", "SVG", "rsvg-convert -w 1"),
        ("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC", "heif-convert TMP/a.heic out"),
        ("a.heif", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC", "heif-convert"),
        ("a.mp4", b"\0\0\0\x18ftypisom\0\0\0\0isomavc1", "a film", "extract --video TMP/a.mp4"),
        ("a.mkv", b"\x1a\x45\xdf\xa3" + b"\x93" * 40, "a film", "--video"),
        ("a.avi", b"RIFF\0\0\0\0AVI LIST", "a film (AVI)", "--video"),
        ("a.pdf", b"%PDF-1.7\n", "a PDF", "pdftoppm"),
        ("a.psd", b"8BPS\0\1" + b"\0" * 60, "Photoshop", "flattened"),
        ("a.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9", "PostScript", "PNG"),
        ("a.jxl", b"\xff\x0a\xfa\x7f", "JPEG XL", "djxl"),
        ("a.zip", b"PK\x03\x04" + b"\0" * 30, "zip", "unpack"),
        ("a.nef", b"II*\0" + b"\x08" * 60, "raw data of a camera", "raw converter"),
        ("a.jpg", b"\0" * 4096, "nothing but zero bytes", "fetch it again"),
        ("a.dat", bytes(range(128, 256)) * 4, "no picture we know called .dat", "PNG"),
        ("a", bytes(range(128, 256)) * 4, "no picture we know", "PNG"),
    ],
)
def test_strangers_are_named(
    tmp_path: Path, name: str, data: bytes, what: str, hint: str | None
) -> None:
    error = refusal(written(tmp_path / name, data))
    assert what in str(error)
    assert str(error).startswith(f"cannot read {tmp_path / name}: it")
    if hint is not None:
        assert error.hint is not None
        assert hint.replace("TMP", str(tmp_path)) in error.hint


def test_postscript_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.Popen", None)  # Pillow would call Ghostscript
    data = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    assert "PostScript" in str(refusal(written(tmp_path / "a.png", data)))


# Broken


def test_truncated_png_says_row_and_bytes(tmp_path: Path) -> None:
    whole = saved(tmp_path / "a.png", compress_level=0).read_bytes()
    row = 1 + 64 * 3
    keep = whole.index(b"IDAT") + 4 + 7 + 20 * row + 50  # in row 21 (zlib: 2 + 5 bytes before)
    path = written(tmp_path / "a.png", whole[:keep])
    error = refusal(path)
    assert f"it breaks off in row 21 of 48: at least {len(whole) - keep - 12:,} bytes are" in str(
        error
    )
    assert error.hint == "fetch or export it again"


def test_truncated_png_whose_end_chunk_alone_is_missing_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png")
    assert (images.read_rgb(cut(path, len(path.read_bytes()) - 12)).rgb == NOISE).all()


def test_truncated_jpeg_says_how_far_it_goes(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg", quality=90)
    message = str(refusal(cut(path, len(path.read_bytes()) * 2 // 3)))
    assert "it breaks off before its end: rows up to" in message
    rows = int(message.partition("rows up to ")[2].partition(" ")[0])
    assert 8 <= rows < 40


def test_progressive_jpeg_that_is_truncated(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg", quality=90, progressive=True)
    assert "it breaks off" in str(refusal(cut(path, len(path.read_bytes()) // 2)))


def test_jpeg_whose_end_was_filled_with_zeros(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg", quality=90)
    whole = path.read_bytes()
    half = len(whole) // 2
    written(path, whole[:half] + b"\0" * (len(whole) - half))
    assert f"{len(whole):,} bytes are zeros: it was not copied as a whole" in str(refusal(path))
    written(path, whole + b"\0" * 500)  # zeros behind the end are harmless
    expected = np.asarray(PillowImage.open(path).convert("RGB"))
    assert (images.read_rgb(path).rgb == expected).all()


@pytest.mark.parametrize("suffix", ["webp", "bmp", "tif"])
def test_truncated_files_that_state_their_size(tmp_path: Path, suffix: str) -> None:
    options = {"lzw.tif": {"compression": "tiff_lzw"}, "webp": {"lossless": True}}.get(suffix, {})
    path = saved(tmp_path / f"a.{suffix}", **options)
    size = len(path.read_bytes())
    message = str(refusal(cut(path, size - 1000)))
    assert "it breaks off: " in message
    missing = int(message.partition("breaks off: ")[2].partition(" ")[0].replace(",", ""))
    assert abs(missing - 1000) <= 2


def test_truncated_tiff_whose_directory_stands_last(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tif", compression="tiff_lzw")
    size = len(path.read_bytes())
    assert f"lies behind its end ({size - 1000:,})" in str(refusal(cut(path, size - 1000)))


def test_gif_whose_frame_is_larger_than_its_screen(tmp_path: Path) -> None:
    bomb = _bomb("gif", 50_000)
    path = written(tmp_path / "a.gif", bomb[:6] + struct.pack("<HH", 8, 8) + bomb[10:])
    assert "larger than what Pillow decodes of GIF" in str(refusal(path))


def test_gif_that_is_truncated(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.gif")
    assert "this GIF file is not whole" in str(refusal(cut(path, len(path.read_bytes()) // 2)))


def test_damaged_header_and_damaged_pixels(tmp_path: Path) -> None:
    whole = saved(tmp_path / "a.png").read_bytes()
    assert "this PNG file is not whole" in str(refusal(written(tmp_path / "b.png", whole[:20])))
    at = whole.index(b"IDAT") + 200
    flipped = whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]
    assert "this PNG file is not whole: it is damaged" in str(
        refusal(written(tmp_path / "c.png", flipped))
    )


# Gigantic


def _png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part))
        for part in (header, data, b"IEND")
    )


def _bomb(kind: str, side: int) -> bytes:
    little = struct.pack("<I", side)
    match kind:
        case "png":
            return _png_header(side, side)
        case "bmp":
            info = struct.pack("<IIIHHIIIIII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)
            return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info
        case "gif":
            screen = b"GIF89a" + struct.pack("<HH", side, side) + b"\0\0\0"
            return screen + b"," + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x08\x01\0\0;"
        case "tif":
            tags = [(256, side), (257, side), (258, 8), (259, 1), (262, 1), (273, 8), (279, 8)]
            entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
            return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0\0\0\0"
        case "jpg":
            frame = b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, side, side, 3)
            planes = bytes([1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0])
            return (
                b"\xff\xd8" + frame + planes + b"\xff\xda\0\x0c\3\1\0\2\0\3\0\0\x3f\0" + b"\0" * 9
            )
        case "qoi":
            return b"qoif" + struct.pack(">IIBB", side, side, 3, 0)
        case "ppm":
            return f"P6 {side} {side} 255\n".encode()
        case _:
            return b"\0\0\2" + b"\0" * 9 + little[:2] * 2 + b"\x18\0"  # TGA


@pytest.mark.parametrize("kind", ["png", "bmp", "gif", "tif", "jpg", "qoi", "ppm", "tga"])
def test_bombs_are_refused_by_their_header(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / f"a.{kind}", _bomb(kind, 50_000))
    tracemalloc.start()
    try:
        message = str(refusal(path))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "it claims 50,000 x 50,000 pixels, more than the bound of 200 megapixels" in message
    assert peak_bytes < 5_000_000


def test_the_bound_is_the_callers(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png")
    message = str(refusal(path, max_pixels=64 * 48 - 1))
    assert "it claims 64 x 48 pixels, more than the bound of 3,071" in message
    assert (images.read_rgb(path, max_pixels=64 * 48).rgb == NOISE).all()


def test_bomb_with_a_larger_bound_is_taken_for_damaged(tmp_path: Path) -> None:
    path = written(tmp_path / "a.png", _bomb("png", 3000))
    assert "not whole" in str(refusal(path, max_pixels=10_000_000))

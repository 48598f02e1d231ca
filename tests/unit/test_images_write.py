"""PNG and JPEG files that are written: the same bytes each time, whole or not at all."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from artstyle import images
from artstyle.errors import ImageError

PIXELS = np.random.default_rng(3).integers(0, 256, (9, 14, 4), dtype=np.uint8)
SMOOTH = np.tile(np.linspace(30, 220, 32, dtype=np.uint8)[None, :, None], (32, 1, 3))


@pytest.mark.parametrize("channels", [0, 1, 3, 4])
def test_png_gives_the_pixels_back(tmp_path: Path, channels: int) -> None:
    pixels = PIXELS[..., :channels] if channels else PIXELS[..., 0]
    images.write_png(tmp_path / "a.png", pixels)
    found = images.read_rgba(tmp_path / "a.png")
    expected = pixels if channels >= 3 else pixels.reshape(9, 14, 1).repeat(3, axis=2)
    assert (found.rgb == expected[..., :3]).all()
    assert found.alpha is not None
    assert (found.alpha == (pixels[..., 3] if channels == 4 else 255)).all()


def test_png_holds_its_text_and_says_srgb(tmp_path: Path) -> None:
    text = {"Title": "Grid of 5", "Author": "Gödel, 写真", "artstyle": '{"seed": 3}'}
    images.write_png(tmp_path / "a.png", PIXELS, text=text)
    with PillowImage.open(tmp_path / "a.png") as found:
        assert found.info["srgb"] == 0
        assert {key: str(found.info[key]) for key in text} == text
    images.write_png(tmp_path / "b.png", PIXELS, srgb=False)
    assert b"sRGB" not in (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("keyword", ["", "a" * 80, "写", "a\nb"])
def test_png_refuses_keywords_it_cannot_hold(keyword: str) -> None:
    with pytest.raises(ImageError, match="cannot be a keyword"):
        images.encode_png(PIXELS, text={keyword: "x"})


def test_png_without_compression_is_larger() -> None:
    flat = np.zeros((64, 64, 3), np.uint8)
    assert len(images.encode_png(flat, compress_level=0)) > 64 * 64 * 3
    assert len(images.encode_png(flat)) < 1000


def test_jpeg_comes_close_and_keeps_colour_edges(tmp_path: Path) -> None:
    images.write_jpeg(tmp_path / "a.jpg", SMOOTH)
    assert np.abs(images.read_rgb(tmp_path / "a.jpg").rgb.astype(int) - SMOOTH).max() <= 3
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2] = (255, 0, 0)
    found = images.decode_rgb(images.encode_jpeg(stripes)).rgb.astype(int)
    assert np.abs(found - stripes).mean() < 12  # with 4:2:0, red would run into its neighbours


def test_jpeg_says_srgb_and_holds_its_comment(tmp_path: Path) -> None:
    images.write_jpeg(tmp_path / "a.jpg", SMOOTH, text={"Author": "Gödel", "seed": "3"})
    with PillowImage.open(tmp_path / "a.jpg") as found:
        assert found.getexif().get_ifd(0x8769)[0xA001] == 1
        assert found.info["comment"].decode() == "Author: Gödel\nseed: 3"
    assert b"Exif" not in images.encode_jpeg(SMOOTH, srgb=False)


def test_quality_matters() -> None:
    assert len(images.encode_jpeg(PIXELS[..., :3], quality=30)) < len(
        images.encode_jpeg(PIXELS[..., :3], quality=95)
    )


def test_bytes_do_not_depend_on_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    before = images.encode_png(PIXELS), images.encode_jpeg(SMOOTH)
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert (images.encode_png(PIXELS), images.encode_jpeg(SMOOTH)) == before
    assert b"tIME" not in before[0]


@pytest.mark.parametrize(
    ("pixels", "why"),
    [
        (np.zeros((4, 4, 3), np.float32), "must be uint8, not float32"),
        (np.zeros((4, 4, 2), np.uint8), "height x width x 1 or 3 or 4 is"),
        (np.zeros((2, 4, 4, 3), np.uint8), "is no picture"),
        (np.zeros((0, 4, 3), np.uint8), "is no picture"),
    ],
)
def test_arrays_that_are_no_pictures(pixels: np.ndarray, why: str) -> None:
    with pytest.raises(ImageError, match=why):
        images.encode_png(pixels)


def test_jpeg_refuses_alpha_and_too_long_sides() -> None:
    with pytest.raises(ImageError, match="height x width x 1 or 3 is") as caught:
        images.encode_jpeg(PIXELS)
    assert caught.value.hint == "JPEG holds no transparency: write a .png"
    with pytest.raises(ImageError, match="too many for JPEG"):
        images.encode_jpeg(np.zeros((1, 65501), np.uint8))


def test_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    images.write_png(path, PIXELS)
    old = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        images.write_png(path, PIXELS[::-1])
    assert path.read_bytes() == old
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]


def test_views_are_written_as_they_look(tmp_path: Path) -> None:
    images.write_png(tmp_path / "a.png", PIXELS[::-1, ::2])
    found = images.read_rgba(tmp_path / "a.png")
    assert (found.rgb == PIXELS[::-1, ::2, :3]).all()

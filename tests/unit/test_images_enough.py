"""Large JPEGs decoded smaller: as large as asked for, turned upright, in a fraction of the time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artstyle.images import read_rgb


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """1600 x 800, red on the left, and lying on its side by its EXIF orientation."""
    pixels = np.zeros((800, 1600, 3), np.uint8)
    pixels[:, :400, 0] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "photo.jpg"
    Image.fromarray(pixels).save(path, quality=95, exif=exif)
    return path


@pytest.mark.parametrize(
    ("enough_px", "size"),
    [
        (None, (800, 1600)),
        (1601, (800, 1600)),
        (800, (400, 800)),
        (401, (400, 800)),
        (1, (100, 200)),
    ],
)
def test_as_small_as_will_do(photo, enough_px, size):
    picture = read_rgb(photo, enough_px=enough_px)
    assert (picture.width, picture.height) == size
    assert picture.stored_size_px == (1600, 800)
    assert ("decoded at 1/" in " ".join(picture.notes)) == (size != (800, 1600))


def test_it_is_the_same_picture(photo):
    picture = read_rgb(photo, enough_px=300)
    assert picture.rgb[20, 100, 0] > 240  # what was left is above, once upright
    assert picture.rgb[-20, 100].max() < 15
    assert "EXIF orientation 6 applied" in picture.notes


def test_other_kinds_are_decoded_in_full(tmp_path):
    path = tmp_path / "drawing.png"
    Image.new("RGB", (64, 32)).save(path)
    assert read_rgb(path, enough_px=8).rgb.shape == (32, 64, 3)

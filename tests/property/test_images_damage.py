"""Whatever happens to a picture's bytes: it is read, or refused with an ImageError."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from artstyle import images
from artstyle.errors import ImageError

_RAMP = np.arange(18 * 21 * 3).reshape(18, 21, 3)
PIXELS = ((_RAMP * 7) % 251).astype(np.uint8)


def _file(kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    if kind in ("JPEG", "PNG", "TIFF", "WEBP"):
        options["exif"] = exif
    pixels = np.dstack([PIXELS, PIXELS[..., 0]]) if options.pop("alpha", False) else PIXELS
    PillowImage.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


FILES = {
    "png": _file("PNG", alpha=True),
    "jpeg": _file("JPEG", quality=80),
    "jpeg progressive": _file("JPEG", quality=60, progressive=True),
    "gif": _file("GIF"),
    "webp": _file("WEBP", lossless=True),
    "webp alpha": _file("WEBP", quality=50, alpha=True),
    "tiff": _file("TIFF"),
    "tiff lzw": _file("TIFF", compression="tiff_lzw"),
    "tiff jpeg": _file("TIFF", compression="jpeg"),
    "tiff deflate": _file("TIFF", compression="tiff_adobe_deflate", alpha=True),
    "bmp": _file("BMP"),
    "ppm": _file("PPM"),
    "tga": _file("TGA", compression="tga_rle"),
    "pcx": _file("PCX"),
    "ico": _file("ICO", sizes=[(16, 16)]),
    "jp2": _file("JPEG2000"),
}
PillowImage.init()
for one in ("QOI", "AVIF"):  # older Pillows do not write these
    if one in PillowImage.SAVE:
        FILES[one.lower()] = _file(one)

# A name without a suffix, except for TGA, which has no signature.
NAMES = {kind: ("a.tga" if kind == "tga" else "a") for kind in FILES}


def _read(kind: str, data: bytes) -> images.Image | None:
    """The picture, or None if it was refused as it should be."""
    try:
        return images.decode_rgba(data, name=NAMES[kind], max_pixels=1_000_000)
    except ImageError:
        return None


@pytest.mark.parametrize("kind", FILES)
def test_truncated_anywhere_it_is_refused_or_whole(
    kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    data = FILES[kind]
    whole = images.decode_rgba(data, name=NAMES[kind])
    assert whole.rgb.shape in ((18, 21, 3), (21, 18, 3), (14, 16, 3))
    refused = 0
    for keep in range(len(data)):
        found = _read(kind, data[:keep])
        refused += found is None
        if found is not None and not any("damaged" in note for note in found.notes):
            assert (found.rgb == whole.rgb).all(), f"{keep} of {len(data)} bytes"
            assert (found.alpha == whole.alpha).all(), f"{keep} of {len(data)} bytes"
    assert refused >= len(data) // 3
    if kind != "tiff jpeg":  # libjpeg inside libtiff prints its complaints itself
        assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", FILES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_bytes_may_flip(kind: str, data: st.DataObject) -> None:
    spoiled = bytearray(FILES[kind])
    spots = st.lists(st.integers(0, len(spoiled) - 1), min_size=1, max_size=8)
    for spot in data.draw(spots):
        spoiled[spot] = data.draw(st.integers(0, 255))
    found = _read(kind, bytes(spoiled))
    if found is not None:
        assert found.rgb.dtype == np.uint8
        assert found.rgb.ndim == 3
        assert found.rgb.shape[2] == 3
        assert found.alpha is not None
        assert found.alpha.shape == found.rgb.shape[:2]


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=400), kind=st.sampled_from(sorted(FILES)))
def test_any_bytes_behind_a_signature(data: bytes, kind: str) -> None:
    found = _read(kind, FILES[kind][:16] + data)
    assert found is None or found.rgb.shape[2] == 3

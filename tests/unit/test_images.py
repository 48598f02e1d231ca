"""Odd pictures that are read: every test looks at pixels, not only that nothing broke."""

from __future__ import annotations

import logging
import struct
import threading
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageCms, PngImagePlugin

from artstyle import images
from artstyle.errors import ImageError
from artstyle.images.pillow import quiet

RNG = np.random.default_rng(5)
# Smooth enough for JPEG, different in every corner, wider than high.
COLOURS = np.stack(
    [
        np.tile(np.linspace(20, 235, 48), (32, 1)),
        np.tile(np.linspace(230, 10, 32)[:, None], (1, 48)),
        np.tile(np.linspace(90, 160, 48), (32, 1)),
    ],
    axis=-1,
).astype(np.uint8)
GREY = COLOURS[..., 0]


def save(path: Path, pixels: Any, **options: Any) -> Path:
    picture = pixels if isinstance(pixels, PillowImage.Image) else PillowImage.fromarray(pixels)
    picture.save(path, **options)
    return path


def _skip_if_pillow_cannot_write(kind: str) -> None:
    PillowImage.init()
    if kind.upper() not in PillowImage.SAVE:
        pytest.skip(f"this Pillow does not write {kind}")


def png_bytes(
    samples: bytes, *, size: tuple[int, int], depth: int, colour: int, extra: bytes = b""
) -> bytes:
    """A PNG written by hand; `samples` are whole rows without filter bytes."""
    width, height = size
    row = len(samples) // height
    rows = b"".join(b"\0" + samples[at * row : (at + 1) * row] for at in range(height))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def largest_difference(found: np.ndarray, expected: np.ndarray) -> int:
    assert found.shape == expected.shape
    assert found.dtype == np.uint8
    return int(np.abs(found.astype(int) - expected.astype(int)).max())


# Formats


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm", "tga", "pcx", "qoi", "ico", "gif"])
def test_lossless_formats_give_the_pixels_back(tmp_path: Path, suffix: str) -> None:
    if suffix == "qoi":
        _skip_if_pillow_cannot_write("QOI")
    pixels = COLOURS[:32, :32]
    picture = PillowImage.fromarray(pixels)
    if suffix == "gif":
        picture = picture.quantize(200)
        pixels = np.array(picture.convert("RGB"))
    picture.save(tmp_path / f"a.{suffix}", **({"sizes": [(32, 32)]} if suffix == "ico" else {}))
    found = images.read_rgb(tmp_path / f"a.{suffix}")
    assert largest_difference(found.rgb, pixels) == 0
    assert (found.width, found.height, found.stored_size_px) == (32, 32, (32, 32))
    assert found.alpha is None
    assert found.rgb.flags.writeable


@pytest.mark.parametrize(
    ("suffix", "options", "kind"),
    [
        ("jpg", {"quality": 98, "subsampling": 0}, "JPEG"),
        ("webp", {"lossless": True}, "WebP"),
        ("jp2", {}, "JPEG 2000"),
        ("avif", {"quality": 95, "subsampling": "4:4:4"}, "AVIF"),
    ],
)
def test_compressed_formats_come_close(
    tmp_path: Path, suffix: str, options: dict[str, Any], kind: str
) -> None:
    _skip_if_pillow_cannot_write(kind.replace(" ", ""))
    found = images.read_rgb(save(tmp_path / f"a.{suffix}", COLOURS, **options))
    assert largest_difference(found.rgb, COLOURS) <= 4
    assert found.format == kind
    assert found.notes == ()


def test_the_content_decides_not_the_suffix(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    save(path, COLOURS, format="PNG")
    found = images.read_rgb(path)
    assert found.format == "PNG"
    assert largest_difference(found.rgb, COLOURS) == 0


def test_from_memory(tmp_path: Path) -> None:
    data = save(tmp_path / "a.tif", COLOURS, compression="tiff_lzw").read_bytes()
    assert largest_difference(images.decode_rgb(data, name="upload").rgb, COLOURS) == 0
    with pytest.raises(ImageError, match=r"cannot read up\\nload: it is empty"):
        images.decode_rgb(b"", name="up\nload")


# Orientation

# What is seen -> what the file stores, by hand: value v says where row 0 and column 0 of the file
# lie in the upright picture.
STORED = {
    1: lambda seen: seen,
    2: lambda seen: seen[:, ::-1],
    3: lambda seen: seen[::-1, ::-1],
    4: lambda seen: seen[::-1],
    5: lambda seen: seen.swapaxes(0, 1),
    6: lambda seen: np.rot90(seen, 1),
    7: lambda seen: np.rot90(seen, 2).swapaxes(0, 1),
    8: lambda seen: np.rot90(seen, -1),
}


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "lzw.tif", "jpg"])
@pytest.mark.parametrize("value", range(1, 9))
def test_exif_orientation(tmp_path: Path, suffix: str, value: int) -> None:
    stored = np.ascontiguousarray(STORED[value](COLOURS))
    exif = PillowImage.Exif()
    exif[0x0112] = value
    options: dict[str, Any] = {
        "webp": {"lossless": True},
        "jpg": {"quality": 98, "subsampling": 0},
        "lzw.tif": {"compression": "tiff_lzw"},
    }.get(suffix, {})
    path = save(tmp_path / f"a.{suffix}", stored, exif=exif, **options)
    found = images.read_rgb(path)
    assert largest_difference(found.rgb, COLOURS) <= (4 if suffix == "jpg" else 0)
    assert found.stored_size_px == (stored.shape[1], stored.shape[0])
    assert found.notes == (() if value == 1 else (f"EXIF orientation {value} applied",))


def test_exif_orientation_six_by_hand(tmp_path: Path) -> None:
    # A camera held on its side: the file's first row is the right edge of what was seen.
    stored = np.zeros((2, 3, 3), np.uint8)
    stored[0, :, 0] = (10, 20, 30)
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    found = images.read_rgb(save(tmp_path / "a.png", stored, exif=exif))
    assert found.rgb[..., 0].tolist() == [[0, 10], [0, 20], [0, 30]]


def test_alpha_is_turned_with_the_colours(tmp_path: Path) -> None:
    stored = np.zeros((2, 3, 4), np.uint8)
    stored[0, :, 3] = (10, 20, 30)
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    found = images.read_rgba(save(tmp_path / "a.png", stored, exif=exif))
    assert found.alpha is not None
    assert found.alpha.tolist() == [[0, 10], [0, 20], [0, 30]]


@pytest.mark.parametrize(
    "exif",
    [
        b"II*\0\xff\xff\xff\x7f",  # the first directory lies behind the end
        b"garbage that is no TIFF",
        b"II*\0\x08\0\0\0\x05\0\x12\x01\x02\0\xff\xff\0\0",  # five entries, half of one there
    ],
)
def test_broken_exif_data_do_not_matter(tmp_path: Path, exif: bytes) -> None:
    path = save(tmp_path / "a.jpg", COLOURS, quality=98, subsampling=0, exif=b"Exif\0\0" + exif)
    found = images.read_rgb(path)
    assert largest_difference(found.rgb, COLOURS) <= 4
    assert found.notes == ("damaged EXIF data ignored",)


def test_orientation_that_does_not_exist_is_noted(tmp_path: Path) -> None:
    exif = PillowImage.Exif()
    exif[0x0112] = 42
    found = images.read_rgb(save(tmp_path / "a.png", COLOURS, exif=exif))
    assert largest_difference(found.rgb, COLOURS) == 0
    assert found.notes == ("EXIF orientation that does not exist ignored",)


# Grey, depth


def test_grey_and_one_bit(tmp_path: Path) -> None:
    found = images.read_rgb(save(tmp_path / "l.png", GREY))
    assert largest_difference(found.rgb, np.repeat(GREY[..., None], 3, axis=2)) == 0
    bits = PillowImage.fromarray(GREY > 100)
    assert bits.mode == "1"
    found = images.read_rgb(save(tmp_path / "1.png", bits))
    assert largest_difference(found.rgb[..., 1], np.where(GREY > 100, 255, 0).astype(np.uint8)) == 0


@pytest.mark.parametrize("suffix", ["png", "tif", "lzw.tif", "pgm", "jp2"])
def test_sixteen_bit_grey_keeps_its_range(tmp_path: Path, suffix: str) -> None:
    deep = np.array([[0, 256, 32768, 65535, 65000, 128]], np.uint16)
    options = {"compression": "tiff_lzw"} if suffix == "lzw.tif" else {}
    found = images.read_rgb(save(tmp_path / f"a.{suffix}", PillowImage.fromarray(deep), **options))
    assert found.rgb[0, :, 0].tolist() == [0, 1, 128, 255, 253, 0]
    assert "16-bit reduced to 8-bit" in found.notes


def test_big_endian_sixteen_bit_tiff(tmp_path: Path) -> None:
    deep = np.array([[0, 32768], [65535, 257]], np.uint16)
    path = save(tmp_path / "a.tif", PillowImage.fromarray(deep.astype(">u2")))
    assert path.read_bytes()[:2] == b"MM"
    assert images.read_rgb(path).rgb[..., 0].tolist() == [[0, 128], [255, 1]]


def test_sixteen_bit_tiff_where_zero_is_white(tmp_path: Path) -> None:
    deep = np.array([[0, 32768], [65535, 257]], np.uint16)
    path = save(tmp_path / "a.tif", PillowImage.fromarray(deep), tiffinfo={262: 0})
    data = path.read_bytes()
    at = (
        data.index(struct.pack("<HHI", 262, 3, 1)) + 8
    )  # the writer puts 1 there whatever it is told
    path.write_bytes(data[:at] + b"\0\0" + data[at + 2 :])
    assert images.read_rgb(path).rgb[..., 0].tolist() == [[255, 127], [0, 254]]


def test_signed_and_unsigned_32_bit_tiff(tmp_path: Path) -> None:
    signed = np.array([[-(2**31), 0, 2**31 - 1]], np.int32)
    path = save(tmp_path / "a.tif", PillowImage.fromarray(signed))
    found = images.read_rgb(path)
    assert found.rgb[0, :, 0].tolist() == [0, 128, 255]
    assert found.notes == ("32-bit reduced to 8-bit",)
    data = path.read_bytes()
    at = data.index(struct.pack("<HHI", 339, 3, 1)) + 8  # SampleFormat: 1 is unsigned
    path.write_bytes(data[:at] + b"\1\0" + data[at + 2 :])
    assert images.read_rgb(path).rgb[0, :, 0].tolist() == [128, 0, 127]


@pytest.mark.parametrize("largest", [1.0, 255.0])
def test_floating_point_tiff(tmp_path: Path, largest: float) -> None:
    values = np.array([[0.0, 0.5 * largest, largest]], np.float32)
    found = images.read_rgb(save(tmp_path / "a.tif", PillowImage.fromarray(values)))
    assert found.rgb[0, :, 2].tolist() == [0, 128, 255]
    assert found.notes == (f"floats of 0..{largest:g} reduced to 8-bit",)


@pytest.mark.parametrize(
    ("values", "why"), [([[0.0, 3000.0]], "from 0 to 3000"), ([[0.0, np.nan]], "not finite")]
)
def test_floats_that_say_nothing_are_refused(tmp_path: Path, values: list[Any], why: str) -> None:
    path = save(tmp_path / "a.tif", PillowImage.fromarray(np.array(values, np.float32)))
    with pytest.raises(ImageError, match=why):
        images.read_rgb(path)


def test_sixteen_bit_colour_png(tmp_path: Path) -> None:
    deep = np.array([[[0, 32768, 65535], [257, 65280, 1]]], ">u2")
    path = tmp_path / "a.png"
    path.write_bytes(png_bytes(deep.tobytes(), size=(2, 1), depth=16, colour=2))
    found = images.read_rgb(path)
    assert found.rgb.tolist() == [[[0, 128, 255], [1, 255, 0]]]
    assert found.notes == ("16-bit reduced to 8-bit",)


# Transparency


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_alpha_is_kept_apart_or_laid_over_the_matte(tmp_path: Path, mode: str, suffix: str) -> None:
    if mode == "PA" and suffix != "png":
        pytest.skip("no such file exists")
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0] = [(100, 100, 100, 255), (200, 200, 200, 128), (9, 9, 9, 0)]
    picture = PillowImage.fromarray(pixels)
    if mode == "PA":  # written as palette with an alpha for each entry
        picture = picture.quantize(4, method=PillowImage.Quantize.FASTOCTREE)
    elif mode == "LA":
        picture = picture.convert("LA")
    path = tmp_path / f"a.{suffix}"
    picture.save(path, **({"lossless": True, "exact": True} if suffix == "webp" else {}))
    found = images.read_rgba(path)
    assert found.alpha is not None
    assert found.alpha.tolist() == [[255, 128, 0]]
    assert largest_difference(found.rgb[:, :2], pixels[:, :2, :3]) == 0
    over = images.read_rgb(path, matte=(255, 0, 100))
    assert over.rgb.tolist() == [[[100, 100, 100], [227, 100, 150], [255, 0, 100]]]
    assert over.notes[-1] == "transparency laid over rgb(255, 0, 100)"
    hidden = images.read_rgb(path, matte=None)
    assert hidden.rgb[0, 1].tolist() == [200, 200, 200]
    assert hidden.notes[-1] == "transparency dropped"


def test_opaque_alpha_is_no_transparency(tmp_path: Path) -> None:
    pixels = np.dstack([COLOURS, np.full(GREY.shape, 255, np.uint8)])
    found = images.read_rgb(save(tmp_path / "a.png", pixels))
    assert found.notes == ()
    assert largest_difference(found.rgb, COLOURS) == 0
    opaque = images.read_rgba(save(tmp_path / "b.png", COLOURS)).alpha
    assert opaque is not None
    assert opaque.min() == 255


def test_palette_with_one_transparent_entry(tmp_path: Path) -> None:
    picture = PillowImage.new("P", (3, 1))
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture.putdata([0, 1, 2])
    for suffix in ("gif", "png"):
        path = save(tmp_path / f"a.{suffix}", picture, transparency=1)
        found = images.read_rgba(path)
        assert found.alpha is not None
        assert found.alpha.tolist() == [[255, 0, 255]]
        over = images.read_rgb(path, matte=(1, 2, 3)).rgb
        assert over.tolist() == [[[255, 0, 0], [1, 2, 3], [0, 0, 255]]]


def test_palette_with_an_alpha_for_each_entry_warns_nobody(tmp_path: Path) -> None:
    picture = PillowImage.new("P", (3, 1))
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture.putdata([0, 1, 2])
    path = save(tmp_path / "a.png", picture, transparency=bytes([255, 51, 0]))
    assert images.read_rgb(path, matte=(0, 0, 0)).rgb.tolist() == [
        [[255, 0, 0], [0, 51, 0], [0, 0, 0]]
    ]


@pytest.mark.parametrize(
    "case",
    [
        (8, 0, bytes([7, 8, 9, 8]), (8,), [7, 8, 9, 8], [255, 0, 255, 0]),
        (2, 0, bytes([0b00011011]), (2,), [0, 85, 170, 255], [255, 255, 0, 255]),
        (4, 0, bytes([0x0F, 0x5F]), (15,), [0, 255, 85, 255], [255, 0, 255, 0]),
        (1, 0, bytes([0b10100000]), (1,), [255, 0, 255, 0], [0, 255, 0, 255]),
        (16, 0, struct.pack(">4H", 0, 257, 258, 65535), (257,), [0, 1, 1, 255], [255, 0, 255, 255]),
        (8, 2, bytes([5] * 3 + [6] * 3 + [5] * 3 + [7] * 3), (5, 5, 5), [5, 6, 5, 7], [0, 255] * 2),
        (
            16,
            2,
            struct.pack(">12H", *[0x0500] * 3, *[0x0600] * 3, *[0x0500] * 3, *[0x0700] * 3),
            (0x0500, 0x0500, 0x0500),
            [5, 6, 5, 7],
            [0, 255, 0, 255],
        ),
    ],
)
def test_transparent_colour_of_png(tmp_path: Path, case: tuple[Any, ...]) -> None:
    depth, colour, samples, transparent, grey, alpha = case
    extra = chunk(b"tRNS", struct.pack(f">{len(transparent)}H", *transparent))
    path = tmp_path / "a.png"
    path.write_bytes(png_bytes(samples, size=(4, 1), depth=depth, colour=colour, extra=extra))
    found = images.read_rgba(path)
    assert found.rgb[0, :, 0].tolist() == grey
    assert found.alpha is not None
    assert found.alpha[0].tolist() == alpha


def test_tga_whose_alpha_nobody_filled_is_opaque(tmp_path: Path) -> None:
    pixels = np.dstack([COLOURS, np.zeros(GREY.shape, np.uint8)])
    found = images.read_rgb(save(tmp_path / "a.tga", pixels))
    assert largest_difference(found.rgb, COLOURS) == 0
    assert found.notes == ("alpha plane of zeros ignored",)


def test_premultiplied_tiff_is_straightened(tmp_path: Path) -> None:
    pixels = np.array([[[100, 50, 25, 128]]], np.uint8)  # stored: already multiplied
    path = save(tmp_path / "a.tif", pixels)
    data = path.read_bytes()
    at = data.index(struct.pack("<HHI", 338, 3, 1)) + 8  # ExtraSamples: 1 is associated alpha
    path.write_bytes(data[:at] + b"\1\0" + data[at + 2 :])
    found = images.read_rgba(path)
    assert found.alpha is not None
    assert found.alpha.tolist() == [[128]]
    assert largest_difference(found.rgb, np.array([[[199, 100, 50]]], np.uint8)) <= 1


# Colour


def _cmyk() -> PillowImage.Image:
    picture = PillowImage.new("CMYK", (16, 16), (0, 255, 255, 0))  # red
    picture.paste((255, 0, 0, 0), (8, 0, 16, 16))  # cyan
    return picture


def test_cmyk_jpeg_with_adobes_inverted_values(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", _cmyk(), quality=98)
    assert b"Adobe" in path.read_bytes()
    found = images.read_rgb(path)
    assert largest_difference(found.rgb[:, :6], np.full((16, 6, 3), (255, 0, 0), np.uint8)) <= 6
    assert largest_difference(found.rgb[:, 10:], np.full((16, 6, 3), (0, 255, 255), np.uint8)) <= 6
    assert found.notes == ("CMYK converted without a colour profile",)


def test_cmyk_tiff(tmp_path: Path) -> None:
    found = images.read_rgb(save(tmp_path / "a.tif", _cmyk()))
    assert found.rgb[0, 0].tolist() == [255, 0, 0]
    assert found.rgb[0, 15].tolist() == [0, 255, 255]


def test_lab_tiff(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    picture = ImageCms.profileToProfile(PillowImage.fromarray(COLOURS), srgb, lab, outputMode="LAB")
    assert picture is not None
    found = images.read_rgb(save(tmp_path / "a.tif", picture))
    # Eight bits of CIELAB are coarse where green is full: 15 at worst, under 1 on the average.
    assert largest_difference(found.rgb, COLOURS) <= 15
    assert np.abs(found.rgb.astype(int) - COLOURS).mean() < 1
    assert found.notes == ("CIELAB converted to sRGB",)


def linear_profile(space: bytes = b"RGB ") -> bytes:
    """An ICC profile with sRGB's primaries and gamma 1, put together from an sRGB one."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", data[128:132])[0]
    curve = len(data)
    data += b"curv\0\0\0\0\0\0\0\0"  # no entries: the identity
    for at in range(132, 132 + 12 * count, 12):
        if data[at : at + 4] in (b"rTRC", b"gTRC", b"bTRC"):
            data[at + 4 : at + 12] = struct.pack(">II", curve, 12)
    data[0:4] = struct.pack(">I", len(data))
    data[16:20] = space
    return bytes(data)


def _srgb_curve(linear: float) -> int:
    value = 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
    return round(255 * value)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_colour_profile_is_converted(tmp_path: Path, suffix: str) -> None:
    pixels = np.full((16, 16, 3), (128, 30, 255), np.uint8)
    options = {"webp": {"lossless": True}, "jpg": {"quality": 99, "subsampling": 0}}.get(suffix, {})
    path = save(tmp_path / f"a.{suffix}", pixels, icc_profile=linear_profile(), **options)
    found = images.read_rgb(path)
    expected = np.full((16, 16, 3), [_srgb_curve(v / 255) for v in (128, 30, 255)], np.uint8)
    assert expected[0, 0].tolist() == [188, 96, 255]
    assert largest_difference(found.rgb, expected) <= (5 if suffix == "jpg" else 1)
    assert any("converted to sRGB" in note for note in found.notes)


def test_colour_profile_on_grey_palette_and_alpha(tmp_path: Path) -> None:
    profile = linear_profile()
    grey = images.read_rgb(
        save(tmp_path / "l.png", np.full((2, 2), 128, np.uint8), icc_profile=profile)
    )
    assert largest_difference(grey.rgb, np.full((2, 2, 3), 188, np.uint8)) <= 1
    palette = PillowImage.new("P", (2, 2))
    palette.putpalette([128, 30, 255])
    found = images.read_rgb(save(tmp_path / "p.png", palette, icc_profile=profile))
    assert largest_difference(found.rgb[:1, :1], np.array([[[188, 96, 255]]], np.uint8)) <= 1
    clear = np.full((2, 2, 4), (128, 30, 255, 77), np.uint8)
    found = images.read_rgba(save(tmp_path / "a.png", clear, icc_profile=profile))
    assert found.alpha is not None
    assert found.alpha.tolist() == [[77, 77], [77, 77]]
    assert largest_difference(found.rgb[:1, :1], np.array([[[188, 96, 255]]], np.uint8)) <= 1


def test_srgb_profile_changes_nothing(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    found = images.read_rgb(save(tmp_path / "a.png", COLOURS, icc_profile=profile))
    assert largest_difference(found.rgb, COLOURS) == 0
    assert found.notes == ()


@pytest.mark.parametrize("damage", [b"not a profile", b"", None])
def test_broken_profile_is_noted_not_fatal(tmp_path: Path, damage: bytes | None) -> None:
    profile = linear_profile()[:300] if damage is None else damage
    found = images.read_rgb(save(tmp_path / "a.png", COLOURS, icc_profile=profile))
    assert largest_difference(found.rgb, COLOURS) == 0
    assert found.notes == (("damaged ICC profile ignored",) if profile else ())


def test_profile_of_another_colour_space_is_noted(tmp_path: Path) -> None:
    found = images.read_rgb(save(tmp_path / "a.tif", _cmyk(), icc_profile=linear_profile()))
    assert found.rgb[0, 0].tolist() == [255, 0, 0]
    assert "is not for CMYK pictures: ignored" in found.notes[0]


# Several pictures in one file


@pytest.mark.parametrize(
    ("suffix", "word"), [("gif", "frames"), ("png", "frames"), ("webp", "frames"), ("tif", "pages")]
)
def test_first_of_several_frames(tmp_path: Path, suffix: str, word: str) -> None:
    frames = [PillowImage.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    path = tmp_path / f"a.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, **options)
    found = images.read_rgb(path)
    assert largest_difference(found.rgb, np.full((8, 8, 3), (255, 0, 0), np.uint8)) == 0
    assert found.notes == (f"first of 3 {word} taken",)


def test_camera_jpeg_with_two_pictures(tmp_path: Path) -> None:
    frames = [PillowImage.new("RGB", (8, 8), colour) for colour in ("red", "lime")]
    frames[0].save(tmp_path / "a.mpo", save_all=True, append_images=frames[1:])
    found = images.read_rgb(tmp_path / "a.mpo")
    assert largest_difference(found.rgb, np.full((8, 8, 3), (254, 0, 0), np.uint8)) <= 2
    assert found.format == "JPEG"
    assert found.notes == ("first of 2 pictures taken",)


def test_later_frame_that_is_damaged_does_not_matter(tmp_path: Path) -> None:
    noise = RNG.integers(0, 256, (2, 40, 40), dtype=np.uint8)
    frames = [PillowImage.fromarray(frame) for frame in noise]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    data = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "a.gif").write_bytes(data[:-300])
    found = images.read_rgb(tmp_path / "a.gif")
    assert largest_difference(found.rgb[..., 0], noise[0]) == 0


# Pillow keeps its state and its mouth


def _file_that_makes_pillow_warn(tmp_path: Path) -> Path:
    path = save(tmp_path / "warn.tif", COLOURS, dpi=(72, 72))
    data = bytearray(path.read_bytes())
    at = data.index(struct.pack("<HH", 282, 5))  # XResolution: let it point behind the end
    data[at + 4 : at + 12] = struct.pack("<II", 1, 0x7FFFFFF0)
    path.write_bytes(data)
    with pytest.warns(UserWarning, match="Truncated File Read|[Tt]ag"), PillowImage.open(path):
        pass
    return path


def test_pillows_warnings_do_not_leak(tmp_path: Path) -> None:
    path = _file_that_makes_pillow_warn(tmp_path)
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        assert largest_difference(images.read_rgb(path).rgb, COLOURS) == 0
    assert heard == []
    assert list(warnings.filters) == before
    with pytest.warns(UserWarning, match="Truncated File Read|[Tt]ag"), PillowImage.open(path):
        pass  # Pillow itself is not silenced for good


def test_pillows_log_lines_do_not_leak(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    try:
        with quiet():
            logging.getLogger("PIL.TiffImagePlugin").error("something about a tag")
    finally:
        root.handlers = handlers
    assert capsys.readouterr().err == ""
    assert logging.getLogger("PIL").handlers == []


def test_quiet_blocks_may_overlap_in_threads(tmp_path: Path) -> None:
    path = _file_that_makes_pillow_warn(tmp_path)
    before = list(warnings.filters)
    wrong: list[object] = []

    def read() -> None:
        for _ in range(40):
            if images.read_rgb(path).rgb[0, 0].tolist() != COLOURS[0, 0].tolist():
                wrong.append("pixels")

    threads = [threading.Thread(target=read) for _ in range(6)]
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        inside = list(warnings.filters)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert list(warnings.filters) == inside
    assert heard == []
    assert wrong == []
    assert list(warnings.filters) == before


def test_quiet_outlives_a_foreign_block_that_ends_inside() -> None:
    before = list(warnings.filters)
    foreign = warnings.catch_warnings()
    foreign.__enter__()
    with quiet():
        foreign.__exit__(None, None, None)
    assert list(warnings.filters) == before
    with quiet():
        foreign = warnings.catch_warnings()
        foreign.__enter__()
    assert list(warnings.filters) == before
    foreign.__exit__(None, None, None)
    assert list(warnings.filters) == before


def test_pillows_own_bound_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.png", COLOURS)
    monkeypatch.setattr(PillowImage, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(PillowImage.DecompressionBombError):
        PillowImage.open(path)
    assert largest_difference(images.read_rgb(path).rgb, COLOURS) == 0
    assert PillowImage.MAX_IMAGE_PIXELS == 10


def test_where_pillows_own_bound_holds_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.tif", COLOURS)
    monkeypatch.setattr(PillowImage, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(ImageError, match="larger than what Pillow decodes of TIFF"):
        images.read_rgb(path)


def test_text_bomb_in_a_png_is_no_danger(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("a", "b" * 5_000_000, zip=True)
    path = save(tmp_path / "a.png", COLOURS, pnginfo=info)
    with pytest.raises(ImageError, match="Decompressed data too large"):
        images.read_rgb(path)


@pytest.mark.shared
def test_real_pictures_are_read_as_pillow_reads_them(shared_dir: Path) -> None:
    paths = images.list_images(shared_dir / "data" / "people")[::97]
    assert len(paths) > 20
    for path in paths:
        found = images.read_rgb(path)
        plain = np.asarray(PillowImage.open(path).convert("RGB"))
        if not found.notes:
            assert largest_difference(found.rgb, plain) == 0
        assert found.rgb.flags.c_contiguous

"""A hundred damaged and hostile files: no crash, each one named, and what is good is taken."""

from __future__ import annotations

import os
import random
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image
from support.films import picture, scenes, write_film

from artstyle.catalog import open_catalog
from artstyle.catalog.rows import crops
from artstyle.events import Note
from artstyle.pipeline.extract.films import extract_films
from artstyle.pipeline.extract.images import extract_images
from artstyle.pipeline.extract.settings import Settings

DRAWN = Settings(detector="layout", layout="facesjs", size_px=64, min_face_px=20)


def png_with_header(width: int, height: int) -> bytes:
    """A PNG that says it has this size, and holds a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def hostile_pictures(folder: Path) -> int:
    """Write pictures that cannot be read; gives how many."""
    folder.mkdir()
    sound = folder.with_name("sound")
    sound.mkdir()
    files = []
    for suffix in ("png", "jpg", "webp", "bmp"):
        path = sound / f"a.{suffix}"
        Image.fromarray(picture(1, 120, 96)).save(path)
        files.append(path)
    dice = random.Random(7)
    bad: dict[str, bytes] = {
        "lies.png": png_with_header(50_000, 50_000),
        "empty.jpg": b"",
        "none.png": png_with_header(0, 0),
        "text.jpg": b"this is no picture\n" * 40,
        "film.png": b"\0\0\0\x18ftypmp42" + bytes(200),
        "new\nline.png": b"text",
        "escape\x1b[31m.jpg": b"text",
        "-rf.jpg": b"text",
        " .png": b"text",
        os.fsdecode(b"caf\xe9.png"): b"text",
        "x" * 240 + ".png": b"text",
        "page.webp": b"<html>" * 50,
    }
    for number in range(40):
        whole = files[number % len(files)].read_bytes()
        bad[f"cut-{number}{files[number % len(files)].suffix}"] = whole[: dice.randrange(1, 30)]
    for name, data in bad.items():
        (folder / name).write_bytes(data)
    (folder / "loop.png").symlink_to(folder / "loop.png")
    (folder / "nowhere.jpg").symlink_to(folder / "missing.jpg")
    (folder / "round").symlink_to(folder)
    return len(bad) + 2


def test_pictures(workspace: Path, tmp_path: Path) -> None:
    bad = hostile_pictures(tmp_path / "bad")
    dice = random.Random(3)
    for number in range(30):  # flipped bytes: some are pictures still, with other pixels
        data = bytearray((tmp_path / "sound" / ("a.png", "a.jpg")[number % 2]).read_bytes())
        for _ in range(20):
            data[dice.randrange(8, len(data))] = dice.randrange(256)
        (tmp_path / "bad" / f"flipped-{number}.{('png', 'jpg')[number % 2]}").write_bytes(data)
    Image.fromarray(picture(5, 120, 96)).save(tmp_path / "bad/good.png")
    Image.new("RGB", (3, 3000), "teal").save(tmp_path / "bad/thin.png")
    heard = []
    with open_catalog(workspace) as catalog:
        folder = workspace / "datasets/s/crops"
        summary = extract_images(
            catalog, folder, "s", [tmp_path / "bad"], settings=DRAWN, workers=2, emit=heard.append
        )
        files = {row.source_path.name for row in crops(catalog, "s")}
    assert "good.png" in files
    assert summary.frames + len(summary.skipped) == bad + 32
    assert len(summary.skipped) >= bad
    named = {one.path.name for one in summary.skipped}
    assert {"lies.png", "loop.png", "nowhere.jpg", "new\nline.png", "text.jpg"} <= named
    assert all(one.reason and "\n" not in one.reason for one in summary.skipped)
    words = [one.text for one in heard if isinstance(one, Note) and one.level == "warning"]
    assert len(words) == len(summary.skipped)
    assert all(one.isprintable() for one in words), "no name reaches the terminal as it is"
    assert r"new\nline.png" in "".join(words)
    text = summary.words()
    assert f"skipped: {len(summary.skipped)}" in text
    assert "more; --json names all" in text


@pytest.fixture(scope="module")
def whole_films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("whole")
    kinds = [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx-vp9")]
    pictures = scenes([1, 2, 3, 4], 50)
    return [write_film(folder / name, pictures, codec=codec) for name, codec in kinds]


def test_films(workspace: Path, tmp_path: Path, whole_films: list[Path]) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    dice = random.Random(5)
    for number in range(30):
        whole = whole_films[number % 3]
        data = bytearray(whole.read_bytes())
        if number % 2:
            data = data[: dice.randrange(1, len(data))]
        else:
            for _ in range(dice.choice([5, 40])):
                data[dice.randrange(len(data))] = dice.randrange(256)
        (folder / f"{number}{whole.suffix}").write_bytes(data)
    (folder / "empty.mkv").write_bytes(b"")
    (folder / "text.mp4").write_bytes(b"no film\n" * 100)
    (folder / "new\nline.mp4").write_bytes(b"no film\n" * 100)
    (folder / os.fsdecode(b"\xff.mkv")).write_bytes(b"no film")
    (folder / "loop.mp4").symlink_to(folder / "loop.mp4")
    Image.fromarray(picture(1)).save(folder / "picture.png")
    (folder / "picture.png").rename(folder / "picture.mp4")
    (folder / "good.mp4").write_bytes(whole_films[0].read_bytes())
    with open_catalog(workspace) as catalog:
        summary = extract_films(
            catalog, workspace / "datasets/s/crops", "s", [folder], settings=DRAWN, workers=2
        )
        assert "good.mp4" in {row.source_path.name for row in crops(catalog, "s")}
    assert summary.sources == 37
    named = {one.path.name for one in summary.skipped}
    assert {"empty.mkv", "text.mp4", "new\nline.mp4", "loop.mp4", "picture.mp4"} <= named
    assert os.fsdecode(b"\xff.mkv") in named
    in_part = {one.path.name for one in summary.faults}
    assert in_part
    cut_off = {f"{number}{whole_films[number % 3].suffix}" for number in range(1, 30, 2)}
    whole_again = cut_off - in_part - named
    assert len(whole_again) <= 4, "what is cut off is told, but for the last second"
    assert summary.words().count("\n") > len(in_part)

"""What the challenge says of photos before any work: who is in them, and what is wrong."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from support.challenges import ASTRONAUT, astronaut, save, two_people

from artstyle.pipeline.challenge.finding import Finder
from artstyle.pipeline.challenge.photos import list_photos, plain_name, read_photo
from artstyle.pipeline.challenge.preflight import (
    LEAST_PX,
    SHOWN_PX,
    Checked,
    Wish,
    check_photo,
    is_grey,
    least_px,
)


@pytest.fixture(scope="module")
def finder() -> Finder:
    return Finder({})


@pytest.fixture
def look(finder):
    def call(path: Path, *, wish: Wish = None, resolution: int = 64, alone: bool = True) -> Checked:
        (photo,) = list_photos([path])
        return check_photo(photo, finder, resolution=resolution, wish=wish, alone=alone)

    return call


def test_a_good_photo_is_cut_as_the_base_wants_it(look):
    (ready,) = look(ASTRONAUT).ready
    assert ready.target.shape == (64, 64, 3)
    assert ready.shown.shape == (SHOWN_PX, SHOWN_PX, 3)
    assert ready.detector == "dlib"
    assert (ready.number, ready.faces, ready.name) == (1, 1, "astronaut")  # not the mission's patch
    assert abs(ready.yaw_deg) < 15
    assert ready.remarks == ()
    small = np.asarray(Image.fromarray(ready.shown).resize((64, 64), Image.Resampling.BOX))
    assert np.abs(small.astype(int) - ready.target).mean() < 4  # the same square


def test_a_detector_that_the_base_names_and_is_not_here_is_told():
    assert Finder({"detector": "dlib"}).remark == ""
    other = Finder({"detector": "yunet"})
    assert other.name == "dlib"
    assert "aligned by yunet" in other.remark


def test_nobody(look, tmp_path):
    drawing = Image.new("RGB", (300, 300), "white")
    ImageDraw.Draw(drawing).ellipse((80, 60, 220, 240), outline="black", width=5)
    checked = look(save(tmp_path / "egg.png", np.asarray(drawing)))
    assert checked.refusal is not None
    assert checked.refusal.code == "none"
    assert "300 x 300 px" in checked.refusal.message
    assert "drawings, animals" in checked.refusal.message


def test_a_face_that_is_too_small(look, tmp_path):
    whole = Image.fromarray(astronaut()).resize((110, 110), Image.Resampling.LANCZOS)
    refusal = look(save(tmp_path / "far.png", np.asarray(whole))).refusal
    assert refusal is not None
    assert refusal.code == "small"
    assert "px wide; 29 px are needed" in refusal.message
    assert least_px(64) == LEAST_PX
    assert least_px(1024) == 512
    refusal = look(ASTRONAUT, resolution=1024).refusal
    assert refusal is not None
    assert "311 px are needed" in refusal.message


def test_a_face_smaller_than_the_model_draws_is_soft_and_said_so(look, tmp_path):
    half = Image.fromarray(astronaut()).resize((300, 300), Image.Resampling.LANCZOS)
    (ready,) = look(save(tmp_path / "half.png", np.asarray(half)), resolution=128).ready
    assert ready.face_px < 128
    assert any("fewer than the 128" in remark for remark in ready.remarks)


@pytest.mark.parametrize(("wish", "number"), [(1, 1), (2, 2)])
def test_of_two_people_one_is_chosen(look, tmp_path, wish, number):
    path = save(tmp_path / "two.png", two_people())
    (ready,) = look(path, wish=wish).ready
    assert (ready.number, ready.faces, ready.name) == (number, 2, "two")
    middle = np.mean(ready.quad_px, axis=0)[0]
    assert (middle < 260) == (number == 1)


def test_two_people_have_to_be_chosen_from(look, tmp_path):
    checked = look(save(tmp_path / "two.png", two_people()))
    assert checked.ready == ()
    assert checked.refusal is not None
    assert checked.refusal.code == "several"
    assert "2 faces" in checked.refusal.message
    assert "--face N, from 1 to 2" in str(checked.refusal.hint)
    assert checked.found is not None
    assert len(checked.found.seen) == 2


def test_all_faces(look, tmp_path):
    checked = look(save(tmp_path / "two.png", two_people()), wish="all")
    assert [ready.name for ready in checked.ready] == ["two-1", "two-2"]


def test_who_is_much_the_largest_is_taken(look, tmp_path):
    checked = look(save(tmp_path / "two.png", two_people(apart=2.2)))
    (ready,) = checked.ready
    assert ready.number == 2
    assert any("face 2 from the left is much the largest" in one for one in checked.remarks)


def test_no_such_face(look, tmp_path):
    refusal = look(ASTRONAUT, wish=3).refusal
    assert refusal is not None
    assert refusal.code == "no such face"
    assert "shows one face" in refusal.message
    # of several photos, a number concerns those with several faces
    assert len(look(ASTRONAUT, wish=3, alone=False).ready) == 1


def test_turned_by_exif_is_turned_back(look, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 8  # the camera was turned: the file's pixels lie on their side
    lying = np.ascontiguousarray(np.rot90(astronaut(), -1))
    path = save(tmp_path / "turned.jpg", lying, exif=exif, quality=95)
    (ready,) = look(path).ready
    (upright,) = look(ASTRONAUT).ready
    assert np.abs(ready.target.astype(int) - upright.target).mean() < 6
    assert ready.remarks == ()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_lying_on_its_side_without_exif_too(look, tmp_path, turns):
    path = save(tmp_path / "lying.png", np.ascontiguousarray(np.rot90(astronaut(), turns)))
    (ready,) = look(path).ready
    (upright,) = look(ASTRONAUT).ready
    assert np.abs(ready.target.astype(int) - upright.target).mean() < 6
    assert any("turned upright" in remark for remark in ready.remarks)


def test_a_grey_photo_works_and_its_colours_are_a_guess(look, tmp_path):
    grey = np.asarray(Image.fromarray(astronaut()).convert("L"))
    (ready,) = look(save(tmp_path / "grey.png", grey)).ready
    assert any("no colour" in remark for remark in ready.remarks)
    assert is_grey(ready.shown)
    assert not is_grey(astronaut())


def test_a_huge_header_is_refused_without_being_decoded(look, tmp_path):
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    data += chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    path = tmp_path / "bomb.png"
    path.write_bytes(data)
    refusal = look(path).refusal
    assert refusal is not None
    assert refusal.code == "unreadable"
    assert "60,000 x 60,000 pixels" in refusal.message


def test_a_large_jpeg_is_decoded_smaller_and_gives_the_same_face(look, tmp_path):
    large = np.asarray(Image.fromarray(astronaut()).resize((4800, 4800), Image.Resampling.BILINEAR))
    path = save(tmp_path / "large.jpg", large, quality=90)
    (photo,) = list_photos([path])
    assert read_photo(photo).rgb.shape == (2400, 2400, 3)
    assert read_photo(photo, in_full=True).rgb.shape == (4800, 4800, 3)
    (ready,) = look(path).ready
    (small,) = look(ASTRONAUT).ready
    assert np.abs(ready.target.astype(int) - small.target).mean() < 6


@pytest.mark.parametrize("content", [b"", b"no picture at all", b"\xff\xd8\xff\xe0 cut short"])
def test_what_is_no_picture(look, tmp_path, content):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    refusal = look(path).refusal
    assert refusal is not None
    assert refusal.code == "unreadable"
    assert str(path) in refusal.message


def test_photos_are_named_apart_and_taken_once(tmp_path):
    (tmp_path / "a").mkdir()
    one = save(tmp_path / "me.png", np.zeros((8, 8, 3), np.uint8))
    other = save(tmp_path / "a" / "Me.png", np.ones((8, 8, 3), np.uint8))
    again = save(tmp_path / "a" / "again.png", np.zeros((8, 8, 3), np.uint8))
    photos = list_photos([one, other, again, tmp_path / "lost.png"])
    assert [photo.name for photo in photos] == ["me", "Me-2", "lost"]
    assert "no such file" in photos[2].fault
    assert plain_name("my / face: *best*") == "my-face-best"
    assert plain_name("...") == "photo"

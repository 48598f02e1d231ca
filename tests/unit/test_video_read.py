"""Films are opened, read and refused."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from support.films import picture, scenes, write_film

from artstyle.errors import VideoError
from artstyle.video.clock import Clock
from artstyle.video.picture import Display, usable_aspect
from artstyle.video.read import frames, open_film, raw_frames


@pytest.mark.parametrize(
    ("name", "codec", "canonical"),
    [
        ("a.mp4", "libx264", "h264"),
        ("a.mkv", "libx265", "hevc"),
        ("a.webm", "libvpx-vp9", "vp9"),
        ("a.mkv", "libsvtav1", "av1"),
        ("a.gif", "gif", "gif"),
    ],
)
def test_every_codec_gives_its_frames_at_their_times(tmp_path, name, codec, canonical):
    path = write_film(tmp_path / name, scenes([1, 2], 10), codec=codec)
    film = open_film(path)
    found = list(frames(film, on_damage=pytest.fail))
    assert (film.codec, film.size_px, film.is_variable_rate) == (canonical, (96, 64), False)
    assert [one.pts_s for one in found] == pytest.approx([n / 25 for n in range(20)], abs=0.002)
    # gif's palette and chroma at half resolution cost some colour
    assert np.abs(found[0].rgb.astype(int) - picture(1)).mean() < (40 if codec == "gif" else 10)


def test_times_are_those_of_the_file_where_the_rate_varies(tmp_path):
    times = [0, 40, 80, 500, 520, 900]
    film = open_film(write_film(tmp_path / "a.mkv", scenes([1], 6), times=times))
    assert [round(one.pts_s * 1000) for one in frames(film)] == times


def test_rotation_and_aspect_are_applied(tmp_path):
    turned = open_film(write_film(tmp_path / "a.mp4", [picture(1)] * 4, rotation=90))
    wide = open_film(write_film(tmp_path / "b.mp4", [picture(1)] * 4, aspect=Fraction(2)))
    upright = next(frames(turned)).rgb
    assert upright.shape == (96, 64, 3) == (turned.size_px[1], turned.size_px[0], 3)
    assert np.abs(upright.astype(int) - np.rot90(picture(1))).mean() < 10
    assert next(frames(wide)).rgb.shape == (64, 192, 3)
    assert next(frames(wide, size_limit_px=48)).rgb.shape == (16, 48, 3)


@pytest.mark.parametrize("codec", ["libx264", "libvpx-vp9"])
def test_keyframes_only(tmp_path, codec):
    film = open_film(write_film(tmp_path / "a.mkv", [picture(1)] * 30, codec=codec, gop=10))
    found = list(frames(film, keyframes_only=True))
    assert [round(one.pts_s, 2) for one in found] == [0.0, 0.4, 0.8]
    assert all(one.is_keyframe for one in found)
    assert film.keyframe_gap_s == pytest.approx(0.4, abs=0.002)


def test_a_part_of_a_film_and_every_so_many_seconds(tmp_path):
    film = open_film(write_film(tmp_path / "a.mp4", scenes([1, 2, 3])))
    part = [round(one.pts_s, 2) for one in frames(film, start_s=1.0, end_s=1.12)]
    assert part == [1.0, 1.04, 1.08]
    assert [round(one.pts_s, 2) for one in frames(film, every_s=1)] == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty"), (b"This is a text.\n" * 99, "no film"), (None, "no such file")],
)
def test_what_is_no_film_is_refused_in_words(tmp_path, content, words):
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VideoError, match=words):
        open_film(path)


def test_folders_play_lists_and_sound_are_refused(tmp_path):
    film = write_film(tmp_path / "a.mp4", [picture(1)] * 3)
    (tmp_path / "list.mp4").write_text(f"ffconcat version 1.0\nfile {film.name}\n")
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    for name, words in [(".", "folder"), ("list.mp4", "no film"), ("sound.wav", "no pictures")]:
        with pytest.raises(VideoError, match=words):
            open_film(tmp_path / name)


def test_a_film_that_ends_early_says_so(tmp_path):
    path = write_film(tmp_path / "a.mkv", scenes(range(8)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    said = []
    found = list(frames(open_film(path), on_damage=said.append))
    assert 20 < len(found) < 140
    assert any("should last until" in one.text for one in said)


def test_the_clock_guesses_only_where_stamps_are_broken():
    clock = Clock(fps=10, end_s=2.0)
    base = Fraction(1, 100)
    told = [clock.time_s(pts, base) for pts in (0, 10, None, 25, 5, 99_999)]
    assert [one[0] for one in told] == pytest.approx([0, 0.1, 0.2, 0.25, 0.35, 0.45])
    assert [bool(one[1]) for one in told] == [False, False, True, False, True, True]


def test_absurd_aspects_are_not_believed():
    assert usable_aspect(Fraction(1, 65535)) == usable_aspect(None) == 1
    assert Display(0, Fraction(1, 2)).size_px((10, 10)) == (10, 20)


def test_the_end_of_a_film_is_known_though_only_keyframes_are_read(tmp_path):
    whole = write_film(tmp_path / "a.mkv", scenes([1], 125), gop=100)
    said = []
    assert len(list(frames(open_film(whole), keyframes_only=True, on_damage=said.append))) == 2
    assert said == [], "the last keyframe lies at 4 s of 5, and the film is whole"
    whole = write_film(tmp_path / "b.mkv", scenes([1], 125), gop=250)
    assert len(list(frames(open_film(whole), keyframes_only=True, on_damage=said.append))) == 1
    assert said == []
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    list(frames(open_film(cut), keyframes_only=True, on_damage=said.append))
    assert "should last until 5.000 s" in said[-1].text


def test_frames_that_no_other_needs_may_be_left_out(tmp_path):
    film = open_film(write_film(tmp_path / "a.mp4", scenes([1, 2, 3], 20)))
    every = {one.pts_s: one for one in raw_frames(film)}
    some = list(raw_frames(film, leave_out_unneeded=True, on_damage=pytest.fail))
    assert len(every) / 4 <= len(some) <= len(every) * 0.75
    assert [one.pts_s for one in some] == sorted(one.pts_s for one in some)
    for one in some:
        np.testing.assert_array_equal(one.rgb(), every[one.pts_s].rgb())


def test_a_film_without_such_frames_is_given_whole(tmp_path):
    film = open_film(write_film(tmp_path / "a.webm", scenes([1], 20), codec="libvpx-vp9"))
    assert len(list(raw_frames(film, leave_out_unneeded=True))) == 20

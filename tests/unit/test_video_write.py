"""Films that are written are read back: frames, times, colours; and whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from artstyle.errors import VideoError
from artstyle.video import write
from artstyle.video.write import SUFFIXES, VideoWriter

WIDTH, HEIGHT = 96, 64
_X, _Y = np.meshgrid(np.linspace(0, 1, WIDTH), np.linspace(0, 1, HEIGHT))

NOISE = np.random.default_rng(2).integers(0, 256, (5, HEIGHT, WIDTH, 3), dtype=np.uint8)


def frame(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Soft gradients that drift, so that each frame is its own."""
    planes = [_X, _Y, np.full_like(_X, (number % 10) / 10)]
    return (20 + 215 * np.stack(planes, axis=-1)).astype(np.uint8)[:height, :width]


def write_film(path: Path, count: int = 12, fps: float | Fraction = 25) -> Path:
    with VideoWriter(path, (WIDTH, HEIGHT), fps) as video:
        for number in range(count):
            video.write(frame(number))
    return path


def read_film(path: Path) -> tuple[list[np.ndarray], list[float]]:
    with av.open(str(path)) as container:
        found = list(container.decode(video=0))
    times = [float(one.pts * one.time_base) for one in found]
    return [to_rgb(one) for one in found], times


def to_rgb(found: av.VideoFrame) -> np.ndarray:
    """HWC uint8; from YUV by BT.709's own numbers, as PyAV 14 takes everything for BT.601."""
    if found.format.name != "yuv420p":
        return found.to_ndarray(format="rgb24")
    planes = found.to_ndarray(format="yuv420p").astype(float)
    height, width = found.height, found.width
    luma = (planes[:height] - 16) * (255 / 219)
    u, v = (
        plane.reshape(height // 2, width // 2).repeat(2, axis=0).repeat(2, axis=1)
        for plane in (planes[height:].reshape(2, -1) - 128) * (255 / 224)
    )
    rgb = np.stack([luma + 1.5748 * v, luma - 0.1873 * u - 0.4681 * v, luma + 1.8556 * u], axis=-1)
    return np.clip(rgb + 0.5, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("suffix", "mean_error", "time_error_s"),
    [(".mp4", 2.5, 1e-6), (".webm", 3.5, 0.0006), (".gif", 6.0, 0.006)],
)
@pytest.mark.parametrize("fps", [25, 23.976, Fraction(30000, 1001)])
def test_round_trip(
    tmp_path: Path, suffix: str, mean_error: float, time_error_s: float, fps: float
) -> None:
    frames, times = read_film(write_film(tmp_path / f"a{suffix}", fps=fps))
    assert len(frames) == 12
    for number, found in enumerate(frames):
        error = np.abs(found.astype(int) - frame(number))
        assert error.mean() < mean_error, f"frame {number}"
    exact = [number / float(fps) for number in range(12)]
    assert np.abs(np.array(times) - exact).max() <= max(time_error_s, 1e-4 * times[-1])


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_plain_colours_stay_what_they_are(tmp_path: Path, suffix: str) -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 120, 80), (255, 255, 255), (0, 0, 0)]
    with VideoWriter(tmp_path / f"a{suffix}", (64, 64), 10, crf=4) as video:
        for colour in colours:
            video.write(np.full((64, 64, 3), colour, np.uint8))
    for colour, found in zip(colours, read_film(tmp_path / f"a{suffix}")[0], strict=True):
        assert np.abs(found[32, 32].astype(int) - colour).max() <= 4
    with av.open(str(tmp_path / f"a{suffix}")) as container:
        coder = container.streams.video[0].codec_context
        assert (coder.colorspace, coder.color_range) == (1, 1), "BT.709, limited: it says so"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_odd_sizes_are_padded_with_their_edge_where_they_must(tmp_path: Path, suffix: str) -> None:
    with VideoWriter(tmp_path / f"a{suffix}", (95, 63), 10) as video:
        for number in range(3):
            video.write(frame(number, 95, 63))
    found = read_film(tmp_path / f"a{suffix}")[0][2]
    expected = frame(2, 95, 63)
    if suffix == ".gif":
        assert found.shape == (63, 95, 3)
    else:
        assert found.shape == (64, 96, 3)
        assert np.abs(found[63, :95].astype(int) - expected[62]).mean() < 6
        assert np.abs(found[:63, 95].astype(int) - expected[:, 94]).mean() < 6
    assert np.abs(found[:63, :95].astype(int) - expected).mean() < 6


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_same_frames_give_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    first = write_film(tmp_path / f"a{suffix}").read_bytes()
    time.sleep(1.1)  # a date in the file would differ
    assert write_film(tmp_path / f"b{suffix}").read_bytes() == first


def test_mp4_begins_with_its_index(tmp_path: Path) -> None:
    data = write_film(tmp_path / "a.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_gif_goes_round(tmp_path: Path) -> None:
    assert b"NETSCAPE2.0\x03\x01\x00\x00" in write_film(tmp_path / "a.gif").read_bytes()


def test_gif_has_the_colours_of_each_frame(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.gif", (32, 32), 10) as video:
        for colour in ((255, 0, 0), (1, 2, 3), (10, 200, 90)):
            video.write(np.full((32, 32, 3), colour, np.uint8))
    found = [tuple(one[16, 16].tolist()) for one in read_film(tmp_path / "a.gif")[0]]
    assert found == [(255, 0, 0), (1, 2, 3), (10, 200, 90)]


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_quality_can_be_chosen(tmp_path: Path, suffix: str) -> None:
    sizes = []
    for crf in (5, 45):
        with VideoWriter(tmp_path / f"{crf}{suffix}", (WIDTH, HEIGHT), 25, crf=crf) as video:
            for number in range(5):
                video.write(NOISE[number])
        sizes.append((tmp_path / f"{crf}{suffix}").stat().st_size)
    assert sizes[0] > 1.5 * sizes[1]


# Whole or not at all


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_block_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4")
    old = path.read_bytes()

    def fail_half_way() -> None:
        with VideoWriter(path, (WIDTH, HEIGHT), 25) as video:
            video.write(frame(0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert path.read_bytes() == old
    assert names(tmp_path) == ["a.mp4"]


def test_nothing_is_there_before_the_end(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "new" / "a.webm", (WIDTH, HEIGHT), 25) as video:
        for number in range(60):  # more than the encoder looks ahead
            video.write(frame(number))
        (part,) = names(tmp_path / "new")
        assert part.startswith(".a.webm.")
        assert part.endswith(".part")
    assert names(tmp_path / "new") == ["a.webm"]
    assert video.frames == 60


def test_kill_leaves_the_old_file(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4")
    old = path.read_bytes()
    script = """
import sys
from pathlib import Path
import numpy as np
from artstyle.video.write import VideoWriter
with VideoWriter(Path(sys.argv[1]), (64, 64), 25) as video:
    video.write(np.zeros((64, 64, 3), np.uint8))
    print("writing", flush=True)
    sys.stdin.read()
"""
    writer = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    assert writer.stdin is not None
    assert writer.stdout.readline() == b"writing\n"
    writer.kill()
    assert writer.wait(30) == -signal.SIGKILL
    writer.stdout.close()
    writer.stdin.close()
    assert path.read_bytes() == old
    assert all(name == "a.mp4" or name.startswith(".") for name in names(tmp_path))


def test_link_stays_and_permissions_too(tmp_path: Path) -> None:
    path = write_film(tmp_path / "real.gif")
    path.chmod(0o640)
    (tmp_path / "link.gif").symlink_to(path)
    write_film(tmp_path / "link.gif", count=3)
    assert (tmp_path / "link.gif").is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert len(read_film(path)[0]) == 3


def test_new_file_follows_the_mask_of_the_process(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        assert write_film(tmp_path / "a.gif").stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(before)


# Refusals


def test_no_frames(tmp_path: Path) -> None:
    without = pytest.raises(VideoError, match="there were no frames for it")
    with without, VideoWriter(tmp_path / "a.mp4", (8, 8), 25):
        pass
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("rgb", "why"),
    [
        (np.zeros((64, 96, 3), np.float32), "frame 1 of .* is float32"),
        (np.zeros((96, 64, 3), np.uint8), r"shape \(96, 64, 3\), not uint8 of \(64, 96, 3\)"),
        (np.zeros((64, 96), np.uint8), r"shape \(64, 96\)"),
        (np.zeros((64, 96, 4), np.uint8), r"shape \(64, 96, 4\)"),
    ],
)
def test_frames_that_do_not_fit(tmp_path: Path, rgb: np.ndarray, why: str) -> None:
    with VideoWriter(tmp_path / "a.mp4", (WIDTH, HEIGHT), 25) as video:
        video.write(frame(0))
        with pytest.raises(VideoError, match=why):
            video.write(rgb)
    assert len(read_film(tmp_path / "a.mp4")[0]) == 1


@pytest.mark.parametrize(("size", "fps"), [((0, 8), 25), ((8, 8), 0), ((8, 8), -1), ((8, 8), 5000)])
def test_films_that_cannot_be(tmp_path: Path, size: tuple[int, int], fps: float) -> None:
    with pytest.raises(VideoError, match="cannot be"):
        VideoWriter(tmp_path / "a.mp4", size, fps)


def test_other_suffixes(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"films are written as \.mp4, \.webm, \.gif") as caught:
        VideoWriter(tmp_path / "a.mkv", (8, 8), 25)
    assert caught.value.hint == "call it a.mp4"
    assert VideoWriter(tmp_path / "A.MP4", (8, 8), 25).frames == 0


def test_missing_encoder_says_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(av.codec, "codecs_available", {"gif", "h264"})
    with pytest.raises(VideoError) as caught:
        VideoWriter(tmp_path / "a.mp4", (8, 8), 25).__enter__()
    assert "has no encoder libx264; it can write .gif (gif)" in str(caught.value)
    assert "pip install" in str(caught.value.hint)
    assert names(tmp_path) == []


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(VideoError, match="cannot write"):
        VideoWriter(tmp_path / "file" / "a.mp4", (8, 8), 25).__enter__()
    (tmp_path / "a.mp4").mkdir()
    (tmp_path / "a.mp4" / "x").touch()
    with pytest.raises(VideoError, match="cannot write"):
        write_film(tmp_path / "a.mp4")
    assert names(tmp_path) == ["a.mp4", "file"]


def test_writer_outside_its_block(tmp_path: Path) -> None:
    video = VideoWriter(tmp_path / "a.mp4", (WIDTH, HEIGHT), 25)
    with pytest.raises(VideoError, match="use the writer in a 'with'"):
        video.write(frame(0))


def test_disk_that_fills_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write.os, "fsync", full)
    with pytest.raises(VideoError, match="No space left on device"):
        write_film(tmp_path / "a.mp4")
    assert names(tmp_path) == []


def test_ffmpeg_keeps_its_talk_to_itself(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for suffix in SUFFIXES:
        write_film(tmp_path / f"a{suffix}")
    assert capfd.readouterr() == ("", "")

"""A film that is drawn anew has every frame once, at its own time, and the sound it had."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from support import films

from artstyle.errors import UsageError, VideoError
from artstyle.events import Event, Note, Progress
from artstyle.pipeline.stylize.films import is_film, plan_film, stylize_film
from artstyle.video.read import frames, open_film


def negative(rgb: np.ndarray) -> np.ndarray:
    return 255 - rgb


def with_sound(path: Path, codec: str, seconds: float = 2.0, rate: int = 48000) -> Path:
    """A film of two scenes with a tone."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        audio = container.add_stream(codec, rate=rate)
        for pixels in films.scenes((1, 2), round(seconds * 25 / 2)):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            container.mux(video.encode(frame))
        tone = np.sin(np.arange(round(seconds * rate)) * 0.06).astype(np.float32)[None] * 0.3
        layout = audio.codec_context.layout.name
        channels = audio.codec_context.layout.nb_channels
        size = audio.codec_context.frame_size or 1024
        for start in range(0, tone.shape[1], size):
            block = tone[:, start : start + size]
            frame = av.AudioFrame.from_ndarray(
                np.repeat(block, channels, 0).copy(), format="fltp", layout=layout
            )
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            container.mux(audio.encode(frame))
        container.mux(video.encode())
        container.mux(audio.encode())
    return path


def packets(path: Path, kind: str) -> list[tuple[int, bytes]]:
    with av.open(str(path)) as container:
        stream = container.streams.best(kind)
        return [(one.pts, bytes(one)) for one in container.demux(stream) if one.size]


def test_every_frame_is_drawn_once_at_its_own_time(tmp_path):
    times = [0, 40, 120, 130, 300, 340, 900]  # a variable rate
    source = films.write_film(tmp_path / "a.mkv", films.scenes([3], 7), times=times)
    seen: list[np.ndarray] = []

    def draw(rgb: np.ndarray) -> np.ndarray:
        seen.append(rgb)
        return negative(rgb)

    events: list[Event] = []
    made = stylize_film(source, tmp_path / "b.mp4", draw, emit=events.append)
    found = list(frames(open_film(tmp_path / "b.mp4")))
    assert [round(one.pts_s * 1000) for one in found] == times
    assert (made.frames, made.size_px, made.shots, made.sound) == (7, (96, 64), 1, "none")
    assert made.duration_s == pytest.approx(0.9)
    for before, after in zip(seen, found, strict=True):
        assert np.abs(after.rgb.astype(int) - negative(before)).mean() < 6  # as coded
    last = [event for event in events if isinstance(event, Progress)][-1]
    assert (last.done, last.total, last.unit) == (7, 7, "frames")
    assert made.damages == ()


def test_sound_is_copied_as_it_is(tmp_path):
    source = with_sound(tmp_path / "a.mp4", "aac")
    made = stylize_film(source, tmp_path / "b.mp4", negative)
    assert (made.sound, made.frames, made.shots) == ("copied (aac)", 50, 2)
    before, after = packets(source, "audio"), packets(tmp_path / "b.mp4", "audio")
    assert len(before) > 80
    assert after == before
    assert len(packets(tmp_path / "b.mp4", "video")) == 50
    silent = stylize_film(source, tmp_path / "c.mp4", negative, with_sound=False)
    assert silent.sound == "none"
    assert open_film(tmp_path / "c.mp4").streams == ("video",)


def test_a_part_of_a_film_starts_at_nought_and_keeps_its_sound_beside_it(tmp_path):
    source = with_sound(tmp_path / "a.mp4", "aac")
    made = stylize_film(source, tmp_path / "b.mp4", negative, start_s=0.8, end_s=1.6)
    assert made.frames == 20
    assert [one.pts_s for one in frames(open_film(made.out))][:2] == pytest.approx([0, 0.04])
    whole = dict.fromkeys(data for _, data in packets(source, "audio"))
    part = packets(made.out, "audio")
    assert {data for _, data in part} <= set(whole)
    assert 0.7 < len(part) * 1024 / 48000 < 1.1
    assert -0.25 < part[0][0] / 48000 <= 0.03


def test_sound_that_does_not_fit_is_told_and_left_out(tmp_path):
    source = with_sound(tmp_path / "a.mkv", "mp2")
    events: list[Event] = []
    plan = plan_film(source, tmp_path / "b.mp4")
    made = stylize_film(source, tmp_path / "b.mp4", negative, emit=events.append)
    assert made.sound == plan.sound
    assert made.sound == "left out: its sound (mp2) cannot lie in a .mp4 as it is"
    warnings = [one.text for one in events if isinstance(one, Note) and one.level == "warning"]
    assert warnings == [
        "a.mkv: its sound (mp2) cannot lie in a .mp4 as it is; the new film is silent"
    ]
    source = with_sound(tmp_path / "c.mkv", "libopus", seconds=0.8)
    kept = stylize_film(source, tmp_path / "c.webm", negative)
    assert kept.sound == "copied (opus)"
    copied = [data for _, data in packets(kept.out, "audio")]
    assert copied == [data for _, data in packets(source, "audio")]


def test_shots_and_sizes_are_told_to_who_draws(tmp_path):
    source = films.write_film(tmp_path / "a.mp4", films.scenes((1, 5, 9), 15), rotation=90)
    told: list[str] = []

    def draw(rgb: np.ndarray) -> np.ndarray:
        told.append(f"{rgb.shape[1]}x{rgb.shape[0]}")
        return rgb[:30, :30]

    made = stylize_film(
        source, tmp_path / "b.mp4", draw, size_px=48, on_shot=lambda: told.append("shot")
    )
    assert made.shots == 3
    assert [at for at, word in enumerate(told) if word == "shot"] == [0, 16, 32]
    assert set(told) == {"shot", "32x48"}
    assert made.size_px == open_film(made.out).size_px == (30, 30)
    assert plan_film(source, made.out, size_px=48).size_px == (32, 48)


def test_a_plan_counts_without_writing(tmp_path):
    source = films.write_film(tmp_path / "a.mp4", films.scenes([1], 30))
    plan = plan_film(source, tmp_path / "b.gif", start_s=0.2, end_s=0.6)
    assert (plan.frames, plan.fps, plan.size_px, plan.sound) == (10, 25.0, (96, 64), "none")
    assert not (tmp_path / "b.gif").exists()
    assert stylize_film(source, tmp_path / "b.gif", negative, end_s=0.4).frames == 10
    shown = [one.pts_s for one in frames(open_film(tmp_path / "b.gif"))]
    assert shown == pytest.approx([number / 25 for number in range(10)], abs=0.011)


def test_a_damaged_film_gives_what_it_has_and_says_so(tmp_path):
    source = films.write_film(tmp_path / "a.mkv", films.scenes(range(4), 25))
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 6 // 10])
    events: list[Event] = []
    made = stylize_film(source, tmp_path / "b.mp4", negative, emit=events.append)
    assert 10 < made.frames < 95
    assert made.damages
    assert any(isinstance(one, Note) and made.damages[0] in one.text for one in events)
    assert len(packets(made.out, "video")) == made.frames


def test_a_fault_while_drawing_leaves_nothing(tmp_path):
    source = films.write_film(tmp_path / "a.mp4", films.scenes([1], 10))
    calls = iter(range(100))

    def fails(rgb: np.ndarray) -> np.ndarray:
        if next(calls) == 5:
            raise KeyboardInterrupt
        return rgb

    with pytest.raises(KeyboardInterrupt):
        stylize_film(source, tmp_path / "out" / "b.mp4", fails)
    assert list((tmp_path / "out").iterdir()) == []

    def grows(rgb: np.ndarray) -> np.ndarray:
        return np.zeros((8, 8 + next(calls), 3), np.uint8)

    with pytest.raises(VideoError, match="frame 1 was drawn in 15 x 8 pixels, the ones before"):
        stylize_film(source, tmp_path / "out" / "b.mp4", grows)
    assert list((tmp_path / "out").iterdir()) == []


def test_what_cannot_be_is_refused(tmp_path):
    source = films.write_film(tmp_path / "a.mp4", films.scenes([1], 10))
    cases = [
        (tmp_path / "b.avi", {}, UsageError, "written as"),
        (source, {}, UsageError, "is the film itself"),
        (tmp_path / "b.mp4", {"size_px": 1}, UsageError, "show nothing"),
        (tmp_path / "b.mp4", {"start_s": 2, "end_s": 1}, UsageError, "nothing from 2 s to 1 s"),
        (tmp_path / "b.mp4", {"start_s": 50.0}, VideoError, "no frames to draw from 50 s on"),
    ]
    for out, settings, kind, words in cases:
        with pytest.raises(kind, match=words):
            stylize_film(source, out, negative, **settings)
    fast = films.write_film(tmp_path / "fast.mp4", films.scenes([1], 10), fps=60)
    with pytest.raises(UsageError, match="a GIF shows 50"):
        plan_film(fast, tmp_path / "b.gif")
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(VideoError, match="is no film"):
        plan_film(tmp_path / "text.mp4", tmp_path / "b.mp4")
    assert is_film(Path("A.MKV"))
    assert not is_film(Path("a.png"))


@pytest.mark.shared
def test_a_real_film_keeps_its_frames_times_and_sound(tmp_path, shared_dir):
    source = shared_dir / "data/film/sintel_excerpt_26s_848x480.mp4"  # starts late, 90 kHz clock
    made = stylize_film(source, tmp_path / "b.mp4", negative, size_px=160, end_s=2.0)
    film = open_film(source)
    wanted = [one.pts_s - film.start_s for one in frames(film, end_s=2.0, size_limit_px=16)]
    found = [one.pts_s for one in frames(open_film(made.out))]
    assert found == pytest.approx(wanted, abs=1e-4)
    assert made.sound == "copied (aac)"

"""Films become crops in the catalog: a few of each appearance, the same after a break."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from support.films import picture, write_film

from artstyle.catalog import Catalog, open_catalog
from artstyle.catalog.rows import crops
from artstyle.events import Progress
from artstyle.faces import auto
from artstyle.faces.detector import Face
from artstyle.faces.landmarks import landmarks_to_eyes_mouth
from artstyle.faces.pose import pose_of
from artstyle.faces.quad import landmarks_to_quad
from artstyle.images import read_rgb
from artstyle.pipeline.extract import films as films_module
from artstyle.pipeline.extract.ahead import ahead
from artstyle.pipeline.extract.appearances import Appearance, Candidate, Stretch, sharpness_of
from artstyle.pipeline.extract.cutting import Seen, cut, part_of
from artstyle.pipeline.extract.films import extract_films
from artstyle.pipeline.extract.settings import Settings
from artstyle.pipeline.extract.summary import Summary
from artstyle.video.glimpse import glimpses
from artstyle.video.read import open_film

PHOTO = Path(auto.__file__).parents[1] / "starter/photos/astronaut.jpg"
DRAWN = Settings(detector="layout", layout="facesjs", size_px=64, min_face_px=20)


@pytest.fixture
def catalog(workspace: Path):
    with open_catalog(workspace) as opened:
        yield opened


def draw_film(path: Path, shots: int = 3, frames: int = 75) -> Path:
    pictures = [
        np.clip(picture(shot, 240, 160).astype(int) + number // 4, 0, 255).astype(np.uint8)
        for shot in range(shots)
        for number in range(frames)
    ]
    return write_film(path, pictures, gop=250)


def extracted(catalog: Catalog, *inputs: Path, settings: Settings = DRAWN, **more) -> Summary:
    folder = catalog.workspace / "datasets/s/crops"
    return extract_films(catalog, folder, "s", inputs, settings=settings, workers=2, **more)


def seen(x: float, y: float, eyes: float = 20.0, confidence: float = 0.9) -> Seen:
    """A face whose left eye is there."""
    points = np.array(
        [[x, y], [x + eyes, y], [x + eyes / 2, y + 12], [x + 2, y + 20], [x + eyes - 2, y + 20]],
        np.float32,
    )
    face = Face((x - 10, y - 10, x + eyes + 10, y + 30), 0.9, points, "five", "test")
    five = landmarks_to_eyes_mouth(points, "five")
    return Seen(face, five, pose_of(five), landmarks_to_quad(five), confidence)


# A whole film


def test_each_shot_gives_an_appearance_with_its_best_crops(
    catalog: Catalog, tmp_path: Path
) -> None:
    film = draw_film(tmp_path / "Ein Film.mp4")
    heard = []
    summary = extracted(catalog, film, emit=heard.append)
    assert (summary.sources, summary.frames, summary.appearances) == (1, 18, 3)
    rows = crops(catalog, "s")
    assert summary.crops == len(rows)
    each = Counter(row.shot for row in rows)
    assert list(each) == [0, 1, 2]
    # Six frames a shot, half a second apart or a little less: of one, the third is too near.
    assert sorted(each.values()) == [2, 3, 3]
    assert {row.quality["appearance_faces"] for row in rows} == {6}
    assert len({row.quality["appearance"] for row in rows}) == 3
    for one, other in itertools.pairwise(rows):
        assert one.shot != other.shot or other.pts_s - one.pts_s > 0.99, "not two of one moment"
    folder = rows[0].file.parent.name
    assert folder.startswith("ein-film-")
    assert len(folder) == len("ein-film-") + 8
    assert rows[-1].file.stem == f"0-00-0{rows[-1].pts_s:.3f}-1"
    told = [one for one in heard if isinstance(one, Progress) and one.task.startswith("extract")]
    assert told[-1].total == pytest.approx(9.0)
    assert "x real time" in told[-1].note
    assert "left" in told[-1].note


def test_a_finished_film_is_left_alone_and_its_catalog_too(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = draw_film(tmp_path / "a.mp4", shots=1)
    extracted(catalog, film)
    before = list(catalog._connection.iterdump())

    def nobody(*_: object, **__: object) -> None:
        raise AssertionError("the film was read again")

    monkeypatch.setattr(films_module, "sample", nobody)
    assert extracted(catalog, film).done_before == 1
    assert list(catalog._connection.iterdump()) == before


def test_a_run_that_was_broken_off_goes_on_and_ends_the_same(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = draw_film(tmp_path / "a.mp4", shots=4)
    monkeypatch.setattr(films_module, "_FRAMES_BETWEEN_WRITES", 1)
    other = tmp_path / "other"
    other.mkdir()
    with open_catalog(other) as whole:
        extracted(whole, film)
        expected = [vars(row) | {"file": row.file.name} for row in crops(whole, "s")]
    real = films_module.Recorder.record
    calls = []

    def broken(self, found):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(found)
        return real(self, found)

    monkeypatch.setattr(films_module.Recorder, "record", broken)
    with pytest.raises(KeyboardInterrupt):
        extracted(catalog, film)
    monkeypatch.setattr(films_module.Recorder, "record", real)
    assert len(crops(catalog, "s")) == sum(row["shot"] < 2 for row in expected)
    summary = extracted(catalog, film)
    assert summary.frames == 12, "what was done is not searched again"
    found = [vars(row) | {"file": row.file.name} for row in crops(catalog, "s")]
    assert found == expected


def test_films_that_end_early_or_show_nothing_are_told(catalog: Catalog, tmp_path: Path) -> None:
    whole = draw_film(tmp_path / "whole.mkv", shots=4)
    cut_off = tmp_path / "cut.mkv"
    cut_off.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    sound = tmp_path / "sound.mp4"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        for _ in range(20):
            samples = np.zeros((1, 1024), np.float32)
            frame = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
            frame.rate = 44100
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    summary = extracted(catalog, cut_off, sound, tmp_path / "missing.mp4")
    assert summary.crops >= 3, "what is there is taken"
    assert [one.path.name for one in summary.faults] == ["cut.mkv"]
    assert {one.path.name: one.reason for one in summary.skipped} == {
        "sound.mp4": "it has no pictures, only: audio",
        "missing.mp4": "there is no such file",
    }
    assert extracted(catalog, cut_off).done_before == 1, "it does not get better by itself"


def test_a_copy_of_a_film_is_known_and_not_extracted_again(
    catalog: Catalog, tmp_path: Path
) -> None:
    film = draw_film(tmp_path / "a.mp4", shots=1)
    (tmp_path / "b.mp4").write_bytes(film.read_bytes())
    summary = extracted(catalog, tmp_path)
    assert (summary.sources, summary.same_content, summary.crops) == (2, 1, 3)
    paths = catalog.rows("SELECT path FROM source_path ORDER BY path")
    assert [Path(path).name for (path,) in paths] == ["a.mp4", "b.mp4"]


def test_black_bars_do_not_get_into_crops(catalog: Catalog, tmp_path: Path) -> None:
    inner = np.full((96, 160, 3), 200, np.uint8)
    frame = np.zeros((240, 160, 3), np.uint8)
    frame[72:168] = inner
    film = write_film(tmp_path / "bars.mp4", [frame] * 30)
    extracted(catalog, film)
    row = crops(catalog, "s")[0]
    assert read_rgb(row.file).rgb.min() > 150
    assert row.points_px[0][1] == pytest.approx(74 + 0.525 * 92, abs=1.5), "in the whole frame"


def test_a_real_face_in_a_film(catalog: Catalog, tmp_path: Path) -> None:
    photo = np.asarray(Image.open(PHOTO).convert("RGB").resize((240, 240)))
    film = write_film(tmp_path / "a.mp4", [photo] * 3, fps=2)
    summary = extracted(catalog, film, settings=Settings(size_px=64))
    assert list(summary.detectors) == ["dlib"]
    assert summary.appearances == 1
    assert crops(catalog, "s")[0].quality["confidence"] > 0.5


# Its pieces


def test_a_part_gives_the_crop_that_the_whole_frame_gives() -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    for x, y in ((200, 120), (15, 12), (370, 270)):  # inside; over two edges
        face = seen(x, y)
        part = part_of(rgb, face)
        expected = cut(rgb, face, 32, 1.5)
        found = part.cut(32, 1.5)
        assert np.abs(found.rgb.astype(int) - expected.rgb).max() <= 1
        assert found.outside_share == pytest.approx(expected.outside_share, abs=1e-6)
        assert np.array_equal(found.quad_px, expected.quad_px)
    assert part_of(rgb, seen(200, 120)).rgb.size < rgb.size / 4


def test_the_best_are_frontal_sharp_and_apart() -> None:
    sharp = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    flat = np.full_like(sharp, 90)

    def candidate(pts_s: float, confidence: float, rgb: np.ndarray) -> Candidate:
        part = part_of(rgb, seen(90, 80, confidence=confidence))
        return Candidate(pts_s, 1, part, sharpness_of(part), 32)

    held = [
        candidate(0.0, 0.5, sharp),
        candidate(0.5, 0.9, sharp),
        candidate(1.0, 0.8, sharp),
        candidate(3.0, 0.9, flat),
        candidate(4.0, 0.1, sharp),
    ]
    best = Appearance("a", 5, held).best(2)
    assert [one.pts_s for one in best] == [0.5, 4.0]
    assert [one.pts_s for one in Appearance("a", 5, held).best(9)] == [0.5, 3.0, 4.0]


def test_memory_stays_flat_in_a_long_shot_and_a_stretch_ends() -> None:
    rgb = np.zeros((200, 200, 3), np.uint8)
    stretch = Stretch(0, 10.0, wanted=2)
    for step in range(100):
        part = part_of(rgb, seen(90, 80))
        stretch.add(10 + step / 2, [Candidate(10 + step / 2, 1, part, 1.0, 32)])
    (appearance,) = stretch.appearances()
    assert (appearance.faces, len(appearance.held)) == (100, 8)
    assert stretch.holds(0, 69.9)
    assert not stretch.holds(0, 70.0)
    assert not stretch.holds(1, 20.0)


def test_an_iterator_works_ahead_and_hands_on_what_goes_wrong() -> None:
    made = []

    def numbers():
        for number in range(5):
            made.append(number)
            yield number
        raise ValueError("at the end")

    with ahead(numbers(), 2) as coming:
        assert next(coming) == 0
        until = time.monotonic() + 5
        while len(made) < 4 and time.monotonic() < until:
            time.sleep(0.01)
        assert len(made) == 4, "two wait, one is offered"
        with pytest.raises(ValueError, match="at the end"):
            list(coming)

    closed = []

    def endless():
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    with ahead(endless(), 2) as coming:
        next(coming)
    assert closed == [True], "whoever leaves early stops it"


def test_glimpses_lie_all_over_a_film(tmp_path: Path) -> None:
    film = draw_film(tmp_path / "a.mp4", shots=4, frames=50)
    found = glimpses(open_film(film), 4, size_limit_px=60)
    assert [round(one.pts_s) for one in found] == [0, 2, 4, 6]
    assert max(found[0].rgb.shape) == 60

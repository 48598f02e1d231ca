"""The anime detectors by name: what they lack, their options, the official package, and auto."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from artstyle.errors import UsageError, WeightsError
from artstyle.faces import auto
from artstyle.faces.anime import detect
from artstyle.faces.detector import Face, detectors, make_detector

PACKAGE = """
import numpy as np
calls = []
def create_detector(face_detector_name="yolov3", landmark_model_name="hrnetv2", device="cuda:0",
                    flip_test=True, box_scale_factor=1.1):
    calls.append((face_detector_name, device, flip_test, box_scale_factor))
    def find(image, boxes=None):
        calls.append(image[0, 0].tolist())
        points = np.stack([np.arange(28.0), np.arange(28.0) * 2, np.full(28, 0.7)], axis=1)
        low = {"bbox": np.array([1, 2, 3, 4, 0.4]), "keypoints": points}
        good = {"bbox": np.array([10, 20, 30, 40, 0.6]), "keypoints": points}
        best = {"bbox": np.array([5, 6, 7, 8, 0.9]), "keypoints": points}
        return [low, good, best]
    return find
"""


def test_what_is_missing_is_said_with_what_to_type() -> None:
    listed = {one.name: one for one in detectors()}
    for name, boxes in (("anime", "anime-yolov3"), ("anime-frcnn", "anime-faster-rcnn")):
        one = listed[name]
        assert not one.available
        assert f"{boxes} is not on this machine" in one.lacks
        assert f"artstyle models pull {boxes}'" in one.remedy
        assert "artstyle models pull anime-hrnetv2'" in one.remedy
        assert one.licence.startswith("MIT")
        with pytest.raises(WeightsError) as caught:
            make_detector(name)
        assert caught.value.hint == one.remedy
    assert "openmim" in listed["anime-mmcv"].remedy
    assert (
        "anime_face_detector, mmcv, mmdet, mmpose are not installed" in listed["anime-mmcv"].lacks
    )


def test_options_are_checked_before_files_are_read(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pth"
    wrong.write_bytes(b"no weights")
    files = {"weights": wrong, "points_weights": wrong}
    with pytest.raises(UsageError, match="size_px 600"):
        detect.yolov3(size_px=600, **files)
    with pytest.raises(UsageError, match=r"threshold 1\.5"):
        detect.frcnn(threshold=1.5, **files)
    with pytest.raises(UsageError, match="no device 'gpu'"):
        detect.yolov3(device="gpu", **files)
    with pytest.raises(UsageError, match="sees no device 'cuda:63'"):
        detect.yolov3(device="cuda:63", **files)
    with pytest.raises(WeightsError, match="cannot be read safely"):
        detect.yolov3(**files)


@pytest.fixture
def official(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of the name of the official one, and empty ones of what it stands on."""
    for name in ("anime_face_detector", "mmcv", "mmdet", "mmpose"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / "anime_face_detector/__init__.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("anime_face_detector", None)


@pytest.mark.usefixtures("official")
def test_the_official_package_is_used_where_it_works() -> None:
    rgb = np.zeros((20, 20, 3), np.uint8)
    rgb[...] = (255, 128, 0)
    found = make_detector("anime-mmcv", network="faster-rcnn", device="cpu").detect(rgb)
    calls = sys.modules["anime_face_detector"].calls
    assert calls == [("faster-rcnn", "cpu", True, 1.1), [0, 128, 255]]  # BGR goes in
    assert [(face.score, face.bbox_px) for face in found] == [
        (0.9, (5, 6, 7, 8)),
        (0.6, (10, 20, 30, 40)),
    ]
    face = found[0]
    assert (face.kind, face.detector, face.points_px.shape) == ("anime-28", "anime-mmcv", (28, 2))
    assert face.points_px[3].tolist() == [3.5, 6.5]  # the centre of pixel i at i + 0.5
    assert face.point_scores is not None
    assert face.point_scores[0] == pytest.approx(0.7)
    assert [one.available for one in detectors() if one.name == "anime-mmcv"] == [True]


def test_an_official_package_that_does_not_start_is_explained(official: Path) -> None:
    text = "raise RuntimeError('operator torchvision::nms does not exist')"
    (official / "anime_face_detector/__init__.py").write_text(text)
    with pytest.raises(WeightsError, match="RuntimeError: operator torchvision::nms") as caught:
        make_detector("anime-mmcv")
    assert "Python 3.8 to 3.10" in str(caught.value.hint)
    with pytest.raises(UsageError, match="no network 'yolo'"):
        make_detector("anime-mmcv", network="yolo")


class Stand:
    """Stands for a detector: what it is sure of, and how long it takes on a hand-moved clock."""

    licence = ""

    def __init__(self, name: str, sure: float, seconds: float, clock: list[float]) -> None:
        self.name, self.sure, self.seconds, self.clock = name, sure, seconds, clock
        self.seen = 0

    def detect(self, rgb: np.ndarray) -> list[Face]:
        self.seen += 1
        self.clock[0] += self.seconds
        points = np.zeros((28, 2), np.float32)
        scores = np.where(np.arange(28) < round(28 * self.sure), 0.9, 0.1).astype(np.float32)
        return [Face((0, 0, 9, 9), 0.9, points, "anime-28", self.name, scores)]


def chosen(
    monkeypatch: pytest.MonkeyPatch, figures: dict[str, tuple[float, float]], pictures: int
) -> tuple[auto.Choice, dict[str, Stand]]:
    clock = [0.0]
    made = {name: Stand(name, *figure, clock) for name, figure in figures.items()}
    monkeypatch.setattr(auto, "detectors", list)
    monkeypatch.setattr(auto, "make_detector", made.__getitem__)
    sample = [np.zeros((9, 9, 3), np.uint8)] * pictures
    choice = auto.choose_detector(sample, candidates=list(figures), clock=lambda: clock[0])
    return choice, made


def test_auto_asks_dear_detectors_only_where_quick_ones_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choice, made = chosen(monkeypatch, {"anime": (1.0, 2.0), "yunet": (0.9, 0.1)}, 24)
    assert choice.detector.name == "yunet"
    assert made["anime"].seen == 0
    assert [trial.name for trial in choice.trials] == ["yunet"]


def test_auto_takes_a_dear_detector_where_it_sees_more(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = {"yunet": (0.3, 0.1), "anime": (0.4, 9.0), "anime-frcnn": (1.0, 50.0)}
    choice, made = chosen(monkeypatch, figures, 24)
    assert choice.detector.name == "anime-frcnn"
    assert made["anime"].seen == 1 + 7  # to warm up, then until a minute is over
    assert made["anime-frcnn"].seen == 1 + 3  # three pictures in any case
    assert {trial.pictures for trial in choice.trials} == {3}  # compared on the same ones
    assert "confident face in 100% of 3 pictures" in choice.reason
    assert choice.trials[0].ms_per_picture == pytest.approx(50_000)


def test_auto_stops_at_the_first_dear_detector_that_does_well(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    figures = {"yunet": (0.3, 0.1), "anime": (0.9, 2.0), "anime-frcnn": (1.0, 5.0)}
    choice, made = chosen(monkeypatch, figures, 24)
    assert choice.detector.name == "anime"
    assert (made["anime"].seen, made["anime-frcnn"].seen) == (25, 0)
    assert {trial.pictures for trial in choice.trials} == {24}
    assert {"anime", "anime-frcnn"} < set(auto.CANDIDATES)

"""Detectors: on the photo that ships, on layouts, and where something is missing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from artstyle.errors import ImageError, UsageError, WeightsError
from artstyle.faces import auto, dlib, yunet
from artstyle.faces.align import align, confidence_of, landmarks_to_eyes_mouth
from artstyle.faces.detector import Face, detectors, make_detector
from artstyle.faces.lbp_anime import LbpAnime
from artstyle.images import read_rgb

PHOTO = Path(auto.__file__).parents[1] / "starter/photos/astronaut.jpg"


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    return read_rgb(PHOTO).rgb


@pytest.fixture(scope="module")
def face(rgb: np.ndarray) -> Face:
    return make_detector("dlib").detect(rgb)[0]


def test_dlib_finds_the_astronaut(rgb: np.ndarray, face: Face) -> None:
    assert face.score > 1
    assert (face.kind, face.points_px.shape, face.points_px.dtype) == (
        "dlib-68",
        (68, 2),
        "float32",
    )
    points = landmarks_to_eyes_mouth(face.points_px, face.kind)
    x0, y0, x1, y1 = face.bbox_px
    assert ((points.five() > [x0, y0]) & (points.five() < [x1, y1])).all()
    assert points.left_eye[0] < points.nose[0] < points.right_eye[0]
    assert points.eyes[1] < points.nose[1] < points.mouth[1]
    assert confidence_of(face.points_px, face.kind) > 0.5
    assert abs(align(rgb, face.points_px, face.kind, 64).pose.roll_deg) < 20


def test_points_follow_mirror_and_size(rgb: np.ndarray, face: Face) -> None:
    five = landmarks_to_eyes_mouth(face.points_px, face.kind).five()
    side = face.bbox_px[2] - face.bbox_px[0]
    mirrored = make_detector("dlib").detect(np.ascontiguousarray(rgb[:, ::-1]))[0]
    back = landmarks_to_eyes_mouth(mirrored.points_px, mirrored.kind).five()
    back[:, 0] = rgb.shape[1] - back[:, 0]
    assert np.abs(back[[1, 0, 2, 4, 3]] - five).max() < 0.05 * side
    large = np.repeat(np.repeat(rgb, 3, axis=0), 3, axis=1)
    again = make_detector("dlib", longest_px=max(rgb.shape)).detect(large)[0]
    thrice = landmarks_to_eyes_mouth(again.points_px, again.kind).five()
    assert np.abs(thrice / 3 - five).max() < 0.02 * side


def test_the_five_points_agree_with_the_68(rgb: np.ndarray, face: Face) -> None:
    detector = make_detector("dlib", points="dlib-5")
    assert "300-W" not in detector.licence
    other = detector.detect(rgb)[0]
    one = landmarks_to_eyes_mouth(face.points_px, face.kind).five()
    two = landmarks_to_eyes_mouth(other.points_px, other.kind).five()
    side = face.bbox_px[2] - face.bbox_px[0]
    assert np.abs(one - two)[:2].max() < 0.03 * side  # the eyes
    assert np.abs(one - two).max() < 0.12 * side  # nose and mouth by proportion


def test_the_descriptor_knows_the_person(rgb: np.ndarray, face: Face) -> None:
    one = dlib.descriptor(rgb, face)
    assert (one.shape, one.dtype) == ((128,), "float32")
    five = landmarks_to_eyes_mouth(face.points_px, face.kind).five().astype(np.float32)
    dimmed = (rgb * 0.7).astype(np.uint8)
    other = dlib.descriptor(dimmed, Face(face.bbox_px, 1.0, five, "five", "another"))
    assert 0 < np.linalg.norm(one - other) < 0.3


def test_nothing_is_found_where_nothing_is() -> None:
    assert make_detector("dlib").detect(np.full((120, 90, 3), 128, np.uint8)) == []
    with pytest.raises(ImageError, match="uint8 HWC"):
        make_detector("dlib").detect(np.zeros((9, 9), np.uint8))


def test_layouts_scale_with_the_picture() -> None:
    found = make_detector("layout:pioneer").detect(np.zeros((200, 100, 3), np.uint8))
    np.testing.assert_allclose(found[0].points_px[0], [39.6, 85.0], atol=1e-4)
    assert found[0].detector == "layout:pioneer"
    with pytest.raises(UsageError) as caught:
        make_detector("layout", layout="pionier")
    assert caught.value.hint == "did you mean pioneer?"


def test_what_is_missing_is_said_with_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = {one.name: one for one in detectors()}
    assert listed["dlib"].available
    assert not listed["yunet"].available
    assert "artstyle models pull yunet" in listed["yunet"].remedy
    with pytest.raises(WeightsError) as caught:
        make_detector("yunet")
    assert "artstyle models pull yunet" in str(caught.value.hint)
    real = importlib.util.find_spec
    monkeypatch.setattr(dlib, "find_spec", lambda name: None if name == "dlib" else real(name))
    with pytest.raises(WeightsError) as caught:
        make_detector("dlib-cnn")
    assert caught.value.hint == "pip install dlib-bin"


def test_wrong_names_and_options_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        make_detector("dlb")
    assert caught.value.hint == "did you mean dlib?"
    with pytest.raises(UsageError, match="looking at pictures"):
        make_detector("auto")
    with pytest.raises(UsageError, match="does not take"):
        make_detector("dlib", sise=3)
    with pytest.raises(UsageError, match="upsample 9"):
        make_detector("dlib", upsample=9)


def test_auto_takes_what_is_here_and_says_why(rgb: np.ndarray) -> None:
    ticks = iter(range(100))
    choice = auto.choose_detector([rgb], clock=lambda: float(next(ticks)))
    assert choice.detector.name == "dlib"
    assert "100% of 1 pictures" in choice.reason
    assert choice.trials[0].ms_per_picture == 1000
    assert [line.split(":")[0] for line in choice.lacking] == [
        "yunet",
        "lbp-anime",
        "anime",
        "anime-frcnn",
    ]
    with pytest.raises(UsageError, match="found no face"):
        auto.choose_detector([np.zeros((64, 64, 3), np.uint8)])


@pytest.mark.shared
def test_yunet_and_dlib_agree_on_the_astronaut(
    rgb: np.ndarray, face: Face, shared_dir: Path
) -> None:
    weights = shared_dir / "data/models/face_detection_yunet_2023mar.onnx"
    found = yunet.YuNet(weights=weights).detect(rgb)[0]
    side = face.bbox_px[2] - face.bbox_px[0]
    one = landmarks_to_eyes_mouth(face.points_px, face.kind).five()
    assert np.abs(found.points_px - one).max() < 0.1 * side
    large = np.repeat(np.repeat(rgb, 3, axis=0), 3, axis=1)
    again = yunet.YuNet(weights=weights, sizes_px=(max(rgb.shape),)).detect(large)[0]
    assert np.abs(again.points_px / 3 - found.points_px).max() < 0.02 * side


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "weights"
    wrong.write_bytes(b"these are no weights")
    with pytest.raises(WeightsError, match="cannot be read as YuNet"):
        yunet.YuNet(weights=wrong)
    with pytest.raises(WeightsError, match="cannot be read as a cascade"):
        LbpAnime(weights=wrong)

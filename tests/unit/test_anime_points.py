"""From boxes to points: windows, heat maps, DARK, the mirror; whole detectors with stand-ins."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from artstyle.errors import ImageError
from artstyle.faces.anime.boxes import Detections
from artstyle.faces.anime.detect import AnimeDetector, HrPoints
from artstyle.faces.anime.heatmaps import averaged, maps_to_points, mirrored_order
from artstyle.faces.anime.pictures import (
    IMAGENET,
    UNIT,
    box_to_window,
    cut_out,
    fitted,
    fitted_size,
    grown,
    map_to_picture,
    normalised,
)
from artstyle.faces.landmarks import landmarks_to_eyes_mouth

CPU = torch.device("cpu")


def bump(x: float, y: float, side: int = 64, sigma: float = 2.0, height: float = 0.8) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side]
    return (height * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))).astype(
        np.float32
    )


def test_sizes_by_hand() -> None:
    assert fitted_size(1920, 1080, (608, 608)) == (608, 342)
    assert fitted_size(1920, 1080, (1333, 800)) == (1333, 750)
    assert fitted_size(600, 1000, (1333, 800)) == (800, 1333)
    assert fitted_size(100, 50, (608, 608)) == (608, 304)  # small ones grow
    assert fitted_size(5000, 1, (608, 608)) == (608, 1)


def test_pictures_are_normalised_then_padded_with_zero() -> None:
    rgb = np.full((30, 60, 3), (255, 51, 0), np.uint8)
    picture = fitted(rgb, (96, 96), UNIT)
    assert picture.planes.shape == (1, 3, 64, 96)
    assert picture.size_px == (96, 48)
    np.testing.assert_allclose(picture.planes[0, :, 47, 95], [1, 0.2, 0], atol=1e-6)
    assert not picture.planes[0, :, 48:].any()
    np.testing.assert_allclose(picture.factors, [1.6, 1.6, 1.6, 1.6])
    red = normalised(rgb, IMAGENET)[:, 0, 0]  # red first
    np.testing.assert_allclose(red, [2.2489, -1.1429, -1.8044], atol=1e-3)


def test_boxes_and_windows_by_hand() -> None:
    box = grown((100, 200, 199, 249), 1.1)  # 100 x 50 with the last pixel
    np.testing.assert_allclose(box, [94.5, 197, 204.5, 252])
    window = box_to_window(box)
    assert window.centre == (149.5, 224.5)
    assert window.side_px == pytest.approx(110 * 1.25)
    # mmpose: the place 0 is the window's start, the place 32 its middle; then the house's half
    found = map_to_picture(np.array([[0, 0], [32, 32]]), window, 64)
    np.testing.assert_allclose(found, [[149.5 - 68.75 + 0.5, 224.5 - 68.75 + 0.5], [150, 225]])


def test_dark_finds_the_place_between_the_pixels() -> None:
    rng = np.random.default_rng(1)
    truth = rng.uniform(8, 55, (2, 28, 2))
    maps = np.stack([[bump(x, y) for x, y in one] for one in truth])
    places, scores = maps_to_points(maps)
    assert np.abs(places - truth).max() < 0.02
    assert np.abs(np.rint(truth) - truth).max() > 0.4  # the highest pixel alone is far worse
    np.testing.assert_allclose(scores, maps.max(axis=(2, 3)))


def test_dark_leaves_the_border_and_the_empty_alone() -> None:
    maps = np.stack([bump(1, 30), bump(62.3, 62.2), np.zeros((64, 64), np.float32)])[None]
    places, scores = maps_to_points(maps)
    assert places[0].tolist() == [[1, 30], [62, 62], [-1, -1]]
    assert scores[0, 2] == 0


def test_the_mirror_by_hand() -> None:
    order = mirrored_order()
    assert [order[one] for one in range(28)] == [
        *(4, 3, 2, 1, 0, 10, 9, 8, 7, 6, 5),
        *(19, 18, 17, 22, 21, 20, 13, 12, 11, 16, 15, 14),
        *(23, 26, 25, 24, 27),
    ]
    rng = np.random.default_rng(2)
    maps, mirror = rng.normal(size=(2, 2, 28, 5, 6)).astype(np.float32)
    found = averaged(maps, mirror)
    for n, k, y, x in np.ndindex(*maps.shape):
        source = max(x - 1, 0)  # moved to the right by one, the first column stays
        wanted = (maps[n, k, y, x] + mirror[n, order[k], y, 5 - source]) / 2
        assert found[n, k, y, x] == pytest.approx(wanted, abs=1e-6)


class Sampled(nn.Module):
    """Stands for HRNetV2: every fourth pixel of the brightness, for each of 28 points."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.batches.append(len(x))
        deviations = torch.tensor(IMAGENET.deviation)[:, None, None]
        means = torch.tensor(IMAGENET.mean)[:, None, None]
        grey = (x * deviations + means).mean(dim=1, keepdim=True) / 255
        return grey[:, :, ::4, ::4].expand(-1, 28, -1, -1).contiguous()


def picture_with_bump(x: float, y: float) -> np.ndarray:
    """A bump whose middle lies at (x, y), the centre of pixel i at i + 0.5."""
    plane = bump(x - 0.5, y - 0.5, 400, sigma=6, height=255)
    return np.repeat(np.rint(plane)[..., None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize(("flip", "stray_px"), [(False, 0.08), (True, 0.35)])
def test_points_come_back_in_the_picture(flip: bool, stray_px: float) -> None:
    rgb = picture_with_bump(203.7, 151.2)
    box = (150.0, 100.0, 250.0, 190.0)
    points, scores = HrPoints(Sampled(), CPU, flip).find(rgb, [box])
    # half a pixel of the 256 px crop is 0.24 px here: that is what the mirror's shift leaves
    assert np.abs(points[0] - [203.7, 151.2]).max() < stray_px
    assert scores.min() > 0.9


def test_a_window_over_the_border_is_black_there() -> None:
    crop = cut_out(np.full((40, 40, 3), 200, np.uint8), box_to_window((-20, -20, 20, 20)))
    assert crop.shape == (256, 256, 3)
    assert not crop[:100, :100].any()
    assert (crop[140:240, 140:240] == 200).all()


def test_a_crowd_is_looked_at_in_parts() -> None:
    network = Sampled()
    boxes = [(150.0 + n, 100.0, 250.0 + n, 200.0) for n in range(19)]
    points, _ = HrPoints(network, CPU, False).find(picture_with_bump(200, 150), boxes)
    assert network.batches == [16, 3]
    assert np.abs(points - [200, 150]).max() < 0.1
    none, scores = HrPoints(network, CPU, True).find(picture_with_bump(9, 9), [])
    assert none.shape == (0, 28, 2)
    assert scores.shape == (0, 28)


class Boxes:
    def find(self, rgb: np.ndarray) -> Detections:
        boxes = [[150, 100, 250, 190], [10, 10, 20, 20], [5, 5, 9, 9]]
        return Detections(np.array(boxes, np.float32), np.array([0.9, 0.6, 0.3], np.float32))


def test_a_detector_gives_faces_that_can_be_aligned() -> None:
    detector = AnimeDetector("anime", Boxes(), HrPoints(Sampled(), CPU, False))
    found = detector.detect(picture_with_bump(203.7, 151.2))
    assert [round(face.score, 3) for face in found] == [0.9, 0.6]  # 0.3 is below the threshold
    face = found[0]
    assert (face.kind, face.detector, face.points_px.dtype) == ("anime-28", "anime", "float32")
    np.testing.assert_allclose(face.bbox_px, [144.45, 94.95, 255.55, 195.05], atol=1e-4)
    assert face.point_scores is not None
    assert face.point_scores.shape == (28,)
    five = landmarks_to_eyes_mouth(face.points_px, face.kind).five()
    assert np.abs(five - [203.7, 151.2]).max() < 0.1
    everything = AnimeDetector("anime", Boxes(), HrPoints(Sampled(), CPU, False), threshold=0.0)
    assert len(everything.detect(picture_with_bump(203.7, 151.2))) == 3
    with pytest.raises(ImageError):
        detector.detect(np.zeros((9, 9), np.uint8))

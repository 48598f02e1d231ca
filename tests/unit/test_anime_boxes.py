"""Boxes of the anime detectors: by hand, and against slow forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from artstyle.faces.anime import faster_rcnn, yolov3
from artstyle.faces.anime.boxes import (
    Detections,
    base_anchors,
    boxes_to_deltas,
    deltas_to_boxes,
    grid_anchors,
    kept_by_nms,
    overlaps,
)
from artstyle.faces.anime.roi_align import roi_align


def some_boxes(number: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 60, (number, 2))
    return np.concatenate([low, low + rng.uniform(5, 40, (number, 2))], axis=1).astype(np.float32)


def overlap_of_two(one: list[float], two: list[float]) -> float:
    across = max(0.0, min(one[2], two[2]) - max(one[0], two[0]))
    down = max(0.0, min(one[3], two[3]) - max(one[1], two[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, two)]
    return across * down / (sum(areas) - across * down)


@pytest.mark.parametrize("threshold", [0.2, 0.45, 0.7])
def test_doubles_are_driven_out_as_the_definition_has_it(threshold: float) -> None:
    boxes = some_boxes(80, 1)
    scores = np.random.default_rng(2).permutation(80).astype(np.float32)
    kept: list[int] = []
    for number in sorted(range(80), key=lambda one: -scores[one]):
        box = boxes[number].tolist()
        if all(overlap_of_two(box, boxes[one].tolist()) <= threshold for one in kept):
            kept.append(number)
    assert 5 < len(kept) < 80
    assert kept_by_nms(boxes, scores, threshold).tolist() == kept
    assert kept_by_nms(boxes, scores, threshold, 4).tolist() == kept[:4]


def test_overlap_by_hand() -> None:
    many = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6], [1, 1, 1, 1]], np.float32)
    np.testing.assert_allclose(overlaps(many[0], many), [1, 2 / 6, 0, 0], rtol=1e-6)
    assert overlaps(many[3], many[3:]).tolist() == [0]  # nothing over nothing
    assert kept_by_nms(many, np.array([1, 1, 2, 0], np.float32), 0.3).tolist() == [2, 0, 3]


def test_anchors_by_hand() -> None:
    base = base_anchors(4, 8.0, (0.5, 1.0, 2.0))
    half, other = 16 * math.sqrt(2), 16 / math.sqrt(2)
    wanted = [[-half, -other, half, other], [-16, -16, 16, 16], [-other, -half, other, half]]
    np.testing.assert_allclose(base, wanted, rtol=1e-6)
    grid = grid_anchors(2, 3, 16, np.array([[-4.5, -4.5, 4.5, 4.5], [-1, -1, 1, 1]], np.float32))
    assert grid.shape == (12, 4)
    assert grid[0].tolist() == [-4.5, -4.5, 4.5, 4.5]
    assert grid[3].tolist() == [15, -1, 17, 1]  # second place of the first row, second anchor
    assert grid[6].tolist() == [-4.5, 11.5, 4.5, 20.5]  # first place of the second row


def test_coded_differences_by_hand() -> None:
    starts = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1], [5, 5, 5, 5]], np.float32)
    deltas = np.array([[0] * 4, [1] * 4, [0, 0, 2, -1], [0.7, -1.9, -0.5, 0.3]], np.float32)
    found = deltas_to_boxes(starts, deltas, (1, 1, 1, 1), (32, 32))
    one, wide, flat = math.e / 2, math.e**2 / 2, math.exp(-1) / 2
    wanted = [
        [0, 0, 1, 1],
        [1.5 - one, 1.5 - one, 1.5 + one, 1.5 + one],
        [0, 0.5 - flat, 0.5 + wide, 0.5 + flat],  # cut off at the left border
        [5, 5, 5, 5],
    ]
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    huge = deltas_to_boxes(starts[:1], np.full((1, 4), 99, np.float32), (0, 0, 1, 1), (500, 500))
    assert huge[0, 2] == pytest.approx(0.5 + 62.5 / 2)  # no more than 1000 / 16 times as large


def test_coding_and_decoding_is_a_round_trip() -> None:
    starts, goals = some_boxes(50, 3), some_boxes(50, 4)
    deviations = (0.1, 0.1, 0.2, 0.2)
    deltas = boxes_to_deltas(starts, goals, deviations)
    np.testing.assert_allclose(
        deltas_to_boxes(starts, deltas, deviations, (100, 100)), goals, atol=1e-4
    )


def bilinear(plane: np.ndarray, y: float, x: float) -> np.ndarray:
    height, width = plane.shape[1:]
    if y < -1 or y > height or x < -1 or x > width:
        return np.zeros(len(plane))
    y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    y0, x0 = int(y), int(x)
    y1, x1 = min(y0 + 1, height - 1), min(x0 + 1, width - 1)
    dy, dx = y - y0, x - x0
    top = plane[:, y0, x0] * (1 - dx) + plane[:, y0, x1] * dx
    return top * (1 - dy) + (plane[:, y1, x0] * (1 - dx) + plane[:, y1, x1] * dx) * dy


def roi_align_in_loops(plane: np.ndarray, box: list[float], scale: float, cells: int) -> np.ndarray:
    x0, y0, x1, y1 = (edge * scale - 0.5 for edge in box)
    width, height = (x1 - x0) / cells, (y1 - y0) / cells
    across, down = math.ceil(width), math.ceil(height)
    out = np.zeros((len(plane), cells, cells))
    for row in range(cells):
        for column in range(cells):
            for i in range(down):
                for j in range(across):
                    y = y0 + row * height + (i + 0.5) * height / down
                    x = x0 + column * width + (j + 0.5) * width / across
                    out[:, row, column] += bilinear(plane, y, x)
    return out / max(across * down, 1)


def test_roi_align_is_the_mean_of_bilinear_samples() -> None:
    plane = np.random.default_rng(5).normal(size=(3, 11, 17)).astype(np.float32)
    boxes = np.array(
        [
            [3.3, 4.1, 40.7, 30.2],
            [0, 0, 68, 44],
            [-9, -12, 20, 60],  # over the border
            [10, 10, 11.5, 10.9],  # below a place
            [66.5, 42.2, 71, 46],
            [100, 100, 120, 130],  # outside
            [20, 5, 20, 9],  # without width
        ],
        np.float32,
    )
    wanted = [roi_align_in_loops(plane, box.tolist(), 0.25, 7) for box in boxes]
    assert np.abs(wanted[2]).max() > 0.1
    for tensor in (
        torch.from_numpy(plane)[None],
        torch.from_numpy(plane[None]).to(memory_format=torch.channels_last),
    ):
        found = roi_align(tensor, boxes, 0.25, 7)
        np.testing.assert_allclose(found.numpy(), np.stack(wanted), atol=1e-5)


def test_the_level_follows_the_size() -> None:
    sides = [10, 111, 112, 223, 224, 447, 448, 5000]
    boxes = np.array([[7, 9, 7 + side, 9 + side] for side in sides], np.float32)
    assert faster_rcnn.level_of(boxes).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_pooling_reads_each_box_from_its_level() -> None:
    levels = [torch.full((1, 2, 256 >> n, 256 >> n), float(n)) for n in range(4)]
    boxes = np.array([[300, 300, 800, 800], [64, 64, 96, 96], [64, 64, 300, 300]], np.float32)
    assert faster_rcnn.pooled(levels, boxes).mean(dim=(1, 2, 3)).tolist() == [3, 0, 2]


def test_proposals_of_a_level() -> None:
    anchors = np.array(
        [[0, 0, 10, 10], [1, 0, 11, 10], [40, 40, 50, 50], [-20, 0, -5, 9]], np.float32
    )
    logits = np.array([1, 2, 0, 3], np.float32)
    limits = faster_rcnn.Thresholds()
    found = faster_rcnn.level_proposals(
        anchors, logits, np.zeros((4, 4), np.float32), (45, 60), limits
    )
    # the best lies outside and is empty when cut; the second drives out the first
    assert found.boxes.tolist() == [[1, 0, 11, 10], [40, 40, 45, 50]]
    other = Detections(np.array([[5, 5, 6, 6]], np.float32), np.array([1.0], np.float32))
    two = faster_rcnn.Thresholds(proposals=2)
    assert faster_rcnn.best_proposals([found, other], two).tolist() == [
        [1, 0, 11, 10],
        [5, 5, 6, 6],
    ]


def logit(share: float) -> float:
    return math.log(share / (1 - share))


def empty_levels() -> list[np.ndarray]:
    levels = [np.zeros((18, side, side), np.float32) for side in (2, 4, 8)]
    for level in levels:
        level[4::6] = logit(0.001)  # nothing there
    return levels


def test_a_prediction_of_yolo_by_hand() -> None:
    levels = empty_levels()
    # middle level (stride 16), row 1, column 2, third anchor (59, 119)
    levels[1][12:18, 1, 2] = [logit(0.25), logit(0.75), math.log(2), 0, logit(0.9), logit(0.8)]
    found = yolov3.predictions_to_boxes(levels, yolov3.Thresholds())
    x, y = (2 + 0.25) * 16, (1 + 0.75) * 16
    np.testing.assert_allclose(found.boxes, [[x - 59, y - 59.5, x + 59, y + 59.5]], rtol=1e-5)
    np.testing.assert_allclose(found.scores, [0.72], rtol=1e-5)


def test_thresholds_of_yolo_are_on_its_two_factors() -> None:
    cases = {(0.0049, 0.9): 0, (0.0051, 0.9): 1, (0.9, 0.049): 0, (0.9, 0.051): 1, (0.02, 0.06): 1}
    for (confidence, score), number in cases.items():
        levels = empty_levels()
        levels[0][4:6, 0, 0] = [logit(confidence), logit(score)]
        found = yolov3.predictions_to_boxes(levels, yolov3.Thresholds())
        assert len(found.boxes) == number, (confidence, score)


def test_wild_predictions_fall_out() -> None:
    levels = empty_levels()
    levels[0][2:6, 1, 1] = [1000, 0, 9, 9]
    assert len(yolov3.predictions_to_boxes(levels, yolov3.Thresholds()).boxes) == 0

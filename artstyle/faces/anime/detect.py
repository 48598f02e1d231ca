"""The detectors `anime` and `anime-frcnn`: boxes, then 28 points in each.

They need the published files (`artstyle models pull anime-yolov3`, and so on); torch is loaded when
one is made.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import UsageError, WeightsError
from artstyle.faces.anime.boxes import Detections
from artstyle.faces.anime.heatmaps import averaged, maps_to_points
from artstyle.faces.anime.pictures import (
    CROP_PX,
    IMAGENET,
    UNIT,
    Window,
    box_to_window,
    cut_out,
    fitted,
    grown,
    map_to_picture,
    normalised,
)
from artstyle.faces.detector import REGISTRY, Box, Face, Pixels, checked_picture
from artstyle.weights import path_of

if TYPE_CHECKING:
    import torch
    from torch import nn

BOX_WEIGHTS = {"anime": "anime-yolov3", "anime-frcnn": "anime-faster-rcnn"}
POINT_WEIGHTS = "anime-hrnetv2"
# The least score of a face: what anime-face-detector's own demonstrations show. Its detector gives
# everything from 0.05 on (YOLOv3: of the class alone) and leaves the choice to its caller.
THRESHOLD = 0.5
YOLO_PX = 608
FRCNN_PX = (1333, 800)
_GROWTH = 1.1  # of a box before its points are sought
_CROPS_AT_ONCE = 16  # a crowd shall not fill the memory


def lack_yolov3() -> WeightsError | None:
    """What is missing for `anime`, or None."""
    return _lack(BOX_WEIGHTS["anime"])


def lack_frcnn() -> WeightsError | None:
    """What is missing for `anime-frcnn`, or None."""
    return _lack(BOX_WEIGHTS["anime-frcnn"])


def _lack(boxes: str) -> WeightsError | None:
    errors = []
    for name in (boxes, POINT_WEIGHTS):
        try:
            path_of(name)
        except WeightsError as error:
            errors.append(error)
    if not errors:
        return None
    hints = "; and ".join(error.hint for error in errors if error.hint)
    return WeightsError("; ".join(map(str, errors)), hint=hints)


def yolov3(
    *,
    threshold: float = THRESHOLD,
    size_px: int = YOLO_PX,
    flip: bool = True,
    device: str = "auto",
    weights: Path | None = None,
    points_weights: Path | None = None,
) -> AnimeDetector:
    """YOLOv3 and HRNetV2.

    Args:
        threshold: the least score of a face, [0, 1]; 0 gives all that the network gives.
        size_px: the picture is fitted into a square of this side; a multiple of 32. 608 is the
            official one, 416 has less than half of its arithmetic.
        flip: whether points are sought in the mirror image too, as officially; twice the time.
        device: `cpu`, `cuda`, `cuda:1`; `auto` takes a GPU where there is one.
        weights: the file of YOLOv3; None takes the one in the home folder.
        points_weights: the file of HRNetV2; None likewise.

    Raises:
        WeightsError: a file is missing, or not what it should be.
        UsageError: an option is out of its range.
    """
    if size_px < 96 or size_px % 32:
        raise UsageError(f"size_px {size_px} is no multiple of 32 from 96 on")
    place, boxes, points = _prepared("anime", threshold, device, weights, points_weights)
    return AnimeDetector(
        "anime", _YoloBoxes(boxes, place, size_px), HrPoints(points, place, flip), threshold
    )


def frcnn(
    *,
    threshold: float = THRESHOLD,
    flip: bool = True,
    device: str = "auto",
    weights: Path | None = None,
    points_weights: Path | None = None,
) -> AnimeDetector:
    """Faster R-CNN and HRNetV2; see `yolov3`."""
    place, boxes, points = _prepared("anime-frcnn", threshold, device, weights, points_weights)
    return AnimeDetector(
        "anime-frcnn", _FrcnnBoxes(boxes, place), HrPoints(points, place, flip), threshold
    )


class BoxFinder(Protocol):
    """Finds the boxes of faces."""

    def find(self, rgb: Pixels) -> Detections:
        """Best first, in pixels of the picture (HWC uint8, RGB)."""


class PointFinder(Protocol):
    """Finds 28 points in boxes."""

    def find(
        self, rgb: Pixels, boxes: list[Box]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """[n, 28, 2], (x, y) in pixels, centres at i + 0.5; [n, 28], their scores."""


class AnimeDetector:
    """Drawn faces with 28 points ("anime-28") and their scores.

    A face's box is the one that anime-face-detector gives: a tenth larger than the network's.
    One instance serves one thread at a time.
    """

    def __init__(
        self, name: str, boxes: BoxFinder, points: PointFinder, threshold: float = THRESHOLD
    ) -> None:
        self.name = name
        self.licence = REGISTRY[name].licence
        self._boxes, self._points, self._threshold = boxes, points, threshold

    def detect(self, rgb: Pixels) -> list[Face]:
        """See `Detector.detect`; scores are in [0, 1]."""
        checked_picture(rgb)
        found = self._boxes.find(rgb)
        good = found.scores >= self._threshold
        boxes = [_grown(row) for row in found.boxes[good].tolist()]
        points, scores = self._points.find(rgb, boxes)
        rows = zip(boxes, found.scores[good].tolist(), points, scores, strict=True)
        return [
            Face(box, score, where, "anime-28", self.name, sure) for box, score, where, sure in rows
        ]


def _grown(row: list[float]) -> Box:
    x0, y0, x1, y1 = row
    return grown((x0, y0, x1, y1), _GROWTH)


class _YoloBoxes:
    def __init__(self, network: nn.Module, device: torch.device, size_px: int) -> None:
        self._network, self._device, self._size_px = network, device, size_px

    def find(self, rgb: Pixels) -> Detections:
        import torch

        from artstyle.faces.anime.yolov3 import Thresholds, predictions_to_boxes

        picture = fitted(rgb, (self._size_px, self._size_px), UNIT)
        with torch.inference_mode():
            raw = self._network(on_device(picture.planes, self._device))
            levels = [level[0].cpu().numpy() for level in raw]
        found = predictions_to_boxes(levels, Thresholds())
        return Detections(found.boxes / picture.factors, found.scores)


class _FrcnnBoxes:
    def __init__(self, network: Any, device: torch.device) -> None:
        self._network, self._device = network, device

    def find(self, rgb: Pixels) -> Detections:
        import torch

        from artstyle.faces.anime.faster_rcnn import Thresholds

        picture = fitted(rgb, FRCNN_PX, IMAGENET)
        with torch.inference_mode():
            planes = on_device(picture.planes, self._device)
            found: Detections = self._network.boxes(planes, picture.size_px, Thresholds())
        return Detections(found.boxes / picture.factors, found.scores)


class HrPoints:
    """HRNetV2 on crops.

    Args:
        network: [N, 3, 256, 256] to heat maps.
        device: where it is.
        flip: whether the mirror image is looked at too.
    """

    def __init__(self, network: nn.Module, device: torch.device, flip: bool) -> None:
        self._network, self._device, self._flip = network, device, flip

    def find(
        self, rgb: Pixels, boxes: list[Box]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """See `PointFinder.find`."""
        windows = [box_to_window(box) for box in boxes]
        points = np.zeros((len(boxes), 28, 2), np.float32)
        scores = np.zeros((len(boxes), 28), np.float32)
        for start in range(0, len(boxes), _CROPS_AT_ONCE):
            part = slice(start, start + _CROPS_AT_ONCE)
            maps = self._maps(rgb, windows[part])
            places, scores[part] = maps_to_points(maps)
            for row, window in enumerate(windows[part]):
                points[start + row] = map_to_picture(places[row], window, maps.shape[3])
        return points, scores

    def _maps(self, rgb: Pixels, windows: list[Window]) -> NDArray[np.float32]:
        import torch

        crops = np.zeros((len(windows), 3, CROP_PX, CROP_PX), np.float32)
        for row, window in enumerate(windows):
            crops[row] = normalised(cut_out(rgb, window), IMAGENET)
        with torch.inference_mode():
            planes = on_device(crops, self._device)
            maps: NDArray[np.float32] = self._network(planes).cpu().numpy()
            if self._flip:
                maps = averaged(maps, self._network(planes.flip(3)).cpu().numpy())
        return maps


def on_device(planes: NDArray[np.float32], device: torch.device) -> torch.Tensor:
    """NCHW planes as a tensor in the order that convolutions are fastest in."""
    import torch

    tensor = torch.from_numpy(planes).to(device)
    return tensor.contiguous(memory_format=torch.channels_last)


def _prepared(
    name: str, threshold: float, device: str, weights: Path | None, points_weights: Path | None
) -> tuple[torch.device, Any, Any]:
    """The device and both networks with their numbers."""
    if not 0 <= threshold <= 1:
        raise UsageError(f"threshold {threshold} is not in [0, 1]")
    place = _device(device)
    boxes_path = path_of(BOX_WEIGHTS[name], given=weights)
    points_path = path_of(POINT_WEIGHTS, given=points_weights)
    return (
        place,
        load_network(BOX_WEIGHTS[name], boxes_path, place),
        load_network(POINT_WEIGHTS, points_path, place),
    )


def load_network(name: str, path: Path, device: torch.device) -> nn.Module:
    """A network with the numbers of a file, its norms folded into its convolutions.

    Args:
        name: `anime-yolov3`, `anime-faster-rcnn` or `anime-hrnetv2`.
        path: the file.
        device: where it shall be.

    Raises:
        WeightsError: the file is not what it should be.
    """
    import torch

    from artstyle.faces.anime.checkpoint import load_into, read_state
    from artstyle.faces.anime.faster_rcnn import FasterRcnn
    from artstyle.faces.anime.hrnet import HrNetV2
    from artstyle.faces.anime.layers import folded, made_empty
    from artstyle.faces.anime.yolov3 import YoloV3

    kinds: dict[str, type[nn.Module]] = {
        "anime-yolov3": YoloV3,
        "anime-faster-rcnn": FasterRcnn,
        "anime-hrnetv2": HrNetV2,
    }
    network = made_empty(kinds[name])
    load_into(network, read_state(path, name), path, name)
    return folded(network).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _device(name: str) -> torch.device:
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"there is no device {name!r}", hint="auto, cpu or cuda") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(
            f"torch sees no device {name!r}; it sees {torch.cuda.device_count()} GPUs",
            hint="leave the device at auto, or take cpu",
        )
    return device

"""`anime-mmcv`: the package anime-face-detector itself, where somebody has it running.

It stands on mmcv-full, mmdet and mmpose of 2022, and these on torch 1.x and Python 3.8 to 3.10. It
fetches its weights itself when it is first used. `anime` needs none of this.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from artstyle.errors import UsageError, WeightsError
from artstyle.faces.anime.detect import THRESHOLD
from artstyle.faces.detector import REGISTRY, Face, Pixels, checked_picture

_MODULES = ("anime_face_detector", "mmcv", "mmdet", "mmpose")
_HINT = (
    "its home is an environment with Python 3.8 to 3.10 and torch 1.x: pip install openmim, then"
    " mim install mmcv-full==1.7.0 mmdet==2.28.2 mmpose==0.29.0, then pip install"
    " anime-face-detector. Detector anime needs none of this: the same networks in plain torch"
)
_NETWORKS = ("yolov3", "faster-rcnn")


def lack() -> WeightsError | None:
    """What is missing, or None; nothing is imported."""
    missing = [name for name in _MODULES if find_spec(name) is None]
    if not missing:
        return None
    return WeightsError(
        f"the package anime-face-detector cannot be used: {', '.join(missing)}"
        f" {'is' if len(missing) == 1 else 'are'} not installed",
        hint=_HINT,
    )


class OfficialDetector:
    """anime-face-detector's own `create_detector`.

    Args:
        network: `yolov3` or `faster-rcnn`.
        threshold: the least score of a face, [0, 1].
        flip: whether points are sought in the mirror image too.
        device: as torch names it; `auto` takes a GPU where there is one.

    Raises:
        WeightsError: the package is not there or does not work; the message says why.
        UsageError: an option is out of its range.
    """

    name = "anime-mmcv"
    licence = REGISTRY["anime-mmcv"].licence

    def __init__(
        self,
        *,
        network: str = "yolov3",
        threshold: float = THRESHOLD,
        flip: bool = True,
        device: str = "auto",
    ) -> None:
        if network not in _NETWORKS:
            raise UsageError(
                f"anime-face-detector has no network {network!r}; it has {', '.join(_NETWORKS)}"
            )
        if not 0 <= threshold <= 1:
            raise UsageError(f"threshold {threshold} is not in [0, 1]")
        self._threshold = threshold
        self._detector = _made(network, flip, device)

    def detect(self, rgb: Pixels) -> list[Face]:
        """See `Detector.detect`; scores are in [0, 1]."""
        bgr = np.ascontiguousarray(checked_picture(rgb)[..., ::-1])
        found = [_face(one) for one in self._detector(bgr)]
        good = [face for face in found if face.score >= self._threshold]
        return sorted(good, key=lambda face: -face.score)


def _made(network: str, flip: bool, device: str) -> Any:
    if (fault := lack()) is not None:
        raise fault
    if device == "auto":
        import torch

        device = "cuda:0" if torch.cuda.is_available() else "cpu"
    try:
        package = import_module("anime_face_detector")
        return package.create_detector(network, device=device, flip_test=flip)
    except Exception as error:  # mmcv and its kin raise whatever they like where versions differ
        words = (str(error).strip().splitlines() or [""])[0]
        raise WeightsError(
            f"anime-face-detector is installed but does not start: {type(error).__name__}: {words}",
            hint=_HINT,
        ) from error


def _face(found: dict[str, Any]) -> Face:
    x0, y0, x1, y1, score = np.asarray(found["bbox"], np.float64).tolist()
    points = np.asarray(found["keypoints"], np.float32)
    # mmpose counts from the centre of the first pixel.
    where = points[:, :2] + np.float32(0.5)
    return Face((x0, y0, x1, y1), score, where, "anime-28", "anime-mmcv", points[:, 2])

"""dlib's descriptor of faces as a feature space: whether people look like those of the dataset.

The descriptor was trained to tell people apart, on photos. Its distances mean most for portraits;
drawn faces it sees through a photographer's eyes. No detector is asked: pictures of a dataset, and
what a generator draws, are aligned as FFHQ's, so the face lies where it always lies.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from artstyle.faces.dlib import describe_chips, lack
from artstyle.metrics.space import Picture

CHIP_PX = 150
# Where dlib would cut its chip (five points, padding 0.25) out of an FFHQ-aligned square, as
# shares of the side: medians over 108 frontal portraits, made symmetric. The centre strays by
# 0.006 and 0.007, the side by 0.022 (one standard deviation), the angle by 1.6 degrees.
CENTRE, SIDE = (0.5, 0.606), 0.698
# The kernel of KID takes x.y / dim, made for figures of about 1; dlib's are about 0.1. With this
# the kernel sees x.y, and Fréchet distances are 128 times those of the bare descriptor.
SCALE = 128**0.5
_BATCH = 32


class DlibSpace:
    """128 figures of a face.

    Raises:
        WeightsError: dlib or its models are missing.
    """

    name = "dlib"
    title = "dlib's descriptor of faces"
    protocol = (
        f"FFHQ-aligned: the square of {SIDE:g} sides about ({CENTRE[0]:g}, {CENTRE[1]:g}),"
        f" Pillow bicubic to {CHIP_PX}, figures times {SCALE:.5g}"
    )
    licence = "dlib's face recognition model by Davis King, CC0-1.0"
    dim = 128
    ddof = 1
    identity = "dlib face_recognition_resnet_model_v1 1"
    samples = 500  # as when a face took a tenth of a second: figures of other counts compare badly

    def __init__(self) -> None:
        if (fault := lack()) is not None:
            raise fault

    def __call__(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """See `FeatureSpace`."""
        found = [np.zeros((0, self.dim), dtype=np.float32)]
        for begin in range(0, len(pictures), _BATCH):
            chips = [face_chip(picture) for picture in pictures[begin : begin + _BATCH]]
            found.append(describe_chips(chips))
        return np.concatenate(found) * np.float32(SCALE)


def face_chip(picture: Picture) -> Picture:
    """The [150, 150, 3] that dlib describes, of an FFHQ-aligned square of any size."""
    height, width = picture.shape[:2]
    box = (
        (CENTRE[0] - SIDE / 2) * width,
        (CENTRE[1] - SIDE / 2) * height,
        (CENTRE[0] + SIDE / 2) * width,
        (CENTRE[1] + SIDE / 2) * height,
    )
    way = PillowImage.Resampling.BICUBIC
    chip = PillowImage.fromarray(picture).resize((CHIP_PX, CHIP_PX), way, box=box)
    return np.asarray(chip)

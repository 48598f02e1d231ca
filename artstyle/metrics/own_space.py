"""Our own perceptual network as a feature space: means and deviations of its maps.

These are the statistics that style transfer compares: colours, strokes, textures, and, in the
deeper layers, parts of things, wherever in the picture they are. The network ships with artstyle,
so that a figure of trained features can always be had; it compares with figures of the same file
only.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage

from artstyle.files import sha256_of
from artstyle.metrics.space import Picture
from artstyle.perception.own import read_facts, read_own
from artstyle.perception.stack import ConvStack
from artstyle.perception.statistics import STATISTICS_LAYERS, map_statistics

SIDE_PX = 128  # a guess: near the photos it was trained on, and 40 pictures a second on one core
_BATCH = 16  # the largest maps take 2 MB a picture


class OwnSpace:
    """The statistics of five layers: 1472 figures for the network that ships.

    Args:
        network: with trained weights.
        weights_sha256: of the file they came from.
        licence: of the weights.
        device: where the network computes.
    """

    name = "own"
    title = "artstyle's own perceptual network"
    protocol = f"Pillow box or bicubic to {SIDE_PX}, means and deviations of 5 layers"
    ddof = 1
    samples = 2000

    def __init__(
        self, network: ConvStack, *, weights_sha256: str, licence: str, device: str = "cpu"
    ) -> None:
        self.network, self.licence, self.device = network.to(device), licence, device
        self.dim = 2 * sum(network.channels(layer) for layer in STATISTICS_LAYERS)
        self.identity = f"own {weights_sha256} {SIDE_PX} 1"

    @classmethod
    def from_file(cls, path: Path, *, device: str = "cpu") -> OwnSpace:
        """The space of a file that `artstyle train-perception` made.

        Raises:
            WeightsError: it is none, or damaged.
        """
        return cls(
            read_own(path),
            weights_sha256=sha256_of(path),
            licence=read_facts(path).licence,
            device=device,
        )

    def __call__(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """See `FeatureSpace`."""
        found = [np.zeros((0, self.dim), dtype=np.float32)]
        for begin in range(0, len(pictures), _BATCH):
            small = np.stack([_resized(one) for one in pictures[begin : begin + _BATCH]])
            images = torch.from_numpy(small).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
            with torch.inference_mode():
                maps = self.network(images.to(self.device), STATISTICS_LAYERS)
                found.append(map_statistics(maps).cpu().numpy())
        return np.concatenate(found)


def _resized(picture: Picture) -> Picture:
    """HWC uint8 at 128 x 128: means of areas when shrinking, bicubic when enlarging."""
    height, width = picture.shape[:2]
    if (height, width) == (SIDE_PX, SIDE_PX):
        return picture
    shrinks = min(height, width) > SIDE_PX
    way = PillowImage.Resampling.BOX if shrinks else PillowImage.Resampling.BICUBIC
    return np.asarray(PillowImage.fromarray(picture).resize((SIDE_PX, SIDE_PX), way))

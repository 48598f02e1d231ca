"""How well an encoder does on photos it never learned from: figures, and a picture to look at."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from artstyle import images
from stylegan_ext.features import Features
from stylegan_ext.networks import Encoder, Generator

COLUMNS = 16  # of a panel
_AT_ONCE = 16


class Panel:
    """Held-out photos, looked at again and again.

    Args:
        photos: NCHW uint8.
        generator: the base.
        features: what "alike" means besides pixels.
        device: where to compute.
    """

    def __init__(
        self, photos: NDArray[np.uint8], generator: Generator, features: Features, device: str
    ) -> None:
        self.photos, self.generator, self.features = photos, generator, features
        self.targets = torch.from_numpy(photos).to(device).float().div_(127.5).sub_(1)

    @torch.no_grad()
    def look(self, encoder: Encoder) -> tuple[dict[str, float], NDArray[np.uint8]]:
        """Figures by name, means over the photos; and what was drawn, NCHW uint8."""
        drawn, distances, errors = [], [], []
        for first in range(0, len(self.targets), _AT_ONCE):
            some = self.targets[first : first + _AT_ONCE]
            picture = self.generator.synthesis(encoder(some))
            distance = (self.features(picture) - self.features(some)).square().sum(dim=1)
            errors.append((picture - some).square().mean(dim=[1, 2, 3]).sqrt() * 127.5)
            distances.append(distance)
            drawn.append(images.from_batch(picture).transpose(0, 3, 1, 2))
        figures = {
            "Held-out/feature_distance": float(torch.cat(distances).mean()),
            "Held-out/pixel_rmse": float(torch.cat(errors).mean()),
        }
        return figures, np.concatenate(drawn)

    def picture(self, drawn: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Photos in one row and what was drawn of them in the next, HWC uint8 RGB."""
        rows = []
        for first in range(0, len(drawn), COLUMNS):
            for pictures in (self.photos, drawn):
                some = pictures[first : first + COLUMNS].transpose(2, 0, 3, 1)
                side = some.shape[0]
                row = np.full((side, COLUMNS * side, some.shape[3]), 255, dtype=np.uint8)
                row[:, : some.shape[1] * side] = some.reshape(side, -1, some.shape[3])
                rows.append(row)
        panel = np.concatenate(rows)
        return np.repeat(panel, 3, axis=2) if panel.shape[2] == 1 else panel

"""A feature space that needs no weights: colours and oriented strokes on a grid.

Fixed filters, as in the first layer of a scattering network (Bruna & Mallat 2013): a picture of
64 x 64, its brightness filtered by Gabor wavelets of three sizes and four directions, the moduli
averaged over 4 x 4 cells, beside the cells' mean colours. It sees colour, contrast, texture and
where they are; it knows nothing of faces. Useful to follow one training and to compare snapshots;
no figure of it means anything beside another project's FID.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image as PillowImage

from artstyle.metrics.space import Picture

SIDE_PX, CELLS, SCALES, DIRECTIONS = 64, 4, 3, 4  # guesses: 240 figures, fit for small sets
_TAPS = 9
# Moduli are a sixteenth as large as colours and stray a sixteenth as much (48 portraits, 48 flat
# drawings); so both count alike.
_STROKES = 16.0
# Brightness and two differences of colour, each over about [-1, 1]; a usual choice (YCoCg).
_COLOURS = ((0.25, 0.5, 0.25), (0.5, 0.0, -0.5), (-0.25, 0.5, -0.25))


class ScatterSpace:
    """See the module's text."""

    name = "scatter"
    title = "fixed wavelet filters, no network"
    protocol = f"Pillow box or bicubic to {SIDE_PX}, Gabor moduli on a {CELLS} x {CELLS} grid"
    licence = "none needed: nothing in it was trained"
    dim = CELLS * CELLS * (len(_COLOURS) + SCALES * DIRECTIONS)
    ddof = 1
    identity = "scatter 1"
    samples = 5000

    def __init__(self) -> None:
        self._wavelets = gabor_wavelets()
        self._colours = torch.tensor(_COLOURS)

    def __call__(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """See `FeatureSpace`."""
        if not pictures:
            return np.zeros((0, self.dim), dtype=np.float32)
        small = np.stack([_shrunk(picture) for picture in pictures])
        images = torch.from_numpy(small).permute(0, 3, 1, 2).float() / 127.5 - 1
        planes = torch.einsum("nchw,dc->ndhw", images, self._colours)
        found = [F.adaptive_avg_pool2d(planes, CELLS)]
        level = planes[:, :1]
        for _ in range(SCALES):
            around = F.pad(level, (_TAPS // 2,) * 4, mode="reflect")
            real, imaginary = F.conv2d(around, self._wavelets).chunk(2, dim=1)
            modulus = torch.sqrt(real.square() + imaginary.square() + 1e-12)
            found.append(F.adaptive_avg_pool2d(modulus, CELLS) * _STROKES)
            level = F.avg_pool2d(level, 2)
        return torch.cat([part.flatten(1) for part in found], dim=1).numpy()


def gabor_wavelets() -> torch.Tensor:
    """[2 x directions, 1, taps, taps]: real parts, then imaginary ones; each sums to zero."""
    reach = torch.arange(_TAPS) - _TAPS // 2
    y, x = torch.meshgrid(reach.double(), reach.double(), indexing="ij")
    window = torch.exp(-(x.square() + y.square()) / (2 * 1.6**2))
    waves = []
    for index in range(DIRECTIONS):
        angle = math.pi * index / DIRECTIONS
        phase = (x * math.cos(angle) + y * math.sin(angle)) * (3 * math.pi / 4)
        even = window * phase.cos()
        even = even - window * (even.sum() / window.sum())
        waves.append((even, window * phase.sin()))
    total = [sum(part.abs().sum() for part in wave) for wave in waves]
    bank = [
        [wave[part] / whole for wave, whole in zip(waves, total, strict=True)] for part in (0, 1)
    ]
    return torch.stack(bank[0] + bank[1])[:, None].float()


def _shrunk(picture: Picture) -> Picture:
    """HWC uint8 at 64 x 64: means of areas when shrinking, bicubic when enlarging."""
    if picture.shape[:2] == (SIDE_PX, SIDE_PX):
        return picture
    way = PillowImage.Resampling.BOX
    if min(picture.shape[:2]) < SIDE_PX:
        way = PillowImage.Resampling.BICUBIC
    resized = PillowImage.fromarray(picture).resize((SIDE_PX, SIDE_PX), way)
    return np.asarray(resized)

"""What "looks alike" means to the projector: features whose squared distance is the loss.

The projector takes any callable that turns pictures into rows of features; VGG's live with the
caller, who knows where its weights are. Those here need nothing but the model itself: the
discriminator's maps; for a file that holds a generator alone, a pyramid of pixels; and edges, for
a model that is bent to a picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import torch
import torch.nn.functional as F

from stylegan_ext.networks.discriminator import Discriminator

_EDGE_GAIN, _COARSEST_EDGES_PX = 1.5, 16  # the gain: chosen by eye, between 0.75 and 3


class Features(Protocol):
    """Pictures to features.

    `name` is told to the user and written into results, so that nobody takes one measure for
    another.
    """

    name: str

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """[n, 3, h, w] in [-1, 1], differentiable, to [n, f].

        The squared distance of two rows is the perceptual distance; it should be of the order
        of one for unlike pictures, as LPIPS is.
        """
        ...


def flatten_maps(maps: Iterable[torch.Tensor], *, normalize: bool = True) -> torch.Tensor:
    """Maps [n, c, h, w] of several layers to rows, each layer counting alike.

    With `normalize`, every pixel's feature vector gets length one (LPIPS, Zhang et al. 2018,
    section 3); the squared distance of rows is then the mean over layers and pixels of the squared
    distance of unit vectors, between 0 and 4.
    """
    rows = []
    for x in maps:
        y = x.float()
        if normalize:
            y = y * (y.square().sum(dim=1, keepdim=True) + 1e-10).rsqrt()
        rows.append(y.flatten(1) / (x.shape[2] * x.shape[3]) ** 0.5)
    scale: float = len(rows) ** 0.5
    return torch.cat(rows, dim=1) / scale


class DiscriminatorFeatures:
    """The maps after every block of the model's own discriminator.

    Its early stopping as a critic does not matter here: the maps know the domain (eyes, hair,
    outlines), which is what a projection must get right.
    """

    name = "discriminator"

    def __init__(self, discriminator: Discriminator) -> None:
        self.discriminator = discriminator.eval().requires_grad_(False)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """See `Features`."""
        return flatten_maps(self.discriminator.features(images))


class PixelPyramidFeatures:
    """Pixels at every scale down to 8 px: a poor man's perception, and named as that."""

    name = "pixel pyramid"

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """See `Features`."""
        levels = [images / 2]  # [-1, 1] has twice the range of [0, 1]
        while min(levels[-1].shape[2:]) > 8:
            levels.append(F.avg_pool2d(levels[-1], 2))
        return flatten_maps(levels, normalize=False)


class EdgeFeatures:
    """Differences of neighbouring pixels, at every scale down to 16 px.

    A mean squared error of pixels is content with a blur; of their differences it is not. For a
    model that already draws the face nearly right this says as much as the discriminator's maps,
    for a hundredth of the products.
    """

    name = "edges"

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """See `Features`."""
        rows, level = [], images * _EDGE_GAIN
        while True:
            side = level.shape[2]
            rows.append((level[..., 1:] - level[..., :-1]).flatten(1) / side)
            rows.append((level[..., 1:, :] - level[..., :-1, :]).flatten(1) / side)
            if side <= _COARSEST_EDGES_PX:
                return torch.cat(rows, dim=1)
            level = F.avg_pool2d(level, 2)

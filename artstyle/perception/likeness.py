"""Which features say whether a projection looks like its photo: the best that are at hand."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import nn

from artstyle import weights
from artstyle.errors import UsageError
from artstyle.perception.choose import choose_perception, own_file
from artstyle.perception.stack import SMALLEST_PX, ConvStack
from artstyle.perception.statistics import STATISTICS_LAYERS
from artstyle.perception.vgg import VGG, Depth
from stylegan_ext.features import (
    DiscriminatorFeatures,
    Features,
    PixelPyramidFeatures,
    flatten_maps,
)
from stylegan_ext.networks import Discriminator

Choice: TypeAlias = Literal["auto", "vgg16", "vgg19", "own", "discriminator", "pixels"]
CHOICES: tuple[Choice, ...] = ("auto", "vgg16", "vgg19", "own", "discriminator", "pixels")
LARGEST_PX = 256  # VGG looks at pictures of at most this size, as the official projector does
# LPIPS looks at these layers of VGG16 (Zhang et al. 2018, section 3); Image2StyleGAN's four
# (conv1_1 1_2 3_2 4_2) lie among and between them.
LPIPS_LAYERS: dict[Depth, tuple[str, ...]] = {
    16: ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"),
    19: ("relu1_2", "relu2_2", "relu3_4", "relu4_4", "relu5_4"),
}


class MapFeatures:
    """Unit-normalised maps of a network: LPIPS without its learned weights, and named so.

    Args:
        network: what sees.
        layers: of which; every layer counts alike.
        name: for results.
    """

    def __init__(self, network: ConvStack, layers: tuple[str, ...], name: str) -> None:
        self.network, self.layers, self.name = network, layers, name

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """See `stylegan_ext.features.Features`.

        Larger pictures are shrunk by area to 256 px, smaller ones than 32 px enlarged to that.
        """
        if images.shape[2] > LARGEST_PX:
            images = F.interpolate(images, size=(LARGEST_PX, LARGEST_PX), mode="area")
        elif images.shape[2] < SMALLEST_PX:
            images = F.interpolate(images, size=(SMALLEST_PX, SMALLEST_PX), mode="bilinear")
        return flatten_maps(self.network(images, self.layers).values())


class VGGFeatures(MapFeatures):
    """VGG's maps, of the layers that LPIPS looks at."""

    def __init__(self, network: VGG) -> None:
        name = f"{network.name}, unweighted LPIPS layers"
        super().__init__(network, LPIPS_LAYERS[network.depth], name)


class OwnFeatures(MapFeatures):
    """The maps of our own network, the last of each block."""

    def __init__(self, network: ConvStack) -> None:
        super().__init__(network, STATISTICS_LAYERS, f"{network.name}, last layer of each block")


def choose_features(
    choice: Choice, networks: dict[str, nn.Module], device: str = "cpu"
) -> Features:
    """The features that were asked for; "auto" takes the first of VGG16, VGG19, own, D, pixels.

    Args:
        choice: one of `CHOICES`.
        networks: the model file's networks by name; its D may be used.
        device: where VGG or our own network goes; the networks are where they should be already.

    Raises:
        UsageError: the discriminator was asked for and the file holds none.
        WeightsError: what was asked for is not here, or it is here and damaged.
    """
    depths: dict[str, Depth] = {"vgg16": 16, "vgg19": 19}
    for name, depth in depths.items():
        if choice == name:
            return VGGFeatures(VGG.from_file(weights.path_of(name), depth).to(device))
        path = weights.find(name) if choice == "auto" else None
        if path is not None:  # else it is not here; the result names what was taken instead
            return VGGFeatures(VGG.from_file(path, depth).to(device))
    if choice == "own" or (choice == "auto" and own_file() is not None):
        return OwnFeatures(choose_perception("own", device=device))
    discriminator = networks.get("D")
    if choice in ("auto", "discriminator") and isinstance(discriminator, Discriminator):
        return DiscriminatorFeatures(discriminator)
    if choice == "discriminator":
        raise UsageError(
            "the model file holds no discriminator", hint="take --features pixels, or vgg16"
        )
    return PixelPyramidFeatures()

"""Which features say whether a projection looks like its photo: the best that are at hand."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import nn

from artstyle import weights
from artstyle.errors import UsageError
from artstyle.perception.vgg import VGG, Depth
from stylegan_ext.features import (
    DiscriminatorFeatures,
    Features,
    PixelPyramidFeatures,
    flatten_maps,
)
from stylegan_ext.networks import Discriminator

Choice: TypeAlias = Literal["auto", "vgg16", "vgg19", "discriminator", "pixels"]
CHOICES: tuple[Choice, ...] = ("auto", "vgg16", "vgg19", "discriminator", "pixels")
LARGEST_PX = 256  # VGG looks at pictures of at most this size, as the official projector does
# LPIPS looks at these layers of VGG16 (Zhang et al. 2018, section 3); Image2StyleGAN's four
# (conv1_1 1_2 3_2 4_2) lie among and between them.
LPIPS_LAYERS: dict[Depth, tuple[str, ...]] = {
    16: ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"),
    19: ("relu1_2", "relu2_2", "relu3_4", "relu4_4", "relu5_4"),
}


class VGGFeatures:
    """Unit-normalised maps of VGG: LPIPS without its learned weights, and named so."""

    def __init__(self, network: VGG) -> None:
        self.network = network
        self.name = f"VGG{network.depth} (torchvision), unweighted LPIPS layers"

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """See `stylegan_ext.features.Features`; larger pictures are shrunk by area to 256 px."""
        if images.shape[2] > LARGEST_PX:
            images = F.interpolate(images, size=(LARGEST_PX, LARGEST_PX), mode="area")
        maps = self.network(images, LPIPS_LAYERS[self.network.depth])
        return flatten_maps(maps.values())


def choose_features(
    choice: Choice, networks: dict[str, nn.Module], device: str = "cpu"
) -> Features:
    """The features that were asked for; "auto" takes the first of VGG16, VGG19, D, pixels.

    Args:
        choice: one of `CHOICES`.
        networks: the model file's networks by name; its D may be used.
        device: where VGG goes; the networks are where they should be already.

    Raises:
        UsageError: the discriminator was asked for and the file holds none.
        WeightsError: VGG was asked for and its weights are not here, or they are here and damaged.
    """
    depths: dict[str, Depth] = {"vgg16": 16, "vgg19": 19}
    for name, depth in depths.items():
        if choice == name:
            return VGGFeatures(VGG.from_file(weights.path_of(name), depth).to(device))
        path = weights.find(name) if choice == "auto" else None
        if path is not None:  # else it is not here; the result names what was taken instead
            return VGGFeatures(VGG.from_file(path, depth).to(device))
    discriminator = networks.get("D")
    if choice in ("auto", "discriminator") and isinstance(discriminator, Discriminator):
        return DiscriminatorFeatures(discriminator)
    if choice == "discriminator":
        raise UsageError(
            "the model file holds no discriminator", hint="take --features pixels, or vgg16"
        )
    return PixelPyramidFeatures()

"""Seeded random filters in the shape of our own network: perception where nothing was trained.

He, Wang & Hopcroft (2016, "A powerful generative model using random weights for the deep image
representation") found that VGG with random weights transfers textures and styles. They draw each
layer several times and keep what inverts best; here it is drawn once, and every layer is scaled so
that its channels have one mean activation on noise with the spectrum of photos.
"""

from __future__ import annotations

import torch
from torch import nn

from artstyle.perception.normalised import normalise, pink_pictures
from artstyle.perception.own import new_network
from artstyle.perception.stack import ConvStack, Padding, Pooling

_PICTURES = 8  # that the scales are taken from; a guess


def random_filters(
    seed: int = 0, *, pooling: Pooling = "max", padding: Padding = "zeros"
) -> ConvStack:
    """A network of random filters, the same for the same seed, with gradients off.

    Args:
        seed: of the filters.
        pooling: see `ConvStack`.
        padding: see `ConvStack`.
    """
    network = new_network(f"random filters, seed {seed}", pooling=pooling, padding=padding)
    dice = torch.Generator().manual_seed(seed)
    for name in network.conv_names:
        conv = network.convolution(name)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu", generator=dice)
        assert conv.bias is not None
        nn.init.zeros_(conv.bias)
    network.eval().requires_grad_(False)
    normalise(network, [pink_pictures(_PICTURES, seed=0)])
    return network

"""How an encoder begins: its size, its trunk from the base's discriminator, its coordinates."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch

from stylegan_ext.arguments import CHANNEL_BASE, CHANNEL_MAX
from stylegan_ext.latent_space import ends_in_leaky_relu, latent_space
from stylegan_ext.networks.discriminator import Discriminator
from stylegan_ext.networks.encoder import Encoder
from stylegan_ext.networks.generator import Generator

LARGEST_PX = 256  # larger pictures are shrunk to it
# Of an encoder that follows no discriminator: 2.9 MB in half precision at 64 px.
_CHANNEL_BASE, _CHANNEL_MAX, _CODE_DIM = 2048, 128, 224
_WIDEST = (4096, 128)  # a discriminator that is followed: wider ones take too long


def encoder_kwargs(generator: Generator, discriminator: Mapping[str, Any] | None) -> dict[str, Any]:
    """The arguments of an encoder for a generator; JSON types.

    It is as wide as the base's discriminator where that is narrow enough to be quick, so that it
    can begin as its trunk; else it has a width of its own.

    Args:
        generator: the base.
        discriminator: the arguments of its discriminator; None: there is none.
    """
    side = min(generator.img_resolution, LARGEST_PX)
    width = (_CHANNEL_BASE, _CHANNEL_MAX)
    if discriminator is not None and side == generator.img_resolution:
        own = (
            int(discriminator.get("channel_base", CHANNEL_BASE)),
            int(discriminator.get("channel_max", CHANNEL_MAX)),
        )
        if own[0] <= _WIDEST[0] and own[1] <= _WIDEST[1]:
            width = own
    return {
        "img_resolution": side,
        "img_channels": generator.img_channels,
        "num_ws": generator.num_ws,
        "w_dim": generator.w_dim,
        "channel_base": width[0],
        "channel_max": width[1],
        "code_dim": _CODE_DIM,
        "is_leaky": ends_in_leaky_relu(generator),
    }


def make_encoder(
    generator: Generator,
    discriminator: Discriminator | None,
    kwargs: Mapping[str, Any],
    seed: int = 0,
) -> tuple[Encoder, bool]:
    """An encoder at its beginning, on the CPU.

    Args:
        generator: the base.
        discriminator: the base's; where its trunk has the encoder's shapes it is taken over.
        kwargs: the encoder's arguments.
        seed: of what begins at random.

    Returns:
        The encoder, and whether it begins with the discriminator's trunk.
    """
    torch.manual_seed(seed)
    encoder = Encoder(**kwargs)
    encoder.use_space(latent_space(generator))
    own = encoder.state_dict()
    held = {} if discriminator is None else dict(discriminator.state_dict())
    trunk = {
        name: tensor
        for name, tensor in held.items()
        if name in own and own[name].shape == tensor.shape
    }
    blocks = tuple(f"b{resolution}." for resolution in encoder.block_resolutions)
    is_whole = all(name in trunk for name in own if name.startswith(blocks))
    if is_whole:
        encoder.load_state_dict({**own, **{name: held[name] for name in trunk}})
    return encoder, is_whole


def average_of(encoder: Encoder) -> Encoder:
    """A copy to be averaged into."""
    return copy.deepcopy(encoder).eval().requires_grad_(False)

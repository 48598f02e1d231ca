"""From seeds to w and from w to pictures, each the same in whatever batch it comes.

A matrix product of one row and the same row of a product of eight differ in the last bits, and a
picture then in a pixel of ten thousand. So latents are mapped one at a time, and the CPU draws one
picture at a time, where a batch gains nothing (64 px, eight pictures on one core: 0.33 s together,
0.39 s singly; 256 px: 1.16 s and 0.82 s). A GPU draws whole batches, which agree within rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from stylegan_ext.errors import ParameterError
from stylegan_ext.latents import check_class, one_hot, seed_latent
from stylegan_ext.networks import Generator
from stylegan_ext.networks.synthesis import NoiseMode

_NOISE = 0x6E6F6973  # sets the streams of noise apart from those of z; any number does


def seed_ws(generator: Generator, seed: int, class_index: int | None = None) -> torch.Tensor:
    """The ws [1, num_ws, w_dim] of a seed, not truncated, on the generator's device.

    Raises:
        ParameterError: the seed or the class is none.
    """
    return map_latent(generator, seed_latent(seed, generator.z_dim), class_index)


def map_latent(
    generator: Generator, z: torch.Tensor, class_index: int | None = None
) -> torch.Tensor:
    """The ws [1, num_ws, w_dim] of one z [1, z_dim], not truncated, on the generator's device."""
    check_class(class_index, generator.c_dim)
    label = None if class_index is None else one_hot([class_index], generator.c_dim)
    device = device_of(generator)
    with torch.inference_mode():
        ws: torch.Tensor = generator.mapping(
            z.to(device), None if label is None else label.to(device)
        )
    return ws


def average_w(generator: Generator) -> torch.Tensor:
    """The average w [w_dim] that truncation moves towards.

    Raises:
        ParameterError: the model keeps none.
    """
    if not hasattr(generator.mapping, "w_avg"):
        raise ParameterError(
            "the model keeps no average w, so it cannot be truncated", hint="leave psi at 1"
        )
    return generator.mapping.w_avg


def device_of(generator: Generator) -> torch.device:
    """Where the generator's tensors lie."""
    return next(generator.parameters()).device


def draw(
    generator: Generator,
    ws: torch.Tensor,
    *,
    noise_mode: NoiseMode = "const",
    noise_words: Sequence[Sequence[int]] | None = None,
) -> torch.Tensor:
    """Draw pictures.

    Args:
        generator: in eval mode.
        ws: float32 [n, num_ws, w_dim].
        noise_mode: "const" the stored noise, "random" noise by `noise_words`, "none" no noise.
        noise_words: for each picture the numbers (0 to 2**32 - 1) that seed its random noise;
            the same numbers give the same noise on every device. Needed for "random" only.

    Returns:
        float32 [n, img_channels, res, res] on the generator's device, not clamped.

    Raises:
        ParameterError: random noise without words for every picture.
    """
    if noise_mode == "random" and (noise_words is None or len(noise_words) != len(ws)):
        raise ParameterError("random noise needs the numbers that seed it, for every picture")
    device = device_of(generator)
    step = 1 if device.type == "cpu" else max(len(ws), 1)
    with torch.inference_mode():
        parts = []
        for begin in range(0, len(ws), step):
            words = None if noise_words is None else noise_words[begin : begin + step]
            parts.append(_draw(generator, ws[begin : begin + step].to(device), noise_mode, words))
        return parts[0] if len(parts) == 1 else torch.cat(parts)


def seeded_noise(
    synthesis: torch.nn.Module, words: Sequence[Sequence[int]]
) -> dict[str, torch.Tensor]:
    """Noise for a batch: name of the buffer it stands for -> float32 [n, 1, res, res].

    Args:
        synthesis: StyleGAN2's; one without noise (StyleGAN3) gives nothing.
        words: the numbers that seed each picture's noise.
    """
    constants = {
        name: held for name, held in synthesis.named_buffers() if name.endswith("noise_const")
    }
    streams = [np.random.RandomState([*word, _NOISE]) for word in words]
    return {
        name: torch.from_numpy(
            np.stack([stream.randn(1, *held.shape).astype(np.float32) for stream in streams])
        ).to(held.device)
        for name, held in constants.items()
    }


def _draw(
    generator: Generator,
    ws: torch.Tensor,
    noise_mode: NoiseMode,
    noise_words: Sequence[Sequence[int]] | None,
) -> torch.Tensor:
    if noise_mode != "random" or noise_words is None:
        picture: torch.Tensor = generator.synthesis(ws, noise_mode=noise_mode)
        return picture
    noise = seeded_noise(generator.synthesis, noise_words)
    drawn: torch.Tensor = torch.func.functional_call(
        generator.synthesis, noise, (ws,), {"noise_mode": "const"}
    )
    return drawn

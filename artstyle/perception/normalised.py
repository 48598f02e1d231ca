"""Networks scaled so that every channel's mean activation is one.

Gatys et al. (2015, "Texture synthesis using convolutional neural networks", section 2) scaled VGG
so that the mean of each filter's activation over pictures and places is one. Losses of different
layers then have one size, and default weights fit every network. With ReLUs and poolings this is
exact: a channel's weights are divided by a number, and the next layer's multiplied by it.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from artstyle.errors import UsageError
from artstyle.perception.stack import ConvStack

# A channel that is nearly always silent is scaled as if it had this share of its layer's mean;
# else a chance activation of it would outweigh all others. A guess.
QUIETEST = 0.01
_PINK_PX, _PINK_SLOPE = 128, 1.0  # amplitudes fall as 1 / frequency, as those of photos do


@torch.no_grad()
def mean_activations(
    network: ConvStack, batches: Iterable[torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The mean of every channel after its ReLU, over pictures and places.

    Args:
        network: the network.
        batches: pictures [n, 3, h, w], RGB, [-1, 1]; each picture weighs the same.

    Returns:
        Name of the ReLU ("relu3_2") to [c] float64.

    Raises:
        UsageError: there are no pictures.
    """
    names = tuple(f"relu{conv[4:]}" for conv in network.conv_names)
    sums = {name: torch.zeros(network.channels(name), dtype=torch.float64) for name in names}
    count = 0
    for images in batches:
        for name, x in network(images, names).items():
            sums[name] += x.double().mean(dim=(2, 3)).sum(dim=0).cpu()
        count += images.shape[0]
    if not count:
        raise UsageError("there are no pictures to normalise a network on")
    return {name: total / count for name, total in sums.items()}


@torch.no_grad()
def scale_channels(network: ConvStack, means: dict[str, torch.Tensor]) -> None:
    """Divide every channel by its mean activation, in place; what the network sees stays.

    Args:
        network: its weights are changed.
        means: of `mean_activations`. Channels below `QUIETEST` of their layer's mean are divided
            by that bound; those of a layer that is silent altogether stay.
    """
    before = torch.ones(3, dtype=torch.float64)  # what the maps that come in were divided by
    for name in network.conv_names:
        conv = network.convolution(name)
        mean = means[f"relu{name[4:]}"].to(torch.float64)
        divisor = mean.clamp(min=QUIETEST * float(mean.mean()))
        if not float(mean.mean()) > 0:
            divisor = torch.ones_like(mean)
        weight = conv.weight.double().cpu() * before[None, :, None, None]
        conv.weight.copy_((weight / divisor[:, None, None, None]).to(conv.weight))
        if conv.bias is not None:
            conv.bias.copy_((conv.bias.double().cpu() / divisor).to(conv.bias))
        before = divisor


def normalise(network: ConvStack, batches: Iterable[torch.Tensor]) -> None:
    """Make every channel's mean activation over these pictures one, in place.

    Raises:
        UsageError: there are no pictures.
    """
    scale_channels(network, mean_activations(network, batches))


def pink_pictures(count: int, seed: int) -> torch.Tensor:
    """Noise whose spectrum is that of photos, for networks that are normalised without any.

    Args:
        count: how many.
        seed: picture i is the same whatever the count.

    Returns:
        [count, 3, 128, 128] float32, RGB, [-1, 1]; its colours go together as in photos.
    """
    frequency = torch.fft.fftfreq(_PINK_PX, dtype=torch.float64)
    reach = torch.sqrt(frequency[:, None].square() + frequency[None, :].square())
    reach[0, 0] = 1.0 / _PINK_PX
    pictures = []
    for index in range(count):
        dice = torch.Generator().manual_seed(seed * 1_000_003 + index)
        white = torch.randn(4, _PINK_PX, _PINK_PX, generator=dice, dtype=torch.float64)
        waves = torch.fft.ifft2(torch.fft.fft2(white) / reach**_PINK_SLOPE).real
        waves = waves / waves.std(dim=(1, 2), keepdim=True)
        pictures.append((0.4 * waves[:1] + 0.2 * waves[1:]).clamp(-1, 1))
    return torch.stack(pictures).float()

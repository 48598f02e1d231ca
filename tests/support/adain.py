"""Encoders, decoders and pictures of a few kilobytes for AdaIN."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

WIDTHS = (4, 5, 6, 7, 8)


def tiny_encoder(seed: int = 0, widths: tuple[int, ...] = WIDTHS):
    """A network of our own's shape with a few random filters, frozen."""
    import torch

    from artstyle.perception.normalised import normalise, pink_pictures
    from artstyle.perception.own import MEAN, STD
    from artstyle.perception.stack import ConvStack

    torch.manual_seed(seed)
    network = ConvStack("tiny", (2, 2, 2, 2, 1), widths, mean=MEAN, std=STD, padding="reflect")
    for name in network.conv_names:  # else each layer would say less than the one before
        torch.nn.init.kaiming_normal_(network.convolution(name).weight, nonlinearity="relu")
    network.eval().requires_grad_(False)
    normalise(network, [pink_pictures(1, seed=0)])
    return network


def write_encoder(path: Path, seed: int = 0) -> Path:
    """The file of a tiny encoder."""
    from artstyle.perception.own import OwnFacts, write_own

    path.parent.mkdir(parents=True, exist_ok=True)
    write_own(path, tiny_encoder(seed), OwnFacts("CC0", (), {}, "a test", {}))
    return path


def write_decoder_for(path: Path, encoder: Path, *, seed: int = 0, styles: tuple[str, ...] = ()):
    """A decoder with random weights behind the encoder of a file."""
    import torch

    from artstyle.baselines.adain.decoder import Decoder, Shape
    from artstyle.baselines.adain.encoder import choose_encoder
    from artstyle.baselines.adain.file import Origin, write_decoder
    from artstyle.baselines.adain.statistics import Statistics

    known = choose_encoder(str(encoder))
    torch.manual_seed(seed)
    decoder = Decoder(Shape.of(known.network))
    named = {
        name: Statistics(torch.rand(1, WIDTHS[3], 1, 1), torch.rand(1, WIDTHS[3], 1, 1))
        for name in styles
    }
    origin = Origin(known.name, known.choice, known.sha256, licence="CC0", source="a test")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_decoder(path, decoder, origin, styles=named)
    return path


def write_pictures(folder: Path, count: int, *, side: tuple[int, int] = (40, 56), seed: int = 0):
    """PNGs of blurred noise, the same each time."""
    folder.mkdir(parents=True, exist_ok=True)
    dice = np.random.RandomState(seed)
    paths = []
    for index in range(count):
        small = dice.randint(0, 256, (5, 7, 3), dtype=np.uint8)
        picture = Image.fromarray(small).resize((side[1], side[0]), Image.Resampling.BILINEAR)
        paths.append(folder / f"picture-{index}.png")
        picture.save(paths[-1])
    return paths

"""The decoder: the encoder's layers up to relu4_1, backwards, from maps to a picture.

As in the paper: pooling becomes nearest upsampling, edges are reflected, and nothing is normalised,
since a normalisation would take away the very statistics that are the style. A convolution behind
an upsampling is computed at the lower size, as one transposed convolution with a kernel of 4 x 4:
4 products per pixel instead of 9, and the same picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import nn

from artstyle.errors import WeightsError

DEEPEST = "relu4_1"  # the layer whose maps are changed and decoded
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")  # paper, section 6.1
STRIDE_PX = 8  # pixels per position of relu4_1: three poolings
BLOCKS = 4
_FIRST_PICTURES = 0.1  # how far from grey an untrained decoder draws, of full range; a guess


class Layered(Protocol):
    """Of an encoder: which layers it has, and how wide they are."""

    @property
    def layers(self) -> tuple[str, ...]:
        """conv1_1, relu1_1, ..."""

    def channels(self, layer: str) -> int:
        """How many maps a layer has."""


@dataclass(frozen=True)
class Shape:
    """What a decoder mirrors: width and number of convolutions of the encoder's blocks."""

    widths: tuple[int, ...]  # of blocks 1 to 4
    counts: tuple[int, ...]  # convolutions in blocks 1 to 3; of block 4 only the first is mirrored

    @classmethod
    def of(cls, encoder: Layered) -> Shape:
        """The shape of an encoder's first layers.

        Raises:
            WeightsError: it lacks one of them.
        """
        lacking = [name for name in STYLE_LAYERS if name not in encoder.layers]
        if lacking:
            raise WeightsError(f"the encoder has no {', '.join(lacking)}, which AdaIN looks at")
        widths = tuple(encoder.channels(f"relu{block}_1") for block in range(1, BLOCKS + 1))
        counts = tuple(
            sum(name.startswith(f"conv{block}_") for name in encoder.layers)
            for block in range(1, BLOCKS)
        )
        return cls(widths, counts)


class Decoder(nn.Module):
    """Maps of relu4_1 to pictures.

    Args:
        shape: of the encoder.

    Each convolution has the name of the one it mirrors: `conv3_1` leads from the widths of block 3
    to those of block 2.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self._order: list[tuple[str, bool]] = []  # name, and whether an upsampling is before it
        for block in range(BLOCKS, 0, -1):
            last = 1 if block == BLOCKS else shape.counts[block - 1]
            for index in range(last, 0, -1):
                width = shape.widths[block - 1]
                lower = (3, *shape.widths)[block - 1]
                layer = nn.Conv2d(width, lower if index == 1 else width, 3)
                gain = _FIRST_PICTURES if (block, index) == (1, 1) else 2**0.5
                nn.init.normal_(layer.weight, std=gain / (width * 9) ** 0.5)
                assert layer.bias is not None
                nn.init.zeros_(layer.bias)
                self.add_module(f"conv{block}_{index}", layer)
                self._order.append((f"conv{block}_{index}", index == last and block != BLOCKS))

    @property
    def names(self) -> tuple[tuple[str, bool], ...]:
        """The convolutions from the deepest on, and whether maps are upsampled before each."""
        return tuple(self._order)

    def convolution(self, name: str) -> nn.Conv2d:
        """A convolution by its name."""
        layer = self.get_submodule(name)
        assert isinstance(layer, nn.Conv2d)
        return layer

    def expect(self, mean: float) -> None:
        """Be ready for maps of this mean activation, where an untrained decoder expects about 1."""
        layer = self.convolution(self._order[0][0])
        with torch.no_grad():
            layer.weight.div_(mean)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Decode.

        Args:
            maps: [n, c, h, w] of relu4_1, changed or not; at least 2 x 2 positions.

        Returns:
            [n, 3, 8h, 8w], RGB, nominally [-1, 1], not clamped.
        """
        x = maps
        for name, is_upsampled in self._order:
            layer = self.convolution(name)
            if is_upsampled:
                x = upsampled_convolution(x, layer.weight, layer.bias)
            else:
                x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), layer.weight, layer.bias)
            if name != "conv1_1":
                x = F.relu(x, inplace=True)
        return x


def in_channels_last(decoder: Decoder) -> Decoder:
    """The decoder with its weights laid out channel by channel, which processors like."""
    return decoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def upsampled_convolution(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    """Nearest upsampling by 2, reflection by 1, and a convolution of 3 x 3, in one step.

    An upsampled pixel and its neighbour are often the same pixel of `x`, so that their weights can
    be added first: along an axis a position of `x` reaches four pixels of the result, with
    w2, w1 + w2, w0 + w1, w0. Reflecting the upsampled picture is repeating the edge of `x`.

    Args:
        x: [n, c, h, w].
        weight: [d, c, 3, 3].
        bias: [d].

    Returns:
        [n, d, 2h, 2w].
    """
    for axis in (2, 3):
        w0, w1, w2 = weight.unbind(axis)
        weight = torch.stack((w2, w1 + w2, w0 + w1, w0), dim=axis)
    edged = F.pad(x, (1, 1, 1, 1), mode="replicate")
    return F.conv_transpose2d(edged, weight.transpose(0, 1), bias, stride=2, padding=3)

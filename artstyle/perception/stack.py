"""Networks of VGG's shape: blocks of 3x3 convolutions, each with a ReLU, pooling between blocks.

Layers are named as in the literature: `conv3_2` is the second convolution of the third block before
its ReLU, `relu3_2` after it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import nn

from artstyle.errors import UsageError, WeightsError

Pooling: TypeAlias = Literal["max", "average"]
Padding: TypeAlias = Literal["zeros", "replicate", "reflect"]
POOLINGS: tuple[Pooling, ...] = ("max", "average")
PADDINGS: tuple[Padding, ...] = ("zeros", "replicate", "reflect")
SMALLEST_PX = 32  # four poolings leave two pixels, which reflection at the edges needs
_LAYER = re.compile(r"(conv|relu)([1-9])_([1-9])")


class ConvStack(nn.Module):
    """A network of VGG's shape, up to the deepest layer that is asked for.

    Args:
        name: what it is, for people and for results.
        convolutions: how many in each block.
        widths: their channels in each block.
        mean: of each colour, RGB in [0, 1], taken off first.
        std: of each colour, divided by after that.
        pooling: between blocks, 2x2. VGG was trained with the maximum; Gatys et al. 2016 found that
            averages give smoother pictures.
        padding: what lies beyond the edges. VGG was trained with zeros; the others do not draw a
            frame around a picture that is optimised.
        ceil_pooling: whether an odd row or column makes a row or column of its own in the pooled
            map, as in Torch 7's models.

    Freshly made it holds random weights.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        name: str,
        convolutions: Sequence[int],
        widths: Sequence[int],
        *,
        mean: Sequence[float],
        std: Sequence[float],
        pooling: Pooling = "max",
        padding: Padding = "zeros",
        ceil_pooling: bool = False,
    ) -> None:
        super().__init__()
        if pooling not in POOLINGS or padding not in PADDINGS:
            raise UsageError(
                f"there is no pooling {pooling!r:.20} with padding {padding!r:.20}",
                hint=f"known are: {', '.join(POOLINGS)}; {', '.join(PADDINGS)}",
            )
        self.name = name
        self.convolutions, self.widths = tuple(convolutions), tuple(widths)
        self.pooling, self.padding, self.ceil_pooling = pooling, padding, ceil_pooling
        self.register_buffer("mean", torch.tensor(mean).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(1, 3, 1, 1))
        channels = 3
        for conv in self.conv_names:
            width = self.channels(conv)
            self.add_module(conv, nn.Conv2d(channels, width, 3))
            channels = width

    @property
    def conv_names(self) -> tuple[str, ...]:
        """The convolutions from the picture on: conv1_1, conv1_2, conv2_1, ...."""
        return tuple(
            f"conv{block}_{index}"
            for block, count in enumerate(self.convolutions, 1)
            for index in range(1, count + 1)
        )

    @property
    def layers(self) -> tuple[str, ...]:
        """Every layer that can be asked for: conv1_1, relu1_1, conv1_2, relu1_2, ...."""
        return tuple(f"{kind}{conv[4:]}" for conv in self.conv_names for kind in ("conv", "relu"))

    def channels(self, layer: str) -> int:
        """How many maps a layer has.

        Raises:
            WeightsError: there is no such layer.
        """
        return self.widths[self._place(layer)[0] - 1]

    def convolution(self, name: str) -> nn.Conv2d:
        """A convolution by its name, such as "conv3_2"."""
        held = self.get_submodule(name)
        assert isinstance(held, nn.Conv2d)
        return held

    def forward(self, images: torch.Tensor, layers: Sequence[str]) -> dict[str, torch.Tensor]:
        """Maps of the named layers.

        Args:
            images: [n, 3, h, w], RGB, [-1, 1], 32 px and more on each side.
            layers: such as "relu3_2" or "conv4_2"; see `layers`.

        Returns:
            Layer name to [n, c, h', w'], in the order asked for; h' is h halved at every block.

        Raises:
            WeightsError: there is no such layer.
            UsageError: no layer was asked for, or the pictures are too small or none.
        """
        if not layers:
            raise UsageError("no layer was asked for", hint=f"{self.name} has {self.layers[0]} ...")
        self._require_pictures(images)
        deepest = max(self._place(name) for name in layers)
        wanted, maps = set(layers), dict[str, torch.Tensor]()
        x = ((images + 1) / 2 - self.mean) / self.std
        for conv in self.conv_names:
            place = self._place(conv)
            if place > deepest:
                break
            if place[1] == 1 and place[0] > 1:
                x = self._pooled(x)
            x = self._convolved(conv, x)
            rectified = f"relu{conv[4:]}"
            if conv in wanted:
                maps[conv] = x
                if place == deepest and rectified not in wanted:
                    break
            # A map that nobody asked for need not be kept beside its rectified one.
            x = F.relu(x) if conv in wanted else F.relu_(x)
            if rectified in wanted:
                maps[rectified] = x
        return {name: maps[name] for name in layers}

    def _convolved(self, name: str, x: torch.Tensor) -> torch.Tensor:
        conv = self.convolution(name)
        if self.padding == "zeros":
            return F.conv2d(x, conv.weight, conv.bias, padding=1)
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode=self.padding), conv.weight, conv.bias)

    def _pooled(self, x: torch.Tensor) -> torch.Tensor:
        pool = F.max_pool2d if self.pooling == "max" else F.avg_pool2d
        return pool(x, 2, ceil_mode=self.ceil_pooling)

    def _require_pictures(self, images: torch.Tensor) -> None:
        if images.ndim != 4 or images.shape[1] != 3 or min(images.shape[2:]) < SMALLEST_PX:
            raise UsageError(
                f"{self.name} looks at pictures [n, 3, h, w] of at least {SMALLEST_PX} px a side;"
                f" these are {list(images.shape)}"
            )

    def _place(self, name: str) -> tuple[int, int]:
        """Block and number of the convolution that a layer belongs to, both from 1."""
        match = _LAYER.fullmatch(name)
        if match is not None:
            block, index = int(match[2]), int(match[3])
            if block <= len(self.convolutions) and index <= self.convolutions[block - 1]:
                return block, index
        raise WeightsError(
            f"{self.name} has no layer {name!r:.40}",
            hint=f"it has {', '.join(self.conv_names)}, and relu... for each",
        )

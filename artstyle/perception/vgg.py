"""VGG16 and VGG19 (Simonyan & Zisserman 2014), the convolutional part, in torch alone.

It reads the weights that torchvision publishes (`features.N.weight`), with `weights_only`. Maps are
named as in the literature: `conv3_2` is the second convolution of the third block before its ReLU,
`relu3_2` after it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import nn

from artstyle.errors import WeightsError

Depth: TypeAlias = Literal[16, 19]
CONVOLUTIONS: dict[Depth, tuple[int, ...]] = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
WIDTHS = (64, 128, 256, 512, 512)
# What torchvision's training subtracted and divided by, on RGB in [0, 1].
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_LAYER = re.compile(r"(conv|relu)([1-5])_([1-4])")


class VGG(nn.Module):
    """The convolutional part, up to the deepest layer that is asked for.

    Args:
        depth: 16 or 19.

    Freshly made it holds random weights; `from_file` reads trained ones.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, depth: Depth = 16) -> None:
        super().__init__()
        self.depth: Depth = depth
        self.register_buffer("mean", torch.tensor(MEAN).reshape(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).reshape(1, 3, 1, 1))
        channels = 3
        for block, (count, width) in enumerate(zip(CONVOLUTIONS[depth], WIDTHS, strict=True), 1):
            for index in range(1, count + 1):
                self.add_module(f"conv{block}_{index}", nn.Conv2d(channels, width, 3, padding=1))
                channels = width

    @classmethod
    def from_file(cls, path: Path, depth: Depth) -> VGG:
        """Read torchvision's weights, in eval mode with gradients off.

        Raises:
            WeightsError: the file is not a plain file of tensors, or holds another network.
        """
        try:
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except Exception as fault:  # torch raises many kinds for a damaged or foreign file
            raise WeightsError(
                f"{path} cannot be read as weights: {fault}",
                hint=f"fetch it again: artstyle models pull vgg{depth}",
            ) from fault
        if not isinstance(state, Mapping):
            raise WeightsError(f"{path} holds a {type(state).__name__}, not tensors by name")
        network = cls(depth)
        network._take(state, path)
        return network.eval().requires_grad_(False)

    def _take(self, state: Mapping[str, torch.Tensor], path: Path) -> None:
        """Copy torchvision's tensors; there, ReLUs and poolings count as layers too."""
        position, taken = 0, {}
        for block, count in enumerate(CONVOLUTIONS[self.depth], 1):
            for index in range(1, count + 1):
                for part in ("weight", "bias"):
                    name, own = f"features.{position}.{part}", f"conv{block}_{index}.{part}"
                    found, expected = state.get(name), self.get_parameter(own)
                    if found is None or found.shape != expected.shape:
                        what = "nothing" if found is None else str(list(found.shape))
                        raise WeightsError(
                            f"{path} is no VGG{self.depth} of torchvision:"
                            f" {name} should be {list(expected.shape)}, found {what}"
                        )
                    taken[own] = found
                position += 2
            position += 1
        self.load_state_dict(taken | {"mean": self.mean, "std": self.std})

    def forward(self, images: torch.Tensor, layers: Sequence[str]) -> dict[str, torch.Tensor]:
        """Maps of the named layers.

        Args:
            images: [n, 3, h, w], RGB, [-1, 1].
            layers: such as "relu3_2" or "conv4_2".

        Returns:
            Layer name to [n, c, h', w'], in the order asked for.

        Raises:
            WeightsError: there is no such layer.
        """
        deepest = max(self._position(name) for name in layers)
        x = ((images + 1) / 2 - self.mean) / self.std
        maps: dict[str, torch.Tensor] = {}
        position = 0
        for block, count in enumerate(CONVOLUTIONS[self.depth], 1):
            for index in range(1, count + 1):
                if position > deepest:
                    return {name: maps[name] for name in layers}
                x = self.get_submodule(f"conv{block}_{index}")(x)
                maps[f"conv{block}_{index}"] = x
                x = F.relu(x)
                maps[f"relu{block}_{index}"] = x
                position += 1
            if position <= deepest:  # else the pooling would be for nothing
                x = F.max_pool2d(x, 2)
        return {name: maps[name] for name in layers}

    def _position(self, name: str) -> int:
        """Number of the convolution a layer belongs to, from 0."""
        match = _LAYER.fullmatch(name)
        counts = CONVOLUTIONS[self.depth]
        if match is None or int(match[3]) > counts[int(match[2]) - 1]:
            raise WeightsError(
                f"VGG{self.depth} has no layer {name!r}",
                hint="layers are conv1_1, relu1_1, ... relu5_3 (relu5_4 in VGG19)",
            )
        return sum(counts[: int(match[2]) - 1]) + int(match[3]) - 1

"""What several of the networks are built from, and the folding of normalisation into convolution.

Attribute names are those of mmdet's and mmpose's modules: they are the parameters' names.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval


class ConvUnit(nn.Module):
    """Convolution, batch norm, leaky ReLU of slope 0.1; NCHW to NCHW."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(outside)

    def forward(self, x: Tensor) -> Tensor:
        """[N, inside, H, W] to [N, outside, H / stride, W / stride]."""
        return F.leaky_relu(self.bn(self.conv(x)), 0.1, inplace=True)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around which the input is added (He et al. 2016, fig. 5 left)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn1: nn.Module = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2: nn.Module = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] to the same."""
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(out)) + x, inplace=True)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions around which the input is added (He et al. 2016, fig. 5).

    The stride is that of the 3x3 convolution ("pytorch style").
    """

    def __init__(self, inside: int, middle: int, stride: int = 1) -> None:
        super().__init__()
        outside = 4 * middle
        self.conv1 = nn.Conv2d(inside, middle, 1, bias=False)
        self.bn1: nn.Module = nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, middle, 3, stride, 1, bias=False)
        self.bn2: nn.Module = nn.BatchNorm2d(middle)
        self.conv3 = nn.Conv2d(middle, outside, 1, bias=False)
        self.bn3: nn.Module = nn.BatchNorm2d(outside)
        self.downsample: nn.Module | None = None
        if stride != 1 or inside != outside:
            self.downsample = nn.Sequential(
                nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
            )

    def forward(self, x: Tensor) -> Tensor:
        """[N, inside, H, W] to [N, 4 middle, H / stride, W / stride]."""
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = F.relu(self.bn2(self.conv2(out)), inplace=True)
        aside = x if self.downsample is None else self.downsample(x)
        return F.relu(self.bn3(self.conv3(out)) + aside, inplace=True)


def bottlenecks(inside: int, middle: int, blocks: int, stride: int = 1) -> nn.Sequential:
    """A row of bottlenecks, of which the first has the stride."""
    first = Bottleneck(inside, middle, stride)
    return nn.Sequential(first, *(Bottleneck(4 * middle, middle) for _ in range(blocks - 1)))


def folded(network: nn.Module) -> nn.Module:
    """Put every batch norm into the convolution before it; in place, for inference only.

    A norm belongs to the convolution that stands directly before it among its parent's children.
    """
    network.eval()
    for parent in list(network.modules()):
        before: nn.Module | None = None
        before_name = ""
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
                setattr(parent, before_name, fuse_conv_bn_eval(before, child))
                setattr(parent, name, nn.Identity())
            before, before_name = child, name
    return network.requires_grad_(False)


def count_parameters(network: nn.Module) -> int:
    """How many trainable numbers a network has."""
    return sum(parameter.numel() for parameter in network.parameters())


def made_empty(kind: type[nn.Module]) -> nn.Module:
    """A network without memory for its numbers; `checkpoint.load_into` gives it some."""
    with torch.device("meta"):
        return kind()

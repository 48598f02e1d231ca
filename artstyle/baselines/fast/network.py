"""The transform network: down to a quarter, residual blocks, and up again.

After Johnson et al. 2016 (supplement, table 1), and where we leave it:

- instance norm with gain and offset per style instead of batch norm (Ulyanov 2016, Dumoulin 2017);
- up by bilinear interpolation and a convolution: a transposed one leaves a checkerboard (Odena et
  al. 2016), and repeated pixels leave a lattice of 4 px that takes thousands of steps to unlearn;
- every convolution pads by reflection, which leaves no frame around pictures;
- narrower: 16, 48 and 96 channels where the paper has 32, 64 and 128, so that a CPU draws several
  pictures a second; `Shape` takes the paper's as well;
- the last convolution is 5 x 5 and not 9 x 9, and there is no tanh: colours are clipped when they
  become pixels, so that pure black and white cost nothing to reach.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from artstyle.baselines.fast.norm import ConditionalNorm, Statistics

STRIDE_PX = 4  # sides of pictures are multiples of it
LEAST_SIDE_PX = 16  # below it, reflection would need pixels that are not there
_STEM, _LAST = 9, 5  # sizes of the first and the last kernel


@dataclass(frozen=True)
class Shape:
    """How wide and deep a network is, and how many styles it knows."""

    widths: tuple[int, int, int] = (16, 48, 96)  # channels at full, half and quarter size
    blocks: int = 5  # residual blocks
    styles: int = 1


class FastNet(nn.Module):
    """Redraws photos.

    Args:
        shape: widths, depth, number of styles.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        full, half, quarter = shape.widths
        norms = iter(range(1000))

        def layer(before: int, after: int, kernel: int, stride: int = 1) -> Layer:
            norm = ConditionalNorm(after, shape.styles, next(norms))
            return Layer(nn.Conv2d(before, after, kernel, stride, bias=False), norm)

        self.down = nn.ModuleList(
            [layer(3, full, _STEM), layer(full, half, 3, 2), layer(half, quarter, 3, 2)]
        )
        self.blocks = nn.ModuleList(
            Block(layer(quarter, quarter, 3), layer(quarter, quarter, 3))
            for _ in range(shape.blocks)
        )
        self.up = nn.ModuleList([layer(quarter, half, 3), layer(half, full, 3)])
        self.last = nn.Conv2d(full, 3, _LAST)

    @property
    def layers_down(self) -> list[Layer]:
        """To a quarter of the size."""
        return [layer for layer in self.down if isinstance(layer, Layer)]

    @property
    def layers_up(self) -> list[Layer]:
        """And back."""
        return [layer for layer in self.up if isinstance(layer, Layer)]

    def forward(
        self, photos: torch.Tensor, styles: torch.Tensor, statistics: Statistics | None = None
    ) -> torch.Tensor:
        """Redraw.

        Args:
            photos: [n, 3, h, w], RGB, [-1, 1]; sides are multiples of 4 and at least 16.
            styles: [n, styles] or [1, styles], how much each style counts.
            statistics: see `ConditionalNorm`.

        Returns:
            [n, 3, h, w], RGB, nominally [-1, 1], and beyond it what is to be clipped.
        """
        x = photos
        for down in self.down:
            x = F.relu_(down(x, styles, statistics))
        for block in self.blocks:
            x = block(x, styles, statistics)
        for up in self.up:
            x = F.relu_(up(enlarged(x), styles, statistics))
        return self.coloured(x)

    def coloured(self, x: torch.Tensor) -> torch.Tensor:
        """The last convolution: [n, full, h, w] to [n, 3, h, w]."""
        drawn: torch.Tensor = self.last(_reflected(x, _LAST))
        return drawn


class Block(nn.Module):
    """Two layers whose result is added to what came (He et al. 2015); no ReLU after it.

    Args:
        first: followed by a ReLU.
        second: followed by nothing.
    """

    def __init__(self, first: Layer, second: Layer) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(
        self, x: torch.Tensor, styles: torch.Tensor, statistics: Statistics | None
    ) -> torch.Tensor:
        """[n, c, h, w] to the same."""
        inner = F.relu_(self.first(x, styles, statistics))
        drawn: torch.Tensor = x + self.second(inner, styles, statistics)
        return drawn


class Layer(nn.Module):
    """A convolution that pads by reflection, and a norm.

    Args:
        convolution: without a bias, which the norm would take away.
        norm: of what the convolution gives.
    """

    def __init__(self, convolution: nn.Conv2d, norm: ConditionalNorm) -> None:
        super().__init__()
        self.convolution, self.norm = convolution, norm

    def forward(
        self, x: torch.Tensor, styles: torch.Tensor, statistics: Statistics | None
    ) -> torch.Tensor:
        """[n, before, h, w] to [n, after, h / stride, w / stride]."""
        drawn: torch.Tensor = self.norm(self.convolved(x), styles, statistics)
        return drawn

    def convolved(self, x: torch.Tensor) -> torch.Tensor:
        """What the norm gets."""
        maps: torch.Tensor = self.convolution(_reflected(x, self.convolution.kernel_size[0]))
        return maps


def _reflected(x: torch.Tensor, kernel: int) -> torch.Tensor:
    beyond = kernel // 2
    return F.pad(x, (beyond, beyond, beyond, beyond), mode="reflect")


def enlarged(x: torch.Tensor) -> torch.Tensor:
    """Twice as high and wide; edges map to edges."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def lay_out(network: nn.Module) -> None:
    """Put a network's kernels into memory with channels side by side, so that its maps are too.

    Convolutions of a CPU take half of the time then.
    """
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def one_style(number: int, styles: int) -> torch.Tensor:
    """[1, styles] that takes this style alone."""
    return F.one_hot(torch.tensor([number]), styles).float()


def narrowed(state: dict[str, torch.Tensor], styles: list[int]) -> dict[str, torch.Tensor]:
    """The tensors of a network that knows only these styles of another's, in this order."""
    return {
        name: held[styles] if name.endswith((".gain", ".offset")) else held
        for name, held in state.items()
    }

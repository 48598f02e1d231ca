"""The Inception network of 2015-12-05 that FID is defined on, in torch alone.

Inception-v3 (Szegedy et al. 2015, "Rethinking the Inception Architecture", table 1 and figures 5
to 7) as Google published it in a frozen TensorFlow graph, with 1008 outputs. It differs from the
later Inception-v3 in two ways, both kept here: average pools do not count the padding, and the
last of the eleven mixed blocks pools by maximum. Modules are named as torchvision names
theirs, which is how the weights are published for torch; `inception_weights` reads them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

SIDE_PX = 299  # of the pictures it was trained on
FEATURES, CLASSES = 2048, 1008
BN_EPS = 1e-3  # of the published graph


class Conv(nn.Module):
    """A convolution without bias, batch normalisation with stored moments, and a ReLU.

    Args:
        c_in: channels that come in.
        c_out: channels that go out.
        kernel: height and width; or one number for both.
        stride: of both axes.
        padding: zeros on each side; "same" keeps the size.
    """

    bn: nn.BatchNorm2d | nn.Identity

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int | str = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(c_out, eps=BN_EPS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, c_in, h, w] to [n, c_out, h', w']."""
        return F.relu(self.bn(self.conv(x)))

    def fuse(self) -> None:
        """Put the normalisation into the convolution's weights, for good: a pass less."""
        if isinstance(self.bn, nn.Identity):
            return
        held = self.bn.state_dict()
        scale = held["weight"] / torch.sqrt(held["running_var"] + self.bn.eps)
        weight = self.conv.weight.detach() * scale[:, None, None, None]
        self.conv.weight = nn.Parameter(weight)
        self.conv.bias = nn.Parameter(held["bias"] - held["running_mean"] * scale)
        self.bn = nn.Identity()


def _average(x: torch.Tensor) -> torch.Tensor:
    """3x3 at stride 1, the mean over what lies inside the map."""
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def _halved(x: torch.Tensor) -> torch.Tensor:
    return F.max_pool2d(x, 3, stride=2)


class Mixed35(nn.Module):
    """At 35 x 35 (figure 5): 1x1, 5x5, twice 3x3, pool. 224 + `pooled` channels."""

    def __init__(self, c_in: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = Conv(c_in, 64, 1)
        self.branch5x5_1 = Conv(c_in, 48, 1)
        self.branch5x5_2 = Conv(48, 64, 5, padding="same")
        self.branch3x3dbl_1 = Conv(c_in, 64, 1)
        self.branch3x3dbl_2 = Conv(64, 96, 3, padding="same")
        self.branch3x3dbl_3 = Conv(96, 96, 3, padding="same")
        self.branch_pool = Conv(c_in, pooled, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, c_in, h, w] to [n, 224 + pooled, h, w]."""
        return torch.cat(
            [
                self.branch1x1(x),
                self.branch5x5_2(self.branch5x5_1(x)),
                self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
                self.branch_pool(_average(x)),
            ],
            dim=1,
        )


class Mixed35To17(nn.Module):
    """From 35 x 35 to 17 x 17: 3x3, twice 3x3, pool, at stride 2. 480 more channels."""

    def __init__(self, c_in: int) -> None:
        super().__init__()
        self.branch3x3 = Conv(c_in, 384, 3, stride=2)
        self.branch3x3dbl_1 = Conv(c_in, 64, 1)
        self.branch3x3dbl_2 = Conv(64, 96, 3, padding="same")
        self.branch3x3dbl_3 = Conv(96, 96, 3, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, c_in, 35, 35] to [n, c_in + 480, 17, 17]."""
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, _halved(x)], dim=1)


class Mixed17(nn.Module):
    """At 17 x 17 (figure 6): 7x7 as 1x7 and 7x1, once and twice; 1x1; pool. 768 channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branch1x1 = Conv(768, 192, 1)
        self.branch7x7_1 = Conv(768, width, 1)
        self.branch7x7_2 = Conv(width, width, (1, 7), padding="same")
        self.branch7x7_3 = Conv(width, 192, (7, 1), padding="same")
        self.branch7x7dbl_1 = Conv(768, width, 1)
        self.branch7x7dbl_2 = Conv(width, width, (7, 1), padding="same")
        self.branch7x7dbl_3 = Conv(width, width, (1, 7), padding="same")
        self.branch7x7dbl_4 = Conv(width, width, (7, 1), padding="same")
        self.branch7x7dbl_5 = Conv(width, 192, (1, 7), padding="same")
        self.branch_pool = Conv(768, 192, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, 768, h, w] to the same."""
        once = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        twice = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        twice = self.branch7x7dbl_5(self.branch7x7dbl_4(twice))
        pooled = self.branch_pool(_average(x))
        return torch.cat([self.branch1x1(x), once, twice, pooled], dim=1)


class Mixed17To8(nn.Module):
    """From 17 x 17 to 8 x 8: 3x3, 7x7 and 3x3, pool, at stride 2. 1280 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3_1 = Conv(768, 192, 1)
        self.branch3x3_2 = Conv(192, 320, 3, stride=2)
        self.branch7x7x3_1 = Conv(768, 192, 1)
        self.branch7x7x3_2 = Conv(192, 192, (1, 7), padding="same")
        self.branch7x7x3_3 = Conv(192, 192, (7, 1), padding="same")
        self.branch7x7x3_4 = Conv(192, 192, 3, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, 768, 17, 17] to [n, 1280, 8, 8]."""
        small = self.branch3x3_2(self.branch3x3_1(x))
        wide = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        return torch.cat([small, self.branch7x7x3_4(wide), _halved(x)], dim=1)


class Mixed8(nn.Module):
    """At 8 x 8 (figure 7): 3x3 spread into 1x3 and 3x1. 2048 channels.

    Args:
        c_in: channels that come in.
        pool_by_maximum: as the last block of the published graph does.
    """

    def __init__(self, c_in: int, *, pool_by_maximum: bool) -> None:
        super().__init__()
        self.pool_by_maximum = pool_by_maximum
        self.branch1x1 = Conv(c_in, 320, 1)
        self.branch3x3_1 = Conv(c_in, 384, 1)
        self.branch3x3_2a = Conv(384, 384, (1, 3), padding="same")
        self.branch3x3_2b = Conv(384, 384, (3, 1), padding="same")
        self.branch3x3dbl_1 = Conv(c_in, 448, 1)
        self.branch3x3dbl_2 = Conv(448, 384, 3, padding="same")
        self.branch3x3dbl_3a = Conv(384, 384, (1, 3), padding="same")
        self.branch3x3dbl_3b = Conv(384, 384, (3, 1), padding="same")
        self.branch_pool = Conv(c_in, 192, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[n, c_in, h, w] to [n, 2048, h, w]."""
        once = self.branch3x3_1(x)
        twice = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pooled = F.max_pool2d(x, 3, stride=1, padding=1) if self.pool_by_maximum else _average(x)
        return torch.cat(
            [
                self.branch1x1(x),
                self.branch3x3_2a(once),
                self.branch3x3_2b(once),
                self.branch3x3dbl_3a(twice),
                self.branch3x3dbl_3b(twice),
                self.branch_pool(pooled),
            ],
            dim=1,
        )


class Inception(nn.Module):
    """The network; freshly made it holds random weights."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Conv(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Conv(32, 32, 3)
        self.Conv2d_2b_3x3 = Conv(32, 64, 3, padding="same")
        self.Conv2d_3b_1x1 = Conv(64, 80, 1)
        self.Conv2d_4a_3x3 = Conv(80, 192, 3)
        self.Mixed_5b = Mixed35(192, 32)
        self.Mixed_5c = Mixed35(256, 64)
        self.Mixed_5d = Mixed35(288, 64)
        self.Mixed_6a = Mixed35To17(288)
        self.Mixed_6b = Mixed17(128)
        self.Mixed_6c = Mixed17(160)
        self.Mixed_6d = Mixed17(160)
        self.Mixed_6e = Mixed17(192)
        self.Mixed_7a = Mixed17To8()
        self.Mixed_7b = Mixed8(1280, pool_by_maximum=False)
        self.Mixed_7c = Mixed8(2048, pool_by_maximum=True)
        self.fc = nn.Linear(FEATURES, CLASSES)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The 2048 features of pictures, the mean of the last maps.

        Args:
            images: [n, 3, 299, 299] float32, RGB, about [-1, 1]; see `inception_resize`.

        Returns:
            [n, 2048] float32, not negative.
        """
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(images)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(_halved(x)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(_halved(x))))
        x = self.Mixed_6a(x)
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(x))))
        x = self.Mixed_7a(x)
        x = self.Mixed_7c(self.Mixed_7b(x))
        features: torch.Tensor = x.mean(dim=(2, 3))
        return features

    def probabilities(self, features: torch.Tensor) -> torch.Tensor:
        """Probabilities [n, 1008] of features [n, 2048], without the bias of the last layer.

        So does the official Inception score.
        """
        return torch.softmax(features @ self.fc.weight.T, dim=1)

    def fuse(self) -> None:
        """Put every normalisation into its convolution, for good: faster, equal to rounding."""
        for module in self.modules():
            if isinstance(module, Conv):
                module.fuse()

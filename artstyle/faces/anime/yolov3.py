"""YOLOv3 with Darknet-53 for one class (Redmon & Farhadi 2018), with mmdet's parameter names."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from artstyle.faces.anime.boxes import Detections, kept_by_nms
from artstyle.faces.anime.layers import ConvUnit

# Widths and heights in pixels of the network's picture: the nine of COCO (the paper, section 2.3),
# coarsest level first.
ANCHORS_PX = (
    ((116, 90), (156, 198), (373, 326)),
    ((30, 61), (62, 45), (59, 119)),
    ((10, 13), (16, 30), (33, 23)),
)
STRIDES_PX = (32, 16, 8)
_BLOCKS = (1, 2, 8, 8, 4)  # residual blocks of the five stages (the paper, table 1)
_FIGURES = 6  # x, y, width, height, objectness, one class


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvUnit(channels, channels // 2, 1)
        self.conv2 = ConvUnit(channels // 2, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.conv2(self.conv1(x))
        return out


class Darknet53(nn.Module):
    """The backbone: RGB / 255 [N, 3, H, W] to features of strides 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvUnit(3, 32, 3)
        for stage, blocks in enumerate(_BLOCKS, start=1):
            channels = 32 << stage
            row = nn.Sequential()
            row.add_module("conv", ConvUnit(channels // 2, channels, 3, stride=2))
            for number in range(blocks):
                row.add_module(f"res{number}", _Residual(channels))
            self.add_module(f"conv_res_block{stage}", row)

    def forward(self, x: Tensor) -> list[Tensor]:
        """[N, 3, H, W] to [N, 256, H / 8, W / 8], [N, 512, ...16], [N, 1024, ...32]."""
        x = self.conv1(x)
        outs = []
        for stage in range(1, 6):
            x = self.get_submodule(f"conv_res_block{stage}")(x)
            outs.append(x)
        return outs[2:]


class _DetectionBlock(nn.Module):
    """Five convolutions, 1x1 and 3x3 in turn."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        widths = [inside, outside, 2 * outside, outside, 2 * outside, outside]
        for number, (one, two) in enumerate(pairwise(widths), start=1):
            self.add_module(f"conv{number}", ConvUnit(one, two, 1 if number % 2 else 3))

    def forward(self, x: Tensor) -> Tensor:
        for number in range(1, 6):
            x = self.get_submodule(f"conv{number}")(x)
        return x


class Neck(nn.Module):
    """From the coarsest features down: what was found there is enlarged and joined to the finer."""

    def __init__(self) -> None:
        super().__init__()
        self.detect1 = _DetectionBlock(1024, 512)
        self.conv1 = ConvUnit(512, 256, 1)
        self.detect2 = _DetectionBlock(512 + 256, 256)
        self.conv2 = ConvUnit(256, 128, 1)
        self.detect3 = _DetectionBlock(256 + 128, 128)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Strides 8, 16, 32 to [N, 512, ...32], [N, 256, ...16], [N, 128, ...8]."""
        fine, middle, coarse = features
        one = self.detect1(coarse)
        up = F.interpolate(self.conv1(one), scale_factor=2.0)
        two = self.detect2(torch.cat((up, middle), dim=1))
        up = F.interpolate(self.conv2(two), scale_factor=2.0)
        return [one, two, self.detect3(torch.cat((up, fine), dim=1))]


class Head(nn.Module):
    """A 3x3 convolution and the prediction, level by level."""

    def __init__(self) -> None:
        super().__init__()
        widths = (512, 256, 128)
        self.convs_bridge = nn.ModuleList(ConvUnit(width, 2 * width, 3) for width in widths)
        self.convs_pred = nn.ModuleList(nn.Conv2d(2 * width, 3 * _FIGURES, 1) for width in widths)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Three levels to [N, 18, H, W] each, six figures for each of three anchors."""
        levels = zip(self.convs_bridge, self.convs_pred, features, strict=True)
        return [predict(bridge(x)) for bridge, predict, x in levels]


class YoloV3(nn.Module):
    """RGB / 255, NCHW, sides multiples of 32, to raw predictions of strides 32, 16 and 8."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Darknet53()
        self.neck = Neck()
        self.bbox_head = Head()

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """[N, 3, H, W] float32 to [N, 18, H / 32, W / 32], ...16, ...8."""
        predictions: list[Tensor] = self.bbox_head(self.neck(self.backbone(pictures)))
        return predictions


@dataclass(frozen=True)
class Thresholds:
    """What is kept of the predictions; the defaults are anime-face-detector's."""

    score: float = 0.05  # of the class alone, before it is multiplied by the objectness
    confidence: float = 0.005  # the objectness
    overlap: float = 0.45
    most: int = 100


def decoded(level: NDArray[np.float32], number: int) -> NDArray[np.float32]:
    """Raw predictions of one picture on one level as boxes.

    Args:
        level: [18, H, W].
        number: of the level; 0 is the coarsest.

    Returns:
        [H * W * 3, 6] float32: x0, y0, x1, y1 in pixels of the network's picture, objectness,
        class score. Row by row, and the three anchors of a place one after the other.
    """
    height, width = level.shape[1:]
    figures = level.reshape(3, _FIGURES, height, width).transpose(2, 3, 0, 1)
    with np.errstate(over="ignore"):  # exp of a wild figure is infinite; such boxes fall out
        share = 1 / (1 + np.exp(-figures[..., [0, 1, 4, 5]]))
        size = np.array(ANCHORS_PX[number], np.float32) * np.exp(figures[..., 2:4])
    places = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
    centre = (places[:, :, None] + share[..., :2]) * np.float32(STRIDES_PX[number])
    rows = np.concatenate([centre - size / 2, centre + size / 2, share[..., 2:]], axis=-1)
    return rows.reshape(-1, _FIGURES).astype(np.float32)


def predictions_to_boxes(levels: list[NDArray[np.float32]], limits: Thresholds) -> Detections:
    """The boxes of one picture, best first, in pixels of the network's picture.

    Args:
        levels: [18, H, W] each, coarsest first.
        limits: what is kept.
    """
    rows = np.concatenate([decoded(level, number) for number, level in enumerate(levels)])
    kept = (rows[:, 4] >= limits.confidence) & (rows[:, 5] > limits.score)
    rows = rows[kept & np.isfinite(rows).all(axis=1)]
    scores = rows[:, 4] * rows[:, 5]
    order = kept_by_nms(rows[:, :4], scores, limits.overlap, limits.most)
    return Detections(rows[order, :4], scores[order])

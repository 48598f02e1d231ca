"""Faster R-CNN for one class: ResNet-50, feature pyramid, proposals, heads.

Ren et al. 2015, Lin et al. 2017 (pyramid), He et al. 2017 (RoIAlign), with mmdet's parameter names.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from artstyle.faces.anime.boxes import (
    Boxes,
    Detections,
    base_anchors,
    deltas_to_boxes,
    grid_anchors,
    kept_by_nms,
)
from artstyle.faces.anime.layers import bottlenecks
from artstyle.faces.anime.roi_align import roi_align

STRIDES_PX = (4, 8, 16, 32, 64)
_RATIOS = (0.5, 1.0, 2.0)
_SCALE = 8.0
_CELLS = 7
_FINEST_PX = 56  # boxes below twice this are read from the finest level
_RPN_DEVIATIONS = (1.0, 1.0, 1.0, 1.0)
_BOX_DEVIATIONS = (0.1, 0.1, 0.2, 0.2)


@dataclass(frozen=True)
class Thresholds:
    """What is kept; the defaults are anime-face-detector's."""

    proposals: int = 1000  # of each level before suppression, of all after it
    proposal_overlap: float = 0.7
    score: float = 0.05
    overlap: float = 0.5
    most: int = 100


class ResNet50(nn.Module):
    """The backbone: features of strides 4, 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1: nn.Module = nn.BatchNorm2d(64)
        self.layer1 = bottlenecks(64, 64, 3)
        self.layer2 = bottlenecks(256, 128, 4, stride=2)
        self.layer3 = bottlenecks(512, 256, 6, stride=2)
        self.layer4 = bottlenecks(1024, 512, 3, stride=2)

    def forward(self, x: Tensor) -> list[Tensor]:
        """[N, 3, H, W] to [N, 256, H / 4, W / 4], 512 ...8, 1024 ...16, 2048 ...32."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x)), inplace=True), 3, 2, 1)
        outs = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            outs.append(x)
        return outs


class _Named(nn.Module):
    """A convolution with bias under the name `conv`."""

    def __init__(self, inside: int, outside: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return out


class Pyramid(nn.Module):
    """All levels at 256 channels, the coarse ones added to the finer; a fifth by leaving out."""

    def __init__(self) -> None:
        super().__init__()
        widths = (256, 512, 1024, 2048)
        self.lateral_convs = nn.ModuleList(_Named(width, 256, 1) for width in widths)
        self.fpn_convs = nn.ModuleList(_Named(256, 256, 3) for _ in widths)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Strides 4 to 32 to [N, 256, ...] of strides 4 to 64."""
        sides = [conv(x) for conv, x in zip(self.lateral_convs, features, strict=True)]
        for fine in (2, 1, 0):
            size = (sides[fine].shape[2], sides[fine].shape[3])
            sides[fine] = sides[fine] + F.interpolate(sides[fine + 1], size=size)
        outs = [conv(x) for conv, x in zip(self.fpn_convs, sides, strict=True)]
        return [*outs, outs[-1][:, :, ::2, ::2]]


class ProposalHead(nn.Module):
    """For each of three anchors at each place: is there something, and where exactly."""

    def __init__(self) -> None:
        super().__init__()
        self.rpn_conv = nn.Conv2d(256, 256, 3, padding=1)
        self.rpn_cls = nn.Conv2d(256, 3, 1)
        self.rpn_reg = nn.Conv2d(256, 12, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[N, 256, H, W] to logits [N, 3, H, W] and differences [N, 12, H, W]."""
        x = F.relu(self.rpn_conv(x), inplace=True)
        return self.rpn_cls(x), self.rpn_reg(x)


class BoxHead(nn.Module):
    """Two full layers, then face or not, and where exactly."""

    def __init__(self) -> None:
        super().__init__()
        self.fc_cls = nn.Linear(1024, 2)
        self.fc_reg = nn.Linear(1024, 4)
        self.shared_fcs = nn.ModuleList(
            [nn.Linear(256 * _CELLS * _CELLS, 1024), nn.Linear(1024, 1024)]
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[n, 256, 7, 7] to logits [n, 2], face first, and differences [n, 4]."""
        x = x.flatten(1)
        for layer in self.shared_fcs:
            x = F.relu(layer(x), inplace=True)
        return self.fc_cls(x), self.fc_reg(x)


class _RoiHead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bbox_head = BoxHead()


class FasterRcnn(nn.Module):
    """RGB less mean by deviation, NCHW, to boxes."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = ResNet50()
        self.neck = Pyramid()
        self.rpn_head = ProposalHead()
        self.roi_head = _RoiHead()

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """[N, 3, H, W] to the pyramid, [N, 256, ...] of strides 4 to 64."""
        pyramid: list[Tensor] = self.neck(self.backbone(pictures))
        return pyramid

    def boxes(self, picture: Tensor, size_px: tuple[int, int], limits: Thresholds) -> Detections:
        """The faces of one picture, best first.

        Args:
            picture: [1, 3, H, W], padded.
            size_px: width and height without the padding.
            limits: what is kept.
        """
        pyramid = self(picture)
        levels = []
        for level, stride in zip(pyramid, STRIDES_PX, strict=True):
            logits, deltas = (
                _rows(figures, wide)
                for figures, wide in zip(self.rpn_head(level), (1, 4), strict=True)
            )
            height, width = int(level.shape[2]), int(level.shape[3])
            base = base_anchors(stride, _SCALE, _RATIOS)
            anchors = grid_anchors(height, width, stride, base)
            levels.append(level_proposals(anchors, logits[:, 0], deltas, size_px, limits))
        found = best_proposals(levels, limits)
        if not len(found):
            return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
        logits, deltas = self.roi_head.bbox_head(pooled(pyramid[:4], found))
        scores = torch.softmax(logits, dim=1)[:, 0].cpu().numpy()
        boxes = deltas_to_boxes(found, deltas.cpu().numpy(), _BOX_DEVIATIONS, size_px)
        good = (scores > limits.score) & np.isfinite(boxes).all(axis=1)
        boxes, scores = boxes[good], scores[good]
        kept = kept_by_nms(boxes, scores, limits.overlap, limits.most)
        return Detections(boxes[kept], scores[kept])


def _rows(figures: Tensor, wide: int) -> NDArray[np.float32]:
    """[1, 3 * wide, H, W] as [H * W * 3, wide]: row by row, anchors of a place in a row."""
    rows: NDArray[np.float32] = figures[0].permute(1, 2, 0).reshape(-1, wide).cpu().numpy()
    return rows


def level_proposals(
    anchors: Boxes,
    logits: NDArray[np.float32],
    deltas: NDArray[np.float32],
    size_px: tuple[int, int],
    limits: Thresholds,
) -> Detections:
    """The proposals of one level: the best ones, decoded, and doubles driven out."""
    order = np.argsort(-logits, kind="stable")[: limits.proposals]
    boxes = deltas_to_boxes(anchors[order], deltas[order], _RPN_DEVIATIONS, size_px)
    logits = logits[order]
    good = (boxes[:, 2:] > boxes[:, :2]).all(axis=1) & np.isfinite(logits)
    boxes, logits = boxes[good], logits[good]
    kept = kept_by_nms(boxes, logits, limits.proposal_overlap)
    return Detections(boxes[kept], logits[kept])


def best_proposals(levels: list[Detections], limits: Thresholds) -> Boxes:
    """The best proposals of all levels together, [n, 4], best first."""
    boxes = np.concatenate([level.boxes for level in levels])
    scores = np.concatenate([level.scores for level in levels])
    return boxes[np.argsort(-scores, kind="stable")[: limits.proposals]]


def level_of(boxes: Boxes) -> NDArray[np.int64]:
    """From which of the four finest levels a box is read (Lin et al. 2017, equation 1)."""
    sides = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))
    levels = np.clip(np.floor(np.log2(sides / _FINEST_PX + 1e-6)), 0, 3)
    numbers: NDArray[np.int64] = levels.astype(np.int64)
    return numbers


def pooled(pyramid: list[Tensor], boxes: Boxes) -> Tensor:
    """The features of boxes, [n, 256, 7, 7], each from the level that fits its size."""
    levels = level_of(boxes)
    out = pyramid[0].new_zeros(len(boxes), pyramid[0].shape[1], _CELLS, _CELLS)
    for number, level in enumerate(pyramid):
        rows = np.flatnonzero(levels == number)
        if rows.size:
            parts = roi_align(level, boxes[rows], 1 / STRIDES_PX[number], _CELLS)
            out[torch.from_numpy(rows).to(out.device)] = parts
    return out

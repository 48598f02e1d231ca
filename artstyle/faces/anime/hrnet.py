"""HRNetV2-W18 with a head of heat maps (Wang et al. 2019), with mmpose's parameter names."""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from artstyle.faces.anime.layers import BasicBlock, bottlenecks

WIDTHS = (18, 36, 72, 144)  # channels of the resolutions 1/4, 1/8, 1/16, 1/32
POINTS = 28
_MODULES: dict[Literal[2, 3, 4], int] = {2: 1, 3: 4, 4: 3}  # per stage; a stage has that many rows
_BLOCKS = 4


def _conv(inside: int, outside: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False)


def _down(inside: int, outside: int, *, relu: bool) -> nn.Sequential:
    parts: list[nn.Module] = [_conv(inside, outside, 3, 2), nn.BatchNorm2d(outside)]
    return nn.Sequential(*parts, nn.ReLU(inplace=True)) if relu else nn.Sequential(*parts)


def _fuse(source: int, target: int) -> nn.Module | None:
    """The way from the row `source` to the resolution of the row `target`; None: they are one."""
    inside, outside = WIDTHS[source], WIDTHS[target]
    if source == target:
        return None
    if source > target:
        up = nn.Upsample(
            scale_factor=float(2 ** (source - target)), mode="bilinear", align_corners=False
        )
        return nn.Sequential(_conv(inside, outside, 1), nn.BatchNorm2d(outside), up)
    steps = [_down(inside, inside, relu=True) for _ in range(target - source - 1)]
    return nn.Sequential(*steps, _down(inside, outside, relu=False))


class HrModule(nn.Module):
    """Blocks along each row, then every row gets the sum of all rows."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(WIDTHS[row]) for _ in range(_BLOCKS))) for row in range(rows)
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList([cast(nn.Module, _fuse(source, target)) for source in range(rows)])
            for target in range(rows)
        )

    def forward(self, rows: list[Tensor]) -> list[Tensor]:
        """[N, 18, H, W], [N, 36, H / 2, W / 2], ... to the same."""
        rows = [branch(x) for branch, x in zip(self.branches, rows, strict=True)]
        fused = []
        for ways in self.fuse_layers:
            parts = [
                x if way is None else way(x)
                for way, x in zip(cast(nn.ModuleList, ways), rows, strict=True)
            ]
            total = parts[0] + parts[1]
            for part in parts[2:]:
                total = total + part
            fused.append(F.relu(total, inplace=True))
        return fused


def _stage(number: Literal[2, 3, 4]) -> nn.Sequential:
    return nn.Sequential(*(HrModule(number) for _ in range(_MODULES[number])))


class HrNet(nn.Module):
    """The backbone: four resolutions side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _conv(3, 64, 3, 2)
        self.bn1: nn.Module = nn.BatchNorm2d(64)
        self.conv2 = _conv(64, 64, 3, 2)
        self.bn2: nn.Module = nn.BatchNorm2d(64)
        self.layer1 = bottlenecks(64, 64, _BLOCKS)
        first = nn.Sequential(_conv(256, WIDTHS[0], 3), nn.BatchNorm2d(WIDTHS[0]), nn.ReLU())
        second = nn.Sequential(_down(256, WIDTHS[1], relu=True))
        self.transition1 = nn.ModuleList([first, second])
        self.stage2 = _stage(2)
        self.transition2 = _new_row(2)
        self.stage3 = _stage(3)
        self.transition3 = _new_row(3)
        self.stage4 = _stage(4)

    def forward(self, x: Tensor) -> list[Tensor]:
        """[N, 3, H, W] to [N, 18, H / 4, W / 4], 36 ...8, 72 ...16, 144 ...32."""
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.relu(self.bn2(self.conv2(x)), inplace=True)
        x = self.layer1(x)
        rows: list[Tensor] = self.stage2([way(x) for way in self.transition1])
        rows = self.stage3([*rows, self.transition2[-1](rows[-1])])
        fused: list[Tensor] = self.stage4([*rows, self.transition3[-1](rows[-1])])
        return fused


def _new_row(row: int) -> nn.ModuleList:
    """What opens a row: from the coarsest so far to half of its size; the others stay."""
    new = nn.Sequential(_down(WIDTHS[row - 1], WIDTHS[row], relu=True))
    return nn.ModuleList([*[cast(nn.Module, None)] * row, new])


class HeatmapHead(nn.Module):
    """All resolutions brought to the finest, side by side, then two 1x1 convolutions."""

    def __init__(self) -> None:
        super().__init__()
        width = sum(WIDTHS)
        self.final_layer = nn.Sequential(
            nn.Conv2d(width, width, 1),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, POINTS, 1),
        )

    def forward(self, rows: list[Tensor]) -> Tensor:
        """Four resolutions to [N, 28, H / 4, W / 4]."""
        size = (rows[0].shape[2], rows[0].shape[3])
        enlarged = [
            F.interpolate(row, size=size, mode="bilinear", align_corners=False) for row in rows[1:]
        ]
        maps: Tensor = self.final_layer(torch.cat([rows[0], *enlarged], dim=1))
        return maps


class HrNetV2(nn.Module):
    """RGB less mean by deviation, [N, 3, 256, 256], to heat maps [N, 28, 64, 64]."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = HrNet()
        self.keypoint_head = HeatmapHead()

    def forward(self, pictures: Tensor) -> Tensor:
        """[N, 3, H, W] float32 to [N, 28, H / 4, W / 4]."""
        maps: Tensor = self.keypoint_head(self.backbone(pictures))
        return maps

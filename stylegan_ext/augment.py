"""The augmentation pipe of StyleGAN2-ADA (Karras et al. 2020b, appendix B), differentiable.

Every operation is drawn per sample and applied with probability p times its multiplier. The
geometric ones are collected in one 3x3 matrix and cost one resampling, the colour ones in one 4x4
matrix. Pictures are float32 NCHW, nominally in [-1, 1]; x runs to the right, y down, and the
origin of the geometry is the picture's centre, in pixels.

Which operations, and how strong, is an `AugmentStrengths`; `PRESETS` names the usual sets (`bgc`:
blit, geometry, colour).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from stylegan_ext import ops, team
from stylegan_ext.errors import ParameterError
from stylegan_ext.ops import matrices as m
from stylegan_ext.ops.filters import SYM6_TAPS, octave_filter_bank, setup_filter
from stylegan_ext.ops.reference import resample_padding

# Expected power of natural pictures per octave, normalised (appendix B.3): 1/f spectrum.
OCTAVE_POWER = (10 / 13, 1 / 13, 1 / 13, 1 / 13)


@dataclass(frozen=True)
class AugmentStrengths:
    """Probability multipliers (0 switches off) and widths of each operation (appendix B)."""

    xflip: float = 0
    rotate90: float = 0
    xint: float = 0
    xint_max: float = 0.125  # of the picture's size
    scale: float = 0
    rotate: float = 0
    aniso: float = 0
    xfrac: float = 0
    scale_std: float = 0.2  # log2
    rotate_max: float = 1  # of a half turn
    aniso_std: float = 0.2  # log2
    xfrac_std: float = 0.125  # of the picture's size
    brightness: float = 0
    contrast: float = 0
    lumaflip: float = 0
    hue: float = 0
    saturation: float = 0
    brightness_std: float = 0.2
    contrast_std: float = 0.5  # log2
    hue_max: float = 1  # of a half turn
    saturation_std: float = 1  # log2
    imgfilter: float = 0
    imgfilter_bands: tuple[float, float, float, float] = (1, 1, 1, 1)
    imgfilter_std: float = 1  # log2
    noise: float = 0
    noise_std: float = 0.1
    cutout: float = 0
    cutout_size: float = 0.5  # of the picture's size

    def without(self, *names: str) -> AugmentStrengths:
        """The same, with these operations switched off (no xflip for faces seen from one side)."""
        off: dict[str, Any] = dict.fromkeys(names, 0.0)
        return replace(self, **off)


_BLIT: dict[str, Any] = {"xflip": 1, "rotate90": 1, "xint": 1}
_GEOM: dict[str, Any] = {"scale": 1, "rotate": 1, "aniso": 1, "xfrac": 1}
_COLOR: dict[str, Any] = {"brightness": 1, "contrast": 1, "lumaflip": 1, "hue": 1, "saturation": 1}

PRESETS: dict[str, AugmentStrengths] = {
    "blit": AugmentStrengths(**_BLIT),
    "geom": AugmentStrengths(**_GEOM),
    "color": AugmentStrengths(**_COLOR),
    "filter": AugmentStrengths(imgfilter=1),
    "noise": AugmentStrengths(noise=1),
    "cutout": AugmentStrengths(cutout=1),
    "bg": AugmentStrengths(**_BLIT, **_GEOM),
    "bgc": AugmentStrengths(**_BLIT, **_GEOM, **_COLOR),
    "bgcf": AugmentStrengths(**_BLIT, **_GEOM, **_COLOR, imgfilter=1),
    "bgcfn": AugmentStrengths(**_BLIT, **_GEOM, **_COLOR, imgfilter=1, noise=1),
    "bgcfnc": AugmentStrengths(**_BLIT, **_GEOM, **_COLOR, imgfilter=1, noise=1, cutout=1),
}


class AugmentPipe(nn.Module):
    """Augments a batch; `p` (0 ... 1) is the overall probability that ADA steers.

    Args:
        strengths: see `AugmentStrengths`.

    Attributes:
        p: scalar buffer; set it with `set_p`.
    """

    p: torch.Tensor
    Hz_geom: torch.Tensor
    Hz_fbank: torch.Tensor

    def __init__(self, strengths: AugmentStrengths = PRESETS["bgc"]) -> None:
        super().__init__()
        for field in fields(strengths):
            value = getattr(strengths, field.name)
            if isinstance(value, (int, float)) and not (math.isfinite(value) and value >= 0):
                raise ParameterError(f"augmentation {field.name} must be 0 or more, not {value}")
        self.strengths = strengths
        self.register_buffer("p", torch.ones([]))
        self.register_buffer("Hz_geom", setup_filter(SYM6_TAPS))
        self.register_buffer("Hz_fbank", octave_filter_bank())

    def set_p(self, p: float) -> None:
        """Set the overall probability."""
        self.p.fill_(p)

    def forward(
        self,
        images: torch.Tensor,
        frozen_percentile: float | None = None,
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        """Augmented copies of [n, c, h, w]; c is 3, or 1 (colour operations then act on grey).

        Args:
            images: float32 NCHW, nominally [-1, 1].
            frozen_percentile: for tests: apply everything, each draw at this percentile.
            generator: source of randomness; None is torch's global one.
        """
        if frozen_percentile is None and images.device.type == "cpu" and float(self.p) == 0:
            return images  # a CUDA scalar is not read here: that would wait for the device
        draw = _Draw(images, self.p, frozen_percentile, generator)
        images = self._geometry(images, draw)
        images = self._color(images, draw)
        images = self._filter(images, draw)
        return self._corrupt(images, draw)

    def _geometry(self, images: torch.Tensor, draw: _Draw) -> torch.Tensor:
        s, (h, w) = self.strengths, images.shape[2:]
        inverse: torch.Tensor | None = None  # maps output positions to input positions

        def then(step: torch.Tensor) -> None:
            nonlocal inverse
            inverse = step if inverse is None else inverse @ step

        if s.xflip > 0:
            i = draw.choice(2, s.xflip)
            then(m.scale2d(1 - 2 * i, torch.ones_like(i)))
        if s.rotate90 > 0:
            then(m.rotate2d(draw.choice(4, s.rotate90) * (math.pi / 2)))
        if s.xint > 0:
            t = draw.uniform(s.xint, count=2) * s.xint_max
            then(m.translate2d(-(t[:, 0] * w).round(), -(t[:, 1] * h).round()))
        if s.scale > 0:
            factor = torch.exp2(draw.normal(s.scale) * s.scale_std)
            then(m.scale2d(1 / factor, 1 / factor))
        # Rotation is drawn before and after the anisotropic scaling, so that its axis is free;
        # two chances of q leave 1 - p without any: (1 - q)^2 = 1 - p.
        half_chance = 1 - (1 - s.rotate * self.p).clamp(0, 1).sqrt()
        if s.rotate > 0:
            then(m.rotate2d(draw.uniform(half_chance) * (math.pi * s.rotate_max)))
        if s.aniso > 0:
            factor = torch.exp2(draw.normal(s.aniso) * s.aniso_std)
            then(m.scale2d(1 / factor, factor))
        if s.rotate > 0:
            angle = draw.uniform(half_chance) * (math.pi * s.rotate_max)
            then(m.rotate2d(angle if draw.percentile is None else angle * 0))
        if s.xfrac > 0:
            t = draw.normal(s.xfrac, count=2) * s.xfrac_std
            then(m.translate2d(-t[:, 0] * w, -t[:, 1] * h))
        return images if inverse is None else _warp(images, inverse, self.Hz_geom)

    def _color(self, images: torch.Tensor, draw: _Draw) -> torch.Tensor:
        s, channels = self.strengths, images.shape[1]
        matrix: torch.Tensor | None = None

        def then(step: torch.Tensor) -> None:
            nonlocal matrix
            matrix = step if matrix is None else step @ matrix

        grey = torch.tensor([1.0, 1.0, 1.0, 0.0], device=images.device) / math.sqrt(3)
        along = torch.outer(grey, grey)
        identity = torch.eye(4, device=images.device)
        if s.brightness > 0:
            b = draw.normal(s.brightness) * s.brightness_std
            then(m.translate3d(b, b, b))
        if s.contrast > 0:
            factor = torch.exp2(draw.normal(s.contrast) * s.contrast_std)
            then(m.scale3d(factor, factor, factor))
        if s.lumaflip > 0:
            i = draw.choice(2, s.lumaflip).reshape(-1, 1, 1)
            then(identity - 2 * along * i)
        if s.hue > 0 and channels > 1:
            then(m.rotate3d(grey[:3], draw.uniform(s.hue) * (math.pi * s.hue_max)))
        if s.saturation > 0 and channels > 1:
            factor = torch.exp2(draw.normal(s.saturation) * s.saturation_std).reshape(-1, 1, 1)
            then(along + (identity - along) * factor)
        return images if matrix is None else _recolor(images, matrix)

    def _filter(self, images: torch.Tensor, draw: _Draw) -> torch.Tensor:
        s, (n, c, h, w) = self.strengths, images.shape
        if s.imgfilter == 0:
            return images
        reach = self.Hz_fbank.shape[1] // 2
        if min(h, w) <= reach:
            raise ParameterError(
                f"the imgfilter augmentation needs pictures over {reach} px, these are {w}x{h}",
                hint="leave the f out of the augmentation's name, e.g. bgc instead of bgcf",
            )
        power = torch.tensor(OCTAVE_POWER, device=images.device)
        gains = torch.ones([n, len(OCTAVE_POWER)], device=images.device)
        for band, strength in enumerate(s.imgfilter_bands):
            step = torch.ones_like(gains)
            step[:, band] = torch.exp2(draw.normal(s.imgfilter * strength) * s.imgfilter_std)
            step = step / (power * step.square()).sum(dim=1, keepdim=True).sqrt()
            gains = gains * step  # total power stays what it was
        taps = (gains @ self.Hz_fbank)[:, None, :].repeat(1, c, 1).reshape(n * c, 1, 1, -1)
        x = F.pad(images.reshape(1, n * c, h, w), (reach,) * 4, mode="reflect")
        x = F.conv2d(x, taps, groups=n * c)
        x = F.conv2d(x, taps.transpose(2, 3), groups=n * c)
        return x.reshape(n, c, h, w)

    def _corrupt(self, images: torch.Tensor, draw: _Draw) -> torch.Tensor:
        s, (_, _, h, w) = self.strengths, images.shape
        if s.noise > 0:
            sigma = draw.normal(s.noise).abs().reshape(-1, 1, 1, 1) * s.noise_std
            noise = team.normal(images.shape, images.device, draw.generator)
            images = images + noise * sigma
        if s.cutout > 0:
            size = draw.flag(s.cutout).reshape(-1, 1, 1, 1) * s.cutout_size
            centre = draw.unit(count=2)
            x = (torch.arange(w, device=images.device) + 0.5) / w
            y = (torch.arange(h, device=images.device) + 0.5) / h
            away_x = (x - centre[:, :1]).abs()[:, None, None, :] >= size / 2
            away_y = (y - centre[:, 1:]).abs()[:, None, :, None] >= size / 2
            images = images * (away_x | away_y)
        return images


class _Draw:
    """Random draws per sample, each neutral where the sample's chance says no.

    With a percentile, all of them are fixed: a uniform draw at q, a normal one at erfinv(2q - 1)
    (without the factor sqrt 2: the frozen mode of the reference, which vectors were made with).
    """

    def __init__(
        self,
        images: torch.Tensor,
        p: torch.Tensor,
        percentile: float | None,
        generator: torch.Generator | None,
    ) -> None:
        self.n = images.shape[0]
        self.device = images.device
        self.p = p
        self.percentile = percentile
        self.generator = generator

    def unit(self, count: int = 1) -> torch.Tensor:
        """[n, count] uniform in [0, 1)."""
        if self.percentile is not None:
            return torch.full([self.n, count], self.percentile, device=self.device)
        return team.uniform([self.n, count], self.device, self.generator)

    def flag(self, chance: float | torch.Tensor) -> torch.Tensor:
        """[n, 1], 1 where this sample is augmented; a float chance is multiplied by p."""
        if self.percentile is not None:
            return torch.ones([self.n, 1], device=self.device)
        limit = chance if isinstance(chance, torch.Tensor) else chance * self.p
        return (self.unit() < limit).float()

    def choice(self, count: int, chance: float) -> torch.Tensor:
        """[n] of 0 ... count - 1, 0 where not augmented."""
        value = (self.unit() * count).floor() * self.flag(chance)
        return value[:, 0]

    def uniform(self, chance: float | torch.Tensor, count: int = 1) -> torch.Tensor:
        """[n] or [n, count] in [-1, 1), 0 where not augmented."""
        value = (self.unit(count) * 2 - 1) * self.flag(chance)
        return value[:, 0] if count == 1 else value

    def normal(self, chance: float, count: int = 1) -> torch.Tensor:
        """[n] or [n, count] normal, 0 where not augmented."""
        if self.percentile is not None:
            value = torch.erfinv(self.unit(count) * 2 - 1)
        else:
            shape = [self.n, count]
            value = team.normal(shape, self.device, self.generator)
        value = value * self.flag(chance)
        return value[:, 0] if count == 1 else value


def _warp(images: torch.Tensor, inverse: torch.Tensor, taps: torch.Tensor) -> torch.Tensor:
    """Resample by inverse [n, 3, 3] without aliasing: pad, upsample by 2, look up, downsample."""
    h, w = images.shape[2:]
    reach = taps.shape[0] // 4  # the filter's reach in input pixels
    left, top, right, bottom = _margins(inverse, h, w, reach)
    images = F.pad(images, (left, right, top, bottom), mode="reflect")
    inverse = m.translate2d_by((left - right) / 2, (top - bottom) / 2, inverse) @ inverse

    images = ops.upsample2d(images, taps)
    double, shift = m.scale2d_by(2, 2, inverse), m.translate2d_by(-0.5, -0.5, inverse)
    inverse = double @ inverse @ m.scale2d_by(0.5, 0.5, inverse)
    inverse = shift @ inverse @ m.translate2d_by(0.5, 0.5, inverse)  # pixel centres at 2x

    canvas_h, canvas_w = (h + reach * 2) * 2, (w + reach * 2) * 2
    to_grid = m.scale2d_by(2 / images.shape[3], 2 / images.shape[2], inverse)
    inverse = to_grid @ inverse @ m.scale2d_by(canvas_w / 2, canvas_h / 2, inverse)
    grid = F.affine_grid(
        inverse[:, :2], [images.shape[0], images.shape[1], canvas_h, canvas_w], align_corners=False
    )
    images = F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    crop = (-reach * 2,) * 4
    return ops.upfirdn2d(
        images, taps, down=2, padding=resample_padding(taps, 1, 2, crop), flip_filter=True
    )


def _margins(inverse: torch.Tensor, h: int, w: int, reach: int) -> tuple[int, int, int, int]:
    """How far the transformed corners reach beyond the picture: left, top, right, bottom, px."""
    cx, cy = (w - 1) / 2, (h - 1) / 2
    rows = [[-cx, -cy, 1], [cx, -cy, 1], [cx, cy, 1], [-cx, cy, 1]]
    corners = torch.tensor(rows, device=inverse.device)
    reached = (inverse @ corners.t())[:, :2].permute(1, 0, 2).flatten(1)  # [xy, n * 4]
    margin = torch.cat([-reached, reached]).max(dim=1).values  # left, top, right, bottom
    margin = margin + torch.tensor([reach * 2 - cx, reach * 2 - cy] * 2, device=inverse.device)
    limit = torch.tensor([w - 1, h - 1] * 2, device=inverse.device)  # reflection's own limit
    left, top, right, bottom = margin.clamp(min=0).minimum(limit).ceil().int().tolist()
    return left, top, right, bottom


def _recolor(images: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """Apply colour matrices [n or 1, 4, 4] to [n, c, h, w] with c of 3 or 1."""
    n, c, h, w = images.shape
    flat = images.reshape(n, c, h * w)
    if c == 3:
        flat = matrix[:, :3, :3] @ flat + matrix[:, :3, 3:]
    elif c == 1:
        mean = matrix[:, :3].mean(dim=1, keepdim=True)
        flat = flat * mean[:, :, :3].sum(dim=2, keepdim=True) + mean[:, :, 3:]
    else:
        raise ParameterError(f"colour augmentation takes 1 or 3 channels, not {c}")
    return flat.reshape(n, c, h, w)

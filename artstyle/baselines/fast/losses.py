"""What a fast net is trained for: the photo's content, the painting's style, and calm.

Content and style are Johnson et al. 2016, equations 2 to 4. One thing is different: each term is
divided by how large it is for the target itself (content by the variance of the photo's map, style
by the squared norm of the painting's Gram matrix). So a weight means the same whichever network
sees, at whichever layer: with content 1 a picture that has nothing of the photo costs about 2, with
style 1 one that has nothing of the painting costs about 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F

from artstyle.errors import UsageError

CONTENT_LAYERS = ("relu3_2",)  # between Johnson's relu2_2 and what Gatys takes; looked at
STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_2", "relu4_2")  # Johnson's, where all networks have it
# The painting is seen at these multiples of its size, so that coarse and fine strokes are both
# there; a guess, looked at.
SCALES = (1.0, 0.6)
_LEAST_SIDE_PX = 64  # of the painting at the smallest scale
_SMALL = 1e-8


class Sees(Protocol):
    """What a perceptual network has to do."""

    def __call__(self, images: torch.Tensor, layers: Sequence[str]) -> dict[str, torch.Tensor]:
        """Maps of the named layers, of [n, 3, h, w] in [-1, 1]."""
        ...


@dataclass(frozen=True)
class Weights:
    """How much each term counts."""

    content: float = 1.0
    style: float = 5.0
    tv: float = 0.05

    def check(self) -> None:
        """Refuse what trains nothing.

        Raises:
            UsageError: a weight is below 0, or there is neither content nor style.
        """
        for name in ("content", "style", "tv"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise UsageError(f"the weight of {name} is {getattr(self, name)}: 0 or more is")
        if not self.content and not self.style:
            raise UsageError("with neither content nor style there is nothing to learn")


@dataclass(frozen=True)
class Terms:
    """The parts of the loss, means over the batch; weights are not in them."""

    content: torch.Tensor
    style: torch.Tensor
    tv: torch.Tensor

    def total(self, weights: Weights) -> torch.Tensor:
        """The loss."""
        return weights.content * self.content + weights.style * self.style + weights.tv * self.tv


def grams(maps: torch.Tensor) -> torch.Tensor:
    """Gram matrices per position: [n, c, h, w] to [n, c, c]."""
    flat = maps.flatten(2)
    return torch.bmm(flat, flat.transpose(1, 2)) / flat.shape[2]


def style_targets(
    perception: Sees,
    paintings: Sequence[torch.Tensor],
    layers: Sequence[str] = STYLE_LAYERS,
    scales: Sequence[float] = SCALES,
) -> dict[str, torch.Tensor]:
    """The Gram matrices that pictures in each style shall have, means over the scales.

    Args:
        perception: what sees.
        paintings: one for each style, [1, 3, h, w], [-1, 1].
        layers: where.
        scales: multiples of a painting's size at which it is looked at; one that would make it
            smaller than 64 px a side is left out, as long as there is another.

    Returns:
        Layer name to [styles, c, c].
    """
    with torch.no_grad():
        each = [_target(perception, painting, layers, scales) for painting in paintings]
    return {layer: torch.stack([held[layer] for held in each]) for layer in layers}


def _target(
    perception: Sees, painting: torch.Tensor, layers: Sequence[str], scales: Sequence[float]
) -> dict[str, torch.Tensor]:
    side = min(painting.shape[2:])
    usable = [scale for scale in scales if side * scale >= _LEAST_SIDE_PX] or [max(scales)]
    seen = [perception(_scaled(painting, scale), layers) for scale in usable]
    return {
        layer: torch.stack([grams(maps[layer])[0] for maps in seen]).mean(0) for layer in layers
    }


def _scaled(painting: torch.Tensor, scale: float) -> torch.Tensor:
    if scale == 1:
        return painting
    return F.interpolate(painting, scale_factor=scale, mode="bicubic", antialias=True).clamp(-1, 1)


def terms(
    perception: Sees,
    photos: torch.Tensor,
    drawn: torch.Tensor,
    *,
    styles: torch.Tensor,
    targets: Mapping[str, torch.Tensor],
    content_layers: Sequence[str] = CONTENT_LAYERS,
) -> Terms:
    """How far drawn pictures are from what they shall be.

    Args:
        perception: what sees.
        photos: [n, 3, h, w], [-1, 1].
        drawn: as `photos`; gradients go through it.
        styles: [n], which style each is drawn in.
        targets: what `style_targets` gave.
        content_layers: where content is compared.
    """
    with torch.no_grad():
        wanted = perception(photos, content_layers)
    seen = perception(drawn, tuple(dict.fromkeys((*content_layers, *targets))))
    content = [_content(seen[layer], wanted[layer]) for layer in content_layers]
    style = [_style(grams(seen[layer]), target[styles]) for layer, target in targets.items()]
    return Terms(torch.stack(content).mean(), torch.stack(style).mean(), total_variation(drawn))


def _content(seen: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    size = wanted.var(dim=(1, 2, 3), correction=0) + _SMALL
    return ((seen - wanted).square().mean(dim=(1, 2, 3)) / size).mean()


def _style(seen: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    size = wanted.square().sum(dim=(1, 2)) + _SMALL
    return ((seen - wanted).square().sum(dim=(1, 2)) / size).mean()


def total_variation(drawn: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of neighbours, of [n, 3, h, w] in [-1, 1]; both ways summed."""
    across = (drawn[..., 1:] - drawn[..., :-1]).square().mean()
    down = (drawn[..., 1:, :] - drawn[..., :-1, :]).square().mean()
    return across + down

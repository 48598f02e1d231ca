"""The function that is minimised: content, style, total variation, and the range of a picture.

Each term is a weight times a sum of squares over a scale. What the scales are, `targets` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from artstyle.baselines.gatys.tiles import Tile, Window, own_cells, tiles_of
from artstyle.baselines.gram import gram_sum
from artstyle.perception.choose import Perception

# Of the mean squared excess over [-1, 1]: enough to keep values within a level or two of it,
# too little to be felt inside. A guess.
RANGE_WEIGHT = 50.0


@dataclass(frozen=True, eq=False)
class ContentTerm:
    """What a layer shall see: weight / scale * sum(where * (features - target)^2)."""

    name: str  # in records, e.g. "content conv4_2"
    layer: str
    target: torch.Tensor  # [1, c, h, w]
    where: torch.Tensor | None  # [h, w], how much each cell counts; None: all alike
    weight: float
    scale: torch.Tensor  # []


@dataclass(frozen=True, eq=False)
class StyleTerm:
    """The Gram matrix a layer shall have: weight / scale * sum((products / count - target)^2)."""

    name: str
    layer: str
    target: torch.Tensor  # [c, c], per position
    where: torch.Tensor | None  # [h, w], the region, [0, 1]; None: everywhere
    count: torch.Tensor  # [], positions, or the sum of the region's squares
    weight: float
    scale: torch.Tensor  # []

    def loss(self, products: torch.Tensor) -> torch.Tensor:
        """Without the weight, [].

        Args:
            products: [c, c], summed over positions.
        """
        return (products / self.count - self.target).square().sum() / self.scale


class Objective:
    """The loss of a picture, and its gradient.

    Args:
        perception: the network.
        content: may be empty.
        style: may be empty.
        tv_weight: of the total variation.
        tile_px: side of a tile; None: the picture at once.
    """

    def __init__(
        self,
        perception: Perception,
        content: Sequence[ContentTerm],
        style: Sequence[StyleTerm],
        *,
        tv_weight: float = 0.0,
        tile_px: int | None = None,
    ) -> None:
        self._perception, self._content, self._style = perception, content, style
        self._tv_weight, self._tile_px = tv_weight, tile_px
        seen_by = [term.layer for term in content] + [term.layer for term in style]
        self._layers = tuple(dict.fromkeys(seen_by))
        # Name -> [], without weights, of the picture looked at last.
        self.parts: dict[str, torch.Tensor] = {}

    def __call__(self, picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss and gradient.

        Args:
            picture: [1, 3, h, w], RGB, nominally [-1, 1]; or [1, 1, h, w], grey.

        Returns:
            [] and like `picture`, neither with a graph.
        """
        self.parts = {}
        leaf = picture.detach().requires_grad_(True)
        tiles = tiles_of(picture.shape[2], picture.shape[3], self._tile_px)
        with torch.enable_grad():
            loss = self._unseen(leaf)
            if len(tiles) == 1:
                loss = loss + self._seen(in_colour(leaf))
            (gradient,) = torch.autograd.grad(loss, leaf)
        loss = loss.detach()
        if len(tiles) > 1:
            loss = loss + self._seen_in_tiles(picture.detach(), tiles, gradient)
        return loss, gradient

    def _unseen(self, picture: torch.Tensor) -> torch.Tensor:
        """What needs no network: range and total variation."""
        loss = RANGE_WEIGHT * self._noted("range", (picture.abs() - 1).clamp_min(0).square().mean())
        if self._tv_weight:
            loss = loss + self._tv_weight * self._noted("tv", total_variation(picture))
        return loss

    def _seen(self, picture: torch.Tensor) -> torch.Tensor:
        """What the network sees in the whole picture."""
        maps = self._perception(picture, self._layers)
        loss = picture.new_zeros(())
        for content in self._content:
            loss = loss + content.weight * self._content_loss(content, maps[content.layer])
        for style in self._style:
            products = gram_sum(maps[style.layer], style.where)
            loss = loss + style.weight * self._noted(style.name, style.loss(products))
        return loss

    def _seen_in_tiles(
        self, picture: torch.Tensor, tiles: Sequence[Tile], gradient: torch.Tensor
    ) -> torch.Tensor:
        """What the network sees, a tile at a time; its gradient is added to `gradient`.

        Gram matrices are sums over tiles. A first look without gradient adds them up; from the sum
        follows how the loss changes with each product of features, and with that a second look
        gives each tile's share of the gradient.
        """
        loss, slopes = picture.new_zeros(()), []
        for style, total in zip(self._style, self._products(picture, tiles), strict=True):
            one, slope = self._slope(style, total)
            loss = loss + one
            slopes.append(slope)
        for tile in tiles:
            part = picture[tile.with_halo].clone().requires_grad_(True)
            with torch.enable_grad():
                maps = self._perception(in_colour(part), self._layers)
                share = part.new_zeros(())
                for content in self._content:
                    inner, outer = own_cells(tile, content.layer)
                    cells = maps[content.layer][(..., *inner)]
                    share = share + content.weight * self._content_loss(content, cells, outer)
                loss = loss + share.detach()
                for style, slope in zip(self._style, slopes, strict=True):
                    share = share + (slope * _own_products(style, maps, tile)).sum()
            (down,) = torch.autograd.grad(share, part)
            gradient[tile.with_halo] += down
        return loss

    @torch.no_grad()
    def _products(self, picture: torch.Tensor, tiles: Sequence[Tile]) -> list[torch.Tensor]:
        """The products of features of each style term, summed over all tiles."""
        layers = tuple(dict.fromkeys(style.layer for style in self._style))
        sums = [torch.zeros_like(style.target) for style in self._style]
        for tile in tiles if layers else ():
            maps = self._perception(in_colour(picture[tile.with_halo]), layers)
            for total, style in zip(sums, self._style, strict=True):
                total.add_(_own_products(style, maps, tile))
        return sums

    def _slope(self, style: StyleTerm, products: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A weighted style loss, and its derivatives with respect to the products."""
        leaf = products.requires_grad_(True)
        with torch.enable_grad():
            loss = style.weight * self._noted(style.name, style.loss(leaf))
        (slope,) = torch.autograd.grad(loss, leaf)
        return loss.detach(), slope

    def _content_loss(
        self, term: ContentTerm, cells: torch.Tensor, window: Window | None = None
    ) -> torch.Tensor:
        """Of these cells; what tiles give adds up to the whole."""
        target, where = term.target, term.where
        if window is not None:
            target = target[(..., *window)]
            where = None if where is None else where[window]
        squares = (cells - target).square()
        total = squares.sum() if where is None else (squares * where).sum()
        return self._noted(term.name, total / term.scale)

    def _noted(self, name: str, loss: torch.Tensor) -> torch.Tensor:
        before = self.parts.get(name)
        self.parts[name] = loss.detach() if before is None else before + loss.detach()
        return loss


def total_variation(picture: torch.Tensor) -> torch.Tensor:
    """The mean squared difference of neighbours, across plus down."""
    across = (picture[..., 1:] - picture[..., :-1]).square().mean()
    down = (picture[..., 1:, :] - picture[..., :-1, :]).square().mean()
    return across + down


def in_colour(picture: torch.Tensor) -> torch.Tensor:
    """Three channels, whether there were three or one."""
    return picture.expand(-1, 3, -1, -1)


def _own_products(style: StyleTerm, maps: Mapping[str, torch.Tensor], tile: Tile) -> torch.Tensor:
    """The products of features of the cells that a tile stands for."""
    inner, outer = own_cells(tile, style.layer)
    where = None if style.where is None else style.where[outer]
    return gram_sum(maps[style.layer][(..., *inner)], where)

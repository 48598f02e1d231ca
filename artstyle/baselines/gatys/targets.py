"""What a picture shall be like: the photo's features and the paintings' Gram matrices.

Scales. "paper", Gatys et al. 2016: content 1/2 sum (F - P)^2 (equation 1); style
1 / (4 N^2) sum (G / M - A / M)^2 (equation 4, with each Gram matrix divided by its own number of
positions M, so that the painting may have another size). "relative": a layer's content loss is
divided by the variance of the photo's features and their number, a layer's style loss by the
squared norm of the painting's Gram matrix. 1 then means "as far from it as nothing is", in every
network and at every size; without that, a ratio of content to style that suits one network is far
off in another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from artstyle.baselines.gatys.objective import ContentTerm, StyleTerm, in_colour
from artstyle.baselines.gatys.settings import FACE_LAYERS, GatysSettings
from artstyle.baselines.gatys.tiles import Tile, map_size, own_cells, tiles_of
from artstyle.baselines.gram import gram_sum
from artstyle.baselines.masks import mask_at
from artstyle.perception.choose import Perception

_LEAST = 1e-12  # what a scale is at least: a picture of one colour has no variance


@dataclass(frozen=True, eq=False)
class StylePicture:
    """A painting, at the size at which it shall be seen."""

    picture: torch.Tensor  # [1, 3, h, w], RGB, [-1, 1]
    weight: float  # beside the other paintings
    mask: torch.Tensor | None = None  # [h', w'], [0, 1], the part of it that counts; None: all


@torch.no_grad()
def content_terms(
    perception: Perception,
    content: torch.Tensor,
    settings: GatysSettings,
    *,
    faces: torch.Tensor | None = None,
    tile_px: int | None = None,
) -> list[ContentTerm]:
    """What of the photo is kept.

    Args:
        perception: the network.
        content: [1, 3 or 1, h, w], the photo at the size of what is drawn.
        settings: layers and weights.
        faces: [h, w], [0, 1], where faces are; None: nothing is held more than the rest.
        tile_px: see `Objective`.
    """
    faces = None if faces is None or not bool(faces.any()) else faces
    wanted = dict(settings.contents)
    finer = {} if faces is None else dict(FACE_LAYERS)
    layers = (*wanted, *(layer for layer in finer if layer not in wanted))
    maps = features(perception, content, layers, tile_px) if settings.content_weight else {}
    terms = []
    for layer, target in maps.items():
        held = None if faces is None else mask_at(faces, target.shape[2], target.shape[3])
        if layer in wanted:
            where = None if held is None else 1 + settings.face_weight * held
            weight = settings.content_weight * wanted[layer]
            scale = _content_scale(target, target.shape[2] * target.shape[3], settings)
            terms.append(ContentTerm(f"content {layer}", layer, target, where, weight, scale))
        if layer in finer and held is not None:
            weight = settings.content_weight * settings.face_weight * finer[layer]
            scale = _content_scale(target, held.sum(), settings)
            terms.append(ContentTerm(f"face {layer}", layer, target, held, weight, scale))
    return terms


@torch.no_grad()
def style_terms(
    perception: Perception,
    styles: Sequence[StylePicture],
    settings: GatysSettings,
    size_px: tuple[int, int],
    *,
    masks: Sequence[torch.Tensor] = (),
    tile_px: int | None = None,
) -> list[StyleTerm]:
    """What of the paintings is wanted: one Gram matrix per layer, and per region where there are.

    Args:
        perception: the network.
        styles: the paintings.
        settings: layers and weights.
        size_px: height and width of what is drawn.
        masks: [h, w] of what is drawn, [0, 1], a region for each painting; empty: the paintings'
            Gram matrices are averaged, and hold everywhere.
        tile_px: see `Objective`.
    """
    if not styles:
        return []
    layers = tuple(settings.styles)
    grams = [_grams(perception, style, layers, tile_px) for style in styles]
    total = sum(style.weight for style in styles)
    shares = [style.weight / total for style in styles]
    terms = []
    for layer, share in settings.styles.items():
        weight = settings.weight_of_style * share
        height, width = map_size(layer, *size_px)
        found = [one[layer] for one in grams]
        if not masks:
            target = torch.stack([s * g for s, g in zip(shares, found, strict=True)]).sum(dim=0)
            count = target.new_tensor(float(height * width))
            scale = _style_scale(target, settings)
            terms.append(StyleTerm(f"style {layer}", layer, target, None, count, weight, scale))
            continue
        for number, (mask, target) in enumerate(zip(masks, found, strict=True)):
            where = mask_at(mask, height, width)
            terms.append(
                StyleTerm(
                    name=f"style {number + 1} {layer}",
                    layer=layer,
                    target=target,
                    where=where,
                    count=where.square().sum().clamp_min(_LEAST),
                    weight=weight * shares[number] * len(styles),
                    scale=_style_scale(target, settings),
                )
            )
    return terms


@torch.no_grad()
def features(
    perception: Perception,
    picture: torch.Tensor,
    layers: Sequence[str],
    tile_px: int | None = None,
) -> dict[str, torch.Tensor]:
    """The maps of a picture of any size, computed in tiles where they are wanted.

    Args:
        perception: the network.
        picture: [1, 3 or 1, h, w], [-1, 1].
        layers: which maps.
        tile_px: see `Objective`.
    """
    height, width = picture.shape[2:]
    tiles = tiles_of(height, width, tile_px)
    if len(tiles) == 1:
        return dict(perception(in_colour(picture), layers))
    whole: dict[str, torch.Tensor] = {}
    for tile in tiles:
        for layer, seen in perception(in_colour(picture[tile.with_halo]), layers).items():
            if layer not in whole:
                shape = (1, seen.shape[1], *map_size(layer, height, width))
                whole[layer] = seen.new_empty(shape)
            inner, outer = own_cells(tile, layer)
            whole[layer][(..., *outer)] = seen[(..., *inner)]
    return whole


def _grams(
    perception: Perception, style: StylePicture, layers: Sequence[str], tile_px: int | None
) -> Mapping[str, torch.Tensor]:
    """Gram matrices per position of a painting, or of its part."""
    height, width = style.picture.shape[2:]
    sums: dict[str, torch.Tensor] = {}
    counts: dict[str, torch.Tensor] = {}
    masks = {layer: _at_layer(style.mask, layer, height, width) for layer in layers}
    for tile in tiles_of(height, width, tile_px):
        for layer, seen in perception(in_colour(style.picture[tile.with_halo]), layers).items():
            products, count = _of_tile(seen, masks[layer], tile, layer)
            sums[layer] = sums[layer] + products if layer in sums else products
            counts[layer] = counts[layer] + count if layer in counts else count
    return {layer: sums[layer] / counts[layer].clamp_min(_LEAST) for layer in layers}


def _of_tile(
    seen: torch.Tensor, mask: torch.Tensor | None, tile: Tile, layer: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Products of features, and positions, of the cells that a tile stands for."""
    inner, outer = own_cells(tile, layer)
    cells = seen[(..., *inner)]
    if mask is None:
        return gram_sum(cells), cells.new_tensor(float(cells.shape[2] * cells.shape[3]))
    return gram_sum(cells, mask[outer]), mask[outer].square().sum()


def _at_layer(
    mask: torch.Tensor | None, layer: str, height_px: int, width_px: int
) -> torch.Tensor | None:
    return None if mask is None else mask_at(mask, *map_size(layer, height_px, width_px))


def _content_scale(
    target: torch.Tensor, positions: torch.Tensor | float, settings: GatysSettings
) -> torch.Tensor:
    if settings.losses == "paper":
        return target.new_tensor(2.0)
    variance = (target - target.mean(dim=(2, 3), keepdim=True)).square().mean()
    return (variance * target.shape[1] * positions).clamp_min(_LEAST)


def _style_scale(target: torch.Tensor, settings: GatysSettings) -> torch.Tensor:
    if settings.losses == "paper":
        return target.new_tensor(4.0 * target.shape[0] ** 2)
    return target.square().sum().clamp_min(_LEAST)

"""How long a drawing will take, and what it needs: known before it begins."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from artstyle.baselines.gatys.draw import Inputs, objective_at
from artstyle.baselines.gatys.scales import at_size, scale_sizes
from artstyle.baselines.gatys.settings import GatysSettings
from artstyle.baselines.gatys.tiles import HALO_PX, LEAST_PX, map_size, tiles_of
from artstyle.machine import memory_bytes
from artstyle.perception.stack import ConvStack

_SHARE_OF_MEMORY = 0.5  # the rest is for the machine's other work. A guess
# Bytes that a look with gradient holds at its height, over 4 bytes for each value of each
# convolution's map: maps, rectified maps, gradients.
_MAPS_HELD = 3.0
_LOOKS = 2  # evaluations that are timed, after one that is not


@dataclass(frozen=True)
class Estimate:
    """What a drawing would cost."""

    seconds: float  # about; timed on this machine
    evaluations: int
    sizes_px: tuple[tuple[int, int], ...]  # width, height at each scale
    memory_bytes: int  # about, of the network's maps at the finest scale
    tile_px: int | None


def estimate(network: ConvStack, inputs: Inputs, settings: GatysSettings, device: str) -> Estimate:
    """Time a few evaluations at the coarsest scale; the others cost by their pixels."""
    sizes = scale_sizes(inputs.size, settings.coarsest_px, settings.scale_step)
    objective = objective_at(network, inputs, settings, sizes[0], device)
    picture = inputs.content if inputs.content is not None else inputs.styles[0].pixels
    start = at_size(picture, sizes[0], device)
    float(objective(start)[0])  # the first look loads what the others have
    begun_at = time.perf_counter()
    for _ in range(_LOOKS):
        float(objective(start)[0])
    per_pixel_s = (time.perf_counter() - begun_at) / _LOOKS / (sizes[0][0] * sizes[0][1])
    seconds, evaluations = 0.0, 0
    for number, size in enumerate(sizes):
        looks = (settings.steps if number else settings.first_steps) * settings.search.iterations
        evaluations += looks
        seconds += looks * per_pixel_s * _pixels_seen(size, settings.tile_px)
    return Estimate(
        seconds=round(seconds, 1),
        evaluations=evaluations,
        sizes_px=tuple((size[1], size[0]) for size in sizes),
        memory_bytes=_bytes_held(network, _layers(settings), sizes[-1], settings.tile_px),
        tile_px=settings.tile_px,
    )


def fitting_tile(
    network: ConvStack, layers: Sequence[str], size: tuple[int, int], free_bytes: int | None = None
) -> int | None:
    """The side of a tile with which a drawing fits into memory; None: it does as a whole.

    Args:
        network: sees.
        layers: that it is asked for.
        size: height and width of the picture.
        free_bytes: what may be used; None: half of the memory this process may have.
    """
    if free_bytes is None:
        known = memory_bytes()
        if known is None:
            return None
        free_bytes = int(known * _SHARE_OF_MEMORY)
    if _bytes_held(network, layers, size, None) <= free_bytes:
        return None
    tile_px = max(size)
    while tile_px > LEAST_PX and _bytes_held(network, layers, size, tile_px) > free_bytes:
        tile_px = tile_px * 3 // 4
    return max(tile_px // 16 * 16, LEAST_PX)


def _layers(settings: GatysSettings) -> tuple[str, ...]:
    return (*settings.contents, *settings.styles)


def _bytes_held(
    network: ConvStack, layers: Sequence[str], size: tuple[int, int], tile_px: int | None
) -> int:
    """What the maps of one look take, up to the deepest layer that is asked for."""
    height, width = size
    if tile_px is not None:
        height, width = (min(side, tile_px + 2 * HALO_PX) for side in size)
    names = network.conv_names
    deepest = max(names.index(f"conv{layer[4:]}") for layer in layers)
    values = sum(
        network.channels(name) * rows * columns
        for name in names[: deepest + 1]
        for rows, columns in [map_size(name, height, width)]
    )
    return int(values * 4 * _MAPS_HELD)


def _pixels_seen(size: tuple[int, int], tile_px: int | None) -> float:
    """Pixels that are computed for one evaluation; with tiles, halos and the first look too."""
    tiles = tiles_of(*size, tile_px)
    if len(tiles) == 1:
        return float(size[0] * size[1])
    seen = sum(
        (tile.seen[0].stop - tile.seen[0].start) * (tile.seen[1].stop - tile.seen[1].start)
        for tile in tiles
    )
    return float(seen) * 4 / 3  # forward, forward and backward, beside forward and backward

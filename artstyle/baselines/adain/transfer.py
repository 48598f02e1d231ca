"""Photos in the style of paintings: encode, change statistics, decode; large ones piece by piece.

Tiles are not an approximation: a photo's statistics are those of the whole photo, and each piece
is computed with so much around it that what is kept of it does not depend on where it was cut.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F

from artstyle.baselines.adain.decoder import DEEPEST, STRIDE_PX, Decoder, in_channels_last
from artstyle.baselines.adain.statistics import (
    Change,
    Statistics,
    change,
    masked,
    mixed,
    statistics,
)
from artstyle.baselines.masks import mask_at, shared_out
from artstyle.errors import UsageError

LEAST_SIDE_PX = 32  # what encoders take
WHOLE_PIXELS = 1_200_000  # up to this a photo is done in one piece; a guess: under 1 GB with VGG19
TILE_PX = 768  # side of a piece, without what is around it
# What is around a piece. VGG19 sees 33 px around a position of relu4_1, and a pixel that is decoded
# depends on 4 positions (32 px) around it; rounded up to whole positions.
ENCODED_AROUND_PX = 40
DECODED_AROUND = 5  # positions of relu4_1


class Encoder(Protocol):
    """A network whose maps have names; see `artstyle.perception.vgg.VGG.forward`."""

    def __call__(self, images: torch.Tensor, layers: Sequence[str]) -> dict[str, torch.Tensor]:
        """Maps of the named layers."""


@dataclass(frozen=True)
class Wish:
    """Which style a photo gets, and how much of it."""

    styles: tuple[Statistics, ...]
    weights: tuple[float, ...] = ()  # of each style; empty: all alike. They are made to sum to 1
    alpha: float = 1.0  # 0: the photo as the networks see it, 1: all of the style
    masks: tuple[torch.Tensor, ...] = ()  # [h, w], [0, 1], where each style goes; empty: mixed

    def __post_init__(self) -> None:
        if not self.styles:
            raise UsageError("there is no style to transfer")
        if not 0 <= self.alpha <= 1:
            raise UsageError(f"alpha {self.alpha:g} is not between 0 (the photo) and 1 (the style)")
        check_weights(self.weights, len(self.styles))
        if self.masks and len(self.masks) != len(self.styles):
            raise UsageError(f"{len(self.masks)} masks do not fit {len(self.styles)} styles")

    @property
    def shares(self) -> tuple[float, ...]:
        """The weights, summing to 1."""
        weights = self.weights or (1.0,) * len(self.styles)
        return tuple(weight / sum(weights) for weight in weights)


def check_weights(weights: Sequence[float], styles: int) -> None:
    """See that weights can be given to styles.

    Raises:
        UsageError: they cannot.
    """
    if weights and len(weights) != styles:
        raise UsageError(
            f"{len(weights)} weights do not fit {styles} styles", hint="give one for each"
        )
    if weights and not (all(0 <= one < math.inf for one in weights) and sum(weights) > 0):
        words = ", ".join(f"{one:g}" for one in weights)
        raise UsageError(f"weights {words} cannot share out a picture: none below 0, not all 0")


class Transfer:
    """An encoder and its decoder.

    Args:
        encoder: frozen, on `device`.
        decoder: the one that was trained behind it, on `device`.
        device: where both are.
        whole_pixels: photos up to this size are done in one piece.
        tile_px: side of the pieces of larger ones, a multiple of 8.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Decoder,
        *,
        device: str = "cpu",
        whole_pixels: int = WHOLE_PIXELS,
        tile_px: int = TILE_PX,
    ) -> None:
        assert tile_px % STRIDE_PX == 0, tile_px
        self.encoder, self.device = encoder, device
        self.decoder = in_channels_last(decoder)
        self.whole_pixels, self.tile_px = whole_pixels, tile_px

    @torch.inference_mode()
    def style(self, painting: torch.Tensor) -> Statistics:
        """What a painting's style is: statistics of relu4_1.

        Args:
            painting: [1, 3, h, w], RGB, [-1, 1], at least 32 px a side.
        """
        return statistics(self._encoded(_padded(painting)))

    @torch.inference_mode()
    def draw(
        self,
        photo: torch.Tensor,
        wish: Wish,
        *,
        settle: Callable[[Statistics], Statistics] = lambda found: found,
    ) -> torch.Tensor:
        """Draw a photo in a style.

        Args:
            photo: [1, 3, h, w], RGB, [-1, 1], at least 32 px a side.
            wish: which style, and how much of it.
            settle: gets the photo's statistics and says which to reckon with; for the frames of a
                film, whose colours would flicker with small changes of what is seen.

        Returns:
            [1, 3, h, w], RGB, nominally [-1, 1], not clamped.

        Raises:
            UsageError: the photo is too small.
        """
        height, width = photo.shape[2:]
        if min(height, width) < LEAST_SIDE_PX:
            raise UsageError(
                f"a photo of {width} x {height} pixels is too small: {LEAST_SIDE_PX} px a side"
                " are needed",
                hint="give a larger --size",
            )
        padded = _padded(photo)
        maps = self._encoded(padded)
        maps = self._change(maps, wish, settle)(maps)
        return self._decoded(maps)[:, :, :height, :width]

    def _change(
        self, maps: torch.Tensor, wish: Wish, settle: Callable[[Statistics], Statistics]
    ) -> Change:
        if not wish.masks:
            return change(settle(statistics(maps)), mixed(wish.styles, wish.shares), wish.alpha)
        size = (maps.shape[2], maps.shape[3])
        masks = shared_out([mask_at(mask.to(maps.device), *size) for mask in wish.masks])
        changes = [
            change(statistics(maps, mask), style, wish.alpha)
            for style, mask in zip(wish.styles, masks, strict=True)
        ]
        return masked(changes, masks)

    # -- whole, or in pieces -----------------------------------------------------------------

    def _encoded(self, picture: torch.Tensor) -> torch.Tensor:
        picture = picture.to(self.device).contiguous(memory_format=torch.channels_last)
        height, width = picture.shape[2:]
        if height * width <= self.whole_pixels:
            return self.encoder(picture, (DEEPEST,))[DEEPEST]
        rows, columns = height // STRIDE_PX, width // STRIDE_PX
        whole: torch.Tensor | None = None
        around = ENCODED_AROUND_PX // STRIDE_PX
        for tile in _tiles(rows, columns, self.tile_px // STRIDE_PX, around):
            top, left, bottom, right = (edge * STRIDE_PX for edge in tile.outer)
            part = self.encoder(picture[:, :, top:bottom, left:right], (DEEPEST,))[DEEPEST]
            if whole is None:
                whole = part.new_empty(1, part.shape[1], rows, columns)
            whole[:, :, *tile.place] = part[:, :, *tile.kept]
        assert whole is not None
        return whole

    def _decoded(self, maps: torch.Tensor) -> torch.Tensor:
        rows, columns = maps.shape[2:]
        if rows * columns * STRIDE_PX**2 <= self.whole_pixels:
            whole: torch.Tensor = self.decoder(maps.contiguous(memory_format=torch.channels_last))
            return whole
        drawn = maps.new_empty(1, 3, rows * STRIDE_PX, columns * STRIDE_PX)
        for tile in _tiles(rows, columns, self.tile_px // STRIDE_PX, DECODED_AROUND):
            top, left, bottom, right = tile.outer
            piece = maps[:, :, top:bottom, left:right].contiguous(memory_format=torch.channels_last)
            part = self.decoder(piece)
            place, kept = (_scaled(one, STRIDE_PX) for one in (tile.place, tile.kept))
            drawn[:, :, *place] = part[:, :, *kept]
        return drawn


@dataclass(frozen=True)
class _Tile:
    """A piece of a grid of positions, with what is around it."""

    outer: tuple[int, int, int, int]  # top, left, bottom, right of what is computed
    place: tuple[slice, slice]  # where what is kept belongs
    kept: tuple[slice, slice]  # the same, counted from the outer corner


def _tiles(rows: int, columns: int, side: int, around: int) -> Iterator[_Tile]:
    for top, bottom in _spans(rows, side):
        for left, right in _spans(columns, side):
            above, before = max(0, top - around), max(0, left - around)
            outer = (above, before, min(rows, bottom + around), min(columns, right + around))
            place = (slice(top, bottom), slice(left, right))
            kept = (slice(top - above, bottom - above), slice(left - before, right - before))
            yield _Tile(outer, place, kept)


def _spans(length: int, side: int) -> Iterator[tuple[int, int]]:
    """A length cut into pieces that are as alike as can be, none longer than `side`."""
    count = -(-length // side)
    edges = [round(index * length / count) for index in range(count + 1)]
    yield from itertools.pairwise(edges)


def _scaled(place: tuple[slice, slice], factor: int) -> tuple[slice, slice]:
    down, across = (slice(one.start * factor, one.stop * factor) for one in place)
    return down, across


def _padded(picture: torch.Tensor) -> torch.Tensor:
    """A picture with its last row and column repeated up to a multiple of 8."""
    height, width = picture.shape[2:]
    more = (-width % STRIDE_PX, -height % STRIDE_PX)
    if not any(more):
        return picture
    return F.pad(picture, (0, more[0], 0, more[1]), mode="replicate")

"""The panel: photos that are held out, in the styles of paintings, most of them held out too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from artstyle.pipeline.train_adain.plan import Plan

if TYPE_CHECKING:
    from artstyle.baselines.adain.decoder import Decoder

Pixels = NDArray[np.uint8]

_MOST_SIDE_PX = 192  # of a cell, which has twice the side of a crop where that is less; a guess
_SEEN_PAINTINGS = 3  # that the decoder learns from, besides those held out
_PHOTOS = 4


def panel_pictures(plan: Plan) -> tuple[list[Pixels], list[Pixels]]:
    """Photos and paintings of the panel, middle squares: HWC uint8.

    Pictures that are learned from stand in where none are held out.
    """
    side = min(_MOST_SIDE_PX, 2 * plan.recipe.crop_px)
    photos = _squares([*plan.held_photos, *plan.photos[:_PHOTOS]], _PHOTOS, side)
    step = max(1, len(plan.paintings) // _SEEN_PAINTINGS)
    seen = plan.paintings[::step][:_SEEN_PAINTINGS]
    paintings = _squares([*plan.held_paintings, *seen], len(plan.held_paintings) + len(seen), side)
    return photos, paintings


def draw_panel(
    plan: Plan, decoder: Decoder, photos: Sequence[Pixels], paintings: Sequence[Pixels]
) -> Pixels:
    """A row per photo: the photo, what is left of it with alpha 0, then every painting's style.

    The paintings stand above their columns. HWC uint8.
    """
    import torch

    from artstyle.baselines.adain.transfer import Transfer, Wish
    from artstyle.images import from_tensor, to_tensor

    transfer = Transfer(plan.encoder.network, decoder, device=plan.device)
    styles = [transfer.style(to_tensor(one)) for one in paintings]
    blank = np.full_like(photos[0], 255)
    rows = [[blank, blank, *paintings]]
    for photo in photos:
        x = to_tensor(photo)
        wishes = [Wish((styles[0],), alpha=0.0), *(Wish((style,)) for style in styles)]
        drawn = [torch.nan_to_num(transfer.draw(x, wish)) for wish in wishes]
        rows.append([photo, *(from_tensor(one) for one in drawn)])
    return np.concatenate([np.concatenate(row, axis=1) for row in rows], axis=0)


def _squares(paths: Sequence[Path], most: int, side_px: int) -> list[Pixels]:
    """The middle squares of the first pictures that can be read."""
    from artstyle.errors import ImageError
    from artstyle.images import center_square, read_rgb, resize_lanczos

    squares: list[Pixels] = []
    for path in paths:
        if len(squares) == most:
            break
        try:
            pixels = read_rgb(path, enough_px=4 * side_px).rgb
        except ImageError:  # told when it is to be learned from
            continue
        square = np.ascontiguousarray(center_square(pixels))
        squares.append(resize_lanczos(square, side_px, side_px))
    return squares

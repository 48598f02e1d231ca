"""A sprite without its background: keys become transparent, and their halo goes with them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from artstyle.sprites.background import Background, Colour, Mask, Pixels, is_vivid, near

# Guesses: how wide the blend from sprite to key is; what part of a pixel must be sprite to count
# as all of it; how far a blended pixel may lie from the line between both colours, of 255.
_RIM_PX = 2
_WHOLE = 0.95
_OFF_LINE = 28.0


def cut_out(rgb: Pixels, alpha: Pixels, background: Background) -> tuple[Pixels, Pixels]:
    """Make the keys of a background transparent.

    A pure key, such as magenta, goes wherever it is; a colour that pictures hold too, such as
    white, goes only where it is connected to the edge. Pixels beside it that are a blend of key
    and sprite become the sprite's colour, as transparent as they were key: no halo remains.

    Args:
        rgb: HWC uint8, straight colours.
        alpha: HW uint8, 255 opaque.
        background: of the sheet.

    Returns:
        New arrays like `rgb` and `alpha`.
    """
    rgb, alpha = rgb.copy(), alpha.copy()
    for key in background.keys:
        gone = near(rgb, key, background.stray) & (alpha > 0)
        if not is_vivid(key):
            gone = _connected_to_edge(gone)
        if gone.any():
            _unmix(rgb, alpha, gone, key)
            alpha[gone] = 0
    return rgb, alpha


def _connected_to_edge(mask: Mask) -> Mask:
    """The regions of a mask that reach the edge of the picture."""
    import cv2

    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    kept: Mask = np.isin(labels, np.unique(edge[edge > 0]))
    return kept


def _unmix(rgb: Pixels, alpha: Pixels, gone: Mask, key: Colour) -> None:
    """Take the key out of the pixels beside it; changes `rgb` and `alpha`.

    Each rim pixel is compared with the nearest pixel further inside: c = a f + (1 - a) k.
    """
    import cv2

    reach = np.ones((2 * _RIM_PX + 1,) * 2, dtype=np.uint8)
    rim = (cv2.dilate(gone.astype(np.uint8), reach) > 0) & ~gone & (alpha > 0)
    inside = ~gone & ~rim & (alpha > 0)
    if not rim.any() or not inside.any():
        return
    nearest = _nearest(inside)
    ys, xs = np.nonzero(rim)
    sources = nearest[ys, xs]
    sprite = rgb.reshape(-1, 3)[sources].astype(np.float64)
    behind = np.array(key, dtype=np.float64)
    seen, way = rgb[ys, xs] - behind, sprite - behind
    length = np.square(way).sum(axis=1)
    share = np.clip((seen * way).sum(axis=1) / np.maximum(length, 1), 0, 1)
    off = np.abs(seen - share[:, None] * way).max(axis=1)
    blended = (share < _WHOLE) & (off <= _OFF_LINE) & (length > 0)
    ys, xs, share, sprite = ys[blended], xs[blended], share[blended], sprite[blended]
    alpha[ys, xs] = np.round(alpha[ys, xs] * share)
    rgb[ys, xs] = sprite


def _nearest(inside: Mask) -> NDArray[np.int64]:
    """For each pixel, the place of the nearest pixel of a mask in the flattened picture."""
    import cv2

    _, labels = cv2.distanceTransformWithLabels(
        (~inside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    places = np.zeros(int(labels.max()) + 1, dtype=np.int64)
    places[labels[inside]] = np.flatnonzero(inside)
    return np.asarray(places[labels])

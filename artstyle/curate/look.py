"""How a crop looks, as a vector: for drawings and photos alike, with nothing to be fetched.

The face of an aligned crop at 64 x 64 pixels gives 896 figures: luma in 16 x 16 fields, freed of
brightness and contrast; blue and red difference in 8 x 8 fields; slopes by direction (8 of them,
without sign) in 8 x 8 fields, as histograms of oriented gradients have them (Dalal & Triggs 2005).
`reduce` brings them to the directions in which a set differs. What lies around the face is faded
out. docs/decisions/0013-curation.md says how well the same person is found again.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from artstyle.curate.figures import at_most

LENGTH = 16 * 16 + 8 * 8 * 2 + 8 * 8 * 8
DIRECTIONS = 32  # that `reduce` keeps; measured: 64 are no better

_SIDE_PX = 64
_CENTRE, _RADII, _SOFT = (0.5, 0.55), (0.30, 0.40), 0.25  # of the window; measured
_LUMA, _COLOUR, _SLOPES = 0.5, 0.5, 1.0  # weights of the three parts; measured
_TYPICAL_CHROMA = 0.35  # length of the colour part of a photo: makes it comparable to the others
_LEAST_SPREAD = 0.03  # of luma, [0, 1]: a face without contrast is not blown up to noise

Pixels = NDArray[np.uint8]
Vectors = NDArray[np.float32]


def look(rgb: Pixels) -> Vectors:
    """The vector of a crop.

    Args:
        rgb: HWC uint8, [0, 255], RGB, square.

    Returns:
        [896] float32; another exposure gives nearly the same, a mirrored crop another one.

    Raises:
        ImageError: see `figures.at_most`.
    """
    import cv2

    picture = at_most(rgb, _SIDE_PX)
    if picture.shape[0] < _SIDE_PX:
        picture = np.asarray(cv2.resize(picture, (_SIDE_PX, _SIDE_PX)), dtype=np.uint8)
    mixed = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb), dtype=np.float32) / 255
    window = _window()
    y = mixed[..., 0].astype(np.float32)
    mean = float((y * window).sum() / window.sum())
    spread = float(np.sqrt((window * (y - mean) ** 2).sum() / window.sum())) + _LEAST_SPREAD
    y = np.asarray((y - mean) / spread, dtype=np.float32)
    fields = np.asarray(cv2.resize(y * window, (16, 16), interpolation=cv2.INTER_AREA), np.float32)
    tints = (mixed[..., 1:] - 128 / 255) * window[..., None]
    colour = np.asarray(cv2.resize(tints, (8, 8), interpolation=cv2.INTER_AREA), np.float32)
    parts = [
        _LUMA * _unit(fields.ravel()),
        _COLOUR / _TYPICAL_CHROMA * colour.ravel(),
        _SLOPES * _unit(_slopes(y, window).ravel()),
    ]
    return np.concatenate(parts).astype(np.float32)


def _slopes(y: NDArray[np.float32], window: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much slope there is in each of 8 directions, in 8 x 8 fields: [8, 8, 8]."""
    import cv2

    across, down = cv2.Sobel(y, cv2.CV_32F, 1, 0), cv2.Sobel(y, cv2.CV_32F, 0, 1)
    strength = np.sqrt(np.hypot(across, down)) * window  # the root: one line does not rule a field
    angle = (np.arctan2(down, across) % np.pi) * (8 / np.pi)
    planes = np.zeros((8, *y.shape), dtype=np.float32)
    for direction in range(8):
        away = np.abs((angle - direction + 4) % 8 - 4)
        planes[direction] = strength * np.maximum(1 - away, 0)
    fields = planes.reshape(8, 8, 8, 8, 8).mean(axis=(2, 4))  # direction, row, -, column, -
    return np.asarray(fields.transpose(1, 2, 0), dtype=np.float32)


def _unit(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(values / (np.linalg.norm(values) + 1e-6), dtype=np.float32)


@cache
def _window() -> NDArray[np.float32]:
    """1 on the face, 0 around it, soft between."""
    at = (np.arange(_SIDE_PX) + 0.5) / _SIDE_PX
    x, y = (at - _CENTRE[0]) / _RADII[0], (at - _CENTRE[1]) / _RADII[1]
    away = np.sqrt(x[None, :] ** 2 + y[:, None] ** 2)
    window: NDArray[np.float32] = np.clip((1 + _SOFT - away) / (2 * _SOFT), 0, 1).astype(np.float32)
    window.setflags(write=False)
    return window


def reduce(vectors: Vectors, directions: int = DIRECTIONS) -> Vectors:
    """Vectors in the directions in which these differ most, and half whitened.

    Principal components, each divided by the root of its standard deviation: what varies most
    (light, colour of the ground) does not drown what tells faces apart.

    Args:
        vectors: [n, length], any embedding.
        directions: how many to keep; fewer where n or length is smaller.

    Returns:
        [n, k] float32; the same vectors give the same result, signs included.
    """
    count = len(vectors)
    centred = vectors - vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    square = (centred.T @ centred).astype(np.float64) / max(count, 1)
    variances, axes = np.linalg.eigh(square)
    keep = min(directions, count, vectors.shape[1])
    order = np.argsort(variances)[::-1][:keep]
    order = order[variances[order] > 1e-12 * max(float(variances[-1]), 1e-30)]
    chosen = axes[:, order]
    signs = np.sign(chosen[np.abs(chosen).argmax(axis=0), np.arange(len(order))])
    spread = np.sqrt(np.sqrt(variances[order]))
    projected = centred @ (chosen * signs / np.maximum(spread, 1e-12)).astype(np.float32)
    return np.asarray(projected, dtype=np.float32)

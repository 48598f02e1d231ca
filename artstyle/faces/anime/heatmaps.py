"""From heat maps to points: the mirrored second look, and DARK's place between the pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Maps = NDArray[np.float32]  # [n, 28, H, W]

# Points that change places in a mirror (see `landmarks`): contour, brows, eyes, mouth.
FLIP_PAIRS = (
    (0, 4),
    (1, 3),
    (5, 10),
    (6, 9),
    (7, 8),
    (11, 19),
    (12, 18),
    (13, 17),
    (14, 22),
    (15, 21),
    (16, 20),
    (24, 26),
)
_KERNEL = 11
_LEAST = 1e-10  # before the logarithm


def mirrored_order(points: int = 28) -> list[int]:
    """For each point the one that it is in the mirror."""
    order = list(range(points))
    for one, two in FLIP_PAIRS:
        order[one], order[two] = two, one
    return order


def averaged(maps: Maps, of_mirror: Maps) -> Maps:
    """The mean of the maps of pictures and of the maps of their mirror images.

    The latter are mirrored back and moved by one to the right, since a strided network does not
    look at the mirror image of the same places; the first column stays as it was.
    """
    back = of_mirror[:, mirrored_order(maps.shape[1]), :, ::-1]
    moved = np.concatenate([back[..., :1], back[..., :-1]], axis=-1)
    mean: Maps = (maps + moved) * np.float32(0.5)
    return mean


def maps_to_points(maps: Maps) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """The places of the maxima between the pixels (DARK: Zhang et al. 2020).

    Args:
        maps: [n, k, H, W].

    Returns:
        [n, k, 2], (x, y), 0 is the centre of the first place; -1 where a map has nothing above 0.
        [n, k], the maxima, of the maps as they came.
    """
    number, points, _, width = maps.shape
    flat = maps.reshape(number, points, -1)
    best = flat.argmax(axis=-1)
    scores = np.take_along_axis(flat, best[..., None], axis=-1)[..., 0]
    places = np.stack([best % width, best // width], axis=-1).astype(np.float64)
    places[scores <= 0] = -1
    for row in np.ndindex(number, points):
        if scores[row] > 0:
            logs = np.log(np.maximum(smoothed(maps[row]), _LEAST))
            places[row] = refined(logs, int(places[row][0]), int(places[row][1]))
    return places, scores.astype(np.float32)


def smoothed(heat: NDArray[np.float32]) -> NDArray[np.float32]:
    """A map smoothed by a Gaussian of 11 pixels (sigma 2), 0 around it, its maximum as before."""
    import cv2

    sigma = 0.3 * ((_KERNEL - 1) / 2 - 1) + 0.8  # what OpenCV takes for a kernel of this size
    blurred = cv2.GaussianBlur(heat, (_KERNEL, _KERNEL), sigma, borderType=cv2.BORDER_CONSTANT)
    most = blurred.max()
    if most <= 0:
        return heat
    return np.asarray(blurred * (heat.max() / most), dtype=np.float32)


def refined(logs: NDArray[np.float32], x: int, y: int) -> tuple[float, float]:
    """The maximum of the parabola through a map's logarithm about its highest pixel.

    Differences are taken over two pixels for the second derivatives, as DARK does. A pixel at the
    border, or one without a curvature, stays where it is.
    """
    height, width = logs.shape
    if not (1 < x < width - 2 and 1 < y < height - 2):
        return float(x), float(y)
    part = logs[y - 2 : y + 3, x - 2 : x + 3].astype(np.float64)
    dx, dy = (part[2, 3] - part[2, 1]) / 2, (part[3, 2] - part[1, 2]) / 2
    dxx = (part[2, 4] - 2 * part[2, 2] + part[2, 0]) / 4
    dyy = (part[4, 2] - 2 * part[2, 2] + part[0, 2]) / 4
    dxy = (part[3, 3] - part[1, 3] - part[3, 1] + part[1, 1]) / 4
    determinant = dxx * dyy - dxy**2
    if determinant == 0:
        return float(x), float(y)
    return (
        x - (dyy * dx - dxy * dy) / determinant,
        y - (dxx * dy - dxy * dx) / determinant,
    )

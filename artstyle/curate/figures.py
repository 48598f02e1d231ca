"""Figures about one aligned crop: sharpness, exposure, greyness, perceptual hash.

All are measured on the crop, brought to at most 256 pixels a side, so that they can be held against
those of crops from other sources. Exposure and sharpness look at the face alone, an ellipse that
every aligned crop has at the same place: what lies behind it may be dark, bright or out of focus.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import ImageError

SIDE_PX = 256  # larger crops are brought to this by areas
BLUR_RANGE_PX = (0.3, 8.0)  # edges narrower or wider than this cannot be told apart

# The face in an aligned crop, as fractions of its side: centre and radii. Read from the template
# of `artstyle.faces.quad` (eyes at 0.476, mouth at 0.7145) and from crops.
_CENTRE, _RADII = (0.5, 0.58), (0.26, 0.34)
_REBLUR_PX = 1.0  # sigma of the blur that edges are compared under
_SLOPE_VARIANCE = 1 / 3  # what the difference of neighbours smears itself: a box of two pixels
_LEAST_EDGE = 6.0  # of 255 per pixel, after the blur: weaker edges are noise and skin; a guess
_EDGE_SHARE = 0.02  # of the face's pixels: the strongest edges, which are looked at; a guess
_EVERY = 4  # greyness looks at every fourth pixel
_BLACK, _WHITE = 3, 252  # values from which on nothing more can be seen
_GREY_STEPS = 2.0  # chroma of so many steps of 255 beside one tint halves greyness; measured

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Figures:
    """What was measured about a crop."""

    sharpness: float  # 1 / (how far its clearest edges are smeared, sigma in px), [0.125, 3.3]
    brightness: float  # mean luma of the face, [0, 1]
    contrast: float  # luma of the face, from its 2nd to its 98th percentile, [0, 1]
    clipped_share: float  # of the face's pixels that are black or white, [0, 1]
    greyness: float  # 1: grey, or one tint as in a sepia print; 0: many colours
    flatness: float  # share of pixels like all around them: high in drawings, low in photos
    phash: str  # 16 hex digits, see `perceptual_hash`


def measure(rgb: Pixels) -> Figures:
    """Measure a crop.

    Args:
        rgb: HWC uint8, [0, 255], RGB, square.

    Raises:
        ImageError: it is no such picture.
    """
    picture = at_most(rgb, SIDE_PX)
    y, chroma = luma(picture), _chroma(picture)
    face = face_mask(picture.shape[0])
    values = y[face]
    low, high = _quantiles(values)
    darkest, brightest = _channels(picture)
    clipped = (brightest[face] <= _BLACK) | (darkest[face] >= _WHITE)
    return Figures(
        sharpness=1 / blur_px(y, face),
        brightness=float(values.mean()) / 255,
        contrast=float(high - low) / 255,
        clipped_share=float(clipped.mean()),
        greyness=greyness(y[::_EVERY, ::_EVERY], chroma),
        flatness=flatness(picture),
        phash=hash_text(perceptual_hash(y)),
    )


def _quantiles(values: NDArray[np.float32]) -> tuple[float, float]:
    """The 2nd and the 98th percentile, without interpolation."""
    few = len(values) // 50
    ordered = np.partition(values, (few, len(values) - 1 - few))
    return float(ordered[few]), float(ordered[len(values) - 1 - few])


def at_most(rgb: Pixels, side_px: int) -> Pixels:
    """A square picture, shrunk by areas if it is larger than this.

    Raises:
        ImageError: it is no square RGB picture of 8 pixels a side or more.
    """
    import cv2

    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ImageError(f"an array of {rgb.dtype} and shape {rgb.shape} is no RGB picture")
    if rgb.shape[0] != rgb.shape[1] or rgb.shape[0] < 8:
        raise ImageError(
            f"a crop of {rgb.shape[1]}x{rgb.shape[0]} pixels cannot be measured:"
            " crops are square, and of 8 pixels at least"
        )
    if rgb.shape[0] <= side_px:
        return rgb
    small = cv2.resize(rgb, (side_px, side_px), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


def luma(rgb: Pixels) -> NDArray[np.float32]:
    """Luma by BT.601, HW float32, [0, 255]."""
    import cv2

    grey = cv2.cvtColor(rgb.astype(np.float32), cv2.COLOR_RGB2GRAY)
    return np.asarray(grey, dtype=np.float32)


@cache
def face_mask(side_px: int) -> NDArray[np.bool_]:
    """Where the face is in an aligned crop: HW bool."""
    at = (np.arange(side_px) + 0.5) / side_px
    x, y = (at - _CENTRE[0]) / _RADII[0], (at - _CENTRE[1]) / _RADII[1]
    mask: NDArray[np.bool_] = x[None, :] ** 2 + y[:, None] ** 2 <= 1
    mask.setflags(write=False)
    return mask


def blur_px(y: NDArray[np.float32], face: NDArray[np.bool_]) -> float:
    """How far the clearest edges of a picture are smeared: sigma of a Gaussian, in its pixels.

    An edge that is smeared by s has, once blurred by b more, a slope smaller by the factor
    sqrt(s^2 + b^2) / s, whatever its height (Zhuo & Sim 2011, equation 6): so neither contrast nor
    texture enters, and the hard lines of a flat drawing are as sharp as they are. The median over
    the strongest edges; noise has no edges that outlast the blur.

    Args:
        y: HW float32, [0, 255].
        face: HW, where to look.

    Returns:
        Within `BLUR_RANGE_PX`; the upper end where there is no edge at all.
    """
    import cv2

    blurred = np.asarray(cv2.GaussianBlur(y, (0, 0), _REBLUR_PX), dtype=np.float32)
    before, after = _slope(y), _slope(blurred)
    ridge = (after >= cv2.dilate(after, np.ones((3, 3), np.uint8)) * 0.9) & face
    strengths = after[ridge]
    if strengths.size == 0:
        return BLUR_RANGE_PX[1]
    count = min(max(int(_EDGE_SHARE * face.sum()), 16), strengths.size)
    least = max(np.partition(strengths, -count)[-count], _LEAST_EDGE)
    chosen = ridge & (after >= least)
    if not chosen.any():
        return BLUR_RANGE_PX[1]
    ratio = np.maximum(before[chosen] / after[chosen], 1 + 1e-3)
    square = float(np.median(_REBLUR_PX**2 / (ratio**2 - 1))) - _SLOPE_VARIANCE
    return float(np.clip(np.sqrt(max(square, 0)), *BLUR_RANGE_PX))


def _slope(y: NDArray[np.float32]) -> NDArray[np.float32]:
    """The gradient's length, between neighbouring pixels."""
    import cv2

    kernel = np.array([[-0.5, 0, 0.5]], dtype=np.float32)
    across = cv2.filter2D(y, cv2.CV_32F, kernel)
    down = cv2.filter2D(y, cv2.CV_32F, kernel.T)
    return np.asarray(cv2.magnitude(across, down), dtype=np.float32)


def greyness(y: NDArray[np.float32], chroma: NDArray[np.float32]) -> float:
    """How near a picture's colours lie to one line from black to white: [0, 1].

    Grey prints have no chroma; in sepia prints it follows from the luma. What is left once a
    parabola in the luma has been taken away is colour.

    Args:
        y: HW, [0, 255].
        chroma: HW2, red and blue difference, in steps of 255.
    """
    tints = chroma.reshape(-1, 2)
    t = y.ravel() / 255 - 0.5
    ways = np.stack([np.ones_like(t), t, t * t], axis=1)
    # Normal equations: three unknowns, and a tiny ridge for pictures of one luma.
    square = ways.T @ ways + 1e-3 * np.eye(3, dtype=np.float32)
    rest = tints - ways @ np.linalg.solve(square, ways.T @ tints)
    strayed = float(np.sqrt(np.square(rest).sum(axis=1).mean()))
    return float(2 ** -((strayed / _GREY_STEPS) ** 2))


def _chroma(rgb: Pixels) -> NDArray[np.float32]:
    """Red and blue difference of every fourth pixel, HW2, in steps of 255; 0 is grey."""
    import cv2

    small = np.ascontiguousarray(rgb[::_EVERY, ::_EVERY])
    mixed = cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb)
    return np.asarray(mixed[..., 1:], dtype=np.float32) - 128


def flatness(rgb: Pixels) -> float:
    """The share of pixels that differ from none of their neighbours by more than a step of 255."""
    import cv2

    kernel = np.ones((3, 3), np.uint8)
    reach = cv2.subtract(cv2.dilate(rgb, kernel), cv2.erode(rgb, kernel))
    _, widest = _channels(np.asarray(reach, dtype=np.uint8))
    return float((widest <= 1).mean())


def _channels(rgb: Pixels) -> tuple[Pixels, Pixels]:
    """The least and the greatest of each pixel's three channels, HW."""
    import cv2

    red, green, blue = cv2.split(rgb)
    least = cv2.min(cv2.min(red, green), blue)
    greatest = cv2.max(cv2.max(red, green), blue)
    return np.asarray(least, dtype=np.uint8), np.asarray(greatest, dtype=np.uint8)


def perceptual_hash(y: NDArray[np.float32]) -> int:
    """64 bits that near-duplicates share most of.

    The picture by areas to 32 x 32, its cosine transform (DCT-II), of that the 8 x 8 lowest
    frequencies; a bit for each that says whether it is above the median of the 63 without the mean.

    Args:
        y: HW, [0, 255].

    Returns:
        The bits row by row, the first as the highest; that of the mean is 0.
    """
    import cv2
    from scipy.fft import dctn

    small = cv2.resize(y, (32, 32), interpolation=cv2.INTER_AREA)
    low = dctn(small, norm="ortho")[:8, :8].ravel()
    low[0] = -np.inf
    bits = low > np.median(low[1:])
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def hash_text(value: int) -> str:
    """A hash as 16 hexadecimal digits."""
    return f"{value:016x}"

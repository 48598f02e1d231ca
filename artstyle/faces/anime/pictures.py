"""Pictures on their way into the networks: fitted, padded, normalised, or cut out around a face.

The arithmetic is that of mmdet's and mmpose's pipelines: bilinear without smoothing, also where a
picture is shrunk, since the networks were trained so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from artstyle.faces.detector import Box, Pixels

CROP_PX = 256  # what HRNetV2 looks at
_PAD_TO_PX = 32
_PADDING = 1.25  # of the side of the box, mmpose's
_PIXEL_STD = 200.0  # mmpose gives the sizes of boxes in this unit


@dataclass(frozen=True)
class Normalisation:
    """What is taken off and divided by; RGB, of pixels in [0, 255]."""

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]


UNIT = Normalisation((0.0, 0.0, 0.0), (255.0, 255.0, 255.0))
IMAGENET = Normalisation((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))


@dataclass(frozen=True, eq=False)
class Fitted:
    """A picture as a detector takes it."""

    planes: NDArray[np.float32]  # [1, 3, H, W], H and W multiples of 32
    size_px: tuple[int, int]  # width and height without the padding
    factors: NDArray[np.float32]  # [4]: a box of the original times this is one of `planes`


def fitted_size(width: int, height: int, bounds_px: tuple[int, int]) -> tuple[int, int]:
    """The largest size of the same proportions within bounds; small pictures are enlarged.

    Args:
        width: of the picture.
        height: of the picture.
        bounds_px: for the longer and for the shorter side, in either order.
    """
    scale = min(max(bounds_px) / max(width, height), min(bounds_px) / min(width, height))
    return max(int(width * scale + 0.5), 1), max(int(height * scale + 0.5), 1)


def fitted(rgb: Pixels, bounds_px: tuple[int, int], normalisation: Normalisation) -> Fitted:
    """A picture within bounds, normalised, then padded with 0 to the right and below.

    Args:
        rgb: HWC uint8.
        bounds_px: see `fitted_size`.
        normalisation: of its pixels.
    """
    import cv2

    height, width = rgb.shape[:2]
    size = fitted_size(width, height, bounds_px)
    picture = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)
    across, down = (-(-side // _PAD_TO_PX) * _PAD_TO_PX for side in size)
    planes = np.zeros((1, 3, down, across), np.float32)
    planes[0, :, : size[1], : size[0]] = normalised(picture, normalisation)
    factors = np.array([size[0] / width, size[1] / height] * 2, np.float32)
    return Fitted(planes, size, factors)


def normalised(rgb: NDArray[np.uint8], normalisation: Normalisation) -> NDArray[np.float32]:
    """HWC uint8, RGB, to CHW float32."""
    mean = np.array(normalisation.mean, np.float32)
    deviation = np.array(normalisation.deviation, np.float32)
    return ((rgb.astype(np.float32) - mean) / deviation).transpose(2, 0, 1)


def grown(box: Box, factor: float) -> Box:
    """A box about its own centre, one pixel and then a factor larger, as anime-face-detector's."""
    x0, y0, x1, y1 = box
    half_width, half_height = (x1 - x0 + 1) * factor / 2, (y1 - y0 + 1) * factor / 2
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    return x - half_width, y - half_height, x + half_width, y + half_height


@dataclass(frozen=True)
class Window:
    """The square of a picture that HRNetV2 looks at; x and y count from the first pixel's centre.

    mmpose puts the middle of the box as it is to pixel (128, 128) of its crop, and we do as it
    does; by the centre of the crop, (127.5, 127.5), it would be half a pixel of the crop off.
    """

    centre: tuple[float, float]
    scale: float  # its side over 200 pixels, padding included

    @property
    def side_px(self) -> float:
        """Of the square, in pixels of the picture."""
        return self.scale * _PIXEL_STD


def box_to_window(box: Box) -> Window:
    """The box made square by its longer side, with a quarter more."""
    x0, y0, x1, y1 = box
    side = max(x1 - x0, y1 - y0)
    return Window((x0 + (x1 - x0) / 2, y0 + (y1 - y0) / 2), side / _PIXEL_STD * _PADDING)


def cut_out(rgb: Pixels, window: Window) -> Pixels:
    """The window at 256x256, black where it leaves the picture.

    Args:
        rgb: HWC uint8.
        window: from `box_to_window`.
    """
    import cv2

    factor = CROP_PX / window.side_px
    shift = CROP_PX / 2 - factor * np.array(window.centre)
    matrix = np.array([[factor, 0, shift[0]], [0, factor, shift[1]]])
    crop = cv2.warpAffine(rgb, matrix, (CROP_PX, CROP_PX), flags=cv2.INTER_LINEAR)
    return np.asarray(crop, dtype=np.uint8)


def map_to_picture(
    places: NDArray[np.float64], window: Window, map_side: int
) -> NDArray[np.float64]:
    """Places of the heat map in the picture.

    Args:
        places: [..., 2], (x, y); 0 is the centre of the first place.
        window: what the map shows.
        map_side: places along a side of the map.

    Returns:
        [..., 2], (x, y) in pixels; the centre of pixel i lies at i + 0.5.
    """
    start = np.array(window.centre) - window.side_px / 2
    # mmpose counts from the centre of the first pixel: half a pixel more in the house's way.
    return places * (window.side_px / map_side) + start + 0.5

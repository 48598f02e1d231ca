"""Pictures as arrays: to tensors and back, to another size, to a square.

Pixel-centre rule: pixel i covers [i, i + 1) and its centre lies at i + 0.5. Resizing maps edges to
edges, so that pixel j of `new` takes its centre from (j + 0.5) * old / new (`align_corners=False`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from artstyle.errors import ImageError

if TYPE_CHECKING:
    import torch


def to_tensor(pixels: NDArray[np.uint8]) -> torch.Tensor:
    """A picture or several as networks take them.

    Args:
        pixels: HWC or NHWC, uint8, [0, 255], RGB; HW is one grey picture.

    Returns:
        NCHW float32 on the CPU, [-1, 1]: x / 127.5 - 1.

    Raises:
        ImageError: another dtype or shape.
    """
    import torch

    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3, 4):
        raise ImageError(
            f"an array of {pixels.dtype} and shape {pixels.shape} is no picture:"
            " uint8 and HW, HWC or NHWC is"
        )
    batch = pixels[None, :, :, None] if pixels.ndim == 2 else pixels
    batch = batch[None] if batch.ndim == 3 else batch
    planes = np.array(batch.transpose(0, 3, 1, 2), dtype=np.float32, order="C")
    return torch.from_numpy(planes).div_(127.5).sub_(1.0)


def from_tensor(tensor: torch.Tensor) -> NDArray[np.uint8]:
    """What a network drew, as one picture.

    Args:
        tensor: CHW or 1CHW, any float type and device, nominally [-1, 1].

    Returns:
        HWC uint8, [0, 255]: x * 127.5 + 128, clamped to 0..255, fractions cut off (the rule of
        the official implementations).

    Raises:
        ImageError: another shape, or values that are not finite.
    """
    if tensor.ndim == 3:
        tensor = tensor[None]
    if tensor.ndim != 4 or tensor.shape[0] != 1:
        raise ImageError(
            f"a tensor of shape {tuple(tensor.shape)} is not one picture: CHW or 1CHW is",
            hint="take several with from_batch",
        )
    picture: NDArray[np.uint8] = from_batch(tensor)[0]
    return picture


def from_batch(tensor: torch.Tensor) -> NDArray[np.uint8]:
    """What a network drew, as pictures.

    Args:
        tensor: NCHW, any float type and device, nominally [-1, 1].

    Returns:
        NHWC uint8, [0, 255], by the rule of `from_tensor`.

    Raises:
        ImageError: another shape, or values that are not finite.
    """
    import torch

    if tensor.ndim != 4:
        raise ImageError(f"a tensor of shape {tuple(tensor.shape)} holds no pictures: NCHW does")
    values = tensor.detach().to(torch.float32)
    if not bool(torch.isfinite(values).all()):
        bad = int((~torch.isfinite(values)).sum())
        raise ImageError(
            f"{bad:,} of {values.numel():,} values of the picture are not finite",
            hint="the network has diverged: go back to an earlier snapshot, or lower the rate",
        )
    eight = (values * 127.5 + 128.0).clamp(0, 255).to(torch.uint8)
    pixels: NDArray[np.uint8] = eight.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return pixels


def resize_lanczos(pixels: NDArray[np.uint8], width_px: int, height_px: int) -> NDArray[np.uint8]:
    """Resize with a Lanczos filter of three lobes, widened when shrinking so that nothing aliases.

    Args:
        pixels: HW, or HWC with 3 or 4 channels, uint8; transparent pixels do not bleed.
        width_px: the new width.
        height_px: the new height.

    Returns:
        HW or HWC uint8; edges map to edges (see the module's pixel-centre rule).
    """
    return _resize(pixels, width_px, height_px, PillowImage.Resampling.LANCZOS)


def resize_area(pixels: NDArray[np.uint8], width_px: int, height_px: int) -> NDArray[np.uint8]:
    """Resize so that each new pixel is the mean of the area it covers; arguments as before."""
    return _resize(pixels, width_px, height_px, PillowImage.Resampling.BOX)


def resize_nearest(pixels: NDArray[np.uint8], width_px: int, height_px: int) -> NDArray[np.uint8]:
    """Resize by taking the nearest pixel, which keeps pixel art crisp; arguments as before."""
    return _resize(pixels, width_px, height_px, PillowImage.Resampling.NEAREST)


def _resize(
    pixels: NDArray[np.uint8], width_px: int, height_px: int, how: PillowImage.Resampling
) -> NDArray[np.uint8]:
    if width_px < 1 or height_px < 1:
        raise ImageError(f"a picture cannot be resized to {width_px} x {height_px} pixels")
    if pixels.shape[:2] == (height_px, width_px):
        return pixels.copy()
    picture = PillowImage.fromarray(np.ascontiguousarray(pixels))
    return np.array(picture.resize((width_px, height_px), how))


def center_square(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The largest square in the middle, as a view.

    Args:
        pixels: HW or HWC. Where the margins cannot be equal, the left or upper one is smaller.

    Returns:
        HW or HWC with both sides as long as the shorter side was.
    """
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[top : top + side, left : left + side]

"""Three ways in which pictures are brought to 299 x 299 for Inception; they give different FIDs.

    official     TensorFlow 1's bilinear, inside the network: no antialiasing, and pixel 0 of both
                 sizes at one place, so that pictures shift by up to half a pixel. (x - 128) / 128
    clean        clean-fid (Parmar et al. 2022): Pillow's bicubic on floats, antialiased, clamped
                 to [0, 255]. (x - 128) / 128
    pytorch-fid  torch's bilinear, half-pixel centres, no antialiasing. 2 x / 255 - 1

Pictures come in as uint8, whatever they were drawn by, and are never rounded again.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image as PillowImage

from artstyle.errors import UsageError
from artstyle.perception.inception import SIDE_PX

Protocol: TypeAlias = Literal["official", "clean", "pytorch-fid"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
IN_WORDS: dict[Protocol, str] = {
    "official": "TensorFlow 1 bilinear to 299, (x - 128) / 128",
    "clean": "Pillow bicubic, antialiased, float, to 299, (x - 128) / 128 (clean-fid)",
    "pytorch-fid": "torch bilinear to 299, 2 x / 255 - 1",
}


def prepare(pictures: NDArray[np.uint8], protocol: Protocol) -> torch.Tensor:
    """Pictures as the network takes them.

    Args:
        pictures: [n, h, w, 3] uint8, [0, 255], RGB.
        protocol: see the module's text.

    Returns:
        [n, 3, 299, 299] float32, about [-1, 1].

    Raises:
        UsageError: no such protocol, or an array that holds no pictures.
    """
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[3] != 3:
        raise UsageError(f"{pictures.dtype} {pictures.shape} are no pictures: NHWC uint8 RGB is")
    if protocol == "clean":
        return (torch.from_numpy(np.stack([bicubic(one) for one in pictures])) - 128) / 128
    images = torch.from_numpy(pictures.transpose(0, 3, 1, 2).astype(np.float32))
    if protocol == "official":
        return (bilinear_tf1(images, SIDE_PX) - 128) / 128
    if protocol == "pytorch-fid":
        size = (SIDE_PX, SIDE_PX)
        scaled = F.interpolate(images / 255, size=size, mode="bilinear", align_corners=False)
        return 2 * scaled - 1
    raise UsageError(f"there is no protocol {protocol!r}; known: {', '.join(PROTOCOLS)}")


def bilinear_tf1(images: torch.Tensor, side_px: int) -> torch.Tensor:
    """TensorFlow 1's ResizeBilinear: output pixel j is read at j * old / new, edges repeated.

    Args:
        images: [n, c, h, w] float32.
        side_px: of the result.
    """
    for axis in (2, 3):
        old = images.shape[axis]
        where = torch.arange(side_px, dtype=torch.float32) * torch.tensor(old / side_px)
        low = where.floor().long().clamp(max=old - 1)
        high = (low + 1).clamp(max=old - 1)
        share = (where - low).reshape([-1, 1] if axis == 2 else [-1])
        first, second = images.index_select(axis, low), images.index_select(axis, high)
        images = torch.lerp(first, second, share.to(images).expand_as(first))
    return images


def bicubic(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pillow's bicubic, each channel as floats: HWC uint8 to [3, 299, 299] float32 in [0, 255]."""
    size = (SIDE_PX, SIDE_PX)
    planes = []
    for channel in range(3):
        plane = PillowImage.fromarray(picture[..., channel].astype(np.float32))
        planes.append(np.asarray(plane.resize(size, PillowImage.Resampling.BICUBIC)))
    clamped: NDArray[np.float32] = np.stack(planes).clip(0, 255)
    return clamped

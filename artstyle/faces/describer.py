"""dlib's network that tells people apart, run by torch: the same figures in a tenth of the time.

The packages that bring dlib as a wheel compute its networks without a matrix library, at 0.14 s a
face on one core; the same layers by torch take 0.01 s. The weights are read from dlib's own file
(dlib_face_recognition_resnet_model_v1.dat, CC0), so nothing is shipped twice. The figures agree to
the last bits of float32 (a test compares them with dlib's).

The network is a ResNet of 29 convolutions (King, "High Quality Face Recognition with Deep Metric
Learning", 2017; He et al. 2015): each followed by a scale and shift per channel, two to a block.
Where a block halves the picture, its skip is a mean over 2x2; where skip and block differ in size
or in channels, the smaller is filled up with zeros.

How the file is laid out: layers in the order of computing, each with its name. A tensor is its
version (2), four sizes and then float32; whole numbers are a byte that says how many bytes follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from artstyle.errors import WeightsError

CHIP_PX, FIGURES = 150, 128
AT_ONCE = 16  # faces: 30 MB

_MEAN_RGB, _RANGE = (122.782, 117.001, 104.298), 256.0  # as its input layer says
_CONV, _AFFINE, _LAST = b"\x01\x05con_4", b"\x01\x07affine_", b"\x01\x04fc_2"
# (channels in, channels out, kernel, stride), from the picture on
_STEM = (3, 32, 7, 2)
_BLOCKS = (  # channels in and out, and whether it halves
    *[(32, 32, 1)] * 3,
    *[(32, 64, 2), (64, 64, 1), (64, 64, 1), (64, 64, 1)],
    *[(64, 128, 2), (128, 128, 1), (128, 128, 1)],
    *[(128, 256, 2), (256, 256, 1), (256, 256, 1)],
    (256, 256, 2),
)


@dataclass(frozen=True)
class _Conv:
    """A convolution with the scale and shift after it taken in."""

    weight: torch.Tensor  # [out, in, k, k]
    bias: torch.Tensor  # [out]
    stride: int

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Filled up with zeros only where it keeps the size."""
        edge = self.weight.shape[2] // 2 if self.stride == 1 else 0
        return F.conv2d(x, self.weight, self.bias, stride=self.stride, padding=edge)


class Describer:
    """Describes faces.

    Args:
        path: dlib's file.

    Raises:
        WeightsError: it is not that file, or damaged.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        reader = _Reader(path)
        self._stem = reader.conv(*_STEM)
        self._blocks = [
            (reader.conv(into, out, 3, stride), reader.conv(out, out, 3, 1))
            for into, out, stride in _BLOCKS
        ]
        self._last = reader.last(_BLOCKS[-1][1])

    def __call__(self, chips: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """The figures of faces.

        Args:
            chips: each [150, 150, 3] uint8, RGB, as dlib.get_face_chip cuts with a padding of 0.25.

        Returns:
            [n, 128] float32.
        """
        rows = [np.zeros((0, FIGURES), dtype=np.float32)]
        for begin in range(0, len(chips), AT_ONCE):
            with torch.inference_mode():
                pictures = torch.from_numpy(np.stack(chips[begin : begin + AT_ONCE]))
                rows.append(self._describe(pictures.permute(0, 3, 1, 2)).numpy())
        return np.concatenate(rows)

    def _describe(self, pictures: torch.Tensor) -> torch.Tensor:
        x = (pictures.float() - torch.tensor(_MEAN_RGB).view(1, 3, 1, 1)) / _RANGE
        x = x.contiguous(memory_format=torch.channels_last)
        x = F.max_pool2d(self._stem(x).relu_(), kernel_size=3, stride=2)
        for first, second in self._blocks:
            skip = F.avg_pool2d(x, 2) if first.stride == 2 else x
            x = _sum(skip, second(first(x).relu_())).relu_()
        return x.mean(dim=(2, 3)) @ self._last


def _sum(one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
    """Two maps [n, c, h, w]; where one has less, it counts as zero there."""
    _, depth, height, width = map(max, zip(one.shape, two.shape, strict=True))

    def filled(x: torch.Tensor) -> torch.Tensor:
        return F.pad(x, (0, width - x.shape[3], 0, height - x.shape[2], 0, depth - x.shape[1]))

    return filled(one) + filled(two)


class _Reader:
    """Goes through dlib's file from layer to layer."""

    def __init__(self, path: Path) -> None:
        self._path, self._held, self._at = path, path.read_bytes(), 0

    def conv(self, into: int, out: int, kernel: int, stride: int) -> _Conv:
        """The next convolution, with what stands after it."""
        self._go_to(_CONV)
        parameters = self._tensor(out * into * kernel**2 + out)
        said = [self._number() for _ in range(4)]
        if said != [out, kernel, kernel, stride]:
            raise self._fault()
        self._go_to(_AFFINE)
        scale, shift = self._tensor(2 * out).chunk(2)
        weight = parameters[:-out].view(out, into, kernel, kernel) * scale.view(-1, 1, 1, 1)
        weight = weight.contiguous(memory_format=torch.channels_last)
        return _Conv(weight, parameters[-out:] * scale + shift, stride)

    def last(self, into: int) -> torch.Tensor:
        """The product at the end, [into, 128]."""
        self._go_to(_LAST)
        if [self._number(), self._number()] != [FIGURES, into]:
            raise self._fault()
        return self._tensor(into * FIGURES).view(into, FIGURES)

    def _go_to(self, name: bytes) -> None:
        found = self._held.find(name, self._at)
        if found < 0:
            raise self._fault()
        self._at = found + len(name)

    def _number(self) -> int:
        """A whole number, not negative."""
        size = self._held[self._at] if self._at < len(self._held) else 0
        if not 1 <= size <= 8:
            raise self._fault()
        begin, self._at = self._at + 1, self._at + 1 + size
        return int.from_bytes(self._held[begin : self._at], "little")

    def _tensor(self, count: int) -> torch.Tensor:
        """A tensor of so many figures, flat."""
        version, *sizes = (self._number() for _ in range(5))
        end = self._at + 4 * count
        if version != 2 or np.prod(sizes) != count or end > len(self._held):
            raise self._fault()
        figures = np.frombuffer(self._held, "<f4", count, self._at).astype(np.float32)
        self._at = end
        if not np.isfinite(figures).all():
            raise self._fault()
        return torch.from_numpy(figures)

    def _fault(self) -> WeightsError:
        return WeightsError(
            f"{self._path} is not dlib's descriptor of faces, or damaged near byte {self._at}",
            hint="pip install --force-reinstall --no-deps face-recognition-models",
        )

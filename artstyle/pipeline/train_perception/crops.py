"""Two crops of every picture of a batch, the same for the same seed and step.

Colours are changed little, and never taken away: a network that shall see style has to see them
(contrastive style descriptors, Somepalli et al. 2024, leave out such augmentations altogether).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from artstyle.pipeline.train_perception.album import Album, Picture

# Of a crop's side, as a share of the picture's: from details as fine as the file has them to the
# whole, so that strokes and things are both seen.
_SMALLEST_SIDE = 0.3
_ASPECT = 4 / 3
_CONTRAST, _BRIGHTNESS, _TINT = 0.25, 0.15, 0.08


class Batches:
    """What is shown at each step.

    Args:
        album: the pictures.
        crops: per step, two of each picture.
        unlabelled_share: of pictures without a kind, where there are both.
        seed: of order and crops.
    """

    def __init__(self, album: Album, crops: int, unlabelled_share: float, seed: int) -> None:
        self.album, self.seed = album, seed
        pools = (album.shown_labelled, album.shown_unlabelled)
        count = crops // 2
        without = round(count * unlabelled_share) if len(pools[0]) and len(pools[1]) else 0
        if not len(pools[0]):
            without = count
        self._pools, self._shares = pools, (count - without, without)

    @property
    def pictures(self) -> int:
        """How many an epoch has."""
        return sum(len(pool) for pool in self._pools)

    def members(self, step: int) -> NDArray[np.int64]:
        """Numbers of the pictures of a step: each pool is gone through before one comes again."""
        found = []
        for which, (pool, share) in enumerate(zip(self._pools, self._shares, strict=True)):
            for place in range(step * share, (step + 1) * share):
                epoch, at = divmod(place, len(pool))
                found.append(pool[_order(self.seed, which, epoch, len(pool))[at]])
        return np.array(found, dtype=np.int64)

    def at(self, step: int, side_px: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The crops of a step.

        Returns:
            [2 p, 3, side, side] float32, RGB, about [-1, 1], channels last in memory: the first
            crops of p pictures, then the second ones; and the p pictures' kinds, -1 for none.
        """
        import cv2

        members = self.members(step)
        dice = np.random.default_rng([self.seed, step])
        crops = np.empty((2 * len(members), side_px, side_px, 3), dtype=np.uint8)
        for row in range(2 * len(members)):
            part = _part(self.album.pictures[members[row % len(members)]], dice)
            how = cv2.INTER_AREA if min(part.shape[:2]) > side_px else cv2.INTER_LINEAR
            crops[row] = cv2.resize(part, (side_px, side_px), interpolation=how)
            if dice.random() < 0.5:
                crops[row] = crops[row, :, ::-1]
        images = torch.from_numpy(crops).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
        return _recoloured(images, dice), torch.from_numpy(self.album.kinds[members])


@lru_cache(maxsize=4)
def _order(seed: int, which: int, epoch: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, which, epoch]).permutation(count)


def _part(picture: Picture, dice: np.random.Generator) -> Picture:
    """A rectangle somewhere in a picture."""
    height, width = picture.shape[:2]
    area = dice.uniform(_SMALLEST_SIDE, 1.0) ** 2 * height * width
    aspect = math.exp(dice.uniform(-math.log(_ASPECT), math.log(_ASPECT)))
    wide = min(width, max(1, round(math.sqrt(area * aspect))))
    high = min(height, max(1, round(math.sqrt(area / aspect))))
    left, top = int(dice.integers(width - wide + 1)), int(dice.integers(height - high + 1))
    return picture[top : top + high, left : left + wide]


def _recoloured(images: torch.Tensor, dice: np.random.Generator) -> torch.Tensor:
    """A little more or less contrast, brightness and tint."""
    count = len(images)
    contrast = dice.uniform(1 - _CONTRAST, 1 + _CONTRAST, (count, 1, 1, 1))
    tint = dice.uniform(1 - _TINT, 1 + _TINT, (count, 3, 1, 1))
    shift = dice.uniform(-_BRIGHTNESS, _BRIGHTNESS, (count, 1, 1, 1))
    gain = torch.from_numpy((contrast * tint).astype(np.float32))
    return (images * gain + torch.from_numpy(shift.astype(np.float32))).clamp_(-1, 1)


def middles(album: Album, numbers: NDArray[np.int64], side_px: int) -> torch.Tensor:
    """The middle squares of pictures, as they are judged.

    Args:
        album: the pictures.
        numbers: which.
        side_px: of the squares.

    Returns:
        [n, 3, side, side] float32, RGB, [-1, 1], channels last in memory.
    """
    from artstyle.images import center_square, resize_area, resize_lanczos

    squares = np.empty((len(numbers), side_px, side_px, 3), dtype=np.uint8)
    for row, number in enumerate(numbers):
        square = center_square(album.pictures[number])
        resize = resize_area if square.shape[0] > side_px else resize_lanczos
        squares[row] = resize(square, side_px, side_px)
    return torch.from_numpy(squares).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)

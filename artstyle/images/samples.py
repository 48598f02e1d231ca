"""From samples of any depth to eight bits: 0 stays black, the largest value becomes 255.

Pillow clips what is deeper than eight bits; here the whole range is kept. The arithmetic is
round(value * 255 / largest), where `largest` is what the file's sample format can say, so that two
pictures of one camera stay comparable.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from artstyle.errors import ImageError

# Pillow's name of the stored samples -> smallest and largest value, where it is not 0..65535.
_RANGES = {
    "I;12": (0, 4095),
    "I;16S": (-32768, 32767),
    "I;16BS": (-32768, 32767),
    "I;16NS": (-32768, 32767),
    "I;32N": (0, 2**32 - 1),
    "I;32": (0, 2**32 - 1),
    "I;32B": (0, 2**32 - 1),
    "I;32S": (-(2**31), 2**31 - 1),
    "I;32BS": (-(2**31), 2**31 - 1),
    "I;32NS": (-(2**31), 2**31 - 1),
}


def is_deep(mode: str) -> bool:
    """Whether a Pillow mode holds samples of more than eight bits."""
    return mode in ("I", "F") or mode.startswith("I;16")


def to_eight_bits(
    samples: NDArray[np.generic], stored: str, *, white_is_zero: bool = False
) -> tuple[NDArray[np.uint8], str]:
    """Reduce a grey picture to eight bits.

    Args:
        samples: HW, integers or floats as Pillow decoded them.
        stored: Pillow's name of the samples in the file, e.g. "I;16B" or "F;32F".
        white_is_zero: the file says that 0 is white.

    Returns:
        HW uint8, [0, 255], 0 black; and what was done, in words.

    Raises:
        ImageError: floats that lie in no known range.
    """
    if samples.dtype.kind == "f":
        grey, note = _from_floats(samples)
    else:
        grey, note = _from_integers(samples, stored)
    return (255 - grey if white_is_zero else grey), note


def _from_integers(samples: NDArray[np.generic], stored: str) -> tuple[NDArray[np.uint8], str]:
    low, high = _RANGES.get(stored, (0, 65535))
    if high == 2**32 - 1:  # Pillow keeps unsigned values in signed cells
        samples = samples.astype(np.int32).view(np.uint32)
    values = np.clip(samples.astype(np.int64), low, high) - low
    span = high - low
    bits = span.bit_length()
    return ((values * 255 + span // 2) // span).astype(np.uint8), f"{bits}-bit reduced to 8-bit"


def _from_floats(samples: NDArray[np.generic]) -> tuple[NDArray[np.uint8], str]:
    values = samples.astype(np.float64)
    if not np.isfinite(values).all():
        raise ImageError("it holds floating-point samples that are not finite")
    low, high = float(values.min()), float(values.max())
    for largest in (1.0, 255.0):
        if low >= 0 and high <= largest:
            eight = np.floor(values * (255 / largest) + 0.5).astype(np.uint8)
            return eight, f"floats of 0..{largest:g} reduced to 8-bit"
    raise ImageError(
        f"its floating-point samples run from {low:g} to {high:g}, and no rule says what is white",
        hint="save it as 16-bit PNG with the range that shall be seen",
    )


def transparent_sample(value: object, stored: str) -> int | tuple[int, ...] | bytes | None:
    """A transparent colour as the file says it, in the eight bits its picture was decoded to.

    Args:
        value: as Pillow hands it on; a number, one per channel, or an alpha per palette entry.
        stored: Pillow's name of the samples, e.g. "L;4" or "RGB;16B".

    Returns:
        What Pillow's conversion to RGBA wants; None if the value makes no sense.
    """
    if isinstance(value, bytes):
        return value
    numbers = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(number, int) for number in numbers):
        return None
    if stored == "1":
        numbers = tuple(255 * (number != 0) for number in numbers)
    if ";16" in stored:
        numbers = tuple(number >> 8 for number in numbers)
    for bits in (2, 4):
        if stored.startswith(f"L;{bits}"):
            numbers = tuple(number * 255 // (2**bits - 1) for number in numbers)
    if not all(0 <= number <= 255 for number in numbers):
        return None
    return numbers if isinstance(value, tuple) else numbers[0]


def deep_alpha(samples: NDArray[np.generic], transparent: object) -> NDArray[np.uint8] | None:
    """The alpha plane of a deep grey picture of which one value is transparent.

    Args:
        samples: HW, as stored.
        transparent: that value, or None.

    Returns:
        HW uint8, 0 or 255; None if nothing is transparent.
    """
    if not isinstance(transparent, int):
        return None
    return np.where(samples == transparent, np.uint8(0), np.uint8(255))


def grey_picture(grey: NDArray[np.uint8]) -> PillowImage.Image:
    """HW uint8 as a Pillow picture of mode L."""
    return PillowImage.fromarray(np.ascontiguousarray(grey))

"""Feature spaces: what turns pictures into rows of figures whose distances mean something.

A Fréchet distance is an FID, and a kernel distance a KID, in Inception's features alone. In any
other space the same arithmetic has the space's name: `fd_dlib`, `kd_dlib`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Picture: TypeAlias = NDArray[np.uint8]
FID_SPACE = "inception"


class FeatureSpace(Protocol):
    """What a space says of itself and does."""

    name: str  # "inception", "own", "dlib", "scatter": part of the measures' names
    title: str  # for people
    protocol: str  # how pictures are brought to its size, in words
    licence: str  # of what it stands on
    dim: int  # figures per picture
    ddof: int  # covariances are over N - ddof
    identity: str  # of everything that features depend on: another one, other features
    samples: int  # how many pictures to draw where nobody says; a guess for each

    def __call__(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """Features [n, dim] of pictures: each HWC uint8, [0, 255], RGB, of any size.

        A picture has the same features in whatever company, to rounding.
        """
        ...


@runtime_checkable
class Classifies(Protocol):
    """A space that also names what it sees, as the Inception score needs it."""

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """[n, classes], rows that add up to 1."""
        ...


def measure_name(measure: str, space: FeatureSpace) -> str:
    """What a measure is called in a space.

    Args:
        measure: "fid", "kid", "fid_inf", "precision" and so on.
        space: where it is taken.
    """
    if space.name == FID_SPACE:
        return measure
    plain = {"fid": "fd", "kid": "kd", "fid_inf": "fd_inf"}.get(measure, measure)
    stem, ending = plain.removesuffix("_inf"), "_inf" if plain.endswith("_inf") else ""
    return f"{stem}_{space.name}{ending}"

"""Whether a styled face is still the same: descriptors of faces, and what their distance means.

A distance between a person's picture and its styled one says little by itself. Here it is set
against the distance of different people in the same photos: likeness is 1 where nothing changed,
and 0 where the styled picture is as far from its person as people are from each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import MeasureError, UsageError
from artstyle.events import Emit, Note, ignore

Picture: TypeAlias = NDArray[np.uint8]
Choice: TypeAlias = Literal["auto", "dlib", "look"]
CHOICES: tuple[Choice, ...] = get_args(Choice)
RESAMPLES, CONFIDENCE = 300, 0.95  # of the bootstrap over photos


class Descriptor(Protocol):
    """What turns aligned faces into rows whose distance means unlikeness."""

    name: str
    title: str  # for people
    identity: str  # of all that its figures depend on

    def __call__(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """[n, figures] of HWC uint8, [0, 255], RGB, aligned as FFHQ's."""
        ...


class DlibDescriptor:
    """dlib's descriptor of faces, on enlarged pictures; no detector is asked.

    Raises:
        WeightsError: dlib or its models are missing.
    """

    name = "dlib"
    title = "dlib's descriptor of faces"

    def __init__(self) -> None:
        from artstyle.pipeline.evaluate.dlib_space import DlibSpace

        self._space = DlibSpace()
        self.identity = self._space.identity

    def __call__(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """See `Descriptor`; a distance of 0.6 is dlib's own border of the same person."""
        from artstyle.pipeline.evaluate.dlib_space import SCALE

        return self._space(pictures) / np.float32(SCALE)


class LookDescriptor:
    """How the face looks in light and lines: nothing learned, made for photos and drawings."""

    name = "look"
    title = "light, lines and colours of the face (no network)"
    identity = "look 1"

    def __call__(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """See `Descriptor`."""
        from artstyle.curate.look import LENGTH, look

        rows = [look(picture) for picture in pictures]
        return np.stack(rows) if rows else np.zeros((0, LENGTH), dtype=np.float32)


def choose_descriptor(choice: Choice = "auto", *, emit: Emit = ignore) -> Descriptor:
    """The descriptor that was asked for; "auto" takes dlib where it is installed, else look.

    Raises:
        WeightsError: dlib was asked for and is not here.
        UsageError: there is no such descriptor.
    """
    from artstyle.faces.dlib import lack

    if choice not in CHOICES:
        raise UsageError(f"there is no likeness {choice!r:.40}; known: {', '.join(CHOICES)}")
    if choice == "dlib" or (choice == "auto" and lack() is None):
        return DlibDescriptor()
    found = LookDescriptor()
    if choice == "auto":
        emit(Note(f"dlib is not here, so likeness is measured by {found.title}"))
    return found


@dataclass(frozen=True)
class Likeness:
    """What became of the people."""

    value: float  # see the module's text
    low: float  # the 95 % interval, a bootstrap over photos
    high: float
    distances: NDArray[np.float64]  # [n], of each photo's projection and its styled picture
    found_again: int  # of them, how many are nearer to their own projection than to any other

    def as_json(self) -> dict[str, Any]:
        """For the record."""
        return {
            "likeness_low": round(self.low, 5),
            "likeness_high": round(self.high, 5),
            "distance": round(float(self.distances.mean()), 5),
            "found_again": self.found_again,
        }


class LikenessJudge:
    """Measures styled pictures against the people they show.

    Args:
        descriptor: see `choose_descriptor`.
        originals: the projections, unstyled; two or more different people.
        seed: of the bootstrap.

    Raises:
        MeasureError: fewer than two, or all the same.
    """

    def __init__(self, descriptor: Descriptor, originals: Sequence[Picture], seed: int = 0) -> None:
        self.descriptor = descriptor
        self._rows = descriptor(originals).astype(np.float64)
        count = len(self._rows)
        apart = _distances(self._rows, self._rows)
        others = ~np.eye(count, dtype=bool)
        self.strangers = float(apart[others].mean()) if count > 1 else 0.0
        if not self.strangers > 0:
            raise MeasureError(
                f"{count} photos of one face say nothing about likeness",
                hint="give photos of at least two people, better of 24",
            )
        self._picks = np.random.default_rng(seed).integers(count, size=(RESAMPLES, count))

    def __call__(self, styled: Sequence[Picture]) -> Likeness:
        """The likeness of styled pictures, in the order of the originals."""
        across = _distances(self.descriptor(styled).astype(np.float64), self._rows)
        distances = across.diagonal().copy()
        value = 1 - float(distances.mean()) / self.strangers
        samples = 1 - distances[self._picks].mean(axis=1) / self.strangers
        low, high = np.quantile(samples, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        found = int((across.argmin(axis=1) == np.arange(len(across))).sum())
        return Likeness(value, float(low), float(high), distances, found)

    def facts(self) -> Mapping[str, Any]:
        """How it is measured, for the record."""
        return {
            "likeness": self.descriptor.title,
            "likeness_descriptor": self.descriptor.name,
            "strangers_distance": round(self.strangers, 5),
        }


def _distances(one: NDArray[np.float64], two: NDArray[np.float64]) -> NDArray[np.float64]:
    """Euclidean distances [n, m]."""
    found: NDArray[np.float64] = np.sqrt(np.square(one[:, None] - two[None]).sum(axis=2))
    return found

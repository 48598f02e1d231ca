"""Whether a styled face is still the same person: descriptors of faces, and what they tell.

Drawing people in a style moves all their descriptors in one direction, and how far says nothing
about who is who. So that common step is taken out first. Then likeness is

    1 - (distance to one's own projection)^2 / (distance to the others' projections)^2

with means over people: 1 where nothing changed, 0 where a styled picture is no nearer to its own
person than to the others. Squares, because small distances mean nothing: two photos of one person
are 0.3 to 0.45 apart in dlib's descriptor. The plain distance is kept beside it.
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

        self.identity = DlibSpace().identity

    def __call__(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """See `Descriptor`; a distance of 0.6 is dlib's own border of the same person."""
        from artstyle.faces.dlib import describe_chips
        from artstyle.pipeline.evaluate.dlib_space import face_chip

        return describe_chips([face_chip(picture) for picture in pictures])


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
    low: float  # the 95 % interval, a bootstrap over people
    high: float
    distance: float  # plain, to the projections; mean over people
    found_again: int  # people who are nearer to their own projection than to any other

    def as_json(self) -> dict[str, Any]:
        """For the record."""
        return {
            "likeness_low": round(self.low, 5),
            "likeness_high": round(self.high, 5),
            "distance": round(self.distance, 5),
            "found_again": self.found_again,
        }


class LikenessJudge:
    """Measures styled pictures against the people they show.

    Args:
        descriptor: see `choose_descriptor`.
        originals: the projections, unstyled, of different people.
        seed: of the bootstrap.

    Raises:
        MeasureError: fewer than two, or all the same.
    """

    def __init__(self, descriptor: Descriptor, originals: Sequence[Picture], seed: int = 0) -> None:
        self.descriptor = descriptor
        self._rows = descriptor(originals).astype(np.float64)
        count = len(self._rows)
        squares = _squares(self._rows, self._rows)
        self.strangers = float(_of_others(np.sqrt(squares)).mean()) if count > 1 else 0.0
        if not self.strangers > 0:
            raise MeasureError(
                f"{count} pictures of one face say nothing about likeness",
                hint="give photos of different people, at best 24",
            )
        self._picks = np.random.default_rng(seed).integers(count, size=(RESAMPLES, count))

    def __call__(self, styled: Sequence[Picture]) -> Likeness:
        """The likeness of styled pictures, in the order of the originals."""
        rows = self.descriptor(styled).astype(np.float64)
        step = rows.mean(axis=0) - self._rows.mean(axis=0)
        squares = _squares(rows - step, self._rows)
        own, others = squares.diagonal(), _of_others(squares).mean(axis=1)
        samples = 1 - own[self._picks].mean(axis=1) / others[self._picks].mean(axis=1)
        low, high = np.quantile(samples, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        return Likeness(
            value=float(1 - own.mean() / others.mean()),
            low=float(low),
            high=float(high),
            distance=float(np.sqrt(np.square(rows - self._rows).sum(axis=1)).mean()),
            found_again=int((squares.argmin(axis=1) == np.arange(len(squares))).sum()),
        )

    def facts(self) -> Mapping[str, Any]:
        """How it is measured, for the record."""
        return {
            "likeness": self.descriptor.title,
            "likeness_descriptor": self.descriptor.name,
            "strangers_distance": round(self.strangers, 5),
        }


def _squares(one: NDArray[np.float64], two: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distances [n, m]."""
    found: NDArray[np.float64] = np.square(one[:, None] - two[None]).sum(axis=2)
    return found


def _of_others(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """A square table without its diagonal: [n, n - 1]."""
    count = len(table)
    return table[~np.eye(count, dtype=bool)].reshape(count, count - 1)

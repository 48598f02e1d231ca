"""Whether a styled face is still the same person: descriptors of faces, and what they tell.

Drawing people in a style moves all their descriptors in one direction, and how far says nothing
about who is who. So that common step is taken out first. Then likeness is

    1 - (distance to one's own projection)^2 / (distance to the others' projections)^2

with means over people: 1 where nothing changed, 0 where a styled picture is no nearer to its own
person than to the others. Squares, because small distances mean nothing: two photos of one person
are 0.3 to 0.45 apart in dlib's descriptor. The plain distance is kept beside it.

A descriptor of faces is blind to hair, clothes and colours. So a second one is asked in the same
way, `Colouring`, and likeness is the mean of both.
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
_PLACES = 8  # a side


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


class Colouring:
    """Where the picture is how light and of which colour, at 8 x 8 places: hair, skin, clothes."""

    name = "colouring"
    title = "colours at 8 x 8 places"
    identity = "colouring 1"

    def __call__(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """See `Descriptor`; in CIELAB, whose distances are those that people see."""
        import cv2

        rows = []
        for picture in pictures:
            small = cv2.resize(picture, (_PLACES, _PLACES), interpolation=cv2.INTER_AREA)
            lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
            rows.append(np.asarray(lab, dtype=np.float32).reshape(-1) / 100)
        return np.stack(rows) if rows else np.zeros((0, 3 * _PLACES**2), dtype=np.float32)


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
    parts: Mapping[str, float]  # each descriptor's name -> the value by it alone
    distance: float  # plain, to the projections, by the first descriptor; mean over people
    found_again: int  # people who are nearer to their own projection than to any other, by it

    def as_json(self) -> dict[str, Any]:
        """For the record."""
        return {
            "likeness_low": round(self.low, 5),
            "likeness_high": round(self.high, 5),
            **{f"likeness_{name}": round(value, 5) for name, value in self.parts.items()},
            "distance": round(self.distance, 5),
            "found_again": self.found_again,
        }


class LikenessJudge:
    """Measures styled pictures against the people they show.

    Args:
        descriptors: see `choose_descriptor`; likeness is the mean by all, what is told besides is
            by the first.
        originals: the projections, unstyled, of different people.
        seed: of the bootstrap.

    Raises:
        MeasureError: fewer than two, or all the same.
    """

    def __init__(
        self, descriptors: Sequence[Descriptor], originals: Sequence[Picture], seed: int = 0
    ) -> None:
        seen = [(one, one(originals).astype(np.float64)) for one in descriptors]
        count = len(originals)
        apart = [
            float(_of_others(np.sqrt(_squares(a, a))).mean() if count > 1 else 0) for _, a in seen
        ]
        # One that cannot tell the people apart says nothing of whether they stayed themselves.
        usable = [pair for pair, distance in zip(seen, apart, strict=True) if distance > 0]
        self.descriptors = tuple(one for one, _ in usable)
        self._rows = [rows for _, rows in usable]
        self.strangers = apart[0]
        if not self.strangers > 0:
            raise MeasureError(
                f"{count} pictures of one face say nothing about likeness",
                hint="give photos of different people, at best 24",
            )
        self._picks = np.random.default_rng(seed).integers(count, size=(RESAMPLES, count))

    def __call__(self, styled: Sequence[Picture]) -> Likeness:
        """The likeness of styled pictures, in the order of the originals."""
        rows = [one(styled).astype(np.float64) for one in self.descriptors]
        tables = [_without_the_step(a, b) for a, b in zip(rows, self._rows, strict=True)]
        values = [float(1 - _own(table).mean() / _others(table).mean()) for table in tables]
        samples = [
            1 - _own(table)[self._picks].mean(axis=1) / _others(table)[self._picks].mean(axis=1)
            for table in tables
        ]
        alpha = (1 - CONFIDENCE) / 2
        low, high = np.quantile(np.mean(samples, axis=0), [alpha, 1 - alpha])
        names = [one.name for one in self.descriptors]
        return Likeness(
            value=float(np.mean(values)),
            low=float(low),
            high=float(high),
            parts=dict(zip(names, values, strict=True)),
            distance=float(np.sqrt(np.square(rows[0] - self._rows[0]).sum(axis=1)).mean()),
            found_again=int((tables[0].argmin(axis=1) == np.arange(len(styled))).sum()),
        )

    def facts(self) -> Mapping[str, Any]:
        """How it is measured, for the record."""
        return {
            "likeness": ", and ".join(one.title for one in self.descriptors),
            "likeness_descriptor": self.descriptors[0].name,
            "strangers_distance": round(self.strangers, 5),
        }


def _apart(rows: NDArray[np.float64]) -> float:
    """How far people are from each other, mean; 0 of a single one."""
    return float(_of_others(np.sqrt(_squares(rows, rows))).mean()) if len(rows) > 1 else 0.0


def _without_the_step(
    styled: NDArray[np.float64], originals: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Squared distances [n, n] once the step that all styled ones took together is taken back."""
    return _squares(styled - (styled.mean(axis=0) - originals.mean(axis=0)), originals)


def _own(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each one's squared distance to itself, [n]."""
    return table.diagonal()


def _others(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each one's mean squared distance to the others, [n]."""
    found: NDArray[np.float64] = _of_others(table).mean(axis=1)
    return found


def _squares(one: NDArray[np.float64], two: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distances [n, m]."""
    found: NDArray[np.float64] = np.square(one[:, None] - two[None]).sum(axis=2)
    return found


def _of_others(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """A square table without its diagonal: [n, n - 1]."""
    count = len(table)
    return table[~np.eye(count, dtype=bool)].reshape(count, count - 1)

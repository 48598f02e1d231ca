"""Which feature space measures: Inception's where its weights are, else the best that is here."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias, get_args

from artstyle import weights
from artstyle.errors import UsageError
from artstyle.events import Emit, Note, ignore
from artstyle.faces.dlib import lack as dlib_lack
from artstyle.metrics.space import FeatureSpace
from artstyle.perception.choose import choose_perception, own_file
from artstyle.perception.inception_resize import Protocol

Choice: TypeAlias = Literal["auto", "inception", "own", "dlib", "scatter"]
CHOICES: tuple[Choice, ...] = get_args(Choice)
INCEPTION_FILES = ("inception-fid", "inception-nvidia")  # names in the registry


def choose_space(
    choice: Choice = "auto",
    *,
    protocol: Protocol = "official",
    device: str = "cpu",
    weights_file: Path | None = None,
    emit: Emit = ignore,
) -> FeatureSpace:
    """The space that was asked for; "auto" takes the first of Inception, dlib, own, scatter.

    Args:
        choice: one of `CHOICES`.
        protocol: how pictures are resized for Inception.
        device: where networks compute.
        weights_file: Inception's weights, if they are not to be taken from their place.
        emit: told what "auto" took, if it is not Inception.

    Raises:
        WeightsError: what was asked for is not here, or damaged.
        UsageError: there is no such space.
    """
    if choice not in CHOICES:
        raise UsageError(f"there is no space {choice!r:.40}; known: {', '.join(CHOICES)}")
    if choice in ("auto", "inception"):
        found = _inception_file(weights_file, emit, needed=choice == "inception")
        if found is not None:
            from artstyle.metrics.inception_space import InceptionSpace

            name, path = found
            licence = weights.entry(name).licence.in_words()
            return InceptionSpace.from_file(path, protocol, licence=licence, device=device)
    if choice == "dlib" or (choice == "auto" and dlib_lack() is None):
        from artstyle.pipeline.evaluate.dlib_space import DlibSpace

        return _instead(DlibSpace(), choice, emit)
    if choice in ("auto", "own"):
        own = own_file()
        if own is not None:
            from artstyle.metrics.own_space import OwnSpace

            return _instead(OwnSpace.from_file(own, device=device), choice, emit)
        if choice == "own":
            choose_perception("own")  # says what to type
    from artstyle.metrics.scatter import ScatterSpace

    return _instead(ScatterSpace(), choice, emit)


def _inception_file(given: Path | None, emit: Emit, *, needed: bool) -> tuple[str, Path] | None:
    """The registry's name of the weights that are here, and the file."""
    if given is not None:
        name = INCEPTION_FILES[1] if given.suffix == ".pt" else INCEPTION_FILES[0]
        return name, weights.path_of(name, given=given, emit=emit)
    for name in INCEPTION_FILES:
        path = weights.find(name, emit=emit)
        if path is not None:
            return name, path
    if needed:
        weights.path_of(INCEPTION_FILES[0])  # says what to fetch
    return None


def _instead(space: FeatureSpace, choice: Choice, emit: Emit) -> FeatureSpace:
    if choice == "auto":
        emit(
            Note(
                f"Inception's weights are not here, so nothing is called FID: measured with"
                f" {space.title} (artstyle models pull {INCEPTION_FILES[0]})"
            )
        )
    return space

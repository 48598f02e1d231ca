"""Published weights on this machine: found, or said how to get; never fetched on the quiet.

`path_of(name)` gives a checked file or an error that says what to fetch and where to lay it.
`resolve_model(name, workspace)` finds a model by the name a user types. Nothing here touches the
network; `artstyle models pull` does (`pipeline.pull`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

from artstyle.errors import WeightsError
from artstyle.events import Emit, Note, ignore
from artstyle.files import sha256_of
from artstyle.weights.entries import Entry, Licence, entry, registry
from artstyle.weights.model_names import held_models, resolve_model
from artstyle.weights.pins import Basis, Pin, Pins, make_pin
from artstyle.weights.places import (
    HOME_VARIABLE,
    home,
    imported_file,
    missing,
    size_in_words,
    weights_file,
)

__all__ = [
    "HOME_VARIABLE",
    "Entry",
    "Licence",
    "WeightStatus",
    "check",
    "entry",
    "find",
    "held_models",
    "home",
    "imported_file",
    "missing",
    "path_of",
    "registry",
    "resolve_model",
    "size_in_words",
    "status",
    "weights_file",
]

State: TypeAlias = Literal["present", "missing", "changed"]


@dataclass(frozen=True)
class WeightStatus:
    """Whether one file of weights is here."""

    entry: Entry
    state: State
    path: Path  # where it lies, or would lie
    imported: Path | None  # where its safetensors lie; None: nowhere, or it needs none
    detail: str = ""  # what is wrong, or what to type


def path_of(name: str, *, given: Path | None = None, emit: Emit = ignore) -> Path:
    """A file of weights that is on this machine, checked.

    Args:
        name: a name or an alias from the registry.
        given: a file the user wants taken instead; it is accepted even if its digest is not the
            published one, with a warning.
        emit: gets a `Note` where something is worth knowing.

    Raises:
        WeightsError: the name is unknown, the file is not here (the error says how to get it), or
            it is not the file it should be.
    """
    if given is not None:
        return _given(entry(name), given, emit)
    found = find(name, emit=emit)
    if found is None:
        raise missing(entry(name))
    return found


def find(name: str, *, emit: Emit = ignore) -> Path | None:
    """Like `path_of`, but None where the file is not here: for those who can do without.

    Raises:
        WeightsError: the name is unknown, or there is a file and it is not the one it should be.
    """
    item = entry(name)
    path = weights_file(item)
    if not path.is_file():
        return None
    check(item, path, emit=emit)
    return path


def status() -> Iterator[WeightStatus]:
    """The state of every known file of weights; large files that look changed are read."""
    for item in registry().values():
        path, imported = weights_file(item), imported_file(item)
        there = imported if imported.is_file() else None
        if not path.is_file():
            state: State = "present" if there else "missing"
            detail = "" if there else f"artstyle models pull {item.name}"
            yield WeightStatus(item, state, path, there, detail)
            continue
        try:
            check(item, path, pin_at_first_use=False)
            yield WeightStatus(item, "present", path, there)
        except WeightsError as error:
            yield WeightStatus(item, "changed", path, there, str(error))


def check(
    item: Entry,
    path: Path,
    *,
    emit: Emit = ignore,
    thorough: bool = False,
    pin_at_first_use: bool = True,
) -> Pin:
    """See that a file below the home folder is the one it should be.

    What is known from the registry must hold, and so must what was pinned before. A file without
    a pin that somebody laid there is pinned now, if the folder can be written. A file that looks
    to the file system as it did when its digest was computed is not read again.

    Args:
        item: what it should be.
        path: the file.
        emit: gets a `Note` when a file is pinned.
        thorough: read it even if it looks the same.
        pin_at_first_use: whether to record a digest that nothing vouches for.

    Returns:
        What is recorded of it.

    Raises:
        WeightsError: it is another file.
    """
    pins = Pins(home())
    old = pins.get(path)
    if old is not None and not thorough and old.looks_the_same(path):
        return old
    now = datetime.now(UTC).isoformat(timespec="seconds")
    basis: Basis = basis_of(item, "first use") if old is None else old.basis
    source = "found there" if old is None else old.source
    licence = item.licence.in_words() if old is None else old.licence
    at = now if old is None else old.pinned_at
    new = make_pin(path, basis=basis, source=source, licence=licence, at=at)
    if fault := fault_of(item, new.size_bytes, new.sha256) or _other_than(old, new):
        raise WeightsError(
            f"{path} is not the file it should be: {fault}",
            hint=f"move it away and type 'artstyle models pull {item.name}'",
        )
    if new != old and (pin_at_first_use or basis != "first use"):
        _remember(pins, path, new, emit)
    return new


def fault_of(item: Entry, size_bytes: int, sha256: str) -> str | None:
    """What contradicts the registry in a file of this size and digest; None: nothing does."""
    if item.size_bytes is not None and size_bytes != item.size_bytes:
        return f"it has {size_bytes} bytes, and {item.size_bytes} were published"
    if item.sha256 and sha256 != item.sha256:
        return f"its sha256 is {sha256}, and {item.sha256} was published"
    if not sha256.startswith(item.sha256_prefix):
        return f"its sha256 is {sha256}, and it should begin with {item.sha256_prefix}"
    return None


def basis_of(item: Entry, otherwise: Basis) -> Basis:
    """What a digest that fits was compared with."""
    return "registry" if item.sha256 else "prefix" if item.sha256_prefix else otherwise


def _other_than(old: Pin | None, new: Pin) -> str | None:
    if old is None or old.sha256 == new.sha256:
        return None
    return f"its sha256 is {new.sha256}, and it was {old.sha256} when pinned at {old.pinned_at}"


def _remember(pins: Pins, path: Path, pin: Pin, emit: Emit) -> None:
    """Record a pin; a home folder that cannot be written is no reason to refuse a good file."""
    try:
        pins.set(path, pin)
    except WeightsError as error:
        emit(Note(f"the digest of {path} could not be recorded: {error}", "debug"))
        return
    if pin.basis == "first use":
        emit(Note(f"{path} has no published digest; pinned sha256 {pin.sha256} from now on"))


def _given(item: Entry, given: Path, emit: Emit) -> Path:
    """A file that the user wants taken instead.

    Raises:
        WeightsError: there is no such file.
    """
    if not given.is_file():
        raise WeightsError(f"there is no file {given} to take for {item.name}")
    known = item.sha256 or item.sha256_prefix or item.size_bytes
    if known and (fault := fault_of(item, given.stat().st_size, sha256_of(given))):
        emit(Note(f"{given} is taken for {item.name} as you wish, but {fault}", "warning"))
    return given

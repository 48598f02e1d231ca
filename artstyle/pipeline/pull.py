"""Published weights: fetched or laid in place, checked, pinned, and made into a model.

Everything is done in steps that can be repeated: a pull that is killed at any instant and given
again goes on, and one that is finished does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

from artstyle.disk import check_room, disk_errors, free_bytes_of
from artstyle.errors import WeightsError
from artstyle.events import Emit, Note, Progress, ignore
from artstyle.files import atomic_file, sha256_of
from artstyle.pipeline.models import import_model
from artstyle.weights import (
    Entry,
    basis_of,
    check,
    entry,
    fault_of,
    home,
    imported_file,
    weights_file,
)
from artstyle.weights.download import Expected, Patience, fetch, wrong_kind
from artstyle.weights.pins import Pin, Pins, make_pin

_CHUNK_BYTES = 1 << 20
_PATIENT = Patience()

# What a pull does first: nothing, because all is there; pin what is there anew; make a model of
# what is there; fetch, or copy what was given. Models are made after fetching, too.
Step: TypeAlias = Literal["nothing", "pin", "import", "fetch"]


@dataclass(frozen=True)
class Plan:
    """What a pull would do."""

    entry: Entry
    step: Step
    path: Path  # where the published file lies, or will lie
    imported: Path | None  # where the model will lie; None: the file is used as it is
    free_bytes: int  # what the disk has
    kept_bytes: int  # of an earlier download that broke off


@dataclass(frozen=True)
class Pulled:
    """What is there after a pull."""

    entry: Entry
    path: Path | None  # the published file; None: only the model made from it is there
    imported: Path | None  # the model; None: the file is used as it is
    pin: Pin | None  # what is recorded of the published file
    step: Step  # what was done

    @property
    def usable(self) -> Path:
        """The file that commands will use."""
        found = self.imported or self.path
        assert found is not None
        return found


def plan(name: str, *, source: Path | None = None, repin: bool = False) -> Plan:
    """What `pull` would do with the same arguments; nothing is written, and nothing fetched.

    Raises:
        WeightsError: the name is unknown, or a file that is there is not the right one.
    """
    item = entry(name)
    path = weights_file(item)
    imported = imported_file(item) if item.conversion == "import" else None
    if source is not None and not source.is_file():
        raise WeightsError(f"there is no file {source} to take for {item.name}")
    if path.is_file() and source is not None:
        _require_same(source, path)
    if path.is_file() and not repin:
        check(item, path, pin_at_first_use=False)
    folder = next(parent for parent in path.parents if parent.exists())
    part = path.with_name(path.name + ".part")
    return Plan(
        entry=item,
        step=_step(path, imported, again=repin or source is not None, repin=repin),
        path=path,
        imported=imported,
        free_bytes=free_bytes_of(folder),
        kept_bytes=part.stat().st_size if part.is_file() else 0,
    )


def _step(path: Path, imported: Path | None, *, again: bool, repin: bool) -> Step:
    """What is to be done first; `again`: the published file is wanted though its model is there."""
    model_is_there = imported is not None and imported.is_file()
    if not path.is_file():
        return "nothing" if model_is_there and not again else "fetch"
    if imported is not None and (repin or not model_is_there):
        return "import"
    return "pin" if repin else "nothing"


def pull(
    name: str,
    *,
    source: Path | None = None,
    repin: bool = False,
    emit: Emit = ignore,
    patience: Patience | None = None,
) -> Pulled:
    """Have a file of weights on this machine, ready to be used.

    Args:
        name: a name or an alias from the registry.
        source: a file that is here already and is copied instead of fetching; None: fetch.
        repin: forget the digest that was pinned earlier; the model is made anew if need be.
        emit: gets progress, and what one should know.
        patience: how long the network is tried; None: as long as usual.

    Raises:
        WeightsError: unknown, unreachable, not the right file, or no room.
        EngineError: the file is no model that can be imported; it stays where it is, unpinned.
    """
    todo = plan(name, source=source, repin=repin)
    item, path, imported = todo.entry, todo.path, todo.imported
    if todo.step == "nothing":
        there = check(item, path, emit=emit) if path.is_file() else None
        return Pulled(item, path if there else None, imported, there, "nothing")
    pins = Pins(home())
    old = None if repin else pins.get(path)
    origin = "found there"
    if todo.step == "fetch":
        expected = _expected(item, old)
        if source is None:
            origin = _fetch(item, path, expected, emit, patience or _PATIENT) or origin
        else:
            lay(item, source, path, expected, emit)
            origin = str(source)
    pin = _measured(item, path, old, origin)
    if imported is not None:
        with disk_errors(imported):
            _import(path, imported, item, emit)
    if pin != pins.get(path):  # only now: a file that is no model must not become the measure
        pins.set(path, pin)
        if pin.basis in ("first download", "first use"):
            emit(Note(f"nobody publishes the digest of {path.name}; it is pinned from now on"))
    return Pulled(item, path, imported, pin, todo.step)


def _fetch(item: Entry, path: Path, expected: Expected, emit: Emit, patience: Patience) -> str:
    """Fetch a file to where it is kept.

    Returns:
        Where it is from; "" if another process brought it meanwhile.
    """
    hint = (
        "fetch the file in another way, on another machine if need be, and type "
        f"'artstyle models pull {item.name} --from FILE'"
    )
    return fetch(
        item.addresses, path, expected=expected, emit=emit, patience=patience, hint=hint
    ).address


def lay(item: Entry, source: Path, path: Path, expected: Expected, emit: Emit = ignore) -> None:
    """Copy a file that is here to where weights are kept, checked on the way.

    Args:
        item: what it should be.
        source: the file; it is left as it is.
        path: where it goes; there is nothing yet.
        expected: what is known of it.
        emit: gets progress in bytes.

    Raises:
        WeightsError: it is not the right file, cannot be read, or there is no room.
    """
    size_bytes = source.stat().st_size
    sha256 = sha256_of(source)
    if fault := expected.fault(size_bytes, sha256):
        raise WeightsError(f"{source} is not {item.name}: {fault}")
    with source.open("rb") as stream, disk_errors(path):
        if fault := wrong_kind(stream.read(512)):
            raise WeightsError(f"{source} is not {item.name}: it is {fault}")
        stream.seek(0)
        path.parent.mkdir(parents=True, exist_ok=True)
        check_room(path.parent, size_bytes)
        with atomic_file(path) as target:
            done = 0
            while chunk := stream.read(_CHUNK_BYTES):
                target.write(chunk)
                done += len(chunk)
                emit(Progress(f"copy {path.name}", done, size_bytes, "bytes"))


def _import(source: Path, target: Path, item: Entry, emit: Emit) -> None:
    """Make a model of ours from a published file, its licence and preprocessing in the header."""
    import_model(
        source,
        target,
        licence=item.licence.in_words(),
        name=item.title,
        origin=item.addresses[0],
        preprocessing=vars(item.preprocessing),
        emit=emit,
    )


def _expected(item: Entry, pin: Pin | None) -> Expected:
    """What is known of a file before it comes: what was published, and what was pinned before."""
    size_bytes = item.size_bytes or (pin.size_bytes if pin else None)
    sha256 = item.sha256 or (pin.sha256 if pin else "")
    return Expected(size_bytes, sha256, item.sha256_prefix)


def _measured(item: Entry, path: Path, old: Pin | None, origin: str) -> Pin:
    """What is to be recorded of a file that is there.

    Raises:
        WeightsError: it is not what was published, or pinned before.
    """
    if old is not None and origin == "found there":
        return check(item, path)
    basis = basis_of(item, "first use" if origin == "found there" else "first download")
    if old is not None:  # fetched again, and already compared with the pin
        basis = old.basis
    at = datetime.now(UTC).isoformat(timespec="seconds")
    pin = make_pin(path, basis=basis, source=origin, licence=item.licence.in_words(), at=at)
    if fault := fault_of(item, pin.size_bytes, pin.sha256):
        hint = f"move it away and type 'artstyle models pull {item.name}'"
        raise WeightsError(f"{path} is not the file it should be: {fault}", hint=hint)
    return pin


def _require_same(source: Path, path: Path) -> None:
    """See that a file given for one that is there already is the same.

    Raises:
        WeightsError: it is another.
    """
    if sha256_of(source) != sha256_of(path):
        raise WeightsError(
            f"{path} is there already, and {source} is another file",
            hint="move the former away if you want the latter instead",
        )

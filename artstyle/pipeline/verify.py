"""Whether model files and weights are still what they were: every byte is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from artstyle.errors import WeightsError
from artstyle.events import Emit, Progress, ignore
from artstyle.files import sha256_of
from artstyle.weights import (
    Entry,
    check,
    fault_of,
    imported_file,
    missing,
    registry,
    weights_file,
)
from artstyle.weights import entry as entry_of
from artstyle.weights.model_names import SUFFIX, held_models, resolve_model
from artstyle.weights.pins import Basis
from stylegan_ext.checkpoint import verify as verify_model
from stylegan_ext.errors import EngineError
from stylegan_ext.header import FORMAT

# Whole and as it was; not so; not there at all; nothing is known that it could be compared with.
Verdict: TypeAlias = Literal["good", "damaged", "missing", "unknown"]

BASIS_IN_WORDS: dict[Basis, str] = {
    "registry": "its sha256 is the published one",
    "prefix": "its sha256 begins as the publisher's file name says",
    "first download": "its sha256 is the one of the first download",
    "first use": "its sha256 is the one it had when it was first used here",
    "made here": "its sha256 is the one it had when it was made here",
}


@dataclass(frozen=True)
class Checked:
    """What was found about one file."""

    name: str
    path: Path
    verdict: Verdict
    detail: str  # what it was compared with, or what is wrong


@dataclass(frozen=True)
class _Target:
    name: str
    path: Path
    entry: Entry | None = None  # the published file it should be; None: a model, or unknown


def verify(models: tuple[str, ...], workspace: Path, *, emit: Emit = ignore) -> tuple[Checked, ...]:
    """Check models and weights.

    Args:
        models: names or files; none means all that are on this machine.
        workspace: the workspace's folder; need not exist.
        emit: gets `Progress` in files.

    Raises:
        WeightsError: a name is unknown.
    """
    targets = [target for model in models for target in _named(model, workspace)]
    if not models:
        targets = list(_all(workspace))
    checked = []
    for number, target in enumerate(targets):
        emit(Progress("verify", number, len(targets), "files", target.name))
        checked.append(_check(target, emit))
    if targets:
        emit(Progress("verify", len(targets), len(targets), "files"))
    return tuple(checked)


def _all(workspace: Path) -> Iterator[_Target]:
    """What is on this machine: models first, then published files."""
    yield from (_Target(held.name, held.path) for held in held_models(workspace))
    for item in registry().values():
        if weights_file(item).is_file():
            yield _Target(item.name, weights_file(item), item)


def _named(model: str, workspace: Path) -> Iterator[_Target]:
    """The files that a name stands for: a published model's own file, and what was made of it.

    Raises:
        WeightsError: the name is unknown.
    """
    file = Path(model).expanduser()
    if file.is_file():
        published = (item for item in registry().values() if item.file_name == file.name)
        yield _Target(model, file, None if file.suffix == SUFFIX else next(published, None))
        return
    held = {one.path: one.name for one in held_models(workspace) if one.name == model}
    yield from (_Target(name, path) for path, name in held.items())
    try:
        item = entry_of(model)
    except WeightsError:
        if not held:
            yield _Target(model, resolve_model(model, workspace))
        return
    imported, path = imported_file(item), weights_file(item)
    if imported.is_file() and imported not in held:
        yield _Target(item.name, imported)
    if path.is_file() or not (held or imported.is_file()):
        yield _Target(item.name, path, item)


def _check(target: _Target, emit: Emit) -> Checked:
    try:
        verdict, detail = _verdict(target, emit)
    except (EngineError, WeightsError, OSError) as error:
        hint = getattr(error, "hint", None)
        verdict, detail = "damaged", f"{error}; {hint}" if hint else str(error)
    return Checked(target.name, target.path, verdict, detail)


def _verdict(target: _Target, emit: Emit) -> tuple[Verdict, str]:
    """The verdict on a file.

    Raises:
        WeightsError: it is another file than was published or pinned.
        EngineError: it is a damaged model.
    """
    path, item = target.path, target.entry
    if item is not None and not path.is_file():
        return "missing", str(missing(item).hint)
    if item is not None and path == weights_file(item):
        return "good", BASIS_IN_WORDS[check(item, path, emit=emit, thorough=True).basis]
    if path.suffix == SUFFIX:
        return _model(path)
    sha256 = sha256_of(path)
    known = item is not None and (item.sha256 or item.sha256_prefix)
    if item is None or not known:
        return "unknown", f"nothing is known to compare it with; its sha256 is {sha256}"
    if fault := fault_of(item, path.stat().st_size, sha256):
        return "damaged", fault
    return "good", BASIS_IN_WORDS["registry" if item.sha256 else "prefix"]


def _model(path: Path) -> tuple[Verdict, str]:
    """The verdict on a safetensors file: ours carry a digest over their tensors.

    Raises:
        EngineError: it is damaged.
    """
    foreign = _foreign_tensors(path)
    if foreign is not None:
        return "unknown", f"{foreign} tensors, all there; no digest is known to compare them with"
    verify_model(path)
    return "good", "its tensors are those that its header was written for"


def _foreign_tensors(path: Path) -> int | None:
    """How many tensors a file of another tool holds; None: it is ours, or damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as held:
            ours = (held.metadata() or {}).get("format") == FORMAT
            return None if ours else len(held.keys())
    except SafetensorError:
        return None

"""The tensors of a TorchScript archive by their attribute names; its code is never looked at.

An archive is a zip: `data.pkl` describes a tree of objects with attributes, in a pickle whose
classes are TorchScript's own (`__torch__...`); the numbers lie in `data/0`, `data/1` and so on,
uncompressed; `code/` holds programs. The engine's restricted machine reads the pickle, and every
such class is an inert record to it. Archives that were frozen keep their tensors as constants
without names; they hold nothing that could be read by name.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import torch

from stylegan_ext.convert.machine import (
    Buildable,
    Global,
    Limits,
    Machine,
    Value,
    damaged,
    printable,
    refuse,
)
from stylegan_ext.convert.tensors import (
    STORAGE_TYPES,
    Budget,
    Storage,
    TensorView,
    copy_of,
    is_count,
    view_of,
)
from stylegan_ext.errors import CheckpointError

_MAX_PICKLE_BYTES = 32 << 20  # names and shapes only; Inception's has a tenth of a megabyte
_STORAGES = {f"torch.{name}Storage": dtype for name, dtype in STORAGE_TYPES.items()}
_FROZEN = "the archive has no tensors with names: it was frozen"


def is_torchscript(path: Path) -> bool:
    """Whether a file is a zip archive with TorchScript's code in it."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in f"/{name}" for name in archive.namelist())


def read_tensors(path: Path, limits: Limits | None = None) -> dict[str, torch.Tensor]:
    """Tensors by dotted name, as `state_dict()` of the loaded module would name them.

    Raises:
        UnsafeFileError: the description asks for anything but data.
        CheckpointError: the archive is damaged, or holds no tensors with names.
    """
    limits = limits or Limits()
    try:
        with zipfile.ZipFile(path) as archive:
            return _tensors(archive, path.stat().st_size, limits)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, EOFError) as fault:
        raise CheckpointError(f"the archive is damaged: {printable(str(fault))}") from fault


def _tensors(archive: zipfile.ZipFile, size_bytes: int, limits: Limits) -> dict[str, torch.Tensor]:
    entries = {entry.filename: entry for entry in archive.infolist()}
    pickles = [name for name in entries if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1 or entries[pickles[0]].file_size > _MAX_PICKLE_BYTES:
        damaged("an archive has no single data.pkl of a fit size")
    folder = pickles[0].removesuffix(".pkl")
    storages: dict[str, Storage] = {}

    def storage(key: Value) -> Storage:
        """What stands for ("storage", type, name, location, count)."""
        if type(key) is not tuple or len(key) != 5 or key[0] != "storage":
            damaged("a storage is not described as torch does it")
        _, kind, name, _, count = key
        if type(kind) is not Global or kind.name not in _STORAGES or not is_count(count):
            damaged("a storage is not described as torch does it")
        if type(name) is not str or f"{folder}/{name}" not in entries:
            damaged("a storage is described and not there")
        if name not in storages:
            entry, dtype = entries[f"{folder}/{name}"], _STORAGES[kind.name]
            if entry.compress_type != zipfile.ZIP_STORED:
                refuse("a compressed storage", "torch does not compress them")
            if entry.file_size != count * dtype.itemsize or entry.file_size > size_bytes:
                damaged(f"a storage of {count} numbers has {entry.file_size} bytes")
            storages[name] = Storage(dtype, count, memoryview(archive.read(entry)))
        return storages[name]

    data = memoryview(archive.read(pickles[0]))
    root = Machine(data, _Vocabulary(), limits, reference=storage).run()
    if type(root) is not _Object:
        damaged("an archive describes no module")
    found: dict[str, TensorView] = {}
    _collect(root, "", found, limits)
    if not found:
        raise CheckpointError(_FROZEN)
    budget = Budget(limits, size_bytes)
    return {name: copy_of(view, budget) for name, view in found.items()}


class _Object(Buildable):
    """An object of a TorchScript class: its attributes."""

    def __init__(self) -> None:
        self.attributes: dict[str, Value] = {}

    def build(self, state: Value) -> None:
        """Take the attributes."""
        if type(state) is not dict or self.attributes:
            damaged("an object has no single dict as state")
        self.attributes = state


def _object(arguments: tuple[Value, ...]) -> _Object:
    if arguments:
        damaged("an object is made from arguments; its state should follow")
    return _Object()


def _list(arguments: tuple[Value, ...]) -> Value:
    """A list of numbers, which says besides what is in it."""
    if len(arguments) != 1 or type(arguments[0]) is not list:
        damaged("a list of numbers is made from something else")
    return arguments[0]


def _empty(arguments: tuple[Value, ...]) -> dict[str, Value]:
    if arguments:
        damaged("a dict is made from arguments; its entries should follow")
    return {}


class _Vocabulary(dict[str, Global]):
    """What a description may name; each class of the archive's own code is the same record."""

    def __init__(self) -> None:
        super().__init__({name: Global(name) for name in _STORAGES})
        for name in ("build_intlist", "build_doublelist", "build_boollist"):
            self[f"torch.jit._pickle.{name}"] = Global(name, reduce=_list)
        self["collections.OrderedDict"] = Global("OrderedDict", reduce=_empty)
        self["torch._utils._rebuild_tensor_v2"] = Global("_rebuild_tensor_v2", reduce=view_of)

    def __contains__(self, name: object) -> bool:
        own = isinstance(name, str) and name.startswith("__torch__.")
        return own or super().__contains__(name)

    def __missing__(self, name: str) -> Global:
        return Global(name, new=_object)


def _collect(
    held: _Object, prefix: str, found: dict[str, TensorView], limits: Limits, depth: int = 0
) -> None:
    """The tensors below an object, by their dotted names."""
    if depth > limits.depth:
        refuse(f"objects {depth} deep", "no network is")
    for name, value in held.attributes.items():
        if type(value) is TensorView:
            found[prefix + name] = value
        elif type(value) is _Object:
            _collect(value, f"{prefix}{name}.", found, limits, depth + 1)
        if len(found) > limits.tensors:
            refuse(f"more than {limits.tensors} tensors", "no network has as many")

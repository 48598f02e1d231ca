"""Torch archives (.pt) of foreign tools: looked through first, then read with weights_only.

`torch.load(weights_only=True)` is the only way in. Before it, our own machine reads the pickle
inside into inert records, so that a global that does not belong there is refused by name, and
sizes that the file cannot hold are refused before torch allocates them. A file that fails is
refused; it is never tried again in an unsafe way.
"""

from __future__ import annotations

import mmap
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch

from stylegan_ext.convert.machine import (
    DAMAGED_HINT,
    Buildable,
    Global,
    Limits,
    Machine,
    Value,
    Vocabulary,
    damaged,
    printable,
    refuse,
    shown,
)
from stylegan_ext.convert.tensors import (
    STORAGE_TYPES,
    Storage,
    TensorView,
    is_count,
    view_of,
)
from stylegan_ext.errors import CheckpointError, EngineError

_MAX_PICKLE_BYTES = 32 << 20  # names and shapes only; a real one has 0.1 MB
_OLD_FORMAT_PICKLES = 5  # magic number, protocol, system, content, keys of the storages
_HINT = (
    "only state dicts are read: ask its maker for one with g_ema and latent_avg alone, or "
    "for the official .pkl"
)


def load_torch_file(path: Path, limits: Limits) -> dict[str, Any]:
    """The dict that a .pt file holds, its tensors on the CPU.

    Raises:
        UnsafeFileError: it holds more than tensors in dicts and lists, or unpacks to more than
            its own size.
        CheckpointError: it is damaged or holds something else than a dict.
    """
    with path.open("rb") as stream:
        _look_through(stream, path.stat().st_size, limits)
        stream.seek(0)
        try:
            held = torch.load(stream, map_location="cpu", weights_only=True)
        except Exception as fault:  # torch raises a dozen unrelated types on foreign bytes
            words = str(fault).strip().splitlines() or [type(fault).__name__]
            raise CheckpointError(
                f"torch cannot read it safely: {printable(words[0])}", hint=_HINT
            ) from fault
    if not isinstance(held, dict):
        raise CheckpointError(f"it holds {shown(held)}, no dict of networks", hint=_HINT)
    return held


def state_of(title: str, value: Any, size_bytes: int) -> dict[str, torch.Tensor]:
    """A state dict as plain tensors, contiguous and in memory of their own.

    Args:
        title: the state dict's name, for messages.
        value: what the file holds under it.
        size_bytes: of the file; all tensors together cannot be larger.

    Raises:
        CheckpointError: it holds something else than floating-point tensors.
        UnsafeFileError: its tensors claim more than the file can hold.
    """
    if not isinstance(value, Mapping):
        raise CheckpointError(f"{title} is no dict of tensors", hint=_HINT)
    taken = 0
    tensors = {}
    for name, tensor in value.items():
        if not isinstance(name, str) or not _is_plain(tensor):
            raise CheckpointError(
                f"{title} holds {shown(tensor)} under {shown(name)}, no plain tensor", hint=_HINT
            )
        taken += tensor.numel() * tensor.element_size()
        if taken > size_bytes:
            refuse(f"{taken} bytes of tensors", f"the file itself has {size_bytes}", hint=_HINT)
        tensors[name] = tensor.detach().clone(memory_format=torch.contiguous_format)
    return tensors


def _is_plain(tensor: object) -> bool:
    return (
        type(tensor) in (torch.Tensor, torch.nn.Parameter)
        and isinstance(tensor, torch.Tensor)
        and tensor.layout is torch.strided
        and tensor.device.type == "cpu"
        and tensor.is_floating_point()
    )


def _look_through(stream: BinaryIO, size_bytes: int, limits: Limits) -> None:
    """Read what torch is about to read, as records; refuse what does not belong there."""
    try:
        if stream.read(2) == b"PK":
            data, pickles = memoryview(_pickle_of_zip(stream, size_bytes)), 1
        else:
            data = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
            pickles = _OLD_FORMAT_PICKLES
    except (zipfile.BadZipFile, ValueError, KeyError, EOFError, NotImplementedError) as fault:
        raise _damaged(fault) from fault
    except (OverflowError, RuntimeError) as fault:
        raise _damaged(fault) from fault
    storages = _Storages(size_bytes)
    machine = Machine(data, _VOCABULARY, limits, reference=storages.entry)
    try:
        for _ in range(pickles):
            machine.run(machine.position)
    except EngineError as fault:
        fault.hint = _HINT
        raise


def _damaged(fault: Exception) -> CheckpointError:
    words = printable(str(fault) or type(fault).__name__)
    return CheckpointError(f"the file is damaged: {words}", hint=DAMAGED_HINT)


def _pickle_of_zip(stream: BinaryIO, size_bytes: int) -> bytes:
    """The one pickle of a torch archive, after seeing that nothing in it is compressed."""
    with zipfile.ZipFile(stream) as archive:
        entries = archive.infolist()
        packed = [entry for entry in entries if entry.compress_type != zipfile.ZIP_STORED]
        total = sum(entry.file_size for entry in entries)
        if packed or total > size_bytes:
            refuse(
                f"an archive that unpacks to {total} bytes",
                f"the file has {size_bytes}, and torch does not compress",
                hint=_HINT,
            )
        pickles = [entry for entry in entries if entry.filename.endswith("/data.pkl")]
        if len(pickles) != 1 or pickles[0].file_size > _MAX_PICKLE_BYTES:
            raise ValueError("it is a zip archive, but none that torch wrote")
        return archive.read(pickles[0])


class _Storages:
    """The storages that a file announces; together they cannot be larger than the file."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.taken_bytes = 0
        self.known: dict[str, Storage] = {}

    def entry(self, key: Value) -> Storage:
        """What stands for ("storage", type, key, location, count[, view])."""
        if type(key) is not tuple or len(key) not in (5, 6) or key[0] != "storage":
            damaged("a storage is not described as torch does it")
        _, kind, name, location, count, *view = key
        if type(kind) is not Global or kind.name not in _STORAGES or view not in ([], [None]):
            damaged("a storage is not described as torch does it")
        if type(name) is not str or type(location) is not str or not is_count(count):
            damaged("a storage is not described as torch does it")
        if name not in self.known:
            dtype = _STORAGES[kind.name]
            self.taken_bytes += count * dtype.itemsize
            if self.taken_bytes > self.size_bytes:
                refuse(f"{self.taken_bytes} bytes of tensors", f"the file has {self.size_bytes}")
            self.known[name] = Storage(dtype, count, memoryview(b""))
        return self.known[name]


class _StateDict(dict[str, Value], Buildable):
    """A collections.OrderedDict; modules give theirs an attribute about versions."""

    def build(self, state: Value) -> None:
        """Pass over the attribute."""


def _ordered_dict(arguments: tuple[Value, ...]) -> _StateDict:
    if arguments:
        damaged("a dict is made from arguments; its entries should follow")
    return _StateDict()


def _parameter(arguments: tuple[Value, ...]) -> TensorView:
    if len(arguments) != 3 or type(arguments[0]) is not TensorView:
        damaged("a parameter is not made from tensor, gradient and hooks")
    return arguments[0]


_STORAGES = {
    f"torch.{device}{name}Storage": dtype
    for name, dtype in STORAGE_TYPES.items()
    for device in ("", "cuda.")
}
_VOCABULARY: Vocabulary = {
    **{name: Global(name) for name in _STORAGES},
    "collections.OrderedDict": Global("collections.OrderedDict", reduce=_ordered_dict),
    "torch._utils._rebuild_tensor_v2": Global("torch._utils._rebuild_tensor_v2", reduce=view_of),
    "torch._utils._rebuild_parameter": Global("torch._utils._rebuild_parameter", reduce=_parameter),
}

"""Torch archives (.pt) of foreign tools: looked through first, then read with weights_only.

`torch.load(weights_only=True)` is the only way in. Before it, the pickle inside is scanned without
running it, so that a global that does not belong there is refused by name, and the archive's
entries are compared with its size, so that a small file cannot unpack to a huge one. A file that
fails is refused; it is never tried again in an unsafe way.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch

from stylegan_ext.convert.machine import Limits, printable, refuse, shown
from stylegan_ext.errors import CheckpointError

_TYPES = "Double Float Half BFloat16 Long Int Short Char Byte Bool"
_ALLOWED = frozenset(
    {
        "collections.OrderedDict",
        "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_parameter",
        *(f"torch.{name}Storage" for name in _TYPES.split()),
    }
)
_CALLS_IN_DISGUISE = frozenset(
    {"INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "STACK_GLOBAL"}
)
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
    size_bytes = path.stat().st_size
    with path.open("rb") as stream:
        try:
            if stream.read(2) == b"PK":
                _scan(_pickle_of_zip(stream, size_bytes), 1, limits)
            else:
                stream.seek(0)
                _scan(stream, _OLD_FORMAT_PICKLES, limits)
        except (ValueError, KeyError, IndexError, EOFError, NotImplementedError) as fault:
            raise _damaged(fault) from fault
        except (zipfile.BadZipFile, OverflowError, RuntimeError) as fault:
            raise _damaged(fault) from fault
        stream.seek(0)
        try:
            held = torch.load(stream, map_location="cpu", weights_only=True)
        except Exception as fault:  # torch raises a dozen unrelated types on foreign bytes
            raise CheckpointError(
                f"torch cannot read it safely: {printable(str(fault).strip().splitlines()[0])}"
                if str(fault).strip()
                else f"torch cannot read it safely ({type(fault).__name__})",
                hint=_HINT,
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


def _damaged(fault: Exception) -> CheckpointError:
    return CheckpointError(
        f"the file is damaged: {printable(str(fault) or type(fault).__name__)}",
        hint="is the download complete? compare its size and SHA-256 with what its source says",
    )


def _pickle_of_zip(stream: BinaryIO, size_bytes: int) -> BinaryIO:
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
        return io.BytesIO(archive.read(pickles[0]))


def _scan(stream: BinaryIO, pickles: int, limits: Limits) -> None:
    """Look through pickles one after the other; nothing is built."""
    steps = 0
    for _ in range(pickles):
        for opcode, argument, _position in pickletools.genops(stream):
            steps += 1
            if steps > limits.steps:
                refuse(f"more than {limits.steps} steps", "no snapshot needs as many", hint=_HINT)
            if opcode.name in _CALLS_IN_DISGUISE:
                refuse(f"opcode {opcode.name}", "it has no place in a state dict", hint=_HINT)
            if opcode.name == "GLOBAL":
                name = str(argument).replace(" ", ".", 1)
                if name not in _ALLOWED:
                    refuse(printable(name), "the file asks for it to be imported", hint=_HINT)

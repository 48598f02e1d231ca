"""Any model file we know, as records: looks at the bytes, not at the file's name."""

from __future__ import annotations

import mmap
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from stylegan_ext.checkpoint import read_model
from stylegan_ext.convert.loose import loose_model
from stylegan_ext.convert.machine import DAMAGED_HINT, Limits, Machine
from stylegan_ext.convert.official import official_model
from stylegan_ext.convert.rosinality import rosinality_model
from stylegan_ext.convert.tensorflow import tensorflow_model
from stylegan_ext.convert.tensors import Budget
from stylegan_ext.convert.torchfile import load_torch_file
from stylegan_ext.convert.vocabulary import snapshot_vocabulary
from stylegan_ext.errors import CheckpointError, EngineError
from stylegan_ext.files import sha256_of
from stylegan_ext.header import is_ours
from stylegan_ext.records import ModelFile

_OLD_TORCH = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")  # pickle of torch's magic number
_SNAPSHOT_NAME = re.compile(r"network-(?:snapshot|final)-?(\d{1,9})")
_NO_MODELS = {
    b"<!DOCTYPE": "a web page: the download went wrong",
    b"<html": "a web page: the download went wrong",
    b"<?xml": "a web page: the download went wrong",
    b"version https://git-lfs": "a Git LFS pointer: the file itself is still to be fetched",
    b"\x1f\x8b": "compressed with gzip: unpack it first",
}


def read_foreign(path: Path, limits: Limits | None = None) -> ModelFile:
    """Read an official .pkl (PyTorch or TensorFlow), a rosinality .pt or safetensors.

    Nothing of the file is executed.

    Args:
        path: the file; what it is, its bytes decide.
        limits: what it may ask for; None takes the defaults.

    Raises:
        UnsafeFileError: it asks for something we refuse; `refused` names that.
        CheckpointError: no model, or a damaged one.
        MismatchError: its tensors are not those of the network it claims to be.
        OSError: it cannot be read.
    """
    limits = limits or Limits()
    try:
        model = _read(path, limits)
    except EngineError as fault:
        if not str(fault).startswith(str(path)):
            fault.args = (f"{path}: {fault}", *fault.args[1:])
        raise
    except RecursionError as fault:
        raise CheckpointError(f"{path}: nested too deeply", hint=DAMAGED_HINT) from fault
    origin = model.provenance
    if origin.source_sha256:  # a file of ours, which knows where it came from
        return model
    notes: dict[str, Any] = dict(origin.notes)
    if (found := _SNAPSHOT_NAME.search(path.name)) and "kimg" not in notes:
        notes.update(kimg=int(found[1]), kimg_from="file name")
    source = origin.source or path.name
    origin = replace(origin, source=source, source_sha256=sha256_of(path), notes=notes)
    return ModelFile(model.networks, origin)


def _read(path: Path, limits: Limits) -> ModelFile:
    size_bytes = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(32)
        if start.startswith((b"PK\x03\x04", _OLD_TORCH)):
            return rosinality_model(load_torch_file(path, limits), limits, size_bytes)
        if _is_safetensors(start, size_bytes):
            return read_model(path) if is_ours(path) else loose_model(path)
        if start[:1] == b"\x80":
            return _pickle(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ), limits)
    for beginning, what in _NO_MODELS.items():
        if start.startswith(beginning):
            raise CheckpointError(f"no model, but {what}")
    raise CheckpointError(
        f"no model file that we know ({size_bytes} bytes, beginning {start[:8].hex(' ')})",
        hint="official .pkl, rosinality .pt and .safetensors are read",
    )


def _is_safetensors(start: bytes, size_bytes: int) -> bool:
    return (
        len(start) > 8 and start[8:9] == b"{" and int.from_bytes(start[:8], "little") < size_bytes
    )


def _pickle(mapped: mmap.mmap, limits: Limits) -> ModelFile:
    """An official snapshot; views of the map live in its tree, and the last of them closes it."""

    def forget() -> None:
        if hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
            mapped.madvise(mmap.MADV_DONTNEED)

    data = memoryview(mapped)
    budget = Budget(limits, len(data), forget)
    machine = Machine(data, snapshot_vocabulary(limits), limits)
    tree = machine.run()
    if machine.position != len(data):
        raise CheckpointError(
            f"{len(data) - machine.position} bytes follow its end", hint=DAMAGED_HINT
        )
    if type(tree) is dict:
        return official_model(tree, limits, budget)
    if type(tree) is tuple:
        return tensorflow_model(tree, limits, budget)
    raise CheckpointError(
        f"a pickle of a {type(tree).__name__}, no snapshot",
        hint="a snapshot holds a dict of G, D, G_ema (PyTorch) or three networks (TensorFlow)",
    )

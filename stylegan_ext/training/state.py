"""The state of a training on disk: two files in turn, each whole, proven and replaced at once.

A state is a safetensors file: the tensors, and in its metadata the format's version, everything
else as JSON, and a SHA-256 over both. `StateFiles` writes `state-a` and `state-b` by turns, so that
the one before is there when the newest was damaged.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch

from stylegan_ext.errors import CheckpointError
from stylegan_ext.files import atomic_file

FORMAT, VERSION = "stylegan_ext training state", 1
SLOTS = ("state-a.safetensors", "state-b.safetensors")
_TYPES = {
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float64: "F64",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
}


@dataclass(frozen=True)
class State:
    """What a state file holds."""

    tensors: dict[str, torch.Tensor]
    facts: dict[str, Any]  # JSON types
    path: Path


def write_state(path: Path, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> None:
    """Write a state, whole or not at all.

    Args:
        path: the file.
        tensors: of any device; float16 to float64, int32, int64, uint8.
        facts: JSON types.

    Raises:
        OSError: the file cannot be written; what was there before stays.
    """
    names = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    table: dict[str, Any] = {}
    begin = 0
    for name in names:
        held = tensors[name]
        end = begin + held.numel() * held.element_size()
        table[name] = {
            "dtype": _TYPES[held.dtype],
            "shape": list(held.shape),
            "data_offsets": [begin, end],
        }
        begin = end
    words = json.dumps(dict(facts), sort_keys=True)
    metadata = {
        "format": FORMAT,
        "format_version": str(VERSION),
        "facts": words,
        "sha256": _digest(words, {name: tensors[name] for name in names}),
    }
    header = json.dumps({"__metadata__": metadata, **table}).encode("utf-8")
    header += b" " * (-len(header) % 8)
    with atomic_file(path) as stream:
        stream.write(len(header).to_bytes(8, "little"))
        stream.write(header)
        for name in names:
            _put(stream, _raw(tensors[name]))


def read_state(path: Path) -> State:
    """Read a state and see that it is what was written.

    Raises:
        CheckpointError: it is none, is damaged, or is of a newer version.
        OSError: it cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as held:
            metadata = held.metadata() or {}
            _require_ours(path, metadata)
            tensors = {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118 - no dict
    except SafetensorError as fault:
        raise CheckpointError(f"{path} is damaged: {fault}") from fault
    if _digest(metadata["facts"], tensors) != metadata["sha256"]:
        raise CheckpointError(f"{path} is damaged: its SHA-256 is not that of what was written")
    return State(tensors, json.loads(metadata["facts"]), path)


class StateFiles:
    """The two state files of a run.

    Args:
        folder: where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._newest: str | None = None

    def newest(self) -> tuple[State | None, tuple[str, ...]]:
        """The newest state that is whole, and what was wrong with the others.

        Returns:
            The state, None if there is none; and a fault in words for each file passed over.
        """
        states: list[State] = []
        faults: list[str] = []
        for slot in SLOTS:
            if (self.folder / slot).exists():
                try:
                    states.append(read_state(self.folder / slot))
                except CheckpointError as fault:
                    faults.append(str(fault))
        if not states:
            return None, tuple(faults)
        best = max(states, key=lambda state: int(state.facts["counters"]["iteration"]))
        self._newest = best.path.name
        return best, tuple(faults)

    def write(self, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> Path:
        """Write the next state; the one before stays.

        Raises:
            OSError: it cannot be written; both stay.
        """
        slot = SLOTS[1] if self._newest == SLOTS[0] else SLOTS[0]
        write_state(self.folder / slot, tensors, facts)
        self._newest = slot
        return self.folder / slot


def _require_ours(path: Path, metadata: Mapping[str, str]) -> None:
    if metadata.get("format") != FORMAT:
        raise CheckpointError(f"{path} is no state of a training")
    if metadata.get("format_version") != str(VERSION):
        raise CheckpointError(
            f"{path} is of version {metadata.get('format_version')!r:.20}; this reads {VERSION}",
            hint="go on with the artstyle that wrote it, or install the newest",
        )


def _digest(words: str, tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256(words.encode("utf-8"))
    for name in sorted(tensors):
        held = tensors[name]
        digest.update(f"{name} {held.dtype} {list(held.shape)}\n".encode())
        digest.update(_raw(held))
    return digest.hexdigest()


def _put(stream: BinaryIO, data: memoryview) -> None:
    stream.write(data)


def _raw(tensor: torch.Tensor) -> memoryview:
    """The tensor's bytes, little-endian."""
    flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return flat.numpy().data

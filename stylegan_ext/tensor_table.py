"""The front of any safetensors file: which tensors it holds and where they lie, checked.

Eight bytes with the header's length (little-endian), the header as JSON, then the tensors' bytes
back to back. The file may come from anybody, so everything is checked before it is believed.
"""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from stylegan_ext.errors import CheckpointError
from stylegan_ext.shapes import Shape

MAX_HEADER_BYTES = 16 << 20  # a 1024 px model with G, D and G_ema needs 0.1 MB
MAX_AXES, MAX_ELEMENTS = 8, 1 << 40
ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
TENSOR_NAME = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+){0,15}")

Json: TypeAlias = Any
DAMAGED_HINT = "is the download complete? compare its size and SHA-256 with what its source says"


@dataclass(frozen=True)
class TensorInfo:
    """Where a tensor lies and how it is to be read."""

    dtype: str  # F32, F16, BF16 or F64
    shape: Shape
    begin: int  # offsets in bytes from the first tensor's first byte
    end: int


def damaged(path: Path, why: str) -> NoReturn:
    """The file is not what anybody would have written."""
    raise CheckpointError(f"{path} is damaged: {why}", hint=DAMAGED_HINT)


def _refuse_foreign(path: Path, start: bytes) -> None:
    """A snapshot of another tool (a pickle or a torch archive) is to be converted: say how."""
    if start[:1] == b"\x80" or start[:2] == b"PK" or path.suffix in (".pkl", ".pt", ".pth"):
        target = path.with_suffix(".safetensors").name
        words = shlex.join(["artstyle", "models", "import", str(path), "--out", target])
        raise CheckpointError(
            f"{path} is a snapshot of another tool and has to be converted first", hint=words
        )


def read_loose_table(path: Path) -> dict[str, TensorInfo]:
    """The tensors of any safetensors file, checked, whatever its metadata say.

    Raises:
        CheckpointError: no safetensors file, or a damaged one.
    """
    entries, length, size_bytes = read_entries(path)
    entries.pop("__metadata__", None)
    return tensor_table(path, entries, size_bytes - 8 - length)


def read_entries(path: Path) -> tuple[dict[str, Json], int, int]:
    """The header's JSON, its length, and the file's size in bytes.

    Raises:
        CheckpointError: no safetensors file, a truncated one, or a snapshot of another tool.
    """
    with path.open("rb") as stream:
        size_bytes = os.fstat(stream.fileno()).st_size
        start = stream.read(8)
        (length,) = struct.unpack("<Q", start.ljust(8, b"\xff"))
        if length > min(MAX_HEADER_BYTES, size_bytes - 8):
            _refuse_foreign(path, start)
            raise CheckpointError(
                f"{path}: no safetensors file, or a truncated one ({size_bytes} bytes, of which "
                f"the first announce a header of {length})",
                hint=DAMAGED_HINT,
            )
        raw = stream.read(length)
    entries = parse_json(path, "its header", raw)
    if not isinstance(entries, dict):
        damaged(path, "its header is no table")
    return entries, length, size_bytes


def parse_json(path: Path, what: str, raw: bytes | str) -> Json:
    """Strict JSON: no duplicate keys, no NaN, no bottomless nesting.

    Raises:
        CheckpointError: it is not.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            raise ValueError("a key stands twice")
        return made

    def number(word: str) -> NoReturn:
        raise ValueError(f"{word} is no JSON number")

    try:
        text = raw if isinstance(raw, str) else raw.decode("utf-8")
        return json.loads(text, object_pairs_hook=unique, parse_constant=number)
    except (ValueError, RecursionError) as fault:
        raise CheckpointError(f"{path} is damaged: {what}: {fault}", hint=DAMAGED_HINT) from fault


def tensor_table(path: Path, entries: Mapping[str, Json], data_bytes: int) -> dict[str, TensorInfo]:
    """The tensors' places, checked: they fill the data without holes or overlaps.

    Raises:
        CheckpointError: they do not.
    """
    infos: dict[str, TensorInfo] = {}
    for name, entry in entries.items():
        if not TENSOR_NAME.fullmatch(name):
            damaged(path, f"{name!r:.80} is no tensor's name")
        infos[name] = _tensor_info(path, name, entry)
    position = 0
    for name, info in sorted(infos.items(), key=lambda item: (item[1].begin, item[1].end)):
        if info.begin != position:
            damaged(path, f"tensor {name} begins at byte {info.begin}, not at {position}")
        position = info.end
    if position != data_bytes:
        damaged(path, f"its tensors take {position} bytes, but {data_bytes} follow the header")
    return infos


def _tensor_info(path: Path, name: str, entry: Json) -> TensorInfo:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        damaged(path, f"tensor {name} is not described by dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        damaged(path, f"tensor {name} is of type {dtype!r:.40}; known: {', '.join(ITEM_BYTES)}")
    if not _counts(shape) or len(shape) > MAX_AXES or math.prod(shape) > MAX_ELEMENTS:
        damaged(path, f"tensor {name} has the impossible shape {shape!r:.80}")
    if not _counts(offsets) or len(offsets) != 2:
        damaged(path, f"tensor {name} has the impossible place {offsets!r:.80}")
    info = TensorInfo(dtype, tuple(shape), *offsets)
    if info.end - info.begin != math.prod(info.shape) * ITEM_BYTES[dtype]:
        damaged(path, f"tensor {name} of shape {shape} does not fill bytes {offsets}")
    return info


def _counts(value: Json) -> bool:
    return isinstance(value, list) and all(
        type(each) is int and 0 <= each <= MAX_ELEMENTS * 8 for each in value
    )

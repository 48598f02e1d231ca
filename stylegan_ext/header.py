"""The header of a model file: what stands in front of the tensors, read without torch.

A model file is safetensors: eight bytes with the header's length (little-endian), the header as
JSON, then the tensors' bytes back to back. Tensors are named `<network>.<official name>`. The
`__metadata__` strings are format, format_version, networks, licence, source, source_sha256,
parents, preprocessing, notes and content_sha256; docs/decisions/0003-model-format.md describes
them. Everything here is checked before it is believed: the file may come from anybody.
"""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from stylegan_ext.errors import CheckpointError
from stylegan_ext.infer import require
from stylegan_ext.records import KINDS, NETWORK_NAMES, Kind, Provenance
from stylegan_ext.shapes import Shape

FORMAT, FORMAT_VERSION = "stylegan_ext", "1"
MAX_HEADER_BYTES = 16 << 20  # a 1024 px model with G, D and G_ema needs 0.1 MB
MAX_AXES, MAX_ELEMENTS = 8, 1 << 40
ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
NETWORK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
TENSOR_NAME = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+){0,15}")
SHA256 = re.compile(r"[0-9a-f]{64}")

Json: TypeAlias = Any


@dataclass(frozen=True)
class TensorInfo:
    """Where a tensor lies and how it is to be read."""

    dtype: str  # F32, F16, BF16 or F64
    shape: Shape
    begin: int  # offsets in bytes from the first tensor's first byte
    end: int


@dataclass(frozen=True)
class NetworkHeader:
    """A network without its tensors' values."""

    kind: Kind
    kwargs: dict[str, Any]
    tensors: dict[str, TensorInfo]  # by official name

    @property
    def size_elements(self) -> int:
        """How many numbers the network holds, buffers included."""
        return sum(math.prod(info.shape) for info in self.tensors.values())


@dataclass(frozen=True)
class ModelHeader:
    """What a model file says about itself."""

    path: Path
    networks: dict[str, NetworkHeader]
    provenance: Provenance
    content_sha256: str  # over names, dtypes, shapes and bytes of the tensors
    size_bytes: int  # of the whole file
    data_start: int  # file offset of the first tensor's first byte


def read_header(path: str | os.PathLike[str]) -> ModelHeader:
    """Read and check what a model file says about itself; no tensor is touched.

    Raises:
        CheckpointError: no model file of ours, damaged, or of a newer format.
        OSError: the file cannot be read.
    """
    path = Path(path)
    entries, length, size_bytes = _read_entries(path)
    metadata = entries.pop("__metadata__", None)
    _require_our_format(path, metadata)
    infos = tensor_table(path, entries, size_bytes - 8 - length)
    networks = _networks(path, metadata, infos)
    return ModelHeader(
        path=path,
        networks=networks,
        provenance=_provenance(path, metadata),
        content_sha256=_match(path, metadata, "content_sha256", SHA256),
        size_bytes=size_bytes,
        data_start=8 + length,
    )


def read_loose_table(path: Path) -> dict[str, TensorInfo]:
    """The tensors of any safetensors file, checked, whatever its metadata say.

    Raises:
        CheckpointError: no safetensors file, or a damaged one.
    """
    entries, length, size_bytes = _read_entries(path)
    entries.pop("__metadata__", None)
    return tensor_table(path, entries, size_bytes - 8 - length)


def _read_entries(path: Path) -> tuple[dict[str, Json], int, int]:
    """The header's JSON, its length, and the file's size in bytes."""
    with path.open("rb") as stream:
        size_bytes = os.fstat(stream.fileno()).st_size
        start = stream.read(8)
        (length,) = struct.unpack("<Q", start.ljust(8, b"\xff"))
        if length > min(MAX_HEADER_BYTES, size_bytes - 8):
            _refuse_foreign(path, start)
            raise CheckpointError(
                f"{path}: no safetensors file, or a truncated one ({size_bytes} bytes, of which "
                f"the first announce a header of {length})",
                hint=_HINT,
            )
        raw = stream.read(length)
    entries = parse_json(path, "its header", raw)
    if not isinstance(entries, dict):
        _damaged(path, "its header is no table")
    return entries, length, size_bytes


def require_fit(header: ModelHeader, names: tuple[str, ...]) -> None:
    """See that the tensors of these networks are exactly those their arguments ask for.

    Raises:
        MismatchError: they are not; the message lists the differences.
    """
    for name in names:
        network = header.networks[name]
        shapes = {tensor: info.shape for tensor, info in network.tensors.items()}
        require(f"{name} of {header.path}", network.kind, network.kwargs, shapes)


_HINT = "is the download complete? compare its size and SHA-256 with what its source says"


def _damaged(path: Path, why: str) -> NoReturn:
    raise CheckpointError(f"{path} is damaged: {why}", hint=_HINT)


def _refuse_foreign(path: Path, start: bytes) -> None:
    """A snapshot of another tool (a pickle or a torch archive) is to be converted: say how."""
    if start[:1] == b"\x80" or start[:2] == b"PK" or path.suffix in (".pkl", ".pt", ".pth"):
        target = path.with_suffix(".safetensors").name
        words = shlex.join(["artstyle", "models", "import", str(path), "--out", target])
        raise CheckpointError(
            f"{path} is a snapshot of another tool and has to be converted first", hint=words
        )


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
        raise CheckpointError(f"{path} is damaged: {what}: {fault}", hint=_HINT) from fault


def _require_our_format(path: Path, metadata: Json) -> None:
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        target = path.with_name(f"{path.stem}-converted.safetensors").name
        words = shlex.join(["artstyle", "models", "import", str(path), "--out", target])
        raise CheckpointError(
            f"{path} holds tensors, but does not say of which network: no model file of ours",
            hint=f"let artstyle look at the tensors: {words}",
        )
    if any(not isinstance(value, str) for value in metadata.values()):
        _damaged(path, "its metadata are not all strings")
    if metadata.get("format_version") != FORMAT_VERSION:
        raise CheckpointError(
            f"{path} is of format {metadata.get('format_version')!r:.40}; this artstyle reads "
            f"{FORMAT_VERSION!r}",
            hint="install the newest artstyle",
        )


def tensor_table(path: Path, entries: Mapping[str, Json], data_bytes: int) -> dict[str, TensorInfo]:
    """The tensors' places, checked: they fill the data without holes or overlaps.

    Raises:
        CheckpointError: they do not.
    """
    infos: dict[str, TensorInfo] = {}
    for name, entry in entries.items():
        if not TENSOR_NAME.fullmatch(name):
            _damaged(path, f"{name!r:.80} is no tensor's name")
        infos[name] = _tensor_info(path, name, entry)
    position = 0
    for name, info in sorted(infos.items(), key=lambda item: (item[1].begin, item[1].end)):
        if info.begin != position:
            _damaged(path, f"tensor {name} begins at byte {info.begin}, not at {position}")
        position = info.end
    if position != data_bytes:
        _damaged(path, f"its tensors take {position} bytes, but {data_bytes} follow the header")
    return infos


def _tensor_info(path: Path, name: str, entry: Json) -> TensorInfo:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        _damaged(path, f"tensor {name} is not described by dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        _damaged(path, f"tensor {name} is of type {dtype!r:.40}; known: {', '.join(ITEM_BYTES)}")
    if not _counts(shape) or len(shape) > MAX_AXES or math.prod(shape) > MAX_ELEMENTS:
        _damaged(path, f"tensor {name} has the impossible shape {shape!r:.80}")
    if not _counts(offsets) or len(offsets) != 2:
        _damaged(path, f"tensor {name} has the impossible place {offsets!r:.80}")
    info = TensorInfo(dtype, tuple(shape), *offsets)
    if info.end - info.begin != math.prod(info.shape) * ITEM_BYTES[dtype]:
        _damaged(path, f"tensor {name} of shape {shape} does not fill bytes {offsets}")
    return info


def _counts(value: Json) -> bool:
    return isinstance(value, list) and all(
        type(each) is int and 0 <= each <= MAX_ELEMENTS * 8 for each in value
    )


def _networks(
    path: Path, metadata: Mapping[str, str], infos: Mapping[str, TensorInfo]
) -> dict[str, NetworkHeader]:
    declared = _section(path, metadata, "networks", dict)
    networks: dict[str, NetworkHeader] = {}
    for name in sorted(declared, key=_place):
        entry = declared[name]
        if not NETWORK_NAME.fullmatch(name):
            _damaged(path, f"{name!r:.80} is no network's name")
        if not isinstance(entry, dict) or set(entry) != {"kind", "kwargs"}:
            _damaged(path, f"network {name} is not described by kind and kwargs")
        kind, kwargs = entry["kind"], entry["kwargs"]
        if kind not in KINDS or not isinstance(kwargs, dict):
            _damaged(path, f"network {name} is of the unknown kind {kind!r:.40}")
        networks[name] = NetworkHeader(kind, kwargs, {})
    for name, info in infos.items():
        owner, _, official = name.partition(".")
        if owner not in networks or not official:
            _damaged(path, f"tensor {name} belongs to no network of the file")
        networks[owner].tensors[official] = info
    return networks


def _place(name: str) -> tuple[int, str]:
    """Where a network stands in lists: G_ema, G, D, then others."""
    return (NETWORK_NAMES.index(name) if name in NETWORK_NAMES else len(NETWORK_NAMES), name)


def _provenance(path: Path, metadata: Mapping[str, str]) -> Provenance:
    parents = _section(path, metadata, "parents", list)
    if not all(isinstance(parent, dict) for parent in parents):
        _damaged(path, "its parents are no list of tables")
    return Provenance(
        licence=metadata.get("licence", "unknown"),
        source=metadata.get("source", ""),
        source_sha256=metadata.get("source_sha256", ""),
        parents=tuple(parents),
        preprocessing=_section(path, metadata, "preprocessing", dict),
        notes=_section(path, metadata, "notes", dict),
    )


def _section(path: Path, metadata: Mapping[str, str], name: str, kind: Callable[[], Json]) -> Json:
    """A JSON value inside the metadata; empty if it is not there."""
    if name not in metadata:
        return kind()
    value = parse_json(path, name, metadata[name])
    if type(value) is not kind:
        _damaged(path, f"{name} should be a {kind.__name__}")
    return value


def _match(path: Path, metadata: Mapping[str, str], name: str, pattern: re.Pattern[str]) -> str:
    value = metadata.get(name, "")
    if not pattern.fullmatch(value):
        _damaged(path, f"{name} is {value!r:.80}")
    return value

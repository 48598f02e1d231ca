"""The header of a model file: what stands in front of the tensors, read without torch.

A model file is safetensors: eight bytes with the header's length (little-endian), the header as
JSON, then the tensors' bytes back to back. Tensors are named `<network>.<official name>`. The
`__metadata__` strings are format, format_version, networks, licence, source, source_sha256,
parents, preprocessing, notes and content_sha256; docs/decisions/0003-model-format.md describes
them. Everything here is checked before it is believed: the file may come from anybody.
"""

from __future__ import annotations

import math
import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylegan_ext.errors import CheckpointError
from stylegan_ext.infer import require
from stylegan_ext.records import KINDS, NETWORK_NAMES, Kind, Provenance
from stylegan_ext.tensor_table import (
    Json,
    TensorInfo,
    damaged,
    parse_json,
    read_entries,
    tensor_table,
)

FORMAT, FORMAT_VERSION = "stylegan_ext", "1"
MAX_DEPTH = 32  # of lists and tables in the metadata
NETWORK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
SHA256 = re.compile(r"[0-9a-f]{64}")


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
    entries, length, size_bytes = read_entries(path)
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


def is_ours(path: Path) -> bool:
    """Whether a safetensors file claims to be of our format.

    Raises:
        CheckpointError: no safetensors file, or a damaged one.
    """
    metadata = read_entries(path)[0].get("__metadata__")
    return isinstance(metadata, dict) and metadata.get("format") == FORMAT


def other_kind(path: Path) -> str | None:
    """What a safetensors file holds by its own word, if that is no model of ours; else None.

    Networks beside the generators (encoders, feature networks, transfer nets) say `kind` in their
    metadata; model files list their networks instead.

    Raises:
        CheckpointError: no safetensors file, or a damaged one.
    """
    metadata = read_entries(path)[0].get("__metadata__")
    if not isinstance(metadata, dict) or metadata.get("format") == FORMAT:
        return None
    kind = metadata.get("kind")
    return kind if isinstance(kind, str) else None


def require_fit(header: ModelHeader, names: tuple[str, ...]) -> None:
    """See that the tensors of these networks are exactly those their arguments ask for.

    Raises:
        MismatchError: they are not; the message lists the differences.
    """
    for name in names:
        network = header.networks[name]
        shapes = {tensor: info.shape for tensor, info in network.tensors.items()}
        require(f"{name} of {header.path}", network.kind, network.kwargs, shapes)


def _require_our_format(path: Path, metadata: Json) -> None:
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        target = path.with_name(f"{path.stem}-converted.safetensors").name
        words = shlex.join(["artstyle", "models", "import", str(path), "--out", target])
        raise CheckpointError(
            f"{path} holds tensors, but does not say of which network: no model file of ours",
            hint=f"let artstyle look at the tensors: {words}",
        )
    if any(not isinstance(value, str) for value in metadata.values()):
        damaged(path, "its metadata are not all strings")
    if metadata.get("format_version") != FORMAT_VERSION:
        raise CheckpointError(
            f"{path} is of format {metadata.get('format_version')!r:.40}; this artstyle reads "
            f"{FORMAT_VERSION!r}",
            hint="install the newest artstyle",
        )


def _networks(
    path: Path, metadata: Mapping[str, str], infos: Mapping[str, TensorInfo]
) -> dict[str, NetworkHeader]:
    declared = _section(path, metadata, "networks", dict)
    networks: dict[str, NetworkHeader] = {}
    for name in sorted(declared, key=_place):
        entry = declared[name]
        if not NETWORK_NAME.fullmatch(name):
            damaged(path, f"{name!r:.80} is no network's name")
        if not isinstance(entry, dict) or set(entry) != {"kind", "kwargs"}:
            damaged(path, f"network {name} is not described by kind and kwargs")
        kind, kwargs = entry["kind"], entry["kwargs"]
        if kind not in KINDS or not isinstance(kwargs, dict):
            damaged(path, f"network {name} is of the unknown kind {kind!r:.40}")
        networks[name] = NetworkHeader(kind, kwargs, {})
    for name, info in infos.items():
        owner, _, official = name.partition(".")
        if owner not in networks or not official:
            damaged(path, f"tensor {name} belongs to no network of the file")
        networks[owner].tensors[official] = info
    return networks


def _place(name: str) -> tuple[int, str]:
    """Where a network stands in lists: G_ema, G, D, then others."""
    return (NETWORK_NAMES.index(name) if name in NETWORK_NAMES else len(NETWORK_NAMES), name)


def _provenance(path: Path, metadata: Mapping[str, str]) -> Provenance:
    parents = _section(path, metadata, "parents", list)
    if not all(isinstance(parent, dict) for parent in parents):
        damaged(path, "its parents are no list of tables")
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
    if type(value) is not kind or _is_deep(value):
        damaged(path, f"{name} should be a {kind.__name__} of at most {MAX_DEPTH} levels")
    return value


def _is_deep(value: Json) -> bool:
    """Whether lists and tables are nested more than a reader of them may have to follow."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for each in level
            if isinstance(each, (dict, list))
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)


def _match(path: Path, metadata: Mapping[str, str], name: str, pattern: re.Pattern[str]) -> str:
    value = metadata.get(name, "")
    if not pattern.fullmatch(value):
        damaged(path, f"{name} is {value!r:.80}")
    return value

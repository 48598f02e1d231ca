"""A model as the bytes of its file: names, header, digest.

Torch is imported where tensors are touched, so that reading headers does not wait for it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylegan_ext.errors import CheckpointError
from stylegan_ext.header import FORMAT, FORMAT_VERSION, NETWORK_NAME
from stylegan_ext.infer import require
from stylegan_ext.records import KINDS, ModelFile
from stylegan_ext.tensor_table import ITEM_BYTES, MAX_HEADER_BYTES, TENSOR_NAME

if TYPE_CHECKING:
    import numpy as np
    import torch

NON_FINITE = "non_finite"  # the note that names tensors with NaN or infinity


def named_tensors(path: Path, model: ModelFile) -> dict[str, torch.Tensor]:
    """All tensors under their names in the file, after seeing that the format can hold them."""
    tensors: dict[str, torch.Tensor] = {}
    types = _types()
    for name, record in model.networks.items():
        if not NETWORK_NAME.fullmatch(name) or record.kind not in KINDS:
            raise CheckpointError(f"{path}: cannot write {name!r:.80} of kind {record.kind!r:.40}")
        for tensor_name, tensor in record.tensors.items():
            if not TENSOR_NAME.fullmatch(tensor_name):
                raise CheckpointError(f"{path}: {tensor_name!r:.80} is no name for a tensor")
            if tensor.dtype not in types:
                raise CheckpointError(
                    f"{path}: {name}.{tensor_name} is of type {tensor.dtype}, which a model file "
                    f"does not hold; it holds {', '.join(map(str, types))}"
                )
            tensors[f"{name}.{tensor_name}"] = tensor
        shapes = {key: tuple(tensor.shape) for key, tensor in record.tensors.items()}
        require(f"{name} for {path}", record.kind, record.kwargs, shapes)
    return tensors


def _types() -> dict[torch.dtype, str]:
    import torch

    return {
        torch.float64: "F64",
        torch.float32: "F32",
        torch.float16: "F16",
        torch.bfloat16: "BF16",
    }


def raw_bytes(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    """The tensor's bytes in row-major order; a copy only where it is not laid out so."""
    import torch

    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy()


def caption(name: str, dtype: str, shape: Sequence[int]) -> bytes:
    """What goes into the digest before a tensor's bytes."""
    return json.dumps([name, dtype, list(shape)]).encode()


def look_through(tensors: Mapping[str, torch.Tensor]) -> tuple[str, list[str]]:
    """The digest over all tensors, and the names of those with NaN or infinity."""
    digest = hashlib.sha256()
    types = _types()
    non_finite = []
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(caption(name, types[tensor.dtype], tensor.shape))
        digest.update(raw_bytes(tensor).data)
        if not bool(tensor.isfinite().all()):
            non_finite.append(name)
    return digest.hexdigest(), non_finite


def file_order(tensors: Mapping[str, torch.Tensor]) -> list[str]:
    """Wide types first, so that every tensor begins at a multiple of its item's size."""
    return sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))


def header_bytes(
    path: Path,
    model: ModelFile,
    tensors: Mapping[str, torch.Tensor],
    content: str,
    non_finite: list[str],
) -> bytes:
    """The header's JSON, padded with spaces to a multiple of eight bytes."""
    origin = model.provenance
    notes = {key: value for key, value in origin.notes.items() if key != NON_FINITE}
    if non_finite:
        notes[NON_FINITE] = non_finite
    networks = {
        name: {"kind": record.kind, "kwargs": record.kwargs}
        for name, record in model.networks.items()
    }
    types = _types()
    entries: dict[str, Any] = {}
    position = 0
    for name in file_order(tensors):
        shape = list(tensors[name].shape)
        dtype = types[tensors[name].dtype]
        end = position + tensors[name].numel() * ITEM_BYTES[dtype]
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [position, end]}
        position = end
    try:
        entries["__metadata__"] = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "networks": _json(networks),
            "licence": origin.licence,
            "source": origin.source,
            "source_sha256": origin.source_sha256,
            "parents": _json(list(origin.parents)),
            "preprocessing": _json(origin.preprocessing),
            "notes": _json(notes),
            "content_sha256": content,
        }
        raw = _json(entries).encode()
    except (TypeError, ValueError) as fault:
        raise CheckpointError(
            f"{path}: arguments or provenance hold something that JSON cannot say: {fault}"
        ) from fault
    if len(raw) > MAX_HEADER_BYTES - 8:
        raise CheckpointError(
            f"{path}: arguments and provenance take {len(raw)} bytes; a header holds "
            f"{MAX_HEADER_BYTES}"
        )
    return raw.ljust(-(-len(raw) // 8) * 8)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False, ensure_ascii=True)

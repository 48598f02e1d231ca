"""Our model files: write, read, verify, and make networks of them.

The format is safetensors with the constructors' arguments and the provenance in the header
(`stylegan_ext.header`). Writing is deterministic: the same networks and provenance give the same
bytes. Torch is imported where tensors are touched, so that a list of a hundred models, which reads
headers only, does not wait for it.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylegan_ext.errors import CheckpointError
from stylegan_ext.files import BLOCK_BYTES, atomic_file
from stylegan_ext.header import (
    FORMAT,
    FORMAT_VERSION,
    ITEM_BYTES,
    NETWORK_NAME,
    TENSOR_NAME,
    ModelHeader,
    read_header,
    require_fit,
)
from stylegan_ext.infer import require
from stylegan_ext.records import KINDS, ModelFile, NetworkRecord

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import nn

    from stylegan_ext.networks import Generator

NON_FINITE = "non_finite"  # the note that names tensors with NaN or infinity


def write_model(path: str | os.PathLike[str], model: ModelFile) -> None:
    """Write a model file, whole or not at all.

    Tensors keep their type (float64, float32, float16, bfloat16); shared and non-contiguous ones
    are written out. Names of tensors that hold NaN or infinity go into the notes.

    Raises:
        MismatchError: tensors do not fit their network's arguments.
        CheckpointError: something that this format cannot hold.
        OSError: the file cannot be written.
    """
    path = Path(path)
    tensors = _named_tensors(path, model)
    content, non_finite = _look_through(tensors)
    header = _header(path, model, tensors, content, non_finite)
    with atomic_file(path) as stream:
        stream.write(len(header).to_bytes(8, "little"))
        stream.write(header)
        for name in _file_order(tensors):
            stream.write(_raw(tensors[name]).data)


def read_model(path: str | os.PathLike[str]) -> ModelFile:
    """Read every network of a model file; the tensors are views of the file, read when used.

    Raises:
        CheckpointError: no model file of ours, or a damaged one.
        MismatchError: tensors do not fit their network's arguments.
    """
    header = read_header(path)
    return ModelFile(_records(header, tuple(header.networks)), header.provenance)


def load(
    path: str | os.PathLike[str],
    network: str | None = None,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
) -> Generator:
    """A generator that is ready to draw: eval mode, gradients off.

    Args:
        path: a model file (.safetensors).
        network: which generator; None takes G_ema, else G.
        device: where its tensors go.
        dtype: of its tensors; None means float32, whatever the file holds.

    Raises:
        CheckpointError: no model file of ours, a damaged one, or no such generator in it.
        MismatchError: tensors do not fit the network's arguments.
    """
    from stylegan_ext.networks import Generator

    header = read_header(path)
    chosen = network or next((name for name in ("G_ema", "G") if name in header.networks), "G_ema")
    if chosen not in header.networks:
        held = ", ".join(header.networks) or "no networks"
        raise CheckpointError(f"{path} has no {chosen}: it holds {held}")
    made = _build(header, (chosen,), device, dtype)[chosen]
    if not isinstance(made, Generator):
        raise CheckpointError(
            f"{chosen} of {path} is a {header.networks[chosen].kind}, no generator",
            hint="load_all(file) gives every network",
        )
    return made


def load_all(
    path: str | os.PathLike[str],
    device: str | torch.device = "cpu",
    dtype: torch.dtype | None = None,
) -> dict[str, nn.Module]:
    """Every network of the file by name (G_ema, G, D), as `load` gives them."""
    header = read_header(path)
    return _build(header, tuple(header.networks), device, dtype)


def verify(path: str | os.PathLike[str]) -> ModelHeader:
    """See that a file is whole: structure, shapes, and the digest over all tensors.

    Raises:
        CheckpointError: it is not what was written.
        MismatchError: tensors do not fit their network's arguments.
    """
    header = read_header(path)
    require_fit(header, tuple(header.networks))
    infos = {
        f"{network}.{name}": info
        for network, held in header.networks.items()
        for name, info in held.tensors.items()
    }
    digest = hashlib.sha256()
    with header.path.open("rb") as stream:
        for name in sorted(infos):
            info = infos[name]
            digest.update(_caption(name, info.dtype, info.shape))
            stream.seek(header.data_start + info.begin)
            left = info.end - info.begin
            while left and (block := stream.read(min(left, BLOCK_BYTES))):
                digest.update(block)
                left -= len(block)
    if digest.hexdigest() != header.content_sha256:
        raise CheckpointError(
            f"{path}: its tensors are not those that were written (SHA-256 {digest.hexdigest()}, "
            f"the header says {header.content_sha256})",
            hint="fetch or import the file again",
        )
    return header


def content_sha256(model: ModelFile) -> str:
    """The digest over names, types, shapes and bytes of all tensors; the header has no part in it.

    Raises:
        CheckpointError: something that our format cannot hold.
    """
    return _look_through(_named_tensors(Path("model"), model))[0]


def _records(header: ModelHeader, names: tuple[str, ...]) -> dict[str, NetworkRecord]:
    """The named networks with their tensors mapped from the file."""
    from safetensors import SafetensorError, safe_open

    require_fit(header, names)
    try:
        with safe_open(header.path, framework="pt", device="cpu") as held:
            return {
                name: NetworkRecord(
                    network.kind,
                    network.kwargs,
                    {tensor: held.get_tensor(f"{name}.{tensor}") for tensor in network.tensors},
                )
                for name, network in ((name, header.networks[name]) for name in names)
            }
    except SafetensorError as fault:
        raise CheckpointError(
            f"{header.path} is damaged: {fault}", hint="fetch or import the file again"
        ) from fault


def _build(
    header: ModelHeader,
    names: tuple[str, ...],
    device: str | torch.device,
    dtype: torch.dtype | None,
) -> dict[str, nn.Module]:
    import torch

    from stylegan_ext.networks import build

    noted = header.provenance.notes.get(NON_FINITE)
    sick = [
        name
        for name in (noted if isinstance(noted, list) else [])
        if isinstance(name, str) and name.partition(".")[0] in names
    ]
    if sick:
        warnings.warn(
            f"{header.path}: NaN or infinity in {', '.join(sick[:5])}"
            + (f" and {len(sick) - 5} more tensors" if len(sick) > 5 else ""),
            RuntimeWarning,
            stacklevel=3,
        )
    return {
        name: build(record).to(device=device, dtype=dtype or torch.float32)
        for name, record in _records(header, names).items()
    }


def _named_tensors(path: Path, model: ModelFile) -> dict[str, torch.Tensor]:
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


def _raw(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    """The tensor's bytes in row-major order; a copy only where it is not laid out so."""
    import torch

    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy()


def _caption(name: str, dtype: str, shape: Sequence[int]) -> bytes:
    """What goes into the digest before a tensor's bytes."""
    return json.dumps([name, dtype, list(shape)]).encode()


def _look_through(tensors: Mapping[str, torch.Tensor]) -> tuple[str, list[str]]:
    """The digest over all tensors, and the names of those with NaN or infinity."""
    digest = hashlib.sha256()
    types = _types()
    non_finite = []
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(_caption(name, types[tensor.dtype], tensor.shape))
        digest.update(_raw(tensor).data)
        if not bool(tensor.isfinite().all()):
            non_finite.append(name)
    return digest.hexdigest(), non_finite


def _file_order(tensors: Mapping[str, torch.Tensor]) -> list[str]:
    """Wide types first, so that every tensor begins at a multiple of its item's size."""
    return sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))


def _header(
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
    for name in _file_order(tensors):
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
    return raw.ljust(-(-len(raw) // 8) * 8)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False, ensure_ascii=True)

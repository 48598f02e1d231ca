"""Our model files: write, read, verify, and make networks of them.

The format is safetensors with the constructors' arguments and the provenance in the header
(`stylegan_ext.header`). Writing is deterministic: the same networks and provenance give the same
bytes. Torch is imported where tensors are touched, so that a list of a hundred models, which reads
headers only, does not wait for it.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from stylegan_ext.errors import CheckpointError
from stylegan_ext.files import BLOCK_BYTES, atomic_file
from stylegan_ext.header import ModelHeader, read_header, require_fit
from stylegan_ext.model_bytes import (
    NON_FINITE,
    caption,
    file_order,
    header_bytes,
    look_through,
    named_tensors,
    raw_bytes,
)
from stylegan_ext.records import ModelFile, NetworkRecord

if TYPE_CHECKING:
    import torch
    from torch import nn

    from stylegan_ext.networks import Generator

__all__ = [
    "content_sha256",
    "load",
    "load_all",
    "read_header",
    "read_model",
    "verify",
    "write_model",
]


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
    tensors = named_tensors(path, model)
    content, non_finite = look_through(tensors)
    header = header_bytes(path, model, tensors, content, non_finite)
    with atomic_file(path) as stream:
        stream.write(len(header).to_bytes(8, "little"))
        stream.write(header)
        for name in file_order(tensors):
            stream.write(raw_bytes(tensors[name]).data)


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
            digest.update(caption(name, info.dtype, info.shape))
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
    return look_through(named_tensors(Path("model"), model))[0]


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
        name: build(record).to(device=device, dtype=dtype)  # it is built in float32
        for name, record in _records(header, names).items()
    }

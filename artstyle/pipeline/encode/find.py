"""The encoder of a base model: where it lies, and whether it is this base's.

An encoder speaks the latents of one generator; for any other, even a later snapshot of the same
training, what it says is wrong. So it names its base, by the digest of the base's tensors, and by
one of its generator in half precision, which a base that was stored smaller keeps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

import stylegan_ext
from artstyle.errors import UsageError
from artstyle.events import Emit, Note, ignore
from artstyle.names import shown
from artstyle.perception.choose import own_file
from artstyle.perception.likeness import Choice
from artstyle.weights.model_names import SUFFIX, starter_folder
from stylegan_ext.errors import EngineError
from stylegan_ext.header import ModelHeader, read_header
from stylegan_ext.networks import Encoder

ENCODER = "E"  # the network's name in its file
NAME = "{base}-encoder" + SUFFIX


def find_encoder(base: Path, workspace: Path | None = None, *, emit: Emit = ignore) -> Path | None:
    """The encoder of a base model, if there is one.

    It is looked for as BASE-encoder.safetensors beside the base, in the workspace's models and in
    the starter pack. One that was trained for another model is passed over, with a warning.

    Args:
        base: the base's file.
        workspace: the workspace's folder; None: there is none.
        emit: gets the warnings.
    """
    name = NAME.format(base=base.stem)
    folders = [base.parent, starter_folder()]
    if workspace is not None:
        folders.insert(1, workspace / "models")
    for path in dict.fromkeys((folder / name).absolute() for folder in folders):
        if not path.is_file():
            continue
        try:
            check_encoder(path, base)
        except (EngineError, UsageError) as fault:
            emit(Note(f"{fault}; it is left out", "warning"))
            continue
        return path
    return None


def check_encoder(path: Path, base: Path) -> ModelHeader:
    """See that a file is the encoder of a base.

    Raises:
        UsageError: it holds no encoder, or one of another model.
        EngineError: one of the files cannot be read.
    """
    header = read_header(path)
    network = header.networks.get(ENCODER)
    if network is None or network.kind != "encoder":
        held = ", ".join(f"{name} ({one.kind})" for name, one in header.networks.items())
        raise UsageError(
            f"{shown(path)} holds no encoder, but {held or 'nothing'}",
            hint=f"artstyle train-encoder --base {base.stem}",
        )
    named = header.provenance.notes.get("base")
    if not isinstance(named, dict) or not _is_same(named, base):
        said = named.get("name", "?") if isinstance(named, dict) else "?"
        raise UsageError(
            f"the encoder {shown(path)} was trained for another model (it says {said!r:.60}) than"
            f" {shown(base)}",
            hint=f"train one for it: artstyle train-encoder --base {shown(base)}",
        )
    return header


def read_encoder(path: Path, base: Path, device: str = "cpu") -> Encoder:
    """The encoder of a base, ready to look; float32, gradients off.

    Raises:
        UsageError: see `check_encoder`.
        EngineError: a file is damaged.
    """
    check_encoder(path, base)
    network = stylegan_ext.load_all(path, device)[ENCODER]
    assert isinstance(network, Encoder)
    return network


def what_is_alike(networks: Mapping[str, nn.Module]) -> Choice:
    """In which features faces are compared: quick ones, the base's own discriminator first.

    Args:
        networks: the base's, by name.
    """
    if "D" in networks:
        return "discriminator"
    return "own" if own_file() is not None else "pixels"


def identity_of(base: Path) -> dict[str, Any]:
    """How an encoder names its base; JSON types.

    Raises:
        EngineError: the base cannot be read.
    """
    return {
        "name": base.stem,
        "content_sha256": read_header(base).content_sha256,
        "half_sha256": _half_sha256(base),
    }


def _is_same(named: dict[str, Any], base: Path) -> bool:
    if named.get("content_sha256") == read_header(base).content_sha256:
        return True
    return bool(named.get("half_sha256")) and named["half_sha256"] == _half_sha256(base)


def _half_sha256(base: Path) -> str:
    """A digest over the tensors of the generator that is drawn with, each as float16."""
    import torch

    from stylegan_ext.checkpoint import read_model

    tensors = read_model(base).generator().tensors
    digest = hashlib.sha256()
    for name in sorted(tensors):
        half = tensors[name].to(torch.float16).contiguous()
        digest.update(f"{name} {list(half.shape)}\n".encode())
        digest.update(half.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()

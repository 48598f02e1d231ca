"""Our models as snapshots that the official tools load (.pkl).

Their loader runs the source text that a snapshot carries, and sets the attributes of the objects
it defines. We give it `portable_source.py` as that text, and the attributes of real networks made
from the same source. A snapshot must hold G, D and G_ema there: what a model lacks is G_ema again,
or an empty network that says so when it is called.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping
from dataclasses import asdict
from importlib import resources
from typing import Any, BinaryIO

import torch
from torch import nn

from stylegan_ext.convert import portable_source
from stylegan_ext.convert.emitter import Call, Chunk, Emitter
from stylegan_ext.convert.official import PROVENANCE_ENTRY
from stylegan_ext.errors import CheckpointError
from stylegan_ext.infer import require
from stylegan_ext.records import Kind, ModelFile, NetworkRecord

_CLASSES: dict[Kind, type[nn.Module]] = {
    "stylegan2-generator": portable_source.StyleGAN2Generator,
    "stylegan2-discriminator": portable_source.Discriminator,
    "stylegan3-generator": portable_source.StyleGAN3Generator,
}
# The attributes of every torch module from 1.7 to 2.13: a loader sets attributes without calling
# the constructor, and each version looks for its own.
HOOKS = (
    "_backward_pre_hooks",
    "_backward_hooks",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)
_CONTAINERS = ("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set")
_STORAGE_HEAD = b"".join(
    pickle.dumps(value, protocol=2)
    for value in (
        0x1950A86A20F9469CFC6C,
        1001,
        {
            "protocol_version": 1001,
            "little_endian": True,
            "type_sizes": {"short": 2, "int": 4, "long": 4},
        },
    )
)


def source_text() -> str:
    """The text of the networks that travels in a snapshot."""
    name = f"{portable_source.__name__.rpartition('.')[2]}.py"
    return resources.files("stylegan_ext.convert").joinpath(name).read_text("utf-8")


def write_official(stream: BinaryIO, model: ModelFile, source: str | None = None) -> list[str]:
    """Write a snapshot; the same model gives the same bytes.

    Args:
        stream: gets the bytes.
        model: G_ema, G and D, or some of them.
        source: text to carry instead of our own networks'; without it no official tool can load
            the file, with "" it is small.

    Returns:
        What the official tools will find otherwise than in the model, in sentences.

    Raises:
        CheckpointError: no generator in the model.
        MismatchError: tensors do not fit their network's arguments.
    """
    model.generator()
    text = source_text() if source is None else source
    notes = []
    objects: dict[str, Call] = {}
    for name, record in model.networks.items():
        if name in ("G_ema", "G", "D"):
            objects[name] = _persistent(_module(name, record), text, record.kwargs)
            if any(tensor.dtype != torch.float32 for tensor in record.tensors.values()):
                notes.append(f"{name} is stored as float32 there")
    present = set(objects)
    objects.setdefault("G_ema", objects.get("G", _absent(text)))
    objects.setdefault("G", objects["G_ema"])
    objects.setdefault("D", _absent(text))
    if "G" not in present:
        notes.append("there is no G of its own: G is G_ema")
    if "D" not in present:
        notes.append("there is no discriminator: training cannot be resumed from it")
    snapshot = {
        "G": objects["G"],
        "D": objects["D"],
        "G_ema": objects["G_ema"],
        "augment_pipe": None,
        "training_set_kwargs": model.provenance.preprocessing.get("training_set_kwargs"),
        PROVENANCE_ENTRY: {**asdict(model.provenance), "parents": list(model.provenance.parents)},
    }
    Emitter(stream).dump(snapshot)
    return notes


def _module(name: str, record: NetworkRecord) -> nn.Module:
    """The network, made from the portable source, with the record's tensors as float32."""
    shapes = {key: tuple(tensor.shape) for key, tensor in record.tensors.items()}
    require(name, record.kind, record.kwargs, shapes)
    with torch.device("meta"):  # nothing is drawn or allocated for what is replaced at once
        network = _CLASSES[record.kind](**record.kwargs)
    state = {key: tensor.detach().cpu().to(torch.float32) for key, tensor in record.tensors.items()}
    network.load_state_dict(state, assign=True)
    return network.eval().requires_grad_(False)


def _persistent(module: nn.Module, source: str, kwargs: Mapping[str, Any]) -> Call:
    """The object that the official loader makes again: class name, source and attributes."""
    attributes = {
        name: value
        for name, value in vars(module).items()
        if name not in (*HOOKS, *_CONTAINERS, "training", "_is_full_backward_hook")
    }
    state: dict[str, Any] = {
        "training": False,
        "_parameters": {name: _parameter(value) for name, value in module._parameters.items()},
        "_buffers": {name: _tensor(value) for name, value in module._buffers.items()},
        "_non_persistent_buffers_set": set(),
        "_is_full_backward_hook": None,
        **{name: Call("collections.OrderedDict") for name in HOOKS},
        "_modules": {
            name: child if child is None else _persistent(child, source, {})
            for name, child in module._modules.items()
        },
        **attributes,
        "_init_args": (),
        "_init_kwargs": dict(kwargs),
    }
    meta = {
        "type": "class",
        "version": 6,
        "module_src": source,
        "class_name": type(module).__name__,
        "state": state,
    }
    return Call("torch_utils.persistence._reconstruct_persistent_obj", (meta,))


def _absent(source: str) -> Call:
    return _persistent(portable_source.AbsentNetwork().eval(), source, {})


def _parameter(value: torch.Tensor | None) -> Call | None:
    if value is None:
        return None
    return Call(
        "torch._utils._rebuild_parameter",
        (_tensor(value), False, Call("collections.OrderedDict")),
    )


def _tensor(value: torch.Tensor | None) -> Call | None:
    """A contiguous float32 tensor over a storage of its own."""
    if value is None:
        return None
    if value.dtype != torch.float32:
        raise CheckpointError(f"a buffer of type {value.dtype} cannot be written to a snapshot")
    whole = value.detach().contiguous()
    head = _storage_head(whole.numel())
    chunk = Chunk(
        len(head) + 4 * whole.numel(),
        lambda: [head, whole.reshape(-1).view(torch.uint8).numpy().data],
    )
    storage = Call("torch.storage._load_from_bytes", (chunk,))
    hooks = Call("collections.OrderedDict")
    return Call(
        "torch._utils._rebuild_tensor_v2",
        (storage, 0, tuple(whole.shape), whole.stride(), False, hooks),
    )


def _storage_head(count: int) -> bytes:
    """What torch.save wrote before a storage's numbers, until version 1.6."""
    key = b"X\x01\x00\x00\x000"  # any text does: a file has one storage
    parts = [
        b"\x80\x02(X\x07\x00\x00\x00storagectorch\nFloatStorage\n",
        key,
        b"X\x03\x00\x00\x00cpu",
        b"\x8a\x08" + struct.pack("<q", count),
        b"NtQ.",
        b"\x80\x02]" + key + b"a.",
        struct.pack("<q", count),
    ]
    return _STORAGE_HEAD + b"".join(parts)

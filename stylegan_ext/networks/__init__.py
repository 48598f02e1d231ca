"""The networks: StyleGAN2's and StyleGAN3's generators, and the discriminator they share."""

from __future__ import annotations

from typing import Any

from torch import nn

from stylegan_ext.errors import MismatchError, ParameterError
from stylegan_ext.networks.discriminator import Discriminator
from stylegan_ext.networks.encoder import Encoder
from stylegan_ext.networks.generator import Generator, StyleGAN2Generator, StyleGAN3Generator
from stylegan_ext.records import Kind, NetworkRecord

__all__ = [
    "Discriminator",
    "Encoder",
    "Generator",
    "StyleGAN2Generator",
    "StyleGAN3Generator",
    "build",
    "construct",
]

_CLASSES: dict[Kind, type[nn.Module]] = {
    "stylegan2-generator": StyleGAN2Generator,
    "stylegan2-discriminator": Discriminator,
    "stylegan3-generator": StyleGAN3Generator,
    "encoder": Encoder,
}


def construct(kind: Kind, kwargs: dict[str, Any]) -> nn.Module:
    """A freshly initialised network.

    Raises:
        ParameterError: the kind is unknown, or its constructor does not take these arguments.
    """
    if kind not in _CLASSES:
        raise ParameterError(f"unknown kind of network {kind!r}; known: {', '.join(_CLASSES)}")
    try:
        return _CLASSES[kind](**kwargs)
    except TypeError as fault:
        raise ParameterError(f"{kind} cannot be built from these arguments: {fault}") from fault


def build(record: NetworkRecord) -> nn.Module:
    """The network of a record, in eval mode, gradients off, holding the record's tensors.

    Raises:
        MismatchError: tensors are missing, left over, or of another shape; all are listed.
        ParameterError: see `construct`.
    """
    network = construct(record.kind, record.kwargs)
    own = network.state_dict()
    faults = [
        f"missing: {name} {list(own[name].shape)}" for name in own if name not in record.tensors
    ]
    for name, tensor in record.tensors.items():
        if name not in own:
            faults.append(f"left over: {name} {list(tensor.shape)}")
        elif own[name].shape != tensor.shape:
            faults.append(f"{name}: expected {list(own[name].shape)}, found {list(tensor.shape)}")
    if faults:
        shown = "".join(f"\n  - {fault}" for fault in faults[:12])
        more = f"\n  ... and {len(faults) - 12} more" if len(faults) > 12 else ""
        raise MismatchError(
            f"the tensors do not fit a {record.kind} of these arguments:{shown}{more}",
            hint="the file's arguments and its tensors disagree; import the original file again",
        )
    network.load_state_dict(record.tensors)
    return network.eval().requires_grad_(False)

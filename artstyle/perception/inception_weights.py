"""The published weights of Inception, read without running anything that is in the files.

Two forms are known. `pt_inception-2015-12-05-*.pth` (pytorch-fid) is a plain dict of tensors with
torchvision's names. `inception-2015-12-05.pt` (NVIDIA, and clean-fid) is a TorchScript archive:
code and tensors; `torchscript` reads its tensors by name and never looks at the code. How its
layers are called is not documented. Names of the torchvision kind and names after the
TensorFlow graph are understood, under any common prefix; an archive that uses others is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch

from artstyle.errors import WeightsError
from artstyle.names import shown
from artstyle.perception.inception import Inception
from artstyle.perception.torchscript import is_torchscript, read_tensors
from stylegan_ext.errors import EngineError

_HINT = "fetch pytorch-fid's: artstyle models pull inception-fid"
_BN = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean"}
_BN["running_var"] = "moving_variance"

# Where each layer stands in the TensorFlow graph, of which the names of mixed blocks are
# "mixed", "mixed_1" ... "mixed_10"; towers are the branches, in this order.
_STEM = ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3")
_STEM_TF = ("conv", "conv_1", "conv_2", "conv_3", "conv_4")
_BLOCKS = ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c")
_35 = {
    "branch1x1": "conv",
    "branch5x5_1": "tower/conv",
    "branch5x5_2": "tower/conv_1",
    "branch3x3dbl_1": "tower_1/conv",
    "branch3x3dbl_2": "tower_1/conv_1",
    "branch3x3dbl_3": "tower_1/conv_2",
    "branch_pool": "tower_2/conv",
}
_17 = {
    "branch1x1": "conv",
    **{f"branch7x7_{n + 1}": "tower/conv" + (f"_{n}" if n else "") for n in range(3)},
    **{f"branch7x7dbl_{n + 1}": "tower_1/conv" + (f"_{n}" if n else "") for n in range(5)},
    "branch_pool": "tower_2/conv",
}
_8 = {
    "branch1x1": "conv",
    "branch3x3_1": "tower/conv",
    "branch3x3_2a": "tower/mixed/conv",
    "branch3x3_2b": "tower/mixed/conv_1",
    "branch3x3dbl_1": "tower_1/conv",
    "branch3x3dbl_2": "tower_1/conv_1",
    "branch3x3dbl_3a": "tower_1/mixed/conv",
    "branch3x3dbl_3b": "tower_1/mixed/conv_1",
    "branch_pool": "tower_2/conv",
}
_6A = {
    "branch3x3": "conv",
    "branch3x3dbl_1": "tower/conv",
    "branch3x3dbl_2": "tower/conv_1",
    "branch3x3dbl_3": "tower/conv_2",
}
_7A = {
    "branch3x3_1": "tower/conv",
    "branch3x3_2": "tower/conv_1",
    **{f"branch7x7x3_{n + 1}": "tower_1/conv" + (f"_{n}" if n else "") for n in range(4)},
}
_LAYERS_OF = {
    "5b": _35, "5c": _35, "5d": _35, "6a": _6A, "6b": _17, "6c": _17, "6d": _17, "6e": _17,
    "7a": _7A, "7b": _8, "7c": _8,
}  # fmt: skip


def read_inception(path: Path) -> Inception:
    """The network with its published weights, in eval mode, gradients off, normalisation fused.

    Raises:
        WeightsError: the file is damaged, not known, or holds another network.
    """
    network = Inception()
    network.load_state_dict(matched(_read(path), network, path))
    network.eval().requires_grad_(False)
    network.fuse()
    return network.requires_grad_(False)


def matched(
    found: Mapping[str, torch.Tensor], network: Inception, path: Path
) -> dict[str, torch.Tensor]:
    """The network's state from a file's tensors, whichever of the known names they have.

    Raises:
        WeightsError: a tensor is missing, has another shape, or names are not known.
    """
    wanted = network.state_dict()
    found = _without_prefix(found)
    state: dict[str, torch.Tensor] = {}
    if "Conv2d_1a_3x3.conv.weight" in found:
        state = {name: found[name] for name in wanted if name in found}
    elif _tf_name(found, "conv") is not None:
        state = _from_tensorflow_names(found)
    else:
        some = ", ".join(shown(name) for name in list(found)[:6])
        raise WeightsError(
            f"{shown(path)} names its {len(found)} tensors in a way that is not known"
            f" ({some}...), so they cannot be put into their places surely",
            hint=_HINT,
        )
    for name, expected in wanted.items():
        if name.endswith("num_batches_tracked"):
            state[name] = expected  # not used, and not in every file
        elif name not in state or state[name].shape != expected.shape:
            what = list(state[name].shape) if name in state else "nothing"
            raise WeightsError(
                f"{shown(path)} is not the Inception of FID: {name} should be"
                f" {list(expected.shape)}, found {what}",
                hint=_HINT,
            )
        elif not bool(torch.isfinite(state[name]).all()):
            raise WeightsError(f"{shown(path)}: {name} is not finite", hint=_HINT)
    return {name: tensor.float() for name, tensor in state.items()}


def tensorflow_names() -> dict[str, str]:
    """Our layers by their names in the TensorFlow graph, e.g. "mixed_1/tower/conv_1"."""
    names = dict(zip(_STEM_TF, _STEM, strict=True))
    for number, block in enumerate(_BLOCKS):
        outer = f"mixed_{number}" if number else "mixed"
        for own, inside in _LAYERS_OF[block].items():
            names[f"{outer}/{inside}"] = f"Mixed_{block}.{own}"
    return names


def _read(path: Path) -> Mapping[str, torch.Tensor]:
    try:
        if is_torchscript(path):
            return read_tensors(path)
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except EngineError as fault:
        raise WeightsError(f"{shown(path)}: {fault}", hint=_HINT) from fault
    except Exception as fault:  # torch raises many kinds for a damaged or foreign file
        raise WeightsError(f"{shown(path)} cannot be read: {fault}", hint=_HINT) from fault
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(held, torch.Tensor) for name, held in state.items()
    ):
        raise WeightsError(f"{shown(path)} holds no tensors by name", hint=_HINT)
    return state


def _without_prefix(found: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors without what a wrapper put before the layers' names."""
    first = ("Conv2d_1a_3x3.conv.weight", "conv.weight", "conv.conv.weight")
    for name in found:
        for ending in first:
            prefix = name.removesuffix(ending)
            if prefix != name and re.fullmatch(r"(layers|base|inception|model|\.)+", prefix):
                return {other.removeprefix(prefix): held for other, held in found.items()}
    return dict(found)


def _tf_name(found: Mapping[str, torch.Tensor], layer: str) -> str | None:
    """How the file writes the convolution of a layer of the TensorFlow graph; None: not at all."""
    dotted = layer.replace("/", ".")
    for name in (f"{dotted}.conv.weight", f"{dotted}.weight"):
        if name in found:
            return name
    return None


def _from_tensorflow_names(found: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """State from names such as "mixed_1.tower.conv_1.weight" and "...beta"."""
    state: dict[str, torch.Tensor] = {}
    for layer, own in tensorflow_names().items():
        weight = _tf_name(found, layer)
        if weight is None:
            continue  # the check of what is missing names it
        state[f"{own}.conv.weight"] = found[weight]
        stem = layer.replace("/", ".")
        for part, tf_part in _BN.items():
            for name in (f"{stem}.bn.{part}", f"{stem}.{tf_part}", f"{stem}.{part}"):
                if name in found and name != weight:
                    state[f"{own}.bn.{part}"] = found[name]
                    break
        beta = state.get(f"{own}.bn.bias")
        if beta is not None:  # the graph does not scale: no gamma is a gamma of 1
            state.setdefault(f"{own}.bn.weight", torch.ones_like(beta))
    for name in ("fc", "output", "softmax"):
        if f"{name}.weight" in found:
            state["fc.weight"] = found[f"{name}.weight"]
            state["fc.bias"] = found.get(f"{name}.bias", torch.zeros(len(found[f"{name}.weight"])))
    return state

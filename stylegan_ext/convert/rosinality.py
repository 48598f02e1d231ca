"""Generators of rosinality's stylegan2-pytorch and its many heirs (pSp, e4e, JoJoGAN, PTI).

Their files are `{"g_ema": state dict, "latent_avg": average of w}`. The arithmetic is StyleGAN2's;
names differ, and their class has the paper's channel counts written into it: 512 up to 64 px, then
halving, times a multiplier. They have no labels, no skip or resnet choice and no clamping.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import torch

from stylegan_ext.convert.filters import fill_resample_filters
from stylegan_ext.convert.machine import Limits, printable
from stylegan_ext.convert.torchfile import state_of
from stylegan_ext.errors import CheckpointError, MismatchError
from stylegan_ext.infer import settle
from stylegan_ext.records import Kind, ModelFile, NetworkRecord, Provenance

_KIND: Kind = "stylegan2-generator"
_KNOWN = {"g_ema": "G_ema", "g": "G"}
_MAPPING_SAMPLES = (
    10_000  # of z, to average w where a file lacks it; the official projector's count
)
_MAX_RESOLUTION, _MAX_WIDTH = 1024, 4096  # of such networks; bounds what a missing part may cost
_IGNORED = re.compile(r"(convs\.\d+\.conv\.blur|to_rgbs\.\d+\.upsample)\.kernel")


def rosinality_model(held: Mapping[str, Any], limits: Limits, size_bytes: int) -> ModelFile:
    """The generators of a rosinality file.

    Args:
        held: the file's content as `torchfile.load_torch_file` gives it.
        limits: bounds on what the file may ask for.
        size_bytes: of the file.

    Raises:
        CheckpointError: there is no generator in it, or something that is no tensor.
        MismatchError: its tensors are not those of such a generator.
        UnsafeFileError: it claims more than it can hold.
    """
    if not _KNOWN.keys() & held.keys():
        keys = ", ".join(printable(str(key)) for key in list(held)[:8] if isinstance(key, str))
        raise CheckpointError(
            f"no generator is in this file: it holds {keys or 'nothing'}",
            hint="a rosinality file holds g_ema (or g) and latent_avg",
        )
    notes: dict[str, Any] = {"converted_from": "rosinality state dict"}
    others = sorted(str(key) for key in held if key not in {*_KNOWN, "latent_avg"})
    if others:
        notes["other_entries"] = [printable(name) for name in others[:20]]
    average = held.get("latent_avg")
    networks = {}
    for theirs, ours in _KNOWN.items():
        if theirs in held:
            state = state_of(theirs, held[theirs], size_bytes)
            if len(state) > limits.tensors:
                raise CheckpointError(f"{theirs} has {len(state)} tensors, which is absurd")
            tensors = _renamed(theirs, state)
            _complete(theirs, tensors, average, notes)
            shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
            kwargs = settle(theirs, _KIND, None, shapes)
            kwargs["mapping_kwargs"]["lr_multiplier"] = 0.01
            networks[ours] = NetworkRecord(_KIND, kwargs, tensors)
    return ModelFile(networks, Provenance(notes=notes))


def _renamed(title: str, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors under official names and in official shapes."""
    tensors: dict[str, torch.Tensor] = {}
    strangers = []
    for name, tensor in state.items():
        if _IGNORED.fullmatch(name):
            continue
        ours = _official_name(name)
        if ours is None:
            strangers.append(printable(name))
        else:
            tensors[ours] = _official_shape(ours, tensor)
    if strangers:
        raise MismatchError(
            f"{title} has {len(strangers)} tensors that a rosinality generator does not have: "
            + ", ".join(strangers[:8]),
            hint="the file is of another design; rosinality's StyleGAN2 generators are read",
        )
    return tensors


# Their name of a styled layer's tensor -> ours.
STYLED = {
    "conv.weight": "weight",
    "conv.modulation.weight": "affine.weight",
    "conv.modulation.bias": "affine.bias",
    "noise.weight": "noise_strength",
    "activate.bias": "bias",
    "bias": "bias",  # of to_rgb
}


def _official_name(name: str) -> str | None:
    if found := re.fullmatch(r"style\.([1-9]\d?)\.(weight|bias)", name):
        return f"mapping.fc{int(found[1]) - 1}.{found[2]}"
    if name == "input.input":
        return "synthesis.b4.const"
    if found := re.fullmatch(r"noises\.noise_(\d{1,2})", name):
        return f"{_layer_of(int(found[1]))}.noise_const"
    if found := re.fullmatch(r"(conv1|to_rgb1|convs\.(\d{1,2})|to_rgbs\.(\d{1,2}))\.(.+)", name):
        own = STYLED.get(found[4])
        if own is None:
            return None
        if found[2]:
            return f"{_layer_of(int(found[2]) + 1)}.{own}"
        if found[3]:
            return f"synthesis.b{8 << int(found[3])}.torgb.{own}"
        return f"synthesis.b4.{'conv1' if found[1] == 'conv1' else 'torgb'}.{own}"
    return None


def _layer_of(index: int) -> str:
    """Convolutions counted from the 4 px one: 0 -> b4.conv1, 1 -> b8.conv0, 2 -> b8.conv1 ..."""
    return f"synthesis.b{4 << (index + 1) // 2}.conv{(index + 1) % 2}"


def _official_shape(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Without the leading axes of one element that their modules carry."""
    last = name.rpartition(".")[2]
    axes = {"noise_strength": 0, "noise_const": 2, "const": 3, "bias": 1}.get(last)
    if axes is None:
        axes = 2 if ".affine." in name or name.startswith("mapping.") else 4
    shape = list(tensor.shape)
    if last == "bias" and tensor.numel() == max(shape, default=0):
        return tensor.reshape(-1)  # to_rgb's has the axes of a picture
    while len(shape) > axes and shape[0] == 1:
        shape.pop(0)
    return tensor.reshape(shape)


def _complete(
    title: str, tensors: dict[str, torch.Tensor], average: Any, notes: dict[str, Any]
) -> None:
    """Add what such files leave out: filters, sometimes the average of w and the noise maps."""
    fill_resample_filters(tensors)
    generator = torch.Generator().manual_seed(0)
    for name in sorted(tensors):
        found = re.fullmatch(r"synthesis\.b(\d{1,4})\.(conv[01])\.noise_strength", name)
        if not found or int(found[1]) > _MAX_RESOLUTION:
            continue
        lacking = f"synthesis.b{found[1]}.{found[2]}.noise_const"
        if lacking not in tensors:
            size_px = int(found[1])
            tensors[lacking] = torch.randn(size_px, size_px, generator=generator)
            notes[f"{title}_noise"] = "not in the file; drawn with torch's generator, seed 0"
    if average is not None:
        average = state_of("the file", {"latent_avg": average}, 4 * _MAX_WIDTH)["latent_avg"]
        tensors["mapping.w_avg"] = average.reshape(-1)
    else:
        tensors["mapping.w_avg"] = _average_w(title, tensors)
        notes[f"{title}_w_avg"] = f"not in the file; the mean of {_MAPPING_SAMPLES} w, seed 0"


def _average_w(title: str, tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """The mean of w over many z, through the file's own mapping layers."""
    depth = sum(name.startswith("mapping.fc") and name.endswith(".weight") for name in tensors)
    weights = [tensors.get(f"mapping.fc{index}.weight", torch.empty(0)) for index in range(depth)]
    if not depth or any(w.ndim != 2 or max(w.shape) > _MAX_WIDTH for w in weights):
        raise MismatchError(f"{title} has no proper mapping layers (style.1.weight and so on)")
    first = weights[0]
    x = torch.randn(_MAPPING_SAMPLES, first.shape[-1], generator=torch.Generator().manual_seed(0))
    x = x * x.square().mean(dim=1, keepdim=True).add(1e-8).rsqrt()
    try:
        for index in range(depth):
            weight = weights[index].float()
            bias = tensors[f"mapping.fc{index}.bias"].float()
            x = x @ weight.t() * (0.01 / math.sqrt(weight.shape[1])) + bias * 0.01
            x = torch.nn.functional.leaky_relu(x, 0.2) * math.sqrt(2)
    except (KeyError, RuntimeError, IndexError) as fault:
        raise MismatchError(f"{title}: its mapping layers do not fit each other") from fault
    return x.mean(dim=0)

"""Our generators as rosinality's tools expect them, where their class can hold them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import BinaryIO

import torch

from stylegan_ext.arguments import Arguments
from stylegan_ext.convert.filters import resample_filter
from stylegan_ext.convert.rosinality import STYLED
from stylegan_ext.errors import MismatchError
from stylegan_ext.records import Kind, ModelFile, NetworkRecord

_KIND: Kind = "stylegan2-generator"
# Their class has the paper's channel counts written into it: 512 below 64 px, then these times
# the multiplier (2 for the paper's large configuration).
_WIDTHS = {64: 256, 128: 128, 256: 64, 512: 32, 1024: 16}


def write_rosinality(stream: BinaryIO, model: ModelFile) -> list[str]:
    """Write the generator (G_ema, else G) as rosinality's tools expect it.

    Returns:
        What these tools will do otherwise than ours, in sentences; often nothing.

    Raises:
        MismatchError: their class cannot hold this generator; the message lists every reason.
    """
    record = model.generator()
    reasons = _obstacles(record)
    if reasons:
        raise MismatchError(
            "rosinality's generator cannot hold this model:"
            + "".join(f"\n  - {reason}" for reason in reasons),
            hint="export to .pkl instead: the official tools take any StyleGAN2 or 3",
        )
    state = {}
    for name, tensor in record.tensors.items():
        theirs = _their_name(name)
        if theirs is not None:
            state[theirs] = _their_shape(name, tensor.detach().cpu().float()).clone()
    final = record.kwargs["img_resolution"]
    kernel = 4 * resample_filter()
    for index in range(int(math.log2(final)) - 2):
        state[f"convs.{2 * index}.conv.blur.kernel"] = kernel.clone()
        state[f"to_rgbs.{index}.upsample.kernel"] = kernel.clone()
    average = record.tensors["mapping.w_avg"].detach().cpu().float().clone()
    torch.save({"g_ema": dict(sorted(state.items())), "latent_avg": average}, stream)
    clamp = record.kwargs.get("synthesis_kwargs", {}).get("conv_clamp")
    return [
        *([f"features are not clamped to +-{clamp} there"] if clamp is not None else []),
        *(
            ["the discriminator stays behind: D is not part of this format"]
            * ("D" in model.networks)
        ),
        "licence and origin are not part of this format",
    ]


def _obstacles(record: NetworkRecord) -> list[str]:
    """Why their class cannot hold the network; [] if it can."""
    if record.kind != _KIND:
        return [f"it is a {record.kind}; only StyleGAN2 generators fit"]
    kwargs = record.kwargs
    arguments = Arguments(_KIND, kwargs)
    mapping, synthesis = arguments.group("mapping_kwargs"), arguments.synthesis
    w_dim = kwargs["w_dim"]
    final = arguments.resolution
    widths = {
        size: arguments.channels(size) for size in (2**n for n in range(2, 13)) if size <= final
    }
    multiplier = max(widths.get(64, 512) // 256, 1)
    fixed = {size: _WIDTHS[size] * multiplier if size in _WIDTHS else 512 for size in widths}
    usual = {
        "architecture skip": synthesis.get("architecture", "skip") == "skip",
        "no labels": not kwargs.get("c_dim"),
        "3 picture channels": kwargs["img_channels"] == 3,
        "z and w of one width": kwargs["z_dim"] == w_dim
        and mapping.get("layer_features", w_dim) in (None, w_dim),
        "noise inputs": synthesis.get("use_noise", True),
        "activation lrelu": {synthesis.get("activation"), mapping.get("activation")}
        <= {None, "lrelu"},
        "mapping lr_multiplier 0.01": mapping.get("lr_multiplier", 0.01) == 0.01,
        "filter 1 3 3 1": list(synthesis.get("resample_filter", [1, 3, 3, 1])) == [1, 3, 3, 1],
        "8 to 1024 px": 8 <= final <= 1024,
        f"{_listed(fixed)} channels (it has {_listed(widths)})": widths == fixed,
    }
    return [f"it needs {what}" for what, fulfilled in usual.items() if not fulfilled]


def _listed(widths: Mapping[int, int]) -> str:
    return " ".join(f"{size}px:{width}" for size, width in widths.items())


def _their_name(name: str) -> str | None:
    """Their name for an official one; None for what they keep elsewhere."""
    if found := re.fullmatch(r"mapping\.fc(\d+)\.(weight|bias)", name):
        return f"style.{int(found[1]) + 1}.{found[2]}"
    if name == "synthesis.b4.const":
        return "input.input"
    found = re.fullmatch(r"synthesis\.b(\d+)\.(conv0|conv1|torgb)\.(.+)", name)
    if not found or found[3] == "resample_filter":
        return None
    level = int(math.log2(int(found[1]))) - 2
    index = 2 * level - (found[2] == "conv0")
    if found[3] == "noise_const":
        return f"noises.noise_{index}"
    if found[2] == "torgb":
        layer = f"to_rgbs.{level - 1}" if level else "to_rgb1"
    else:
        layer = f"convs.{index - 1}" if level else "conv1"
    own = {ours: theirs for theirs, ours in STYLED.items() if theirs != "bias"}[found[3]]
    return f"{layer}.{'bias' if (found[2], found[3]) == ('torgb', 'bias') else own}"


def _their_shape(name: str, tensor: torch.Tensor) -> torch.Tensor:
    last = name.rpartition(".")[2]
    if ".torgb.bias" in name:
        return tensor.reshape(1, -1, 1, 1)
    if last == "noise_const":
        return tensor[None, None]
    if last in ("noise_strength", "const") or (tensor.ndim == 4 and last == "weight"):
        return tensor[None]
    return tensor

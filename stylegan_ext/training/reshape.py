"""A model made larger, smaller or conditional, so that it begins as what it was.

Every function takes records and gives new ones; what is new in them is random, from torch's
generator, except where it has to be set so that the model draws, or judges, as before:

* grown by a level, G draws its old picture enlarged, and D judges a picture as it judged it shrunk;
* cropped by a level, G draws what its skip path had put together up to there; D's new from-RGB
  layer is fitted so that the rest of D sees about what the finer block had given it;
* with labels, G draws and D judges as before, whatever the label is;
* without noise, G draws as it drew with its noise turned off.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F

from stylegan_ext import ops
from stylegan_ext.arguments import CHANNEL_BASE
from stylegan_ext.errors import MismatchError
from stylegan_ext.networks import build, construct
from stylegan_ext.networks.discriminator import Discriminator
from stylegan_ext.networks.layers import FullyConnectedLayer
from stylegan_ext.ops.filters import setup_filter
from stylegan_ext.records import NetworkRecord

_SLOPE = 0.2  # of the leaky ReLU
_FIT_PICTURES = 64  # that a from-RGB layer is fitted on; 64 px give a quarter of a million points

Tensors = dict[str, torch.Tensor]


def grow_generator(record: NetworkRecord) -> NetworkRecord:
    """One level more: the new to-RGB is zero, so the picture is the old one, enlarged.

    Raises:
        MismatchError: it is none that can grow (StyleGAN3, or without the skip path).
    """
    _require_skip(record)
    side = int(record.kwargs["img_resolution"]) * 2
    kwargs = {**record.kwargs, "img_resolution": side}
    if _width(kwargs, side) < 1:
        raise MismatchError(
            f"no feature maps would be left at {side} px (channel_base "
            f"{_group(kwargs).get('channel_base', CHANNEL_BASE)})",
            hint="train from scratch at that size, or choose a base with more channels",
        )
    tensors = _fresh("stylegan2-generator", kwargs, record.tensors)
    tensors[f"synthesis.b{side}.torgb.weight"].zero_()
    tensors[f"synthesis.b{side}.torgb.bias"].zero_()
    return NetworkRecord(record.kind, kwargs, tensors)


def grow_discriminator(record: NetworkRecord) -> NetworkRecord:
    """One level more in front: it shrinks the picture by 2 and gives what from-RGB gave.

    From-RGB takes every colour once as it is and once negated, so that the leaky ReLU loses
    nothing: x = (lrelu(x) - lrelu(-x)) / 1.2. The convolutions put that together again, the second
    one as the base's from-RGB layer. The skip branch begins at zero.

    Raises:
        MismatchError: it is no residual one, or too narrow.
    """
    _require_resnet(record)
    old, side = record.tensors, int(record.kwargs["img_resolution"]) * 2
    kwargs = {**record.kwargs, "img_resolution": side}
    colours, width = int(kwargs["img_channels"]), _width(kwargs, side)
    if width < 2 * colours:
        raise MismatchError(
            f"the discriminator would have {width} feature maps at {side} px, and needs "
            f"{2 * colours} to begin as what it is",
            hint="train from scratch at that size, or choose a base with more channels",
        )
    below = side // 2
    inner = {name: held for name, held in old.items() if ".fromrgb." not in name}
    tensors = _fresh(record.kind, kwargs, inner)
    block = f"b{side}"
    gain = math.sqrt(2)  # of the leaky ReLU, in every layer
    eye = torch.eye(colours)
    sides = torch.cat([eye, -eye])  # [2c, c]: every colour, and every colour negated
    # from-RGB: gain * lrelu(+-x)
    weight = tensors[f"{block}.fromrgb.weight"]  # [width, c, 1, 1], times 1 / sqrt(c)
    weight[: 2 * colours] = (sides * math.sqrt(colours))[:, :, None, None]
    tensors[f"{block}.fromrgb.bias"][: 2 * colours] = 0
    # conv0: the same pair again, of what the first pair stands for
    undo = torch.cat([eye, -eye], dim=1) / ((1 + _SLOPE) * gain)  # [c, 2c]
    weight = tensors[f"{block}.conv0.weight"]
    weight[: 2 * colours] = 0
    weight[: 2 * colours, : 2 * colours, 1, 1] = sides @ undo * math.sqrt(width * 9)
    tensors[f"{block}.conv0.bias"][: 2 * colours] = 0
    # conv1 shrinks, and is the base's from-RGB; a block multiplies both its branches by sqrt(1/2)
    rgb = old[f"b{below}.fromrgb.weight"][:, :, 0, 0] / math.sqrt(colours)  # as it multiplies
    weight = tensors[f"{block}.conv1.weight"]
    weight.zero_()
    weight[:, : 2 * colours, 1, 1] = rgb @ undo * math.sqrt(width * 9) * math.sqrt(2)
    tensors[f"{block}.conv1.bias"].copy_(old[f"b{below}.fromrgb.bias"] * math.sqrt(2))
    tensors[f"{block}.skip.weight"].zero_()
    return NetworkRecord(record.kind, kwargs, tensors)


def crop_generator(record: NetworkRecord) -> NetworkRecord:
    """One level less: what the skip path has put together up to there.

    Raises:
        MismatchError: it is none that can be cropped.
    """
    _require_skip(record)
    side = int(record.kwargs["img_resolution"])
    kwargs = {**record.kwargs, "img_resolution": side // 2}
    kept = {
        name: held
        for name, held in record.tensors.items()
        if not name.startswith(f"synthesis.b{side}.")
    }
    return NetworkRecord(record.kind, kwargs, dict(kept))


def crop_discriminator(record: NetworkRecord, generator: NetworkRecord) -> NetworkRecord:
    """One level less: a from-RGB layer is fitted to what the finest block gave.

    Args:
        record: the discriminator.
        generator: of the same base, before it is cropped: its pictures are what is fitted on.

    Raises:
        MismatchError: it is no residual one.
    """
    _require_resnet(record)
    side = int(record.kwargs["img_resolution"])
    below = side // 2
    kwargs = {**record.kwargs, "img_resolution": below}
    kept = {n: h for n, h in record.tensors.items() if not n.startswith(f"b{side}.")}
    tensors = _fresh(record.kind, kwargs, kept)
    whole, drawing = build(record), build(generator)
    assert isinstance(whole, Discriminator)
    z = torch.randn(_FIT_PICTURES, int(generator.kwargs["z_dim"]))
    labels = int(generator.kwargs["c_dim"])
    c = torch.eye(labels)[torch.randint(labels, [len(z)])] if labels else None
    with torch.no_grad():
        pictures = drawing(z, c)
        wanted = whole.block(side)(None, pictures)[0]
        small = ops.downsample2d(pictures, setup_filter((1, 3, 3, 1)))
    weight, bias = _fitted_fromrgb(small, wanted)
    tensors[f"b{below}.fromrgb.weight"].copy_(weight[:, :, None, None])
    tensors[f"b{below}.fromrgb.bias"].copy_(bias)
    return NetworkRecord(record.kind, kwargs, tensors)


def still_generator(record: NetworkRecord) -> NetworkRecord:
    """The generator without noise inputs: what it drew with their help it has to learn from w.

    StyleGAN3 leaves noise out for all its models (Karras et al. 2021, section 2), because it ties
    detail to the pixels of the picture.

    Raises:
        MismatchError: it is no StyleGAN2 generator.
    """
    if record.kind != "stylegan2-generator":
        raise MismatchError(f"a {record.kind} has no noise inputs to leave out")
    kwargs = {**record.kwargs, "synthesis_kwargs": {**_group(record.kwargs), "use_noise": False}}
    kept = {
        name: held
        for name, held in record.tensors.items()
        if not name.endswith((".noise_const", ".noise_strength"))
    }
    return NetworkRecord(record.kind, kwargs, kept)


def label_generator(record: NetworkRecord, classes: int) -> NetworkRecord:
    """Labels for an unconditional generator: the first layer begins deaf to them.

    Raises:
        MismatchError: it has labels already.
    """
    _require_unlabelled(record)
    old = record.tensors["mapping.fc0.weight"]
    kwargs = {**record.kwargs, "c_dim": classes}
    kept = {name: held for name, held in record.tensors.items() if name != "mapping.fc0.weight"}
    tensors = _fresh(record.kind, kwargs, kept)
    weight = tensors["mapping.fc0.weight"]
    weight.zero_()  # a layer's inputs share its gain: more of them make each count for less
    weight[:, : old.shape[1]] = old * math.sqrt(weight.shape[1] / old.shape[1])
    return NetworkRecord(record.kind, kwargs, tensors)


def label_discriminator(record: NetworkRecord, classes: int) -> NetworkRecord:
    """Labels for an unconditional discriminator: every label begins as the one answer it had.

    Raises:
        MismatchError: it has labels already.
    """
    _require_unlabelled(record)
    kwargs = {**record.kwargs, "c_dim": classes}
    kept = {n: h for n, h in record.tensors.items() if not n.startswith("b4.out.")}
    tensors = _fresh(record.kind, kwargs, kept)
    for name in ("weight", "bias"):
        tensors[f"b4.out.{name}"].copy_(
            record.tensors[f"b4.out.{name}"].expand_as(tensors[f"b4.out.{name}"])
        )
    answers = tensors["b4.out.bias"].numel()
    # The last layer of the labels' mapping gives 1 / sqrt(answers) for every label; the sum over
    # the answers, divided by sqrt(answers), is then their common value.
    network = construct(record.kind, kwargs)
    assert isinstance(network, Discriminator)
    last = f"fc{network.mapping.num_layers - 1}"
    layer = network.mapping.get_submodule(last)
    assert isinstance(layer, FullyConnectedLayer)
    lr_multiplier = layer.bias_gain
    tensors[f"mapping.{last}.weight"].zero_()
    tensors[f"mapping.{last}.bias"].fill_(1 / math.sqrt(answers) / math.sqrt(2) / lr_multiplier)
    return NetworkRecord(record.kind, kwargs, tensors)


def _fitted_fromrgb(small: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight [out, c] and bias [out] of a from-RGB layer that gives `wanted` of `small`, nearly.

    Least squares through the inverse of the activation, which the leaky ReLU has.
    """
    colours = small.shape[1]
    x = small.permute(0, 2, 3, 1).reshape(-1, colours).double()
    y = wanted.permute(0, 2, 3, 1).reshape(len(x), -1).double() / math.sqrt(2)
    target = F.leaky_relu(y, 1 / _SLOPE)
    inputs = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], dim=1)
    solved = torch.linalg.lstsq(inputs, target).solution  # [c + 1, out]
    weight = solved[:colours].t() * math.sqrt(colours)
    return weight.float(), solved[colours].float()


def _fresh(kind: Any, kwargs: Mapping[str, Any], known: Mapping[str, torch.Tensor]) -> Tensors:
    """The tensors of a new network, those that are known taken over."""
    tensors = {n: h.clone() for n, h in construct(kind, dict(kwargs)).state_dict().items()}
    for name, held in known.items():
        if tensors[name].shape != held.shape:
            raise MismatchError(
                f"{name} is {list(held.shape)}, and the new model has {list(tensors[name].shape)}"
            )
        tensors[name] = held.float().clone()
    return tensors


def _group(kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where the widths stand: nested for a generator, else flat."""
    group: Mapping[str, Any] = kwargs.get("synthesis_kwargs", kwargs)
    return group


def _width(kwargs: Mapping[str, Any], side: int) -> int:
    group = _group(kwargs)
    return min(
        int(group.get("channel_base", CHANNEL_BASE)) // side, int(group.get("channel_max", 512))
    )


def _require_skip(record: NetworkRecord) -> None:
    group = record.kwargs.get("synthesis_kwargs") or {}
    if record.kind != "stylegan2-generator" or group.get("architecture", "skip") != "skip":
        raise MismatchError(
            f"a {record.kind} of the architecture {group.get('architecture', 'its own')!r} cannot "
            "grow or be cropped by levels: it has no picture at each of them"
        )


def _require_resnet(record: NetworkRecord) -> None:
    if record.kwargs.get("architecture", "resnet") != "resnet":
        raise MismatchError(
            f"a discriminator of the architecture {record.kwargs['architecture']!r} cannot grow or "
            "be cropped: only residual ones can"
        )


def _require_unlabelled(record: NetworkRecord) -> None:
    if record.kwargs["c_dim"]:
        raise MismatchError(f"the {record.kind} has {record.kwargs['c_dim']} classes already")

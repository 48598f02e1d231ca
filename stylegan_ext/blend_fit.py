"""Whether two generators can be blended, and which arguments the result has.

All that stands in the way is found before any tensor is looked at, and put into words together.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any, Literal, TypeAlias

from stylegan_ext.errors import MismatchError
from stylegan_ext.infer import require
from stylegan_ext.records import Kind, NetworkRecord

Parent: TypeAlias = Literal["base", "style"]

# What the layers' arithmetic does not depend on; the result has the base's.
_FREE = frozenset({"num_fp16_res", "conv_clamp", "magnitude_ema_beta"})
_WIDTHS = frozenset({"channel_base", "channel_max"})  # compared as widths, resolution by resolution
_WHY = {
    "w_dim": "the style's layers could not read the base's w",
    "z_dim": "a mapping network with another input was trained anew, and so was all that reads it",
    "c_dim": "a mapping network with other labels was trained anew, and so was all that reads it",
    "img_channels": "their to-RGB layers draw different kinds of pictures",
    "architecture": "the picture leaves their blocks in different ways",
    "resample_filter": "their maps are enlarged by different filters, so they lie differently",
    "use_noise": "one has noise maps, the other none",
}


@dataclass(frozen=True)
class Fit:
    """The network that a blend of two gives."""

    kind: Kind
    kwargs: dict[str, Any]  # the constructor's arguments
    remarks: tuple[str, ...]  # what is worth knowing, one sentence each


def fit(base: NetworkRecord, style: NetworkRecord, mapping_from: Parent = "base") -> Fit:
    """The arguments of the blended network, if there can be one.

    They are the base's, at the lower of the two resolutions, with the arguments of the mapping
    network that is taken. A larger parent is cropped to its lower levels, which only StyleGAN2
    with the skip architecture allows: elsewhere only the last resolution has a to-RGB.

    Raises:
        MismatchError: they do not fit; the message lists every reason.
    """
    if base.kind != style.kind or "generator" not in base.kind:
        raise _refusal([f"the base is a {base.kind}, the style a {style.kind}"])
    for role, record in (("the base", base), ("the style", style)):
        shapes = {name: tuple(tensor.shape) for name, tensor in record.tensors.items()}
        require(role, record.kind, record.kwargs, shapes)
    faults = [*_different_sizes(base.kwargs, style.kwargs), *_different_synthesis(base, style)]
    if not faults:
        faults += _different_widths(base, style)
    if faults:
        raise _refusal(faults)
    resolution = min(base.kwargs["img_resolution"], style.kwargs["img_resolution"])
    kwargs = _cropped(base, resolution)
    if mapping_from == "style":
        kwargs.pop("mapping_kwargs", None)
        if "mapping_kwargs" in style.kwargs:
            kwargs["mapping_kwargs"] = copy.deepcopy(style.kwargs["mapping_kwargs"])
    return Fit(base.kind, kwargs, tuple(_remarks(base, style, mapping_from)))


def _refusal(faults: list[str]) -> MismatchError:
    return MismatchError(
        "these two models cannot be blended:" + "".join(f"\n  - {fault}" for fault in faults),
        hint="blend a model with one that was fine-tuned from it",
    )


def _difference(name: str, base: Any, style: Any) -> str:
    why = f": {_WHY[name]}" if name in _WHY else ""
    return f"{name} is {base!r} in the base and {style!r} in the style{why}"


def _different_sizes(base: Mapping[str, Any], style: Mapping[str, Any]) -> Iterator[str]:
    for name in ("w_dim", "z_dim", "c_dim", "img_channels"):
        mine, other = base.get(name, 0), style.get(name, 0)
        if mine != other:
            yield _difference(name, mine, other)


def _different_synthesis(base: NetworkRecord, style: NetworkRecord) -> Iterator[str]:
    mine, other = synthesis_arguments(base), synthesis_arguments(style)
    for name in mine:
        if mine[name] != other[name] and name not in _FREE | _WIDTHS:
            yield _difference(name, mine[name], other[name])
    sizes = base.kwargs["img_resolution"], style.kwargs["img_resolution"]
    if sizes[0] == sizes[1]:
        return
    stated = f"the base draws {sizes[0]} px, the style {sizes[1]} px"
    if base.kind == "stylegan3-generator":
        yield f"{stated}: StyleGAN3's layers have filters and rates made for one resolution"
    elif "skip" not in (mine["architecture"], other["architecture"]):
        yield (
            f"{stated}: the larger cannot be cropped, because with the architecture "
            f"{mine['architecture']!r} only its last resolution has a to-RGB"
        )


def synthesis_arguments(record: NetworkRecord) -> dict[str, Any]:
    """The arguments of a generator's synthesis network, defaults filled in; sequences as lists."""
    from stylegan_ext.networks import stylegan3, synthesis

    if record.kind == "stylegan2-generator":
        classes: tuple[type, ...] = (synthesis.SynthesisNetwork,)
        given = record.kwargs.get("synthesis_kwargs") or {}
    else:
        classes = (stylegan3.SynthesisNetwork, stylegan3.SynthesisLayer)
        given = record.kwargs
    found = {}
    for parameter in (p for cls in classes for p in signature(cls).parameters.values()):
        if parameter.kind is Parameter.KEYWORD_ONLY:
            value = given.get(parameter.name, parameter.default)
            found[parameter.name] = list(value) if isinstance(value, (list, tuple)) else value
    return found


def _different_widths(base: NetworkRecord, style: NetworkRecord) -> list[str]:
    """One sentence that lists every common resolution (or layer) of different width."""
    mine, other = _widths(base), _widths(style)
    different = [
        f"{place} base {mine[place]}, style {other[place]}"
        for place in mine
        if place in other and mine[place] != other[place]
    ]
    return ["channel widths differ: " + "; ".join(different)] if different else []


def _widths(record: NetworkRecord) -> dict[str, int]:
    """Feature channels by place: "64 px", or for StyleGAN3 "L3"."""
    arguments = synthesis_arguments(record)
    if record.kind == "stylegan2-generator":
        from stylegan_ext.networks.layers import channels_at, resolutions_up_to

        base, top = arguments["channel_base"], arguments["channel_max"]
        sizes = resolutions_up_to(record.kwargs["img_resolution"])
        return {f"{size} px": channels_at(size, base, top) for size in sizes}
    from stylegan_ext.networks.stylegan3 import layer_geometry

    names = signature(layer_geometry).parameters
    given = {name: value for name, value in record.kwargs.items() if name in names}
    return {f"L{layer.index}": layer.out_channels for layer in layer_geometry(**given)}


def _cropped(base: NetworkRecord, resolution: int) -> dict[str, Any]:
    """The base's arguments at a resolution; each block keeps its own precision."""
    kwargs = copy.deepcopy(base.kwargs)
    left_out = (kwargs["img_resolution"] // resolution).bit_length() - 1
    kwargs["img_resolution"] = resolution
    if left_out and (half := (kwargs.get("synthesis_kwargs") or {}).get("num_fp16_res")):
        kwargs["synthesis_kwargs"]["num_fp16_res"] = max(half - left_out, 0)
    return kwargs


def _remarks(base: NetworkRecord, style: NetworkRecord, mapping_from: Parent) -> Iterator[str]:
    sizes = base.kwargs["img_resolution"], style.kwargs["img_resolution"]
    if sizes[0] != sizes[1]:
        larger = "base" if sizes[0] > sizes[1] else "style"
        yield (
            f"the {larger} draws {max(sizes)} px and is cropped: what it has above {min(sizes)} px "
            "is left out"
        )
    mine, other = _mapping_arguments(base), _mapping_arguments(style)
    for name in (name for name in mine if mine[name] != other[name]):
        yield (
            f"mapping {name} is {mine[name]} in the base and {other[name]} in the style: no "
            f"obstacle, as the mapping network is taken whole from the {mapping_from}"
        )
    clamps = synthesis_arguments(base)["conv_clamp"], synthesis_arguments(style)["conv_clamp"]
    if clamps[0] != clamps[1]:
        yield f"conv_clamp is {clamps[0]} in the base, {clamps[1]} in the style: the base's holds"


def _mapping_arguments(record: NetworkRecord) -> dict[str, Any]:
    """What of the mapping network's arguments decides its shape, defaults filled in."""
    from stylegan_ext.shapes import MAPPING_LAYERS

    given = record.kwargs.get("mapping_kwargs") or {}
    width = record.kwargs["w_dim"]
    return {
        "num_layers": given.get("num_layers", MAPPING_LAYERS[record.kind]),
        "layer_features": given.get("layer_features") or width,
        "embed_features": given.get("embed_features") or width,
    }

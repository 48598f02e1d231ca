"""Constructor arguments of foreign files, brought into the form that our networks take.

Official tools have changed defaults between releases (clamping, the average of w), and a snapshot
only stores the arguments that were given. So what the layers themselves say is filled in, and the
arguments in our files are complete: no default of ours has to agree with one of theirs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from stylegan_ext.convert.machine import Limits, damaged, refuse
from stylegan_ext.errors import CheckpointError
from stylegan_ext.records import Kind

_MAPPING = frozenset(
    {
        *("num_layers", "embed_features", "layer_features"),
        *("activation", "lr_multiplier", "w_avg_beta"),
    }
)
_WIDTHS = frozenset({"channel_base", "channel_max", "num_fp16_res", "conv_clamp"})
_COMMON = frozenset({"c_dim", "img_resolution", "img_channels", "mapping_kwargs"})
_GENERATOR = _COMMON | {"z_dim", "w_dim"}
_SYNTHESIS2 = _WIDTHS | {"architecture", "resample_filter", "use_noise", "activation"}
_SYNTHESIS3 = _WIDTHS | {
    *("num_layers", "num_critical", "first_cutoff", "first_stopband", "last_stopband_rel"),
    *("margin_size", "output_scale", "conv_kernel", "filter_size", "lrelu_upsampling"),
    *("use_radial_filters", "magnitude_ema_beta"),
}
_DISCRIMINATOR = _COMMON | _WIDTHS | {"architecture", "cmap_dim", "block_kwargs", "epilogue_kwargs"}
_NESTED = {
    "mapping_kwargs": _MAPPING,
    "synthesis_kwargs": _SYNTHESIS2,
    "block_kwargs": frozenset({"activation", "resample_filter"}),
    "epilogue_kwargs": frozenset({"mbstd_group_size", "mbstd_num_channels", "activation"}),
}
_KNOWN: dict[Kind, frozenset[str]] = {
    "stylegan2-generator": _GENERATOR | {"synthesis_kwargs"},
    "stylegan2-discriminator": _DISCRIMINATOR,
    "stylegan3-generator": _GENERATOR | _SYNTHESIS3,
}
_TYPES: dict[str, tuple[type, ...]] = {  # of all others: a number, bool or None
    **dict.fromkeys(_NESTED, (dict,)),
    "architecture": (str,),
    "activation": (str,),
    "resample_filter": (list,),
}
# Memory layout, number format and what learns: no picture depends on them.
_WITHOUT_EFFECT = frozenset(
    {"fp16_channels_last", "channels_last", "use_fp16", "freeze_layers", "trainable"}
)
_OFFICIAL_KERNEL = 3  # the only kernel_size that the official configurations use


def plain(value: Any, limits: Limits) -> Any:
    """A value from a file as plain JSON data, bounded in size and depth.

    Raises:
        CheckpointError: it holds something else, or NaN.
        UnsafeFileError: it is too deep or too large (a small file can refer to a part of itself
            a billion times).
    """
    left = limits.json_values

    def copy(part: Any, depth: int) -> Any:
        nonlocal left
        left -= 1
        if left < 0 or depth > limits.depth:
            refuse(
                f"settings of more than {limits.json_values} values or {limits.depth} levels",
                "no snapshot has as many",
            )
        match part:
            case None | bool() | str():
                return part
            case int() if abs(part) < 1 << 64:
                return part
            case float() if math.isfinite(part):
                return part
            case list() | tuple():
                return [copy(each, depth + 1) for each in part]
            case set():
                return sorted(part)
            case dict():
                return {key: copy(each, depth + 1) for key, each in part.items()}
            case _:
                raise CheckpointError(
                    f"settings hold a {type(part).__name__} that is no number, text, list or dict"
                )

    return copy(value, 0)


def known_arguments(kind: Kind, raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The arguments that our network of this kind takes, and the names of the others.

    Args:
        kind: which class they are for.
        raw: plain JSON data.
    """
    kwargs: dict[str, Any] = {}
    unknown: list[str] = []

    def sift(group: Mapping[str, Any], known: frozenset[str], prefix: str) -> dict[str, Any]:
        taken = {name: value for name, value in group.items() if name in known}
        for name, value in taken.items():
            if not isinstance(value, _TYPES.get(name, (bool, int, float, type(None)))):
                damaged(f"the argument {prefix}{name} is a {type(value).__name__}")
        for name, value in group.items():
            harmless = name == "kernel_size" and value == _OFFICIAL_KERNEL
            if name not in known and name not in _WITHOUT_EFFECT and not harmless:
                unknown.append(prefix + name)
        return taken

    for name, value in sift(raw, _KNOWN[kind], "").items():
        if name in _NESTED:
            kwargs[name] = sift(value, _NESTED[name], f"{name}.")
        else:
            kwargs[name] = value
    return kwargs, unknown


class Attributes:
    """The attributes of a network and its layers, by path, as the file has them."""

    def __init__(self, layers: Mapping[str, Mapping[str, Any]]) -> None:
        self.layers = layers  # "synthesis.b4.conv1" -> the layer's own attributes

    def fill(self, kwargs: dict[str, Any], argument: str, path: str, attribute: str) -> None:
        """Take an argument that was not given from a layer's attribute, if that is plain."""
        layer = self.layers.get(path, {})
        if argument not in kwargs and attribute in layer:
            value = layer[attribute]
            if value is None or isinstance(value, (bool, int, float, str)):
                kwargs[argument] = value

    def complete(self, kind: Kind, kwargs: dict[str, Any]) -> None:
        """Fill in what was not given: the values that the layers were really built with."""
        match kind:
            case "stylegan2-generator":
                self._mapping(kwargs.setdefault("mapping_kwargs", {}), generator=True)
                options = kwargs.setdefault("synthesis_kwargs", {})
                self._blocks(options, "synthesis.", "synthesis.b4.conv1")
                self.fill(options, "architecture", "synthesis.b4", "architecture")
                self.fill(options, "use_noise", "synthesis.b4.conv1", "use_noise")
                self.fill(options, "activation", "synthesis.b4.conv1", "activation")
            case "stylegan3-generator":
                self._mapping(kwargs.setdefault("mapping_kwargs", {}), generator=True)
                for name in ("num_layers", "num_critical", "margin_size", "output_scale"):
                    self.fill(kwargs, name, "synthesis", name)
                self.fill(kwargs, "num_fp16_res", "synthesis", "num_fp16_res")
                first = next((path for path in self.layers if path.startswith("synthesis.L0_")), "")
                for name in ("conv_kernel", "conv_clamp", "magnitude_ema_beta"):
                    self.fill(kwargs, name, first, name)
            case "stylegan2-discriminator":
                self._blocks(kwargs, "", "b4.conv")
                self.fill(kwargs, "architecture", "b4", "architecture")
                if kwargs.get("c_dim"):
                    self._mapping(kwargs.setdefault("mapping_kwargs", {}), generator=False)
                options = kwargs.setdefault("epilogue_kwargs", {})
                self.fill(options, "mbstd_group_size", "b4.mbstd", "group_size")
                self.fill(options, "mbstd_num_channels", "b4.mbstd", "num_channels")

    def _mapping(self, options: dict[str, Any], *, generator: bool) -> None:
        self.fill(options, "num_layers", "mapping", "num_layers")
        self.fill(options, "lr_multiplier", "mapping.fc0", "bias_gain")
        self.fill(options, "activation", "mapping.fc0", "activation")
        if generator:
            self.fill(options, "w_avg_beta", "mapping", "w_avg_beta")

    def _blocks(self, options: dict[str, Any], prefix: str, layer: str) -> None:
        self.fill(options, "conv_clamp", layer, "conv_clamp")
        halves = [path for path, own in self.layers.items() if own.get("use_fp16") is True]
        if "num_fp16_res" not in options:
            options["num_fp16_res"] = sum(
                path.startswith(f"{prefix}b") and "." not in path[len(prefix) :] for path in halves
            )

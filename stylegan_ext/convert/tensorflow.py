"""TensorFlow snapshots (StyleGAN2, StyleGAN2-ADA) in official names and layouts.

TensorFlow keeps convolution kernels as height, width, inputs, outputs and dense ones as inputs,
outputs; its upsampling convolutions are true convolutions where ours correlate, so their kernels
are mirrored; and its styles are stored as differences from one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

import numpy as np
import torch

from stylegan_ext.arguments import MAX_LAYERS
from stylegan_ext.convert.arguments import plain
from stylegan_ext.convert.filters import USUAL_TAPS, fill_resample_filters
from stylegan_ext.convert.machine import Limits, damaged, printable, refuse, shown
from stylegan_ext.convert.tensorflow_arguments import constructor_arguments
from stylegan_ext.convert.tensors import Budget, NumpyArray
from stylegan_ext.convert.vocabulary import TensorFlowNetwork
from stylegan_ext.errors import CheckpointError, MismatchError
from stylegan_ext.infer import infer, settle
from stylegan_ext.records import NETWORK_NAMES, Kind, ModelFile, NetworkRecord, Provenance

Array: TypeAlias = np.ndarray[Any, Any]
Layout: TypeAlias = Callable[[Array], Array]
MIN_VERSION = 4  # 2 and 3 are StyleGAN 1 and its forerunners
MAX_DEPTH = 3  # a generator has components, and they have none


def _kernel(weight: Array) -> Array:
    return weight.transpose(3, 2, 0, 1)


def _mirrored(weight: Array) -> Array:
    return weight[::-1, ::-1].transpose(3, 2, 0, 1)


def _transposed(weight: Array) -> Array:
    return weight.T


def _same(value: Array) -> Array:
    return value


def _first(value: Array) -> Array:
    return value[:1].reshape(value.shape[1:])


def _map(value: Array) -> Array:
    return value[:1, :1].reshape(value.shape[2:])


def _plus_one(value: Array) -> Array:
    return value + np.ones((), value.dtype)


def _styled(weight: Layout) -> dict[str, tuple[str, Layout]]:
    """The variables of a modulated convolution."""
    return {
        "weight": ("weight", weight),
        "bias": ("bias", _same),
        "noise_strength": ("noise_strength", _same),
        "mod_weight": ("affine.weight", _transposed),
        "mod_bias": ("affine.bias", _plus_one),
    }


_DENSE = {"weight": ("weight", _transposed), "bias": ("bias", _same)}
_CONV = {"weight": ("weight", _kernel), "bias": ("bias", _same)}

# Name of a layer in TensorFlow -> ours, and what becomes of its variables. {r} is the resolution.
_GENERATOR: dict[str, tuple[str, dict[str, tuple[str, Layout]]]] = {
    r"mapping/LabelEmbed": ("mapping.embed", _DENSE),
    r"mapping/Dense(?P<i>\d{1,3})": ("mapping.fc{i}", _DENSE),
    r"synthesis/4x4/Const": ("synthesis.b4", {"const": ("const", _first)}),
    r"synthesis/4x4/Conv": ("synthesis.b4.conv1", _styled(_kernel)),
    r"synthesis/(?P<r>\d{1,5})x(?P=r)/Conv0_up": ("synthesis.b{r}.conv0", _styled(_mirrored)),
    r"synthesis/(?P<r>\d{1,5})x(?P=r)/Conv1": ("synthesis.b{r}.conv1", _styled(_kernel)),
    r"synthesis/(?P<r>\d{1,5})x(?P=r)/ToRGB": ("synthesis.b{r}.torgb", _styled(_kernel)),
    r"synthesis/ToRGB_lod(?P<lod>\d{1,2})": ("synthesis.b{r}.torgb", _styled(_kernel)),
    r"synthesis/(?P<r>\d{1,5})x(?P=r)/Skip": (
        "synthesis.b{r}.skip",
        {"weight": ("weight", _mirrored)},
    ),
}
_DISCRIMINATOR: dict[str, tuple[str, dict[str, tuple[str, Layout]]]] = {
    r"LabelEmbed": ("mapping.embed", _DENSE),
    r"Mapping(?P<i>\d{1,3})": ("mapping.fc{i}", _DENSE),
    r"(?P<r>\d{1,5})x(?P=r)/FromRGB": ("b{r}.fromrgb", _CONV),
    r"FromRGB_lod(?P<lod>\d{1,2})": ("b{r}.fromrgb", _CONV),
    r"4x4/Conv": ("b4.conv", _CONV),
    r"4x4/Dense0": ("b4.fc", _DENSE),
    r"Output": ("b4.out", _DENSE),
    r"(?P<r>\d{1,5})x(?P=r)/Conv0": ("b{r}.conv0", _CONV),
    r"(?P<r>\d{1,5})x(?P=r)/Conv1_down": ("b{r}.conv1", _CONV),
    r"(?P<r>\d{1,5})x(?P=r)/Skip": ("b{r}.skip", _CONV),
}
_UNUSED = re.compile(r"(synthesis/)?lod")  # a counter of progressive growing


def tensorflow_model(tree: tuple[Any, ...], limits: Limits, budget: Budget) -> ModelFile:
    """The networks of a TensorFlow snapshot: (G, D, moving average of G).

    Raises:
        CheckpointError: not such a snapshot, or one of StyleGAN 1.
        MismatchError: its variables are not those of a StyleGAN2 network.
        UnsafeFileError: it is built to take much memory or time.
    """
    if len(tree) != 3 or not all(each is None or type(each) is TensorFlowNetwork for each in tree):
        raise CheckpointError(
            "a TensorFlow snapshot holds three networks, and this file something else",
            hint="snapshots of StyleGAN2 and StyleGAN2-ADA are read",
        )
    notes: dict[str, Any] = {"converted_from": "TensorFlow snapshot"}
    networks: dict[str, NetworkRecord] = {}
    sources: set[str] = set()
    named = dict(zip(("G", "D", "G_ema"), tree, strict=True))
    for name in NETWORK_NAMES:
        network = named[name]
        if network is not None:
            kind: Kind = "stylegan2-discriminator" if name == "D" else "stylegan2-generator"
            networks[name] = _record(name, kind, network, notes, _Means(limits, budget))
            source = network.state.get("build_module_src")
            sources.update([source] if type(source) is str and source else [])
    if not networks:
        raise CheckpointError("no network is in this file", hint="it should hold G, D and Gs")
    if sources:
        digests = (hashlib.sha256(text.encode("utf-8")).hexdigest() for text in sources)
        notes["module_src_sha256"] = sorted(digests)
    return ModelFile(networks, Provenance(notes=notes))


@dataclass(frozen=True)
class _Means:
    """What reading this file may take."""

    limits: Limits
    budget: Budget


def _record(
    name: str,
    kind: Kind,
    network: TensorFlowNetwork,
    notes: dict[str, Any],
    means: _Means,
) -> NetworkRecord:
    version = network.state.get("version")
    if type(version) is not int or version < MIN_VERSION:
        raise CheckpointError(
            f"{name} is a TensorFlow network of version {shown(version)}, which is StyleGAN 1",
            hint="only StyleGAN2 snapshots (version 4 and later) can be read",
        )
    given = plain(network.state.get("static_kwargs") or {}, means.limits)
    if not isinstance(given, dict):
        damaged(f"the arguments of {name} are no dict")
    arrays = list(islice(_variables(network, ""), means.limits.tensors))
    tensors = _renamed(name, kind, arrays, means.budget)
    fill_resample_filters(tensors, _taps(given.get("resample_kernel")))
    shapes = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    kwargs, unknown = constructor_arguments(kind, given, infer(kind, shapes))
    if unknown:
        notes[f"{name}_unknown_arguments"] = [printable(word) for word in unknown[:20]]
    return NetworkRecord(kind, settle(name, kind, kwargs, shapes), tensors)


def _taps(kernel: Any) -> Sequence[float]:
    """The taps of the filter between resolutions; None is the usual one."""
    if kernel is None:
        return USUAL_TAPS
    if (
        not isinstance(kernel, list)
        or not 0 < len(kernel) <= MAX_LAYERS
        or not sum(map(_as_number, kernel))
    ):
        damaged("resample_kernel is no list of taps")
    return kernel


def _as_number(tap: Any) -> float:
    if type(tap) not in (int, float):
        damaged("resample_kernel is no list of taps")
    return float(tap)


def _variables(
    network: TensorFlowNetwork, prefix: str, depth: int = 0
) -> Iterator[tuple[str, NumpyArray]]:
    """All variables, those of components with the component's name in front."""
    if depth > MAX_DEPTH:
        refuse("components inside components", "no network has as many levels")
    own = network.state.get("variables", [])
    components = network.state.get("components") or {}
    if type(own) is not list or type(components) is not dict:
        damaged("a TensorFlow network's variables are no list")
    for entry in own:
        if type(entry) not in (tuple, list) or len(entry) != 2 or type(entry[0]) is not str:
            damaged("a TensorFlow variable is no pair of name and array")
        if type(entry[1]) is not NumpyArray:
            damaged(f"the TensorFlow variable {printable(entry[0])} is no array")
        yield prefix + entry[0], entry[1]
    for name, component in components.items():
        if type(component) is not TensorFlowNetwork or len(components) > 8:
            damaged("a TensorFlow network's components are no networks")
        yield from _variables(component, f"{prefix}{name}/", depth + 1)


def _renamed(
    title: str, kind: Kind, arrays: Sequence[tuple[str, NumpyArray]], budget: Budget
) -> dict[str, torch.Tensor]:
    """The variables under our names and in our layouts."""
    tensors: dict[str, torch.Tensor] = {}
    strangers: list[str] = []
    final = max(
        (int(m[1]) for name, _ in arrays if (m := re.search(r"(\d{1,5})x\1/", name))), default=4
    )
    for name, array in arrays:
        if _UNUSED.fullmatch(name):
            continue
        found = _translate(kind, name, final)
        if found is None:
            strangers.append(printable(name))
            continue
        ours, layout = found
        if ours in tensors:
            damaged(f"{title} gives {ours} twice")
        tensors[ours] = _tensor(f"{title}: {name}", array, layout, budget)
    if strangers:
        raise MismatchError(
            f"{title} has {len(strangers)} variables that StyleGAN2 does not have: "
            + ", ".join(strangers[:8]),
            hint="the network is of another design; StyleGAN2(-ADA) snapshots are read",
        )
    return tensors


def _translate(kind: Kind, name: str, final: int) -> tuple[str, Layout] | None:
    """Our name and layout for a variable; `final` is the network's resolution."""
    if kind == "stylegan2-generator":
        if name == "dlatent_avg":
            return "mapping.w_avg", _same
        if noise := re.fullmatch(r"synthesis/noise(\d{1,2})", name):
            index = int(noise[1])
            size_px = 2 ** ((index + 5) // 2)
            return f"synthesis.b{size_px}.conv{(index + 1) % 2}.noise_const", _map
    layer, _, variable = name.rpartition("/")
    table = _GENERATOR if kind == "stylegan2-generator" else _DISCRIMINATOR
    for pattern, (ours, variables) in table.items():
        match = re.fullmatch(pattern, layer)
        if match and variable in variables:
            fields = match.groupdict()
            lod = fields.pop("lod", None)
            if lod is not None:
                fields["r"] = str(final >> int(lod))
            new, layout = variables[variable]
            return f"{ours.format(**fields)}.{new}", layout
    return None


def _tensor(title: str, array: NumpyArray, layout: Layout, budget: Budget) -> torch.Tensor:
    value = array.numpy()
    if value.dtype.kind != "f":
        damaged(f"{title} holds no floating-point numbers")
    budget.take(value.nbytes)
    try:
        changed = layout(value)
    except (ValueError, IndexError) as fault:
        raise MismatchError(
            f"{title} of shape {value.shape} has not the axes of such a variable"
        ) from fault
    return torch.from_numpy(np.array(changed, order="C"))

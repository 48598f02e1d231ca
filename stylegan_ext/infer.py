"""The constructor's arguments, read off a network's tensors; and a mismatch put into words.

A file may say nothing about its networks (rosinality), or something that its tensors contradict
(a snapshot after surgery). `settle` decides: what the file declares must explain every tensor,
and where nothing is declared the arguments are inferred. Only shapes are looked at.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from stylegan_ext.arguments import MAX_LAYERS
from stylegan_ext.errors import MismatchError
from stylegan_ext.records import Kind
from stylegan_ext.shapes import (
    MAPPING_LAYERS,
    Shape,
    expected_shapes,
)

LISTED = 12  # faults named in a message; the rest is counted


def kind_of(names: Iterable[str]) -> Kind | None:
    """Which network has tensors of these names; None if it is none of ours."""
    held = set(names)
    if any(name.startswith("synthesis.input.") for name in held):
        return "stylegan3-generator"
    if "synthesis.b4.const" in held:
        return "stylegan2-generator"
    if "b4.out.weight" in held:
        return "stylegan2-discriminator"
    return None


def settle(
    title: str, kind: Kind, declared: Mapping[str, Any] | None, shapes: Mapping[str, Shape]
) -> dict[str, Any]:
    """The arguments that explain all tensors: the declared ones, or inferred ones if None.

    Args:
        title: names the network in messages, e.g. "G_ema of ffhq.pkl".
        kind: which class the arguments are for.
        declared: what the file says, or None if it says nothing.
        shapes: name -> shape of every tensor.

    Raises:
        MismatchError: the tensors are not those of the declared, or of any, arguments.
    """
    if declared is None:
        kwargs = infer(kind, shapes)
        require(title, kind, kwargs, shapes)
        return kwargs
    if not differences(expected_shapes(kind, declared), shapes):
        return dict(declared)
    explain = _contradictions(kind, declared, shapes)
    if explain:
        raise MismatchError(
            f"{title}: what the file says about itself and its tensors differ"
            + "".join(f"\n  - {line}" for line in explain),
            hint="the file was changed after training; ask where it came from for the original",
        )
    require(title, kind, declared, shapes)
    return dict(declared)


def require(title: str, kind: Kind, kwargs: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:
    """See that the tensors are exactly those of a network with these arguments.

    Raises:
        MismatchError: some are missing, too many, or of another shape; the message lists them.
    """
    faults = differences(expected_shapes(kind, kwargs), shapes)
    if not faults:
        return
    more = [f"and {len(faults) - LISTED} more"] if len(faults) > LISTED else []
    raise MismatchError(
        f"{title}: {len(faults)} tensors do not fit a {kind} of these arguments"
        + "".join(f"\n  - {line}" for line in [*faults[:LISTED], *more]),
        hint="the network is of another design, or the file is damaged",
    )


def differences(expected: Mapping[str, Shape], found: Mapping[str, Shape]) -> list[str]:
    """Every difference between two sets of named shapes, a line each; [] if there is none."""
    lines = []
    for name, shape in expected.items():
        if name not in found:
            lines.append(f"{name} is missing (expected {_size(shape)})")
        elif tuple(found[name]) != shape:
            lines.append(f"{name} is {_size(found[name])}, expected {_size(shape)}")
    lines += [f"{name} ({_size(found[name])}) is unknown" for name in found if name not in expected]
    return lines


def infer(kind: Kind, shapes: Mapping[str, Shape]) -> dict[str, Any]:
    """The structural arguments of the network that would hold tensors of these shapes.

    What no tensor shows (clamping, learning-rate factors, group sizes) keeps its default.
    `channel_base` and `channel_max` are the roundest of the many that give the same widths.

    Raises:
        MismatchError: the tensors lack what every network of this kind has.
    """
    tensors = _Tensors(kind, shapes)
    match kind:
        case "stylegan2-generator":
            return _generator2(tensors)
        case "stylegan2-discriminator":
            return _discriminator(tensors)
        case "stylegan3-generator":
            return _generator3(tensors)
    raise MismatchError(f"unknown kind of network {kind!r}")


class _Tensors:
    """Shapes by name, with a word to say when one is not there."""

    def __init__(self, kind: str, shapes: Mapping[str, Shape]) -> None:
        self.kind = kind
        self.shapes = shapes

    def __contains__(self, name: str) -> bool:
        return name in self.shapes

    def axis(self, name: str, index: int) -> int:
        shape = self.shapes.get(name)
        if shape is None or len(shape) <= index:
            said = "is missing" if shape is None else f"is {_size(shape)}"
            raise MismatchError(f"{self.kind}: {name} {said}, so its arguments cannot be inferred")
        return shape[index]

    def matches(self, pattern: str) -> list[re.Match[str]]:
        return [found for name in self.shapes if (found := re.fullmatch(pattern, name))]

    def resolution(self, prefix: str) -> int:
        """The largest R of blocks "<prefix>bR."; digits are bounded, so this stays small."""
        sizes = [int(found[1]) for found in self.matches(prefix + r"b(\d{1,5})\..*")]
        return max(sizes, default=4)


def _levels(final: int) -> list[int]:
    return [2**power for power in range(2, max(final.bit_length(), 3))]


def _mapping(
    tensors: _Tensors, w_dim: int, layers: int | None = None
) -> tuple[int, int, dict[str, Any]]:
    """Gives z_dim, c_dim and mapping_kwargs; a depth of `layers` needs no saying."""
    options: dict[str, Any] = {}
    c_dim = embedded = 0
    if "mapping.embed.weight" in tensors:
        embedded = tensors.axis("mapping.embed.weight", 0)
        c_dim = tensors.axis("mapping.embed.weight", 1)
        if embedded != w_dim:
            options["embed_features"] = embedded
    depth = len(tensors.matches(r"mapping\.fc\d{1,3}\.weight"))
    if depth != layers:
        options["num_layers"] = depth
    inputs = tensors.axis("mapping.fc0.weight", 1) if depth else w_dim
    if depth > 1 and (hidden := tensors.axis("mapping.fc0.weight", 0)) != w_dim:
        options["layer_features"] = hidden
    return inputs - embedded, c_dim, options


def _generator2(tensors: _Tensors) -> dict[str, Any]:
    w_dim = tensors.axis("mapping.w_avg", 0)
    z_dim, c_dim, mapping = _mapping(tensors, w_dim)
    final = tensors.resolution(r"synthesis\.")
    widths = {size: tensors.axis(f"synthesis.b{size}.conv1.weight", 0) for size in _levels(final)}
    base, top = _base2(tensors.kind, widths)
    synthesis: dict[str, Any] = {"channel_base": base, "channel_max": top}
    if final > 4 and "synthesis.b4.torgb.weight" not in tensors:
        synthesis["architecture"] = "resnet" if "synthesis.b8.skip.weight" in tensors else "orig"
    if "synthesis.b4.conv1.noise_const" not in tensors:
        synthesis["use_noise"] = False
    return {
        "z_dim": z_dim,
        "c_dim": c_dim,
        "w_dim": w_dim,
        "img_resolution": final,
        "img_channels": tensors.axis(f"synthesis.b{final}.torgb.weight", 0),
        "mapping_kwargs": mapping,
        "synthesis_kwargs": synthesis,
    }


def _discriminator(tensors: _Tensors) -> dict[str, Any]:
    final = tensors.resolution("")
    last = tensors.axis("b4.conv.weight", 0)
    widths = {size: tensors.axis(f"b{size}.conv0.weight", 0) for size in _levels(final)[1:]}
    base, top = _base2(tensors.kind, {4: last, **widths})
    kwargs: dict[str, Any] = {
        "c_dim": 0,
        "img_resolution": final,
        "img_channels": tensors.axis(f"b{final}.fromrgb.weight", 1),
        "architecture": "skip" if "b4.fromrgb.weight" in tensors else "orig",
        "channel_base": base,
        "channel_max": top,
    }
    if f"b{final}.skip.weight" in tensors:
        kwargs["architecture"] = "resnet"
    if "mapping.embed.weight" in tensors:
        cmap = tensors.axis("b4.out.weight", 0)
        _, kwargs["c_dim"], mapping = _mapping(tensors, cmap, MAPPING_LAYERS[tensors.kind])
        if cmap != last:
            kwargs["cmap_dim"] = cmap
        if mapping:
            kwargs["mapping_kwargs"] = mapping
    if (extra := tensors.axis("b4.conv.weight", 1) - last) != 1:
        kwargs["epilogue_kwargs"] = {"mbstd_num_channels": extra}
    return kwargs


def _generator3(tensors: _Tensors) -> dict[str, Any]:
    w_dim = tensors.axis("mapping.w_avg", 0)
    z_dim, c_dim, mapping = _mapping(tensors, w_dim)
    pattern = r"synthesis\.L(\d{1,3})_(\d{1,5})_(\d{1,6})\.weight"
    layers = sorted((int(m[1]), int(m[2]), int(m[3])) for m in tensors.matches(pattern))
    if not 2 <= len(layers) <= MAX_LAYERS or [layer[0] for layer in layers] != list(
        range(len(layers))
    ):
        raise MismatchError(f"{tensors.kind}: its synthesis layers are not numbered from L0 on")
    count, final, pictures = layers[-1]
    first = "synthesis.L{}_{}_{}".format(*layers[0])
    kwargs: dict[str, Any] = {
        "z_dim": z_dim,
        "c_dim": c_dim,
        "w_dim": w_dim,
        "img_resolution": final,
        "img_channels": pictures,
        "mapping_kwargs": mapping,
        "num_layers": count,
        "conv_kernel": tensors.axis(f"{first}.weight", 2),
        "use_radial_filters": len(tensors.shapes.get(f"{first}.down_filter", ())) == 2,
    }
    widths = [layer[2] for layer in layers[:-1]]
    for critical in (2, *(n for n in range(min(count, 8)) if n != 2)):
        kwargs["num_critical"] = critical
        kwargs["channel_base"], kwargs["channel_max"] = _base3(final, count, critical, widths)
        if critical < count and not differences(
            expected_shapes("stylegan3-generator", kwargs), tensors.shapes
        ):
            return kwargs
    kwargs["num_critical"] = 2  # no simple choice fits: the official one gives the clearest list
    kwargs["channel_base"], kwargs["channel_max"] = _base3(final, count, 2, widths)
    return kwargs


def _base2(kind: str, widths: Mapping[int, int]) -> tuple[int, int]:
    """channel_base and channel_max with min(base // size, max) = width at every size."""
    top = max(widths.values())
    low = max(width * size for size, width in widths.items())
    high = min(
        (width * size + size - 1 for size, width in widths.items() if width < top),
        default=math.inf,
    )
    return _round_value(low, high), top


def _base3(final: int, count: int, critical: int, widths: list[int]) -> tuple[int, int]:
    """The same for round(min(base / 2 / cutoff, max)), the cutoffs growing geometrically."""
    top = max(widths)
    way = [min(index / max(count - critical, 1), 1.0) for index in range(len(widths))]
    doubled = [2 * 2 * (final / 4) ** fraction for fraction in way]  # 2 x cutoff, from 2 on
    low = max((width - 0.5) * d for width, d in zip(widths, doubled, strict=True))
    high = min(
        ((width + 0.5) * d for width, d in zip(widths, doubled, strict=True) if width < top),
        default=math.inf,
    )
    return _round_value(math.ceil(low), high), top


def _round_value(low: int, high: float) -> int:
    """The power of two in the range if there is one, else the lower end."""
    power = 1 << max(low - 1, 0).bit_length()
    return power if power <= high else low


def _contradictions(
    kind: Kind, declared: Mapping[str, Any], shapes: Mapping[str, Shape]
) -> list[str]:
    """Declared arguments that the tensors contradict; [] if no other arguments fit better."""
    try:
        inferred = infer(kind, shapes)
        if differences(expected_shapes(kind, inferred), shapes):
            return []
    except MismatchError:
        return []
    said, seen = _flat(declared), _flat(inferred)
    return [
        f"{name}: the file says {said[name]!r:.60}, the tensors say {value!r}"
        for name, value in seen.items()
        if name in said and said[name] != value
    ]


def _flat(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    flat = {}
    for name, value in kwargs.items():
        if isinstance(value, Mapping):
            flat.update({f"{name}.{inner}": each for inner, each in value.items()})
        else:
            flat[name] = value
    return flat


def _size(shape: Shape) -> str:
    return "x".join(map(str, shape)) if shape else "a single number"

"""What tensors a network of given arguments holds, by name and shape: plain arithmetic, no torch.

A model file is compared with this before anything is allocated, so a header that asks for a
picture of a million pixels a side costs nothing. The names are the official ones, the arguments
the official constructors'. Arithmetic: Karras et al. 2020 (StyleGAN2, appendix B), Karras et al.
2021 (StyleGAN3, appendix D and table 5).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from stylegan_ext.arguments import (
    CHANNEL_BASE,
    CHANNEL_MAX,
    FIR_TAPS,
    MAX_LAYERS,
    MAX_RESOLUTION,
    MAX_WIDTH,
    Arguments,
    whole_number,
)
from stylegan_ext.errors import MismatchError

if TYPE_CHECKING:
    from stylegan_ext.records import Kind

SQUEEZED = 64  # of an encoder: maps at 4x4 that become the code

Shape: TypeAlias = tuple[int, ...]
Shapes: TypeAlias = dict[str, Shape]

MAPPING_LAYERS = {
    "stylegan2-generator": 8,
    "stylegan2-discriminator": 8,
    "stylegan3-generator": 2,
}


def expected_shapes(kind: Kind, kwargs: Mapping[str, Any]) -> Shapes:
    """Name -> shape of every parameter and buffer that a network of these arguments holds.

    Raises:
        MismatchError: the arguments describe no network (a resolution that is no power of two,
            a negative width, an unknown architecture).
    """
    arguments = Arguments(kind, kwargs)
    match kind:
        case "stylegan2-generator":
            return {**_synthesis2(arguments), **_mapping(arguments)}
        case "stylegan2-discriminator":
            return _discriminator(arguments)
        case "stylegan3-generator":
            return {**_synthesis3(arguments), **_mapping(arguments)}
        case "encoder":
            return _encoder(arguments)
    raise MismatchError(f"unknown kind of network {kind!r}")


def _dense(name: str, inputs: int, outputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _mapping(arguments: Arguments) -> Shapes:
    """The generator's mapping network: z and label to w."""
    z_dim, c_dim = arguments.whole("z_dim"), arguments.whole("c_dim", 0)
    w_dim = arguments.whole("w_dim", low=1)
    shapes: Shapes = {"mapping.w_avg": (w_dim,)}
    return shapes | _mapping_layers(arguments, z_dim, c_dim, w_dim)


def _mapping_layers(arguments: Arguments, z_dim: int, c_dim: int, w_dim: int) -> Shapes:
    options = arguments.group("mapping_kwargs")

    def number(name: str, default: int, low: int = 0, high: int = MAX_WIDTH) -> int:
        return whole_number(arguments.kind, options, name, default, low=low, high=high)

    shapes: Shapes = {}
    embedded = number("embed_features", w_dim) if c_dim else 0
    if c_dim:
        shapes |= _dense("mapping.embed", c_dim, embedded)
    depth = number("num_layers", MAPPING_LAYERS[arguments.kind], high=MAX_LAYERS)
    hidden = number("layer_features", w_dim, low=1)
    widths = [z_dim + embedded, *[hidden] * (depth - 1), w_dim]
    for index in range(depth):
        shapes |= _dense(f"mapping.fc{index}", widths[index], widths[index + 1])
    return shapes


def _synthesis2(arguments: Arguments) -> Shapes:
    w_dim = arguments.whole("w_dim", low=1)
    pictures = arguments.whole("img_channels", low=1)
    taps, architecture = arguments.taps, arguments.architecture
    noise = arguments.synthesis.get("use_noise", True)
    final = arguments.resolution
    shapes: Shapes = {}

    def convolution(name: str, inputs: int, outputs: int, size_px: int, fir: int) -> None:
        shapes[f"{name}.weight"] = (outputs, inputs, 3, 3)
        shapes[f"{name}.bias"] = (outputs,)
        shapes[f"{name}.resample_filter"] = (fir, fir)
        if noise:
            shapes[f"{name}.noise_const"] = (size_px, size_px)
            shapes[f"{name}.noise_strength"] = ()
        shapes.update(_dense(f"{name}.affine", w_dim, inputs))

    before = 0
    size_px = 4
    while size_px <= final:
        block, width = f"synthesis.b{size_px}", arguments.channels(size_px)
        shapes[f"{block}.resample_filter"] = (taps, taps)
        if before:
            convolution(f"{block}.conv0", before, width, size_px, taps)
        else:
            shapes[f"{block}.const"] = (width, 4, 4)
        convolution(f"{block}.conv1", width, width, size_px, FIR_TAPS)  # unused
        if architecture == "skip" or size_px == final:
            shapes[f"{block}.torgb.weight"] = (pictures, width, 1, 1)
            shapes[f"{block}.torgb.bias"] = (pictures,)
            shapes.update(_dense(f"{block}.torgb.affine", w_dim, width))
        if architecture == "resnet" and before:
            shapes[f"{block}.skip.weight"] = (width, before, 1, 1)
            shapes[f"{block}.skip.resample_filter"] = (taps, taps)
        before, size_px = width, size_px * 2
    return shapes


def _discriminator(arguments: Arguments) -> Shapes:
    pictures = arguments.whole("img_channels", low=1)
    c_dim = arguments.whole("c_dim", 0)
    taps, architecture = arguments.taps, arguments.architecture
    final = arguments.resolution
    shapes: Shapes = {}

    def convolution(
        name: str, inputs: int, outputs: int, side: int, fir: int = FIR_TAPS, *, bias: bool = True
    ) -> None:
        shapes[f"{name}.weight"] = (outputs, inputs, side, side)
        shapes[f"{name}.resample_filter"] = (fir, fir)
        if bias:
            shapes[f"{name}.bias"] = (outputs,)

    size_px = final
    while size_px > 4:
        block = f"b{size_px}"
        width, after = arguments.channels(size_px), arguments.channels(size_px // 2)
        shapes[f"{block}.resample_filter"] = (taps, taps)
        if size_px == final or architecture == "skip":
            convolution(f"{block}.fromrgb", pictures, width, 1)
        convolution(f"{block}.conv0", width, width, 3)
        convolution(f"{block}.conv1", width, after, 3, taps)
        if architecture == "resnet":
            convolution(f"{block}.skip", width, after, 1, taps, bias=False)
        size_px //= 2
    width = arguments.channels(4)
    cmap = arguments.whole("cmap_dim", width) if c_dim else 0
    if c_dim:
        shapes |= _mapping_layers(arguments, 0, c_dim, cmap)
    if architecture == "skip":
        convolution("b4.fromrgb", pictures, width, 1)
    extra = whole_number(
        arguments.kind, arguments.group("epilogue_kwargs"), "mbstd_num_channels", 1
    )
    convolution("b4.conv", width + extra, width, 3)
    shapes |= _dense("b4.fc", width * 16, width)
    return shapes | _dense("b4.out", width, cmap or 1)


def _encoder(arguments: Arguments) -> Shapes:
    """A discriminator's blocks, and heads; see `networks.encoder`."""
    side = arguments.resolution
    if side < 8:
        raise MismatchError(f"an encoder looks at pictures of 8 px and more, not {side}")
    for name in ("img_channels", "channel_base", "channel_max"):
        arguments.whole(name, low=1, high=MAX_RESOLUTION * MAX_WIDTH)  # there, and a number
    rows = arguments.whole("num_ws", low=1, high=MAX_LAYERS)
    w_dim, code = arguments.whole("w_dim", low=1), arguments.whole("code_dim", low=1)
    same = ("img_resolution", "img_channels", "channel_base", "channel_max")
    like = {name: arguments.kwargs[name] for name in same}
    trunk = _discriminator(Arguments("stylegan2-discriminator", like))
    shapes = {name: shape for name, shape in trunk.items() if not name.startswith("b4.")}
    widths = [arguments.channels(2**level) for level in range(2, side.bit_length() - 1)]
    shapes["squeeze.weight"] = (SQUEEZED, widths[0], 1, 1)
    shapes["squeeze.bias"] = (SQUEEZED,)
    shapes["squeeze.resample_filter"] = (FIR_TAPS, FIR_TAPS)
    shapes |= _dense("code", SQUEEZED * 16, code) | _dense("common", code, w_dim)
    for row in range(rows):
        seen = widths[level_of_row(row, rows, len(widths))]
        shapes |= _dense(f"row{row}", code + seen, w_dim)
    return shapes | {"middle": (w_dim,), "axes": (w_dim, w_dim), "spread": (w_dim,)}


def level_of_row(row: int, num_ws: int, levels: int) -> int:
    """Which scale of its maps an encoder's row looks at, 0 the coarsest."""
    return row * levels // num_ws


@dataclass(frozen=True)
class Layer3:
    """One synthesis layer of StyleGAN3 as its shapes need it."""

    name: str  # "L<index>_<size in pixels>_<channels>"
    inputs: int
    outputs: int
    up_taps: int  # 1: no filter is kept
    down_taps: int
    down_radial: bool
    is_torgb: bool


def _number(arguments: Arguments, name: str, default: float, low: float, high: float) -> float:
    value = arguments.kwargs.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise MismatchError(
            f"{arguments.kind}: {name} is {value!r:.40}, not between {low} and {high}"
        )
    return float(value)


def stylegan3_layers(kwargs: Mapping[str, Any]) -> list[Layer3]:
    """The synthesis layers of a StyleGAN3 generator, in order; the last is to-RGB."""
    arguments = Arguments("stylegan3-generator", kwargs)
    final = arguments.resolution
    count = arguments.whole("num_layers", 14, low=1, high=MAX_LAYERS)
    critical = arguments.whole("num_critical", 2, high=count - 1)
    margin = arguments.whole("margin_size", 10, high=MAX_RESOLUTION)
    filter_size = arguments.whole("filter_size", 6, low=1, high=MAX_LAYERS)
    oversampling = arguments.whole("lrelu_upsampling", 2, low=1, high=MAX_LAYERS)
    base = _number(arguments, "channel_base", CHANNEL_BASE, 1, MAX_RESOLUTION * MAX_WIDTH)
    top = arguments.whole("channel_max", CHANNEL_MAX, low=1)
    first = _number(arguments, "first_cutoff", 2, 1e-3, final)
    first_stop = _number(arguments, "first_stopband", 2**2.1, 1e-3, MAX_RESOLUTION)
    last_stop = final / 2 * _number(arguments, "last_stopband_rel", 2**0.3, 1e-3, 1e3)

    rates, sizes, widths = [], [], []
    for index in range(count + 1):
        way = min(index / (count - critical), 1.0)
        cutoff = first * (final / 2 / first) ** way
        stopband = first_stop * (last_stop / first_stop) ** way
        rates.append(2 ** math.ceil(math.log2(min(stopband * 2, final))))
        sizes.append(rates[-1] + 2 * margin)
        widths.append(round(min(base / 2 / cutoff, top)))
    sizes[-2:] = [final, final]
    widths[-1] = arguments.whole("img_channels", low=1)

    layers = []
    for index in range(count + 1):
        before, is_torgb = max(index - 1, 0), index == count
        middle = max(rates[before], rates[index]) * (1 if is_torgb else oversampling)
        up, down = round(middle / rates[before]), round(middle / rates[index])
        radial = bool(kwargs.get("use_radial_filters")) and index < count - critical
        layers.append(
            Layer3(
                name=f"L{index}_{sizes[index]}_{widths[index]}",
                inputs=widths[before],
                outputs=widths[index],
                up_taps=filter_size * up if up > 1 and not is_torgb else 1,
                down_taps=filter_size * down if down > 1 and not is_torgb else 1,
                down_radial=radial,
                is_torgb=is_torgb,
            )
        )
    return layers


def _synthesis3(arguments: Arguments) -> Shapes:
    w_dim = arguments.whole("w_dim", low=1)
    side = arguments.whole("conv_kernel", 3, low=1, high=MAX_LAYERS)
    layers = stylegan3_layers(arguments.kwargs)
    width = layers[0].inputs
    shapes: Shapes = {
        "synthesis.input.weight": (width, width),
        "synthesis.input.transform": (3, 3),
        "synthesis.input.freqs": (width, 2),
        "synthesis.input.phases": (width,),
        **_dense("synthesis.input.affine", w_dim, 4),
    }
    for layer in layers:
        name = f"synthesis.{layer.name}"
        kernel = 1 if layer.is_torgb else side
        shapes[f"{name}.weight"] = (layer.outputs, layer.inputs, kernel, kernel)
        shapes[f"{name}.bias"] = (layer.outputs,)
        shapes[f"{name}.magnitude_ema"] = ()
        shapes.update(_dense(f"{name}.affine", w_dim, layer.inputs))
        if layer.up_taps > 1:
            shapes[f"{name}.up_filter"] = (layer.up_taps,)
        if layer.down_taps > 1:
            shapes[f"{name}.down_filter"] = (layer.down_taps,) * (2 if layer.down_radial else 1)
    return shapes

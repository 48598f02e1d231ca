"""StyleGAN2 and StyleGAN3 in one plain file that needs torch and numpy alone.

The official tools run the source text that a snapshot carries. This is the text that our exported
snapshots carry, so it stands on its own: no import of ours, nothing compiled, nothing newer than
torch 1.7 and Python 3.7. It says the arithmetic as plainly as possible and leaves speed to
`stylegan_ext.networks`; both give the same pictures, and a test holds them to that. Arguments,
attributes and tensor names are those that the official tools expect. Everything runs in float32;
`force_fp32` and the like are accepted and change nothing.

Arithmetic: Karras et al. 2020 "Analyzing and Improving the Image Quality of StyleGAN", 2020
"Training Generative Adversarial Networks with Limited Data", 2021 "Alias-Free Generative
Adversarial Networks".
"""

from __future__ import annotations

import math
from typing import Any, Sequence  # noqa: UP035 - the text also runs on Python 3.7

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

USUAL_TAPS = (1, 3, 3, 1)


def activate(x: Tensor, name: str, gain: float = 1.0, clamp: float | None = None) -> Tensor:
    """Activation times its usual gain times `gain`, clamped to +-clamp * gain."""
    if name == "lrelu":
        x = F.leaky_relu(x, 0.2) * math.sqrt(2)
    elif name == "relu":
        x = F.relu(x) * math.sqrt(2)
    elif name == "swish":
        x = torch.sigmoid(x) * x * math.sqrt(2)
    elif name in ("tanh", "sigmoid"):
        x = getattr(torch, name)(x)
    elif name in ("elu", "selu", "softplus"):
        x = getattr(F, name)(x)
    elif name != "linear":
        raise ValueError(f"unknown activation {name!r}")
    x = x * gain
    return x if clamp is None else x.clamp(-clamp * gain, clamp * gain)


def square_filter(taps: Sequence[float]) -> Tensor:
    """[k, k]: the outer product of the taps with themselves, its sum one."""
    line = torch.tensor([float(tap) for tap in taps], dtype=torch.float32)
    square = line[:, None] * line[None, :]
    return square / square.sum()


def zeros_between(x: Tensor, up: int) -> Tensor:
    """[n, c, h, w] to [n, c, h * up, w * up]: up - 1 zeros after every sample, in both axes."""
    n, c, h, w = x.shape
    x = F.pad(x.reshape(n, c, h, 1, w, 1), (0, up - 1, 0, 0, 0, up - 1))
    return x.reshape(n, c, h * up, w * up)


def convolve(x: Tensor, taps: Tensor) -> Tensor:
    """True convolution of every channel with taps [k] (both axes in turn) or [k, k], no padding."""
    c = x.shape[1]
    flipped = taps.flip(list(range(taps.ndim)))
    if taps.ndim == 2:
        return F.conv2d(x, flipped[None, None].repeat(c, 1, 1, 1), groups=c)
    x = F.conv2d(x, flipped[None, None, None, :].repeat(c, 1, 1, 1), groups=c)
    return F.conv2d(x, flipped[None, None, :, None].repeat(c, 1, 1, 1), groups=c)


def resample(
    x: Tensor, taps: Tensor, *, up: int = 1, down: int = 1, pad: Any = (0, 0), gain: float = 1.0
) -> Tensor:
    """Put zeros between, pad before and after, convolve, keep every `down`th sample."""
    x = F.pad(zeros_between(x, up), (pad[0], pad[1], pad[0], pad[1]))
    return convolve(x, taps)[:, :, ::down, ::down] * gain


def second_moment_one(x: Tensor) -> Tensor:
    """Rows scaled to a mean square of one."""
    return x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


def styled_conv(
    x: Tensor, weight: Tensor, styles: Tensor, demodulate: bool = True, padding: int = 0
) -> Tensor:
    """Convolution whose input channels each sample scales by its styles [n, in]."""
    n, c, h, w = x.shape
    weights = weight[None] * styles[:, None, :, None, None]
    if demodulate:
        weights = weights * (weights.square().sum(dim=[2, 3, 4], keepdim=True) + 1e-8).rsqrt()
    joined = weights.reshape(n * weight.shape[0], c, weight.shape[2], weight.shape[3])
    y = F.conv2d(x.reshape(1, n * c, h, w), joined, padding=padding, groups=n)
    return y.reshape(n, weight.shape[0], y.shape[2], y.shape[3])


class Part(nn.Module):
    """A module; names the types of the buffers that the parts below register."""

    resample_filter: Tensor
    noise_const: Tensor
    w_avg: Tensor
    transform: Tensor
    freqs: Tensor
    phases: Tensor
    magnitude_ema: Tensor


class FullyConnectedLayer(Part):
    """A linear layer with its learning rate folded into the weights."""

    def __init__(
        self, inputs: int, outputs: int, activation: str = "linear", rate: float = 1.0
    ) -> None:
        super().__init__()
        self.activation = activation
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.zeros([outputs]))
        self.weight_gain = rate / math.sqrt(inputs)
        self.bias_gain = rate

    def forward(self, x: Tensor) -> Tensor:
        """[n, inputs] to [n, outputs]."""
        x = x @ (self.weight * self.weight_gain).t() + self.bias * self.bias_gain
        return activate(x, self.activation)


class Affine(FullyConnectedLayer):
    """From w to the styles of a layer, which start at one."""

    def __init__(self, w_dim: int, channels: int) -> None:
        super().__init__(w_dim, channels)
        nn.init.ones_(self.bias)


class MappingNetwork(Part):
    """Latents [n, z_dim] and labels [n, c_dim] to ws [n, num_ws, w_dim]."""

    def __init__(
        self, z_dim: int, c_dim: int, w_dim: int, num_ws: int | None, **options: Any
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim, self.num_ws = z_dim, c_dim, w_dim, num_ws
        self.num_layers = options.get("num_layers", 8)
        self.w_avg_beta = options.get("w_avg_beta", 0.995)
        embedded = 0
        if c_dim:
            given = options.get("embed_features")
            embedded = w_dim if given is None else given
            self.embed = FullyConnectedLayer(c_dim, embedded)
        given = options.get("layer_features")
        hidden = w_dim if given is None else given
        widths = [z_dim + embedded, *[hidden] * (self.num_layers - 1), w_dim]
        activation = options.get("activation", "lrelu")
        rate = options.get("lr_multiplier", 0.01)
        for i in range(self.num_layers):
            layer = FullyConnectedLayer(widths[i], widths[i + 1], activation, rate)
            setattr(self, f"fc{i}", layer)
        if num_ws is not None and self.w_avg_beta is not None:
            self.register_buffer("w_avg", torch.zeros([w_dim]))

    def forward(
        self,
        z: Any,
        c: Any = None,
        truncation_psi: float = 1,
        truncation_cutoff: int | None = None,
        **training: Any,
    ) -> Tensor:
        """Latents to ws; psi moves the first `cutoff` rows (None: all) towards the average."""
        parts = []
        if self.z_dim:
            parts.append(second_moment_one(z.to(torch.float32)))
        if self.c_dim:
            parts.append(second_moment_one(self.embed(c.to(torch.float32))))
        x = torch.cat(parts, dim=1)
        for i in range(self.num_layers):
            x = getattr(self, f"fc{i}")(x)
        if self.num_ws is None:
            return x
        if training.get("update_emas") and self.w_avg_beta is not None:
            self.w_avg.copy_(x.detach().mean(dim=0).lerp(self.w_avg, self.w_avg_beta))
        ws = x[:, None].repeat(1, self.num_ws, 1)
        if truncation_psi != 1:
            cutoff = self.num_ws if truncation_cutoff is None else truncation_cutoff
            ws[:, :cutoff] = self.w_avg + truncation_psi * (ws[:, :cutoff] - self.w_avg)
        return ws


class SynthesisLayer(Part):
    """StyleGAN2: modulated 3x3 convolution, noise, bias, activation."""

    def __init__(
        self, inputs: int, outputs: int, w_dim: int, size: int, *, up: int, options: dict[str, Any]
    ) -> None:
        super().__init__()
        self.resolution, self.up = size, up
        self.use_noise = options.get("use_noise", True)
        self.activation = options.get("activation", "lrelu")
        self.conv_clamp = options.get("conv_clamp")
        taps = options.get("resample_filter", USUAL_TAPS) if up == 2 else USUAL_TAPS
        self.register_buffer("resample_filter", square_filter(taps))
        self.affine = Affine(w_dim, inputs)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        if self.use_noise:
            self.register_buffer("noise_const", torch.randn(size, size))
            self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros([outputs]))

    def forward(self, x: Tensor, w: Tensor, noise_mode: str, gain: float = 1.0) -> Tensor:
        """[n, inputs, h, w] to [n, outputs, h * up, w * up]."""
        styles = self.affine(w)
        if self.up == 1:
            x = styled_conv(x, self.weight, styles, padding=1)
        else:
            x = resample(x, self.resample_filter, up=2, pad=(3, 2), gain=4.0)
            x = styled_conv(x, self.weight.flip([2, 3]), styles)
        if self.use_noise and noise_mode == "random":
            shape = [x.shape[0], 1, self.resolution, self.resolution]
            x = x + torch.randn(shape, device=x.device) * self.noise_strength
        elif self.use_noise and noise_mode == "const":
            x = x + self.noise_const * self.noise_strength
        x = x + self.bias[None, :, None, None]
        return activate(x, self.activation, gain, self.conv_clamp)


class ToRGBLayer(Part):
    """StyleGAN2: modulated 1x1 convolution to picture channels."""

    def __init__(self, inputs: int, outputs: int, w_dim: int, conv_clamp: float | None) -> None:
        super().__init__()
        self.conv_clamp = conv_clamp
        self.affine = Affine(w_dim, inputs)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros([outputs]))
        self.weight_gain = 1 / math.sqrt(inputs)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """[n, inputs, h, w] to [n, img_channels, h, w]."""
        x = styled_conv(x, self.weight, self.affine(w) * self.weight_gain, demodulate=False)
        return activate(x + self.bias[None, :, None, None], "linear", clamp=self.conv_clamp)


class Conv2dLayer(Part):
    """A plain convolution, with the FIR filter where it changes the resolution."""

    def __init__(self, inputs: int, outputs: int, kernel: int, **options: Any) -> None:
        super().__init__()
        self.up, self.down = options.get("up", 1), options.get("down", 1)
        self.activation = options.get("activation", "linear")
        self.conv_clamp = options.get("conv_clamp")
        taps = options.get("resample_filter", USUAL_TAPS)
        self.register_buffer("resample_filter", square_filter(taps))
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros([outputs])) if options.get("bias", True) else None
        self.weight_gain = 1 / math.sqrt(inputs * kernel**2)
        self.padding = kernel // 2

    def forward(self, x: Tensor, gain: float = 1.0) -> Tensor:
        """[n, inputs, h, w] to [n, outputs, h * up / down, w * up / down]."""
        weight = self.weight * self.weight_gain
        if self.down == 2 and self.padding:
            x = F.conv2d(resample(x, self.resample_filter, pad=(2, 2)), weight, stride=2)
        elif self.down == 2:
            x = F.conv2d(resample(x, self.resample_filter, down=2, pad=(1, 1)), weight)
        elif self.up == 2:
            x = resample(F.conv2d(x, weight), self.resample_filter, up=2, pad=(2, 1), gain=4.0)
        else:
            x = F.conv2d(x, weight, padding=self.padding)
        if self.bias is not None:
            x = x + self.bias[None, :, None, None]
        return activate(x, self.activation, gain, self.conv_clamp)


class SynthesisBlock(Part):
    """StyleGAN2: all layers of one resolution; the first has no inputs."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        w_dim: int,
        size: int,
        *,
        img_channels: int,
        is_last: bool,
        options: dict[str, Any],
    ) -> None:
        super().__init__()
        self.in_channels, self.w_dim, self.resolution = inputs, w_dim, size
        self.img_channels, self.is_last = img_channels, is_last
        self.architecture = options.get("architecture", "skip")
        taps = options.get("resample_filter", USUAL_TAPS)
        self.register_buffer("resample_filter", square_filter(taps))
        if inputs == 0:
            self.const = nn.Parameter(torch.randn(outputs, size, size))
        else:
            self.conv0 = SynthesisLayer(inputs, outputs, w_dim, size, up=2, options=options)
        self.conv1 = SynthesisLayer(outputs, outputs, w_dim, size, up=1, options=options)
        self.num_conv = 2 if inputs else 1
        self.num_torgb = 1 if is_last or self.architecture == "skip" else 0
        if self.num_torgb:
            self.torgb = ToRGBLayer(outputs, img_channels, w_dim, options.get("conv_clamp"))
        if inputs and self.architecture == "resnet":
            self.skip = Conv2dLayer(inputs, outputs, 1, bias=False, up=2, resample_filter=taps)

    def forward(self, x: Any, img: Any, ws: Tensor, noise_mode: str) -> tuple[Tensor, Any]:
        """Maps and picture so far (None in the first block) to those of this resolution."""
        if self.in_channels == 0:
            x = self.const[None].repeat(ws.shape[0], 1, 1, 1)
            x = self.conv1(x, ws[:, 0], noise_mode)
        elif self.architecture == "resnet":
            y = self.skip(x, gain=math.sqrt(0.5))
            x = self.conv0(x, ws[:, 0], noise_mode)
            x = y + self.conv1(x, ws[:, 1], noise_mode, gain=math.sqrt(0.5))
        else:
            x = self.conv1(self.conv0(x, ws[:, 0], noise_mode), ws[:, 1], noise_mode)
        if img is not None:
            img = resample(img, self.resample_filter, up=2, pad=(2, 1), gain=4.0)
        if self.num_torgb:
            rgb = self.torgb(x, ws[:, self.num_conv])
            img = rgb if img is None else img + rgb
        return x, img


class SynthesisNetwork(Part):
    """StyleGAN2: ws [n, num_ws, w_dim] to pictures."""

    def __init__(self, w_dim: int, img_resolution: int, img_channels: int, **options: Any) -> None:
        super().__init__()
        self.w_dim, self.img_resolution, self.img_channels = w_dim, img_resolution, img_channels
        self.num_fp16_res = options.get("num_fp16_res", 0)
        self.block_resolutions = [2**i for i in range(2, int(math.log2(img_resolution)) + 1)]
        self.num_ws = 0
        before = 0
        for size in self.block_resolutions:
            width = width_at(size, options)
            is_last = size == img_resolution
            block = SynthesisBlock(
                *(before, width, w_dim, size),
                img_channels=img_channels,
                is_last=is_last,
                options=options,
            )
            self.num_ws += block.num_conv + (block.num_torgb if is_last else 0)
            setattr(self, f"b{size}", block)
            before = width

    def forward(self, ws: Tensor, noise_mode: str = "random", **unused: Any) -> Tensor:
        """Pictures [n, img_channels, res, res], nominally in [-1, 1]."""
        ws = ws.to(torch.float32)
        x: Any = None
        img: Any = None
        row = 0
        for size in self.block_resolutions:
            block = getattr(self, f"b{size}")
            rows = ws[:, row : row + block.num_conv + block.num_torgb]
            x, img = block(x, img, rows, noise_mode)
            row += block.num_conv
        picture: Tensor = img
        return picture


def width_at(size: int, options: dict[str, Any]) -> int:
    """Channels of a StyleGAN2 block of this resolution."""
    return int(min(options.get("channel_base", 32768) // size, options.get("channel_max", 512)))


class Generator(Part):
    """What both generators have in common; `synthesis` is a network made before."""

    def __init__(
        self,
        sizes: tuple[int, int, int, int, int],
        synthesis: SynthesisNetwork | AliasFreeSynthesis,
        mapping_options: dict[str, Any],
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim, self.img_resolution, self.img_channels = sizes
        self.synthesis = synthesis
        self.num_ws = synthesis.num_ws
        self.mapping = MappingNetwork(
            self.z_dim, self.c_dim, self.w_dim, self.num_ws, **mapping_options
        )

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1,
        truncation_cutoff: int | None = None,
        **synthesis_kwargs: Any,
    ) -> Tensor:
        """Latents [n, z_dim] (and labels) to pictures."""
        ws = self.mapping(z, c, truncation_psi, truncation_cutoff)
        picture: Tensor = self.synthesis(ws, **synthesis_kwargs)
        return picture


class StyleGAN2Generator(Generator):
    """StyleGAN2."""

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        img_resolution: int,
        img_channels: int,
        *,
        mapping_kwargs: dict[str, Any] | None = None,
        synthesis_kwargs: dict[str, Any] | None = None,
    ) -> None:
        options = synthesis_kwargs or {}
        super().__init__(
            (z_dim, c_dim, w_dim, img_resolution, img_channels),
            SynthesisNetwork(w_dim, img_resolution, img_channels, **options),
            mapping_kwargs or {},
        )


class DiscriminatorBlock(Part):
    """One resolution of the discriminator; the first has no inputs."""

    def __init__(
        self,
        inputs: int,
        middle: int,
        outputs: int,
        size: int,
        img_channels: int,
        *,
        options: dict[str, Any],
    ) -> None:
        super().__init__()
        self.in_channels, self.resolution, self.img_channels = inputs, size, img_channels
        self.architecture = options["architecture"]
        taps = options.get("resample_filter", USUAL_TAPS)
        self.register_buffer("resample_filter", square_filter(taps))
        shared = {"activation": options["activation"], "conv_clamp": options["conv_clamp"]}
        if inputs == 0 or self.architecture == "skip":
            self.fromrgb = Conv2dLayer(img_channels, middle, 1, **shared)
        self.conv0 = Conv2dLayer(middle, middle, 3, **shared)
        self.conv1 = Conv2dLayer(middle, outputs, 3, down=2, resample_filter=taps, **shared)
        if self.architecture == "resnet":
            self.skip = Conv2dLayer(middle, outputs, 1, bias=False, down=2, resample_filter=taps)

    def forward(self, x: Any, img: Any) -> tuple[Tensor, Any]:
        """Maps and picture to those of half the resolution."""
        if self.in_channels == 0 or self.architecture == "skip":
            y = self.fromrgb(img)
            x = y if x is None else x + y
            if self.architecture == "skip":
                img = resample(img, self.resample_filter, down=2, pad=(1, 1))
        if self.architecture != "resnet":
            return self.conv1(self.conv0(x)), img
        y = self.skip(x, gain=math.sqrt(0.5))
        return y + self.conv1(self.conv0(x), gain=math.sqrt(0.5)), img


class MinibatchStdLayer(Part):
    """Appends how much the samples of a group differ."""

    def __init__(self, group_size: int | None, num_channels: int) -> None:
        super().__init__()
        self.group_size, self.num_channels = group_size, num_channels

    def forward(self, x: Tensor) -> Tensor:
        """[n, c, h, w] to [n, c + num_channels, h, w]."""
        n, c, h, w = x.shape
        group = n if self.group_size is None else min(int(self.group_size), n)
        f = self.num_channels
        y = x.reshape(group, -1, f, c // f, h, w)
        y = (y - y.mean(dim=0)).square().mean(dim=0)
        y = (y + 1e-8).sqrt().mean(dim=[2, 3, 4])
        return torch.cat([x, y.reshape(-1, f, 1, 1).repeat(group, 1, h, w)], dim=1)


class DiscriminatorEpilogue(Part):
    """The 4x4 end of the discriminator."""

    def __init__(
        self, inputs: int, cmap_dim: int, img_channels: int, options: dict[str, Any]
    ) -> None:
        super().__init__()
        self.cmap_dim, self.architecture = cmap_dim, options["architecture"]
        activation = options.get("activation", "lrelu")
        shared = {"activation": activation, "conv_clamp": options["conv_clamp"]}
        if self.architecture == "skip":
            self.fromrgb = Conv2dLayer(img_channels, inputs, 1, activation=activation)
        extra = options.get("mbstd_num_channels", 1)
        self.mbstd = None
        if extra:
            self.mbstd = MinibatchStdLayer(options.get("mbstd_group_size", 4), extra)
        self.conv = Conv2dLayer(inputs + extra, inputs, 3, **shared)
        self.fc = FullyConnectedLayer(inputs * 16, inputs, activation)
        self.out = FullyConnectedLayer(inputs, cmap_dim if cmap_dim else 1)

    def forward(self, x: Tensor, img: Any, cmap: Any) -> Tensor:
        """Maps [n, c, 4, 4] to logits [n, 1]."""
        if self.architecture == "skip":
            x = x + self.fromrgb(img)
        if self.mbstd is not None:
            x = self.mbstd(x)
        x = self.out(self.fc(self.conv(x).flatten(1)))
        if self.cmap_dim:
            x = (x * cmap).sum(dim=1, keepdim=True) / math.sqrt(self.cmap_dim)
        return x


class Discriminator(Part):
    """Pictures (and labels) to logits."""

    def __init__(self, c_dim: int, img_resolution: int, img_channels: int, **options: Any) -> None:
        super().__init__()
        self.c_dim, self.img_resolution, self.img_channels = c_dim, img_resolution, img_channels
        self.num_fp16_res = options.get("num_fp16_res", 0)
        self.block_resolutions = [2**i for i in range(int(math.log2(img_resolution)), 2, -1)]
        widths = {size: width_at(size, options) for size in [*self.block_resolutions, 4]}
        shared = {
            "architecture": options.get("architecture", "resnet"),
            "activation": "lrelu",
            "conv_clamp": options.get("conv_clamp"),
        }
        for size in self.block_resolutions:
            block = DiscriminatorBlock(
                0 if size == img_resolution else widths[size],
                widths[size],
                widths[size // 2],
                size,
                img_channels,
                options={**shared, **(options.get("block_kwargs") or {})},
            )
            setattr(self, f"b{size}", block)
        cmap = 0
        if c_dim:
            given = options.get("cmap_dim")
            cmap = widths[4] if given is None else given
            mapping_options = {**(options.get("mapping_kwargs") or {}), "w_avg_beta": None}
            self.mapping = MappingNetwork(0, c_dim, cmap, None, **mapping_options)
        ending = {**shared, **(options.get("epilogue_kwargs") or {})}
        self.b4 = DiscriminatorEpilogue(widths[4], cmap, img_channels, ending)

    def forward(self, img: Tensor, c: Tensor | None = None, **unused: Any) -> Tensor:
        """[n, img_channels, res, res] to [n, 1]; positive means real."""
        x, picture = None, img.to(torch.float32)
        for size in self.block_resolutions:
            x, picture = getattr(self, f"b{size}")(x, picture)
        logits: Tensor = self.b4(x, picture, self.mapping(None, c) if self.c_dim else None)
        return logits


def lowpass(
    taps: int, cutoff: float, width: float, rate: float, radial: bool = False
) -> Tensor | None:
    """A Kaiser-windowed low-pass filter: [taps], or [taps, taps] if radial; None for one tap."""
    if taps == 1:
        return None
    loss = 2.285 * (taps - 1) * math.pi * (width / (rate / 2)) + 7.95  # Kaiser's rule, in dB
    if loss > 50:
        beta = 0.1102 * (loss - 8.7)
    else:
        beta = 0.5842 * (loss - 21) ** 0.4 + 0.07886 * (loss - 21) if loss > 21 else 0.0
    window = np.kaiser(taps, beta)
    x = (np.arange(taps) - (taps - 1) / 2) / rate
    if not radial:
        line = np.sinc(2 * cutoff * x) * window
        return torch.as_tensor(line / line.sum(), dtype=torch.float32)
    r = np.hypot(*np.meshgrid(x, x))
    # Bessel's J1 by its integral: the midpoint rule is exact to rounding on a periodic function.
    angle = (np.arange(256) + 0.5) * (math.pi / 256)
    j1 = np.cos(angle - 2 * math.pi * cutoff * r[..., None] * np.sin(angle)).mean(axis=-1)
    square = j1 / (math.pi * r) * np.outer(window, window)
    return torch.as_tensor(square / square.sum(), dtype=torch.float32)


class AliasFreeInput(Part):
    """StyleGAN3: Fourier features, moved and turned by w and by `transform`."""

    def __init__(self, w_dim: int, channels: int, size: int, rate: float, band: float) -> None:
        super().__init__()
        self.w_dim, self.channels, self.size = w_dim, channels, size
        self.sampling_rate, self.bandwidth = rate, band
        freqs = torch.randn(channels, 2)
        radii = freqs.square().sum(dim=1, keepdim=True).sqrt()
        freqs = freqs / (radii * radii.square().exp().pow(0.25)) * band
        self.weight = nn.Parameter(torch.randn(channels, channels))
        self.affine = FullyConnectedLayer(w_dim, 4)
        nn.init.zeros_(self.affine.weight)
        self.affine.bias.data[0] = 1.0  # cosine, sine, x, y
        self.register_buffer("transform", torch.eye(3))
        self.register_buffer("freqs", freqs)
        self.register_buffer("phases", torch.rand(channels) - 0.5)

    def forward(self, w: Tensor) -> Tensor:
        """From [n, w_dim] to features [n, channels, size, size]."""
        t = self.affine(w)
        t = t / t[:, :2].norm(dim=1, keepdim=True)
        none, one = torch.zeros_like(t[:, 0]), torch.ones_like(t[:, 0])
        turn = [t[:, 0], -t[:, 1], none, t[:, 1], t[:, 0], none, none, none, one]
        move = [one, none, -t[:, 2], none, one, -t[:, 3], none, none, one]
        m = torch.stack(turn, dim=1).reshape(-1, 3, 3) @ torch.stack(move, dim=1).reshape(-1, 3, 3)
        m = m @ self.transform
        phases = self.phases + (self.freqs @ m[:, :2, 2:]).squeeze(2)
        freqs = self.freqs @ m[:, :2, :2]
        fade = (freqs.norm(dim=2) - self.bandwidth) / (self.sampling_rate / 2 - self.bandwidth)
        amplitudes = (1 - fade).clamp(0, 1)
        axis = torch.arange(self.size, device=w.device, dtype=torch.float32)
        axis = (axis + 0.5 - self.size / 2) / self.sampling_rate  # pixel centres
        along_x = freqs[:, None, None, :, 0] * axis[None, None, :, None]
        along_y = freqs[:, None, None, :, 1] * axis[None, :, None, None]
        angle = along_x + along_y + phases[:, None, None, :]
        x: Tensor = torch.sin(2 * math.pi * angle) * amplitudes[:, None, None, :]
        x = x @ (self.weight / math.sqrt(self.channels)).t()
        return x.permute(0, 3, 1, 2)


class AliasFreeLayer(Part):
    """StyleGAN3: modulated convolution, then an activation between two resampling filters.

    `before` and `after` say how the maps are sampled on either side: channels, size, sampling
    rate, cutoff and half the width of the filter's transition band.
    """

    up_filter: Tensor | None
    down_filter: Tensor | None

    def __init__(
        self,
        w_dim: int,
        is_torgb: bool,
        is_critical: bool,
        before: tuple[int, int, float, float, float],
        after: tuple[int, int, float, float, float],
        *,
        options: dict[str, Any],
    ) -> None:
        super().__init__()
        inputs, in_size, in_rate, in_cutoff, in_half_width = before
        outputs, out_size, out_rate, out_cutoff, out_half_width = after
        self.is_torgb = is_torgb
        self.conv_clamp = options.get("conv_clamp", 256)
        self.magnitude_ema_beta = options.get("magnitude_ema_beta", 0.999)
        self.conv_kernel = 1 if is_torgb else options.get("conv_kernel", 3)
        self.affine = Affine(w_dim, inputs)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, self.conv_kernel, self.conv_kernel))
        self.bias = nn.Parameter(torch.zeros([outputs]))
        self.register_buffer("magnitude_ema", torch.ones([]))
        self.weight_gain = 1 / math.sqrt(inputs * self.conv_kernel**2)
        rate = max(in_rate, out_rate) * (1 if is_torgb else options.get("lrelu_upsampling", 2))
        self.up_factor, self.down_factor = round(rate / in_rate), round(rate / out_rate)
        tap = options.get("filter_size", 6)
        up_taps = tap * self.up_factor if self.up_factor > 1 and not is_torgb else 1
        down_taps = tap * self.down_factor if self.down_factor > 1 and not is_torgb else 1
        radial = options.get("use_radial_filters", False) and not is_critical
        up_filter = lowpass(up_taps, in_cutoff, in_half_width * 2, rate)
        down_filter = lowpass(down_taps, out_cutoff, out_half_width * 2, rate, radial)
        self.register_buffer("up_filter", up_filter)
        self.register_buffer("down_filter", down_filter)
        total = (out_size - 1) * self.down_factor + 1
        total = total - (in_size + self.conv_kernel - 1) * self.up_factor
        total = total + up_taps + down_taps - 2
        first = (total + self.up_factor) // 2
        self.padding = [first, total - first]

    def forward(self, x: Tensor, w: Tensor, update_emas: bool = False) -> Tensor:
        """[n, inputs, in_size, in_size] to [n, outputs, out_size, out_size]."""
        if update_emas:
            now = x.detach().square().mean()
            self.magnitude_ema.copy_(now.lerp(self.magnitude_ema, self.magnitude_ema_beta))
        styles: Tensor = self.affine(w)
        weight: Tensor = self.weight
        if self.is_torgb:
            styles = styles * self.weight_gain
        else:
            weight = weight * weight.square().mean(dim=[1, 2, 3], keepdim=True).rsqrt()
            styles = styles * styles.square().mean().rsqrt()
        x = x * self.magnitude_ema.rsqrt()
        x = styled_conv(x, weight, styles, not self.is_torgb, padding=self.conv_kernel - 1)
        x = x + self.bias[None, :, None, None]
        if self.up_filter is not None:
            gain = float(self.up_factor**2)
            x = resample(x, self.up_filter, up=self.up_factor, pad=self.padding, gain=gain)
        else:
            first, last = self.padding
            x = F.pad(zeros_between(x, self.up_factor), (first, last, first, last))
        x = activate(x, "linear" if self.is_torgb else "lrelu", clamp=self.conv_clamp)
        if self.down_filter is not None:
            x = convolve(x, self.down_filter)
        return x[:, :, :: self.down_factor, :: self.down_factor]


class AliasFreeSynthesis(Part):
    """StyleGAN3: ws [n, num_ws, w_dim] to pictures."""

    def __init__(self, w_dim: int, img_resolution: int, img_channels: int, **options: Any) -> None:
        super().__init__()
        self.w_dim, self.img_resolution, self.img_channels = w_dim, img_resolution, img_channels
        self.num_layers = options.get("num_layers", 14)
        self.num_critical = options.get("num_critical", 2)
        self.num_ws = self.num_layers + 2
        self.margin_size = options.get("margin_size", 10)
        self.output_scale = options.get("output_scale", 0.25)
        self.num_fp16_res = options.get("num_fp16_res", 4)
        last_cutoff = img_resolution / 2
        last_stop = last_cutoff * options.get("last_stopband_rel", 2**0.3)
        first_cutoff = options.get("first_cutoff", 2)
        first_stop = options.get("first_stopband", 2**2.1)
        way = np.arange(self.num_layers + 1) / (self.num_layers - self.num_critical)
        way = np.minimum(way, 1)
        cutoffs = first_cutoff * (last_cutoff / first_cutoff) ** way
        stops = first_stop * (last_stop / first_stop) ** way
        rates = np.exp2(np.ceil(np.log2(np.minimum(stops * 2, img_resolution))))
        half_widths = np.maximum(stops, rates / 2) - cutoffs
        sizes = rates + self.margin_size * 2
        sizes[-2:] = img_resolution
        widest = options.get("channel_max", 512)
        widths = np.rint(np.minimum(options.get("channel_base", 32768) / 2 / cutoffs, widest))
        widths[-1] = img_channels
        sides = [
            (int(width), int(size), float(rate), float(cutoff), float(half_width))
            for width, size, rate, cutoff, half_width in np.stack(
                [widths, sizes, rates, cutoffs, half_widths], axis=1
            )
        ]
        self.input = AliasFreeInput(w_dim, *sides[0][:4])
        self.layer_names = []
        for i, after in enumerate(sides):
            is_critical = i >= self.num_layers - self.num_critical
            before = sides[max(i - 1, 0)]
            layer = AliasFreeLayer(
                w_dim, i == self.num_layers, is_critical, before, after, options=options
            )
            name = f"L{i}_{after[1]}_{after[0]}"
            setattr(self, name, layer)
            self.layer_names.append(name)

    def forward(self, ws: Tensor, update_emas: bool = False, **unused: Any) -> Tensor:
        """Pictures [n, img_channels, res, res], nominally in [-1, 1]."""
        rows = ws.to(torch.float32).unbind(dim=1)
        x: Tensor = self.input(rows[0])
        for i, name in enumerate(self.layer_names):
            x = getattr(self, name)(x, rows[i + 1], update_emas=update_emas)
        scale: float = self.output_scale
        return x * scale


class StyleGAN3Generator(Generator):
    """StyleGAN3, configurations T and R."""

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        img_resolution: int,
        img_channels: int,
        *,
        mapping_kwargs: dict[str, Any] | None = None,
        **synthesis_kwargs: Any,
    ) -> None:
        super().__init__(
            (z_dim, c_dim, w_dim, img_resolution, img_channels),
            AliasFreeSynthesis(w_dim, img_resolution, img_channels, **synthesis_kwargs),
            {"num_layers": 2, "w_avg_beta": 0.998, **(mapping_kwargs or {})},
        )


class AbsentNetwork(Part):
    """Stands where the official tools insist on a network that the exported model did not have."""

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """Say so."""
        raise RuntimeError("this snapshot was exported from a model without this network")

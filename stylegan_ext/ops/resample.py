"""Fast resampling: polyphase filters, so that no inserted zero is ever multiplied.

Upsampling by u computes each of the u phases of the output with the taps that meet a real sample
and interleaves them; downsampling is a strided convolution. Long filters run one axis at a time.
The cost is that of reading and writing the picture, instead of u * u times that.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F

from stylegan_ext.ops.frozen import derived
from stylegan_ext.ops.reference import Padding, resample_padding


def upfirdn2d(
    x: torch.Tensor,
    f: torch.Tensor | None,
    *,
    up: int = 1,
    down: int = 1,
    padding: Padding = (0, 0, 0, 0),
    flip_filter: bool = False,
    gain: float = 1.0,
) -> torch.Tensor:
    """Upsample, filter, downsample; same contract as `reference.upfirdn2d`."""
    if f is None:
        f = torch.ones([1], device=x.device)
    x0, x1, y0, y1 = padding
    if f.ndim == 2:
        kernel = _kernel(f, x, gain, flip_filter=flip_filter)
        return _resample(x, kernel, (up, up), (down, down), ((y0, y1), (x0, x1)))
    column = _kernel(f, x, 1.0, flip_filter=flip_filter)
    row = _kernel(f, x, gain, flip_filter=flip_filter)
    x = _resample(x, row[None, :], (1, up), (1, down), ((0, 0), (x0, x1)))
    return _resample(x, column[:, None], (up, 1), (down, 1), ((y0, y1), (0, 0)))


def _kernel(f: torch.Tensor, x: torch.Tensor, gain: float, *, flip_filter: bool) -> torch.Tensor:
    """A filter as torch's correlation wants it, times a gain; kept as long as the filter."""

    def make(f: torch.Tensor) -> torch.Tensor:
        return ((f if flip_filter else f.flip(list(range(f.ndim)))) * gain).to(x)

    return derived(f, f"kernel {gain!r} {flip_filter} {x.dtype} {x.device}", make)


def upsample2d(x: torch.Tensor, f: torch.Tensor, *, up: int = 2) -> torch.Tensor:
    """Upsample a picture, centred, keeping its values: the skip path of the generator."""
    return upfirdn2d(x, f, up=up, padding=resample_padding(f, up, 1, (0,) * 4), gain=up**2)


def downsample2d(x: torch.Tensor, f: torch.Tensor, *, down: int = 2) -> torch.Tensor:
    """Downsample a picture, centred: the skip path of the discriminator."""
    return upfirdn2d(x, f, down=down, padding=resample_padding(f, 1, down, (0,) * 4))


def filter2d(x: torch.Tensor, f: torch.Tensor) -> torch.Tensor:
    """Filter a picture at its own rate, centred (an even filter moves it by half a sample)."""
    height, width = f.shape[0], f.shape[-1]
    padding = (width // 2, (width - 1) // 2, height // 2, (height - 1) // 2)
    return upfirdn2d(x, f, padding=padding)


def _resample(
    x: torch.Tensor,
    kernel: torch.Tensor,  # [kh, kw], already flipped to torch's correlation
    up: tuple[int, int],  # (vertical, horizontal)
    down: tuple[int, int],
    padding: tuple[tuple[int, int], tuple[int, int]],  # ((top, bottom), (left, right))
) -> torch.Tensor:
    if up == (1, 1):
        return _filter_and_decimate(x, kernel, down, padding)
    x = _upsample_phases(x, kernel, up, padding)
    return x[:, :, :: down[0], :: down[1]] if down != (1, 1) else x


def _filter_and_decimate(
    x: torch.Tensor,
    kernel: torch.Tensor,
    down: tuple[int, int],
    padding: tuple[tuple[int, int], tuple[int, int]],
) -> torch.Tensor:
    (top, bottom), (left, right) = padding
    channels = x.shape[1]
    weight = kernel[None, None].expand(channels, 1, *kernel.shape)
    if top == bottom >= 0 and left == right >= 0:  # the convolution can pad by itself
        return F.conv2d(x, weight, stride=down, padding=(top, left), groups=channels)
    x = F.pad(x, (left, right, top, bottom))
    return F.conv2d(x, weight, stride=down, groups=channels)


def _upsample_phases(
    x: torch.Tensor,
    kernel: torch.Tensor,
    up: tuple[int, int],
    padding: tuple[tuple[int, int], tuple[int, int]],
) -> torch.Tensor:
    n, channels, height, width = x.shape
    rows = _phases_of(kernel.shape[0], up[0], padding[0][0])
    columns = _phases_of(kernel.shape[1], up[1], padding[1][0])

    def gather(kernel: torch.Tensor) -> torch.Tensor:
        """The taps of every phase, [up_y * up_x, 1, span_y, span_x]; absent taps are zero."""
        padded = F.pad(kernel, (0, 1, 0, 1))  # one extra row and column of zeros, index -1
        taps = padded[rows.index[:, None, :, None], columns.index[None, :, None, :]]
        return taps.reshape(up[0] * up[1], 1, *taps.shape[2:])

    phase_taps = derived(kernel, f"phases {up} {padding[0][0]} {padding[1][0]}", gather)
    # Output sizes of the textbook form; the last phases may be computed one sample too far.
    out_h = height * up[0] + sum(padding[0]) - kernel.shape[0] + 1
    out_w = width * up[1] + sum(padding[1]) - kernel.shape[1] + 1
    need_h = -(-out_h // up[0]) + rows.span - 1
    need_w = -(-out_w // up[1]) + columns.span - 1
    x = F.pad(
        x,
        (
            columns.before,
            need_w - width - columns.before,
            rows.before,
            need_h - height - rows.before,
        ),
    )
    y = F.conv2d(x, phase_taps.repeat(channels, 1, 1, 1), groups=channels)
    h, w = y.shape[2:]
    y = y.reshape(n, channels, up[0], up[1], h, w).permute(0, 1, 4, 2, 5, 3)
    return y.reshape(n, channels, h * up[0], w * up[1])[:, :, :out_h, :out_w]


class _phases:  # noqa: N801 - a tuple with a name, private to the function above
    """Which taps of a kernel meet real samples, for each phase of the output along one axis.

    Output sample o = up * q + r reads sample i of the input through tap k where
    up * i = o + k - pad, hence k = pad - r (mod up) and i = q + (r + k - pad) / up.
    """

    def __init__(self, taps: int, up: int, pad: int) -> None:
        offsets = [
            {(r + k - pad) // up: k for k in range(taps) if (r + k - pad) % up == 0}
            for r in range(up)
        ]
        used = [offset for phase in offsets for offset in phase]
        first, last = min(used), max(used)
        self.before = -first  # samples of padding before the first
        self.span = last - first + 1
        self.index = torch.tensor(
            [[p.get(first + t, -1) for t in range(self.span)] for p in offsets]
        )


@cache
def _phases_of(taps: int, up: int, pad: int) -> _phases:
    """The same, made once, also for those who want gradients later."""
    with torch.inference_mode(mode=False):
        return _phases(taps, up, pad)

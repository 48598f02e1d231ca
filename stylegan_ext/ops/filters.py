"""FIR filters: the [1,3,3,1] blur of StyleGAN2, the low-passes of StyleGAN3, the wavelets of ADA.

All are plain float32 tensors. A one-dimensional filter stands for its outer product with itself
(separable); a two-dimensional one is used as it is. "Taps" are samples at the higher rate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

# A filter this long stays one-dimensional: two passes of n taps beat one of n * n from here on.
SEPARABLE_FROM_TAPS = 8


def setup_filter(
    taps: Sequence[float] | None,
    *,
    normalize: bool = True,
    gain: float = 1.0,
    separable: bool | None = None,  # None: separable when long (SEPARABLE_FROM_TAPS)
) -> torch.Tensor:
    """Taps to a filter tensor: [n] if separable, else [n, n] (outer product).

    Args:
        taps: one-dimensional taps; None is the identity filter.
        normalize: scale to sum 1 (per dimension), so that a constant picture keeps its value.
        gain: factor on the picture, applied after normalisation.
        separable: keep one dimension.

    Returns:
        float32 tensor, [n] or [n, n].
    """
    values = torch.as_tensor([1.0] if taps is None else list(taps), dtype=torch.float32)
    if separable is None:
        separable = values.numel() >= SEPARABLE_FROM_TAPS
    if not separable:
        values = torch.outer(values, values)
    if normalize:
        values = values / values.sum()
    scale: float = gain ** (values.ndim / 2)
    return values * scale


def design_lowpass(
    numtaps: int,
    *,
    cutoff_hz: float,
    width_hz: float,  # full width of the transition band
    rate_hz: float,
    radial: bool = False,
) -> torch.Tensor | None:
    """A Kaiser-windowed low-pass (StyleGAN3, section 3 and appendix C.1).

    Args:
        numtaps: filter length; 1 means no filtering.
        cutoff_hz: -6 dB point, in cycles per unit of the picture.
        width_hz: transition width.
        rate_hz: sampling rate the filter works at.
        radial: rotation-invariant jinc instead of a separable sinc (configuration R).

    Returns:
        None for one tap (identity), [numtaps] if separable, [numtaps, numtaps] if radial.
    """
    if numtaps == 1:
        return None
    import scipy.signal  # takes a second to load, and StyleGAN2 has no use for it

    if not radial:
        taps = scipy.signal.firwin(numtaps, cutoff=cutoff_hz, width=width_hz, fs=rate_hz)
        return torch.as_tensor(taps, dtype=torch.float32)
    import scipy.special

    # The jinc is the 2-D Fourier transform of a disc; the window is the separable Kaiser window.
    position = (np.arange(numtaps) - (numtaps - 1) / 2) / rate_hz
    radius = np.hypot(*np.meshgrid(position, position))
    taps_2d = scipy.special.j1(2 * cutoff_hz * np.pi * radius) / (np.pi * radius)
    attenuation_db = scipy.signal.kaiser_atten(numtaps, width_hz / (rate_hz / 2))
    window = np.kaiser(numtaps, scipy.signal.kaiser_beta(attenuation_db))
    taps_2d = taps_2d * np.outer(window, window)
    return torch.as_tensor(taps_2d / taps_2d.sum(), dtype=torch.float32)


# Decomposition low-passes of two wavelets (Daubechies 1992, table 6.3 and 8.1), as ADA uses them:
# sym6 to resample without aliasing, sym2 to split a picture into four frequency bands.
SYM2_TAPS = (-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025)
SYM6_TAPS = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)


def octave_filter_bank(taps: Sequence[float] = SYM2_TAPS, bands: int = 4) -> torch.Tensor:
    """The amplifying filters of ADA's image-space filtering (Karras et al. 2020, appendix B).

    Row b passes octave b alone; the rows sum to a delta, so that gains of one change nothing.

    Returns:
        float32 [bands, 43] for sym2 and four bands.
    """
    low = np.asarray(taps, dtype=np.float64)
    high = low * (-1.0) ** np.arange(low.size)
    low_auto = np.convolve(low, low[::-1]) / 2  # half-band low-pass, H(z) H(1/z) / 2
    high_auto = np.convolve(high, high[::-1]) / 2
    bank = np.eye(bands, 1)
    for row in range(1, bands):
        stuffed = np.zeros((bands, bank.shape[1] * 2 - 1))
        stuffed[:, ::2] = bank
        bank = np.stack([np.convolve(band, low_auto) for band in stuffed])
        centre, half = bank.shape[1] // 2, high_auto.size // 2
        bank[row, centre - half : centre + half + 1] += high_auto
    return torch.as_tensor(bank, dtype=torch.float32)

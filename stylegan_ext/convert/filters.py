"""The small FIR filters that official networks keep as buffers and other formats leave out."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence

import torch

USUAL_TAPS = (1, 3, 3, 1)


def resample_filter(taps: Sequence[float] = USUAL_TAPS) -> torch.Tensor:
    """The outer product of the taps with themselves, float32, its sum one."""
    line = torch.tensor([float(tap) for tap in taps], dtype=torch.float32)
    kernel = line.outer(line)
    return kernel / kernel.sum()


def fill_resample_filters(
    tensors: MutableMapping[str, torch.Tensor], taps: Sequence[float] = USUAL_TAPS
) -> None:
    """Add the filters of all blocks and convolutions that the official networks keep.

    Args:
        tensors: a StyleGAN2 network's tensors by official name.
        taps: of the filter between resolutions; layers that change none keep the usual four.
    """
    changing, usual = resample_filter(taps), resample_filter()
    for name in list(tensors):
        parts = name.split(".")
        block = next(
            (i for i, part in enumerate(parts) if part[:1] == "b" and part[1:].isdigit()), None
        )
        if block is None:
            continue
        where = ".".join(parts[: block + 1])
        generator = block > 0
        if generator or where != "b4":
            tensors.setdefault(f"{where}.resample_filter", changing.clone())
        layer = parts[block + 1]
        if len(parts) != block + 3 or parts[-1] != "weight" or layer in ("torgb", "fc", "out"):
            continue
        changes = layer in ("skip", "conv0" if generator else "conv1")
        kept = changing if changes else usual
        tensors.setdefault(f"{where}.{layer}.resample_filter", kept.clone())

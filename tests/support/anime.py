"""Networks of the anime detectors with seeded numbers, and their state dicts in a short form."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from artstyle.faces.anime.layers import made_empty

_NORM = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}


def seeded_state(kind: type[nn.Module], seed: int) -> dict[str, Tensor]:
    """Numbers under which activations neither vanish nor explode, norms with real statistics."""
    state = made_empty(kind).state_dict()
    generator = torch.Generator().manual_seed(seed)
    norms = {name.removesuffix(".running_mean") for name in state if "running_mean" in name}
    made = {}
    for name, tensor in state.items():
        parent, _, leaf = name.rpartition(".")
        shape = tensor.shape
        if leaf == "num_batches_tracked":
            made[name] = torch.zeros((), dtype=torch.int64)
        elif leaf == "running_var" or (parent in norms and leaf == "weight"):
            made[name] = torch.rand(shape, generator=generator) + 0.5
        elif tensor.ndim < 2:
            made[name] = torch.randn(shape, generator=generator) * 0.1
        else:
            fan_in = tensor[0].numel()
            made[name] = torch.randn(shape, generator=generator) * fan_in**-0.5
    return made


def summary(kind: type[nn.Module]) -> list[str]:
    """One line per tensor, `name shape`; the five of a batch norm are one, `name.* channels`."""
    lines = []
    state = made_empty(kind).state_dict()
    for name, tensor in state.items():
        parent, _, leaf = name.rpartition(".")
        if f"{parent}.running_mean" not in state:
            lines.append(f"{name} {'x'.join(map(str, tensor.shape))}")
        elif leaf == "weight":
            assert {f"{parent}.{one}" for one in _NORM} <= state.keys()
            lines.append(f"{parent}.* {len(tensor)}")
    return sorted(lines)

"""Figures derived from weights that do not change, kept as long as the weight itself.

A frozen weight (no gradient wanted) is used for every picture; its energy for demodulation and its
Winograd transform need be computed once. What is kept is thrown away when the weight is written to
in place (its version moves) or given other storage. Only a write through `weight.data` goes unseen;
nothing here or in torch's optimisers does that.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, TypeAlias

import torch
from torch.utils.weak import WeakIdKeyDictionary

_Entry: TypeAlias = dict[str, Any]
_kept: MutableMapping[torch.Tensor, _Entry] = WeakIdKeyDictionary()


def is_frozen(weight: torch.Tensor) -> bool:
    """Whether derived figures may be kept: a leaf without gradient, with a version to watch."""
    return weight.is_leaf and not weight.requires_grad and not weight.is_inference()


def derived(
    weight: torch.Tensor, name: str, make: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """make(weight), computed anew only when the weight has changed since."""
    if not is_frozen(weight):
        return make(weight)
    state = (weight.data_ptr(), weight._version, weight.dtype, weight.device)
    entry = _kept.get(weight)
    if entry is None or entry["state"] != state:
        entry = {"state": state}
        _kept[weight] = entry
    if name not in entry:
        # Whoever draws in inference mode may be followed by one who wants gradients.
        with torch.inference_mode(mode=False), torch.no_grad():
            entry[name] = make(weight)
    made: torch.Tensor = entry[name]
    return made


def forget() -> None:
    """Throw everything away that is kept, to give the memory back."""
    _kept.clear()

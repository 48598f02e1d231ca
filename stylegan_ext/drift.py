"""How far a model has moved from its base: layer swapping only works between close kin."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from stylegan_ext.blend_fit import fit
from stylegan_ext.levels import levels_of
from stylegan_ext.records import NetworkRecord
from stylegan_ext.shapes import expected_shapes

if TYPE_CHECKING:
    import torch

_LEARNED = (".weight", ".bias", ".noise_strength")  # noise maps, filters and averages are not

KIN_BELOW = 1.0


@dataclass(frozen=True)
class Drift:
    """How far the parameters of one part have moved."""

    part: str  # "mapping", "constant", "Fourier input", or a level's label such as "32.1"
    is_level: bool
    distance: float | None  # |style - base| / |base|; None: the shapes differ


def drift(base: NetworkRecord, style: NetworkRecord) -> list[Drift]:
    """The relative distance of every part that two generators have in common, coarse to fine.

    0 means unchanged. Weights that have nothing to do with each other are about at right angles,
    so their distance is sqrt(1 + |style|^2 / |base|^2), which is over 1, and about 1.4 for models
    of like training.

    Raises:
        MismatchError: the two cannot be compared; every reason is listed.
    """
    fitting = fit(base, style)
    names = [n for n in expected_shapes(fitting.kind, fitting.kwargs) if n.endswith(_LEARNED)]
    parts = {
        "mapping": [n for n in (base.tensors | style.tensors) if n.startswith("mapping.fc")],
        "constant": ["synthesis.b4.const"],
    }
    if fitting.kind == "stylegan3-generator":
        del parts["constant"]
        parts["Fourier input"] = [n for n in names if n.startswith("synthesis.input.")]
    found = [
        Drift(part, False, relative_distance(base.tensors, style.tensors, members))
        for part, members in parts.items()
    ]
    for level in levels_of(fitting.kind, fitting.kwargs):
        members = [n for n in names if n.startswith(tuple(f"{layer}." for layer in level.layers))]
        distance = relative_distance(base.tensors, style.tensors, members)
        found.append(Drift(level.label, True, distance))
    return found


def are_kin(drifts: Sequence[Drift]) -> bool:
    """Whether most levels are nearer to the base's than unrelated weights could be.

    Unrelated ones are at a distance above 1 whatever their size, which makes 1 the bound. A
    descendant that was trained so long that it looks unrelated is as useless for a swap.
    """
    levels = [each.distance for each in drifts if each.is_level and each.distance is not None]
    return median(levels) < KIN_BELOW


def relative_distance(
    base: Mapping[str, torch.Tensor], style: Mapping[str, torch.Tensor], names: Iterable[str]
) -> float | None:
    """|style - base| / |base| over the named tensors together, in float64.

    None if one of them is missing on either side, or of another shape.
    """
    moved = size = 0.0
    for name in names:
        if name not in base or name not in style or base[name].shape != style[name].shape:
            return None
        mine, other = base[name].double(), style[name].double()
        moved += float((other - mine).square().sum())
        size += float(mine.square().sum())
    if size == 0:
        return 0.0 if moved == 0 else math.inf
    return math.sqrt(moved / size)

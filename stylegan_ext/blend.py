"""Layer swapping: the coarse levels of one generator, the fine levels of its descendant.

Pinkney and Adler 2020, "Resolution Dependent GAN Interpolation for Controllable Image Synthesis
Between Domains". A plan says for every tensor of the result where it comes from (`describe`), and
`blend` does exactly that; no network is built.

    plan = plan_blend(base.generator(), style.generator(), resolution=32)
    model = blend(ParentModel("faces", digest_1, base), ParentModel("toon", digest_2, style), plan)

What follows a level's share y of the style: the convolution's weight and bias, its affine layer,
the noise strength, the to-RGB with its affine layer, StyleGAN3's magnitude. The tensor is the
base's for y = 0 and the style's for y = 1, bit for bit, and base (1 - y) + style y between. Noise
maps are never averaged, as that would take from their variance: they come from the parent with
the larger share, the base at a tie. The mapping network with w_avg comes whole from one parent,
and so does the constant (StyleGAN3: the Fourier input).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stylegan_ext.blend_fit import Parent, fit
from stylegan_ext.blend_provenance import ParentModel, joined_provenance
from stylegan_ext.errors import MismatchError, ParameterError
from stylegan_ext.levels import Level, level_weights, levels_of, parse_weights, resolutions_of
from stylegan_ext.records import Kind, ModelFile, NetworkRecord
from stylegan_ext.shapes import expected_shapes

if TYPE_CHECKING:
    import torch

__all__ = [
    "BlendPlan",
    "Level",
    "Origin",
    "Parent",
    "ParentModel",
    "blend",
    "blend_tensors",
    "describe",
    "level_weights",
    "levels_of",
    "mix",
    "parse_weights",
    "plan_blend",
    "statement",
]

FILTERS = ("resample_filter", "up_filter", "down_filter")
FILTER_TOLERANCE = 1e-6  # a guess: tools round a filter's taps differently, designs differ by more


@dataclass(frozen=True)
class BlendPlan:
    """What a blend takes from which parent."""

    kind: Kind
    kwargs: dict[str, Any]  # the result's constructor arguments
    levels: tuple[Level, ...]  # the result's, coarse to fine
    shares: tuple[float, ...]  # the style's share y of each level, in [0, 1]
    rule: str  # how the shares came about, in words
    mapping_from: Parent = "base"  # the mapping network and w_avg
    const_from: Parent = "base"  # the constant; StyleGAN3: the Fourier input
    remarks: tuple[str, ...] = ()  # what is worth knowing about this pair of models


@dataclass(frozen=True)
class Origin:
    """Where some tensors of the result come from."""

    part: str  # "b32.conv1", "mapping", ...
    tensors: tuple[str, ...]  # their full names
    source: Parent | float  # a parent, or the style's share strictly between 0 and 1
    level: str | None  # label of the level it belongs to, or None


def plan_blend(
    base: NetworkRecord,
    style: NetworkRecord,
    *,
    resolution: int | None = None,
    width: float | None = None,
    weights: str | Mapping[Level, float] | None = None,
    mapping_from: Parent = "base",
    const_from: Parent = "base",
) -> BlendPlan:
    """See that two generators can be blended, and decide what comes from which.

    Args:
        base: the generator whose coarse levels, mapping and constant are usually taken.
        style: a generator that descends from it.
        resolution: where the style begins, in pixels; see `level_weights`.
        width: of a smooth transition there, in levels; None: hard.
        weights: shares of levels, in words (`parse_weights`) or as numbers. Levels that are not
            named get what `resolution` and `width` say; without a resolution all must be named.
        mapping_from: whose mapping network and w_avg the result has.
        const_from: whose constant, or Fourier input, it has.

    Raises:
        MismatchError: the two do not fit; every reason is listed.
        ParameterError: no such resolution, unreadable or incomplete weights, nothing asked for.
    """
    for name, value in (("mapping_from", mapping_from), ("const_from", const_from)):
        if value not in ("base", "style"):
            raise ParameterError(f"{name} is {value!r}; it is 'base' or 'style'")
    fitting = fit(base, style, mapping_from)
    levels = levels_of(fitting.kind, fitting.kwargs)
    if resolution is None and (weights is None or width is not None):
        known = ", ".join(map(str, resolutions_of(levels)))
        raise ParameterError(
            "where does the style begin? a resolution is missing",
            hint=f"this model has the resolutions {known}",
        )
    rest = None if resolution is None else level_weights(levels, resolution, width)
    if isinstance(weights, str):
        shares = parse_weights(weights, levels, rest)
    else:
        shares = _complete(weights or {}, levels, rest)
    return BlendPlan(
        kind=fitting.kind,
        kwargs=fitting.kwargs,
        levels=levels,
        shares=tuple(shares[level] for level in levels),
        rule=_rule(resolution, width, weights),
        mapping_from=mapping_from,
        const_from=const_from,
        remarks=fitting.remarks,
    )


def _complete(
    weights: Mapping[Level, float], levels: tuple[Level, ...], rest: Mapping[Level, float] | None
) -> dict[Level, float]:
    """Shares given as numbers, checked as those in words are."""
    strange = [level.label for level in weights if level not in levels]
    wrong = [f"{level.label}: {y}" for level, y in weights.items() if not 0 <= y <= 1]
    missing = [level.label for level in levels if level not in weights] if rest is None else []
    for what, names in (
        ("the result has no level", strange),
        ("a share is not between 0 and 1:", wrong),
        ("no share for", missing),
    ):
        if names:
            raise ParameterError(f"{what} {', '.join(names)}")
    return {**(rest or {}), **{level: float(y) for level, y in weights.items()}}


def _rule(
    resolution: int | None, width: float | None, weights: str | Mapping[Level, float] | None
) -> str:
    words = (
        [] if resolution is None else [f"{'hard' if width is None else 'smooth'} at {resolution}"]
    )
    if width is not None:
        words.append(f"width {width:g}")
    if isinstance(weights, str):
        words.append(f"weights {weights}")
    elif weights:
        words.append("weights given as numbers")
    return ", ".join(words)


def describe(plan: BlendPlan) -> list[Origin]:
    """Where every tensor of the result comes from; each stands in exactly one row."""
    left = list(expected_shapes(plan.kind, plan.kwargs))
    rows: list[Origin] = []

    def take(part: str, chosen: list[str], source: Parent | float, level: str | None) -> None:
        if chosen:
            rows.append(Origin(part, tuple(chosen), source, level))
            left[:] = [name for name in left if name not in chosen]

    take("filters", [n for n in left if n.endswith(FILTERS)], "base", None)
    take("mapping, w_avg", [n for n in left if n.startswith("mapping.")], plan.mapping_from, None)
    for part, start in (("constant", "synthesis.b4.const"), ("Fourier input", "synthesis.input.")):
        take(part, [n for n in left if n.startswith(start)], plan.const_from, None)
    for level, share in zip(plan.levels, plan.shares, strict=True):
        larger: Parent = "style" if share > 0.5 else "base"
        source = larger if share in (0, 1) else share
        for layer in level.layers:
            part = layer.removeprefix("synthesis.")
            inside = [name for name in left if name.startswith(f"{layer}.")]
            noise = [name for name in inside if name.endswith(".noise_const") and source != larger]
            take(part, [name for name in inside if name not in noise], source, level.label)
            take(f"{part}, noise map", noise, larger, level.label)
    assert not left, left
    return rows[1:] + rows[:1]  # filters are the least interesting


def statement(plan: BlendPlan) -> dict[str, Any]:
    """The plan in JSON types, as it goes into the header's notes under "blend".

    `origin` has the rows of `describe` in short, [part, source]: a part is the name of a module
    below "synthesis.", or one of those that are taken whole.
    """
    return {
        "rule": plan.rule,
        "mapping_from": plan.mapping_from,
        "const_from": plan.const_from,
        "origin": [[row.part, row.source] for row in describe(plan)],
        "remarks": list(plan.remarks),
    }


def blend(base: ParentModel, style: ParentModel, plan: BlendPlan) -> ModelFile:
    """Carry out a plan.

    Args:
        base: its generator and where it came from; stays as it is, and tensors are not copied
            where the result has them unchanged.
        style: likewise.
        plan: made for these two generators.

    Returns:
        A model with G_ema alone, its provenance naming both parents.

    Raises:
        MismatchError: the two do not fit, the plan was made for others, or their filters differ.
    """
    mine, other = base.model.generator(), style.model.generator()
    if fit(mine, other, plan.mapping_from).kwargs != plan.kwargs:
        raise MismatchError(
            "this plan was made for other models", hint="call plan_blend with these"
        )
    tensors = blend_tensors(mine.tensors, other.tensors, describe(plan))
    record = NetworkRecord(plan.kind, plan.kwargs, tensors)
    return ModelFile({"G_ema": record}, joined_provenance(base, style, statement(plan)))


def blend_tensors(
    base: Mapping[str, torch.Tensor], style: Mapping[str, torch.Tensor], rows: list[Origin]
) -> dict[str, torch.Tensor]:
    """The tensors that the rows name, taken or mixed as they say.

    Raises:
        MismatchError: filters of the same name differ, so that the maps lie differently.
    """
    different = [name for row in rows for name in row.tensors if _filters_differ(name, base, style)]
    if different:
        raise MismatchError(
            f"these two models cannot be blended: the filters differ in {', '.join(different[:5])}"
            + (f" and {len(different) - 5} more" if len(different) > 5 else "")
        )
    return {name: tensor for row in rows for name, tensor in _tensors_of(row, base, style)}


def _tensors_of(
    row: Origin, base: Mapping[str, torch.Tensor], style: Mapping[str, torch.Tensor]
) -> Iterator[tuple[str, torch.Tensor]]:
    for name in row.tensors:
        match row.source:
            case "base":
                yield name, base[name]
            case "style":
                yield name, style[name]
            case share:
                yield name, mix(base[name], style[name], float(share))


def mix(base: torch.Tensor, style: torch.Tensor, share: float) -> torch.Tensor:
    """Mix elementwise: base (1 - share) + style share; elements that are equal stay as they are.

    The arithmetic is float32, or float64 where a tensor is; the result has the wider of the two
    types.
    """
    import torch

    kept = torch.promote_types(base.dtype, style.dtype)
    wide = torch.promote_types(kept, torch.float32)
    a, b = base.to(wide), style.to(wide)
    return torch.where(a == b, a, a * (1 - share) + b * share).to(kept)


def _filters_differ(
    name: str, base: Mapping[str, torch.Tensor], style: Mapping[str, torch.Tensor]
) -> bool:
    if not name.endswith(FILTERS):
        return False
    distance = (base[name].double() - style[name].double()).abs().max()
    return not float(distance) <= FILTER_TOLERANCE  # NaN differs from everything

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import torch

from stylegan_ext.blend import (
    BlendPlan,
    ParentModel,
    blend,
    describe,
    level_weights,
    levels_of,
    mix,
    plan_blend,
    statement,
)
from stylegan_ext.checkpoint import read_model, write_model
from stylegan_ext.errors import MismatchError, ParameterError
from stylegan_ext.networks import build, construct
from stylegan_ext.records import ModelFile, NetworkRecord, Provenance

SG2: dict[str, Any] = {
    **{"z_dim": 6, "c_dim": 0, "w_dim": 6, "img_resolution": 32, "img_channels": 3},
    "mapping_kwargs": {"num_layers": 2},
    "synthesis_kwargs": {"channel_base": 128, "channel_max": 8, "num_fp16_res": 2},
}
SG3: dict[str, Any] = {
    **{"z_dim": 6, "c_dim": 0, "w_dim": 6, "img_resolution": 32, "img_channels": 3},
    **{"channel_base": 256, "channel_max": 8, "num_layers": 6, "num_critical": 1},
}
FILTER_NAMES = ("resample_filter", "up_filter", "down_filter")


def network(kwargs: dict[str, Any], seed: int = 0) -> NetworkRecord:
    """A generator in which no two tensors of different seeds are equal, filters apart."""
    kind = "stylegan3-generator" if "num_layers" in kwargs else "stylegan2-generator"
    torch.manual_seed(seed)
    tensors = dict(construct(kind, kwargs).state_dict())
    for name, tensor in tensors.items():
        if name.endswith("magnitude_ema"):
            tensors[name] = torch.rand([]) + 1
        elif name.endswith("noise_strength"):
            tensors[name] = torch.rand([]) * 0.1
        elif not name.endswith(FILTER_NAMES):
            tensors[name] = tensor + torch.randn(tensor.shape) * 0.1
    return NetworkRecord(kind, kwargs, tensors)


def sg2(architecture: str = "skip", resolution: int = 32, seed: int = 0) -> NetworkRecord:
    synthesis = {**SG2["synthesis_kwargs"], "architecture": architecture}
    return network({**SG2, "img_resolution": resolution, "synthesis_kwargs": synthesis}, seed)


def parent(record: NetworkRecord, name: str = "x", **origin: Any) -> ParentModel:
    return ParentModel(name, f"sha of {name}", ModelFile({"G_ema": record}, Provenance(**origin)))


def blended(base: NetworkRecord, style: NetworkRecord, **options: Any) -> NetworkRecord:
    plan = plan_blend(base, style, **options)
    return blend(parent(base), parent(style), plan).generator()


def same(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.numpy().tobytes() == b.numpy().tobytes()


def pictures(record: NetworkRecord, resolution: int = 32) -> torch.Tensor:
    net = build(record)
    images = net(torch.randn(2, 6, generator=torch.manual_seed(7)), truncation_psi=0.7)
    assert images.shape == (2, 3, resolution, resolution)
    assert images.isfinite().all()
    return images


def level_of(name: str, kwargs: dict[str, Any]) -> str | None:
    """The level a tensor belongs to, read off its name alone: not by the code under test."""
    if found := re.match(r"synthesis\.b(\d+)\.(conv0|skip|conv1|torgb)\.", name):
        return f"{found[1]}.{0 if found[2] in ('conv0', 'skip') else 1}"
    if found := re.match(r"synthesis\.L(\d+)_", name):
        rates = [level.label for level in levels_of("stylegan3-generator", kwargs)]
        return rates[int(found[1])]
    return None


def check_every_tensor(
    plan: BlendPlan, result: NetworkRecord, base: NetworkRecord, style: NetworkRecord
) -> None:
    """Each tensor is what the shares, and what `describe` says, make of the parents'."""
    parents = {"base": base.tensors, "style": style.tensors}
    shares = {level.label: y for level, y in zip(plan.levels, plan.shares, strict=True)}
    stated = {name: row.source for row in describe(plan) for name in row.tensors}
    assert sum(len(row.tensors) for row in describe(plan)) == len(stated)
    assert set(stated) == set(result.tensors)
    for name, tensor in result.tensors.items():
        level = level_of(name, result.kwargs)
        if name.endswith(FILTER_NAMES):
            expected: str | float = "base"
        elif level is None:
            expected = plan.mapping_from if name.startswith("mapping.") else plan.const_from
        elif shares[level] in (0, 1) or name.endswith("noise_const"):
            expected = "style" if shares[level] > 0.5 else "base"
        else:
            expected = shares[level]
        assert stated[name] == expected, name
        if isinstance(expected, str):
            assert same(tensor, parents[expected][name]), name
        else:
            b, s = base.tensors[name].double(), style.tensors[name].double()
            assert torch.allclose(tensor.double(), b * (1 - expected) + s * expected, atol=1e-6)
            if 0.01 < expected < 0.99:  # else rounding may hide the smaller part
                assert not same(tensor, base.tensors[name]), name
                assert not same(tensor, style.tensors[name]), name


CHOICES: list[dict[str, Any]] = [
    {"resolution": 16},
    {"resolution": 32, "mapping_from": "style"},
    {"resolution": 16, "const_from": "style"},
    {"resolution": 16, "width": 1.0},
    {"resolution": 32, "width": 0.3, "mapping_from": "style", "const_from": "style"},
    {"weights": "-16:0.25,32:0.75"},
    {"weights": "-16.0:0,16.1-32.0:0.5,32.1-:1"},
    {"resolution": 32, "weights": "16.0:0.5"},
]


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: " ".join(map(str, choice.values())))
@pytest.mark.parametrize("kind", ["skip", "resnet", "orig", "sg3"])
def test_every_tensor_comes_from_where_the_plan_says(kind, choice):
    base, style = (network(SG3, s) if kind == "sg3" else sg2(kind, seed=s) for s in (1, 2))
    plan = plan_blend(base, style, **choice)
    model = blend(parent(base), parent(style), plan)
    result = model.generator()
    check_every_tensor(plan, result, base, style)
    assert result.kwargs == base.kwargs
    assert set(pictures(result).shape) == {2, 3, 32}


def test_an_explicit_list_of_origins_for_a_small_blend():
    base, style = sg2(resolution=8, seed=1), sg2(resolution=8, seed=2)
    plan = plan_blend(base, style, weights="4:0,8.0:0.75,8.1:1", mapping_from="style")
    assert [(row.part, row.source, row.level) for row in describe(plan)] == [
        ("mapping, w_avg", "style", None),
        ("constant", "base", None),
        ("b4.conv1", "base", "4.1"),
        ("b4.torgb", "base", "4.1"),
        ("b8.conv0", 0.75, "8.0"),
        ("b8.conv0, noise map", "style", "8.0"),
        ("b8.conv1", "style", "8.1"),
        ("b8.torgb", "style", "8.1"),
        ("filters", "base", None),
    ]
    held = {
        row.part: {name.rpartition("b8.conv0.")[2] for name in row.tensors}
        for row in describe(plan)
    }
    assert held["b8.conv0"] == {
        *("weight", "bias", "noise_strength", "affine.weight", "affine.bias"),
    }
    assert held["b8.conv0, noise map"] == {"noise_const"}
    assert "mapping.w_avg" in held["mapping, w_avg"]
    assert len(held["b4.torgb"]) == 4
    said = statement(plan)
    assert said["origin"][4] == ["b8.conv0", 0.75]
    assert said["rule"] == "weights 4:0,8.0:0.75,8.1:1"
    assert (said["mapping_from"], said["const_from"]) == ("style", "base")


def test_the_fourier_input_plays_the_constants_part():
    base, style = network(SG3, 1), network(SG3, 2)
    rows = {row.part: row for row in describe(plan_blend(base, style, resolution=32, width=1))}
    assert {name.removeprefix("synthesis.input.") for name in rows["Fourier input"].tensors} == {
        *("weight", "affine.weight", "affine.bias", "freqs", "phases", "transform")
    }
    assert rows["Fourier input"].source == "base"
    assert {name.rpartition(".")[2] for name in rows["L6_32_3"].tensors} == {
        *("weight", "bias", "magnitude_ema")
    }


@pytest.mark.parametrize("kwargs", [SG2, SG3], ids=["sg2", "sg3"])
def test_above_the_finest_resolution_the_base_draws_and_at_the_coarsest_the_style(kwargs):
    base, style = network(kwargs, 1), network(kwargs, 2)
    nothing = blended(base, style, resolution=64)
    assert all(same(nothing.tensors[name], base.tensors[name]) for name in base.tensors)
    assert torch.equal(pictures(nothing), pictures(base))
    assert not torch.equal(pictures(nothing), pictures(style))
    coarsest = 4 if kwargs is SG2 else 16
    everything = {"resolution": coarsest, "mapping_from": "style", "const_from": "style"}
    assert torch.equal(pictures(blended(base, style, **everything)), pictures(style))


@pytest.mark.parametrize("kwargs", [SG2, SG3], ids=["sg2", "sg3"])
@pytest.mark.parametrize("width", [None, 0.7, 3.0])
def test_a_model_with_itself_is_itself_bit_for_bit(kwargs, width):
    base = network(kwargs)
    rounding = [float(torch.tensor(y)) for y in (0.1, 0.3, 0.7)]
    assert any(w * (1 - y) + w * y != w for y in rounding for w in base.tensors["mapping.w_avg"])
    result = blended(base, base, resolution=32, width=width)
    assert all(same(result.tensors[name], base.tensors[name]) for name in base.tensors)


def test_a_sibling_differs_exactly_where_it_moved():
    base = sg2(seed=1)
    moved = {"synthesis.b8.conv1.weight", "synthesis.b32.torgb.bias", "synthesis.b16.conv0.bias"}
    tensors = {n: t.clone() for n, t in base.tensors.items()}
    for name in moved:
        tensors[name][0] += 0.5  # the other rows stay
    style = replace(base, tensors=tensors)
    result = blended(base, style, resolution=16, width=1)
    different = {n for n in tensors if not same(result.tensors[n], base.tensors[n])}
    assert different == moved
    assert torch.equal(
        result.tensors["synthesis.b8.conv1.weight"][1:], tensors["synthesis.b8.conv1.weight"][1:]
    )
    hard = blended(base, style, resolution=32)
    assert {n for n in tensors if not same(hard.tensors[n], base.tensors[n])} == {
        "synthesis.b32.torgb.bias"
    }


def test_mixing_by_hand_and_in_every_type():
    base, style = torch.tensor([1.0, 2.0, -4.0, 0.1]), torch.tensor([3.0, 2.0, 0.0, 0.1])
    assert torch.equal(mix(base, style, 0.25), torch.tensor([1.5, 2.0, -3.0, 0.1]))
    assert mix(base.half(), style.half(), 0.25).tolist() == [1.5, 2.0, -3.0, base.half()[3].item()]
    assert mix(base.half(), style, 0.25).dtype == torch.float32
    assert mix(base.bfloat16(), style.bfloat16(), 0.25).dtype == torch.bfloat16
    third = mix(torch.zeros([], dtype=torch.float64), torch.ones([], dtype=torch.float64), 1 / 3)
    assert third.item() == 1 / 3


def test_noise_maps_keep_their_variance_at_any_share():
    base, style = sg2(seed=1), sg2(seed=2)
    name = "synthesis.b32.conv1.noise_const"
    for share, expected in ((0.0, base), (0.3, base), (0.5, base), (0.500001, style), (1.0, style)):
        result = blended(base, style, weights=f"4-:{share}")
        assert same(result.tensors[name], expected.tensors[name]), share


@pytest.mark.parametrize("larger", ["base", "style"])
def test_models_of_different_resolution_are_blended_up_to_the_common_one(larger):
    sizes = (32, 16) if larger == "base" else (16, 32)
    base, style = sg2(resolution=sizes[0], seed=1), sg2(resolution=sizes[1], seed=2)
    plan = plan_blend(base, style, resolution=8)
    result = blend(parent(base), parent(style), plan).generator()
    check_every_tensor(plan, result, base, style)
    assert result.kwargs["img_resolution"] == 16
    # Two of the highest resolutions were half precision; a base of 32 px keeps 16 px alone.
    assert result.kwargs["synthesis_kwargs"]["num_fp16_res"] == (1 if larger == "base" else 2)
    assert result.kwargs["synthesis_kwargs"]["channel_base"] == 128
    assert build(result).num_ws == 6
    pictures(result, 16)
    assert any(f"the {larger} draws 32 px and is cropped" in remark for remark in plan.remarks)
    assert base.kwargs["img_resolution"] == sizes[0]
    assert SG2["synthesis_kwargs"]["num_fp16_res"] == 2
    with pytest.raises(ParameterError, match=r"no resolution 64 .*4, 8, 16 .and 32"):
        plan_blend(base, style, resolution=64)


def test_a_cropped_model_draws_what_its_own_lower_blocks_do():
    base, style = sg2(resolution=32, seed=1), sg2(resolution=16, seed=2)
    net, z = build(base), torch.randn(2, 6, generator=torch.manual_seed(7))
    ws, x, img = net.mapping(z, truncation_psi=0.7), None, None
    for row, resolution in zip((0, 1, 3), (4, 8, 16), strict=True):
        block = net.synthesis.block(resolution)
        x, img = block(x, img, ws[:, row : row + block.num_conv + 1], "const")
    assert torch.equal(pictures(blended(base, style, resolution=32), 16), img)


@pytest.mark.parametrize("architecture", ["resnet", "orig"])
def test_without_a_torgb_at_every_resolution_nothing_can_be_cropped(architecture):
    base, style = sg2(architecture, 32), sg2(architecture, 16)
    with pytest.raises(MismatchError, match=r"the larger cannot be cropped.*only its last"):
        plan_blend(base, style, resolution=8)
    with pytest.raises(MismatchError, match="StyleGAN3's layers have filters and rates"):
        plan_blend(network(SG3), network({**SG3, "img_resolution": 64}), resolution=32)


def changed(**kwargs: Any) -> NetworkRecord:
    return network({**SG2, **kwargs}, 2)


def changed_synthesis(**kwargs: Any) -> NetworkRecord:
    return changed(synthesis_kwargs={**SG2["synthesis_kwargs"], **kwargs})


@pytest.mark.parametrize(
    ("style", "said"),
    [
        (lambda: network(SG3), "base is a stylegan2-generator, the style a stylegan3-generator"),
        (lambda: changed(w_dim=8), "w_dim is 6 in the base and 8 in the style: the style's layers"),
        (lambda: changed(z_dim=8), "z_dim is 6 in the base and 8 in the style"),
        (lambda: changed(c_dim=3), "c_dim is 0 in the base and 3 in the style"),
        (lambda: changed(img_channels=1), "img_channels is 3 in the base and 1 in the style"),
        (lambda: sg2("resnet"), "architecture is 'skip' in the base and 'resnet' in the style"),
        (
            lambda: changed_synthesis(channel_base=64),
            "channel widths differ: 16 px base 8, style 4; 32 px base 4, style 2",
        ),
        (lambda: changed_synthesis(use_noise=False), "use_noise is True in the base and False"),
        (lambda: changed_synthesis(activation="relu"), "activation is 'lrelu' in the base"),
        (
            lambda: changed_synthesis(resample_filter=[1, 2, 2, 1]),
            "resample_filter is [1.0, 3.0, 3.0, 1.0] in the base and [1, 2, 2, 1] in the style",
        ),
    ],
    ids=lambda value: value[:12] if isinstance(value, str) else "",
)
def test_models_that_do_not_fit_are_refused_with_the_reason(style, said):
    with pytest.raises(MismatchError) as caught:
        plan_blend(network(SG2, 1), style(), resolution=16)
    assert said in str(caught.value)
    assert caught.value.hint == "blend a model with one that was fine-tuned from it"


def test_all_reasons_are_listed_together():
    with pytest.raises(MismatchError) as caught:
        plan_blend(network(SG2), changed(w_dim=8, c_dim=2, img_channels=1), resolution=16)
    assert str(caught.value).count("\n  - ") == 3


def test_stylegan3_models_of_other_layers_are_refused():
    with pytest.raises(MismatchError, match=r"channel widths differ: .*L1 base 8, style 4"):
        plan_blend(network(SG3), network({**SG3, "channel_max": 4}), resolution=32)
    with pytest.raises(MismatchError, match="num_layers is 6 in the base and 7 in the style"):
        plan_blend(network(SG3), network({**SG3, "num_layers": 7}), resolution=32)


def test_a_discriminator_and_a_damaged_record_are_refused():
    base = network(SG2)
    other = NetworkRecord("stylegan2-discriminator", {}, {})
    with pytest.raises(MismatchError, match="the style a stylegan2-discriminator"):
        plan_blend(base, other, resolution=16)
    with pytest.raises(MismatchError, match="the base is a stylegan2-discriminator"):
        plan_blend(other, other, resolution=16)
    lacking = {n: t for n, t in base.tensors.items() if n != "synthesis.b8.conv0.bias"}
    with pytest.raises(MismatchError, match=r"the style: .*\n.*b8.conv0.bias is missing"):
        plan_blend(base, replace(base, tensors=lacking), resolution=16)


def test_what_is_no_obstacle_is_said():
    base = network(SG2, 1)
    style = changed(mapping_kwargs={"num_layers": 3, "layer_features": 5})
    plan = plan_blend(base, style, resolution=16)
    assert plan.kwargs["mapping_kwargs"] == {"num_layers": 2}
    assert [remark.partition(" ")[2][:10] for remark in plan.remarks] == [
        "num_layers",
        "layer_feat",
    ]
    assert "taken whole from the base" in plan.remarks[0]
    other = plan_blend(base, style, resolution=16, mapping_from="style")
    assert other.kwargs["mapping_kwargs"] == {"num_layers": 3, "layer_features": 5}
    result = blend(parent(base), parent(style), other).generator()
    check_every_tensor(other, result, base, style)
    pictures(result)
    deep = network({name: value for name, value in SG2.items() if name != "mapping_kwargs"}, 2)
    assert "mapping_kwargs" not in plan_blend(base, deep, resolution=8, mapping_from="style").kwargs
    clamped = plan_blend(base, changed_synthesis(conv_clamp=256), resolution=16)
    assert clamped.remarks == (
        "conv_clamp is None in the base, 256 in the style: the base's holds",
    )
    assert "conv_clamp" not in clamped.kwargs["synthesis_kwargs"]
    assert plan_blend(base, changed_synthesis(num_fp16_res=0), resolution=16).kwargs == base.kwargs


def test_other_bounds_on_channels_with_the_same_widths_fit():
    wide = {**SG2["synthesis_kwargs"], "channel_base": 256, "channel_max": 8}
    base = network({**SG2, "img_resolution": 16}, 1)
    style = network({**SG2, "synthesis_kwargs": wide}, 2)
    assert plan_blend(base, style, resolution=8).kwargs == base.kwargs


def test_filters_that_differ_are_refused_and_rounding_is_not():
    base = network(SG2)
    name = "synthesis.b16.conv0.resample_filter"
    for factor, fits in ((1 + 1e-6, True), (1.1, False), (float("nan"), False)):
        style = replace(base, tensors={**base.tensors, name: base.tensors[name] * factor})
        plan = plan_blend(base, style, resolution=4)
        if fits:
            result = blend(parent(base), parent(style), plan).generator()
            assert same(result.tensors[name], base.tensors[name])
        else:
            with pytest.raises(MismatchError, match=r"filters differ in synthesis\.b16\.conv0"):
                blend(parent(base), parent(style), plan)


def test_wrong_choices_are_refused():
    base, style = network(SG2, 1), network(SG2, 2)
    for options, said in (
        ({}, "a resolution is missing"),
        ({"width": 1.0, "weights": "4-:1"}, "a resolution is missing"),
        ({"resolution": 16, "mapping_from": "both"}, "mapping_from is 'both'"),
        ({"resolution": 16, "const_from": ""}, "const_from is ''"),
        ({"weights": "16-:1"}, "no share for 4.1, 8.0, 8.1"),
    ):
        with pytest.raises(ParameterError, match=said):
            plan_blend(base, style, **options)
    levels = levels_of(base.kind, base.kwargs)
    foreign = replace(levels[0], position=99)
    for weights, said in (
        (dict.fromkeys(levels, 2.0), "a share is not between 0 and 1: 4.1: 2.0"),
        ({levels[0]: 1.0}, "no share for 8.0"),
        ({**dict.fromkeys(levels, 1.0), foreign: 0.5}, "the result has no level 4.1"),
    ):
        with pytest.raises(ParameterError, match=said):
            plan_blend(base, style, weights=weights)
    numbers = plan_blend(base, style, weights=level_weights(levels, 16))
    assert numbers.shares == plan_blend(base, style, resolution=16).shares
    assert numbers.rule == "weights given as numbers"


def test_a_plan_is_for_its_own_models():
    base, style = network(SG2, 1), network(SG2, 2)
    plan = plan_blend(sg2(resolution=16), sg2(resolution=16), resolution=8)
    with pytest.raises(MismatchError, match="made for other models"):
        blend(parent(base), parent(style), plan)


def test_the_result_holds_g_ema_alone_and_names_both_parents(tmp_path):
    base, style = network(SG2, 1), network(SG2, 2)
    faces = parent(base, "faces", licence="CC0-1.0", preprocessing={"alignment": "ffhq"})
    toon = parent(style, "toon", licence="CC-BY-4.0", preprocessing={"alignment": "none"})
    toon = replace(toon, model=replace(toon.model, networks={"D": base, "G": base, "G_ema": style}))
    plan = plan_blend(base, style, resolution=16, width=1)
    model = blend(faces, toon, plan)
    write_model(tmp_path / "m.safetensors", model)
    found = read_model(tmp_path / "m.safetensors")
    assert list(found.networks) == ["G_ema"]
    origin = found.provenance
    assert origin.parents == (
        {"name": "faces", "sha256": "sha of faces", "role": "base"},
        {"name": "toon", "sha256": "sha of toon", "role": "style"},
    )
    assert origin.licence == "base: CC0-1.0; style: CC-BY-4.0"
    assert origin.preprocessing == {"alignment": "ffhq"}
    assert origin.source == "blend of faces and toon"
    assert origin.notes["blend"] == statement(plan)
    check_every_tensor(plan, found.generator(), base, style)

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from artstyle.weights.entries import licence_of_words
from stylegan_ext.blend_provenance import joined_licence
from stylegan_ext.drift import are_kin, drift, relative_distance
from stylegan_ext.networks import construct
from stylegan_ext.records import NetworkRecord

SG2 = {
    **{"z_dim": 16, "c_dim": 0, "w_dim": 16, "img_resolution": 16, "img_channels": 3},
    "synthesis_kwargs": {"channel_base": 256, "channel_max": 16},
}
SG3 = {
    **{"z_dim": 16, "c_dim": 0, "w_dim": 16, "img_resolution": 16, "img_channels": 3},
    **{"channel_base": 256, "channel_max": 16, "num_layers": 5},
}

_B8_CONV1 = ("synthesis.b8.conv1.", "synthesis.b8.torgb.")


def network(kwargs, seed=0):
    kind = "stylegan3-generator" if "num_layers" in kwargs else "stylegan2-generator"
    torch.manual_seed(seed)
    return NetworkRecord(kind, kwargs, dict(construct(kind, kwargs).state_dict()))


def test_relative_distance_by_hand():
    base = {"a": torch.tensor([3.0, 0.0]), "b": torch.tensor(4.0)}
    style = {"a": torch.tensor([3.0, 3.0]), "b": torch.tensor(0.0)}
    assert relative_distance(base, style, ["a", "b"]) == 1.0  # (0 + 9 + 16) / (9 + 16)
    assert relative_distance(base, style, ["a"]) == 1.0
    assert relative_distance(base, base, ["a", "b"]) == 0.0
    assert relative_distance(base, {"a": torch.ones(3)}, ["a"]) is None
    assert relative_distance(base, {}, ["a"]) is None
    nothing = {"a": torch.zeros(2)}
    assert relative_distance(nothing, nothing, ["a"]) == 0.0
    assert relative_distance(nothing, style, ["a"]) == math.inf


def test_only_the_level_that_moved_has_drifted():
    base = network(SG2)
    moved = {n: t * 1.5 for n, t in base.tensors.items() if n.startswith(_B8_CONV1)}
    style = replace(base, tensors={**base.tensors, **moved})
    found = {each.part: each.distance for each in drift(base, style)}
    assert list(found) == ["mapping", "constant", "4.1", "8.0", "8.1", "16.0", "16.1"]
    assert found.pop("8.1") == pytest.approx(0.5)
    assert set(found.values()) == {0.0}


def test_maps_filters_and_averages_are_no_drift():
    for kwargs in (SG2, SG3):
        base = network(kwargs)
        moved = {
            name: tensor + 1 if name.endswith(("noise_const", "w_avg", "magnitude_ema")) else tensor
            for name, tensor in base.tensors.items()
        }
        assert any(moved[name] is not base.tensors[name] for name in moved)
        assert {each.distance for each in drift(base, replace(base, tensors=moved))} == {0.0}


@pytest.mark.parametrize("kwargs", [SG2, SG3], ids=["sg2", "sg3"])
def test_strangers_are_told_from_kin(kwargs):
    base, stranger = network(kwargs, 1), network(kwargs, 2)
    torch.manual_seed(3)
    child = {name: t + 0.5 * torch.randn(t.shape) for name, t in base.tensors.items()}
    far, near = drift(base, stranger), drift(base, replace(base, tensors=child))
    assert not are_kin(far)
    assert are_kin(near)
    assert are_kin(drift(base, base))
    assert all(each.distance > 1.1 for each in far if each.is_level)
    assert all(0.3 < each.distance < 0.7 for each in near if each.is_level)
    small = {name: tensor * 0.1 for name, tensor in stranger.tensors.items()}
    small.update({n: t for n, t in base.tensors.items() if n.endswith("_filter")})
    assert not are_kin(drift(base, replace(stranger, tensors=small)))


def test_a_mapping_of_another_depth_has_no_distance():
    shallow = {**SG2, "mapping_kwargs": {"num_layers": 2}}
    for pair in ((SG2, shallow), (shallow, SG2)):
        found = {each.part: each.distance for each in drift(*map(network, pair))}
        assert found["mapping"] is None
        assert found["16.1"] is not None


def test_models_of_different_resolution_are_compared_as_far_as_both_go():
    found = drift(network({**SG2, "img_resolution": 32}), network(SG2))
    assert [each.part for each in found][-1] == "16.1"


@pytest.mark.parametrize(
    ("base", "style", "joined", "commercial"),
    [
        ("MIT", "MIT", "MIT", "yes"),
        ("CC0-1.0", "CC-BY-4.0", "base: CC0-1.0; style: CC-BY-4.0", "yes"),
        ("MIT; x (y)", "GPL-3.0", "base: MIT; x (y); style: GPL-3.0", "unclear"),
        ("CC0-1.0", "CC NC 1.0", "NON-COMMERCIAL: base: CC0-1.0; style: CC NC 1.0", "no"),
        (
            "MIT",
            "base: MIT; style: CC0-1.0",
            "base: MIT; style: (base: MIT; style: CC0-1.0)",
            "yes",
        ),
        (
            *("NON-COMMERCIAL: NVIDIA; FFHQ", "MIT"),
            *("NON-COMMERCIAL: base: NON-COMMERCIAL: NVIDIA; FFHQ; style: MIT", "no"),
        ),
        ("MIT", "CC BY-NC 4.0", "NON-COMMERCIAL: base: MIT; style: CC BY-NC 4.0", "no"),
        (
            *("MIT", "for non commercial research"),
            *("NON-COMMERCIAL: base: MIT; style: for non commercial research", "no"),
        ),
        (
            *("COMMERCIAL USE UNCLEAR: x", "MIT"),
            *("COMMERCIAL USE UNCLEAR: base: COMMERCIAL USE UNCLEAR: x; style: MIT", "unclear"),
        ),
        ("MIT", "unknown", "COMMERCIAL USE UNCLEAR: base: MIT; style: unknown", "unclear"),
        ("", "MIT", "COMMERCIAL USE UNCLEAR: base: unknown; style: MIT", "unclear"),
        (
            *("NON-COMMERCIAL: A", "unknown"),
            *("NON-COMMERCIAL: base: NON-COMMERCIAL: A; style: unknown", "no"),
        ),
        ("base: A; style: B", "C", "base: (base: A; style: B); style: C", "unclear"),
    ],
)
def test_licences_are_joined_and_no_restriction_is_lost(base, style, joined, commercial):
    assert joined_licence(base, style) == joined
    assert licence_of_words(joined).commercial == commercial
    assert licence_of_words(licence_of_words(joined).in_words()) == licence_of_words(joined)

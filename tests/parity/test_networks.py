"""The networks give the reference implementation's pictures, logits and gradients."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from support.vectors import HERE, Vectors, relative_error

from stylegan_ext import ops
from stylegan_ext.networks import Discriminator, StyleGAN2Generator, StyleGAN3Generator

TOLERANCE = 1e-4  # of the largest value, as the vectors' own notes suggest
GENERATORS_2_SMALL = ["sg2_g32_gray", "sg2_g64_cond3_embed16", "sg2_g64_arch_resnet"]
GENERATORS_2_SHARED = [
    "sg2_g64_arch_skip",
    "sg2_g64_arch_orig",
    "sg2_g64_cond3",
    "sg2_g256_configf",
]
GENERATORS_3_SMALL = ["sg3t_g64_cond3", "sg3r_g64"]
GENERATORS_3_SHARED = ["sg3t_g64"]
DISCRIMINATORS_SMALL = ["sg2_d32_skip", "sg2_d32_orig_mbstd_all"]
DISCRIMINATORS_SHARED = ["sg2_d64_resnet", "sg2_d64_resnet_cond3"]

forms = pytest.mark.parametrize("form", ["fast", "plain"])


def context(form: str):
    return ops.reference_ops() if form == "plain" else nullcontext()


def check_mapping(net: StyleGAN2Generator | StyleGAN3Generator, v: Vectors) -> None:
    z, c = v["z"], v.get("c")
    assert relative_error(net.mapping(z, c), v["ws_psi1"]) < 1e-5
    assert relative_error(net.mapping(z, c, truncation_psi=0.5), v["ws_psi05"]) < 1e-5
    cut = net.mapping(z, c, truncation_psi=0.7, truncation_cutoff=4)
    assert relative_error(cut, v["ws_psi07_cut4"]) < 1e-5


def check_generator_2(v: Vectors, form: str) -> None:
    net = StyleGAN2Generator(**v.kwargs).eval().requires_grad_(False)
    net.load_state_dict(v.state())
    check_mapping(net, v)
    ws, cut = v["ws_psi1"], v["ws_psi07_cut4"]
    mixed = torch.cat([ws[:1, :4], ws[1:2, 4:]], dim=1)
    cases = [
        ("img_psi1_const", ws, "const"),
        ("img_psi1_none", ws, "none"),
        ("img_psi07cut4_const", cut, "const"),
        ("img_mix_0to3_from0_rest_from1_const", mixed, "const"),
    ]
    for name, latents, noise_mode in cases:
        expected = v[name]
        with context(form):
            found = net.synthesis(latents[: len(expected)], noise_mode=noise_mode)
        assert relative_error(found, expected) < TOLERANCE, name


def check_generator_3(v: Vectors, form: str) -> None:
    net = StyleGAN3Generator(**v.kwargs).eval().requires_grad_(False)
    net.load_state_dict(v.state())
    check_mapping(net, v)
    ws = v["ws_psi1"]
    with context(form):
        assert relative_error(net.synthesis.input(ws[:1, 0]), v["fourier_features_psi1"]) < 1e-5
        assert relative_error(net.synthesis(ws), v["img_psi1"]) < TOLERANCE
        cut = net.synthesis(v["ws_psi07_cut4"][:1])
        assert relative_error(cut, v["img_psi07cut4"]) < TOLERANCE
        net.synthesis.input.transform.copy_(v["user_transform_in_buffer"])
        turned = net.synthesis(ws[:1])
    assert relative_error(turned, v["img_psi1_with_transform"]) < TOLERANCE


def check_discriminator(v: Vectors, form: str) -> None:
    net = Discriminator(**v.kwargs).eval().requires_grad_(False)
    net.load_state_dict(v.state())
    img, c = v["img"].requires_grad_(True), v.get("c")
    with context(form):
        logits = net(img, c)
        (gradient,) = torch.autograd.grad(logits.sum(), img)
        first4 = net(img[:4], None if c is None else c[:4])
    assert relative_error(logits.detach(), v["logits"]) < TOLERANCE
    assert relative_error(gradient, v["grad_sum_logits_wrt_img"]) < TOLERANCE
    assert relative_error(gradient.square().sum([1, 2, 3]), v["r1_penalty_per_sample"]) < TOLERANCE
    assert relative_error(first4.detach(), v["logits_first4"]) < TOLERANCE
    if c is not None:
        assert relative_error(net.mapping(None, c), v["cmap"]) < 1e-5


@forms
@pytest.mark.parametrize("name", GENERATORS_2_SMALL)
def test_stylegan2_generator(name: str, form: str) -> None:
    check_generator_2(Vectors(HERE / f"{name}.npz"), form)


@forms
@pytest.mark.parametrize("name", GENERATORS_3_SMALL)
def test_stylegan3_generator(name: str, form: str) -> None:
    check_generator_3(Vectors(HERE / f"{name}.npz"), form)


@forms
@pytest.mark.parametrize("name", DISCRIMINATORS_SMALL)
def test_discriminator(name: str, form: str) -> None:
    check_discriminator(Vectors(HERE / f"{name}.npz"), form)


@pytest.mark.shared
@forms
@pytest.mark.parametrize("name", GENERATORS_2_SHARED)
def test_stylegan2_generator_large(name: str, form: str, shared_dir: Path) -> None:
    check_generator_2(Vectors(shared_dir / "vectors" / f"{name}.npz"), form)


@pytest.mark.shared
@forms
@pytest.mark.parametrize("name", GENERATORS_3_SHARED)
def test_stylegan3_generator_large(name: str, form: str, shared_dir: Path) -> None:
    check_generator_3(Vectors(shared_dir / "vectors" / f"{name}.npz"), form)


@pytest.mark.shared
@forms
@pytest.mark.parametrize("name", DISCRIMINATORS_SHARED)
def test_discriminator_large(name: str, form: str, shared_dir: Path) -> None:
    check_discriminator(Vectors(shared_dir / "vectors" / f"{name}.npz"), form)


@pytest.mark.parametrize("name", GENERATORS_3_SMALL)
def test_stylegan3_layer_geometry_of_the_vectors(name: str) -> None:
    v = Vectors(HERE / f"{name}.npz")
    net = StyleGAN3Generator(**v.kwargs)
    rows = json.loads(str(v.arrays["layers_json"]))
    assert [row["name"] for row in rows] == net.synthesis.layer_names
    for row in rows:
        layer = net.synthesis.layer(row["name"])
        g = layer.geometry
        found = {
            "in_channels": g.in_channels,
            "out_channels": g.out_channels,
            "in_size": [g.in_size] * 2,
            "out_size": [g.out_size] * 2,
            "in_sampling_rate": g.in_rate,
            "out_sampling_rate": g.out_rate,
            "up_factor": layer.up_factor,
            "down_factor": layer.down_factor,
            "padding": list(layer.padding),
            "is_torgb": g.is_torgb,
            "is_critically_sampled": g.is_critically_sampled,
        }
        assert found == {key: row[key] for key in found}
        for key in ("in_cutoff", "out_cutoff", "in_half_width", "out_half_width"):
            assert getattr(g, key) == pytest.approx(row[key], rel=1e-9), (g.name, key)


R = {"conv_kernel": 1, "use_radial_filters": True}
LARGE_CONFIGURATIONS = {
    "stylegan3-t-256-cbase16384": {"img_resolution": 256, "channel_base": 16384},
    "stylegan3-r-256-cbase16384(x2)": {
        "img_resolution": 256,
        "channel_base": 32768,
        "channel_max": 1024,
        **R,
    },
    "stylegan3-t-512": {"img_resolution": 512},
    "stylegan3-t-1024": {"img_resolution": 1024},
    "stylegan3-r-1024": {
        "img_resolution": 1024,
        "channel_base": 65536,
        "channel_max": 1024,
        **R,
    },
}


@pytest.mark.parametrize("name", LARGE_CONFIGURATIONS)
def test_stylegan3_layer_tables_of_the_large_configurations(name: str) -> None:
    table = json.loads((HERE / "sg3_layer_tables.json").read_text())[name]
    with torch.device("meta"):
        net = StyleGAN3Generator(512, 0, 512, img_channels=3, **LARGE_CONFIGURATIONS[name])
    layers = [net.synthesis.layer(layer_name) for layer_name in net.synthesis.layer_names]
    assert [row["name"] for row in table["layers"]] == net.synthesis.layer_names
    for row, layer in zip(table["layers"], layers, strict=True):
        found = [layer.up_factor, layer.down_factor, list(layer.padding)]
        assert found == [row["up"], row["down"], row["pad"]], row["name"]
        g = layer.geometry
        assert g.out_half_width == pytest.approx(row["hw"], abs=1e-3)
        assert [g.in_rate, g.out_rate] == [row["in_sr"], row["out_sr"]]
        assert g.is_critically_sampled == row["crit"]
    parameters = sum(parameter.numel() for parameter in net.parameters())
    assert parameters == table["params"]

"""Each operation gives the reference implementation's numbers, in the plain and the fast form."""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import pytest
import torch
from support.vectors import HERE, Vectors, relative_error

from stylegan_ext.ops import activation, conv, reference, resample, sg3
from stylegan_ext.ops.filters import design_lowpass, setup_filter

V = Vectors(HERE / "ops.npz")
X, F1331, SEP12, ASYM = V["x"], V["filter_1331"], V["filter_sep12"], V["filter_asym3x3"]
W, W1, STYLES = V["w"], V["w1"], V["styles"]
TOLERANCE = 1e-5

UPFIRDN = {
    "upfirdn_plain_asym": (ASYM, {}),
    "upfirdn_asym_flip": (ASYM, {"flip_filter": True}),
    "upfirdn_up2_down3_pad_gain": (
        ASYM,
        {"up": 2, "down": 3, "padding": (1, 2, 3, 0), "gain": 2.5},
    ),
    "upfirdn_negpad": (ASYM, {"padding": (-1, 2, 1, -2)}),
    "upfirdn_sep12_up2": (SEP12, {"up": 2, "padding": (6, 6, 6, 6)}),
}


@pytest.mark.parametrize("module", [reference, resample], ids=["plain", "fast"])
@pytest.mark.parametrize("name", UPFIRDN)
def test_upfirdn2d(module: ModuleType, name: str) -> None:
    f, options = UPFIRDN[name]
    assert relative_error(module.upfirdn2d(X, f, **options), V[name]) < TOLERANCE


def test_one_filter_serves_every_rate_and_padding() -> None:
    # What is kept of a filter must not be taken for another rate, padding or gain.
    f = SEP12.outer(SEP12)
    wishes: list[dict[str, Any]] = [
        {"up": 2},
        {"up": 3},
        {"up": 2, "padding": (3, 6, 3, 6)},
        {"up": 2, "padding": (3, 6, 4, 6)},
        {"up": 2, "gain": 4.0},
        {"up": 2, "flip_filter": True},
    ]
    for options in [*wishes, *reversed(wishes)]:
        padded = {"padding": (6, 6, 6, 6), **options}
        plain, fast = reference.upfirdn2d(X, f, **padded), resample.upfirdn2d(X, f, **padded)
        assert relative_error(fast, plain) < TOLERANCE, options


def test_centred_resampling() -> None:
    assert relative_error(resample.filter2d(X, F1331), V["filter2d_1331"]) < TOLERANCE
    assert relative_error(resample.upsample2d(X, F1331), V["upsample2d_1331"]) < TOLERANCE
    assert relative_error(resample.downsample2d(X, F1331), V["downsample2d_1331"]) < TOLERANCE
    assert relative_error(resample.downsample2d(X, ASYM), V["downsample2d_asym"]) < TOLERANCE


@pytest.mark.parametrize("module", [reference, activation], ids=["plain", "fast"])
@pytest.mark.parametrize("act", reference.ACTIVATIONS)
def test_bias_act(module: ModuleType, act: str) -> None:
    found = module.bias_act(X, V["bias"], act=act)
    assert relative_error(found, V[f"bias_act_{act}"]) < TOLERANCE


@pytest.mark.parametrize("module", [reference, activation], ids=["plain", "fast"])
def test_bias_act_alpha_gain_clamp(module: ModuleType) -> None:
    found = module.bias_act(X, V["bias"], act="lrelu", alpha=0.3, gain=1.7, clamp=0.9)
    assert relative_error(found, V["bias_act_lrelu_gain_clamp"]) < TOLERANCE


CONVOLUTIONS: dict[str, tuple[torch.Tensor, dict[str, Any]]] = {
    "conv_plain": (W, {"padding": 1}),
    "conv_plain_noflip": (W, {"padding": 1, "flip_weight": False}),
    "conv_up2": (W, {"f": F1331, "up": 2, "padding": 1, "flip_weight": False}),
    "conv_down2": (W, {"f": F1331, "down": 2, "padding": 1}),
    "conv1x1_down2": (W1, {"f": F1331, "down": 2}),
    "conv1x1_up2": (W1, {"f": F1331, "up": 2}),
    "conv_up2_down2_generic": (W, {"f": F1331, "up": 2, "down": 2, "padding": 1}),
}


@pytest.mark.parametrize("module", [reference, conv], ids=["plain", "fast"])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_conv2d_resample(module: ModuleType, name: str) -> None:
    weight, options = CONVOLUTIONS[name]
    assert relative_error(module.conv2d_resample(X, weight, **options), V[name]) < TOLERANCE


def modulated(module: ModuleType, weight: torch.Tensor, **options: Any) -> torch.Tensor:
    """A styled convolution with nothing behind it: no bias, no activation."""
    bias = torch.zeros(weight.shape[0])
    return module.styled_conv(X, weight, STYLES, bias=bias, act="linear", **options)


@pytest.mark.parametrize("module", [reference, conv], ids=["plain", "fast"])
def test_modulated_conv2d(module: ModuleType) -> None:
    found = modulated(module, W, noise=V["noise"])
    assert relative_error(found, V["mod2_demod"]) < TOLERANCE
    found = modulated(module, W1, demodulate=False)
    assert relative_error(found, V["mod2_nodemod_1x1"]) < TOLERANCE
    found = modulated(module, W, f=F1331, up=2)
    assert relative_error(found, V["mod2_up2"]) < TOLERANCE


@pytest.mark.parametrize("module", [reference, sg3], ids=["plain", "fast"])
def test_modulated_conv2d_of_stylegan3(module: ModuleType) -> None:
    found = module.modulated_conv2d_sg3(X, W, STYLES, input_gain=torch.tensor(0.7))
    assert relative_error(found, V["mod3_demod"]) < TOLERANCE
    found = module.modulated_conv2d_sg3(X, W1, STYLES, demodulate=False)
    assert relative_error(found, V["mod3_nodemod"]) < TOLERANCE


@pytest.mark.parametrize("module", [reference, sg3], ids=["plain", "fast"])
def test_filtered_lrelu(module: ModuleType) -> None:
    kaiser = V["kaiser_12_2.5_3_32"]
    found = module.filtered_lrelu(
        X,
        up_filter=kaiser,
        down_filter=kaiser,
        bias=V["flrelu_b"],
        up=2,
        down=2,
        padding=(9, 10, 9, 10),
        clamp=1.2,
    )
    assert relative_error(found, V["flrelu"]) < TOLERANCE
    found = module.filtered_lrelu(
        X,
        up_filter=kaiser,
        down_filter=V["jinc_12_2.5_3_32"],
        bias=V["flrelu_b"],
        up=4,
        down=2,
        padding=(8, 7, 6, 5),
        gain=1.0,
    )
    assert relative_error(found, V["flrelu_radial"]) < TOLERANCE


def test_filters() -> None:
    assert relative_error(setup_filter([1, 3, 3, 1]), F1331) < 1e-7
    options = {"cutoff_hz": 2.5, "width_hz": 3, "rate_hz": 32}
    kaiser = design_lowpass(12, **options)
    jinc = design_lowpass(12, **options, radial=True)
    assert kaiser is not None
    assert jinc is not None
    assert relative_error(kaiser, V["kaiser_12_2.5_3_32"]) < 1e-6
    assert relative_error(jinc, V["jinc_12_2.5_3_32"]) < 1e-6
    assert design_lowpass(1, **options) is None
    assert float(kaiser.sum()) == pytest.approx(1)
    assert math.isclose(float(setup_filter([1, 2], gain=4).sum()), 4, rel_tol=1e-6)

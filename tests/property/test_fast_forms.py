"""Fast and plain forms are one function: same values, first and second derivatives, any dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegan_ext import ops
from stylegan_ext.networks import Discriminator, StyleGAN2Generator, StyleGAN3Generator
from stylegan_ext.ops import conv, reference, resample, sg3
from stylegan_ext.ops.filters import design_lowpass, setup_filter

F1331 = setup_filter([1, 3, 3, 1]).double()
LOWPASS = {"cutoff_hz": 2.5, "width_hz": 3, "rate_hz": 32}
KAISER = design_lowpass(12, **LOWPASS).double()  # type: ignore[union-attr]
JINC = design_lowpass(12, **LOWPASS, radial=True).double()  # type: ignore[union-attr]


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(shape, dtype=torch.float64, generator=generator)


def styled(**options: Any) -> dict[str, Any]:
    return {"bias": randn(4), "noise": randn(2, 1, 6, 6), **options}


# name: (plain, fast, tensors to differentiate by, further arguments)
CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any], list[torch.Tensor], dict]] = {
    "upsample": (
        reference.upfirdn2d,
        resample.upfirdn2d,
        [randn(2, 3, 5, 6)],
        {"f": F1331, "up": 2, "padding": (2, 1, 2, 1), "gain": 4},
    ),
    "downsample": (
        reference.upfirdn2d,
        resample.upfirdn2d,
        [randn(2, 3, 6, 6)],
        {"f": F1331, "down": 2, "padding": (1, 1, 1, 1)},
    ),
    "conv down": (
        reference.conv2d_resample,
        conv.conv2d_resample,
        [randn(2, 3, 6, 6), randn(4, 3, 3, 3)],
        {"f": F1331, "down": 2, "padding": 1},
    ),
    "styled": (
        reference.styled_conv,
        conv.styled_conv,
        [randn(2, 3, 6, 6), randn(4, 3, 3, 3), randn(2, 3)],
        styled(),
    ),
    "styled, one sample": (
        reference.styled_conv,
        conv.styled_conv,
        [randn(1, 3, 16, 16), randn(4, 3, 3, 3), randn(1, 3)],
        {"bias": randn(4), "noise": randn(16, 16)},
    ),
    "styled up": (
        reference.styled_conv,
        conv.styled_conv,
        [randn(2, 3, 3, 3), randn(4, 3, 3, 3), randn(2, 3)],
        styled(f=F1331, up=2, gain=0.5, clamp=1.5),
    ),
    "styled up, one sample": (
        reference.styled_conv,
        conv.styled_conv,
        [randn(1, 3, 12, 12), randn(4, 3, 3, 3), randn(1, 3)],
        {"bias": randn(4), "f": F1331, "up": 2},
    ),
    "styled swish": (
        reference.styled_conv,
        conv.styled_conv,
        [randn(2, 3, 6, 6), randn(4, 3, 3, 3), randn(2, 3)],
        styled(act="swish", gain=0.7),
    ),
    "to RGB": (
        reference.styled_conv,
        conv.styled_conv,
        [randn(2, 4, 6, 6), randn(3, 4, 1, 1), randn(2, 4)],
        {"bias": randn(3), "demodulate": False, "act": "linear", "clamp": 2.0},
    ),
    "modulated, StyleGAN3": (
        reference.modulated_conv2d_sg3,
        sg3.modulated_conv2d_sg3,
        [randn(2, 3, 5, 5), randn(4, 3, 3, 3), randn(2, 3)],
        {"input_gain": torch.tensor(0.7, dtype=torch.float64)},
    ),
    "filtered lrelu": (
        reference.filtered_lrelu,
        sg3.filtered_lrelu,
        [randn(1, 2, 8, 8)],
        {
            "up_filter": KAISER,
            "down_filter": JINC,
            "bias": randn(2),
            "up": 2,
            "down": 2,
            "padding": (9, 10, 9, 10),
            "clamp": 1.2,
        },
    ),
}


def derivatives(function: Callable[..., Any], leaves: list[torch.Tensor], options: dict) -> list:
    """The result, its gradient along a fixed direction, and the gradient of that one's norm."""
    inputs = [leaf.clone().requires_grad_(True) for leaf in leaves]
    y = function(*inputs, **options)
    direction = randn(*y.shape, seed=5)
    first = torch.autograd.grad((y.square() * direction).sum(), inputs, create_graph=True)
    second = torch.autograd.grad(sum(g.square().sum() for g in first), inputs)
    return [y, *first, *second]


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name: str) -> None:
    plain, fast, leaves, options = CASES[name]
    expected = derivatives(plain, leaves, options)
    found = derivatives(fast, leaves, options)
    assert len(found) == 1 + 2 * len(leaves)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["styled up", "conv down", "filtered lrelu"])
def test_derivatives_are_those_of_the_function(name: str) -> None:
    """Against finite differences, so that plain and fast form cannot be wrong alike."""
    _, fast, leaves, options = CASES[name]
    inputs = [leaf.clone().requires_grad_(True) for leaf in leaves]
    assert torch.autograd.gradcheck(lambda *x: fast(*x, **options), inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda *x: fast(*x, **options), inputs, fast_mode=True)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_without_gradients_nothing_of_the_caller_is_overwritten(name: str, layout: Any) -> None:
    plain, fast, leaves, options = CASES[name]
    x = leaves[0].contiguous(memory_format=layout)
    kept = [tensor.clone() for tensor in [x, *leaves[1:]]]
    with torch.no_grad():
        found = fast(x, *leaves[1:], **options)
        expected = plain(*leaves, **options)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    for now, before in zip([x, *leaves[1:]], kept, strict=True):
        assert torch.equal(now, before)


@settings(max_examples=60, deadline=None)
@given(
    up=st.integers(1, 3),
    down=st.integers(1, 3),
    taps=st.integers(1, 7),
    pads=st.tuples(*[st.integers(-2, 5)] * 4),
    flip=st.booleans(),
    separable=st.booleans(),
)
def test_any_resampling(  # noqa: PLR0917 - hypothesis calls it by name
    up: int, down: int, taps: int, pads: tuple, flip: bool, separable: bool
) -> None:
    shape = [taps] if separable else [taps, max(taps - 1, 1)]
    f = randn(*shape, seed=1)
    x = randn(1, 2, 6, 7)
    kh, kw = shape[0], shape[-1]
    if 6 * up + pads[2] + pads[3] < kh or 7 * up + pads[0] + pads[1] < kw:
        return  # the picture is smaller than the filter: there is no result
    options = {"up": up, "down": down, "padding": pads, "flip_filter": flip, "gain": 1.5}
    expected = reference.upfirdn2d(x, f, **options)
    torch.testing.assert_close(resample.upfirdn2d(x, f, **options), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_stays_near_float32(dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    limits = {torch.bfloat16: 0.03, torch.float16: 0.004}
    kwargs = {"channel_base": 1024, "channel_max": 32, "conv_clamp": 256, "num_fp16_res": 3}
    g = StyleGAN2Generator(32, 0, 32, 32, 3, synthesis_kwargs=kwargs).eval().requires_grad_(False)
    g3 = StyleGAN3Generator(32, 0, 32, 32, 3, channel_base=1024, channel_max=32).eval()
    g3.requires_grad_(False)
    d = Discriminator(0, 32, 3, **kwargs).eval().requires_grad_(False)
    z = torch.randn(2, 32)
    images = g(z)
    for network, run in ((g, lambda: g(z)), (g3, lambda: g3(z)), (d, lambda: d(images))):
        expected = run()
        body = network if network is d else network.synthesis
        body.use_low_precision(dtype)
        found = run()
        body.use_low_precision(None)
        assert found.dtype == torch.float32
        difference = (found - expected).square().mean().sqrt() / expected.square().mean().sqrt()
        assert 0 < float(difference) < limits[dtype], type(network).__name__
        assert torch.equal(run(), expected)


@pytest.mark.parametrize(("count", "low"), [(0, []), (2, [16, 32]), (9, [4, 8, 16, 32])])
def test_low_precision_goes_from_the_finest_down(count: int, low: list[int]) -> None:
    g = StyleGAN2Generator(8, 0, 8, 32, 3, synthesis_kwargs={"channel_base": 64})
    d = Discriminator(0, 32, 3, channel_base=64)
    g.synthesis.use_low_precision(torch.bfloat16, count)
    d.use_low_precision(torch.bfloat16, count)
    for body in (g.synthesis, d):
        found = [r for r in body.block_resolutions if body.block(r).low_precision is not None]
        assert sorted(found) == [r for r in low if r in body.block_resolutions]


def test_a_picture_does_not_depend_on_its_batch() -> None:
    torch.manual_seed(2)
    g = StyleGAN2Generator(32, 0, 32, 64, 3, synthesis_kwargs={"channel_base": 1024})
    g.requires_grad_(False)
    z = torch.randn(5, 32)
    together = g(z)
    alone = torch.cat([g(z[i : i + 1]) for i in range(5)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_the_switch_reaches_every_operation() -> None:
    calls = []
    original = reference.upfirdn2d

    def spy(*args: Any, **kwargs: Any) -> torch.Tensor:
        calls.append(1)
        return original(*args, **kwargs)

    x = randn(1, 1, 4, 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "upfirdn2d", spy)
        ops.upsample2d(x, F1331)
        assert not calls
        with ops.reference_ops():
            ops.upsample2d(x, F1331)
        assert len(calls) == 1
        ops.upsample2d(x, F1331)
        assert len(calls) == 1

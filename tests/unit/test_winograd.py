"""Winograd's filtering is the convolution, kept transforms follow their weight."""

from __future__ import annotations

import gc

import pytest
import torch
import torch.nn.functional as F

from stylegan_ext import ops
from stylegan_ext.networks import StyleGAN2Generator
from stylegan_ext.networks.layers import Conv2dLayer
from stylegan_ext.ops import frozen, winograd


@pytest.mark.parametrize(("tile", "tolerance"), [(2, 2e-6), (4, 3e-5)])
@pytest.mark.parametrize("shape", [(1, 5, 8, 8), (3, 4, 16, 12)])
def test_is_the_convolution(tile: int, tolerance: float, shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(tile)
    x = torch.randn(shape, generator=generator)
    weight = torch.randn(7, shape[1], 3, 3, generator=generator)
    expected = F.conv2d(x.double(), weight.double(), padding=1)
    found = winograd.conv3x3(x, weight, tile)
    assert found.shape == expected.shape
    assert float((found - expected).abs().max() / expected.abs().max()) < tolerance
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_where_it_is_used() -> None:
    x, weight = torch.zeros(1, 256, 32, 32), torch.zeros(256, 256, 3, 3)
    assert winograd.suits(x, weight)
    assert not winograd.suits(x[:, :128], weight[:, :128])
    assert not winograd.suits(torch.zeros(1, 256, 128, 128), weight)
    assert not winograd.suits(torch.zeros(1, 256, 4, 4), weight)
    assert not winograd.suits(x.bfloat16(), weight)
    assert not winograd.suits(x.requires_grad_(True), weight)
    with torch.no_grad():
        assert winograd.suits(x, weight)
        learning = weight.clone().requires_grad_(True)
        assert not winograd.suits(x, learning)  # its transform could not be kept


def test_what_is_kept_follows_its_weight() -> None:
    made = []

    def total(weight: torch.Tensor) -> torch.Tensor:
        made.append(1)
        return weight.sum()

    weight = torch.ones(3)
    for expected, count in ((3.0, 1), (3.0, 1)):
        assert float(frozen.derived(weight, "total", total)) == expected
        assert len(made) == count
    weight.mul_(2)
    assert float(frozen.derived(weight, "total", total)) == 6.0
    with torch.no_grad():
        weight.copy_(torch.zeros(3))
    assert float(frozen.derived(weight, "total", total)) == 0.0
    weight.data = torch.full([3], 5.0)
    assert float(frozen.derived(weight, "total", total)) == 15.0
    learning = torch.ones(3, requires_grad=True)
    before = len(made)
    frozen.derived(learning, "total", total)
    frozen.derived(learning, "total", total)
    assert len(made) == before + 2  # nothing is kept of what still learns


def test_what_is_kept_goes_with_its_weight() -> None:
    frozen.forget()
    weight = torch.ones(4)
    frozen.derived(weight, "double", lambda w: w * 2)
    assert len(frozen._kept) == 1
    del weight
    gc.collect()
    assert len(frozen._kept) == 0


@pytest.mark.parametrize("count", [1, 3])
def test_a_wide_generator_draws_the_plain_picture(count: int) -> None:
    """Wide enough for every fast form at once: kept transforms, scaled weights and scaled maps."""
    torch.manual_seed(0)
    wide = {"channel_base": 256 * 64, "channel_max": 256}
    g = StyleGAN2Generator(32, 0, 32, 128, 3, synthesis_kwargs=wide).requires_grad_(False)
    for name, parameter in g.named_parameters():
        if name.endswith("noise_strength"):
            parameter.fill_(0.3)
    ws = g.mapping(torch.randn(count, 32))
    with ops.reference_ops():
        expected = g.synthesis(ws)
    for _ in range(2):  # the second time from what was kept
        found = g.synthesis(ws)
        assert float((found - expected).abs().max() / expected.abs().max()) < 1e-4
    with torch.no_grad():
        g.synthesis.block(32).conv1.weight.mul_(1.5)  # type: ignore[operator]
        g.synthesis.block(32).conv1.bias.add_(1)  # type: ignore[operator]
    with ops.reference_ops():
        changed = g.synthesis(ws)
    found = g.synthesis(ws)
    assert float((changed - expected).abs().max()) > 1e-2
    assert float((found - changed).abs().max() / changed.abs().max()) < 1e-4


def test_a_frozen_layers_scaled_weight_follows_a_change_in_place():
    torch.manual_seed(3)
    layer = Conv2dLayer(4, 5, 3, activation="lrelu").eval().requires_grad_(False)
    x = torch.randn(2, 4, 9, 9)
    before = layer(x)
    assert torch.equal(layer(x), before)
    with torch.no_grad():
        layer.weight.mul_(2)
    fresh = Conv2dLayer(4, 5, 3, activation="lrelu")
    fresh.load_state_dict(layer.state_dict())
    torch.testing.assert_close(layer(x), fresh(x))
    assert not torch.allclose(layer(x), before)
    assert not torch.allclose(layer(x, gain=0.5), layer(x))
    layer.requires_grad_(True)
    layer(x).sum().backward()
    assert layer.weight.grad is not None, "a kept product would cut the gradient off"

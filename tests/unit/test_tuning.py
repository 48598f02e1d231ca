"""Pivotal tuning: a model bent towards one picture, and the change carried to another model."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from support.generators import write_generator

import stylegan_ext
from stylegan_ext.blend import blend_tensors, describe, plan_blend
from stylegan_ext.checkpoint import read_model
from stylegan_ext.drawing import draw
from stylegan_ext.errors import MismatchError, ParameterError
from stylegan_ext.features import EdgeFeatures, PixelPyramidFeatures
from stylegan_ext.inversion import InversionSettings, invert
from stylegan_ext.latent_space import latent_space
from stylegan_ext.levels import levels_of
from stylegan_ext.networks import build
from stylegan_ext.networks.generator import StyleGAN3Generator
from stylegan_ext.records import NetworkRecord
from stylegan_ext.tuning import TuningSettings, changed, left_of, tune


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    path = write_generator(tmp_path_factory.mktemp("tuning") / "g.safetensors")
    return stylegan_ext.load(path)


def pivot_of(generator, seed: int = 1):
    z = torch.randn(1, generator.z_dim, generator=torch.Generator().manual_seed(seed))
    return generator.mapping(z, None).detach()[0]


def target_of(generator):
    dice = torch.Generator().manual_seed(5)
    small = torch.rand(1, 3, 4, 4, generator=dice) * 2 - 1
    size = generator.img_resolution
    return torch.nn.functional.interpolate(small, size=(size, size), mode="bilinear")[0]


def test_the_picture_is_drawn_of_the_pivot_and_the_model_stays(generator):
    pivot, target = pivot_of(generator), target_of(generator)
    before = {name: p.detach().clone() for name, p in generator.named_parameters()}
    features = PixelPyramidFeatures()
    none = tune(generator, pivot, target, TuningSettings(steps=0), features=features)
    told: list[float] = []
    tuned = tune(
        generator,
        pivot,
        target,
        TuningSettings(steps=30, lr=0.01, coarsest_px=4),
        features=features,
        told=lambda _step, _steps, loss: told.append(loss),
    )
    assert tuned.pixel_rmse < 0.6 * none.pixel_rmse
    assert tuned.feature_distance < none.feature_distance
    assert len(told) == 30
    assert told[-1] < told[0]
    assert not any(part.any() for part in none.change.values())
    assert not [name for name in tuned.change if "noise" in name]
    for name, p in generator.named_parameters():
        assert torch.equal(p, before[name]), name
    with torch.no_grad(), changed(generator.synthesis, tuned.change):
        drawn = generator.synthesis(pivot[None])[0]
    torch.testing.assert_close(drawn, tuned.image, atol=1e-5, rtol=0)
    for name, p in generator.named_parameters():
        assert torch.equal(p, before[name]), name


def test_a_model_that_has_drawn_can_be_bent(tmp_path):
    # What a frozen weight is kept for in inference mode has to serve for gradients too.
    fresh = stylegan_ext.load(write_generator(tmp_path / "fresh.safetensors"))
    pivot, target = pivot_of(fresh), target_of(fresh)
    before = draw(fresh, pivot[None])
    tuned = tune(fresh, pivot, target, TuningSettings(steps=2, coarsest_px=8))
    space = latent_space(fresh)
    found = invert(fresh, target[None], EdgeFeatures(), InversionSettings(steps=2), space=space)
    assert found.ws.shape == (1, *pivot.shape)
    assert any(part.any() for part in tuned.change.values())
    torch.testing.assert_close(draw(fresh, pivot[None]), before, atol=0, rtol=0)


def test_coarse_layers_stay(generator):
    pivot, target = pivot_of(generator), target_of(generator)
    sizes = generator.synthesis.block_resolutions
    for coarsest, expected in ((8, sizes[1:]), (1024, sizes[-1:])):
        how = TuningSettings(steps=1, coarsest_px=coarsest)
        change = tune(generator, pivot, target, how).change
        assert {name.split(".")[0] for name in change} == {f"b{px}" for px in expected}
        assert all(part.any() for name, part in change.items() if name.endswith("weight"))


def test_a_picture_that_was_begun_ends_as_it_would_have(generator):
    size = generator.img_resolution
    ws = torch.randn(1, generator.num_ws, generator.w_dim, generator=torch.manual_seed(3))
    with torch.no_grad():
        whole = generator.synthesis(ws)
        for below in (8, size):
            begun = generator.synthesis.begin(ws, below)
            assert begun.next_px == below
            assert torch.equal(generator.synthesis(ws, begun=begun), whole)
            spoiled = replace(begun, x=begun.x + 1)
            assert not torch.equal(generator.synthesis(ws, begun=spoiled), whole), "it is used"
        assert generator.synthesis.begin(ws, 4) is None


def test_edges_see_a_blur_and_not_a_shade():
    dice = torch.Generator().manual_seed(2)
    sharp = torch.rand(1, 3, 32, 32, generator=dice) * 2 - 1
    blurred = torch.nn.functional.avg_pool2d(sharp, 3, stride=1, padding=1)
    edges = EdgeFeatures()

    def apart(one, two):
        return float((edges(one) - edges(two)).square().sum())

    assert apart(sharp, sharp + 0.5) == pytest.approx(0, abs=1e-9)
    assert apart(sharp, blurred) > 0.1
    # By hand: one step of 1 down the middle, 32 of 32 x 32 places; at 16 px it is 16 of 16 x 16.
    step = torch.zeros(1, 1, 32, 32)
    step[..., 16:] = 1
    assert apart(step, torch.zeros_like(step)) == pytest.approx(1.5**2 * (1 / 32 + 1 / 16))


def test_every_layer_of_stylegan3_that_is_fine_is_bent():
    kwargs = {"z_dim": 8, "c_dim": 0, "w_dim": 8, "img_resolution": 32, "img_channels": 3}
    small = {"channel_base": 64, "channel_max": 8, "num_layers": 4, "num_critical": 1}
    made = StyleGAN3Generator(**kwargs, mapping_kwargs={"num_layers": 1}, **small)
    made.eval().requires_grad_(False)
    target = torch.zeros(3, 32, 32)
    how = TuningSettings(steps=1, coarsest_px=32)
    change = tune(made, pivot_of(made), target, how).change
    rates = {
        name: layer.geometry.out_rate
        for name, layer in made.synthesis.named_children()
        if name != "input"
    }
    fine = {name for name, rate in rates.items() if rate >= 32}
    assert {name.split(".")[0] for name in change} == fine
    assert 0 < len(fine) < len(rates)


def test_the_rate_grows_and_falls():
    how = TuningSettings(steps=10, lr=1.0, warm_up=0.2)
    rates = [how.rate(index) for index in range(10)]
    assert rates == pytest.approx([1 / 3, 0.6, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    assert TuningSettings(steps=4, lr=1.0, warm_up=0.0).rate(0) == 1.0
    with pytest.raises(ParameterError, match="a share of the steps"):
        TuningSettings(warm_up=1.5)


def test_where_pixels_weigh_more_the_picture_is_nearer(generator):
    pivot, target = pivot_of(generator), target_of(generator)
    size = generator.img_resolution
    left = torch.full((size, size), 0.1)
    left[:, : size // 2] = 1.9

    def errors(weights):
        how = TuningSettings(steps=25, lr=0.01, coarsest_px=4)
        made = tune(
            generator,
            pivot,
            target,
            how,
            features=PixelPyramidFeatures(),
            alike=InversionSettings(feature_weight=0.0),
            pixel_weights=weights,
        )
        square = (made.image - target).square().mean(dim=0)
        return float(square[:, : size // 2].mean()), float(square[:, size // 2 :].mean())

    there, elsewhere = errors(left), errors(2 - left)
    assert there[0] < 0.8 * elsewhere[0]
    assert elsewhere[1] < 0.8 * there[1]


def test_a_change_is_taken_back_when_drawing_fails_and_leaves_what_does_not_fit(generator):
    name, held = next(iter(generator.synthesis.named_parameters()))
    before = held.detach().clone()
    change = {name: torch.ones_like(held), "b4.nobody": torch.ones(3)}
    seen = []

    def fail() -> None:
        with changed(generator.synthesis, change):
            seen.append(held.detach().clone())
            raise RuntimeError("drawing failed")

    with pytest.raises(RuntimeError, match="drawing failed"):
        fail()
    torch.testing.assert_close(seen[0], before + 1)
    assert torch.equal(held, before)
    with changed(generator.synthesis, {name: torch.ones(1, 2, 3)}):
        assert torch.equal(held, before)


def test_a_blend_has_as_much_of_the_change_as_of_the_bent_model(generator, tmp_path):
    base = read_model(write_generator(tmp_path / "base.safetensors")).generator()
    style = read_model(write_generator(tmp_path / "style.safetensors", seed=9)).generator()
    pivot, target = pivot_of(generator), target_of(generator)
    change = tune(generator, pivot, target, TuningSettings(steps=3, coarsest_px=8)).change
    bent = {
        name: tensor + change.get(name.removeprefix("synthesis."), 0)
        for name, tensor in base.tensors.items()
    }
    levels = levels_of(base.kind, base.kwargs)
    weights = {level: number / len(levels) for number, level in enumerate(levels, start=1)}
    plan = plan_blend(base, style, weights=weights)

    def drawn(tensors, change):
        blend = build(NetworkRecord(plan.kind, plan.kwargs, tensors))
        with torch.no_grad(), changed(blend.synthesis, change):
            return blend.synthesis(pivot[None])

    expected = drawn(blend_tensors(bent, style.tensors, describe(plan)), {})
    blend = blend_tensors(base.tensors, style.tensors, describe(plan))
    found = drawn(blend, left_of(change, weights, kept=0))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert (drawn(blend, change) - expected).abs().max() > 1e-3, "and no more than that"
    name = f"b{generator.img_resolution}.conv1.weight"
    assert not left_of(change, weights, kept=0)[name].any(), "where all is the style's"
    torch.testing.assert_close(left_of(change, weights, kept=0.25)[name], change[name] / 4)


def test_what_cannot_be(generator):
    pivot, target = pivot_of(generator), target_of(generator)
    with pytest.raises(MismatchError, match="the picture is"):
        tune(generator, pivot, target[:, 1:], TuningSettings())
    with pytest.raises(MismatchError, match="the pivot is"):
        tune(generator, pivot[1:], target, TuningSettings())
    with pytest.raises(ParameterError, match="steps must be 0 or more"):
        TuningSettings(steps=-1)

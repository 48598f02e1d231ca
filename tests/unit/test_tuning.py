"""Pivotal tuning: a model bent towards one picture, and the change carried to another model."""

from __future__ import annotations

import pytest
import torch
from support.generators import write_generator

import stylegan_ext
from stylegan_ext.errors import MismatchError, ParameterError
from stylegan_ext.features import PixelPyramidFeatures
from stylegan_ext.tuning import TuningSettings, changed, tune


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
    none = tune(generator, pivot, target, features, TuningSettings(steps=0))
    told: list[float] = []
    tuned = tune(
        generator,
        pivot,
        target,
        features,
        TuningSettings(steps=30, lr=0.01),
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


def test_what_cannot_be(generator):
    pivot, target = pivot_of(generator), target_of(generator)
    with pytest.raises(MismatchError, match="the picture is"):
        tune(generator, pivot, target[:, 1:], PixelPyramidFeatures(), TuningSettings())
    with pytest.raises(MismatchError, match="the pivot is"):
        tune(generator, pivot[1:], target, PixelPyramidFeatures(), TuningSettings())
    with pytest.raises(ParameterError, match="steps must be 0 or more"):
        TuningSettings(steps=-1)

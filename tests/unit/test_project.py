"""Projection: schedules of the official algorithm, independence of photos, early stop, errors."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.vectors import HERE

from stylegan_ext.errors import MismatchError, ParameterError
from stylegan_ext.features import DiscriminatorFeatures, PixelPyramidFeatures, flatten_maps
from stylegan_ext.networks import Discriminator, StyleGAN2Generator
from stylegan_ext.project import (
    W_PLUS,
    ProjectionSettings,
    W,
    for_space,
    learning_rate,
    noise_regularity,
    project,
    w_noise_scale,
    w_statistics,
)

SMALL = {"channel_base": 256, "channel_max": 16}


@pytest.fixture(scope="module")
def generator() -> StyleGAN2Generator:
    torch.manual_seed(0)
    g = StyleGAN2Generator(
        16, 0, 16, 16, 3, mapping_kwargs={"num_layers": 2}, synthesis_kwargs=SMALL
    )
    with torch.no_grad():
        for name, parameter in g.named_parameters():
            if name.endswith("noise_strength"):
                parameter.fill_(0.1)  # a new model's noise does nothing
    return g.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def features() -> DiscriminatorFeatures:
    torch.manual_seed(1)
    return DiscriminatorFeatures(Discriminator(0, 16, 3, **SMALL))


def photos(generator: StyleGAN2Generator, count: int) -> torch.Tensor:
    z = torch.randn(count, 16, generator=torch.Generator().manual_seed(7))
    return generator(z)


def test_schedules_are_the_official_ones() -> None:
    cases = json.loads((HERE / "misc.json").read_text())["projector_schedule_1000"]
    assert len(cases) > 10
    for case in cases:
        t = case["step"] / 1000
        assert learning_rate(t, W) == pytest.approx(case["lr"], abs=1e-12)
        scale = case["noise_scale_over_w_std"]
        assert w_noise_scale(t, 1.0, W) == pytest.approx(scale, abs=1e-12)


def test_noise_regularity_is_the_official_one() -> None:
    expected = json.loads((HERE / "misc.json").read_text())["projector_noise_reg_total"]
    with np.load(HERE / "projector_noise.npz") as maps:
        total = sum(
            float(noise_regularity(torch.from_numpy(maps[name])[None, None])[0])
            for name in maps.files
        )
    assert total == pytest.approx(expected, rel=1e-5)


def test_middle_and_spread_of_w(generator: StyleGAN2Generator) -> None:
    settings = replace(W, w_samples=500)
    middle, spread = w_statistics(generator, settings)
    z = torch.from_numpy(np.random.RandomState(123).randn(500, 16)).float()
    w = generator.mapping(z)[:, 0].numpy().astype(np.float64)
    np.testing.assert_allclose(middle.numpy(), w.mean(axis=0), atol=1e-5)
    expected = np.sqrt(((w - w.mean(axis=0)) ** 2).sum(axis=1).mean())
    assert spread == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("space", ["w", "w+"])
def test_finds_a_picture_of_its_own(generator, features, space: str) -> None:
    target = photos(generator, 1)
    settings = replace(for_space(space), steps=150, lr=0.05, w_samples=500)
    (found,) = project(generator, target, features, settings)
    (start,) = project(generator, target, features, replace(settings, steps=1, lr=0.0))
    assert found.perceptual_distance < 0.3 * start.perceptual_distance
    assert found.steps == len(found.losses) == 150
    rows = found.ws.unique(dim=0).shape[0]
    assert rows == (1 if space == "w" else generator.num_ws)
    assert bool(found.noise) == settings.optimize_noise
    if settings.optimize_noise:
        for noise in found.noise.values():
            assert float(noise.mean()) == pytest.approx(0, abs=1e-5)
            assert float(noise.square().mean()) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("settings", [replace(W, steps=12), replace(W_PLUS, steps=12)])
def test_a_photo_gets_the_same_latent_in_any_company(
    generator, features, settings: ProjectionSettings
) -> None:
    settings = replace(settings, w_samples=200)
    targets = photos(generator, 3)
    together = project(generator, targets, features, settings)
    for i in (0, 2):
        (alone,) = project(generator, targets[i : i + 1], features, settings)
        assert torch.equal(alone.ws, together[i].ws)
        assert torch.equal(alone.image, together[i].image)
        assert alone.losses == together[i].losses
    batched = project(generator, targets, features, replace(settings, batched=True))
    torch.testing.assert_close(batched[0].ws, together[0].ws, rtol=0, atol=0.05)


def test_another_seed_goes_another_way(generator, features) -> None:
    settings = replace(W, steps=5, w_samples=200)
    target = photos(generator, 1)
    (first,) = project(generator, target, features, settings)
    (other,) = project(generator, target, features, replace(settings, seed=304))
    assert not torch.equal(first.ws, other.ws)


def test_a_photo_that_stopped_stays_and_costs_nothing(generator) -> None:
    """One target is the starting point itself: no progress, so it stops; the other goes on."""
    base = PixelPyramidFeatures()
    middle, _ = w_statistics(generator, replace(W, w_samples=200))
    still = generator.synthesis(middle.expand(1, generator.num_ws, -1))
    targets = torch.cat([still, photos(generator, 1)])
    calls = []

    class Counted(PixelPyramidFeatures):
        def __call__(self, images: torch.Tensor) -> torch.Tensor:
            calls.append(len(images))
            return base(images)

    settings = replace(W_PLUS, steps=30, patience=3, w_samples=200, min_progress=1e-3)
    seen = []
    first, second = project(
        generator, targets, Counted(), settings, on_step=lambda step: seen.append(step.active)
    )
    assert first.steps < second.steps
    assert [bool(a[0]) for a in seen].count(True) == first.steps - 1
    # targets once each, one call per step while searching, one each at the end
    assert len(calls) == 2 + first.steps + second.steps + 2
    (alone,) = project(generator, targets[:1], base, settings)
    assert torch.equal(alone.ws, first.ws)


def test_a_start_is_where_the_search_begins(generator, features) -> None:
    target = photos(generator, 1)
    z = torch.randn(1, 16, generator=torch.Generator().manual_seed(7))
    start = generator.mapping(z)
    settings = replace(W_PLUS, steps=1, lr=0.0, w_samples=100)
    (found,) = project(generator, target, features, settings, start=start)
    assert torch.equal(found.ws, start[0])
    assert found.pixel_rmse < 0.01


def test_features_are_distances_of_the_order_of_one() -> None:
    a, b = torch.randn(2, 1, 8, 4, 4)
    rows = flatten_maps([a]), flatten_maps([b])
    distance = (rows[0] - rows[1]).square().sum()
    unit = [x / x.norm(dim=1, keepdim=True) for x in (a, b)]
    expected = (unit[0] - unit[1]).square().sum(dim=1).mean()
    assert float(distance) == pytest.approx(float(expected), rel=1e-4)
    black, white = -torch.ones(1, 3, 32, 32), torch.ones(1, 3, 32, 32)
    pyramid = PixelPyramidFeatures()
    assert float((pyramid(black) - pyramid(white)).square().sum()) == pytest.approx(3, rel=1e-5)


def test_errors_say_what_does_not_fit(generator, features) -> None:
    with pytest.raises(MismatchError, match=r"photos are \[3, 32, 32\].*draws \[3, 16, 16\]"):
        project(generator, torch.zeros(1, 3, 32, 32), features)
    with pytest.raises(MismatchError, match="the start is"):
        project(generator, torch.zeros(1, 3, 16, 16), features, start=torch.zeros(1, 2, 16))
    with pytest.raises(ParameterError, match="space is"):
        ProjectionSettings(space="z")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="steps must be"):
        ProjectionSettings(steps=0)
    conditional = StyleGAN2Generator(16, 3, 16, 16, 3, synthesis_kwargs=SMALL)
    with pytest.raises(ParameterError, match="3 classes"):
        project(conditional, torch.zeros(1, 3, 16, 16), features)


def test_a_stopped_photo_is_not_carried_on_by_its_momentum(generator, features) -> None:
    settings = replace(W_PLUS, steps=40, lr=0.05, patience=2, min_progress=0.05, w_samples=200)
    targets = photos(generator, 4)
    together = project(generator, targets, features, settings)
    assert len({one.steps for one in together}) > 1  # they stop at different times
    for i, one in enumerate(together):
        (alone,) = project(generator, targets[i : i + 1], features, settings)
        assert alone.steps == one.steps
        assert torch.equal(alone.ws, one.ws)

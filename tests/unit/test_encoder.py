"""The encoder network, its file, the coordinates it speaks, and what its training learns."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from support.small_models import write_small_model

import stylegan_ext
from stylegan_ext.checkpoint import verify, write_model
from stylegan_ext.errors import CheckpointError, MismatchError
from stylegan_ext.features import PixelPyramidFeatures
from stylegan_ext.infer import differences
from stylegan_ext.latent_space import latent_space
from stylegan_ext.networks import Encoder, construct
from stylegan_ext.records import ModelFile, NetworkRecord
from stylegan_ext.shapes import expected_shapes, level_of_row
from stylegan_ext.training.encoder import EncoderSettings, EncoderTraining
from stylegan_ext.training.encoder_start import average_of, encoder_kwargs, make_encoder

KWARGS = {
    "img_resolution": 8,
    "img_channels": 3,
    "num_ws": 4,
    "w_dim": 8,
    "channel_base": 64,
    "channel_max": 8,
    "code_dim": 12,
    "is_leaky": True,
}


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    return stylegan_ext.load_all(write_small_model(path))


def training_of(networks, **settings) -> EncoderTraining:
    generator = networks["G_ema"]
    encoder, _ = make_encoder(generator, networks["D"], KWARGS, seed=0)
    made = EncoderSettings(**{"batch": 8, **settings})
    return EncoderTraining(encoder, average_of(encoder), generator, PixelPyramidFeatures(), made)


# -- the network and its file ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "channels", "rows"), [(8, 3, 4), (16, 1, 6), (64, 3, 10), (32, 3, 16)]
)
def test_a_row_of_latents_per_layer_comes_out(side, channels, rows) -> None:
    kwargs = {**KWARGS, "img_resolution": side, "img_channels": channels, "num_ws": rows}
    encoder = construct("encoder", kwargs)
    shapes = {name: tuple(held.shape) for name, held in encoder.state_dict().items()}
    assert differences(expected_shapes("encoder", kwargs), shapes) == []
    assert encoder(torch.zeros(2, channels, side, side)).shape == (2, rows, 8)


def test_larger_pictures_are_shrunk_by_area() -> None:
    encoder = construct("encoder", KWARGS).eval()
    small = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    large = small.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)
    assert torch.allclose(encoder(large), encoder(small), atol=1e-6)


def test_at_first_all_rows_are_alike() -> None:
    ws = construct("encoder", KWARGS)(torch.rand(2, 3, 8, 8))
    assert torch.equal(ws, ws[:, :1].expand(-1, 4, -1))


def test_coarse_rows_look_at_coarse_maps() -> None:
    assert [level_of_row(row, 10, 4) for row in range(10)] == [0, 0, 0, 1, 1, 2, 2, 2, 3, 3]


def test_it_is_kept_in_a_model_file(tmp_path) -> None:
    encoder = construct("encoder", KWARGS).eval()
    path = tmp_path / "e.safetensors"
    write_model(path, ModelFile({"E": NetworkRecord("encoder", KWARGS, encoder.state_dict())}))
    verify(path)
    read = stylegan_ext.load_all(path)["E"]
    assert isinstance(read, Encoder)
    seen = torch.rand(1, 3, 8, 8)
    assert torch.equal(read(seen), encoder(seen))
    with pytest.raises(CheckpointError, match="it holds E"):
        stylegan_ext.load(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"img_resolution": 4}, "8 px and more"),
        ({"img_resolution": 24}, "no power of two"),
        ({"num_ws": 0}, "not between"),
        ({"channel_base": None}, "channel_base is missing"),
    ],
)
def test_arguments_of_no_encoder_are_refused(change, words) -> None:
    with pytest.raises(MismatchError, match=words):
        expected_shapes("encoder", {**KWARGS, **change})


# -- coordinates -------------------------------------------------------------------------------


def test_latents_have_unit_spread_in_their_coordinates(networks) -> None:
    generator = networks["G_ema"]
    space = latent_space(generator)
    z = torch.randn(4000, 8, generator=torch.Generator().manual_seed(1))
    ws = generator.mapping(z)[:, 0]
    v = space.to_v(ws)
    assert torch.allclose(space.to_ws(v), ws, atol=1e-5)
    assert v.mean(dim=0).abs().max() < 0.1
    assert (v.std(dim=0) - 1).abs().max() < 0.1
    correlation = v.T.cov() - torch.eye(8)
    assert correlation.abs().max() < 0.15
    assert space.is_leaky


def test_a_mapping_without_leaky_relu_is_only_turned_and_scaled() -> None:
    torch.manual_seed(0)
    kwargs = {"z_dim": 4, "c_dim": 3, "w_dim": 4, "img_resolution": 8, "img_channels": 3}
    mapping = {"num_layers": 1, "activation": "linear"}
    generator = construct("stylegan2-generator", {**kwargs, "mapping_kwargs": mapping})
    space = latent_space(generator, samples=512)  # of three classes in turn
    assert not space.is_leaky
    v = torch.randn(5, 4)
    assert torch.allclose(space.to_v(space.to_ws(v)), v, atol=1e-4)
    assert torch.allclose(space.to_ws(2 * v) + space.to_ws(0 * v), 2 * space.to_ws(v), atol=1e-4)


# -- how it begins -----------------------------------------------------------------------------


def test_it_begins_with_the_trunk_of_the_discriminator(networks) -> None:
    encoder, is_warm = make_encoder(networks["G_ema"], networks["D"], KWARGS)
    judge = networks["D"].state_dict()
    assert is_warm
    assert torch.equal(encoder.state_dict()["b8.conv1.weight"], judge["b8.conv1.weight"])
    cold, was_warm = make_encoder(networks["G_ema"], None, KWARGS)
    assert not was_warm
    assert not torch.equal(cold.state_dict()["b8.conv1.weight"], judge["b8.conv1.weight"])
    narrower = {**KWARGS, "channel_max": 7, "channel_base": 56}
    assert not make_encoder(networks["G_ema"], networks["D"], narrower)[1]


def test_it_is_as_wide_as_a_narrow_discriminator_and_never_wide(networks) -> None:
    generator = networks["G_ema"]
    narrow = encoder_kwargs(generator, {"channel_base": 64, "channel_max": 8})
    assert (narrow["channel_base"], narrow["channel_max"]) == (64, 8)
    assert (narrow["num_ws"], narrow["w_dim"], narrow["img_resolution"]) == (4, 8, 8)
    wide = encoder_kwargs(generator, {})  # the official widths, 32768 and 512
    assert wide["channel_max"] <= 128
    assert encoder_kwargs(generator, None) == wide


def test_at_64_px_it_is_smaller_than_three_megabytes() -> None:
    kwargs = {
        **encoder_kwargs(construct("stylegan2-generator", GENERATOR_64), None),
        "num_ws": 10,
    }
    shapes = expected_shapes("encoder", kwargs)
    numbers = sum(torch.Size(shape).numel() for shape in shapes.values())
    assert 2 * numbers < 3_000_000


GENERATOR_64 = {
    "z_dim": 128,
    "c_dim": 0,
    "w_dim": 128,
    "img_resolution": 64,
    "img_channels": 3,
    "mapping_kwargs": {"num_layers": 4},
    "synthesis_kwargs": {"channel_base": 256, "channel_max": 4},  # no matter here
}


# -- training ----------------------------------------------------------------------------------


def test_latents_of_samples_are_recovered(networks) -> None:
    training = training_of(networks, samples_kimg=1e9, mixing=0.0, learning_rate=0.02)
    generator, encoder = networks["G_ema"], training.encoder
    z = torch.randn(64, 8, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        ws = generator.mapping(z)
        pictures = generator.synthesis(ws)
        variance = (ws - ws.mean(dim=0)).square().mean()

    def missed() -> float:
        with torch.no_grad():
            return float((encoder(pictures) - ws).square().mean() / variance)

    before = missed()
    for _ in range(50):
        training.iterate(None)
    assert missed() < 0.4 < before  # of the variance: 1 would be the middle for all


def test_photos_come_after_samples_and_half_of_the_batch(networks) -> None:
    training = training_of(networks, samples_kimg=0.016)
    assert training.photos_per_batch == 0
    training.iterate(None)
    training.iterate(None)
    assert training.photos_per_batch == 4
    training.iterate(torch.zeros(4, 3, 8, 8, dtype=torch.uint8))
    stats = training.take_stats()
    assert stats["Loss/latent"]["num"] == 8 + 8 + 4
    assert stats["Loss/photo/likeness"]["num"] == 4
    assert training.take_stats() == {}


def test_photos_are_learned(networks) -> None:
    training = training_of(networks, samples_kimg=0.0, learning_rate=0.01)
    photo = torch.full((3, 8, 8), 40, dtype=torch.uint8)
    photo[0, :4] = 200
    batch = photo.expand(4, -1, -1, -1)
    likeness = []
    for _ in range(25):
        training.iterate(batch)
        likeness.append(training.take_stats()["Loss/photo/likeness"]["mean"])
    assert likeness[-1] < 0.5 * likeness[0]


def test_rows_stay_together_where_they_are_held(networks) -> None:
    spread = []
    for weight in (0.0, 100.0):
        training = training_of(
            networks, samples_kimg=0.0, spread_weight=weight, latent_weight=0.0, learning_rate=0.01
        )
        photos = torch.randint(
            0, 256, (4, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
        )
        for _ in range(12):
            training.iterate(photos)
        spread.append(training.take_stats()["Loss/photo/spread"]["mean"])
    assert spread[1] < 0.2 * spread[0]


def test_what_is_random_depends_on_seed_and_iteration_alone(networks) -> None:
    one, other, third = (training_of(networks, seed=seed) for seed in (3, 3, 4))
    one.iterate(None)
    torch.rand(17)
    other.iterate(None)
    third.iterate(None)
    held = [training.tensors()["E.code.weight"] for training in (one, other, third)]
    assert torch.equal(held[0], held[1])
    assert not torch.equal(held[0], held[2])


def test_the_average_follows(networks) -> None:
    training = training_of(networks)
    before = training.average.code.weight.clone()
    for _ in range(3):
        training.iterate(None)
    now = training.average.code.weight
    assert not torch.equal(now, before)
    assert not training.average.training
    assert replace(training.settings, seed=1) != training.settings


def test_frozen_blocks_stay_as_they_begin() -> None:
    generator = construct("stylegan2-generator", {**GENERATOR_64, "img_resolution": 16})
    kwargs = {**KWARGS, "img_resolution": 16, "num_ws": 6, "w_dim": 128}
    encoder, _ = make_encoder(generator, None, kwargs)
    before = {name: held.clone() for name, held in encoder.state_dict().items()}
    training = EncoderTraining(
        encoder,
        average_of(encoder),
        generator,
        PixelPyramidFeatures(),
        EncoderSettings(batch=2, frozen_levels=1),
    )
    training.iterate(None)
    after = encoder.state_dict()
    moved = {
        name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])
    }
    assert "b16" not in moved
    assert {"b8", "squeeze", "code", "common"} <= moved
    assert not any("b16" in name for name in training.tensors() if name.startswith("adam."))

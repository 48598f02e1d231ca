"""Faces into a model: the quick search, the encoder it begins with, and whose encoder it is."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from support.small_models import write_small_model

import stylegan_ext
from artstyle import images
from artstyle.errors import UsageError
from artstyle.events import Note, Progress
from artstyle.pipeline.encode import Inverter, find_encoder, invert_faces
from artstyle.pipeline.encode.find import check_encoder, identity_of
from stylegan_ext.checkpoint import read_model, write_model
from stylegan_ext.errors import MismatchError, ParameterError
from stylegan_ext.features import PixelPyramidFeatures
from stylegan_ext.inversion import InversionSettings, invert
from stylegan_ext.latent_space import latent_space
from stylegan_ext.records import ModelFile, NetworkRecord, Provenance
from stylegan_ext.training.encoder_start import encoder_kwargs, make_encoder


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_small_model(tmp_path_factory.mktemp("models") / "people.safetensors")


@pytest.fixture(scope="module")
def generator(base):
    return stylegan_ext.load(base)


@pytest.fixture(scope="module")
def faces(generator):
    """Four pictures that the generator can draw: [4, 8, 8, 3] uint8."""
    z = torch.randn(4, 8, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        return images.from_batch(generator(z))


def write_encoder_of(base, path):
    generator = stylegan_ext.load(base)
    kwargs = encoder_kwargs(generator, {"channel_base": 64, "channel_max": 8})
    encoder, _ = make_encoder(generator, None, kwargs)
    record = NetworkRecord("encoder", kwargs, dict(encoder.state_dict()))
    write_model(path, ModelFile({"E": record}, Provenance(notes={"base": identity_of(base)})))
    return path


def rmse(one, other):
    difference = one.astype(float) - other.astype(float)
    return np.sqrt(np.square(difference).mean(axis=(1, 2, 3)))


# -- the search --------------------------------------------------------------------------------


def test_what_is_found_is_more_alike_than_the_middle(base, faces) -> None:
    middle = invert_faces(faces, base, encoder=None, steps=0)
    found = invert_faces(faces, base, encoder=None, steps=16)
    assert found.ws.shape == (4, 4, 8)
    assert found.images.shape == (4, 8, 8, 3)
    assert (np.array(found.pixel_rmse) < 0.6 * np.array(middle.pixel_rmse)).all()
    assert (np.array(found.perceptual_distance) < np.array(middle.perceptual_distance)).all()
    assert (rmse(found.images, faces) < 0.6 * rmse(middle.images, faces)).all()


def test_figures_and_pictures_are_those_of_the_latents(base, generator, faces) -> None:
    found = invert_faces(faces[:2], base, encoder=None, steps=5)
    with torch.no_grad():
        drawn = images.from_batch(generator.synthesis(found.ws))
    assert np.abs(drawn.astype(int) - found.images).max() <= 1
    assert np.allclose(found.pixel_rmse, rmse(drawn, faces[:2]), atol=1.0)


def test_a_face_gets_the_same_latents_in_any_company(base, faces) -> None:
    inverter = Inverter(base, encoder=None)
    together = inverter(faces, steps=4)
    for number in range(4):
        alone = inverter(faces[number : number + 1], steps=4)
        assert torch.allclose(alone.ws[0], together.ws[number], atol=1e-4)


def test_more_faces_than_fit_in_a_batch_keep_their_order(base, faces, monkeypatch) -> None:
    from artstyle.pipeline.encode import invert as module

    whole = invert_faces(faces, base, encoder=None, steps=3)
    monkeypatch.setattr(module, "AT_ONCE", 1)
    told = []
    parts = invert_faces(faces, base, encoder=None, steps=3, emit=told.append)
    assert torch.allclose(parts.ws, whole.ws, atol=1e-4)
    counted = [(event.done, event.total) for event in told if isinstance(event, Progress)]
    assert counted == [(step, 4 * 8) for step in range(1, 33)]  # 8 steps for each of 4 batches


def test_lanes_give_what_one_after_the_other_gives(base, faces, monkeypatch) -> None:
    from artstyle.pipeline.encode import invert as module

    inverter = Inverter(base, encoder=None)
    before = torch.get_num_threads()
    monkeypatch.setattr(module, "lanes_for", lambda *_: 2)
    lanes = inverter(faces, steps=2, tuning=3)
    assert torch.get_num_threads() == before
    monkeypatch.setattr(module, "lanes_for", lambda *_: None)
    plain = inverter(faces, steps=2, tuning=3)
    assert torch.allclose(lanes.ws, plain.ws, atol=1e-4)
    assert np.allclose(lanes.pixel_rmse, plain.pixel_rmse, atol=0.1)
    for one, other in zip(lanes.changes, plain.changes, strict=True):
        assert all(torch.allclose(part, other[name], atol=1e-3) for name, part in one.items())


def test_bending_the_base_changes_how_faces_are_searched(base, faces) -> None:
    inverter = Inverter(base, encoder=None)
    usual, pivot = inverter.settings_for(), inverter.settings_for(tuning=5)
    assert usual.steps > pivot.steps > 0
    assert pivot.prior_weight > usual.prior_weight
    assert inverter.settings_for(7, 5).steps == inverter.steps_of(7)
    bent, found = inverter(faces, steps=4, tuning=20), inverter(faces, steps=4)
    assert np.mean(bent.pixel_rmse) < 0.95 * np.mean(found.pixel_rmse)
    # Both distances are in the features of the search, so that they can be compared; the pictures
    # that are returned were clamped since.
    drawn, wanted = (inverter.features(images.to_tensor(x)) for x in (bent.images, faces))
    apart = (drawn - wanted).square().sum(dim=1)
    assert bent.perceptual_distance == pytest.approx(apart.tolist(), rel=0.4)


def test_latents_are_held_near_the_middle(generator, faces) -> None:
    targets = images.to_tensor(faces)
    features = PixelPyramidFeatures()
    space = latent_space(generator)
    far = []
    for weight in (0.0, 10.0):
        settings = InversionSettings(steps=15, prior_weight=weight, spread_weight=0.0)
        ws = invert(generator, targets, features, settings, space=space).ws
        far.append(float(space.to_v(ws).square().mean()))
    assert far[1] < 0.2 * far[0]


def test_rows_are_held_together(generator, faces) -> None:
    targets = images.to_tensor(faces)
    apart = []
    for weight in (0.0, 10.0):
        settings = InversionSettings(steps=15, spread_weight=weight)
        ws = invert(generator, targets, PixelPyramidFeatures(), settings).ws
        apart.append(float((ws - ws.mean(dim=1, keepdim=True)).square().mean()))
    assert apart[1] < 0.2 * apart[0]


def test_what_does_not_fit_is_refused(base, generator, faces) -> None:
    targets = images.to_tensor(faces)
    with pytest.raises(MismatchError, match="the model draws"):
        invert(generator, targets[..., :4, :4], PixelPyramidFeatures(), InversionSettings())
    start = torch.zeros(4, 3, 8)
    with pytest.raises(MismatchError, match="the start is"):
        invert(generator, targets, PixelPyramidFeatures(), InversionSettings(), start=start)
    with pytest.raises(ParameterError, match="steps"):
        InversionSettings(steps=-1)
    for wrong in (faces.astype(np.float32), faces[0], faces[:, :4], faces[:0]):
        with pytest.raises(UsageError):
            invert_faces(wrong, base, encoder=None, steps=1)


def test_larger_faces_are_resized(base, faces) -> None:
    large = np.stack([images.resize_lanczos(face, 48, 48) for face in faces[:1]])
    found = invert_faces(large, base, encoder=None, steps=2)
    assert found.images.shape == (1, 8, 8, 3)


# -- with an encoder ---------------------------------------------------------------------------


def test_the_search_begins_with_what_the_encoder_says(base, faces, tmp_path) -> None:
    path = write_encoder_of(base, tmp_path / "e.safetensors")
    inverter = Inverter(base, encoder=path)
    said = inverter.encode(faces)
    assert torch.equal(inverter(faces, steps=0).ws, said)
    moved = inverter(faces, steps=1).ws
    assert 0 < float((moved - said).abs().max()) < 1.0
    assert json.dumps(inverter(faces, steps=1).record)
    assert inverter(faces, steps=1).record["how"] == "encoder, then search"
    assert inverter.steps_of(60) == 60


def test_without_one_more_steps_are_taken_and_it_is_said(base, faces) -> None:
    inverter = Inverter(base, encoder="auto")
    assert inverter.steps_of(60) == 150
    record = inverter(faces[:1], steps=2).record
    assert record["settings"]["steps"] == 5
    assert "no encoder" in record["how"]
    assert record["encoder"] is None
    assert record["features"] == "discriminator"
    with pytest.raises(UsageError, match="has no encoder"):
        inverter.encode(faces)


def test_it_is_found_beside_the_base_and_in_the_workspace(base, tmp_path, workspace) -> None:
    copy = tmp_path / "people.safetensors"
    copy.write_bytes(base.read_bytes())
    assert find_encoder(copy, workspace) is None
    held = write_encoder_of(base, workspace / "models" / "people-encoder.safetensors")
    assert find_encoder(copy, workspace) == held
    assert find_encoder(copy) is None
    beside = write_encoder_of(base, tmp_path / "people-encoder.safetensors")
    assert find_encoder(copy, workspace) == beside


def test_an_encoder_of_another_model_is_refused(base, faces, tmp_path) -> None:
    other = write_small_model(tmp_path / "somebody.safetensors", seed=1)
    foreign = write_encoder_of(base, tmp_path / "somebody-encoder.safetensors")
    with pytest.raises(UsageError, match="was trained for another model"):
        invert_faces(faces, other, encoder=foreign, steps=1)
    told = []
    assert find_encoder(other, emit=told.append) is None
    assert [event.level for event in told if isinstance(event, Note)] == ["warning"]
    assert "is left out" in told[0].text
    with pytest.raises(UsageError, match="holds no encoder, but G_ema"):
        check_encoder(base, base)


def test_a_base_in_half_precision_keeps_its_encoder(base, tmp_path) -> None:
    model = read_model(base)
    half = {
        name: NetworkRecord(
            record.kind,
            record.kwargs,
            {key: held.to(torch.float16) for key, held in record.tensors.items()},
        )
        for name, record in model.networks.items()
        if name == "G_ema"
    }
    small = tmp_path / "people.safetensors"
    write_model(small, ModelFile(half, Provenance()))
    path = write_encoder_of(base, tmp_path / "people-encoder.safetensors")
    assert find_encoder(small) == path

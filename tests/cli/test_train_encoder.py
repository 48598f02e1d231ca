"""`artstyle train-encoder` and `artstyle project --encoder` as a user calls them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.small_models import write_small_model
from support.training import write_dataset

TINY = ["--batch", 4, "--kimg", 0.008, "--samples-kimg", 0.004]


@pytest.fixture
def place(workspace: Path) -> Path:
    write_small_model(workspace / "models" / "people.safetensors", licence="CC0-1.0")
    write_dataset(workspace / "photos.zip", side=8, count=6)
    return workspace


def trained(cli, place: Path, *more):
    words = ["--workspace", place, "train-encoder", "--base", "people"]
    return cli(*words, "--photos", place / "photos.zip", *TINY, *more)


def test_it_says_what_it_reached(cli, place) -> None:
    done = trained(cli, place, "--json")
    assert done.exit_code == 0, done.stderr
    said = done.json()
    assert said["encoder"] == str(place / "models" / "people-encoder.safetensors")
    assert said["kimg"] == 0.008
    assert set(said["figures"]) == {"Held-out/feature_distance", "Held-out/pixel_rmse"}
    again = trained(cli, place)
    assert again.exit_code == 0, again.stderr
    assert "people-encoder.safetensors: 0.0 kimg" in again.stdout
    assert "held-out photos: feature distance" in again.stdout
    card = cli("--workspace", place, "models", "card", "people-encoder")
    assert "- kind: encoder" in card.stdout


def test_dry_run_and_wrong_use(cli, place) -> None:
    plan = trained(cli, place, "--dry-run")
    assert plan.exit_code == 0, plan.stderr
    assert "s/kimg with photos" in plan.stdout
    assert not (place / "runs").exists() or not any((place / "runs").iterdir())
    both = trained(cli, place, "--no-photos")
    assert both.exit_code == 2
    assert "--no-photos says that there are none" in both.stderr
    faults = trained(cli, place, "--lr", 0)
    assert faults.exit_code == 1
    assert "learning_rate" in faults.stderr
    absent = cli("--workspace", place, "train-encoder", "--base", "nobody")
    assert absent.exit_code == 1
    assert "there is no model 'nobody'" in absent.stderr


def test_a_projection_begins_with_what_the_encoder_says(cli, place, tmp_path) -> None:
    assert trained(cli, place).exit_code == 0
    photo = tmp_path / "me.png"
    noise = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(noise).save(photo)
    words = ["--workspace", place, "project", photo, "--model", "people", "--fit", "exact"]

    def projected(name: str, *more):
        done = cli(*words, "--steps", 1, "--lr", 1e-9, "--out", tmp_path / name, *more)
        assert done.exit_code == 0, done.stderr
        return json.loads((tmp_path / name / "me" / "projection.json").read_text())

    plus = projected("plus", "--space", "w+")
    assert "encoder_sha256" in plus["identity"]
    none = projected("none", "--space", "w+", "--encoder", "none")
    assert "encoder_sha256" not in none["identity"]
    assert plus["losses"] != none["losses"]
    assert "encoder_sha256" not in projected("w")["identity"]  # the official algorithm
    named = place / "models" / "people-encoder.safetensors"
    assert "encoder_sha256" in projected("named", "--encoder", named)["identity"]
    plan = cli(*words, "--space", "w+", "--out", tmp_path / "plan", "--dry-run")
    assert "150 steps in w+ from the guess of" in plan.stdout


def test_an_encoder_of_another_model_is_refused(cli, place, tmp_path) -> None:
    assert trained(cli, place).exit_code == 0
    write_small_model(place / "models" / "other.safetensors", seed=3)
    photo = tmp_path / "me.png"
    Image.new("RGB", (8, 8)).save(photo)
    words = ["--workspace", place, "project", photo, "--model", "other", "--fit", "exact"]
    words += ["--space", "w+", "--out", tmp_path / "out", "--steps", 1]
    refused = cli(*words, "--encoder", place / "models" / "people-encoder.safetensors")
    assert refused.exit_code == 2
    assert "was trained for another model (it says 'people')" in refused.stderr
    absent = cli(*words, "--encoder", tmp_path / "nothing.safetensors")
    assert absent.exit_code == 2
    assert "there is no encoder" in absent.stderr


def test_a_photo_without_a_face(cli, place, tmp_path) -> None:
    photo = tmp_path / "wall.png"
    Image.new("RGB", (40, 30), (90, 120, 70)).save(photo)
    words = ["--workspace", place, "project", photo, "--model", "people", "--steps", 1]
    refused = cli(*words, "--fit", "face", "--out", tmp_path / "face")
    assert refused.exit_code == 1
    assert "no face was found" in refused.stderr
    told = cli(*words, "--out", tmp_path / "auto")
    assert told.exit_code == 0, told.stderr
    assert "no face was seen" in told.stderr
    record = json.loads((tmp_path / "auto" / "wall" / "projection.json").read_text())
    assert record["fitted"] == {"how": "square"}
    wrong = cli(*words, "--fit", "square", "--face", 1, "--out", tmp_path / "wrong")
    assert wrong.exit_code == 2


def test_a_face_is_aligned_as_the_models_pictures_were(cli, place, tmp_path) -> None:
    from artstyle.pipeline.project_fit import Fitter, is_of_faces

    photo = Path(__file__).parents[2] / "artstyle" / "starter" / "photos" / "astronaut.jpg"
    face = Fitter(32, "auto", {})(photo)
    assert face.how == "face"
    assert face.facts["number"] == 1
    assert face.pixels.shape == (32, 32, 3)
    square = Fitter(32, "square", {})(photo)
    assert np.abs(face.pixels.astype(int) - square.pixels).mean() > 10
    assert Fitter(32, "auto", {"alignment": "afhq"})(photo).how == "square"
    assert is_of_faces({"alignment": "ffhq"})
    assert not is_of_faces({"alignment": "none"})

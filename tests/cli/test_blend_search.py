from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from support.generators import write_generator

from artstyle.files import sha256_of
from artstyle.images import write_png
from artstyle.pipeline.evaluate.pictures import DrawnPictures
from artstyle.pipeline.search.settings import read_swap, swap_at
from artstyle.pipeline.search.store import NAME
from stylegan_ext.blend import mix
from stylegan_ext.checkpoint import load, read_model, write_model
from stylegan_ext.records import ModelFile, Provenance

QUICK = ("--likeness", "look", "--style-space", "scatter", "--people", 4, "--budget", 30)
QUICK += ("--device", "cpu")


@pytest.fixture
def models(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a base and a style that lies between it and a stranger; 16 px."""
    monkeypatch.setattr("artstyle.pipeline.search.reference.OWN", 24)  # quicker to draw
    folder = workspace / "models"
    base = read_model(write_generator(folder / "people.safetensors"))
    other = read_model(write_generator(workspace / "other.safetensors", seed=5))
    mine, theirs = base.generator(), other.generator()
    tensors = {
        name: mix(tensor, theirs.tensors[name], 0.4 if "synthesis" in name else 0.0)
        for name, tensor in mine.tensors.items()
    }
    model = ModelFile({"G_ema": replace(mine, tensors=tensors)}, Provenance(licence="CC0-1.0"))
    write_model(folder / "toon.safetensors", model)
    return workspace


def search(cli, models, *more):
    return cli("blend", "people", "toon", "--search", *QUICK, "--workspace", models, *more)


def test_a_search_writes_the_swap_file_a_plot_and_a_sheet(cli, models):
    outcome = search(cli, models, "--json")
    assert outcome.exit_code == 0, outcome.stderr
    assert "no photos were given: the search looks at 4 samples of the base" in outcome.stderr
    assert "what it draws itself stands for its style" in outcome.stderr
    said = outcome.json()
    path = models / "models" / "toon.swap.json"
    assert said["swap"] == str(path)
    swap = read_swap(path)
    assert swap.base_sha256 == sha256_of(models / "models" / "people.safetensors")
    assert swap.photos == 4
    assert swap.front[0].weights == "4-16:0"
    assert (swap.front[0].strength, swap.front[0].style, swap.front[0].likeness) == (0, 0, 1)
    assert swap.front[-1].strength == 1
    styles = [point.style for point in swap.front]
    assert styles == sorted(styles)
    assert swap.measured_in["likeness_descriptor"] == "look"
    assert swap.measured_in["style_space"] == "scatter"
    assert len(swap.measured_in["walk"]) in (11, 12)
    folder = models / "reports" / "swap" / "toon"
    assert len((folder / NAME).read_text().splitlines()) <= 1 + 30
    for name, least in (("front.png", (1000, 700)), ("sheet.png", (1000, 400))):
        with Image.open(folder / name) as picture:
            assert picture.size >= least
            assert len(picture.convert("RGB").getcolors(1 << 24)) > 100
    with Image.open(folder / "sheet.png") as picture:
        lineage = json.loads(picture.info["artstyle"])
    assert lineage["strengths"]["0"] == "4-16:0"

    before = {file: file.stat() for file in (path, *folder.iterdir())}
    again = search(cli, models)
    assert f"is there already: {path}" in again.stdout
    assert {file: file.stat() for file in before} == before


def test_a_search_that_was_broken_off_ends_as_an_undisturbed_one(cli, models):
    assert search(cli, models).exit_code == 0
    path, folder = models / "models" / "toon.swap.json", models / "reports" / "swap" / "toon"
    whole, lines = path.read_bytes(), (folder / NAME).read_bytes().splitlines(keepends=True)
    pictures = [(folder / name).read_bytes() for name in ("front.png", "sheet.png")]
    path.unlink()
    (folder / "front.png").unlink()
    (folder / NAME).write_bytes(b"".join(lines[:9]) + lines[9][:20])
    assert search(cli, models).exit_code == 0
    assert path.read_bytes() == whole
    assert (folder / NAME).read_bytes() == b"".join(lines)
    assert [(folder / name).read_bytes() for name in ("front.png", "sheet.png")] == pictures


def test_strength_blends_along_the_front_and_the_card_shows_it(cli, models, tmp_path):
    search(cli, models)
    swap = read_swap(models / "models" / "toon.swap.json")
    shares = []
    for strength in (0, 0.3, 0.7, 1):
        out = tmp_path / f"{strength}.safetensors"
        words = ("--strength", strength, "--out", out, "--workspace", models, "--json")
        outcome = cli("blend", "people", "toon", *words)
        assert outcome.exit_code == 0, outcome.stderr
        assert swap_at(swap, strength) in outcome.json()["rule"]
        shares.append(list(outcome.json()["shares"].values()))
    assert shares[0] == [0.0] * 5
    for weak, strong in pairwise(shares):
        assert all(a <= b for a, b in zip(weak, strong, strict=True))
    assert sum(shares[1]) < sum(shares[2])

    card = cli("models", "card", "toon", "--workspace", models)
    assert "## Laid over people" in card.stdout
    for point in swap.front:
        row = f"| {point.likeness:.2f} | {point.style:.2f} | {point.weights} |"
        assert row in card.stdout
    assert "(default)" in card.stdout

    stranger = write_generator(models / "models" / "stranger.safetensors", seed=9)
    (models / "models" / "stranger.swap.json").write_bytes(
        (models / "models" / "toon.swap.json").read_bytes()
    )
    out = ("--out", tmp_path / "x.safetensors", "--workspace", models)
    outcome = cli("blend", "people", stranger, "--strength", 0.5, *out)
    assert outcome.exit_code == 2
    assert "it was found for another style" in outcome.stderr
    assert "artstyle blend people stranger --search" in outcome.stderr
    card = cli("models", "card", "stranger", "--workspace", models)
    assert "Laid over" not in card.stdout
    assert "left out of the card" in card.stderr


def test_photos_are_projections_of_this_base_or_faces(cli, models, tmp_path):
    base = models / "models" / "people.safetensors"
    folder = tmp_path / "projected"
    for number in range(5):
        place = folder / f"photo{number}"
        place.mkdir(parents=True)
        ws = torch.randn(1, 8, generator=torch.Generator().manual_seed(number)).expand(6, -1)
        identity = json.dumps({"model_sha256": sha256_of(base)})
        save_file({"ws": ws.contiguous()}, place / "projection.safetensors", {"identity": identity})
    outcome = search(cli, models, "--photos", folder, "--json")
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.json()["measured_in"]["people"] == "4 projections of projected"

    save_file({"ws": ws.contiguous()}, place / "projection.safetensors", {"identity": "{}"})
    outcome = search(cli, models, "--photos", folder)
    assert outcome.exit_code == 2
    assert "1 of 5 projections" in outcome.stderr
    assert "are into another model than" in outcome.stderr

    faces = tmp_path / "faces"
    dice = np.random.default_rng(0)
    for number in range(3):
        write_png(faces / f"{number}.png", dice.integers(0, 255, (16, 16, 3)).astype(np.uint8))
    outcome = search(cli, models, "--photos", faces)
    assert outcome.exit_code == 2
    assert "holds 3 faces, too few to measure with: 4 at least" in outcome.stderr
    write_png(faces / "wide.png", np.zeros((16, 20, 3), np.uint8))
    outcome = search(cli, models, "--photos", faces)
    assert "a picture of 20 x 16 px is no aligned face" in outcome.stderr


def test_the_dataset_that_the_style_names_is_found_and_used(cli, models, tmp_path):
    folder = models / "datasets" / "toon" / "zips"
    pictures = tmp_path / "drawn"
    toon = load(models / "models" / "toon.safetensors")
    for number, picture in enumerate(DrawnPictures("toon", toon, "", 20).read(0, 20)):
        write_png(pictures / f"{number}.png", picture)
    zipped = folder / "toon-16-train.zip"
    outcome = cli("build", "--from", pictures, "--size", 16, "--out", zipped, "--workspace", models)
    assert outcome.exit_code == 0, outcome.stderr
    model = models / "models" / "toon.safetensors"
    held = read_model(model)
    networks = {
        name: replace(one, tensors={key: tensor.clone() for key, tensor in one.tensors.items()})
        for name, one in held.networks.items()
    }
    notes = {"dataset": zipped.name, "dataset_sha256": sha256_of(zipped), "style": "toon"}
    write_model(model, ModelFile(networks, held.provenance.with_notes(**notes)))
    outcome = search(cli, models, "--json")
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.json()["measured_in"]["style_pictures"] == "20 of toon-16-train.zip"
    assert "stands for its style" not in outcome.stderr


def test_a_style_that_has_learned_little_is_told(cli, models, monkeypatch):
    monkeypatch.setattr("artstyle.pipeline.search.bench.HARDLY", 0.0)
    drawn = models / "drawn"
    pictures = DrawnPictures("toon", load(models / "models" / "toon.safetensors"), "", 99)
    for number, picture in enumerate(pictures.read(60, 76)):
        write_png(drawn / f"{number}.png", picture)
    outcome = search(cli, models, "--style-pictures", drawn)
    assert outcome.exit_code == 0, outcome.stderr
    assert "search again when it has been trained longer" in outcome.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "m.safetensors"], "it does not take --out"),
        (["--resolution", 8, "--strength", 0.5], "it does not take --resolution, --strength"),
        (["--budget", 5], "a budget of 5"),
        (["--likeness", "x"], "'x' is not one of"),
    ],
)
def test_what_does_not_go_with_a_search_is_refused(cli, models, words, said):
    outcome = search(cli, models, *words)
    assert outcome.exit_code == 2
    assert said in outcome.stderr
    assert not (models / "models" / "toon.swap.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--out is missing"),
        (["--out", "m.safetensors", "--budget", 40], "--budget: for a search only"),
        (["--out", "m.safetensors", "--strength", 0.5], "was not searched"),
        (["--out", "m.safetensors", "--strength", 2], "is not in the range"),
        (["--out", "m.safetensors", "--strength", 0.5, "--width", 1], "stands for all shares"),
    ],
)
def test_what_does_not_go_without_one_is_refused(cli, models, tmp_path, words, said):
    outcome = cli("blend", "people", "toon", *words, "--workspace", models, cwd=tmp_path)
    assert outcome.exit_code == 2
    assert said in outcome.stderr
    assert list(tmp_path.glob("*.safetensors")) == []


def test_a_style_that_cannot_be_told_from_the_base_is_refused(cli, models):
    folder = models / "models"
    (folder / "same.safetensors").write_bytes((folder / "people.safetensors").read_bytes())
    outcome = cli("blend", "people", "same", "--search", *QUICK, "--workspace", models)
    assert outcome.exit_code == 1
    assert "no swap of the" in outcome.stderr
    assert not (folder / "same.swap.json").exists()

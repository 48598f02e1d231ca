"""`artstyle train` and `artstyle finetune` as a user types them, at 16 px."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from support.generators import write_generator
from support.training import TINY, write_dataset

from artstyle.catalog import open_catalog
from stylegan_ext.checkpoint import read_model
from stylegan_ext.header import read_header

SHAPE = [
    word
    for name in ("channel_base", "channel_max", "latent_dim", "mapping_layers")
    for word in (f"--{name.replace('_', '-')}", TINY[name])
]
QUICK = ["--config", "small", "--batch", 4, "--device", "cpu", "--kimg", 0.016]


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    """A run that trained four iterations."""
    from artstyle.cli import status

    folder = tmp_path_factory.mktemp("base")
    write_dataset(folder / "faces-16-train.zip")
    words = ["--dataset", folder / "faces-16-train.zip", "--out", folder / "run"]
    words += [*QUICK, *SHAPE, "--workspace", folder]
    assert status(["train", *map(str, words), "-q"]) == 0
    return folder / "run"


def finetune(cli, workspace: Path, *words: object):
    return cli("finetune", "--workspace", workspace, *QUICK, *words)


def test_a_run_explains_itself(base):
    model = read_header(base / "latest.safetensors")
    assert list(model.networks) == ["G_ema", "G", "D"]
    assert model.networks["G"].kwargs["z_dim"] == 8
    assert model.provenance.notes["kimg"] == 0.016
    assert model.provenance.notes["pictures"] == 12
    assert (base / "command.txt").read_text().startswith("artstyle")
    assert 'style = "faces"' in (base / "recipe.toml").read_text()
    options = json.loads((base / "training_options.json").read_text())
    assert options["numbers"]["batch"] == 4
    assert options["loss"]["r1_gamma"] == pytest.approx(0.2 * (16 / 64) ** 2 * 16 / 4)
    assert json.loads((base / "state.json").read_text())["state"] == "finished"
    for name in ("reals.png", "fakes_init.png", "fakes_latest.png", "log.txt"):
        assert (base / name).is_file()
    assert list(base.glob("events.out.tfevents.*"))


def test_a_style_is_learned_from_a_pickle_of_other_tools(cli, workspace, base):
    """As with FFHQ's: the file is imported first, and the same training follows."""
    data = write_dataset(workspace / "ink.zip", count=6)
    pickled = workspace / "ffhq-like.pkl"
    done = cli("models", "export", base / "latest.safetensors", "--out", pickled)
    assert done.exit_code == 0, done.stderr
    lines = []
    for number, model in enumerate((base, pickled)):
        out = workspace / "runs" / f"ink{number}"
        words = ["--style", "ink", "--base", model, "--dataset", data, "--out", out, "--json"]
        done = finetune(cli, workspace, *words)
        assert done.exit_code == 0, done.stderr
        lines.append(read_model(out / "latest.safetensors"))
    for network in ("G", "G_ema", "D"):
        ours, theirs = (held.networks[network].tensors for held in lines)
        for name, tensor in ours.items():
            assert torch.equal(tensor, theirs[name]), f"{network}.{name}"
    assert lines[1].provenance.parents[0]["name"] == "ffhq-like"


def test_a_style_is_learned_from_a_run_and_found_in_the_catalog(cli, workspace, base):
    data = write_dataset(workspace / "ink.zip", count=6)
    words = ["--style", "ink", "--base", base, "--dataset", data, "--out", workspace / "runs/ink"]
    words += ["--freeze-d", 2, "--freeze", "G.mapping,G.synthesis.b4"]
    done = finetune(cli, workspace, *words, "--json")
    assert done.exit_code == 0, done.stderr
    assert done.json()["kimg"] == 0.016
    before, after = read_model(base / "latest.safetensors"), read_model(Path(done.json()["model"]))
    moved = {
        f"{name}.{key}"
        for name in ("G", "D")
        for key, held in after.networks[name].tensors.items()
        if not torch.equal(held, before.networks[name].tensors[key])
    }
    assert not [n for n in moved if n.startswith(("G.mapping.fc", "G.synthesis.b4."))]
    assert not [n for n in moved if n.startswith(("D.b16.fromrgb", "D.b16.conv0"))]
    assert "G.synthesis.b8.conv0.weight" in moved
    assert "D.b16.conv1.weight" in moved
    assert after.provenance.parents[0]["role"] == "base"
    at = ("--workspace", workspace)
    with open_catalog(workspace) as catalog:
        kinds = catalog.rows("SELECT kind, style FROM run")
        assert [tuple(row) for row in kinds] == [("finetune", "ink")]
    drawn = cli("generate", "--model", "ink", "--seeds", "0", "--out", workspace / "o", *at)
    assert drawn.exit_code == 0, drawn.stderr
    traced = cli("trace", done.json()["model"], "--workspace", workspace, "--json")
    assert '"role": "base"' in traced.stdout


def test_without_noise_inputs_nothing_is_drawn_by_noise(cli, workspace, base):
    data = write_dataset(workspace / "ink.zip", count=6)
    words = ["--style", "ink", "--base", base, "--dataset", data, "--out", workspace / "runs/ink"]
    told = finetune(cli, workspace, *words, "--no-noise", "--dry-run")
    assert "its noise inputs left out" in told.stdout
    done = finetune(cli, workspace, *words, "--no-noise", "--json")
    assert done.exit_code == 0, done.stderr
    made = read_model(Path(done.json()["model"]))
    for name in ("G", "G_ema"):
        assert not [key for key in made.networks[name].tensors if "noise" in key]
    other = finetune(cli, workspace, *words)
    assert "another recipe" in other.stderr  # with noise it would be another training
    words = ["--dataset", data, "--out", workspace / "runs/fresh", *SHAPE, "--no-noise"]
    fresh = cli("train", "--workspace", workspace, *QUICK, *words, "--json")
    assert fresh.exit_code == 0, fresh.stderr
    tensors = read_model(workspace / "runs/fresh/latest.safetensors").networks["G"].tensors
    assert not [key for key in tensors if "noise" in key]


def test_a_dry_run_says_the_plan_and_writes_nothing(cli, workspace, base):
    data = write_dataset(workspace / "ink.zip", side=32)
    words = ["--style", "ink", "--base", base, "--dataset", data, "--grow", "--dry-run"]
    done = cli("finetune", "--workspace", workspace, "--batch", 4, "--device", "cpu", *words)
    assert done.exit_code == 1  # 2 feature maps at 32 px are too few for D to begin as it is
    assert "needs 6" in done.stderr
    data = write_dataset(workspace / "small.zip", side=8)
    words = ["--style", "ink", "--base", base, "--dataset", data, "--crop", "--dry-run"]
    done = finetune(cli, workspace, *words)
    assert done.exit_code == 0, done.stderr
    assert "cropped from 16 to 8 px" in done.stdout
    assert "s/kimg measured" in done.stdout
    assert list((workspace / "runs").iterdir()) == []


def test_what_does_not_fit_is_said_all_at_once(cli, workspace, base):
    data = write_dataset(workspace / "grey.zip", side=32, grey=True)
    done = finetune(cli, workspace, "--style", "s", "--base", base, "--dataset", data)
    assert done.exit_code == 2
    assert "the dataset has 32 px and the base 16 px" in done.stderr
    assert "(--grow)" in done.stderr
    assert "'artstyle build --size 16'" in done.stderr
    assert "1 colour channels and the base 3" in done.stderr
    conditional = write_generator(workspace / "c.safetensors", c_dim=3)
    data = write_dataset(workspace / "plain.zip")
    done = finetune(cli, workspace, "--style", "s", "--base", conditional, "--dataset", data)
    assert "the base has 3 classes and the dataset no labels" in done.stderr


def test_several_styles_become_one_conditional_model(cli, workspace, base):
    for name, side in (("ink", 16), ("oil", 16), ("big", 32)):
        folder = workspace / "datasets" / name / "zips"
        folder.mkdir(parents=True)
        data = write_dataset(folder / f"{name}-{side}-train.zip", side=side, count=4)
        with open_catalog(workspace) as catalog:
            catalog.add_build(
                data,
                sha256=f"{len(name) + side:064x}",
                style=name,
                size_px=side,
                split="train",
                members={},
            )
    words = ["--style", "both", "--base", base, "--styles", "ink,oil", "--json"]
    done = finetune(cli, workspace, *words)
    assert done.exit_code == 0, done.stderr
    model = read_header(Path(done.json()["model"]))
    assert model.networks["G_ema"].kwargs["c_dim"] == 2
    assert model.provenance.notes["classes"] == ["ink", "oil"]
    assert model.provenance.notes["pictures"] == 8
    done = finetune(cli, workspace, "--style", "big", "--base", base)
    assert done.exit_code == 2
    assert "what was built is 32 px" in done.stderr
    assert "artstyle build --style big --size 16" in done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--style", "s"], "there is no recipe"),
        (["--style", "s", "--base", "nobody"], "there is no model 'nobody'"),
        (["--style", "s", "--base", "BASE"], "artstyle build --style s --size 16"),
        (["--style", "s", "--base", "BASE", "--freeze", "G.nose", "--dataset", "D"], "G.nose"),
        (["--style", "s", "--base", "BASE", "--freeze-d", 9, "--dataset", "D"], "9 layers of D"),
        (["--style", "s", "--base", "BASE", "--metric", "beauty", "--dataset", "D"], "'beauty'"),
        (["--style", "s", "--patience-kimg", 3], "there is no metric to wait for"),
    ],
)
def test_wrong_words_are_explained(cli, workspace, base, words, expected):
    data = write_dataset(workspace / "d.zip")
    words = [{"BASE": base, "D": data}.get(word, word) for word in words]
    done = finetune(cli, workspace, *words)
    assert done.exit_code in (1, 2)
    assert expected in done.stderr


def test_a_dataset_that_is_none_is_explained(cli, workspace):
    done = cli("train", "--dataset", workspace / "no.zip", "--workspace", workspace)
    assert done.exit_code == 2
    assert "artstyle build" in done.stderr
    odd = write_dataset(workspace / "odd.zip", side=20)
    done = cli("train", "--dataset", odd, "--workspace", workspace, "--device", "cpu")
    assert "powers of two" in done.stderr
    assert "--size 16" in done.stderr


def test_another_training_does_not_go_on_in_a_foreign_folder(cli, workspace, base):
    data = write_dataset(workspace / "other.zip", count=5)
    words = ["--dataset", data, "--out", base, *QUICK, *SHAPE, "--workspace", workspace]
    done = cli("train", *words)
    assert done.exit_code == 1
    assert "holds a run of another recipe" in done.stderr

"""`artstyle models import`, `export` and `random`, in-process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.foreign import generator2, generator3, whole_model

from artstyle.pipeline.models import summarise
from stylegan_ext.checkpoint import load, load_all, read_model, write_model
from stylegan_ext.convert import write_foreign
from stylegan_ext.networks import Discriminator, StyleGAN2Generator, StyleGAN3Generator
from stylegan_ext.records import ModelFile, Provenance


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    path = tmp_path / "network-snapshot-000240.pkl"
    write_foreign(path, whole_model())
    return path


def test_import_tells_what_it_found(snapshot: Path, cli: Any, tmp_path: Path) -> None:
    out = tmp_path / "models" / "mine.safetensors"
    done = cli("models", "import", snapshot, "--out", out)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == str(out)
    assert "G_ema  stylegan2-generator, 16 px, 3 channels, z 8, w 8, no labels" in lines[1]
    assert "D      stylegan2-discriminator, 16 px" in lines[3]
    assert "240 thousand pictures in training (from the file's name)" in done.stdout
    assert "licence  unknown" in done.stdout
    assert "licence is unknown" in done.stderr
    assert list(load_all(out)) == ["G_ema", "G", "D"]


def test_import_as_json_with_everything_said(snapshot: Path, cli: Any, tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    words = ("--licence", "CC BY 4.0", "--name", "Mine", "--networks", "G_ema, D", "--json")
    done = cli("models", "import", snapshot, "--out", out, *words)
    model = done.json()["model"]
    assert list(model["networks"]) == ["G_ema", "D"]
    assert model["networks"]["G_ema"]["resolution"] == 16
    assert model["networks"]["D"]["z_dim"] is None
    assert model["licence"] == "CC BY 4.0"
    assert model["kimg"] == 240
    assert model["notes"]["name"] == "Mine"
    assert model["notes"]["networks_left_out"] == ["G"]
    assert len(model["content_sha256"]) == len(model["source_sha256"]) == 64
    assert "licence" not in done.stderr


def test_a_second_import_does_nothing(snapshot: Path, cli: Any, tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    cli("models", "import", snapshot, "--out", out, "--licence", "MIT")
    before = out.stat().st_mtime_ns
    again = cli("models", "import", snapshot, "--out", out, "--licence", "MIT")
    assert again.exit_code == 0
    assert "is there already" in again.stderr
    assert out.stat().st_mtime_ns == before
    assert "licence  MIT" in again.stdout
    for words in (["--licence", "CC0"], ["--networks", "G"], ["--name", "x"]):
        done = cli("models", "import", snapshot, "--out", out, *words)
        assert done.exit_code == 0
        assert "is there already" not in done.stderr


def test_a_smaller_choice_is_widened_again(snapshot: Path, cli: Any, tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    cli("models", "import", snapshot, "--out", out, "--networks", "G_ema")
    cli("models", "import", snapshot, "--out", out)
    assert list(summarise(out).networks) == ["G_ema", "G", "D"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["{snapshot}", "--out", "{folder}/m.pkl"], 2, "a model file ends in .safetensors"),
        (["{snapshot}", "--out", "{folder}/m.safetensors", "--networks", "G,E"], 2, "network 'E'"),
        (["{snapshot}", "--out", "{folder}/m.safetensors", "--networks", ""], 2, "network ''"),
        (["{folder}/nothing.pkl", "--out", "{folder}/m.safetensors"], 2, "is no file"),
        (["{snapshot}"], 2, "--out"),
    ],
)
def test_wrong_use(
    words: list[str], code: int, message: str, *, snapshot: Path, cli: Any, tmp_path: Path
) -> None:
    filled = [word.format(snapshot=snapshot, folder=tmp_path) for word in words]
    done = cli("models", "import", *filled)
    assert done.exit_code == code
    assert message in done.stderr
    assert "hint:" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [snapshot.name]


def test_what_a_file_does_not_have(cli: Any, tmp_path: Path) -> None:
    source, out = tmp_path / "x.pkl", tmp_path / "m.safetensors"
    write_foreign(source, ModelFile({"G_ema": generator2()}))
    done = cli("models", "import", source, "--out", out, "--networks", "G_ema,D")
    assert done.exit_code == 1
    assert "has no D: it holds G_ema" in done.stderr
    assert "--networks G_ema" in done.stderr
    assert not out.exists()


def test_a_refusal_names_what_was_refused(cli: Any, tmp_path: Path) -> None:
    source, out = tmp_path / "x.pkl", tmp_path / "m.safetensors"
    source.write_bytes(b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00ls\x85R.")
    done = cli("models", "import", source, "--out", out)
    assert done.exit_code == 1
    assert f"error: {source}: refused posix.system" in done.stderr
    assert "nothing of the file was run" in done.stderr
    assert done.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["x.pkl"]


def test_import_killed_while_writing_leaves_nothing(
    snapshot: Path, cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stylegan_ext.files.os.fsync", interrupted)
    done = cli("models", "import", snapshot, "--out", tmp_path / "m.safetensors")
    assert done.exit_code == 130
    assert [path.name for path in tmp_path.iterdir()] == [snapshot.name]


def test_unknown_arguments_and_nan_are_warned_of(cli: Any, tmp_path: Path) -> None:
    record = generator2()
    record.tensors["mapping.fc1.bias"].fill_(float("nan"))
    notes = {"G_ema_unknown_arguments": ["fancy"]}
    source = tmp_path / "x.safetensors"
    write_model(source, ModelFile({"G_ema": record}, Provenance(notes=notes)))
    done = cli("models", "import", source, "--out", tmp_path / "m.safetensors", "--licence", "MIT")
    assert done.exit_code == 0
    assert "unknown here (fancy)" in done.stderr
    assert "NaN or infinity in 1 tensors, such as G_ema.mapping.fc1.bias" in done.stderr


def test_export_and_back(cli: Any, workspace: Path) -> None:
    path = workspace / "models" / "mine.safetensors"
    write_model(path, whole_model(licence="MIT"))
    out = workspace / "out" / "mine.pkl"
    done = cli("models", "export", "mine", "--out", out, "--json", "--workspace", workspace)
    assert done.exit_code == 0
    export = done.json()["export"]
    assert export["model"] == str(path)
    assert export["size_bytes"] == out.stat().st_size
    assert export["differences"] == []
    back = cli("models", "import", out, "--out", workspace / "back.safetensors", "--json").json()
    assert back["model"]["content_sha256"] == summarise(path).content_sha256
    assert back["model"]["licence"] == "MIT"


def test_export_says_what_is_lost_and_what_cannot_be(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    write_model(path, ModelFile({"G_ema": generator3()}))
    done = cli("models", "export", path, "--out", tmp_path / "m.pkl")
    assert done.exit_code == 0
    assert "there is no discriminator" in done.stderr
    done = cli("models", "export", path, "--out", tmp_path / "m.pt")
    assert done.exit_code == 1
    assert "it is a stylegan3-generator" in done.stderr
    assert "export to .pkl" in done.stderr
    done = cli("models", "export", path, "--out", tmp_path / "m.onnx")
    assert done.exit_code == 1
    assert "not as .onnx" in done.stderr
    done = cli("models", "export", "nobody", "--out", tmp_path / "n.pkl")
    assert done.exit_code == 1
    assert "nobody" in done.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["m.pkl", "m.safetensors"]


def test_random_models_can_be_drawn_with_at_once(cli: Any, tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    small = ("--channel-base", 64, "--channel-max", 8, "--latent-dim", 8, "--mapping-layers", 2)
    done = cli("models", "random", "--resolution", 16, "--out", out, *small)
    assert done.exit_code == 0
    assert "noise" in done.stderr
    networks = load_all(out)
    assert isinstance(networks["G_ema"], StyleGAN2Generator)
    assert isinstance(networks["D"], Discriminator)
    assert networks["G_ema"].mapping.num_layers == 2
    summary = summarise(out)
    assert summary.networks["G_ema"].w_dim == 8
    assert summary.notes["trained"] is False


@pytest.mark.parametrize("kind", ["stylegan2", "stylegan3-t", "stylegan3-r"])
def test_random_models_of_every_kind(kind: str, cli: Any, tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    words = ("--resolution", 16, "--channel-base", 64, "--channel-max", 8, "--classes", 3)
    done = cli("models", "random", "--kind", kind, *words, "--no-discriminator", "--out", out)
    assert done.exit_code == 0
    assert list(summarise(out).networks) == ["G_ema"]
    network = load(out)
    assert network.c_dim == 3
    if kind != "stylegan2":
        assert isinstance(network, StyleGAN3Generator)
        layer = network.synthesis.layer(network.synthesis.layer_names[0])
        radial = layer.down_filter is not None and layer.down_filter.ndim == 2
        assert radial == (kind == "stylegan3-r")
        assert layer.weight.shape[0] == (16 if radial else 8)


def test_random_models_depend_on_the_seed_alone(cli: Any, tmp_path: Path) -> None:
    import torch

    files = {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        torch.manual_seed(99)
        torch.rand(ord(name))
        files[name] = tmp_path / f"{name}.safetensors"
        cli("models", "random", "--resolution", 8, "--seed", seed, "--out", files[name])
    assert files["a"].read_bytes() == files["b"].read_bytes()
    a, c = read_model(files["a"]), read_model(files["c"])
    weight = "synthesis.b4.const"
    assert not torch.equal(a.networks["G_ema"].tensors[weight], c.networks["G_ema"].tensors[weight])


@pytest.mark.parametrize("resolution", [0, 3, 48, 1 << 20, -8])
def test_random_models_of_impossible_size(resolution: int, cli: Any, tmp_path: Path) -> None:
    done = cli("models", "random", "--resolution", resolution, "--out", tmp_path / "m.safetensors")
    assert done.exit_code in (1, 2)
    assert "img_resolution" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["import_", "export", "random"])
def test_the_commands_load_nothing_heavy(name: str) -> None:
    code = (
        f"import sys, artstyle.cli.models.{name}; "
        "print(json.dumps(sorted({'torch', 'numpy', 'rich', 'PIL'} & set(sys.modules))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", "import json; " + code], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []


def test_help_of_the_group_names_them(cli: Any) -> None:
    done = cli("models", "--help")
    assert done.exit_code == 0
    assert all(word in done.stdout for word in ("import", "export", "random"))

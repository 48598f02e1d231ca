"""`artstyle generate` as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from support.generators import write_generator

from artstyle.cli.generate import generate
from artstyle.pipeline.generate import film, settings
from stylegan_ext.latents import MIXED_ROWS


@pytest.fixture
def call(cli, workspace, tmp_path):
    """`artstyle generate ... --out out` in a workspace with three models; gives the outcome."""
    models = workspace / "models"
    write_generator(models / "base.safetensors")
    write_generator(models / "style.safetensors", seed=1)
    write_generator(models / "cond.safetensors", seed=2, c_dim=3)

    def run(*words, out="out"):
        return cli("generate", *words, "--out", out, "--workspace", workspace, cwd=tmp_path)

    return run


def files_of(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def test_pictures_a_sheet_and_a_record(call, tmp_path):
    outcome = call("--model", "base", "--seeds", "0-1,42")
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stdout == "out/sheet.png: base; 3 pictures, 3 drawn, 0 kept\n"
    pictures = ["seed0000.png", "seed0001.png", "seed0042.png"]
    assert files_of(tmp_path / "out") == ["generate.json", *pictures, "sheet.png"]
    again = call("--model", "base", "--seeds", "0-1,42")
    assert "0 drawn, 3 kept" in again.stdout


def test_eight_seeds_are_drawn_unless_others_are_named(call):
    data = call("--model", "base", "--dry-run", "--json").json()
    assert data["dry_run"] is True
    (work,) = data["works"]
    assert work["files"] == [f"seed{seed:04d}.png" for seed in range(8)]
    assert (work["drawn"], work["kept"]) == (8, 0)


def test_several_models_classes_and_truncations_are_columns(call, tmp_path):
    call("--model", "base", "--model", "style", "--seeds", "3", "--trunc", "0.5,1", "--save-w")
    names = [f"{model}/trunc{psi}" for model in ("base", "style") for psi in ("0.5", "1")]
    for name in names:
        assert files_of(tmp_path / "out" / name) == ["seed0003.npz", "seed0003.png"]
    outcome = call("--model", "cond", "--class", "0-2", "--seeds", "3", "--json", out="classes")
    (work,) = outcome.json()["works"]
    assert work["files"] == [f"class{index}/seed0003.png" for index in range(3)]


def test_options_reach_the_record(call, tmp_path):
    words = "--trunc 0.7 --trunc-cutoff 3 --noise random --precision bfloat16 --device cpu"
    outcome = call("--model", "cond", "--class", "1", "--seeds", "5", *words.split())
    assert outcome.exit_code == 0, outcome.stderr
    record = json.loads((tmp_path / "out" / "generate.json").read_text("utf-8"))
    assert record["works"]["pictures"]["asked"] == {
        "seeds": [5],
        "classes": [1],
        "truncation_psis": [0.7],
        "truncation_cutoff": 3,
        "noise": "random",
        "precision": "bfloat16",
        "device": "cpu",
    }


def test_mixed_styles_alone_and_with_seeds(call, tmp_path):
    mix = ("--mix", "1,2:5-7", "--mix-rows", "0-2")
    outcome = call("--model", "base", *mix)
    assert outcome.stdout == "out/mix.png: base: mixed styles; 11 pictures, 11 drawn, 0 kept\n"
    assert "mix/row0002-column0007.png" in files_of(tmp_path / "out")
    assert not (tmp_path / "out" / "sheet.png").exists()
    both = call("--model", "base", "--model", "style", "--seeds", "1", *mix, out="both")
    assert both.exit_code == 0, both.stderr
    assert {"sheet.png", "base/mix.png", "style/mix.png"} <= set(files_of(tmp_path / "both"))


def test_a_film_lies_in_the_folder_or_where_it_was_wished(call, tmp_path):
    words = ("--model", "base", "--seeds", "1,2", "--frames-per-key", 2, "--fps", 5, "--size", 32)
    outcome = call(*words, "--film", "loop.gif")
    assert outcome.exit_code == 0, outcome.stderr
    assert "out/loop.gif: 4 frames, 0.8 s, 32 x 32, drawn\n" in outcome.stdout
    assert (tmp_path / "out" / "loop.gif").is_file()
    assert "32 x 32, kept" in call(*words, "--film", "loop.gif").stdout
    call(*words, "--film", "./here.gif", "--way", "slerp", "--enlarge", "nearest")
    assert (tmp_path / "here.gif").is_file()
    record = json.loads((tmp_path / "out" / "generate.json").read_text("utf-8"))
    assert record["works"][f"film {tmp_path / 'here.gif'}"]["asked"]["way"] == "slerp"


def test_a_dry_run_says_what_would_be_and_writes_nothing(call, tmp_path):
    words = ("--model", "base", "--seeds", "1", "--mix", "1:2", "--mix-rows", "0")
    outcome = call(*words, "--film", "a.mp4", "--dry-run")
    assert outcome.stdout.splitlines() == [
        "out/sheet.png: base; 1 picture, 1 would be drawn, 0 kept",
        "out/mix.png: base: mixed styles; 3 pictures, 3 would be drawn, 0 kept",
        "out/a.mp4: 60 frames, 2 s, 256 x 256, would be drawn",
    ]
    assert not (tmp_path / "out").exists()


def test_pictures_of_an_earlier_command_are_mentioned(call):
    call("--model", "base", "--seeds", "0-2")
    outcome = call("--model", "base", "--seeds", "2-3")
    assert "2 files of an earlier command stay in out (seed0000.png)" in outcome.stderr
    assert "1 drawn, 1 kept" in outcome.stdout
    assert "earlier" not in call("--model", "base", "--seeds", "2-3").stderr


def test_what_was_drawn_can_be_traced_to_its_model(call, cli, workspace, tmp_path):
    call("--model", "base", "--model", "style", "--seeds", "1", "--film", "a.gif", "--size", 32)
    sheet = cli("trace", tmp_path / "out" / "sheet.png", "--json", "--workspace", workspace).json()
    assert sheet["licences"] == {"CC0-1.0": ["base.safetensors", "style.safetensors"]}
    kinds = [cell["kind"] for cell in sheet["lineage"]["children"]]
    assert kinds == ["image", "image"]
    one = tmp_path / "out" / "style" / "seed0001.png"
    picture = cli("trace", one, "--json", "--workspace", workspace).json()["lineage"]
    assert [child["facts"]["name"] for child in picture["children"]] == ["style"]
    assert picture["facts"]["seed"] == 1
    assert Path(picture["file"]) == one
    film_file = tmp_path / "out" / "a.gif"
    traced = cli("trace", film_file, "--json", "--workspace", workspace).json()["lineage"]
    assert [child["facts"]["name"] for child in traced["children"]] == ["base", "style"]
    catalog = (workspace / "artstyle.sqlite").read_bytes()
    call("--model", "base", "--model", "style", "--seeds", "1", "--film", "a.gif", "--size", 32)
    assert (workspace / "artstyle.sqlite").read_bytes() == catalog


def test_a_known_model_keeps_its_name_in_the_catalog(call, cli, workspace, tmp_path):
    call("--model", "base", "--seeds", "1")
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes((workspace / "models" / "base.safetensors").read_bytes())
    call("--model", copy, "--seeds", "2", out="other")
    traced = cli("trace", tmp_path / "other" / "seed0002.png", "--json", "--workspace", workspace)
    (model,) = traced.json()["lineage"]["children"]
    assert model["facts"]["name"] == "base"


def test_a_folder_that_is_no_workspace_gets_no_catalog(cli, tmp_path):
    model = write_generator(tmp_path / "m.safetensors")
    words = ("generate", "--model", model, "--seeds", "1", "--out", "out")
    assert cli(*words, cwd=tmp_path).exit_code == 0
    assert not (tmp_path / "artstyle.sqlite").exists()


@pytest.mark.parametrize(
    ("words", "code", "said", "hint"),
    [
        ("--model base --seeds 9-3", 2, "--seeds: the range '9-3'", "write 3-9"),
        ("--model base --seeds 0-9999999999", 2, "--seeds: seed 9999999999", ""),
        ("--model base --seeds ,", 2, "--seeds: an empty part", "like 0-15,42"),
        ("--model base --class 0", 2, "base: the model is unconditional", "leave the class out"),
        ("--model cond", 2, "cond: the model is conditional: it draws 3 classes", "--class 0-2"),
        ("--model cond --class 3", 2, "there is no class 3: the model has 3 classes", ""),
        ("--model cond --class x", 2, "--class: 'x' is no number", "like 0-4,7"),
        ("--model base --trunc a", 2, "--trunc: 'a' is no list of numbers", "like 0.7"),
        ("--model base --trunc nan", 2, "truncation nan", ""),
        ("--model base --mix 1,2", 2, "--mix: '1,2' is not ROWSEEDS:COLSEEDS", "85,100:55,821"),
        ("--model base --mix 1:2:3", 2, "is not ROWSEEDS:COLSEEDS", ""),
        ("--model base --mix 1:", 2, "--mix: an empty part", ""),
        ("--model base --mix 1:2", 2, "there is no row 6: the model has rows 0 to 5", "--mix-rows"),
        ("--model base --mix 1:2 --mix-rows 0-", 2, "--mix-rows: '0-'", "like 0-6"),
        ("--model base --mix 1:2 --film a.mp4", 2, "--film goes through seeds", "--seeds 0-7"),
        ("--model base --film a.avi", 2, "ends in .avi", "call it a.mp4"),
        ("--model base --seeds 0-99 --size 4096", 2, "pictures of 4096 pixels", "--size 632"),
        ("--model base --device cuda:7", 2, "no device 'cuda:7'", "--device"),
        ("--model nobody", 1, "there is no model 'nobody'", "artstyle models list"),
        ("", 2, "Missing option '--model'", "--help"),
    ],
)
def test_wrong_use_is_told_in_words_and_nothing_is_written(  # noqa: PLR0917 - a table
    call, tmp_path, words, code, said, hint
):
    outcome = call(*words.split())
    assert outcome.exit_code == code
    assert said in outcome.stderr.partition("error: ")[2]
    if hint:
        assert hint in outcome.stderr.partition("hint: ")[2]
    assert outcome.stdout == ""
    assert list(tmp_path.rglob("*.png")) == []


def test_a_folder_that_cannot_be_written_is_told_in_words(call, tmp_path):
    (tmp_path / "file").touch()
    for out in ("file", "file/below"):
        outcome = call("--model", "base", out=out)
        assert outcome.exit_code == 1
        assert "error: file" in outcome.stderr
        assert "hint: name another folder with --out" in outcome.stderr


def test_a_snapshot_of_another_tool_is_to_be_imported(call, tmp_path):
    (tmp_path / "other.pkl").write_bytes(b"\x80\x04K\x01.")
    outcome = call("--model", "other.pkl")
    assert outcome.exit_code == 1
    assert "artstyle models import other.pkl" in outcome.stderr


def test_the_help_names_the_defaults_that_hold():
    helps = {
        name: option.help or ""
        for option in generate.params
        if isinstance(option, click.Option)
        for name in option.opts
    }
    assert f"[default: {film.FRAMES_PER_KEY}]" in helps["--frames-per-key"]
    assert f"[default: {film.FPS}]" in helps["--fps"]
    assert f"[default: {settings.GPU_BATCH}]" in helps["--batch"]
    assert f"[default: {MIXED_ROWS[0]}-{MIXED_ROWS[-1]}]" in helps["--mix-rows"]
    defaults = film.interpolate.__kwdefaults__
    assert f"[default: {defaults['way']}]" in helps["--way"]
    assert f"[default: {defaults['enlarge']}]" in helps["--enlarge"]


def test_a_finished_command_loads_no_torch(call, workspace, tmp_path):
    call("--model", "base", "--seeds", "0-1", "--mix", "1:2", "--mix-rows", "0")
    words = ["generate", "--model", "base", "--seeds", "0-1", "--mix", "1:2", "--mix-rows", "0"]
    words += ["--out", "out", "--workspace", str(workspace)]
    code = (
        "import sys; from artstyle.cli import status; code = status(sys.argv[1:]); "
        "sys.exit(code or ('torch' in sys.modules) * 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert b"0 drawn, 2 kept" in done.stdout

"""`artstyle challenge` as a user calls it."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from support.challenges import ASTRONAUT, fill_models, save, two_people

from artstyle.pipeline.challenge import likeness


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path) -> None:
    """No starter pack, and descriptors that cost nothing."""
    folder = tmp_path / "starter"
    folder.mkdir()
    for module in ("artstyle.weights.model_names", "artstyle.pipeline.challenge.planning"):
        monkeypatch.setattr(f"{module}.starter_folder", lambda: folder)
    monkeypatch.setattr(
        likeness,
        "describe",
        lambda pictures: np.stack([one.mean(axis=(0, 1)) / 100 for one in pictures]),
    )


@pytest.fixture
def run(cli, workspace):
    fill_models(workspace)

    def call(*words: object):
        return cli(
            "challenge", *words, "--steps", 1, "--tune", 1, "--workspace", workspace, cwd=workspace
        )

    return call


def test_one_photo(run, workspace):
    done = run(ASTRONAUT, "--cell-px", 64, "--baselines", "none")
    assert done.exit_code == 0, done.stderr
    folder = workspace / "challenge" / "astronaut"
    assert str(folder / "grid.png") in done.stdout
    assert "astronaut: projection " in done.stdout
    assert "licences: CC0-1.0 (people); CC BY 4.0 (ink); MIT (toon)" in done.stdout
    assert "no swap was searched for ink, toon" in done.stderr
    again = run(ASTRONAUT, "--cell-px", 64, "--baselines", "none")
    assert "was done already" in again.stdout
    assert again.stderr == ""


def test_json_and_what_trace_says_of_a_cell(run, cli, workspace, tmp_path):
    words = ("--baselines", "none", "--json", "--out", tmp_path / "out", "--styles", "toon")
    done = run(ASTRONAUT, *words)
    data = done.json()
    assert data["was_done"] is False
    record = json.loads((tmp_path / "out" / "grid.json").read_text())
    assert data["record"] == record
    assert record["command"][0] == "artstyle"
    assert record["identity"]["strength"] is None
    cell = tmp_path / "out" / "cells" / "toon.png"
    traced = cli("trace", cell, "--workspace", workspace)
    for words_of in ("projection", "astronaut.jpg", "people.safetensors", "toon.safetensors"):
        assert words_of in traced.stdout


def test_dry_run_looks_and_writes_nothing(run, workspace, tmp_path):
    nothing = save(tmp_path / "nothing.png", np.full((90, 90, 3), 200, np.uint8))
    words = (ASTRONAUT, nothing, "--dry-run", "--strength", "0.5", "--baselines", "none")
    done = run(*words)
    assert done.exit_code == 0
    assert "would draw 1 people in 2 styles" in done.stdout
    assert "ink: strength 0.5 (asked for)" in done.stdout
    assert "left out: no face was found" in done.stdout
    data = run(*words, "--json").json()
    assert data["is_done"] is False
    assert data["estimated_s"] > 0
    assert [one["name"] for one in data["faces"]] == ["astronaut"]
    assert not (workspace / "challenge").exists()


def test_two_people_and_a_choice(run, workspace, tmp_path):
    photo = save(tmp_path / "two.png", two_people())
    done = run(photo, "--baselines", "none")
    assert done.exit_code == 1
    assert "two.png shows 2 faces; which one shall it be?" in done.stderr
    picture = workspace / "challenge" / "two" / "faces-two.png"
    assert f"the faces are numbered in {picture}" in done.stderr
    chosen = run(photo, "--baselines", "none", "--face", 2, "--json")
    assert chosen.exit_code == 0
    (row,) = chosen.json()["record"]["rows"]
    assert (row["face"]["number"], row["face"]["faces_in_photo"]) == (2, 2)
    wrong = run(photo, "--baselines", "none", "--face", 3)
    assert wrong.exit_code == 1
    assert "there is no face 3" in wrong.stderr


def test_many_photos_are_rows_and_bad_ones_are_left_out(run, tmp_path):
    grey = save(tmp_path / "grey.png", np.asarray(Image.open(ASTRONAUT).convert("L")))
    done = run(ASTRONAUT, grey, tmp_path / "lost.jpg", "--baselines", "none", "--json")
    assert done.exit_code == 0
    record = done.json()["record"]
    assert [row["name"] for row in record["rows"]] == ["astronaut", "grey"]
    assert record["rows"][1]["cells"][2]["file"] == "cells/grey-ink.png"
    assert [one["code"] for one in record["skipped"]] == ["unreadable"]
    assert "grey.png has no colour" in done.stderr
    assert "left out: cannot read" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--face", "left"], 2, "--face 'left' is no face"),
        (["--styles", ","], 2, "an empty list names nothing"),
        (["--styles", "tooon"], 1, "styles of people here are toon"),
        (["--base", "nobody"], 1, "there is no model 'nobody'"),
        (["--baselines", "gan"], 2, "there is no baseline 'gan'"),
        (["--strength", "2"], 2, "2.0 is not in the range"),
        (["--resolution", "48"], 2, "no resolution 48"),
        (["--resolution", "8", "--strength", "1"], 2, "give one of them"),
        (["--variant", "old"], 2, "none has variants at all"),
        (["--theme", "pink"], 2, "pink"),
        (["--cell-px", "10"], 2, "no room for words"),
    ],
)
def test_faults(run, workspace, words, code, said):
    done = run(ASTRONAUT, *words)
    assert done.exit_code == code
    assert said in done.stderr
    assert not (workspace / "challenge" / "astronaut" / "grid.json").exists()


def test_a_folder_that_is_no_workspace_will_do(run, cli, workspace, tmp_path):
    run(ASTRONAUT, "--dry-run")  # makes the models
    bare = tmp_path / "bare"
    bare.mkdir()
    base = workspace / "models" / "people.safetensors"
    style = workspace / "models" / "ink.safetensors"
    done = cli(
        *("challenge", ASTRONAUT, "--base", base, "--styles", style, "--steps", 1, "--tune", 1),
        *("--baselines", "none", "--cell-px", 64, "--workspace", bare),
    )
    assert done.exit_code == 0, done.stderr
    assert (bare / "challenge" / "astronaut" / "grid.png").is_file()
    assert not list(bare.glob("*.sqlite*"))


def test_a_plan_does_not_wait_for_torch():
    """Seconds of a cold start: torch is loaded beside it."""
    code = (
        "import sys; import artstyle.pipeline.challenge.estimate, artstyle.report.challenge_grid\n"
        "print(sorted({'torch', 'scipy'} & set(sys.modules)))"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

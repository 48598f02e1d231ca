"""`artstyle train-perception` as a user types it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from artstyle.images import write_png
from artstyle.perception.choose import choose_perception
from artstyle.perception.own import read_facts


@pytest.fixture
def material(workspace: Path) -> Path:
    """Two kinds of four pictures, and a file that is none."""
    dice = np.random.default_rng(0)
    for kind in ("dark", "light"):
        for number in range(4):
            noise = dice.integers(0, 90, (40, 40, 3)) + (120 if kind == "light" else 0)
            write_png(workspace / f"material/{kind}/{number}.png", noise.astype(np.uint8))
    (workspace / "material" / "dark" / "odd.jpg").write_bytes(b"no picture")
    return workspace / "material"


QUICK = ("--batch", 4, "--crop", 32, "--epochs", 0.5, "--device", "cpu")


def test_a_network_is_made_and_then_taken(cli, workspace, material):
    words = ["train-perception", "--pictures", "material", "--source", "noise; CC0-1.0; here"]
    done = cli(*words, *QUICK, "--json", cwd=workspace)
    assert done.exit_code == 0, done.stderr
    found = done.json()
    made = workspace / "models" / "perception.safetensors"
    assert found["model"] == str(made)
    assert found["reason"] == "trained"
    assert read_facts(made).licence == "CC0-1.0"
    assert "odd.jpg" in done.stderr
    assert choose_perception("own", workspace=workspace).name.startswith("own network")
    again = cli(*words, *QUICK, cwd=workspace)
    assert "(done before)" in again.stdout
    assert "probe_random" in again.stdout


def test_a_dry_run_says_the_plan(cli, workspace, material):
    done = cli("train-perception", "--pictures", material, *QUICK, "--dry-run", cwd=workspace)
    assert done.exit_code == 0, done.stderr
    assert "8: 2 kinds, 2 held out, 0 without a kind; 1 cannot be read" in done.stdout
    assert "0.5 epochs" in done.stdout
    assert not (workspace / "models" / "perception.safetensors").exists()


def test_wrong_use(cli, workspace, material):
    for words, code, said in (
        ((), 1, "there is no folder to learn from"),
        (("--pictures", "nowhere"), 1, "there is no folder nowhere"),
        (("--pictures", material, "--crop", 8), 1, "crop_px"),
        (("--pictures", material, "--source", "a", "--source", "b"), 2, "2 sources for 1 folders"),
    ):
        done = cli("train-perception", *words, cwd=workspace)
        assert done.exit_code == code, (words, done.stderr)
        assert said in done.stderr

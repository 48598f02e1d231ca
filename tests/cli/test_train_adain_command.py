"""`artstyle train-adain` on the command line, and its decoder in `artstyle stylize adain`."""

from __future__ import annotations

import pytest
import torch
from support.adain import write_encoder, write_pictures


@pytest.fixture
def place(workspace):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    write_encoder(workspace / "models" / "perception.safetensors")
    write_pictures(workspace / "material" / "photos", 9)
    write_pictures(workspace / "material" / "paintings", 3, seed=1)
    yield workspace
    torch.set_num_threads(before)


WORDS = ("train-adain", "--content", "material/photos", "--styles", "material/paintings")
SMALL = ("--crop", 32, "--batch", 2, "--iterations", 2, "--fit", 4, "--device", "cpu")


def test_what_was_trained_draws(cli, place):
    named = ("--name-styles", "material/paintings", "--licence", "CC0")
    named += ("--source", "noise; CC0; a test; 9")
    done = cli(*WORDS, *SMALL, *named, "--workspace", place, "--json", cwd=place)
    assert done.exit_code == 0, done.stderr
    data = done.json()
    assert data["iterations"] == 2
    assert data["run"].endswith("runs/00000-train-adain-own")
    assert "3 paintings are few" in done.stderr
    card = (place / "models" / "adain.md").read_text()
    assert "| noise | CC0 | a test | 9 |" in card
    assert "## How it was made" in card
    assert "own network perception" in card
    drawn = cli(
        *("stylize", "adain", "material/photos/picture-0.png", "--style", "picture-1"),
        *("--size", 64, "--out", "a.png", "--workspace", place),
        cwd=place,
    )
    assert drawn.exit_code == 0, drawn.stderr
    traced = cli("trace", place / "a.png", "--workspace", place)
    assert "train-adain" in traced.stdout
    assert "CC0" in traced.stdout
    again = cli(*WORDS, *SMALL, *named, "--workspace", place, cwd=place)
    assert again.exit_code == 0, again.stderr
    assert "2 iterations" in again.stdout


def test_a_dry_run(cli, place):
    done = cli(*WORDS, *SMALL, "--dry-run", "--workspace", place, cwd=place)
    assert done.exit_code == 0, done.stderr
    assert "images/s measured" in done.stdout
    assert not (place / "runs" / "00000-train-adain-own").exists()


def test_faults_are_listed_together(cli, place):
    done = cli(*WORDS, "--crop", 33, "--batch", 0, "--workspace", place, cwd=place)
    assert done.exit_code == 1
    assert "batch" in done.stderr
    source = cli(*WORDS, *SMALL, "--source", "a; b; c; d", "--workspace", place, cwd=place)
    assert source.exit_code == 2
    assert "number of pictures" in source.stderr
    missing = cli("train-adain", "--content", "material/photos", cwd=place)
    assert missing.exit_code == 2

"""`artstyle stylize fast` and `artstyle train-fast` on the command line."""

from __future__ import annotations

import pytest
from support.fast_nets import photos, tiny_perception, write_tiny

from artstyle.pipeline.train_fast import start
from artstyle.pipeline.train_fast.settings import WIDTHS


@pytest.fixture
def ground(workspace, tmp_path, monkeypatch):
    monkeypatch.setattr(start, "choose_perception", tiny_perception)
    monkeypatch.setitem(WIDTHS, "narrow", (4, 6, 8))
    write_tiny(workspace / "models/fast-two.safetensors", "night", "wave")
    photos(tmp_path / "in", 2)
    return workspace


def test_pictures_are_drawn(cli, ground, tmp_path):
    words = ("stylize", "fast", tmp_path / "in", "--model", "two", "--workspace", ground)
    asked = (*words, "--style", "night=0.7", "--style", "wave=0.3", "--out", tmp_path / "o")
    dry = cli(*asked, "--dry-run")
    assert dry.exit_code == 0
    assert dry.stdout.startswith("would draw with fast-two: 2 pictures and 0 films, about")
    assert not (tmp_path / "o").exists()
    done = cli(*asked)
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"{tmp_path / 'o/000-night-wave.png'}: 90x72 px, ")
    assert lines[-1] == ("drawn by fast-two (70% night, 30% wave), trained on what tiny eyes sees")
    data = cli(*asked, "--json").json()
    assert [one["was_done"] for one in data["results"]] == [True, True]
    assert data["styles"] == {"night": 0.7, "wave": 0.3}
    assert data["faults"] == []


def test_wrong_use_says_what_to_type(cli, ground, tmp_path):
    words = ("stylize", "fast", tmp_path / "in", "--workspace", ground, "--out", tmp_path / "o")
    several = cli(*words, "--model", "two")
    assert several.exit_code == 2
    assert "choose with --style" in several.stderr
    missing = cli(*words, "--model", "scream")
    assert missing.exit_code == 1
    assert "artstyle train-fast makes one" in missing.stderr
    assert cli(*words).exit_code == 2


def test_a_net_is_trained_and_draws(cli, ground, tmp_path):
    paintings = photos(tmp_path / "paintings", 1, (80, 120))
    words = ("train-fast", "--workspace", ground, "--content", tmp_path / "in")
    words += ("--style", paintings / "000.png", "--style-name", "blocks", "--width", "narrow")
    words += ("--blocks", 1, "--crop", 64, "--style-size", 80, "--batch", 1, "--device", "cpu")
    plan = cli(*words, "--iterations", 3, "--dry-run")
    assert plan.exit_code == 0, plan.stderr
    assert "would train blocks on 2 photos (0 held out), seen by tiny eyes" in plan.stdout
    done = cli(*words, "--iterations", 3)
    assert done.exit_code == 0, done.stderr
    model = ground / "models/fast-blocks.safetensors"
    assert done.stdout.startswith(f"{model}: blocks, 3 iterations in")
    drawn = cli(
        *("stylize", "fast", tmp_path / "in/000.png", "--model", "blocks"),
        *("--workspace", ground, "--out", tmp_path / "o.png"),
    )
    assert drawn.exit_code == 0, drawn.stderr
    card = cli("models", "card", model)
    assert card.exit_code == 0, card.stderr
    assert "Fast transfer: blocks" in card.stdout
    wrong = cli(*words, "--lr", 0)
    assert wrong.exit_code == 1
    assert "learning_rate" in wrong.stderr

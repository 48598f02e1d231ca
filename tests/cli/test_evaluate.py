"""`artstyle evaluate` on the command line: a run, a model, pictures, and what is wrong use."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.generators import write_generator

from artstyle.images import encode_png, read_rgb
from artstyle.recipes.training import TrainingRecipe
from artstyle.report.generate_sheet import draw_sheet
from artstyle.runs import run_for

FAST = ("--features", "scatter", "--samples", "12", "--metric", "kid,fid")


def write_zip(path: Path, count: int = 12, seed: int = 0) -> Path:
    import zipfile

    rng = np.random.default_rng(seed)
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(count):
            flat = np.broadcast_to(rng.integers(0, 256, (1, 1, 3), dtype=np.uint8), (16, 16, 3))
            noisy = np.clip(flat + rng.integers(-9, 9, (16, 16, 3)), 0, 255).astype(np.uint8)
            archive.writestr(f"00000/img{index:08d}.png", encode_png(noisy))
    return path


@pytest.fixture
def trained(workspace: Path) -> Path:
    """A workspace with two runs, of toon and of oil."""
    for number, style in enumerate(("toon", "oil")):
        data = write_zip(workspace / f"{style}.zip", seed=number)
        recipe = TrainingRecipe(style=style)
        run = run_for(
            workspace / "runs", style, recipe, command=["train"], inputs={"dataset": data}
        )
        for kimg in (0, 8):
            path = run.folder / f"network-snapshot-{kimg:06d}.safetensors"
            write_generator(path, seed=kimg + number)
    return workspace


def test_a_style_is_measured_plotted_and_reported(cli, trained):
    done = cli("evaluate", "--style", "toon", "--style", "oil", *FAST, cwd=trained)
    assert done.exit_code == 0, done.stderr
    assert "00000-toon against 12 pictures of toon.zip" in done.stdout
    assert "KD_SCATTER" in done.stdout
    assert "best by kd_scatter" in done.stdout
    assert "FID" not in done.stdout.replace("--metric fid_inf", "").upper().replace("FID_INF", "")
    for run in ("00000-toon", "00001-oil"):
        assert (trained / "runs" / run / "evaluation" / "table.csv").is_file()
        assert (trained / "runs" / run / "evaluation" / "kd_scatter.png").is_file()
        table = json.loads((trained / "reports/evaluation" / run / "table.json").read_text())
        assert [row["kimg"] for row in table["rows"]] == [0, 8]
    plot = read_rgb(trained / "reports/evaluation/kd_scatter.png").rgb.astype(int)
    for colour in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)):  # a line for each style
        assert (np.abs(plot - colour).sum(axis=2) < 30).sum() > 200


def test_what_is_known_is_not_measured_again(cli, trained):
    first = cli("evaluate", "--style", "toon", *FAST, "--json", cwd=trained).json()
    files = {path: path.read_bytes() for path in map(Path, first["files"])}
    assert files
    dry = cli("evaluate", "--style", "toon", *FAST, "--dry-run", cwd=trained)
    assert "2 targets, 12 pictures each" in dry.stdout
    assert "0 figures to be measured, 4 known" in dry.stdout
    again = cli("evaluate", "--style", "toon", *FAST, "--json", cwd=trained).json()
    (one,), (two,) = first["evaluations"], again["evaluations"]
    assert (one["measured"], one["kept"], two["measured"], two["kept"]) == (4, 0, 0, 4)
    assert one["rows"] == two["rows"]
    assert all(path.read_bytes() == data for path, data in files.items())


def test_pictures_are_drawn_when_asked_for(cli, trained, monkeypatch):
    run = trained / "runs" / "00000-toon"
    works = []

    def draw(work, **words):
        works.append(work)
        return draw_sheet(work, **words)

    monkeypatch.setattr("artstyle.report.evaluate_pictures.draw_sheet", draw)
    done = cli("evaluate", "--run", run, *FAST, "--pictures", "--json", cwd=trained)
    assert done.exit_code == 0, done.stderr
    folder = run / "evaluation"
    for name in ("stack/sheet.png", "truncation/sheet.png", "neighbours.png"):
        assert str(folder / name) in done.json()["files"]
        assert read_rgb(folder / name).rgb.std() > 10
    assert (folder / "morph" / "morph.mp4").stat().st_size > 1000
    stack = works[0]
    assert stack.title == "toon through training"
    assert all(title.endswith(" kimg") for title in stack.column_titles)
    assert len(stack.column_titles) == 2


def test_a_model_against_a_dataset_at_several_truncations(cli, trained):
    model = write_generator(trained / "models" / "mine.safetensors", seed=5)
    words = ("--model", "mine", "--dataset", trained / "toon.zip", "--truncation", "1,0.5")
    done = cli("evaluate", *words, *FAST, "--json", cwd=trained)
    assert done.exit_code == 0, done.stderr
    (found,) = done.json()["evaluations"]
    assert [row["truncation_psi"] for row in found["rows"]] == [1, 0.5]
    assert found["reals"] == 12
    assert found["space"] == "scatter"
    assert (trained / "reports" / "evaluation" / "mine" / "table.csv").is_file()
    assert model.is_file()


def test_pictures_against_pictures_write_nothing(cli, trained):
    before = {path for path in trained.rglob("*") if path.is_file()}
    words = ("--images", "toon.zip", "--reference", "toon.zip")
    done = cli("evaluate", *words, "--metric", "fid,pr", "--features", "scatter", cwd=trained)
    assert done.exit_code == 0, done.stderr
    assert "fd_scatter" in done.stdout
    assert "too large, by an unknown amount: only 12 reals and 12 fakes" in done.stdout
    assert "precision_scatter 1" in done.stdout
    assert {path for path in trained.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "nothing was named to judge"),
        (("--model", "a", "--images", "b"), 2, "one thing can be judged at a time"),
        (("--images", "toon.zip"), 2, "--images and --reference go together"),
        (("--model", "a"), 2, "a is measured against a dataset"),
        (("--style", "toon", "--metric", "fdi"), 2, "there is no metric 'fdi'"),
        (("--style", "toon", "--truncation", "a"), 2, "is no list of numbers"),
        (("--style", "toon", "--metric", "is", "--features", "scatter"), 2, "Inception's weights"),
        (("--style", "toon", "--style", "oil", "--out", "x"), 2, "several runs were named"),
        (("--style", "nowhere"), 1, "no run of nowhere"),
        (("--run", "runs"), 1, "no run"),
        (("--style", "toon", "--features", "inception"), 1, "models pull inception-fid"),
        (("--style", "toon", "--dataset", "gone.zip"), 1, "no longer there"),
    ],
)
def test_wrong_use_is_said_before_any_work(cli, trained, words, code, message):
    done = cli("evaluate", *words, cwd=trained)
    assert done.exit_code == code
    assert message in done.stderr
    assert not list(trained.rglob("measured.jsonl"))


def test_a_dataset_that_is_gone_is_named(cli, trained):
    (trained / "toon.zip").unlink()
    done = cli("evaluate", "--style", "toon", *FAST, cwd=trained)
    assert done.exit_code == 1
    assert "is no longer there" in done.stderr
    assert "--dataset" in done.stderr

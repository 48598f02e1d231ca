"""What a training did, told from its folder: table, figures, curves, grids."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.training import TINY, write_dataset

from artstyle.errors import RunError
from artstyle.images import read_rgb
from artstyle.pipeline.train.start import Means, train_scratch
from artstyle.pipeline.training_told import tell_training
from artstyle.report.training_report import best_of


def train(folder: Path, kimg: float) -> Path:
    run = folder / "runs" / "noise"
    train_scratch(
        folder, dataset=folder / "d.zip", means=Means(device="cpu", out=run), kimg=kimg, **TINY
    )
    return run


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A run of two calls, the first of which ended in the middle."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("told")
    write_dataset(folder / "d.zip")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("artstyle.pipeline.train.work.TICK_ITERATIONS", 16)
        patch.setattr("artstyle.pipeline.train.work.TICK_NIMG", 64)
        train(folder, 0.128)
        run = train(folder, 0.256)
    torch.set_num_threads(before)
    return run


def test_a_training_is_told_from_its_folder(trained):
    told = tell_training(trained)
    assert (told.name, told.base, told.resolution_px, told.pictures) == ("noise", None, 16, 12)
    assert told.resumed_at_kimg == (0.1,)
    assert told.calls == 2
    assert [round(tick.kimg, 3) for tick in told.curve] == [0.064, 0.128, 0.192, 0.256]
    assert told.kimg == 0.256
    assert 0 < told.hours < 0.1
    assert told.state == "finished"
    assert told.metrics == {}


def test_measures_are_told_with_their_best(trained):
    rows = [{"kimg": 2.0, "value": 0.5}, {"kimg": 1.0, "value": 0.25}, {"kimg": 3.0, "value": 0.4}]
    path = trained / "metric-kd_dlib.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = tell_training(trained)
    path.unlink()
    assert told.metrics == {"kd_dlib": ((1.0, 0.25), (2.0, 0.5), (3.0, 0.4))}
    assert best_of(told) == "kd_dlib 0.25 at 1 kimg"


def test_the_report_holds_what_the_run_holds(cli, trained, tmp_path):
    out = tmp_path / "report"
    done = cli("report", "training", trained, "--out", out, "--json")
    assert done.exit_code == 0, done.stderr
    assert sorted(path.name for path in map(Path, done.json()["files"])) == [
        "curves.csv",
        "curves.png",
        "noise.jpg",
        "table.md",
        "training.json",
    ]
    rows = list(csv.DictReader((out / "curves.csv").read_text().splitlines()))
    stats = [json.loads(line) for line in (trained / "stats.jsonl").read_text().splitlines()]
    assert [float(row["g_loss"]) for row in rows] == pytest.approx(
        [row["Loss/G/loss"]["mean"] for row in stats], rel=1e-5
    )
    assert "| noise | random weights | 16 | 12, mirrored | 0.3 |" in (out / "table.md").read_text()
    drawn, copied = (
        read_rgb(p).rgb for p in (trained / "fakes_latest.png", out / "grids/noise.jpg")
    )
    assert copied.shape == drawn.shape
    assert np.abs(copied.astype(int) - drawn).mean() < 4
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert cli("report", "training", trained, "--out", out).exit_code == 0
    assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_what_is_no_training_is_refused(cli, tmp_path, trained):
    done = cli("report", "training", tmp_path, "--out", tmp_path / "x")
    assert done.exit_code != 0
    assert not (tmp_path / "x").exists()
    empty = tmp_path / "begun"
    empty.mkdir()
    for name in ("run.json", "state.json", "recipe.toml", "training_options.json", "command.txt"):
        (empty / name).write_bytes((trained / name).read_bytes())
    with pytest.raises(RunError, match="no figures yet"):
        tell_training(empty)
    (empty / "training_options.json").unlink()
    with pytest.raises(RunError, match="is no training"):
        tell_training(empty)

"""What a training writes down on its way: figures, grids, snapshots, and when it stops."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.training import TINY, write_dataset

from artstyle.corpus.read import read_corpus
from artstyle.errors import RunError, UsageError
from artstyle.pipeline.train import work
from artstyle.pipeline.train.pictures import Feed, Pictures
from artstyle.pipeline.train.start import Means, style_of, train_scratch
from stylegan_ext.training.state import StateFiles


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(work, "TICK_ITERATIONS", 4)
    monkeypatch.setattr(work, "TICK_NIMG", 1)


def train(folder: Path, *, track: str | None = None, **more):
    if not (folder / "d.zip").exists():
        write_dataset(folder / "d.zip")
    means = Means(device="cpu", out=folder / "run", track=track)
    return train_scratch(
        folder, dataset=folder / "d.zip", means=means, **{**TINY, "kimg": 0.048, **more}
    )


def rows_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "run" / "stats.jsonl").read_text().splitlines()]


def test_figures_are_those_of_official_runs(tmp_path):
    told: list[str] = []
    train(tmp_path, snapshot_kimg=0.016, emit=lambda e: told.append(getattr(e, "text", "")))
    rows = rows_of(tmp_path)
    assert [row["Progress/nimg"] for row in rows] == [16, 32, 48]
    for name in ("Loss/scores/real", "Loss/signs/real", "Loss/G/loss", "Loss/D/loss"):
        assert set(rows[1][name]) == {"num", "mean", "std"}
    assert rows[0]["Loss/G/loss"]["num"] == 16
    assert rows[0]["Progress/kimg"]["mean"] == 0.016
    assert rows[0]["Timing/sec_per_kimg"]["mean"] > 0
    assert "Loss/r1_penalty" in rows[0]
    assert "Loss/r1_penalty" not in rows[1]
    assert -1 <= rows[2]["Loss/signs/real"]["mean"] <= 1
    assert any("s/kimg" in text and "to go" in text for text in told)
    run = tmp_path / "run"
    events = list(run.glob("events.out.tfevents.*"))
    assert len(events) == 1
    assert b"Loss/G/loss" in events[0].read_bytes()
    grid = np.asarray(Image.open(run / "fakes_init.png"))
    assert grid.shape == (8 * 16, 12 * 16, 3)
    assert len(list(run.glob("network-snapshot-*.safetensors"))) == 1  # all are kimg 000000


def test_figures_behind_the_state_are_written_anew(tmp_path):
    train(tmp_path)
    first = rows_of(tmp_path)
    path = tmp_path / "run" / "stats.jsonl"
    path.write_text(path.read_text() + json.dumps({**first[0], "Progress/nimg": 999}) + "\n")
    train(tmp_path, kimg=0.064)
    assert [row["Progress/nimg"] for row in rows_of(tmp_path)] == [16, 32, 48, 64]


def test_a_run_that_is_done_does_nothing(tmp_path):
    train(tmp_path)
    (tmp_path / "run" / ".state-b.safetensors.abc.part").write_bytes(b"left by a kill")
    before = StateFiles(tmp_path / "run").newest()[0].facts["counters"]
    done = train(tmp_path)
    assert (done.kimg, done.reason) == (0.048, "kimg")
    assert StateFiles(tmp_path / "run").newest()[0].facts["counters"] == before
    assert not list((tmp_path / "run").glob(".*.part"))


def test_minutes_stop_it_at_a_state(tmp_path):
    done = train(tmp_path, kimg=1000, minutes=0.01)
    assert done.reason == "minutes"
    assert 0 < done.kimg < 1000
    state, _ = StateFiles(tmp_path / "run").newest()
    assert state.facts["counters"]["nimg"] == done.kimg * 1000
    assert json.loads((tmp_path / "run" / "state.json").read_text())["state"] == "open"


def test_a_training_that_runs_apart_stops_at_the_last_good_state(tmp_path):
    from stylegan_ext.training.loop import Training

    train(tmp_path)
    iterate = Training.iterate

    def poisoned(self, *given):
        iterate(self, *given)
        if self.nimg == 56:
            self.generator.synthesis.b4.const.data[0, 0, 0] = float("nan")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Training, "iterate", poisoned)
        with pytest.raises(
            RunError, match=r"run apart: .*; the last good state is that of 0\.0"
        ) as e:
            train(tmp_path, kimg=0.2)
    assert "twice the gamma" in e.value.hint
    state, _ = StateFiles(tmp_path / "run").newest()
    assert state.facts["counters"]["nimg"] == 48
    assert train(tmp_path, kimg=0.064).kimg == 0.064


def test_the_best_snapshot_is_kept_and_patience_ends(tmp_path, monkeypatch):
    values = iter([5.0, 3.0, 4.0, 4.5, 6.0, 7.0])

    class Judge:
        name = "kd_dlib"

        def __call__(self, generator):
            return next(values)

    monkeypatch.setattr("artstyle.pipeline.train.setting.judge_of", lambda plan, emit: Judge())
    done = train(tmp_path, kimg=1, snapshot_kimg=0.008, metric="kid", patience_kimg=0.02)
    assert done.reason == "metric"
    assert done.best["value"] == 3.0
    assert done.best["kimg"] == 0.016
    assert done.kimg == 0.040
    held = [
        json.loads(x) for x in (tmp_path / "run" / "metric-kd_dlib.jsonl").read_text().splitlines()
    ]
    assert [row["value"] for row in held] == [5.0, 3.0, 4.0, 4.5, 6.0]
    assert (tmp_path / "run" / "best.safetensors").is_file()


@pytest.mark.skipif(find_spec("mlflow") is None, reason="needs the extra 'track'")
@pytest.mark.filterwarnings("ignore")
def test_mlflow_gets_the_figures_in_a_local_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    train(tmp_path, track="mlflow")
    train(tmp_path, track="mlflow", kimg=0.064)
    metrics = list((tmp_path / "mlruns").rglob("metrics/Loss/G/loss"))
    assert len(metrics) == 1  # the second call went on with the same run
    assert [line.split()[2] for line in metrics[0].read_text().splitlines()] == [
        "16",
        "32",
        "48",
        "64",
    ]


def test_without_mlflow_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("artstyle.pipeline.train.tracking.find_spec", lambda _: None)
    with pytest.raises(UsageError, match="MLflow") as caught:
        train(tmp_path, track="mlflow")
    assert "artstyle[track]" in caught.value.hint


@pytest.mark.parametrize("memory_bytes", [10**9, 0])
def test_a_feed_goes_on_where_it_was(tmp_path, memory_bytes):
    corpus = read_corpus(write_dataset(tmp_path / "d.zip", count=5, classes=2))
    pictures = Pictures(corpus, mirror=True, memory_bytes=memory_bytes)
    assert pictures.count == 10
    np.testing.assert_array_equal(pictures.picture(7), pictures.picture(2)[:, :, ::-1])
    feed, other = Feed(pictures, 4, seed=1), Feed(pictures, 4, seed=1)
    for _ in range(5):
        feed.next()
    other.restore(json.loads(json.dumps(feed.state())))
    halves = [Feed(pictures, 4, seed=1, rank=rank, world=2) for rank in (0, 1)]
    for half in halves:
        half.restore(feed.state())
    for _ in range(4):
        pixels, labels = feed.next()
        again, same = other.next()
        np.testing.assert_array_equal(pixels, again)
        np.testing.assert_array_equal(labels, same)
        for rank, half in enumerate(halves):
            np.testing.assert_array_equal(half.next()[0], pixels[rank::2])
    for one in (feed, other, *halves):
        one.close()


def test_a_style_is_named_after_its_dataset():
    names = {
        "people-64-train.zip": "people",
        "Fire Emblem_256.zip": "fire-emblem",
        "toon_head-64-all.zip": "toon-head",
        "_.zip": "dataset",
    }
    assert {name: style_of(Path(name)) for name in names} == names

"""`train-encoder`: it ends bit-equal wherever it was broken off, and the base finds the result."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.small_models import write_small_model
from support.training import write_dataset

from artstyle import images
from artstyle.corpus.read import read_corpus
from artstyle.errors import RunError, UsageError
from artstyle.events import Event, Progress
from artstyle.pipeline.encode import find_encoder
from artstyle.pipeline.encode.photos import Photos
from artstyle.pipeline.encode.start import train_encoder
from stylegan_ext.header import read_header
from stylegan_ext.training.state import StateFiles

TINY = {"batch": 4, "kimg": 0.032, "samples_kimg": 0.012, "held_out": 2}  # 8 iterations, 5 mixed


class KilledError(BaseException):
    """What nothing catches: the process is gone."""


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def place(workspace):
    """A workspace with a base and photos."""
    write_small_model(workspace / "models" / "people.safetensors", licence="CC0-1.0")
    write_dataset(workspace / "photos.zip", side=8, count=20)
    return workspace


def train(place: Path, **more):
    words = {"base": "people", "photos": place / "photos.zip", "out": place / "runs" / "e"}
    return train_encoder(place, **{**words, **TINY, **more})


def killed_after(iterations: int):
    left = iterations

    def listen(event: Event) -> None:
        nonlocal left
        if isinstance(event, Progress) and event.task == "train-encoder":
            left -= 1
            if left <= 0:
                raise KilledError

    return listen


def state_of(place: Path):
    state, faults = StateFiles(place / "runs" / "e").newest()
    assert state is not None
    assert not faults
    return state


def test_it_ends_bit_equal_wherever_it_was_broken_off(place, tmp_path, monkeypatch) -> None:
    from artstyle.pipeline.encode import work

    train(place)
    undisturbed = state_of(place)
    other = tmp_path / "other"
    for name in ("datasets", "training", "models"):
        (other / name).mkdir(parents=True)
    for name in ("models/people.safetensors", "photos.zip"):
        (other / name).write_bytes((place / name).read_bytes())
    monkeypatch.setattr(work, "STATE_MINUTES", 0.0)  # a state after each iteration
    for instant in (1, 3, 2):
        with pytest.raises(KilledError):
            train(other, emit=killed_after(instant))
    train(other)
    state = state_of(other)
    assert state.facts["counters"] == {"nimg": 32, "iteration": 8}
    assert state.facts["order"] == undisturbed.facts["order"]
    assert state.facts["figures"] == undisturbed.facts["figures"]
    assert state.tensors.keys() == undisturbed.tensors.keys()
    for name, held in state.tensors.items():
        assert torch.equal(held, undisturbed.tensors[name]), name
    one, two = (read_header(root / "runs/e/latest.safetensors") for root in (place, other))
    assert one.content_sha256 == two.content_sha256


def test_the_result_lies_where_the_base_finds_it_and_says_what_it_is(place) -> None:
    done = train(place)
    base = place / "models" / "people.safetensors"
    assert done.encoder == place / "models" / "people-encoder.safetensors"
    assert find_encoder(base, place) == done.encoder
    assert done.reason == "kimg"
    origin = read_header(done.encoder).provenance
    assert origin.licence == "CC0-1.0"
    assert origin.parents[0]["role"] == "base"
    assert origin.notes["kimg"] == 0.032
    assert set(origin.notes["held_out"]) == {"Held-out/feature_distance", "Held-out/pixel_rmse"}
    assert json.loads((done.run / "state.json").read_text())["state"] == "finished"
    panel = images.read_rgb(done.run / "held-out.png")
    assert (panel.width, panel.height) == (16 * 8, 2 * 8)


def test_it_goes_further_with_the_same_command_and_more_kimg(place) -> None:
    first = train(place, out=None)
    second = train(place, out=None, kimg=0.04)
    assert first.run == second.run
    assert second.kimg == 0.04
    assert train(place, out=None, seed=1).run != first.run


def test_it_stops_after_minutes_and_goes_on(place) -> None:
    stopped = train(place, minutes=1e-9, kimg=1.0)
    assert stopped.reason == "minutes"
    assert stopped.kimg < 1.0
    assert train(place).kimg == 0.032


def test_figures_are_written_and_those_after_the_state_go(place, monkeypatch) -> None:
    from artstyle.pipeline.encode import work

    monkeypatch.setattr(work, "TICK_NIMG", 8)
    with pytest.raises(KilledError):  # rows at 8 and 16 pictures, and no state yet
        train(place, emit=killed_after(5))
    train(place)
    lines = (place / "runs/e/stats.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["Progress/nimg"] for row in rows] == [8, 16, 24, 32]
    assert rows[-1]["Loss/photo/likeness"]["num"] == 4
    assert rows[-1]["Held-out/pixel_rmse"]["mean"] > 0
    assert "Loss/photo/likeness" not in rows[0]
    assert list((place / "runs/e").glob("events.out.tfevents.*"))


def test_a_run_of_another_base_is_not_gone_on_with(place) -> None:
    train(place)
    write_small_model(place / "models" / "people.safetensors", seed=1)
    with pytest.raises(RunError, match="another recipe, or of inputs"):
        train(place)
    other = train(place, out=None)  # an encoder of the base as it was is replaced
    assert find_encoder(place / "models" / "people.safetensors", place) == other.encoder


def test_what_is_no_encoder_of_this_base_stays(place) -> None:
    held = place / "models" / "people-encoder.safetensors"
    write_small_model(held)
    before = held.read_bytes()
    with pytest.raises(UsageError, match="will not be replaced"):
        train(place)
    assert held.read_bytes() == before
    assert not (place / "runs" / "e").exists()


def test_without_photos_it_learns_from_samples_and_says_so(place) -> None:
    told = []
    done = train(place, photos=None, emit=told.append)
    assert any("samples alone" in getattr(event, "text", "") for event in told)
    assert "photos" not in read_header(done.encoder).provenance.notes
    quiet = []
    train(place, photos=None, no_photos=True, emit=quiet.append)
    assert not any("samples alone" in getattr(event, "text", "") for event in quiet)


def test_an_estimate_writes_nothing(place) -> None:
    before = sorted(path.name for path in place.rglob("*"))
    done = train(place, dry_run=True)
    assert done.seconds > 0
    assert any(
        "photos" in line and "18, each mirrored too, and 2 held out" in line for line in done.lines
    )
    assert sorted(path.name for path in place.rglob("*")) == before


# -- photos ------------------------------------------------------------------------------------


def test_held_out_photos_are_never_shown(tmp_path) -> None:
    corpus = read_corpus(write_dataset(tmp_path / "d.zip", side=8, count=20))
    photos = Photos(corpus, 8, 3, held_out=5, mirror=True, seed=0)
    assert len(photos.held_out) == 2  # a tenth
    assert len(photos) == 18
    shown = photos.next(36)
    aside = [one.tobytes() for one in photos.held_out]
    both = [one.tobytes() for one in shown] + [one[:, :, ::-1].tobytes() for one in shown]
    assert not set(aside) & set(both)
    assert len({one.tobytes() for one in shown}) > 18  # mirrored ones among them


def test_their_order_goes_on_where_it_was(tmp_path) -> None:
    corpus = read_corpus(write_dataset(tmp_path / "d.zip", side=8, count=20))
    one, other = (Photos(corpus, 8, 3, held_out=2, mirror=True, seed=0) for _ in range(2))
    one.next(7)
    other.restore(json.loads(json.dumps(one.state())))
    assert np.array_equal(one.next(9), other.next(9))


def test_larger_photos_are_shrunk_and_unfit_ones_refused(tmp_path) -> None:
    corpus = read_corpus(write_dataset(tmp_path / "d.zip", side=16, count=4))
    photos = Photos(corpus, 8, 3, held_out=1, mirror=False, seed=0)
    assert photos.next(2).shape == (2, 3, 8, 8)
    with pytest.raises(UsageError, match="16 px, the model draws 32 px"):
        Photos(corpus, 32, 3, held_out=1, mirror=False, seed=0)
    with pytest.raises(UsageError, match="in colour, the model's pictures grey"):
        Photos(corpus, 8, 1, held_out=1, mirror=False, seed=0)

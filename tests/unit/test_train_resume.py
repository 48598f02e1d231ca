"""A training that was broken off, at any instant, ends as one that was not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from support.training import TINY, write_dataset

from artstyle.errors import RunError
from artstyle.events import Event, Progress
from artstyle.pipeline.train.start import Means, train_scratch
from stylegan_ext.errors import CheckpointError
from stylegan_ext.training.state import SLOTS, StateFiles, read_state, write_state

KIMG = 0.176  # 44 iterations of 4: R1 three times, two rows of figures are not reached


class KilledError(BaseException):
    """What nothing catches: the process is gone."""


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def killed_after(iterations: int):
    left = iterations

    def listen(event: Event) -> None:
        nonlocal left
        if isinstance(event, Progress) and event.task == "train":
            left -= 1
            if left <= 0:
                raise KilledError

    return listen


def train(folder: Path, **more) -> None:
    settings = {**TINY, "kimg": KIMG, "snapshot_kimg": 0.04, **more}
    means = Means(device="cpu", out=folder / "run")
    train_scratch(folder, dataset=folder / "d.zip", means=means, **settings)


def state_of(folder: Path):
    state, faults = StateFiles(folder / "run").newest()
    assert state is not None
    return state, faults


def assert_same_state(one, other) -> None:
    assert one.tensors.keys() == other.tensors.keys()
    different = [k for k in one.tensors if not torch.equal(one.tensors[k], other.tensors[k])]
    assert different == []
    for key in ("counters", "order", "ticked_at_nimg"):
        assert one.facts[key] == other.facts[key]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("undisturbed")
    write_dataset(folder / "d.zip")
    train(folder)
    torch.set_num_threads(before)
    return folder


@pytest.mark.parametrize("instants", [(1,), (13, 3, 22), (7, 7, 7, 7)])
def test_it_ends_bit_equal_wherever_it_was_broken_off(tmp_path, undisturbed, instants):
    write_dataset(tmp_path / "d.zip")
    for instant in instants:
        with pytest.raises(KilledError):
            train(tmp_path, emit=killed_after(instant))
    train(tmp_path)
    one, _ = state_of(undisturbed)
    other, _ = state_of(tmp_path)
    assert one.facts["counters"] == {"nimg": 176, "iteration": 44, "p": pytest.approx(0, abs=0.1)}
    assert_same_state(one, other)
    for name in ("network-snapshot-000000.safetensors", "fakes_latest.png", "reals.png"):
        mine, theirs = (folder / "run" / name for folder in (undisturbed, tmp_path))
        if name.endswith("png"):
            assert mine.read_bytes() == theirs.read_bytes()
        else:
            assert mine.exists()
            assert theirs.exists()
    assert not [p for p in (tmp_path / "run").iterdir() if p.name.endswith(".part")]


def test_it_depends_on_the_seed(tmp_path, undisturbed):
    write_dataset(tmp_path / "d.zip")
    train(tmp_path, seed=1)
    one, other = state_of(undisturbed)[0], state_of(tmp_path)[0]
    assert not torch.equal(
        one.tensors["G.mapping.fc0.weight"], other.tensors["G.mapping.fc0.weight"]
    )


def test_a_damaged_state_is_told_and_the_one_before_is_used(tmp_path, undisturbed):
    write_dataset(tmp_path / "d.zip")
    train(tmp_path)
    newest = state_of(tmp_path)[0].path
    data = bytearray(newest.read_bytes())
    data[-5] ^= 1
    newest.write_bytes(data)
    told: list[str] = []
    train(tmp_path, emit=lambda event: told.append(getattr(event, "text", "")))
    assert any(newest.name in text and "damaged" in text for text in told)
    assert any("goes on at 0.2 kimg" in text for text in told)
    assert_same_state(state_of(undisturbed)[0], state_of(tmp_path)[0])


def test_without_a_whole_state_nothing_is_overwritten(tmp_path):
    write_dataset(tmp_path / "d.zip")
    train(tmp_path)
    for slot in SLOTS:
        (tmp_path / "run" / slot).write_bytes(b"x" * 100)
    with pytest.raises(RunError, match=r"no state of .* is whole"):
        train(tmp_path)
    assert (tmp_path / "run" / SLOTS[0]).read_bytes() == b"x" * 100


def test_a_full_disk_leaves_the_last_state(tmp_path, monkeypatch):
    write_dataset(tmp_path / "d.zip")
    train(tmp_path)
    before, _ = state_of(tmp_path)

    def full(stream, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("stylegan_ext.training.state._put", full)
    with pytest.raises(RunError, match="No space left on device") as caught:
        train(tmp_path, kimg=KIMG + 0.1)
    assert "same command" in caught.value.hint
    monkeypatch.undo()
    assert_same_state(before, state_of(tmp_path)[0])
    assert json.loads((tmp_path / "run" / "state.json").read_text())["state"] == "failed"


def test_a_state_is_proven_before_it_is_believed(tmp_path):
    path = tmp_path / "s.safetensors"
    tensors = {"a": torch.arange(3.0), "n": torch.tensor(7), "h": torch.ones(5).half()}
    write_state(path, tensors, {"counters": {"iteration": 1}})
    held = read_state(path)
    assert held.facts == {"counters": {"iteration": 1}}
    assert all(torch.equal(held.tensors[name], tensors[name]) for name in tensors)
    data = path.read_bytes()
    for place in (len(data) - 1, data.index(b"iteration") + 2, len(data) // 2):
        broken = bytearray(data)
        broken[place] ^= 4
        path.write_bytes(broken)
        with pytest.raises(CheckpointError):
            read_state(path)
    path.write_bytes(data.replace(b'"format_version": "1"', b'"format_version": "9"'))
    with pytest.raises(CheckpointError, match="version '9'"):
        read_state(path)
    path.write_bytes(data[:-1])
    with pytest.raises(CheckpointError, match="damaged"):
        read_state(path)

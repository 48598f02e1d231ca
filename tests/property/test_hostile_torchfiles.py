"""Torch archives built to harm: only state dicts are read, and never in an unsafe way."""

from __future__ import annotations

import io
import os
import pickle
import random
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from support.foreign import generator2

from artstyle.pipeline.models import import_model
from stylegan_ext.convert.machine import Limits
from stylegan_ext.convert.rosinality_export import _their_name, _their_shape
from stylegan_ext.convert.torchfile import load_torch_file, state_of
from stylegan_ext.errors import CheckpointError, EngineError, MismatchError, UnsafeFileError

REFUSED = (CheckpointError, MismatchError)


class Runs:
    """Touches a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return (os.system, (f"touch {self.canary}",))


def refused(path: Path) -> EngineError:
    out = path.parent / "out.safetensors"
    with pytest.raises(REFUSED) as caught:
        import_model(path, out)
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert isinstance(caught.value, EngineError)
    return caught.value


def state() -> dict[str, torch.Tensor]:
    record = generator2(resolution=8)
    names = {name: _their_name(name) for name in record.tensors}
    held = {
        theirs: _their_shape(name, record.tensors[name]) for name, theirs in names.items() if theirs
    }
    return OrderedDict(held)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder / "x.pt"


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_torch_file_does_not_run(zipped: bool, file: Path, tmp_path: Path) -> None:
    canary = tmp_path / "sang"
    held = {"g_ema": state(), "extra": Runs(canary)}
    torch.save(held, file, _use_new_zipfile_serialization=zipped)
    torch.load(file, weights_only=False)
    assert canary.exists(), "the payload does nothing; the test would prove nothing"
    canary.unlink()
    fault = refused(file)
    assert isinstance(fault, UnsafeFileError)
    assert fault.refused == "posix.system"
    assert not canary.exists()


def test_a_failed_safe_reading_is_not_tried_again(file: Path, monkeypatch: Any) -> None:
    torch.save({"g_ema": state()}, file)
    modes = []

    def fails(*_: Any, weights_only: bool, **__: Any) -> Any:
        modes.append(weights_only)
        raise pickle.UnpicklingError("Weights only load failed")

    monkeypatch.setattr(torch, "load", fails)
    assert "cannot read it safely" in str(refused(file))
    assert modes == [True]


@pytest.mark.parametrize(
    "value",
    [
        torch.nn.Linear(2, 2),
        bytearray(8),
        {1, 2},
        torch.Size([3]),
        torch.float32,
        torch.device("cpu"),
        1 + 2j,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_weights_only_would_take_but_no_state_dict_has(value: Any, file: Path) -> None:
    torch.save({"g_ema": state(), "extra": value}, file)
    assert isinstance(refused(file), UnsafeFileError)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(1).expand(1 << 40),
        torch.zeros(3).to_sparse(),
        torch.zeros(3, dtype=torch.int64),
        torch.zeros(3, dtype=torch.complex64),
        torch.zeros(3, device="meta"),
    ],
    ids=["expanded", "sparse", "integers", "complex", "meta"],
)
def test_tensors_that_are_no_weights(tensor: torch.Tensor, file: Path) -> None:
    torch.save({"g_ema": {**state(), "style.1.bias": tensor}}, file)
    refused(file)


def test_state_of_bounds_what_it_copies() -> None:
    wide = torch.zeros(1).expand(1 << 40)
    with pytest.raises(UnsafeFileError, match="bytes of tensors"):
        state_of("g", {"a": wide}, 1 << 20)
    with pytest.raises(CheckpointError, match="no plain tensor"):
        state_of("g", {"a": torch.zeros(2, device="meta")}, 1 << 20)
    with pytest.raises(CheckpointError, match="no plain tensor"):
        state_of("g", {3: torch.zeros(2)}, 1 << 20)
    with pytest.raises(CheckpointError, match="no dict"):
        state_of("g", [torch.zeros(2)], 1 << 20)


def rezipped(path: Path, compression: int, replace: dict[str, bytes] | None = None) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, (replace or {}).get(name.partition("/")[2], data))


def test_zip_bombs(file: Path) -> None:
    torch.save({"g_ema": {"style.1.weight": torch.zeros(1 << 22)}}, file)
    rezipped(file, zipfile.ZIP_DEFLATED)
    assert file.stat().st_size < 100_000
    fault = refused(file)
    assert isinstance(fault, UnsafeFileError)
    assert "unpacks to" in fault.refused


def test_an_archive_whose_directory_lies_about_sizes(file: Path) -> None:
    torch.save({"g_ema": state()}, file)
    raw = file.read_bytes()
    at = raw.rindex(b"PK\x01\x02")  # the last entry of the directory: its unpacked size
    file.write_bytes(raw[: at + 24] + b"\xff\xff\xff\x7f" + raw[at + 28 :])
    refused(file)


def test_an_archive_with_two_pickles_or_none(file: Path) -> None:
    torch.save({"g_ema": state()}, file)
    with zipfile.ZipFile(file) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    for names in (("x/data.pkl", "y/data.pkl"), ("x/other.pkl",)):
        with zipfile.ZipFile(file, "w") as archive:
            for name in names:
                archive.writestr(name, entries["x/data.pkl"])
        assert "none that torch wrote" in str(refused(file))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # zipfile warns of the second name
        with zipfile.ZipFile(file, "w") as archive:
            for _ in range(2):
                archive.writestr("x/data.pkl", entries["x/data.pkl"])
    refused(file)


def test_a_giant_pickle_in_an_archive(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x/data.pkl", bytes(40 << 20))
    refused(file)


def test_opcodes_that_call_in_disguise(file: Path) -> None:
    torch.save({"g_ema": state()}, file)
    for body in (
        b"(iposix\nsystem\n.",
        b"\x82\x01.",
        b"\x8c\x05posix\x8c\x06system\x93.",
        b"ccollections\nOrderedDict\n)\x81.",
        b"(ccollections\nOrderedDict\no.",
    ):
        rezipped(file, zipfile.ZIP_STORED, {"data.pkl": b"\x80\x02" + body})
        assert isinstance(refused(file), UnsafeFileError)


def test_endless_pickles(file: Path) -> None:
    torch.save({"g_ema": state()}, file)
    rezipped(file, zipfile.ZIP_STORED, {"data.pkl": b"\x80\x02" + b"N" * 1_100_000 + b"."})
    assert "steps" in str(refused(file))


@pytest.mark.parametrize("zipped", [True, False])
def test_cut_files(zipped: bool, file: Path) -> None:
    torch.save({"g_ema": state()}, file, _use_new_zipfile_serialization=zipped)
    whole = file.read_bytes()
    for length in range(0, len(whole), 211):
        file.write_bytes(whole[:length])
        refused(file)


@pytest.mark.parametrize("zipped", [True, False])
def test_random_bytes_changed(zipped: bool, file: Path) -> None:
    torch.save({"g_ema": state()}, file, _use_new_zipfile_serialization=zipped)
    whole = file.read_bytes()
    draw = random.Random(5)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(150):
        raw = bytearray(whole)
        for _ in range(draw.choice([1, 3, 30])):
            raw[draw.randrange(len(raw))] = draw.randrange(256)
        file.write_bytes(raw)
        try:
            held = load_torch_file(file, Limits())
            state_of("g_ema", held.get("g_ema"), len(raw))
            outcomes["read"] += 1
        except REFUSED:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 5


def test_a_storage_larger_than_the_file(file: Path) -> None:
    """The old format announces sizes before it has the numbers."""
    torch.save({"g_ema": {"a": torch.zeros(70_000)}}, file, _use_new_zipfile_serialization=False)
    raw = file.read_bytes()
    size = (70_000).to_bytes(4, "little")
    assert raw.count(b"J" + size) >= 2
    file.write_bytes(raw.replace(b"J" + size, b"J" + (2_000_000_000).to_bytes(4, "little")))
    fault = refused(file)
    assert isinstance(fault, UnsafeFileError)
    assert fault.refused == "8000000000 bytes of tensors"


def test_an_empty_stream_is_refused(file: Path) -> None:
    buffer = io.BytesIO()
    torch.save({}, buffer)
    file.write_bytes(buffer.getvalue())
    assert "it holds nothing" in str(refused(file))

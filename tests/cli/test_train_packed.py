"""A training that travels: packed here, unpacked there, and trained on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from support.training import TINY, write_dataset

from artstyle.pipeline.train.start import Means, train_scratch
from stylegan_ext.training.state import StateFiles


def train(folder: Path, run: str, kimg: float) -> dict[str, torch.Tensor]:
    train_scratch(
        folder,
        dataset=folder / "d.zip",
        means=Means(device="cpu", out=folder / run),
        kimg=kimg,
        **TINY,
    )
    state, _ = StateFiles(folder / run).newest()
    return state.tensors


@pytest.fixture
def begun(tmp_path) -> Path:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    write_dataset(tmp_path / "d.zip")
    train(tmp_path, "run", 0.02)
    yield tmp_path
    torch.set_num_threads(before)


def test_it_goes_on_bit_equal_where_it_is_unpacked(cli, begun):
    done = cli("runs", "pack", begun / "run", "--out", begun / "pieces", "--json")
    assert done.exit_code == 0, done.stderr
    assert done.json()["kimg"] == 0.02
    again = cli("runs", "unpack", begun / "pieces", "--out", begun / "there")
    assert again.exit_code == 0, again.stderr
    here, there = train(begun, "run", 0.04), train(begun, "there", 0.04)
    assert here.keys() == there.keys()
    assert all(torch.equal(here[name], there[name]) for name in here)


def test_pieces_are_small_and_proven(cli, begun):
    from artstyle.pipeline.train.packing import pack

    packed = pack(begun / "run", begun / "pieces", piece_bytes=20_000)
    sizes = [path.stat().st_size for path in sorted((begun / "pieces").glob("piece-*"))]
    assert len(sizes) == packed.pieces > 3
    assert max(sizes) == 20_000
    assert cli("runs", "unpack", begun / "pieces", "--out", begun / "a").exit_code == 0
    piece = begun / "pieces" / "piece-0001.bin"
    data = piece.read_bytes()
    piece.write_bytes(data[:5] + b"?" + data[6:])
    done = cli("runs", "unpack", begun / "pieces", "--out", begun / "b")
    assert done.exit_code == 1
    assert "piece-0001.bin is damaged" in done.stderr
    assert not (begun / "b").exists()
    piece.unlink()
    assert "is missing" in cli("runs", "unpack", begun / "pieces", "--out", begun / "b").stderr
    full = cli("runs", "unpack", begun / "pieces", "--out", begun / "run")
    assert full.exit_code in (1, 2)
    assert "not empty" in full.stderr


def test_half_precision_is_smaller_close_and_said(cli, begun):
    done = cli("runs", "pack", begun / "run", "--out", begun / "half", "--half")
    assert "not bit-equal" in done.stderr
    assert cli("runs", "unpack", begun / "half", "--out", begun / "there").exit_code == 0
    whole, _ = StateFiles(begun / "run").newest()
    half, _ = StateFiles(begun / "there").newest()
    assert half.path.stat().st_size < whole.path.stat().st_size
    for name, held in whole.tensors.items():
        torch.testing.assert_close(half.tensors[name].to(held.dtype), held, rtol=0.01, atol=1e-30)
        if not name.startswith("adam."):
            assert torch.equal(half.tensors[name], held)
    train(begun, "there", 0.04)


def test_a_manifest_cannot_lead_out_of_the_folder(cli, begun):
    cli("runs", "pack", begun / "run", "--out", begun / "pieces")
    path = begun / "pieces" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"][0]["name"] = "../outside.txt"
    path.write_text(json.dumps(manifest))
    done = cli("runs", "unpack", begun / "pieces", "--out", begun / "there")
    assert done.exit_code == 1
    assert "no plain file name" in done.stderr
    assert not (begun / "outside.txt").exists()

"""The anime networks' files: right ones are read in every form, all others are refused."""

from __future__ import annotations

import io
import os
import random
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.anime import seeded_state
from torch import nn

from artstyle.errors import WeightsError
from artstyle.faces.anime.checkpoint import load_into, read_state
from artstyle.faces.anime.detect import load_network
from artstyle.faces.anime.hrnet import HrNetV2
from artstyle.faces.anime.layers import made_empty

NAME = "anime-hrnetv2"
# What mmcv writes beside the numbers.
META = {
    "mmpose_version": "0.18.0+9d7a1a2",
    "config": "model = dict(type='TopDown')\n",
    "CLASSES": ("anime-face",),
    "epoch": 60,
    "time": "Sat Nov  6 10:00:00 2021",
    "hook_msgs": {"best_score": np.float64(0.0143), "last": np.float32(1), "flag": np.bool_(True)},
}


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, bias=False)
        self.bn = nn.BatchNorm2d(4)


def good_state() -> dict[str, torch.Tensor]:
    return OrderedDict(seeded_state(Small, 1))


def written(path: Path, held: Any, *, old_form: bool = False) -> Path:
    torch.save(held, path, _use_new_zipfile_serialization=not old_form)
    return path


def loaded(path: Path) -> Small:
    network = made_empty(Small)
    load_into(network, read_state(path, NAME), path, NAME)
    return network


@pytest.mark.parametrize("old_form", [False, True])
def test_what_mmcv_writes_is_read(tmp_path: Path, old_form: bool) -> None:
    state = good_state()
    path = written(tmp_path / "a.pth", {"meta": META, "state_dict": state}, old_form=old_form)
    network = loaded(path)
    assert torch.equal(network.conv.weight, state["conv.weight"])
    assert torch.equal(network.bn.running_var, state["bn.running_var"])
    path.write_bytes(b"")  # the numbers are in memory of their own
    assert torch.equal(network.conv.weight, state["conv.weight"])


def test_other_forms_of_the_same_are_read(tmp_path: Path) -> None:
    state = good_state()
    del state["bn.num_batches_tracked"]
    parallel = {f"module.{name}": tensor.half() for name, tensor in state.items()}
    for number, held in enumerate((state, {"state_dict": parallel})):
        network = loaded(written(tmp_path / f"{number}.pth", held))
        assert network.conv.weight.dtype is torch.float32
        torch.testing.assert_close(network.conv.weight, state["conv.weight"], atol=1e-3, rtol=1e-3)
        assert network.bn.num_batches_tracked == 0


def test_a_real_network_is_loaded_and_folded(tmp_path: Path) -> None:
    held = {"meta": META, "state_dict": seeded_state(HrNetV2, 7)}
    path = written(tmp_path / "hrnet.pth", held)
    network = load_network(NAME, path, torch.device("cpu"))
    assert not any(isinstance(one, nn.BatchNorm2d) for one in network.modules())
    with pytest.raises(WeightsError) as caught:
        load_network("anime-yolov3", path, torch.device("cpu"))
    assert "does not fit anime-yolov3:\n  - missing (366): backbone.conv1.bn.bias, " in str(
        caught.value
    )
    assert "\n  - unexpected (" in str(caught.value)
    assert caught.value.hint == (
        "these are the names of anime-hrnetv2; type 'artstyle models pull anime-yolov3'"
    )


def test_all_that_does_not_fit_is_listed_together(tmp_path: Path) -> None:
    state = good_state()
    state["bn.bias2"] = state.pop("bn.bias")
    state["conv.weight"] = torch.zeros(4, 3, 1, 1)
    state["bn.weight"] = torch.full((4,), float("nan"))
    with pytest.raises(WeightsError) as caught:
        loaded(written(tmp_path / "a.pth", {"state_dict": state}))
    assert str(caught.value).splitlines()[1:] == [
        "  - missing (1): bn.bias",
        "  - unexpected (1): bn.bias2",
        "  - of another shape (1): conv.weight is [4, 3, 1, 1] and should be [4, 3, 3, 3]",
        "  - not finite (1): bn.weight",
    ]
    assert caught.value.hint == "move it away and type 'artstyle models pull anime-hrnetv2'"


@pytest.mark.parametrize(
    "held",
    [
        [1, 2],
        {"state_dict": [1]},
        {"state_dict": {}},
        {"state_dict": {"a": "text"}},
        {"state_dict": {1: torch.zeros(1)}},
        {"state_dict": {"a": torch.zeros(1, dtype=torch.complex64)}},
        {"state_dict": {"a": torch.zeros(2, 2).to_sparse()}},
        torch.zeros(3),
    ],
    ids=[
        "list",
        "list-inside",
        "empty",
        "text",
        "number",
        "complex",
        "sparse",
        "bare",
    ],
)
def test_other_things_are_refused(tmp_path: Path, held: Any) -> None:
    with pytest.raises(WeightsError) as caught:
        read_state(written(tmp_path / "a.pth", held), NAME)
    assert "artstyle models pull anime-hrnetv2" in str(caught.value.hint)


class Evil:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


@pytest.mark.parametrize("old_form", [False, True])
def test_nothing_in_a_file_is_run(tmp_path: Path, old_form: bool) -> None:
    mark = tmp_path / "it_ran"
    held = {"meta": {"hook_msgs": Evil(f"touch {mark}")}, "state_dict": good_state()}
    path = written(tmp_path / "evil.pth", held, old_form=old_form)
    with pytest.raises(WeightsError, match="cannot be read safely") as caught:
        read_state(path, NAME)
    assert "system" in str(caught.value)  # what it wanted is named
    assert "weights_only" not in str(caught.value)  # and nobody is told to trust it
    assert not mark.exists()


def test_no_file_and_foreign_files_are_refused(tmp_path: Path) -> None:
    foreign = {
        "empty": b"",
        "text": b"<html>404 Not Found</html>",
        "pickle": b"\x80\x02]q\x00.",
        "zip": zip_of({"readme.txt": b"hello"}),
        "PK": b"PK\x03\x04" + bytes(100),
    }
    for name, data in foreign.items():
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(WeightsError, match="cannot be read safely"):
            read_state(path, NAME)
    with pytest.raises(WeightsError, match="cannot be read safely"):
        read_state(tmp_path / "missing.pth", NAME)


def zip_of(parts: dict[str, bytes], way: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", way) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return stream.getvalue()


def test_archives_that_lie_about_sizes_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.pth", {"state_dict": {"a": torch.ones(4096)}})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    path.write_bytes(zip_of(parts, zipfile.ZIP_DEFLATED))
    with pytest.raises(WeightsError, match="is compressed"):
        read_state(path, NAME)
    short = {name: data[:16] if "/data/" in name else data for name, data in parts.items()}
    path.write_bytes(zip_of(short))
    with pytest.raises(WeightsError, match="cannot be read safely"):
        read_state(path, NAME)


@pytest.mark.parametrize("old_form", [False, True])
def test_damaged_files_are_refused_or_read_but_never_break_anything(
    tmp_path: Path, old_form: bool
) -> None:
    held = {"meta": META, "state_dict": good_state()}
    whole = written(tmp_path / "whole.pth", held, old_form=old_form).read_bytes()
    rng = random.Random(3)
    path = tmp_path / "damaged.pth"
    refused = 0
    for case in range(80):
        data = bytearray(whole)
        if case % 2:
            del data[rng.randrange(len(data)) :]
        else:
            for _ in range(rng.randint(1, 8)):
                data[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(data)
        try:
            loaded(path)
        except WeightsError:
            refused += 1
    assert refused >= 40  # every cut one at least

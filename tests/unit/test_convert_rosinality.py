"""rosinality's state dicts, both ways, with a plain re-statement of that class as the judge."""

from __future__ import annotations

import argparse
import math
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from support.foreign import (
    discriminator,
    equal_tensors,
    generator2,
    generator3,
    pictures,
    random_record,
)
from torch.nn import functional as F

from stylegan_ext.convert import read_foreign, write_foreign
from stylegan_ext.errors import CheckpointError, MismatchError, UnsafeFileError
from stylegan_ext.networks import build
from stylegan_ext.records import ModelFile, NetworkRecord


def full_width(resolution: int = 8, **more: Any) -> NetworkRecord:
    """The narrowest generator that their class can hold: its channels are fixed."""
    kwargs = {
        "z_dim": 16,
        "w_dim": 16,
        "c_dim": 0,
        "img_channels": 3,
        "img_resolution": resolution,
        "mapping_kwargs": {"num_layers": 3},
        "synthesis_kwargs": {"channel_base": 32768, "channel_max": 512},
        **more,
    }
    return random_record("stylegan2-generator", **kwargs)


@pytest.fixture(scope="module")
def record() -> NetworkRecord:
    return full_width(16)


@pytest.fixture(scope="module")
def file(record: NetworkRecord, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rosinality") / "stylegan2.pt"
    write_foreign(path, ModelFile({"G_ema": record}))
    return path


def blur(x: torch.Tensor, kernel: torch.Tensor, pad: tuple[int, int]) -> torch.Tensor:
    n, c, h, w = x.shape
    x = F.pad(x.reshape(n * c, 1, h, w), (*pad, *pad))
    return F.conv2d(x, kernel.flip([0, 1])[None, None]).reshape(n, c, -1, x.shape[-1] - 3)


def their_picture(state: dict[str, torch.Tensor], z: torch.Tensor) -> torch.Tensor:
    """What their generator computes: scaled weights, transposed convolution, blur after it."""

    def linear(name: str, x: torch.Tensor, rate: float = 1.0) -> torch.Tensor:
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        return x @ weight.t() * (rate / math.sqrt(weight.shape[1])) + bias * rate

    def styled(name: str, x: torch.Tensor, w: torch.Tensor, demodulate: bool) -> torch.Tensor:
        weight = state[f"{name}.conv.weight"]
        inputs, side = weight.shape[2:4]
        style = linear(f"{name}.conv.modulation", w)
        weight = weight / math.sqrt(inputs * side**2) * style[:, None, :, None, None]
        if demodulate:
            weight = weight * (weight.square().sum([2, 3, 4], keepdim=True) + 1e-8).rsqrt()
        rows = []
        kernel = state.get(f"{name}.conv.blur.kernel")
        for sample, own in zip(x, weight, strict=True):
            if kernel is None:
                rows.append(F.conv2d(sample[None], own, padding=side // 2))
            else:
                up = F.conv_transpose2d(sample[None], own.transpose(0, 1), stride=2)
                rows.append(blur(up, kernel, (1, 1)))
        return torch.cat(rows)

    def layer(name: str, index: int, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        x = styled(name, x, w, True)
        x = x + state[f"{name}.noise.weight"] * state[f"noises.noise_{index}"]
        x = x + state[f"{name}.activate.bias"].reshape(1, -1, 1, 1)
        return F.leaky_relu(x, 0.2) * math.sqrt(2)

    def to_rgb(name: str, x: torch.Tensor, w: torch.Tensor, skip: Any) -> torch.Tensor:
        rgb = styled(name, x, w, False) + state[f"{name}.bias"]
        if skip is None:
            return rgb
        n, c, h, width = skip.shape
        spread = torch.zeros(n, c, 2 * h, 2 * width)
        spread[:, :, ::2, ::2] = skip
        return rgb + blur(spread, state[f"{name}.upsample.kernel"], (2, 1))

    w = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
    depth = sum(name.startswith("style.") for name in state) // 2
    for i in range(1, depth + 1):
        w = F.leaky_relu(linear(f"style.{i}", w, 0.01), 0.2) * math.sqrt(2)
    x = layer("conv1", 0, state["input.input"].expand(len(z), -1, -1, -1), w)
    picture = to_rgb("to_rgb1", x, w, None)
    count = sum(name.startswith("to_rgbs.") and name.endswith("kernel") for name in state)
    for k in range(count):
        x = layer(f"convs.{2 * k}", 2 * k + 1, x, w)
        x = layer(f"convs.{2 * k + 1}", 2 * k + 2, x, w)
        picture = to_rgb(f"to_rgbs.{k}", x, w, picture)
    return picture


def test_their_class_draws_the_same_pictures(record: NetworkRecord, file: Path) -> None:
    held = torch.load(file, weights_only=True)
    assert set(held) == {"g_ema", "latent_avg"}
    z = torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        theirs, ours = their_picture(held["g_ema"], z), pictures(record)
    assert (theirs - ours).abs().max() < 1e-4 * ours.abs().max()
    assert torch.equal(held["latent_avg"], record.tensors["mapping.w_avg"])


def test_names_and_shapes_are_theirs(file: Path) -> None:
    state = torch.load(file, weights_only=True)["g_ema"]
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    assert shapes["input.input"] == (1, 512, 4, 4)
    assert shapes["style.1.weight"] == (16, 16)
    assert shapes["conv1.conv.weight"] == (1, 512, 512, 3, 3)
    assert shapes["conv1.noise.weight"] == (1,)
    assert shapes["convs.0.conv.blur.kernel"] == (4, 4)
    assert shapes["convs.3.activate.bias"] == (512,)
    assert shapes["to_rgb1.bias"] == (1, 3, 1, 1)
    assert shapes["to_rgbs.1.conv.weight"] == (1, 3, 512, 1, 1)
    assert shapes["noises.noise_4"] == (1, 1, 16, 16)
    assert "convs.1.conv.blur.kernel" not in shapes
    assert state["convs.0.conv.blur.kernel"].sum() == pytest.approx(4.0)


def test_there_and_back(record: NetworkRecord, file: Path) -> None:
    model = read_foreign(file)
    assert list(model.networks) == ["G_ema"]
    assert equal_tensors(model.networks["G_ema"], record)
    kwargs = model.networks["G_ema"].kwargs
    assert kwargs["mapping_kwargs"] == {"num_layers": 3, "lr_multiplier": 0.01}
    assert kwargs["img_resolution"] == 16
    assert model.provenance.notes["converted_from"] == "rosinality state dict"


def test_the_same_bytes_each_time(record: NetworkRecord, file: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.pt"
    write_foreign(again, ModelFile({"G_ema": record}))
    assert again.read_bytes() == file.read_bytes()


def as_theirs(record: NetworkRecord) -> dict[str, torch.Tensor]:
    """Any width under their names, which reading takes and writing refuses."""
    from stylegan_ext.convert.rosinality_export import _their_name, _their_shape

    names = {name: _their_name(name) for name in record.tensors}
    return {
        theirs: _their_shape(name, record.tensors[name]) for name, theirs in names.items() if theirs
    }


def test_every_width_and_old_files_are_read(tmp_path: Path) -> None:
    record = generator2(resolution=32)
    held = {
        "g_ema": OrderedDict(as_theirs(record)),
        "g": as_theirs(generator2(5, resolution=32)),
        "latent_avg": record.tensors["mapping.w_avg"],
        "ada_aug_p": 0.3,
    }
    for name, zipped in (("new.pt", True), ("old.pt", False)):
        torch.save(held, tmp_path / name, _use_new_zipfile_serialization=zipped)
        model = read_foreign(tmp_path / name)
        assert list(model.networks) == ["G_ema", "G"]
        assert equal_tensors(model.networks["G_ema"], record)
        assert model.provenance.notes["other_entries"] == ["ada_aug_p"]


def test_a_real_module_s_state_dict_with_metadata_is_read(tmp_path: Path) -> None:
    """state_dict() is an OrderedDict with an attribute, which is pickled as a state."""
    record = generator2()
    state = OrderedDict(as_theirs(record))
    state._metadata = OrderedDict({"": {"version": 1}})  # type: ignore[attr-defined]
    torch.save({"g_ema": state, "latent_avg": record.tensors["mapping.w_avg"]}, tmp_path / "a.pt")
    assert equal_tensors(read_foreign(tmp_path / "a.pt").networks["G_ema"], record)


def test_what_old_files_lack_is_made_and_noted(tmp_path: Path) -> None:
    record = generator2(resolution=8)
    state = {name: t for name, t in as_theirs(record).items() if not name.startswith("noises.")}
    torch.save({"g_ema": state}, tmp_path / "a.pt")
    model = read_foreign(tmp_path / "a.pt")
    found = model.networks["G_ema"].tensors
    assert found["synthesis.b8.conv0.noise_const"].shape == (8, 8)
    assert "seed 0" in model.provenance.notes["g_ema_noise"]
    assert "mean of 10000 w" in model.provenance.notes["g_ema_w_avg"]
    z = torch.randn(4000, 8, generator=torch.Generator().manual_seed(5))
    w = build(record).mapping(z)[:, 0]
    assert (found["mapping.w_avg"] - w.mean(0)).abs().max() < 0.1 * w.std()
    again = read_foreign(tmp_path / "a.pt").networks["G_ema"]
    assert equal_tensors(again, model.networks["G_ema"])


@pytest.mark.parametrize(
    ("record", "reasons"),
    [
        (generator3(), ["it is a stylegan3-generator"]),
        (generator2(), ["512 channels"]),
        (
            random_record(
                "stylegan2-generator",
                z_dim=8,
                w_dim=9,
                c_dim=2,
                img_channels=1,
                img_resolution=4,
                mapping_kwargs={"num_layers": 2, "lr_multiplier": 0.1},
                synthesis_kwargs={"architecture": "resnet", "use_noise": False},
            ),
            [
                "architecture skip",
                "no labels",
                "3 picture channels",
                "z and w of one width",
                "noise inputs",
                "lr_multiplier 0.01",
                "8 to 1024 px",
            ],
        ),
    ],
)
def test_what_their_class_cannot_hold_is_listed(
    record: NetworkRecord, reasons: list[str], tmp_path: Path
) -> None:
    with pytest.raises(MismatchError) as caught:
        write_foreign(tmp_path / "x.pt", ModelFile({"G_ema": record}))
    for reason in reasons:
        assert reason in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_what_stays_behind_is_said(record: NetworkRecord, tmp_path: Path) -> None:
    kwargs = {**record.kwargs, "synthesis_kwargs": {"conv_clamp": 256}}
    clamped = NetworkRecord(record.kind, kwargs, record.tensors)
    notes = write_foreign(tmp_path / "x.pt", ModelFile({"G_ema": clamped, "D": discriminator()}))
    assert any("256" in note for note in notes)
    assert any("discriminator" in note for note in notes)


def test_a_namespace_is_refused_by_name(tmp_path: Path) -> None:
    held = {"g_ema": as_theirs(generator2()), "args": argparse.Namespace(size=256)}
    for zipped in (True, False):
        torch.save(held, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
        with pytest.raises(UnsafeFileError) as caught:
            read_foreign(tmp_path / "a.pt")
        assert caught.value.refused == "argparse.Namespace"
        assert "g_ema and latent_avg" in str(caught.value.hint)


def test_strange_tensors_are_listed(tmp_path: Path) -> None:
    state = as_theirs(generator2()) | {"attention.weight": torch.zeros(3)}
    torch.save({"g_ema": state}, tmp_path / "a.pt")
    with pytest.raises(MismatchError, match=r"attention\.weight"):
        read_foreign(tmp_path / "a.pt")


def test_another_torch_file_is_told_apart(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.zeros(3)}, "epoch": 3}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="it holds state_dict, epoch"):
        read_foreign(tmp_path / "a.pt")
    torch.save([torch.zeros(3)], tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="no dict of networks"):
        read_foreign(tmp_path / "a.pt")


@pytest.mark.parametrize(
    "average", [torch.zeros(5), torch.zeros(1 << 20), torch.zeros(8, dtype=torch.int64), "text"]
)
def test_an_odd_average_is_refused(average: Any, tmp_path: Path) -> None:
    held = {"g_ema": as_theirs(generator2()), "latent_avg": average}
    torch.save(held, tmp_path / "a.pt")
    with pytest.raises((CheckpointError, MismatchError)):
        read_foreign(tmp_path / "a.pt")

"""Models made lighter: fewer networks, half precision, and what that must not change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.small_models import write_small_model

import stylegan_ext
from stylegan_ext.checkpoint import read_model, write_model
from stylegan_ext.errors import MismatchError, ParameterError
from stylegan_ext.header import read_header
from stylegan_ext.lighter import lighter
from stylegan_ext.networks import build


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_small_model(tmp_path / "m.safetensors", resolution=16, licence="CC0-1.0")


def test_half_as_large_and_nearly_the_same_pictures(model, tmp_path):
    held = read_model(model)
    write_model(tmp_path / "light.safetensors", lighter(held, half=True))
    tensors = sum(t.numel() for n in held.networks.values() for t in n.tensors.values())
    saved = model.stat().st_size - (tmp_path / "light.safetensors").stat().st_size
    assert abs(saved - 2 * tensors) < 2000
    z = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    pictures = []
    for path in (model, tmp_path / "light.safetensors"):
        generator = stylegan_ext.load(path)
        assert next(generator.parameters()).dtype == torch.float32
        pictures.append(generator(z[:, : generator.z_dim]))
    assert 0 < (pictures[0] - pictures[1]).abs().max() < 0.02
    provenance = read_header(tmp_path / "light.safetensors").provenance
    assert provenance.licence == "CC0-1.0"
    assert provenance.notes["half_precision"] is True


def test_without_noise_the_noise_maps_say_nothing(model):
    held = read_model(model)
    record = held.networks["G_ema"]
    loud = {
        key: tensor.clone().fill_(0.5) if key.endswith("noise_strength") else tensor
        for key, tensor in record.tensors.items()
    }
    networks = {name: replace(record, tensors=loud) for name in ("G_ema", "G")}
    still = lighter(replace(held, networks=networks), without_noise=True)
    z = torch.randn(1, int(record.kwargs["z_dim"]), generator=torch.Generator().manual_seed(0))
    generator = build(still.networks["G_ema"])
    ws = generator.mapping(z)
    assert torch.equal(
        generator.synthesis(ws, noise_mode="const"), generator.synthesis(ws, noise_mode="none")
    )
    learning = build(still.networks["G"])
    assert not torch.equal(
        learning.synthesis(ws, noise_mode="const"), learning.synthesis(ws, noise_mode="none")
    )
    assert still.provenance.notes["without_noise"] is True


def test_only_the_networks_that_were_asked_for(model):
    held = read_model(model)
    name = next(iter(held.networks))
    assert list(lighter(held, networks=[name]).networks) == [name]
    with pytest.raises(ParameterError, match="no Q"):
        lighter(held, networks=["Q"])


def test_a_number_that_does_not_fit_is_refused(model):
    held = read_model(model)
    name, record = next(iter(held.networks.items()))
    key = next(key for key in record.tensors if key.endswith("weight"))
    big = {**record.tensors, key: record.tensors[key].clone().fill_(1e6)}
    networks = {**held.networks, name: replace(record, tensors=big)}
    with pytest.raises(MismatchError, match="too large for float16"):
        lighter(replace(held, networks=networks), half=True)


def test_export_writes_it(cli, model, tmp_path):
    out = tmp_path / "light.safetensors"
    name = next(iter(read_header(model).networks))
    done = cli("models", "export", model, "--half", "--networks", name, "--out", out)
    assert done.exit_code == 0, done.stderr
    header = read_header(out)
    assert list(header.networks) == [name]
    assert {info.dtype for info in header.networks[name].tensors.values()} == {"F16"}
    refused = cli("models", "export", model, "--half", "--out", tmp_path / "x.pkl")
    assert refused.exit_code != 0
    assert "half precision" in refused.stderr
    assert not (tmp_path / "x.pkl").exists()

"""Model files: what goes in comes out, and what is wrong is said before any work starts."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from support.foreign import equal_tensors, generator2, generator3, whole_model

from stylegan_ext import load, load_all
from stylegan_ext.checkpoint import content_sha256, read_header, read_model, verify, write_model
from stylegan_ext.errors import CheckpointError, EngineError, MismatchError
from stylegan_ext.networks import Discriminator, StyleGAN2Generator, StyleGAN3Generator
from stylegan_ext.records import ModelFile, NetworkRecord, Provenance

ORIGIN = Provenance(
    licence="CC BY-NC-SA 4.0",
    source="somewhere",
    source_sha256="ab" * 32,
    parents=({"name": "base", "sha256": "cd" * 32, "role": "mapping"},),
    preprocessing={"alignment": "ffhq", "size": 256},
    notes={"kimg": 12.5, "words": "ünï\u2028"},
)


@pytest.fixture(scope="module")
def model() -> ModelFile:
    return ModelFile(whole_model().networks, ORIGIN)


@pytest.fixture
def file(model: ModelFile, tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    write_model(path, model)
    return path


def rewritten(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The file with its header changed and the offsets in it as they were."""
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + raw[8 + length :])
    return path


def with_tensor(record: NetworkRecord, name: str, tensor: torch.Tensor | None) -> NetworkRecord:
    tensors = {key: value for key, value in record.tensors.items() if key != name}
    return replace(record, tensors=tensors if tensor is None else {**tensors, name: tensor})


def test_everything_comes_back(model: ModelFile, file: Path) -> None:
    back = read_model(file)
    assert list(back.networks) == ["G_ema", "G", "D"]
    assert back.provenance == ORIGIN
    for name, record in model.networks.items():
        assert back.networks[name].kind == record.kind
        assert back.networks[name].kwargs == record.kwargs
        assert equal_tensors(back.networks[name], record)


def test_the_header_tells_without_the_tensors(model: ModelFile, file: Path) -> None:
    header = read_header(file)
    assert header.provenance == ORIGIN
    assert header.size_bytes == file.stat().st_size
    assert header.content_sha256 == content_sha256(model)
    const = header.networks["G_ema"].tensors["synthesis.b4.const"]
    assert (const.dtype, const.shape) == ("F32", (6, 4, 4))
    assert header.networks["D"].size_elements == sum(
        tensor.numel() for tensor in model.networks["D"].tensors.values()
    )


def test_reading_a_header_loads_neither_torch_nor_numpy(file: Path) -> None:
    code = (
        "import sys; from stylegan_ext.checkpoint import read_header; "
        f"read_header({str(file)!r}); print(sorted({{'torch', 'numpy'}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_same_model_gives_the_same_bytes(model: ModelFile, file: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    shuffled = {name: model.networks[name] for name in reversed(model.networks)}
    write_model(again, ModelFile(shuffled, ORIGIN))
    assert again.read_bytes() == file.read_bytes()


def test_the_safetensors_library_agrees(model: ModelFile, file: Path) -> None:
    with safe_open(file, framework="pt") as held:
        names = {f"{n}.{t}" for n, record in model.networks.items() for t in record.tensors}
        assert set(held.keys()) == names
        assert held.metadata()["format"] == "stylegan_ext"
        weight = model.networks["D"].tensors["b16.conv0.weight"]
        assert torch.equal(held.get_tensor("D.b16.conv0.weight"), weight)


def test_tensors_begin_at_multiples_of_their_item(file: Path) -> None:
    header = read_header(file)
    assert header.data_start % 8 == 0
    assert all(i.begin % 4 == 0 for n in header.networks.values() for i in n.tensors.values())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_number_formats_are_kept_on_disk_and_drawn_in_float32(
    dtype: torch.dtype, tmp_path: Path
) -> None:
    record = generator2()
    mixed = {
        name: tensor.to(dtype) if tensor.ndim == 4 else tensor
        for name, tensor in record.tensors.items()
    }
    path = tmp_path / "m.safetensors"
    write_model(path, ModelFile({"G_ema": replace(record, tensors=mixed)}))
    assert equal_tensors(read_model(path).networks["G_ema"], replace(record, tensors=mixed))
    verify(path)
    assert {tensor.dtype for tensor in load(path).state_dict().values()} == {torch.float32}
    half = load(path, dtype=torch.float16)
    assert {tensor.dtype for tensor in half.state_dict().values()} == {torch.float16}


def test_shared_and_strided_tensors_are_written_out(tmp_path: Path) -> None:
    record = generator2()
    weight = record.tensors["synthesis.b8.conv1.weight"]
    one = torch.randn(6)
    tensors = {
        **record.tensors,
        "synthesis.b8.conv1.weight": weight.to(memory_format=torch.channels_last),
        "synthesis.b8.conv1.bias": one,
        "synthesis.b16.conv0.affine.bias": one,
        "mapping.fc0.weight": torch.randn(16, 8)[::2],
        "mapping.w_avg": torch.zeros(1).expand(8),
        "synthesis.b4.const": torch.nn.Parameter(torch.randn(6, 4, 4)),
    }
    path = tmp_path / "m.safetensors"
    write_model(path, ModelFile({"G_ema": replace(record, tensors=tensors)}))
    back = read_model(path).networks["G_ema"].tensors
    assert all(torch.equal(back[name], tensor) for name, tensor in tensors.items())
    assert all(tensor.is_contiguous() for tensor in back.values())


def test_load_gives_the_average_ready_to_draw(model: ModelFile, file: Path) -> None:
    network = load(file)
    assert isinstance(network, StyleGAN2Generator)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    weight = model.networks["G_ema"].tensors["mapping.fc0.weight"]
    assert torch.equal(network.state_dict()["mapping.fc0.weight"], weight)
    assert network(torch.zeros(1, 8)).shape == (1, 3, 16, 16)


def test_load_falls_back_to_g_and_takes_a_name(model: ModelFile, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    networks = {"G": model.networks["G"], "D": model.networks["D"], "other": generator3()}
    write_model(path, ModelFile(networks))
    weight = model.networks["G"].tensors["mapping.fc0.weight"]
    assert torch.equal(load(path).state_dict()["mapping.fc0.weight"], weight)
    assert isinstance(load(path, "other"), StyleGAN3Generator)
    with pytest.raises(CheckpointError, match=r"no generator"):
        load(path, "D")
    with pytest.raises(CheckpointError, match=r"has no G_ema: it holds G, D, other"):
        load(path, "G_ema")


def test_load_all_gives_every_network(file: Path) -> None:
    networks = load_all(file)
    assert list(networks) == ["G_ema", "G", "D"]
    assert isinstance(networks["D"], Discriminator)
    assert networks["D"](torch.zeros(2, 3, 16, 16)).shape == (2, 1)


def test_a_loaded_network_does_not_share_memory_with_the_file(file: Path) -> None:
    before = file.read_bytes()
    with torch.no_grad():
        for parameter in load(file).parameters():
            parameter.zero_()
    assert file.read_bytes() == before


@pytest.mark.parametrize("name", ["snap.pkl", "a file.pt", "x.pth"])
def test_a_foreign_snapshot_is_told_how_to_be_converted(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"\x80\x04\x95" + bytes(100))
    with pytest.raises(CheckpointError) as caught:
        load(path)
    quoted = f"'{path}'" if " " in name else str(path)
    target = path.with_suffix(".safetensors").name
    target = f"'{target}'" if " " in name else target
    assert caught.value.hint == f"artstyle models import {quoted} --out {target}"


def test_tensors_without_a_word_about_the_network(file: Path) -> None:
    rewritten(file, lambda header: header.pop("__metadata__"))
    with pytest.raises(CheckpointError, match="does not say of which network") as caught:
        load(file)
    assert "artstyle models import" in str(caught.value.hint)


def test_missing_extra_and_misshapen_tensors_are_listed_together(
    model: ModelFile, tmp_path: Path
) -> None:
    record = model.networks["G_ema"]
    record = with_tensor(record, "mapping.fc1.bias", None)
    record = with_tensor(record, "hello", torch.zeros(3))
    record = with_tensor(record, "synthesis.b4.const", torch.zeros(5, 4, 4))
    with pytest.raises(MismatchError) as caught:
        write_model(tmp_path / "m.safetensors", ModelFile({"G_ema": record}))
    words = str(caught.value)
    assert "synthesis.b4.const is 5x4x4, expected 6x4x4" in words
    assert "mapping.fc1.bias is missing (expected 8)" in words
    assert "hello (3) is unknown" in words
    assert list(tmp_path.iterdir()) == []


def test_a_header_that_contradicts_its_tensors_is_explained_before_loading(file: Path) -> None:
    def change(header: dict[str, Any]) -> None:
        networks = json.loads(header["__metadata__"]["networks"])
        networks["G_ema"]["kwargs"]["img_resolution"] = 32
        header["__metadata__"]["networks"] = json.dumps(networks)

    rewritten(file, change)
    with pytest.raises(MismatchError, match=r"synthesis\.b32\.conv0\.weight is missing"):
        load(file)
    assert load(file, "G").img_resolution == 16  # another network of the file is not touched


def test_an_absurd_resolution_costs_nothing(file: Path) -> None:
    def change(header: dict[str, Any]) -> None:
        networks = json.loads(header["__metadata__"]["networks"])
        networks["G_ema"]["kwargs"]["img_resolution"] = 1 << 30
        header["__metadata__"]["networks"] = json.dumps(networks)

    with pytest.raises(MismatchError, match="img_resolution is 1073741824, not between"):
        load(rewritten(file, change))


def test_nan_is_noted_and_warned_of(model: ModelFile, tmp_path: Path) -> None:
    record = model.networks["G_ema"]
    sick = torch.full((8,), float("nan"))
    record = with_tensor(record, "mapping.fc1.bias", sick)
    path = tmp_path / "m.safetensors"
    write_model(path, ModelFile({"G_ema": record, "D": model.networks["D"]}, ORIGIN))
    notes = read_header(path).provenance.notes
    assert notes["non_finite"] == ["G_ema.mapping.fc1.bias"]
    with pytest.warns(RuntimeWarning, match=r"NaN or infinity in G_ema\.mapping\.fc1\.bias"):
        load(path)
    healed = read_model(path)
    networks = {**healed.networks, "G_ema": model.networks["G_ema"]}
    write_model(path, ModelFile(networks, healed.provenance))
    assert "non_finite" not in read_header(path).provenance.notes
    load(path)


def test_verify_finds_one_changed_bit_and_survives_a_new_header(
    model: ModelFile, file: Path, tmp_path: Path
) -> None:
    digest = verify(file).content_sha256
    renamed = ModelFile(model.networks, replace(ORIGIN, licence="MIT", notes={}))
    write_model(tmp_path / "renamed.safetensors", renamed)
    assert verify(tmp_path / "renamed.safetensors").content_sha256 == digest
    raw = bytearray(file.read_bytes())
    raw[-5] ^= 1
    file.write_bytes(raw)
    with pytest.raises(CheckpointError, match="not those that were written"):
        verify(file)


def test_the_digest_sees_names_types_and_shapes(model: ModelFile) -> None:
    record = model.networks["G_ema"]
    base = content_sha256(ModelFile({"G": record}))
    assert content_sha256(ModelFile({"G_ema": record})) != base
    bias = record.tensors["mapping.fc1.bias"]
    other = with_tensor(record, "mapping.fc1.bias", bias.double())
    assert content_sha256(ModelFile({"G": other})) != base


def test_what_json_cannot_say_is_refused(model: ModelFile, tmp_path: Path) -> None:
    for notes in ({"kimg": float("nan")}, {"thing": object()}):
        with pytest.raises(CheckpointError, match="JSON"):
            write_model(
                tmp_path / "m.safetensors", ModelFile(model.networks, Provenance(notes=notes))
            )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "a.b", "../x", "1"])
def test_odd_names_of_networks_are_refused(name: str, model: ModelFile, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot write"):
        write_model(tmp_path / "m.safetensors", ModelFile({name: model.networks["G"]}))


def test_integers_are_refused(model: ModelFile, tmp_path: Path) -> None:
    bias = torch.zeros(8, dtype=torch.int64)
    record = with_tensor(model.networks["G"], "mapping.fc1.bias", bias)
    with pytest.raises(CheckpointError, match=r"torch\.int64"):
        write_model(tmp_path / "m.safetensors", ModelFile({"G": record}))


def test_an_interrupted_write_leaves_the_old_file(
    model: ModelFile, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()

    def broken(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="No space left"):
        write_model(file, ModelFile({"G": model.networks["G"]}))
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_every_error_is_one_of_ours_and_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    for raw in (b"", b"x", b"\xff" * 8, b"\x10" + bytes(7), b"\x02" + bytes(7) + b"{}"):
        path.write_bytes(raw)
        with pytest.raises(EngineError, match=r"m\.safetensors"):
            load(path)

"""What a file is, its bytes decide; and what the official tree must look like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from support.foreign import (
    equal_tensors,
    generator2,
    network,
    snapshot,
    state_of,
    tiny_model,
    whole_model,
)

from stylegan_ext.checkpoint import write_model
from stylegan_ext.convert import Limits, read_foreign, write_foreign
from stylegan_ext.convert.arguments import known_arguments, plain
from stylegan_ext.convert.emitter import Call
from stylegan_ext.convert.official_export import _tensor
from stylegan_ext.errors import CheckpointError, MismatchError, UnsafeFileError
from stylegan_ext.records import ModelFile, Provenance

TINY = tiny_model().networks["G_ema"]


def read(tmp_path: Path, data: bytes, name: str = "file.pkl") -> ModelFile:
    path = tmp_path / name
    path.write_bytes(data)
    return read_foreign(path)


def test_the_ending_of_the_name_does_not_matter(tmp_path: Path) -> None:
    write_foreign(tmp_path / "a.pkl", whole_model())
    data = (tmp_path / "a.pkl").read_bytes()
    for name in ("a.safetensors", "a.pt", "a", "a.zip"):
        assert list(read(tmp_path, data, name).networks) == ["G_ema", "G", "D"]


def test_our_own_file_keeps_its_origin(tmp_path: Path) -> None:
    origin = Provenance(licence="MIT", source="here", source_sha256="12" * 32)
    write_model(tmp_path / "a.safetensors", ModelFile(whole_model().networks, origin))
    model = read_foreign(tmp_path / "a.safetensors")
    assert model.provenance == origin


@pytest.mark.parametrize("prefix", ["", "G_ema."])
def test_safetensors_with_official_names(prefix: str, tmp_path: Path) -> None:
    record = generator2()
    tensors = {prefix + name: tensor.contiguous() for name, tensor in record.tensors.items()}
    save_file(tensors, tmp_path / "a.safetensors")
    model = read_foreign(tmp_path / "a.safetensors")
    assert equal_tensors(model.networks["G_ema"], record)
    assert model.networks["G_ema"].kwargs["synthesis_kwargs"]["channel_max"] == 6


def test_safetensors_of_another_network(tmp_path: Path) -> None:
    save_file({"features.0.weight": torch.zeros(3)}, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match=r"no StyleGAN2 or StyleGAN3 network"):
        read_foreign(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "0 bytes"),
        (b"<!DOCTYPE html><html>not found</html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:12", "Git LFS pointer"),
        (b"\x1f\x8b\x08\x00abc", "compressed with gzip"),
        (b"\x89PNG\r\n\x1a\n", "no model file that we know"),
        (b"PK\x03\x04 and then nothing", "damaged"),
        (b"\x80", "too early"),
    ],
)
def test_what_is_no_model_is_named(data: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=words) as caught:
        read(tmp_path, data)
    assert str(tmp_path / "file.pkl") in str(caught.value)


def test_a_network_alone_in_a_snapshot(tmp_path: Path) -> None:
    model = read(tmp_path, snapshot(G_ema=network(), G=None, D=None, extra=[1]))
    assert list(model.networks) == ["G_ema"]
    assert equal_tensors(model.networks["G_ema"], TINY)
    assert model.provenance.notes["other_entries"] == ["extra"]


def test_bytes_after_the_end_are_damage(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="3 bytes follow its end"):
        read(tmp_path, snapshot(G_ema=network()) + b"abc")


def test_shared_parameters_stay_shared(tmp_path: Path) -> None:
    call = network()
    mapping = state_of(state_of(call)["_modules"]["mapping"])
    mapping["_buffers"]["w_avg"] = state_of(mapping["_modules"]["fc0"])["_parameters"]["bias"]
    tensors = read(tmp_path, snapshot(G_ema=call)).networks["G_ema"].tensors
    assert tensors["mapping.w_avg"] is tensors["mapping.fc0.bias"]


def test_strided_tensors_are_laid_out(tmp_path: Path) -> None:
    call = network()
    fc0 = state_of(state_of(state_of(call)["_modules"]["mapping"])["_modules"]["fc0"])
    weight = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    rebuilt = _tensor(weight)
    assert rebuilt is not None
    storage, _, shape, _, *rest = rebuilt.arguments
    fc0["_parameters"]["weight"] = Call(rebuilt.name, (storage, 0, shape, (1, 2), *rest))
    tensors = read(tmp_path, snapshot(G_ema=call)).networks["G_ema"].tensors
    assert torch.equal(tensors["mapping.fc0.weight"], weight.t())


def test_buffers_that_are_no_state_are_left_out(tmp_path: Path) -> None:
    call = network()
    state_of(call)["_buffers"]["cache"] = _tensor(torch.zeros(3))
    state_of(call)["_non_persistent_buffers_set"] = {"cache"}
    assert equal_tensors(read(tmp_path, snapshot(G_ema=call)).networks["G_ema"], TINY)
    state_of(call)["_non_persistent_buffers_set"] = set()
    with pytest.raises(MismatchError, match="cache"):
        read(tmp_path, snapshot(G_ema=call))


def test_unnamed_arguments_are_named(tmp_path: Path) -> None:
    call = network()
    state = state_of(call)
    kwargs = dict(state["_init_kwargs"])
    names = ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels")
    state["_init_args"] = tuple(kwargs.pop(name) for name in names)
    state["_init_kwargs"] = kwargs
    record = read(tmp_path, snapshot(G_ema=call)).networks["G_ema"]
    assert {name: record.kwargs[name] for name in names} == {
        name: TINY.kwargs[name] for name in names
    }


def test_unknown_arguments_are_noted_and_harmless_ones_dropped(tmp_path: Path) -> None:
    call = network()
    options = {
        **TINY.kwargs,
        "fancy": True,
        "synthesis_kwargs": {
            **TINY.kwargs["synthesis_kwargs"],
            "fp16_channels_last": False,
            "use_attention": True,
        },
    }
    state_of(call)["_init_kwargs"] = options
    model = read(tmp_path, snapshot(G_ema=call))
    unknown = model.provenance.notes["G_ema_unknown_arguments"]
    assert unknown == ["fancy", "synthesis_kwargs.use_attention"]
    assert "use_attention" not in model.networks["G_ema"].kwargs["synthesis_kwargs"]


def test_words_that_contradict_the_tensors(tmp_path: Path) -> None:
    call = network()
    state_of(call)["_init_kwargs"] = {**TINY.kwargs, "w_dim": 3}
    with pytest.raises(MismatchError, match="w_dim: the file says 3, the tensors say 2"):
        read(tmp_path, snapshot(G_ema=call))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"type": "function"}, "not described as the official tools do"),
        ({"version": 5}, "version 5"),
        ({"version": "6"}, "version '6'"),
        ({"module_src": None}, "not described as the official tools do"),
        ({"class_name": 3}, "not described as the official tools do"),
        ({"state": []}, "not described as the official tools do"),
        ({"more": 1}, "not described as the official tools do"),
        ({"state": {}}, "has no _modules|has no _parameters"),
    ],
)
def test_odd_descriptions_are_refused(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=words):
        read(tmp_path, snapshot(G_ema=network(**change)))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("_parameters", {"a.b": None}, "no name of a layer"),
        ("_parameters", {"": None}, "no name of a layer"),
        ("_parameters", {"x": 3}, "no tensor"),
        ("_parameters", [], "has no _parameters"),
        ("_modules", {"x": {}}, "the layer x is a dict"),
        ("_init_kwargs", None, "does not say what it was made with"),
        ("_init_args", (1, 2, 3, 4, 5, 6), "does not say what it was made with"),
        ("_init_args", [1], "does not say what it was made with"),
        ("_init_kwargs", {**TINY.kwargs, "mapping_kwargs": 3}, "mapping_kwargs is a int"),
        ("_init_kwargs", {**TINY.kwargs, "z_dim": "2"}, "z_dim is a str"),
    ],
)
def test_odd_states_are_refused(key: str, value: Any, words: str, tmp_path: Path) -> None:
    call = network()
    state_of(call)[key] = value
    with pytest.raises(CheckpointError, match=words):
        read(tmp_path, snapshot(G_ema=call))


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({}, "no StyleGAN network"),
        ({"G_ema": None}, "no StyleGAN network"),
        ({"G_ema": 3}, "G_ema is no network"),
        ({"G_ema": network(), "augment_pipe": 3}, "augment_pipe is no object"),
        ({"G_ema": network(), "stylegan_ext": 3}, "stylegan_ext is no dict"),
        ({"G_ema": network(), "stylegan_ext": {"licence": 3}}, "a model's origin"),
        ({"G_ema": network(), "stylegan_ext": {"parents": [3]}}, "a model's parents"),
    ],
)
def test_odd_snapshots_are_refused(entries: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=words):
        read(tmp_path, snapshot(**entries))


def test_plain_data_is_copied_within_bounds() -> None:
    limits = Limits(json_values=100, depth=10)
    assert plain({"a": (1, [2.5, None]), "b": {"x"}}, limits) == {"a": [1, [2.5, None]], "b": ["x"]}
    laughs: Any = ["ha"]
    for _ in range(9):
        laughs = [laughs, laughs]
    with pytest.raises(UnsafeFileError, match="more than 100 values"):
        plain(laughs, limits)
    deep: Any = []
    for _ in range(20):
        deep = [deep]
    with pytest.raises(UnsafeFileError, match="10 levels"):
        plain(deep, limits)
    for odd in (float("nan"), 1 << 80, object(), memoryview(b"x")):
        with pytest.raises(CheckpointError, match="settings hold a"):
            plain(odd, limits)


def test_arguments_are_sifted() -> None:
    raw = {
        "c_dim": 0,
        "img_resolution": 16,
        "img_channels": 3,
        "block_kwargs": {"freeze_layers": 2, "kernel_size": 3},
        "epilogue_kwargs": {"mbstd_group_size": None},
        "conv_clamp": 256,
        "kernel_size": 5,
    }
    kwargs, unknown = known_arguments("stylegan2-discriminator", raw)
    assert unknown == ["kernel_size"]
    assert kwargs["block_kwargs"] == {}
    assert kwargs["epilogue_kwargs"] == {"mbstd_group_size": None}
    with pytest.raises(CheckpointError, match="architecture is a int"):
        known_arguments("stylegan2-discriminator", {"architecture": 1})

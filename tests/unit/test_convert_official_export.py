"""Snapshots that we write for the official tools."""

from __future__ import annotations

import copy
import io
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from support.foreign import (
    discriminator,
    equal_tensors,
    generator2,
    generator3,
    load_as_official_tools,
    pictures,
    random_record,
    whole_model,
)
from torch import nn

from stylegan_ext.convert import read_foreign, write_foreign
from stylegan_ext.convert.emitter import Call, Chunk, Emitter
from stylegan_ext.convert.official_export import HOOKS, source_text, write_official
from stylegan_ext.errors import CheckpointError, MismatchError, ParameterError
from stylegan_ext.networks import build
from stylegan_ext.records import ModelFile, NetworkRecord, Provenance


def emitted(value: Any) -> bytes:
    stream = io.BytesIO()
    Emitter(stream).dump(value)
    return stream.getvalue()


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        *(s * 2**power + near for s in (1, -1) for power in (7, 8, 16, 31, 63) for near in (-1, 0)),
        -1.5,
        float("inf"),
        "",
        "ünï ☃",
        (),
        (1, (2,)),
        [],
        [[], [1, "a", "a"]],
        {},
        {"a": {"b": {"a"}}},
        set(),
    ],
)  # fmt: skip
def test_the_emitter_writes_what_python_reads(value: Any) -> None:
    made = pickle.loads(emitted(value))
    assert made == value
    assert type(made) is type(value)


def test_the_emitter_writes_calls_once_and_chunks_in_pieces() -> None:
    call = Call("builtins.complex", (1, 2))
    assert pickle.loads(emitted([call, call])) == [1 + 2j, 1 + 2j]
    first, second = pickle.loads(emitted([Call("builtins.list"), Call("builtins.list")]))
    assert first is not second
    shared = Call("builtins.list")
    first, second = pickle.loads(emitted([shared, shared]))
    assert first is second
    assert pickle.loads(emitted(Chunk(4, lambda: [b"ab", memoryview(b"cd")]))) == b"abcd"
    with pytest.raises(CheckpointError, match="object"):
        emitted([object()])


def test_all_three_networks_load_the_official_way(tmp_path: Path) -> None:
    model = whole_model()
    path = tmp_path / "network-snapshot-000123.pkl"
    assert write_foreign(path, model) == []
    loaded = load_as_official_tools(path)
    for name in ("G", "D", "G_ema"):
        assert isinstance(loaded[name], nn.Module)
        assert not loaded[name].training
        state = loaded[name].state_dict()
        assert state.keys() == model.networks[name].tensors.keys()
        for key, tensor in model.networks[name].tensors.items():
            assert torch.equal(state[key], tensor)
    assert loaded["augment_pipe"] is None
    assert loaded["training_set_kwargs"] is None
    assert read_foreign(path).provenance.notes["kimg"] == 123


@pytest.mark.parametrize(
    "record",
    [
        generator2(),
        generator2(architecture="resnet", conv_clamp=0.5),
        generator2(architecture="orig", activation="relu", resample_filter=[1, 2, 2, 1]),
        generator3(),
        generator3(conv_kernel=1, use_radial_filters=True, output_scale=0.5),
        random_record(
            "stylegan2-generator",
            z_dim=4,
            w_dim=6,
            c_dim=3,
            img_channels=1,
            img_resolution=8,
            mapping_kwargs={"num_layers": 2, "embed_features": 5, "w_avg_beta": 0.99},
            synthesis_kwargs={"channel_max": 5, "use_noise": False},
        ),
    ],
)
def test_the_pictures_are_ours(record: NetworkRecord, tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    write_foreign(path, ModelFile({"G_ema": record}))
    theirs = load_as_official_tools(path)["G_ema"]
    count, c_dim = 3, record.kwargs["c_dim"]
    z = torch.randn(count, record.kwargs["z_dim"], generator=torch.Generator().manual_seed(0))
    c = torch.eye(c_dim)[torch.arange(count) % c_dim] if c_dim else None
    found = theirs(z, c, truncation_psi=1, noise_mode="const", force_fp32=True)
    expected = pictures(record, count)
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()
    for name in ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels"):
        assert getattr(theirs, name) == record.kwargs[name]
    assert theirs.num_ws == build(record).num_ws
    assert theirs.mapping.num_ws == theirs.num_ws


@pytest.mark.parametrize(
    "more", [{}, {"architecture": "skip"}, {"c_dim": 3}, {"architecture": "orig"}]
)
def test_the_logits_are_ours(more: dict[str, Any], tmp_path: Path) -> None:
    record = discriminator(**more)
    path = tmp_path / "x.pkl"
    write_foreign(path, ModelFile({"G_ema": generator2(), "D": record}))
    theirs = load_as_official_tools(path)["D"]
    image = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    c = torch.eye(3)[[0, 1, 2, 0]] if record.kwargs["c_dim"] else None
    expected = build(record)(image, c)
    assert (theirs(image, c) - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_what_the_tools_do_with_a_loaded_network(tmp_path: Path) -> None:
    """Copy it, train it, make it anew from its arguments, look for noise buffers."""
    path = tmp_path / "x.pkl"
    write_foreign(path, whole_model())
    loaded = load_as_official_tools(path)
    network = copy.deepcopy(loaded["G"]).train().requires_grad_(True)
    network(torch.randn(2, 8)).square().sum().backward()
    assert all(p.grad is not None for p in network.mapping.parameters())
    anew = type(network)(*network._init_args, **network._init_kwargs)
    anew.load_state_dict(loaded["G_ema"].state_dict())
    noise = [name for name, _ in network.synthesis.named_buffers() if "noise_const" in name]
    assert len(noise) == 5
    handle = network.register_forward_hook(lambda *_: None)
    handle.remove()
    assert "mapping.fc0.weight" in dict(network.named_parameters())


def test_every_attribute_that_torch_modules_have_is_there() -> None:
    own = set(vars(nn.Module()))
    written = {*HOOKS, "_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"}
    assert own <= {*written, "training", "_is_full_backward_hook"}


def test_a_generator_alone_satisfies_tools_that_insist_on_three(tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    record = generator2()
    notes = write_foreign(path, ModelFile({"G_ema": record}))
    assert any("G is G_ema" in note for note in notes)
    assert any("no discriminator" in note for note in notes)
    loaded = load_as_official_tools(path)
    assert loaded["G"] is loaded["G_ema"]
    assert isinstance(loaded["D"], nn.Module)
    assert list(loaded["D"].parameters()) == []
    with pytest.raises(RuntimeError, match="without this network"):
        loaded["D"](torch.zeros(1))
    back = read_foreign(path)
    assert list(back.networks) == ["G_ema"]
    assert equal_tensors(back.networks["G_ema"], record)


def test_g_without_an_average(tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    write_foreign(path, ModelFile({"G": generator2(), "D": discriminator()}))
    loaded = load_as_official_tools(path)
    assert loaded["G_ema"] is loaded["G"]
    assert set(read_foreign(path).networks) == {"G_ema", "D"}


def test_narrow_numbers_are_widened_and_said(tmp_path: Path) -> None:
    record = generator2()
    half = {name: tensor.half() for name, tensor in record.tensors.items()}
    notes = write_foreign(tmp_path / "x.pkl", ModelFile({"G_ema": replace(record, tensors=half)}))
    assert any("float32" in note for note in notes)
    state = load_as_official_tools(tmp_path / "x.pkl")["G_ema"].state_dict()
    assert all(torch.equal(state[name], tensor.float()) for name, tensor in half.items())


def test_origin_travels_and_is_not_believed_about_the_digest(tmp_path: Path) -> None:
    origin = Provenance(
        licence="CC BY 4.0",
        source="where",
        source_sha256="00" * 32,
        parents=({"name": "base", "sha256": "11" * 32},),
        preprocessing={"alignment": "ffhq"},
        notes={"kimg": 7, "recipe": {"lr": 0.002}},
    )
    path = tmp_path / "network-snapshot-000999.pkl"
    write_foreign(path, ModelFile({"G_ema": generator2()}, origin))
    back = read_foreign(path).provenance
    assert (back.licence, back.source, back.parents) == ("CC BY 4.0", "where", origin.parents)
    assert back.preprocessing == origin.preprocessing
    assert back.notes["kimg"] == 7
    assert back.notes["recipe"] == {"lr": 0.002}
    assert back.source_sha256 not in ("", "00" * 32)


def test_the_same_bytes_each_time() -> None:
    streams = [io.BytesIO(), io.BytesIO()]
    for stream in streams:
        write_official(stream, whole_model())
    assert streams[0].getvalue() == streams[1].getvalue()


def test_the_text_stands_in_the_file_once() -> None:
    stream = io.BytesIO()
    write_official(stream, whole_model())
    assert stream.getvalue().count(b"class StyleGAN2Generator") == 1
    assert "nvidia" not in source_text().lower()


def test_tensors_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    record = generator2()
    broken = replace(record, tensors={**record.tensors, "mapping.w_avg": torch.zeros(3)})
    with pytest.raises(MismatchError, match=r"mapping\.w_avg is 3, expected 8"):
        write_foreign(tmp_path / "x.pkl", ModelFile({"G_ema": broken}))
    with pytest.raises(CheckpointError, match="no generator"):
        write_foreign(tmp_path / "x.pkl", ModelFile({"D": discriminator()}))
    with pytest.raises(ParameterError, match=r"not as \.onnx"):
        write_foreign(tmp_path / "x.onnx", whole_model())
    assert list(tmp_path.iterdir()) == []

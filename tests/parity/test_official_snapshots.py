"""Snapshots written by the reference training loop: tensors to the bit, pictures and logits."""

from __future__ import annotations

import pickle
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from support.foreign import equal_tensors, load_as_official_tools, modules
from support.vectors import HERE, Vectors, relative_error

from stylegan_ext.checkpoint import load, load_all, write_model
from stylegan_ext.convert import read_foreign, write_foreign
from stylegan_ext.networks import build
from stylegan_ext.records import ModelFile

TOLERANCE = 1e-4  # of the largest value, as the vectors' own notes suggest
NAMES = ("sg2", "sg3")


def snapshot(name: str) -> tuple[ModelFile, Vectors]:
    model = read_foreign(HERE / f"official_like_{name}_nosrc.pkl")
    return model, Vectors(HERE / f"official_like_{name}_expected.npz")


@pytest.mark.parametrize("name", NAMES)
def test_every_tensor_is_read_to_the_bit(name: str) -> None:
    model, expected = snapshot(name)
    assert list(model.networks) == ["G_ema", "G", "D"]
    for network, record in model.networks.items():
        wanted = expected.state(f"{network}.")
        assert record.tensors.keys() == wanted.keys()
        for tensor_name, tensor in wanted.items():
            found = record.tensors[tensor_name]
            assert found.dtype == tensor.dtype
            assert torch.equal(found, tensor), tensor_name
            assert found.is_contiguous()


@pytest.mark.parametrize("name", NAMES)
def test_pictures_and_logits_are_the_reference_s(name: str) -> None:
    model, expected = snapshot(name)
    generator = build(model.networks["G_ema"])
    image = generator(expected["z"], None, truncation_psi=0.7, noise_mode="const")
    assert relative_error(image, expected["img_Gema_psi07_const"]) < TOLERANCE
    logits = build(model.networks["D"])(expected["img_Gema_psi07_const"])
    assert relative_error(logits, expected["D_logits_on_img"]) < TOLERANCE


@pytest.mark.parametrize("name", NAMES)
def test_the_same_through_our_own_file(name: str, tmp_path: Path) -> None:
    model, expected = snapshot(name)
    path = tmp_path / "model.safetensors"
    write_model(path, model)
    image = load(path)(expected["z"], None, truncation_psi=0.7)
    assert relative_error(image, expected["img_Gema_psi07_const"]) < TOLERANCE
    logits = load_all(path)["D"](expected["img_Gema_psi07_const"])
    assert relative_error(logits, expected["D_logits_on_img"]) < TOLERANCE


class Persistent:
    """A network or layer as it stands in a snapshot."""

    def __init__(self, meta: dict[str, Any]) -> None:
        self.meta = meta

    def __reduce__(self) -> Any:
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (self.meta,)


def rewritten(path: Path, protocol: int, old_numpy: bool) -> bytes:
    """A reference snapshot as another Python would have written it."""
    names = ("torch_utils", "torch_utils.persistence", "dnnlib", "dnnlib.util")
    stubs = {name.replace(".", "_"): types.ModuleType(name) for name in names}

    def _reconstruct_persistent_obj(meta: dict[str, Any]) -> Persistent:
        return Persistent(meta)

    class EasyDict(dict[str, Any]):
        pass

    _reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
    _reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
    EasyDict.__module__, EasyDict.__qualname__ = "dnnlib.util", "EasyDict"
    persistence, util = stubs["torch_utils_persistence"], stubs["dnnlib_util"]
    persistence._reconstruct_persistent_obj = _reconstruct_persistent_obj  # type: ignore[attr-defined]
    util.EasyDict = EasyDict  # type: ignore[attr-defined]
    with modules(**stubs):
        data = pickle.dumps(pickle.loads(path.read_bytes()), protocol=protocol)
    return data.replace(b"numpy._core.", b"numpy.core.") if old_numpy else data


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("protocol", "old_numpy"), [(2, True), (3, True), (3, False), (5, False)])
def test_snapshots_of_older_and_newer_pythons(
    name: str, protocol: int, old_numpy: bool, tmp_path: Path
) -> None:
    """The published snapshots are of Python 3.7, which writes protocol 3."""
    data = rewritten(HERE / f"official_like_{name}_nosrc.pkl", protocol, old_numpy)
    path = tmp_path / "network-snapshot-025000.pkl"
    path.write_bytes(data)
    assert data[1] == protocol
    model, expected = read_foreign(path), snapshot(name)[0]
    for network, record in expected.networks.items():
        assert model.networks[network].kwargs == record.kwargs
        assert equal_tensors(model.networks[network], record)
    assert model.provenance.notes["kimg"] == 25000


def test_what_a_snapshot_says_about_itself_is_kept() -> None:
    model, _ = snapshot("sg3")
    origin = model.provenance
    assert origin.licence == "unknown"
    assert origin.source == "official_like_sg3_nosrc.pkl"
    assert len(origin.source_sha256) == 64
    assert origin.preprocessing["training_set_kwargs"]["resolution"] == 32
    assert origin.notes["augment_p"] == pytest.approx(3.2e-5)


def test_arguments_are_complete_and_independent_of_defaults() -> None:
    """The file leaves clamping and the average of w to defaults that releases changed."""
    generator = snapshot("sg3")[0].networks["G_ema"]
    assert generator.kwargs["mapping_kwargs"]["w_avg_beta"] == 0.998
    assert generator.kwargs["conv_clamp"] == 256
    assert generator.kwargs["magnitude_ema_beta"] == pytest.approx(0.99986138)
    judge = snapshot("sg3")[0].networks["D"].kwargs  # written without conv_clamp
    assert (judge["conv_clamp"], judge["architecture"]) == (256, "resnet")
    assert judge["epilogue_kwargs"] == {"mbstd_group_size": 4, "mbstd_num_channels": 1}


@pytest.mark.parametrize("name", NAMES)
def test_an_export_reads_back_to_the_bit(name: str, tmp_path: Path) -> None:
    model, _ = snapshot(name)
    path = tmp_path / "export.pkl"
    assert write_foreign(path, model) == []
    back = read_foreign(path)
    for network, record in model.networks.items():
        assert back.networks[network].kwargs == record.kwargs
        assert equal_tensors(back.networks[network], record)
    write_foreign(tmp_path / "again.pkl", model)
    assert (tmp_path / "again.pkl").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_the_official_loader_s_way_gives_the_same_pictures(name: str, tmp_path: Path) -> None:
    model, expected = snapshot(name)
    path = tmp_path / "export.pkl"
    write_foreign(path, model)
    loaded = load_as_official_tools(path)
    generator, judge = loaded["G_ema"], loaded["D"]
    ws = generator.mapping(expected["z"], None, truncation_psi=0.7, truncation_cutoff=None)
    image = generator.synthesis(ws, noise_mode="const", force_fp32=True)
    assert relative_error(image, expected["img_Gema_psi07_const"]) < TOLERANCE
    assert relative_error(judge(image, None), expected["D_logits_on_img"]) < TOLERANCE

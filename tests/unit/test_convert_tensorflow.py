"""TensorFlow snapshots, made by the inverse mapping from networks of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.foreign import (
    discriminator,
    equal_tensors,
    generator2,
    pictures,
    random_record,
    write_tensorflow,
)

from stylegan_ext.checkpoint import load, write_model
from stylegan_ext.convert import read_foreign
from stylegan_ext.errors import CheckpointError, MismatchError, UnsafeFileError
from stylegan_ext.records import NetworkRecord

STATIC = {"resolution": 16, "num_channels": 3, "fmap_base": 32, "fmap_max": 6, "label_size": 0}
GENERATOR = {**STATIC, "latent_size": 8, "dlatent_size": 8, "mapping_layers": 2}


def close(a: NetworkRecord, b: NetworkRecord) -> bool:
    """Equal to the bit but for what was stored as a difference from one."""
    for name, tensor in a.tensors.items():
        if not torch.allclose(b.tensors[name], tensor, rtol=0, atol=2e-7):
            return False
        if not name.endswith("affine.bias") and not torch.equal(b.tensors[name], tensor):
            return False
    return a.tensors.keys() == b.tensors.keys()


@pytest.fixture(scope="module")
def records() -> tuple[NetworkRecord, NetworkRecord, NetworkRecord]:
    return generator2(1), discriminator(2), generator2(3)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_all_networks_come_over(
    protocol: int, records: tuple[NetworkRecord, ...], tmp_path: Path
) -> None:
    path = tmp_path / "stylegan2.pkl"
    g, d, gs = records
    write_tensorflow(path, ((g, GENERATOR), (d, STATIC), (gs, GENERATOR)), protocol=protocol)
    model = read_foreign(path)
    assert list(model.networks) == ["G_ema", "G", "D"]
    assert close(model.networks["G"], g)
    assert close(model.networks["D"], d)
    assert close(model.networks["G_ema"], gs)
    assert model.provenance.notes["converted_from"] == "TensorFlow snapshot"
    assert len(model.provenance.notes["module_src_sha256"]) == 1


def test_the_pictures_are_the_same(records: tuple[NetworkRecord, ...], tmp_path: Path) -> None:
    path = tmp_path / "stylegan2.pkl"
    write_tensorflow(path, (None, None, (records[0], GENERATOR)))
    model = read_foreign(path)
    assert list(model.networks) == ["G_ema"]
    write_model(tmp_path / "m.safetensors", model)
    z = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    found, expected = load(tmp_path / "m.safetensors")(z), pictures(records[0])
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_architectures(architecture: str, tmp_path: Path) -> None:
    g = generator2(architecture=architecture)
    d = discriminator(architecture=architecture)
    path = tmp_path / "stylegan2.pkl"
    said = {**GENERATOR, "architecture": architecture}
    write_tensorflow(path, ((g, said), (d, {**STATIC, "architecture": architecture}), None))
    model = read_foreign(path)
    assert close(model.networks["G"], g)
    assert close(model.networks["D"], d)
    found = pictures(model.networks["G"])
    assert torch.allclose(found, pictures(g), atol=1e-5)


def test_labels(tmp_path: Path) -> None:
    sizes: dict[str, Any] = {"img_resolution": 16, "img_channels": 3, "c_dim": 3}
    widths = {"channel_base": 64, "channel_max": 6}
    g = random_record(
        "stylegan2-generator",
        **sizes,
        z_dim=8,
        w_dim=8,
        mapping_kwargs={"num_layers": 3, "embed_features": 5, "layer_features": 7},
        synthesis_kwargs=widths,
    )
    d = random_record(
        "stylegan2-discriminator",
        **sizes,
        **widths,
        mapping_kwargs={"num_layers": 2, "lr_multiplier": 0.1},
        epilogue_kwargs={"mbstd_group_size": None},
    )
    path = tmp_path / "stylegan2.pkl"
    said = {**GENERATOR, "label_size": 3, "mapping_layers": 3, "label_fmaps": 5, "mapping_fmaps": 7}
    write_tensorflow(path, ((g, said), (d, {**STATIC, "label_size": 3, "mapping_layers": 2}), None))
    model = read_foreign(path)
    assert close(model.networks["G"], g)
    assert close(model.networks["D"], d)
    assert torch.allclose(pictures(model.networks["G"]), pictures(g), atol=1e-5)
    assert model.networks["D"].kwargs["mapping_kwargs"]["lr_multiplier"] == 0.1
    assert model.networks["D"].kwargs["epilogue_kwargs"]["mbstd_group_size"] is None
    assert model.networks["D"].kwargs["c_dim"] == 3


def test_arguments_that_were_given_are_taken(records: Any, tmp_path: Path) -> None:
    path = tmp_path / "stylegan2.pkl"
    said = {
        **GENERATOR,
        "mapping_lrmul": 0.02,
        "w_avg_beta": 0.99,
        "conv_clamp": 256,
        "num_fp16_res": 4,
        "truncation_psi": 0.5,
        "randomize_noise": True,
        "resolution_w": 16,
        "odd_option": 3,
    }
    judge = {**STATIC, "mbstd_group_size": 4, "mbstd_num_features": 1, "nonlinearity": "relu"}
    write_tensorflow(path, ((records[0], said), (records[1], judge), None))
    model = read_foreign(path)
    kwargs = model.networks["G"].kwargs
    assert kwargs["mapping_kwargs"] == {
        "num_layers": 2,
        "lr_multiplier": 0.02,
        "w_avg_beta": 0.99,
    }
    assert kwargs["synthesis_kwargs"]["conv_clamp"] == 256
    assert kwargs["synthesis_kwargs"]["num_fp16_res"] == 4
    assert model.provenance.notes["G_unknown_arguments"] == ["odd_option"]
    assert "D_unknown_arguments" not in model.provenance.notes
    kwargs = model.networks["D"].kwargs
    assert kwargs["epilogue_kwargs"] == {
        "mbstd_group_size": 4,
        "mbstd_num_channels": 1,
        "activation": "relu",
    }
    assert kwargs["block_kwargs"] == {"activation": "relu"}


def test_levels_counted_from_the_finest(tmp_path: Path) -> None:
    """Without skips, older files name to-RGB by its distance from the full resolution."""
    g = generator2(architecture="orig")
    path = tmp_path / "stylegan2.pkl"

    def rename(name: str) -> str:
        return name.replace("16x16/ToRGB", "ToRGB_lod0")

    write_tensorflow(path, ((g, GENERATOR), None, None), rename=rename)
    assert b"ToRGB_lod0/weight" in path.read_bytes()
    model = read_foreign(path)
    assert close(model.networks["G"], g)
    assert model.networks["G"].kwargs["synthesis_kwargs"]["architecture"] == "orig"


def test_a_name_that_stands_twice(records: Any, tmp_path: Path) -> None:
    path = tmp_path / "stylegan2.pkl"

    def lod(name: str) -> str:
        return name.replace("8x8/ToRGB", "ToRGB_lod0")

    write_tensorflow(path, ((records[0], GENERATOR), None, None), rename=lod)
    with pytest.raises(CheckpointError, match=r"b16\.torgb\.weight twice"):
        read_foreign(path)


def test_a_contradiction_is_explained(records: Any, tmp_path: Path) -> None:
    path = tmp_path / "stylegan2.pkl"
    write_tensorflow(path, ((records[0], {**GENERATOR, "resolution": 32}), None, None))
    with pytest.raises(MismatchError, match="img_resolution: the file says 32, the tensors say 16"):
        read_foreign(path)


def test_strange_variables_are_listed(records: Any, tmp_path: Path) -> None:
    path = tmp_path / "stylegan2.pkl"
    strange = {"synthesis/16x16/Attention/weight": np.zeros((2, 2), np.float32)}
    write_tensorflow(path, ((records[0], GENERATOR), None, None), strange=strange)
    with pytest.raises(MismatchError, match="16x16/Attention/weight"):
        read_foreign(path)


@pytest.mark.parametrize(
    "bad",
    [
        {"dlatent_avg": np.zeros(8, np.int32)},
        {"synthesis/4x4/Const/const": np.zeros((), np.float32)},
        {"synthesis/4x4/Conv/weight": np.zeros((3, 3), np.float32)},
        {"synthesis/4x4/Conv/weight": np.zeros((0, 3, 2, 1), np.float32)},
        {"synthesis/noise0": np.zeros(4, np.float32)},
    ],
    ids=["integers", "scalar", "flat kernel", "empty kernel", "flat noise"],
)
def test_variables_of_a_wrong_shape_or_type(bad: Any, records: Any, tmp_path: Path) -> None:
    path = tmp_path / "stylegan2.pkl"
    write_tensorflow(path, ((records[0], GENERATOR), None, None), strange=bad)
    with pytest.raises((MismatchError, CheckpointError)):
        read_foreign(path)


def test_objects_in_arrays_are_refused(records: Any, tmp_path: Path) -> None:
    path = tmp_path / "stylegan2.pkl"
    strange = {"x": np.array([print], dtype=object)}
    write_tensorflow(path, ((records[0], GENERATOR), None, None), strange=strange)
    with pytest.raises(UnsafeFileError) as caught:
        read_foreign(path)
    assert caught.value.refused in ("numpy type 'O8'", "builtins.print", "__builtin__.print")


def test_stylegan_1_is_told_apart(records: Any, tmp_path: Path) -> None:
    path = tmp_path / "karras2019stylegan.pkl"
    write_tensorflow(path, ((records[0], GENERATOR), None, None), version=3)
    with pytest.raises(CheckpointError, match="version 3, which is StyleGAN 1"):
        read_foreign(path)


def test_nothing_in_it(tmp_path: Path) -> None:
    path = tmp_path / "stylegan2.pkl"
    write_tensorflow(path, (None, None, None))
    with pytest.raises(CheckpointError, match="no network"):
        read_foreign(path)
    write_tensorflow(path, (None, None))
    with pytest.raises(CheckpointError, match="three networks"):
        read_foreign(path)


def test_equal_tensors_notices_a_difference(records: Any) -> None:
    assert equal_tensors(records[0], records[0])
    assert not equal_tensors(records[0], records[2])
    assert not close(records[0], records[2])

"""`artstyle project` as a user calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import stylegan_ext
from artstyle.images import from_batch, read_rgb
from stylegan_ext.checkpoint import write_model
from stylegan_ext.networks import construct
from stylegan_ext.records import ModelFile, NetworkRecord, Provenance

SMALL = {"channel_base": 256, "channel_max": 16}
GENERATOR = {
    "z_dim": 16,
    "c_dim": 0,
    "w_dim": 16,
    "img_resolution": 16,
    "img_channels": 3,
    "mapping_kwargs": {"num_layers": 2},
    "synthesis_kwargs": SMALL,
}
DISCRIMINATOR = {"c_dim": 0, "img_resolution": 16, "img_channels": 3, **SMALL}


def record(kind: Any, kwargs: dict[str, Any]) -> NetworkRecord:
    torch.manual_seed(0)
    return NetworkRecord(kind, kwargs, construct(kind, kwargs).state_dict())


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    networks = {
        "G_ema": record("stylegan2-generator", GENERATOR),
        "D": record("stylegan2-discriminator", DISCRIMINATOR),
    }
    write_model(path, ModelFile(networks, Provenance(licence="CC0-1.0")))
    return path


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    random = np.random.default_rng(0)
    paths = []
    for folder in ("one", "two"):  # the same name twice
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "me.png"
        Image.fromarray(random.integers(0, 255, (24, 32, 3), dtype=np.uint8)).save(path)
        paths.append(path)
    return paths


def test_writes_everything_and_goes_on_where_it_was(
    cli: Callable[..., Any], model: Path, photos: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ["project", *photos, "--model", model, "--steps", 4, "--out", out, "--json"]
    words += ["--features", "discriminator"]
    done = cli(*words)
    assert done.exit_code == 0, done.stderr
    rows = done.json()["photos"]
    assert [Path(row["folder"]).name for row in rows] == ["me", "me-2"]
    assert [row["was_done"] for row in rows] == [False, False]
    folder = out / "me"
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "proj.png",
        "projected_w.npz",
        "projection.json",
        "projection.safetensors",
        "target.png",
    }
    ws = load_file(folder / "projection.safetensors")["ws"]
    generator = stylegan_ext.load(model)
    assert ws.shape == (generator.num_ws, 16)
    with np.load(folder / "projected_w.npz") as archive:
        np.testing.assert_array_equal(archive["w"], ws[None].numpy())
    said = json.loads((folder / "projection.json").read_text())
    assert said["licence"] == "CC0-1.0"
    assert said["identity"]["features"] == rows[0]["features"] == "discriminator"
    assert len(said["losses"]) == said["steps"] == 4
    assert read_rgb(folder / "target.png").rgb.shape == (16, 16, 3)

    before = (folder / "proj.png").stat().st_mtime_ns
    (out / "me-2" / "projection.json").unlink()  # as if killed before the last file
    again = cli(*words).json()["photos"]
    assert [row["was_done"] for row in again] == [True, False]
    assert (folder / "proj.png").stat().st_mtime_ns == before
    assert again[1]["perceptual_distance"] == rows[1]["perceptual_distance"]
    # other settings are another result
    other = cli(*words, "--seed", 5).json()["photos"]
    assert [row["was_done"] for row in other] == [False, False]


def test_trace_leads_from_the_picture_to_the_photo(
    cli: Callable[..., Any], model: Path, photos: list[Path], workspace: Path
) -> None:
    out = workspace / "projected"
    words = ["project", photos[0], "--model", model, "--steps", 2, "--out", out]
    for _ in range(2):  # the second time nothing is new
        done = cli(*words, "--workspace", workspace)
        assert done.exit_code == 0, done.stderr
    traced = cli("trace", out / "me" / "proj.png", "--workspace", workspace)
    assert traced.exit_code == 0, traced.stderr
    for name in ("proj.png", "projection.safetensors", "tiny.safetensors", "me.png", "CC0-1.0"):
        assert name in traced.stdout


def test_the_picture_is_what_the_latent_draws(
    cli: Callable[..., Any], model: Path, photos: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = cli("project", photos[0], "--model", model, "--space", "w+", "--steps", 3, "--out", out)
    assert done.exit_code == 0, done.stderr
    assert "likeness measured in: own network perception (" in done.stdout
    ws = load_file(out / "me" / "projection.safetensors")["ws"]
    assert ws.unique(dim=0).shape[0] == len(ws)
    drawn = from_batch(stylegan_ext.load(model).synthesis(ws[None]))[0]
    shown = read_rgb(out / "me" / "proj.png").rgb
    assert np.abs(drawn.astype(int) - shown.astype(int)).max() <= 1


def test_film(cli: Callable[..., Any], model: Path, photos: list[Path], tmp_path: Path) -> None:
    import av

    out = tmp_path / "out"
    words = ["project", photos[0], "--model", model, "--steps", 6, "--film", "--out", out]
    done = cli(*words)
    assert done.exit_code == 0, done.stderr
    with av.open(str(out / "me" / "proj.mp4")) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(frames) == 6
    assert frames[0].shape[:2] == (16, 32)
    target = read_rgb(out / "me" / "target.png").rgb.astype(int)
    assert np.abs(frames[-1][:, :16].astype(int) - target).mean() < 40  # chroma is subsampled


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--model", "nobody"], 1, "no model 'nobody'"),
        (["--fit", "exact"], 2, "is 32x24 px, the model draws 16x16"),
        (["--class", "1"], 1, "unconditional"),
        (["--device", "quantum"], 2, "has no device 'quantum'"),
        (["--features", "vgg16"], 1, "artstyle models pull vgg16"),
        (["--steps", "0"], 2, "0 is not in the range"),
    ],
)
def test_errors(  # noqa: PLR0917 - fixtures come by name
    cli: Callable[..., Any],
    model: Path,
    photos: list[Path],
    tmp_path: Path,
    words: list[str],
    code: int,
    message: str,
) -> None:
    out = tmp_path / "out"
    done = cli("project", photos[0], "--model", model, "--out", out, *words)
    assert done.exit_code == code
    assert message in done.stderr
    assert not out.exists()


def test_dry_run_and_unreadable_photos(
    cli: Callable[..., Any], model: Path, photos: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = cli("project", *photos, "--model", model, "--out", out, "--dry-run")
    assert done.exit_code == 0
    assert "would project 2 photos" in done.stdout
    broken = tmp_path / "broken.jpg"
    broken.write_text("no picture")
    done = cli("project", photos[0], broken, "--model", model, "--out", out, "--steps", 2)
    assert done.exit_code == 1
    assert "broken.jpg" in done.stderr
    assert not out.exists()  # said before the work began

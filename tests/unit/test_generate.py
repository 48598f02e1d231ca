"""Drawing pictures and mixed styles: what is written, what is kept, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.generators import write_generator

import stylegan_ext
from artstyle import files, images
from artstyle.errors import ImageError, RunError, UsageError
from artstyle.events import Progress
from artstyle.pipeline.generate import Settings, find_models, generate, mix_styles, variants
from artstyle.pipeline.generate import drawing as drawing_module
from artstyle.pipeline.generate.models import load
from artstyle.pipeline.generate.record import RECORD_NAME, read_works
from stylegan_ext.checkpoint import read_model, write_model
from stylegan_ext.drawing import draw
from stylegan_ext.errors import CheckpointError
from stylegan_ext.latents import mix_ws, seed_latents
from stylegan_ext.networks import construct
from stylegan_ext.records import ModelFile, NetworkRecord


@pytest.fixture
def base(workspace: Path) -> Path:
    return write_generator(workspace / "models" / "base.safetensors")


@pytest.fixture
def style(workspace: Path) -> Path:
    return write_generator(workspace / "models" / "style.safetensors", seed=1)


@pytest.fixture
def conditional(workspace: Path) -> Path:
    return write_generator(workspace / "models" / "cond.safetensors", seed=2, c_dim=3)


def everything(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Content and time of every file."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def contents(folder: Path) -> dict[str, bytes]:
    return {name: content for name, (content, _) in everything(folder).items()}


def lineage_of(path: Path) -> dict:
    with Image.open(path) as picture:
        return json.loads(picture.info["artstyle"])


def test_a_picture_is_what_the_generator_draws(workspace, base, tmp_path):
    work = generate(find_models(["base"], workspace), [3, 417], out=tmp_path / "out")
    assert work.files == ("seed0003.png", "seed0417.png")
    assert (work.drawn, work.kept) == (2, 0)
    generator = stylegan_ext.load(base)
    for seed in (3, 417):
        picture = generator(seed_latents([seed], 8))
        found = images.read_rgb(tmp_path / "out" / f"seed{seed:04d}.png").rgb
        assert np.array_equal(found, images.from_tensor(picture))


def test_truncation_class_and_cutoff_reach_the_mapping_network(workspace, conditional, tmp_path):
    models = find_models(["cond"], workspace)
    generate(
        models,
        [5],
        out=tmp_path,
        truncation_psis=(0.4,),
        classes=[2],
        settings=Settings(truncation_cutoff=3),
    )
    generator = stylegan_ext.load(conditional)
    picture = generator(seed_latents([5], 8), torch.eye(3)[2:], 0.4, 3)
    assert np.array_equal(
        images.read_rgb(tmp_path / "seed0005.png").rgb, images.from_tensor(picture)
    )


def test_noise_modes_differ_and_random_noise_belongs_to_the_seed(workspace, base, tmp_path):
    models = find_models(["base"], workspace)
    pictures = {}
    for mode in ("const", "random", "none"):
        out = tmp_path / mode
        generate(models, [1, 2], out=out, settings=Settings(noise_mode=mode))
        pictures[mode] = images.read_rgb(out / "seed0002.png").rgb
    assert not np.array_equal(pictures["const"], pictures["random"])
    assert not np.array_equal(pictures["const"], pictures["none"])
    generate(models, [2], out=tmp_path / "alone", settings=Settings(noise_mode="random"))
    alone = images.read_rgb(tmp_path / "alone" / "seed0002.png").rgb
    assert np.array_equal(alone, pictures["random"])
    ws = stylegan_ext.load(base).mapping(seed_latents([2], 8))
    own = draw(stylegan_ext.load(base), ws, noise_mode="random", noise_words=[[2]])
    assert np.array_equal(alone, images.from_tensor(own))


@pytest.mark.parametrize("noise", ["const", "random"])
def test_every_file_is_the_same_at_any_batch_size(workspace, base, style, tmp_path, noise):
    models = find_models(["base", "style"], workspace)
    for batch in (1, 2, 5):
        settings = Settings(noise_mode=noise, batch=batch)
        generate(models, range(5), out=tmp_path / f"{batch}", settings=settings, save_w=True)
    assert contents(tmp_path / "1") == contents(tmp_path / "2") == contents(tmp_path / "5")
    assert len(contents(tmp_path / "1")) == 21


def test_several_models_classes_and_truncations_get_folders_and_titles(
    workspace, base, conditional, tmp_path
):
    (one,) = find_models(["base"], workspace)
    (other,) = find_models(["cond"], workspace)
    columns = variants([other], [0, 2], [0.5, 1])
    assert [column.folder for column in columns] == [
        "class0/trunc0.5/",
        "class0/trunc1/",
        "class2/trunc0.5/",
        "class2/trunc1/",
    ]
    assert columns[1].title == "class 0\ntruncation 1"
    assert variants([one])[0].folder == variants([one])[0].title == ""
    three = variants([other, other], [0, 1])
    assert three[1].title == "cond\nclass 1"
    work = generate(find_models([base, base], workspace), [0, 1], out=tmp_path)
    assert work.column_titles == ("base", "base-2")
    assert work.row_titles == ("seed 0", "seed 1")
    assert [(cell.file, cell.row, cell.column) for cell in work.cells] == [
        ("base/seed0000.png", 0, 0),
        ("base/seed0001.png", 1, 0),
        ("base-2/seed0000.png", 0, 1),
        ("base-2/seed0001.png", 1, 1),
    ]


def test_the_record_and_the_pictures_say_what_they_are(workspace, base, tmp_path):
    generate(find_models(["base"], workspace), [7], out=tmp_path, truncation_psis=(0.5,))
    work = read_works(tmp_path)["pictures"]
    sha256 = files.sha256_of(base)
    assert work["asked"]["seeds"] == [7]
    assert work["asked"]["truncation_psis"] == [0.5]
    (card,) = work["models"]
    assert (card["name"], card["sha256"], card["licence"]) == ("base", sha256, "CC0-1.0")
    assert card["path"] == str(base.absolute())
    assert {"artstyle", "torch"} <= set(work["versions"])
    (entry,) = work["files"]
    picture = tmp_path / "seed0007.png"
    assert entry == {
        "file": "seed0007.png",
        "kind": "picture",
        "model": "base",
        "seed": 7,
        "class": None,
        "truncation_psi": 0.5,
        "sha256": files.sha256_of(picture),
        "size_bytes": picture.stat().st_size,
    }
    lineage = lineage_of(picture)
    assert lineage["seed"] == 7
    assert lineage["truncation_psi"] == 0.5
    assert lineage["model"]["sha256"] == sha256
    assert lineage["model"]["licence"] == "CC0-1.0"


def test_a_finished_command_does_nothing_and_loads_nothing(workspace, base, tmp_path, monkeypatch):
    models = find_models(["base"], workspace)
    generate(models, [0, 1], out=tmp_path / "out", save_w=True)
    before = everything(tmp_path)
    monkeypatch.setattr(drawing_module, "load", lambda *_: pytest.fail("a network was loaded"))
    work = generate(models, [0, 1], out=tmp_path / "out", save_w=True)
    assert (work.drawn, work.kept) == (0, 2)
    assert everything(tmp_path) == before


def test_only_what_is_new_is_drawn(workspace, base, tmp_path):
    models = find_models(["base"], workspace)
    generate(models, [0, 1], out=tmp_path)
    before = everything(tmp_path)
    work = generate(models, [0, 1, 2], out=tmp_path)
    assert (work.drawn, work.kept) == (1, 2)
    assert everything(tmp_path)["seed0001.png"] == before["seed0001.png"]
    assert [entry["seed"] for entry in read_works(tmp_path)["pictures"]["files"]] == [0, 1, 2]
    assert generate(models, [0, 1, 2], out=tmp_path, save_w=True).drawn == 3  # w is new


@pytest.mark.parametrize(
    "change",
    [
        {"truncation_psis": (0.5,)},
        {"settings": Settings(noise_mode="none")},
        {"settings": Settings(truncation_cutoff=2)},
        {"settings": Settings(precision="bfloat16")},
        {"settings": Settings(device="cpu")},
    ],
)
def test_other_inputs_make_other_pictures(workspace, base, tmp_path, change):
    models = find_models(["base"], workspace)
    generate(models, [0], out=tmp_path)
    assert generate(models, [0], out=tmp_path, **change).drawn == 1
    assert generate(models, [0], out=tmp_path, **change).drawn == 0


def test_another_model_under_the_same_name_makes_other_pictures(workspace, base, tmp_path):
    generate(find_models(["base"], workspace), [0], out=tmp_path)
    before = contents(tmp_path)["seed0000.png"]
    write_generator(base, seed=9)
    assert generate(find_models(["base"], workspace), [0], out=tmp_path).drawn == 1
    assert contents(tmp_path)["seed0000.png"] != before


def test_changed_damaged_and_lost_files_are_made_again(workspace, base, tmp_path):
    models = find_models(["base"], workspace)
    generate(models, range(6), out=tmp_path, save_w=True)
    whole = contents(tmp_path)
    changed = bytearray(whole["seed0001.png"])
    changed[-20] ^= 1
    (tmp_path / "seed0000.png").unlink()
    (tmp_path / "seed0001.png").write_bytes(changed)
    (tmp_path / "seed0002.png").write_bytes(b"")
    (tmp_path / "seed0003.npz").write_bytes(b"no zip")
    images.write_png(tmp_path / "seed0004.png", np.zeros((16, 16, 3), np.uint8))
    work = generate(models, range(6), out=tmp_path, save_w=True)
    assert (work.drawn, work.kept) == (5, 1)
    assert contents(tmp_path) == whole


def test_a_killed_command_goes_on_and_ends_like_an_undisturbed_one(
    workspace, base, style, tmp_path, monkeypatch
):
    models = find_models(["base", "style"], workspace)
    write = files.write_bytes
    written = []

    def dying(path, data):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path)
        write(path, data)

    monkeypatch.setattr(drawing_module.files, "write_bytes", dying)
    with pytest.raises(KeyboardInterrupt):
        generate(models, [0, 1, 2], out=tmp_path / "killed")
    monkeypatch.setattr(drawing_module.files, "write_bytes", write)
    assert not (tmp_path / "killed" / RECORD_NAME).exists()
    assert generate(models, [0, 1, 2], out=tmp_path / "killed").drawn == 3
    generate(models, [0, 1, 2], out=tmp_path / "whole")
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_w_is_saved_as_the_official_projector_does(workspace, base, tmp_path):
    generate(
        find_models(["base"], workspace), [4], out=tmp_path, truncation_psis=(0.5,), save_w=True
    )
    with np.load(tmp_path / "seed0004.npz") as held:
        w = held["w"]
    generator = stylegan_ext.load(base)
    assert w.shape == (1, generator.num_ws, 8)
    assert w.dtype == np.float32
    assert np.array_equal(w, generator.mapping(seed_latents([4], 8), None, 0.5).numpy())
    picture = generator.synthesis(torch.from_numpy(w))
    found = images.read_rgb(tmp_path / "seed0004.png").rgb
    assert np.array_equal(found, images.from_tensor(picture))


def test_a_dry_run_counts_and_writes_nothing(workspace, base, tmp_path):
    models = find_models(["base"], workspace)
    work = generate(models, [0, 1], out=tmp_path / "out", dry_run=True)
    assert (work.drawn, work.kept) == (2, 0)
    assert not (tmp_path / "out").exists()


def test_progress_counts_the_pictures(workspace, base, tmp_path):
    seen = []
    settings = Settings(batch=2)
    generate(
        find_models(["base"], workspace),
        range(3),
        out=tmp_path,
        settings=settings,
        emit=seen.append,
    )
    steps = [(one.done, one.total) for one in seen if isinstance(one, Progress)]
    assert steps == [(0, 3), (2, 3), (3, 3)]


def test_grey_and_transparent_pictures_are_written(workspace, tmp_path):
    for channels, mode in ((1, "L"), (4, "RGBA")):
        path = write_generator(tmp_path / f"c{channels}.safetensors", channels=channels)
        generate(find_models([path], workspace), [0], out=tmp_path / mode)
        with Image.open(tmp_path / mode / "seed0000.png") as picture:
            assert picture.mode == mode


def test_mixing_takes_the_named_rows_from_the_column(workspace, base, tmp_path):
    models = find_models(["base"], workspace)
    (work,) = mix_styles(models, [1, 2], [5, 6, 7], out=tmp_path, rows=[0, 1])
    assert work.drawn == 2 + 3 + 6
    assert work.row_titles == ("source B", "seed 1", "seed 2")
    assert work.column_titles == ("source A", "seed 5", "seed 6", "seed 7")
    places = {cell.file: (cell.row, cell.column) for cell in work.cells}
    assert places["mix/row0002-column0007.png"] == (2, 3)
    assert places["mix/row0002.png"] == (2, 0)
    assert places["mix/column0007.png"] == (0, 3)
    assert (0, 0) not in places.values()
    generator = stylegan_ext.load(base)
    row, column = (generator.mapping(seed_latents([seed], 8)) for seed in (2, 7))
    for name, ws in (
        ("row0002-column0007", mix_ws(row, column, [0, 1])),
        ("row0002", row),
        ("column0007", column),
    ):
        found = images.read_rgb(tmp_path / "mix" / f"{name}.png").rgb
        assert np.array_equal(found, images.from_tensor(generator.synthesis(ws)))
    assert mix_styles(models, [1, 2], [5, 6, 7], out=tmp_path, rows=[0, 1])[0].drawn == 0
    assert mix_styles(models, [1, 2], [5, 6, 7], out=tmp_path, rows=[2])[0].drawn == 6


def test_works_of_one_folder_stand_side_by_side_in_its_record(workspace, base, style, tmp_path):
    models = find_models(["base", "style"], workspace)
    generate(models, [0], out=tmp_path)
    mix_styles(models, [1], [2], out=tmp_path, rows=[0])
    assert list(read_works(tmp_path)) == ["pictures", "base/mix", "style/mix"]
    generate(models, [0, 1], out=tmp_path)
    assert list(read_works(tmp_path)) == ["pictures", "base/mix", "style/mix"]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda b, c, out: generate(c, [0], out=out), UsageError, "cond: the model is conditional"),
        (lambda b, c, out: generate(c, [0], out=out, classes=[3]), UsageError, "no class 3"),
        (lambda b, c, out: generate(b, [0], out=out, classes=[0]), UsageError, "unconditional"),
        (lambda b, c, out: generate(b, [], out=out), UsageError, "no seed was named"),
        (lambda b, c, out: generate(b, [2**32], out=out), UsageError, "a seed is a whole number"),
        (
            lambda b, c, out: generate(b, [0], out=out, truncation_psis=[float("nan")]),
            UsageError,
            "truncation nan",
        ),
        (
            lambda b, c, out: generate(b, [0], out=out, settings=Settings(truncation_cutoff=7)),
            UsageError,
            "base has 6 rows of w: the first 7 cannot",
        ),
        (
            lambda b, c, out: mix_styles(b, [0], [1], out=out),
            UsageError,
            "base: there is no row 6: the model has rows 0 to 5",
        ),
        (lambda b, c, out: generate([], [0], out=out), UsageError, "no model was named"),
        (
            lambda b, c, out: generate(b, [0], out=out, settings=Settings(device="cuda:9")),
            UsageError,
            "no device 'cuda:9'",
        ),
        (lambda b, c, out: Settings(noise_mode="loud"), UsageError, "no noise 'loud'"),
        (lambda b, c, out: Settings(precision="int8"), UsageError, "no precision 'int8'"),
        (lambda b, c, out: Settings(batch=0), UsageError, "a batch of 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(  # noqa: PLR0917 - fixtures
    workspace, base, conditional, tmp_path, call, error, words
):
    arguments = find_models(["base"], workspace), find_models(["cond"], workspace)
    with pytest.raises(error) as caught:
        call(*arguments, tmp_path / "out")
    assert words in str(caught.value)
    assert list((tmp_path / "out").rglob("*.png")) == []


def test_a_conditional_model_says_how_many_classes_there_are_and_how_to_name_one(
    workspace, conditional, tmp_path
):
    with pytest.raises(UsageError, match="3 classes") as caught:
        generate(find_models(["cond"], workspace), [0], out=tmp_path)
    assert "--class K, K from 0 to 2" in caught.value.hint
    assert "--class 0-2" in caught.value.hint


def test_a_file_without_a_generator_is_refused(workspace, tmp_path):
    path = tmp_path / "critic.safetensors"
    kwargs = {"c_dim": 0, "img_resolution": 8, "img_channels": 3, "channel_base": 64}
    network = construct("stylegan2-discriminator", kwargs)
    record = NetworkRecord("stylegan2-discriminator", kwargs, dict(network.state_dict()))
    write_model(path, ModelFile({"D": record}))
    with pytest.raises(CheckpointError, match=r"is no generator: it holds D \(stylegan2-discrim"):
        find_models([path], workspace)
    write_model(path, ModelFile({"G": record}))
    with pytest.raises(CheckpointError, match="is no generator"):
        find_models([path], workspace)
    two = write_generator(tmp_path / "two.safetensors", channels=2)
    with pytest.raises(CheckpointError, match="draws 2 channels"):
        find_models([two], workspace)


def test_a_folder_that_cannot_be_used_is_refused(workspace, base, tmp_path, monkeypatch):
    models = find_models(["base"], workspace)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(RunError, match="is a file, not a folder"):
        generate(models, [0], out=file)
    with pytest.raises(RunError, match="cannot be"):
        generate(models, [0], out=file / "below")
    (tmp_path / RECORD_NAME).write_text('{"format": "of somebody else"}', encoding="utf-8")
    with pytest.raises(RunError, match="is not of the format") as caught:
        generate(models, [0], out=tmp_path)
    assert "move it away" in caught.value.hint
    (tmp_path / RECORD_NAME).write_text("{", encoding="utf-8")
    with pytest.raises(RunError, match="cannot be read"):
        generate(models, [0], out=tmp_path)
    monkeypatch.setattr(drawing_module, "free_disk_bytes", lambda _: 100)
    with pytest.raises(RunError, match=r"1 pictures need up to 768 bytes.*100 bytes left"):
        generate(models, [0], out=tmp_path / "full")
    assert not list(tmp_path.rglob("*.png"))


def test_a_network_that_has_diverged_is_named(workspace, tmp_path):
    path = write_generator(tmp_path / "sick.safetensors")
    held = read_model(path).networks["G_ema"]
    tensors = {name: tensor.clone() for name, tensor in held.tensors.items()}
    tensors["synthesis.b16.torgb.bias"].fill_(float("nan"))
    record = NetworkRecord("stylegan2-generator", held.kwargs, tensors)
    write_model(path, ModelFile({"G_ema": record}))
    with (
        pytest.warns(RuntimeWarning, match="NaN or infinity"),
        pytest.raises(ImageError, match=r"sick draws no picture for seed0003\.png"),
    ):
        generate(find_models([path], workspace), [3], out=tmp_path / "out")


@pytest.mark.parametrize(("resolution", "full"), [(16, []), (64, [4])])
def test_low_precision_reaches_the_four_highest_resolutions(tmp_path, resolution, full):
    path = write_generator(tmp_path / "m.safetensors", resolution=resolution)
    (model,) = find_models([path], tmp_path)
    synthesis = load(model, "cpu", "bfloat16", lambda _: None).synthesis
    used = {size: synthesis.block(size).low_precision for size in synthesis.block_resolutions}
    assert [size for size, dtype in used.items() if dtype is None] == full
    assert set(used.values()) - {None} == {torch.bfloat16}


def test_low_precision_changes_pictures_a_little(workspace, base, tmp_path):
    models = find_models(["base"], workspace)
    pictures = []
    for precision in ("float32", "bfloat16"):
        generate(models, [0], out=tmp_path / precision, settings=Settings(precision=precision))
        pictures.append(images.read_rgb(tmp_path / precision / "seed0000.png").rgb.astype(int))
    difference = np.abs(pictures[0] - pictures[1])
    assert 0 < difference.mean() < 5

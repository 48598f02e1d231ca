from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support.small_models import LATENT, WIDTH, write_small_model

from artstyle.catalog import open_catalog
from artstyle.catalog.lineage import trace
from artstyle.events import Progress
from artstyle.files import sha256_of
from artstyle.images import read_rgb
from artstyle.pipeline.blend import blend_models, draw_preview
from stylegan_ext.checkpoint import read_model, write_model
from stylegan_ext.networks import construct
from stylegan_ext.records import ModelFile, NetworkRecord, Provenance

FREE = {"licence": "CC0-1.0"}


@pytest.fixture
def models(workspace: Path) -> Path:
    """A workspace with a base, a style that descends from it, and a stranger; 16 px."""
    folder = workspace / "models"
    base = read_model(write_small_model(folder / "people.safetensors", resolution=16, **FREE))
    torch.manual_seed(1)
    record = base.networks["G_ema"]
    moved = {
        name: tensor if name.endswith("_filter") else tensor + 0.2 * torch.randn(tensor.shape)
        for name, tensor in record.tensors.items()
    }
    origin = Provenance(licence="NON-COMMERCIAL: CC-BY-NC-4.0")
    write_model(
        folder / "toon.safetensors", ModelFile({"G_ema": replace(record, tensors=moved)}, origin)
    )
    write_small_model(folder / "stranger.safetensors", resolution=16, seed=9, **FREE)
    return workspace


def generator(kwargs: dict[str, Any]) -> NetworkRecord:
    kind = "stylegan2-generator"
    return NetworkRecord(kind, kwargs, dict(construct(kind, kwargs).state_dict()))


def everything(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_blend_by_name(cli, models, tmp_path):
    out = tmp_path / "new" / "mixed.safetensors"
    outcome = cli("blend", "people", "toon", "--resolution", 8, "--out", out, "--workspace", models)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    lines = outcome.stdout.splitlines()
    assert lines[0] == "base people (16 px), style toon (16 px): hard at 8, 16 px"
    cells = [line.split() for line in lines[3:12]]
    assert cells[0][:-1] == ["mapping,", "w_avg", "5", "base"]
    assert cells[1][:-1] == ["constant", "1", "base"]
    # 0.2 was added to tensors of unit variance, and to a mapping network 100 times as large.
    assert [float(cell[-1]) for cell in cells[:2]] == pytest.approx([0.0, 0.2], abs=0.03)
    assert cells[2][:4] == ["4.1", "b4.conv1", "6", "base"]
    assert cells[4][:4] == ["8.0", "b8.conv0", "6", "style"]
    assert (
        lines[-2] == "licence: NON-COMMERCIAL: base: CC0-1.0; style: NON-COMMERCIAL: CC-BY-NC-4.0"
    )
    assert lines[-1] == f"wrote {out}"

    made, folder = read_model(out), models / "models"
    base, style = (
        read_model(folder / f"{name}.safetensors").networks["G_ema"] for name in ("people", "toon")
    )
    tensors = made.generator().tensors
    assert list(made.networks) == ["G_ema"]
    assert torch.equal(
        tensors["synthesis.b4.conv1.weight"], base.tensors["synthesis.b4.conv1.weight"]
    )
    assert torch.equal(
        tensors["synthesis.b8.conv0.weight"], style.tensors["synthesis.b8.conv0.weight"]
    )
    assert made.provenance.parents == (
        {"name": "people", "role": "base", "sha256": sha256_of(folder / "people.safetensors")},
        {"name": "toon", "role": "style", "sha256": sha256_of(folder / "toon.safetensors")},
    )


def test_json_states_every_tensor(cli, models, tmp_path):
    out = tmp_path / "m.safetensors"
    outcome = cli(
        *("blend", models / "models" / "people.safetensors", "toon", "--resolution", 16),
        *("--width", 1, "--mapping-from", "style", "--const-from", "style", "--out", out),
        *("--json", "--workspace", models),
    )
    found = outcome.json()
    assert (found["state"], found["rule"], found["resolution"]) == (
        "written",
        "smooth at 16, width 1",
        16,
    )
    assert found["shares"]["16.0"] == 0.5
    stated = [name for row in found["origin"] for name in row["tensors"]]
    assert sorted(stated) == sorted(read_model(out).generator().tensors)
    sources = {row["part"]: row["source"] for row in found["origin"]}
    assert (sources["mapping, w_avg"], sources["constant"]) == ("style", "style")
    assert sources["b16.conv0, noise map"] == "base"
    assert sources["b16.conv1, noise map"] == "style"
    assert sources["b16.conv1"] == pytest.approx(0.7310586)
    assert found["drift"]["8.1"] == pytest.approx(0.2, abs=0.05)
    assert found["is_kin"] is True
    assert found["base"]["name"] == "people"
    assert found["preview"] is None


def test_own_weights_alone_and_over_a_resolution(cli, models, tmp_path):
    words = ("blend", "people", "toon", "--out", tmp_path / "m.safetensors", "--workspace", models)
    shares = {"4.1": 0.0, "8.0": 0.0, "8.1": 0.0, "16.0": 0.25, "16.1": 1.0}
    alone = cli(*words, "--weights", "4-8:0,16.0:0.25,16.1:1", "--json").json()
    over = cli(*words, "--resolution", 16, "--weights", "16.0:0.25", "--json").json()
    assert alone["shares"] == over["shares"] == shares
    assert over["rule"] == "hard at 16, weights 16.0:0.25"
    table = cli(*words, "--resolution", 16, "--weights", "16.0:0.25").stdout
    assert "0.25 style" in table


def test_dry_run_writes_nothing(cli, models, tmp_path):
    before = everything(models)
    out = tmp_path / "m.safetensors"
    words = ("blend", "people", "toon", "--resolution", 8, "--out", out, "--workspace", models)
    outcome = cli(*words, "--dry-run", "--preview", "0-1")
    assert outcome.exit_code == 0
    assert outcome.stdout.splitlines()[-1] == f"would write {out}"
    assert cli(*words, "--dry-run", "--json").json()["state"] == "planned"
    assert not out.exists()
    assert everything(models) == before


def test_the_same_blend_is_kept_and_another_replaces_it(cli, models, tmp_path):
    out = tmp_path / "m.safetensors"
    words = ("blend", "people", "toon", "--out", out, "--workspace", models)
    cli(*words, "--resolution", 8)
    first = out.stat()
    again = cli(*words, "--resolution", 8)
    assert again.stdout.splitlines()[-1] == f"is there already: {out}"
    assert out.stat() == first
    other = cli(*words, "--resolution", 16, "--json").json()
    assert other["state"] == "written"
    assert read_model(out).provenance.notes["blend"]["rule"] == "hard at 16"
    write_small_model(models / "models" / "people.safetensors", resolution=16, **FREE, source="new")
    assert cli(*words, "--resolution", 16, "--json").json()["state"] == "written"


def test_only_an_earlier_blend_is_replaced(cli, models, tmp_path):
    folder = models / "models"
    text = tmp_path / "text.safetensors"
    text.write_text("mine", encoding="utf-8")
    (tmp_path / "folder.safetensors").mkdir()
    link = tmp_path / "link.safetensors"
    link.symlink_to(folder / "toon.safetensors")
    for out, said in (
        (text, "is no blend, so it is not replaced"),
        (folder / "stranger.safetensors", "is no blend, so it is not replaced"),
        (tmp_path / "folder.safetensors", "is no blend, so it is not replaced"),
        (folder / "people.safetensors", "is one of the two parents"),
        (link, "is one of the two parents"),
        (tmp_path / "m.pkl", f"hint: write --out {tmp_path / 'm.safetensors'}"),
        (tmp_path / "m", "a blend is a .safetensors file"),
    ):
        before = everything(tmp_path)
        words = ("blend", "people", "toon", "--resolution", 8, "--out", out)
        outcome = cli(*words, "--workspace", models)
        assert outcome.exit_code == 2, out
        assert said in outcome.stderr
        assert everything(tmp_path) == before


def test_strangers_are_blended_with_a_warning(cli, models, tmp_path):
    words = ("--resolution", 8, "--out", tmp_path / "m.safetensors", "--workspace", models)
    outcome = cli("blend", "people", "stranger", *words)
    assert outcome.exit_code == 0
    assert outcome.stderr.startswith("warning: stranger does not look like a descendant of people")
    assert "warning" not in cli("blend", "people", "toon", *words).stderr
    assert cli("blend", "people", "stranger", *words, "--json").json()["is_kin"] is False


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["people", "toon"], 2, "a resolution is missing"),
        (["people", "toon", "--width", "1"], 2, "hint: this model has the resolutions 4, 8, 16"),
        (["people", "toon", "--resolution", "12"], 2, "there is no resolution 12"),
        (["people", "toon", "--resolution", "8", "--width", "0"], 2, "must be above 0"),
        (["people", "toon", "--weights", "8-:1"], 2, "no share for 4.1"),
        (
            ["people", "toon", "--resolution", "8", "--preview", "x"],
            2,
            "--preview: 'x' is no number",
        ),
        (["people", "toon", "--resolution", "8", "--mapping-from", "x"], 2, "'x' is not one of"),
        (["people", "tonn", "--resolution", "8"], 1, "did you mean 'toon'?"),
        (["people", "narrow", "--resolution", "8"], 1, "4 px base 8, style 4"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(
    cli, models, tmp_path, *, words, code, said
):
    narrow = {**LATENT, "img_resolution": 16, "mapping_kwargs": {"num_layers": 2}}
    narrow["synthesis_kwargs"] = {"channel_base": 64, "channel_max": 4}
    path = models / "models" / "narrow.safetensors"
    write_model(path, ModelFile({"G_ema": generator(narrow)}))
    out = tmp_path / "m.safetensors"
    outcome = cli("blend", *words, "--out", out, "--workspace", models)
    assert outcome.exit_code == code
    assert said in outcome.stderr
    assert outcome.stdout == ""
    assert not out.exists()


def test_remarks_are_told(cli, models, tmp_path):
    folder = models / "models"
    for name, cut in (("a", "ffhq"), ("b", "none")):
        write_small_model(folder / f"{name}.safetensors", preprocessing={"alignment": cut})
    words = ("--out", tmp_path / "m.safetensors", "--workspace", models)
    outcome = cli("blend", "a", "b", "--resolution", 16, *words)
    assert "the training pictures were prepared in different ways" in outcome.stderr
    assert "no level comes from the style" in outcome.stderr
    assert (
        "every level comes from the style"
        in cli("blend", "a", "b", "--resolution", 4, *words).stderr
    )


def test_the_catalog_knows_the_parents(cli, models):
    out = models / "models" / "mixed.safetensors"
    cli("blend", "people", "toon", "--resolution", 8, "--out", out, "--workspace", models)
    with open_catalog(models, create=False) as catalog:
        root = trace(catalog, str(out))
    assert root.kind == "model"
    assert {child.role: child.file.name for child in root.children} == {
        "base": "people.safetensors",
        "style": "toon.safetensors",
    }
    assert "CC0-1.0" in root.licences()


def test_outside_of_a_workspace_no_catalog_is_made(cli, models, tmp_path):
    folder = models / "models"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    parents = (folder / "people.safetensors", folder / "toon.safetensors")
    outcome = cli("blend", *parents, "--resolution", 8, "--out", "m.safetensors", cwd=elsewhere)
    assert outcome.exit_code == 0
    assert [path.name for path in elsewhere.iterdir()] == ["m.safetensors"]


def test_the_preview_lies_beside_the_blend_and_is_drawn_once(cli, models, tmp_path):
    out = tmp_path / "m.safetensors"
    words = ("blend", "people", "toon", "--out", out, "--workspace", models)
    outcome = cli(*words, "--resolution", 8, "--preview", "0-2,7", "--json")
    sheet = Path(outcome.json()["preview"])
    assert sheet == tmp_path / "m.preview.png"
    pixels = read_rgb(sheet).rgb
    assert pixels.shape[0] > 3 * 128  # three rows of four pictures, each 16 px enlarged to 128
    assert pixels.shape[1] > 4 * 128
    with Image.open(sheet) as picture:
        said = json.loads(picture.info["artstyle"])
    assert (said["seeds"], said["rule"]) == ([0, 1, 2, 7], "hard at 8")
    assert said["licence"].startswith("NON-COMMERCIAL: ")

    first = sheet.stat()
    again = cli(*words, "--resolution", 8, "--preview", "0-2,7")
    assert again.stdout.splitlines()[-1] == f"preview: {sheet}"
    assert sheet.stat() == first
    for change in (("--resolution", 8, "--preview", "0"), ("--resolution", 16, "--preview", "0")):
        before = sheet.read_bytes()
        cli(*words, *change)
        assert sheet.read_bytes() != before
    sheet.write_text("damaged", encoding="utf-8")
    cli(*words, "--resolution", 8, "--preview", "0")
    assert read_rgb(sheet).rgb.size
    assert {path.name for path in tmp_path.glob("m.*")} == {"m.preview.png", "m.safetensors"}


def test_the_rows_of_a_preview_are_the_pictures_of_the_three_models(models, tmp_path):
    out = tmp_path / "m.safetensors"
    events: list[Progress] = []
    same = blend_models("people", "toon", models, out=out, resolution=32)
    base, blended, style = draw_preview(same, [3, 5], emit=events.append)
    assert [(event.done, event.total) for event in events] == [(n, 6) for n in range(7)]
    for column in range(2):
        assert base[column].shape == (16, 16, 3)
        assert np.array_equal(base[column], blended[column])
        assert not np.array_equal(base[column], style[column])
    assert not np.array_equal(base[0], base[1])


def test_conditional_models_and_other_resolutions_can_be_previewed(cli, workspace, tmp_path):
    for name, resolution in (("small", 8), ("large", 16)):
        kwargs = {**LATENT, "c_dim": 3, "img_resolution": resolution}
        kwargs |= {"mapping_kwargs": {"num_layers": 2}, "synthesis_kwargs": WIDTH}
        record = generator(kwargs)
        write_model(workspace / "models" / f"{name}.safetensors", ModelFile({"G_ema": record}))
    out = tmp_path / "m.safetensors"
    words = ("--resolution", 8, "--out", out, "--preview", "0", "--workspace", workspace)
    outcome = cli("blend", "small", "large", *words, "--json")
    assert outcome.json()["resolution"] == 8
    assert "the style draws 16 px and is cropped" in outcome.stderr
    assert read_rgb(tmp_path / "m.preview.png").rgb.size

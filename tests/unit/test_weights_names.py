"""From a model's name to its file: which place counts, and what is said when none has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from artstyle import weights
from artstyle.errors import WeightsError
from artstyle.events import Event, Note
from artstyle.weights import model_names


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"a model")
    return path


@pytest.fixture
def starter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "starter"
    monkeypatch.setattr(model_names, "_shipped_models", lambda: folder)
    return folder


def pulled(name: str) -> Path:
    return touch(weights.imported_file(weights.entry(name)))


def test_a_file_is_a_file(workspace: Path, tmp_path: Path, starter: Path) -> None:
    for name in ("mine.safetensors", "theirs.pkl", "without-suffix"):
        path = touch(tmp_path / name)
        assert weights.resolve_model(path, workspace) == path
        assert weights.resolve_model(str(path), workspace) == path


def test_a_file_of_the_current_folder_goes_before_the_workspace(
    workspace: Path, tmp_path: Path, starter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(workspace / "models" / "ghibli.safetensors")
    here = touch(tmp_path / "here" / "ghibli.safetensors")
    monkeypatch.chdir(here.parent)
    assert weights.resolve_model("ghibli.safetensors", workspace) == Path(here.name)
    assert weights.resolve_model("ghibli", workspace).parent == workspace / "models"


def test_home_is_understood(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = touch(tmp_path / "me" / "mine.safetensors")
    monkeypatch.setenv("HOME", str(path.parent))
    assert weights.resolve_model("~/mine.safetensors", workspace) == path


def test_the_workspace_goes_before_the_starter_pack_before_what_was_pulled(
    workspace: Path, starter: Path
) -> None:
    in_home = pulled("ffhq-256")
    assert weights.resolve_model("ffhq-256", workspace) == in_home
    in_starter = touch(starter / "ffhq-256.safetensors")
    assert weights.resolve_model("ffhq-256", workspace) == in_starter
    in_workspace = touch(workspace / "models" / "ffhq-256.safetensors")
    events: list[Event] = []
    assert weights.resolve_model("ffhq-256", workspace, emit=events.append) == in_workspace
    texts = [event.text for event in events if isinstance(event, Note)]
    assert texts == [
        f"ffhq-256 is in the workspace and in the starter pack; taken from the workspace: "
        f"{in_workspace}",
        f"ffhq-256 is in the workspace and in the pulled models; taken from the workspace: "
        f"{in_workspace}",
    ]


def test_a_name_in_one_place_needs_no_note(workspace: Path, starter: Path) -> None:
    events: list[Event] = []
    touch(starter / "people.safetensors")
    weights.resolve_model("people", workspace, emit=events.append)
    assert events == []


@pytest.mark.parametrize("place", ["starter", "workspace"])
def test_networks_that_do_not_draw_are_no_models(
    workspace: Path, starter: Path, place: str
) -> None:
    folder = starter if place == "starter" else workspace / "models"
    touch(folder / "people.safetensors")
    metadata = {"kind": "encoder"}
    save_file({"x": np.zeros(1, np.float32)}, folder / "people-encoder.safetensors", metadata)
    assert [held.name for held in model_names.held_models(workspace)] == ["people"]
    if place == "starter":
        with pytest.raises(WeightsError, match="no model 'people-encoder'"):
            weights.resolve_model("people-encoder", workspace)
    else:
        with pytest.raises(WeightsError, match=r"no model to draw with.*kind 'encoder'"):
            weights.resolve_model("people-encoder", workspace)


def test_an_alias_leads_to_what_was_pulled(workspace: Path, starter: Path) -> None:
    path = pulled("ffhq-256")
    assert weights.resolve_model("ffhq256", workspace) == path


@pytest.mark.parametrize("file", ["ghibli.safetensors", "final.safetensors"])
def test_a_folder_with_one_model_is_that_model(workspace: Path, starter: Path, file: str) -> None:
    path = touch(workspace / "models" / "ghibli" / file)
    assert weights.resolve_model("ghibli", workspace) == path


def test_a_folder_with_several_is_the_one_called_like_it(workspace: Path, starter: Path) -> None:
    folder = workspace / "models" / "ghibli"
    touch(folder / "000100.safetensors")
    second = touch(folder / "000200.safetensors")
    with pytest.raises(WeightsError, match=r"several models: ghibli/000100, ghibli/000200"):
        weights.resolve_model("ghibli", workspace)
    assert weights.resolve_model("ghibli/000200", workspace) == second
    own = touch(folder / "ghibli.safetensors")
    assert weights.resolve_model("ghibli", workspace) == own


def test_a_name_never_leads_out_of_the_models_folder(workspace: Path, starter: Path) -> None:
    touch(workspace / "secret.safetensors")
    with pytest.raises(WeightsError, match="there is no file"):
        weights.resolve_model("../secret", workspace)
    with pytest.raises(WeightsError, match="there is no file"):
        weights.resolve_model("/etc/none", workspace)


def test_an_empty_name_is_no_model(workspace: Path, starter: Path) -> None:
    with pytest.raises(WeightsError, match="there is no model ''"):
        weights.resolve_model("", workspace)


def test_a_folder_is_no_model(workspace: Path, starter: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="there is no file"):
        weights.resolve_model(tmp_path, workspace)


def test_near_names_come_from_everywhere(workspace: Path, starter: Path) -> None:
    touch(workspace / "models" / "watercolour.safetensors")
    touch(starter / "toonhead.safetensors")
    for wrong, right in [
        ("watercolor", "watercolour"),
        ("toonhed", "toonhead"),
        ("stylegan3-t-ffhq-102", "stylegan3-t-ffhq-1024"),
    ]:
        with pytest.raises(WeightsError, match=f"did you mean '{right}'"):
            weights.resolve_model(wrong, workspace)


def test_a_missing_file_gets_near_names_too(workspace: Path, starter: Path) -> None:
    touch(workspace / "models" / "watercolour.safetensors")
    with pytest.raises(WeightsError, match=r"there is no file .*did you mean 'watercolour'"):
        weights.resolve_model("models/watercolor.safetensors", workspace)


def test_a_published_model_that_is_not_here_is_said_how_to_get(
    workspace: Path, starter: Path
) -> None:
    with pytest.raises(WeightsError, match="ffhq-256 is not on this machine") as caught:
        weights.resolve_model("ffhq256", workspace)
    assert "NON-COMMERCIAL" in str(caught.value)
    assert "artstyle models pull ffhq-256" in str(caught.value.hint)


def test_a_published_model_that_is_not_imported_is_said(workspace: Path, starter: Path) -> None:
    touch(weights.weights_file(weights.entry("ffhq-256")))
    with pytest.raises(WeightsError, match="not yet made into a model") as caught:
        weights.resolve_model("ffhq-256", workspace)
    assert caught.value.hint == "type 'artstyle models pull ffhq-256'"


def test_weights_that_cannot_draw_are_no_model(workspace: Path, starter: Path) -> None:
    with pytest.raises(WeightsError, match="vgg19 is no model to draw with"):
        weights.resolve_model("vgg19", workspace)


def test_held_models_are_all_that_can_be_named(workspace: Path, starter: Path) -> None:
    touch(workspace / "models" / "one.safetensors")
    touch(workspace / "models" / "two" / "final.safetensors")
    touch(workspace / "models" / "three" / "a.safetensors")
    touch(workspace / "models" / "three" / "b.safetensors")
    touch(workspace / "models" / "one" / "old.safetensors")
    touch(workspace / "models" / "notes.txt")
    touch(starter / "people.safetensors")
    touch(starter / "people.card.toml")
    pulled("metfaces-1024")
    held = [(model.name, model.place) for model in weights.held_models(workspace)]
    assert held == [
        ("one", "workspace"),
        ("two", "workspace"),
        ("people", "starter"),
        ("metfaces-1024", "home"),
    ]
    for model in weights.held_models(workspace):
        assert weights.resolve_model(model.name, workspace) == model.path


def test_a_folder_that_is_no_workspace_holds_no_models(tmp_path: Path, starter: Path) -> None:
    assert list(weights.held_models(tmp_path / "nowhere")) == []


@pytest.mark.starter
def test_the_starter_folder_lies_in_the_package() -> None:
    import artstyle

    assert model_names.starter_folder() == Path(artstyle.__file__).parent / "starter"

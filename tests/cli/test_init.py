from __future__ import annotations

from pathlib import Path

import pytest

from artstyle.errors import UsageError, WorkspaceError
from artstyle.recipes import DatasetRecipe, TrainingRecipe, read_recipe
from artstyle.workspace import FOLDERS, check_style_name, is_workspace, open_workspace

REPOSITORY = Path(__file__).resolve().parents[2]


def everything(root: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in root.rglob("*")
    }


def test_a_new_workspace_has_its_folders_and_recipes_that_can_be_read(cli, tmp_path):
    root = tmp_path / "new" / "styles"
    outcome = cli("init", root)
    assert outcome.exit_code == 0
    assert is_workspace(root)
    assert open_workspace(root).root == root
    assert all((root / name).is_dir() for name in FOLDERS)
    assert read_recipe(root / "datasets" / "example.toml", DatasetRecipe).style == "example"
    assert read_recipe(root / "training" / "example.toml", TrainingRecipe).kimg == 1000
    assert all(f"`{name}/`" in (root / "README.md").read_text("utf-8") for name in FOLDERS)
    assert "/models/" in (root / ".gitignore").read_text("utf-8")
    assert f"next: artstyle doctor --workspace {root}" in outcome.stdout


def test_a_second_time_changes_nothing_and_what_is_missing_comes_back(cli, tmp_path):
    cli("init", tmp_path)
    (tmp_path / "README.md").write_text("mine\n", encoding="utf-8")
    (tmp_path / "films").mkdir()
    before = everything(tmp_path)
    again = cli("init", tmp_path, "--json")
    assert again.exit_code == 0
    assert again.json()["made"] == []
    assert again.json()["kept"][0] == "datasets/"
    assert "is a workspace already" in cli("init", tmp_path).stdout
    assert everything(tmp_path) == before
    (tmp_path / "models").rmdir()
    assert cli("init", tmp_path, "--json").json()["made"] == ["models/"]
    assert everything(tmp_path) == before


def test_dry_run_makes_nothing(cli, tmp_path):
    outcome = cli("init", tmp_path / "styles", "--dry-run")
    assert outcome.exit_code == 0
    assert "would make in" in outcome.stdout
    assert "next:" not in outcome.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_the_argument_else_the_workspace_else_the_current_one(cli, tmp_path):
    for words, cwd, root in (
        (["init", "a", "--workspace", tmp_path / "b"], tmp_path, "a"),
        (["init", "--workspace", tmp_path / "b"], tmp_path, "b"),
        (["init"], tmp_path / "b", "b"),
    ):
        assert Path(cli(*words, "--json", cwd=cwd).json()["root"]) == tmp_path / root


def test_an_interrupted_init_is_taken_up(cli, tmp_path):
    (tmp_path / ".git").mkdir()
    (tmp_path / "datasets").mkdir()
    assert cli("init", tmp_path).exit_code == 0
    assert is_workspace(tmp_path)


@pytest.mark.parametrize(
    ("arrange", "words"),
    [
        (lambda root: (root / "a.txt").touch(), "holds other things (a.txt) and is no workspace"),
        (lambda root: [(root / name).touch() for name in "abcd"], "(a, b, c, ...)"),
        (lambda root: (root.rmdir(), root.touch()), "is a file, not a folder"),
        (lambda root: (root / "models").touch(), "models is a file where a folder belongs"),
    ],
)
def test_a_folder_that_holds_something_else_is_refused_and_left_alone(
    cli, tmp_path, arrange, words
):
    root = tmp_path / "root"
    root.mkdir()
    arrange(root)
    before = everything(tmp_path)
    outcome = cli("init", root)
    assert outcome.exit_code == 1
    assert words in outcome.stderr
    assert "hint: " in outcome.stderr
    assert everything(tmp_path) == before


def test_a_checkout_is_a_workspace():
    assert is_workspace(REPOSITORY)


def test_a_folder_that_is_none_says_how_to_make_one(tmp_path):
    with pytest.raises(WorkspaceError, match=r"has no datasets/ and training/") as caught:
        open_workspace(tmp_path)
    assert f"artstyle init {tmp_path}" in caught.value.hint
    (tmp_path / "training").mkdir()
    with pytest.raises(WorkspaceError, match=r"has no datasets/$"):
        open_workspace(tmp_path)
    with pytest.raises(WorkspaceError, match="there is no folder"):
        open_workspace(tmp_path / "gone")


@pytest.mark.parametrize("name", ["a", "ghibli", "fire-emblem_m", "x" * 64, "0"])
def test_names_that_a_style_can_have(name):
    assert check_style_name(name) == name


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Studio Ghibli", "call it 'studio-ghibli'"),
        ("../up", "call it 'up'"),
        ("a/b", "call it 'a-b'"),
        ("-a", "call it 'a'"),
        ("x" * 65, f"call it '{'x' * 64}'"),
        ("", None),
        ("日本", None),
        ("a\n", "call it 'a'"),
    ],
)
def test_names_that_a_style_cannot_have(name, hint):
    with pytest.raises(UsageError) as caught:
        check_style_name(name)
    assert caught.value.hint == hint


def test_styles_are_the_folders_with_a_recipe(workspace):
    for name in ("b", "a", "empty"):
        (workspace / "datasets" / name).mkdir()
    for name in ("b", "a"):
        (workspace / "datasets" / name / "recipe.toml").touch()
    assert open_workspace(workspace).styles() == ("a", "b")

"""`artstyle extract` from what is typed to what lies in the workspace."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from PIL import Image
from support.films import picture, scenes, write_film

from artstyle.locks import locked
from artstyle.recipes import DatasetRecipe, read_recipe

DRAWN = ("--layout", "facesjs", "--size", "64", "--min-face", "20")


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    folder = tmp_path / "Drawn Heads"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(picture(number, 120, 96)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "My Film.mp4", scenes([1, 2], 25))


def test_a_film_alone_in_any_folder_makes_what_is_needed(cli, tmp_path: Path, film: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    outcome = cli("extract", "--video", film, *DRAWN, cwd=here)
    assert outcome.exit_code == 0, outcome.stderr
    assert "style my-film: 2 new crops, 2 in all" in outcome.stdout
    assert "made a workspace in" in outcome.stdout
    recipe = read_recipe(here / "datasets/my-film/recipe.toml", DatasetRecipe)
    assert (recipe.style, recipe.title) == ("my-film", "My film")
    assert [one.kind for one in recipe.sources] == ["video"]
    assert (recipe.extract.detector, recipe.extract.layout) == ("layout", "facesjs")
    assert (recipe.extract.size_px, recipe.build.size_px) == (64, 64)
    text = (here / "datasets/my-film/recipe.toml").read_text()
    assert text.startswith("# artstyle extract --style my-film\n")
    again = cli("extract", "--style", "my-film", "--json", cwd=here)
    assert (again.json()["done_before"], again.json()["crops"]) == (1, 0)


def test_pictures_with_a_style_and_a_licence(cli, workspace: Path, drawn: Path) -> None:
    words = ("--workspace", workspace, "extract", "--style", "heads", "--images", drawn)
    outcome = cli(*words, *DRAWN, "--licence", "CC0-1.0", "--json")
    assert outcome.exit_code == 0, outcome.stderr
    found = outcome.json()
    assert (found["crops"], found["crops_in_style"], found["sources"]) == (3, 3, 3)
    assert (workspace / "datasets/heads/crops/drawn-heads/0.png").is_file()
    recipe = read_recipe(workspace / "datasets/heads/recipe.toml", DatasetRecipe)
    assert recipe.sources[0].licence == recipe.licence == "CC0-1.0"


def test_a_second_source_joins_the_recipe_which_keeps_what_its_user_wrote(
    cli, workspace: Path, drawn: Path, film: Path
) -> None:
    path = workspace / "datasets/heads/recipe.toml"
    cli("extract", "--workspace", workspace, "--style", "heads", "--images", drawn, *DRAWN)
    path.write_text(path.read_text() + "# mine\n")
    outcome = cli("extract", "--workspace", workspace, "--style", "heads", "--video", film)
    assert "1 sources added to" in outcome.stdout
    assert "# mine\n" in path.read_text()
    recipe = read_recipe(path, DatasetRecipe)
    assert [one.kind for one in recipe.sources] == ["images", "video"]
    both = cli("extract", "--workspace", workspace, "--style", "heads", "--json").json()
    assert (both["sources"], both["done_before"]) == (4, 4)
    before = path.read_text()
    cli("extract", "--workspace", workspace, "--style", "heads", "--video", film)
    assert path.read_text() == before


def test_several_films_after_one_option(cli, workspace: Path, tmp_path: Path, film: Path) -> None:
    other = write_film(tmp_path / "other.mp4", scenes([7], 25))
    words = ("--workspace", workspace, "--video", film, other, *DRAWN, "--json")
    assert cli("extract", *words).json()["sources"] == 2
    outcome = cli("extract", "--workspace", workspace, film)
    assert (outcome.exit_code, "a film, a folder" in outcome.stderr) == (2, True)


def test_a_dry_run_writes_nothing(cli, tmp_path: Path, drawn: Path, film: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    outcome = cli(
        "extract", "--style", "x", "--images", drawn, "--video", film, "--dry-run", cwd=here
    )
    assert outcome.exit_code == 0, outcome.stderr
    assert "3 pictures" in outcome.stdout
    assert "96 x 64 h264, 2 s, about 4 frames" in outcome.stdout
    assert "would make" in outcome.stdout
    assert list(here.iterdir()) == []


def test_options_go_before_the_recipe_and_are_not_written_into_it(
    cli, workspace: Path, drawn: Path
) -> None:
    words = ("extract", "--workspace", workspace, "--style", "heads")
    cli(*words, "--images", drawn, *DRAWN)
    path = workspace / "datasets/heads/recipe.toml"
    before = path.read_text()
    outcome = cli(*words, "--min-face", "500", "--json")
    assert (outcome.json()["too_small"], outcome.json()["crops"]) == (3, 0)
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "there is nothing to extract"),
        (("--style", "nobody"), 1, "there is no recipe"),
        (("--video", "missing.mkv"), 2, "there is no file or folder missing.mkv"),
        (("--video", "text.mkv"), 1, "cannot read"),
        (("--images", "empty"), 1, "no films or pictures are there"),
        (("--images", "pictures", "--size", "100"), 1, "no power of two"),
        (("--images", "pictures", "--detector", "layout"), 2, "--layout NAME"),
        (("--images", "pictures", "--style", "No Name"), 2, "call it 'no-name'"),
        (("--images", "pictures", "--workspace", "nowhere"), 1, "there is no folder"),
    ],
)
def test_what_cannot_be_done_is_said(
    cli, tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    (tmp_path / "text.mkv").write_text("no film")
    (tmp_path / "empty").mkdir()
    (tmp_path / "pictures").mkdir()
    Image.fromarray(picture(1, 120, 96)).save(tmp_path / "pictures/1.png")
    outcome = cli("extract", *words, cwd=tmp_path)
    assert said in outcome.stderr
    assert outcome.exit_code == code


def test_one_extraction_of_a_style_at_a_time(cli, workspace: Path, drawn: Path) -> None:
    words = ("extract", "--workspace", workspace, "--style", "heads", "--images", drawn, *DRAWN)
    cache = workspace / "datasets/heads/cache"
    cache.mkdir(parents=True)
    with locked(cache / "extract.lock", wait_s=0):
        outcome = cli(*words)
    assert outcome.exit_code == 1
    assert "another 'artstyle extract' is working on the style heads" in outcome.stderr
    assert cli(*words).exit_code == 0


def test_a_name_that_toml_cannot_say_is_extracted_and_left_out_of_the_recipe(
    cli, workspace: Path, tmp_path: Path
) -> None:
    strange = tmp_path / "caf\udce9"
    strange.mkdir()
    Image.fromarray(picture(1, 120, 96)).save(strange / "1.png")
    outcome = cli(
        "extract", "--workspace", workspace, "--style", "s", "--images", strange, *DRAWN, "--json"
    )
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.json()["crops"] == 1
    recipe = tomllib.loads((workspace / "datasets/s/recipe.toml").read_text())
    assert "sources" not in recipe or recipe["sources"] == []

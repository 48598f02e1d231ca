"""Every dataset recipe in the tree can be read, and says where its pictures come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from artstyle.faces.layout import LAYOUTS
from artstyle.recipes import DatasetRecipe, read_recipe

DATASETS = Path(__file__).resolve().parents[2] / "datasets"
RECIPES = sorted(DATASETS.glob("*/recipe.toml"))
OWN = {"ghibli", "fire_emblem", "digital_art"}  # of a user's own material
FREE = {"people", "toon_head", "facesjs", "pioneer", "fluent_3d", "titian", "sintel"}
FREE |= {"wesnoth", "pixel_art", "lorelei"}


def faults(path: Path) -> list[str]:
    """What is missing in a recipe; raises RecipeError for what is wrong."""
    recipe = read_recipe(path, DatasetRecipe)
    found = [name for name in ("notes", "limits", "sources") if not getattr(recipe, name)]
    if recipe.style != path.parent.name:
        found.append(f"style {recipe.style}")
    if f"# artstyle extract --style {recipe.style}" not in path.read_text("utf-8").splitlines():
        found.append("command")
    if recipe.licence == "unknown":
        found.append("licence")
    if recipe.extract.detector == "layout" and recipe.extract.layout not in LAYOUTS:
        found.append(f"layout {recipe.extract.layout}")
    for source in recipe.sources:
        lacks = [name for name in ("licence", "origin") if getattr(source, name) in ("", "unknown")]
        found += [f"{name} of {source.path}" for name in lacks]
        if not source.path.startswith("material/"):
            found.append(f"place of {source.path}")
    return found


def test_these_recipes_are_there():
    assert {path.parent.name for path in RECIPES} >= OWN | FREE


@pytest.mark.parametrize("path", RECIPES, ids=[path.parent.name for path in RECIPES])
def test_a_recipe_says_all_it_has_to(path):
    assert faults(path) == []


def test_what_is_missing_would_be_found(tmp_path):
    path = tmp_path / "x" / "recipe.toml"
    path.parent.mkdir()
    path.write_text(
        'style = "y"\ntitle = "Y"\n[extract]\ndetector = "layout"\nlayout = "z"\n'
        '[[sources]]\nkind = "images"\npath = "a"\n'
    )
    assert faults(path) == [
        *("notes", "limits", "style y", "command", "licence", "layout z"),
        *("licence of a", "origin of a", "place of a"),
    ]


@pytest.mark.shared
@pytest.mark.parametrize("style", sorted(FREE))
def test_the_free_material_lies_where_recipes_look_for_it(shared_dir, style):
    recipe = read_recipe(DATASETS / style / "recipe.toml", DatasetRecipe)
    for source in recipe.sources:
        place = shared_dir / "data" / Path(source.path).relative_to("material")
        assert any(place.iterdir()), source.path

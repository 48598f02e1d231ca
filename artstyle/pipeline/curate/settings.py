"""What a curation goes by, taken from a style's recipe."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from artstyle.curate.duplicates import Near
from artstyle.curate.rules import DUPLICATE, RULES, Limits
from artstyle.errors import UsageError
from artstyle.recipes import DatasetRecipe, make_recipe, read_recipe
from artstyle.recipes.curate import Embedding, HeldOutBy
from artstyle.workspace import Workspace

# Neighbours in a film are taken for near-duplicates where two pictures would not be; guesses.
_KIN_BITS, _KIN_FACTOR = 4, 2.0


@dataclass(frozen=True)
class Settings:
    """See `artstyle.recipes.curate.CurateRecipe` for each, and its defaults."""

    limits: Limits
    near: Near
    kin_near: Near  # among crops of one appearance
    embedding: Embedding
    clusters: int | None  # None: as many as there are
    wants_clusters: bool
    unsure_margin: float
    held_out_by: HeldOutBy
    held_out_share: float
    seed: int
    dataset_px: int


def settings_for(workspace: Workspace, style: str, overrides: Mapping[str, Any]) -> Settings:
    """The settings of a style: its recipe's where it has one, and what goes before it.

    Args:
        workspace: where the style is.
        style: its name.
        overrides: by the name in the recipe's [curate], or "build.seed" and the like; None is
            nothing said.

    Raises:
        RecipeError: the recipe has faults.
        UsageError: a rule that there is none of was to be left out.
    """
    said = {key if "." in key else f"curate.{key}": value for key, value in overrides.items()}
    path = workspace.style_folder(style) / "recipe.toml"
    if path.is_file():
        recipe = read_recipe(path, DatasetRecipe, said)
    else:
        recipe = make_recipe({"style": style, "title": style}, DatasetRecipe, said)
    return _settings(recipe)


def _settings(recipe: DatasetRecipe) -> Settings:
    given = recipe.curate
    known = {*RULES, DUPLICATE}
    for rule in given.without:
        if rule not in known:
            close = difflib.get_close_matches(rule, sorted(known), n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(known))}"
            raise UsageError(f"there is no rule {rule!r} to be left out", hint=hint)
    names = {field.name for field in dataclasses.fields(Limits)} - {"without"}
    limits = {name: getattr(given, name) for name in names}
    difference = 0.0 if DUPLICATE in given.without else given.duplicate_difference
    return Settings(
        limits=Limits(**limits, without=frozenset(given.without)),
        near=Near(given.duplicate_bits, difference),
        kin_near=Near(given.duplicate_bits + _KIN_BITS, difference * _KIN_FACTOR),
        embedding=given.embedding,
        clusters=int(given.clusters) if given.clusters.isdigit() else None,
        wants_clusters=given.clusters != "none",
        unsure_margin=given.unsure_margin,
        held_out_by=given.held_out_by,
        held_out_share=recipe.build.held_out_share,
        seed=recipe.build.seed,
        dataset_px=recipe.build.size_px,
    )

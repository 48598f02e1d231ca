"""Recipes: TOML files that say how a dataset is made or a model is trained.

`read_recipe(path, DatasetRecipe)` reads one into a frozen dataclass and reports all of its faults
together; `resolved_toml(recipe)` writes it back with every value it stands for. Below the command
line nobody sees a recipe: functions take plain arguments.
"""

from __future__ import annotations

from artstyle.recipes.curate import CurateRecipe as CurateRecipe
from artstyle.recipes.dataset import BuildRecipe as BuildRecipe
from artstyle.recipes.dataset import DatasetRecipe as DatasetRecipe
from artstyle.recipes.dataset import ExtractRecipe as ExtractRecipe
from artstyle.recipes.dataset import SourceRecipe as SourceRecipe
from artstyle.recipes.schema import make_recipe as make_recipe
from artstyle.recipes.schema import read_recipe as read_recipe
from artstyle.recipes.schema import setting as setting
from artstyle.recipes.training import TrainingNumbers as TrainingNumbers
from artstyle.recipes.training import TrainingRecipe as TrainingRecipe
from artstyle.recipes.training import training_numbers as training_numbers
from artstyle.recipes.writing import example_toml as example_toml
from artstyle.recipes.writing import resolved_toml as resolved_toml

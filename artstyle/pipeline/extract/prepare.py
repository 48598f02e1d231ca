"""The place of an extraction: its workspace, its style's folder, and its recipe."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from artstyle import files
from artstyle.errors import ArtstyleError, WorkspaceError
from artstyle.events import Emit, Note
from artstyle.locks import LockTimeoutError, locked
from artstyle.names import shown
from artstyle.recipes import (
    DatasetRecipe,
    ExtractRecipe,
    SourceRecipe,
    example_toml,
    make_recipe,
    read_recipe,
)
from artstyle.recipes.writing import to_toml
from artstyle.workspace import MARKS, Workspace, is_workspace


@dataclass(frozen=True)
class Place:
    """Where an extraction works, and by which recipe."""

    workspace: Workspace
    style: str
    recipe: DatasetRecipe  # with the options of the command line laid over it
    sources: tuple[SourceRecipe, ...]  # what is extracted now
    made: tuple[str, ...]  # what was not there before, or was added to

    @property
    def folder(self) -> Path:
        """`datasets/STYLE`."""
        return self.workspace.style_folder(self.style)

    @property
    def crops(self) -> Path:
        """Where crops go."""
        return self.folder / "crops"

    @property
    def cache(self) -> Path:
        """What may be deleted at any time."""
        return self.folder / "cache"

    def path_of(self, source: SourceRecipe) -> Path:
        """Where a source of the recipe lies."""
        return self.workspace.root / Path(source.path).expanduser()


def prepare(
    root: Path,
    style: str,
    given: Sequence[SourceRecipe],
    options: Mapping[str, Any],
    *,
    dry_run: bool = False,
) -> Place:
    """Find or make the workspace and the style's recipe.

    Args:
        root: the workspace; an existing folder that is none becomes one.
        style: its name.
        given: sources from the command line; none takes those of the recipe.
        options: settings of the recipe's [extract] that were given on the command line.
        dry_run: write nothing.

    Raises:
        WorkspaceError: there is no such folder.
        RecipeError: the recipe, or an option, has faults.
        ArtstyleError: nothing was given, and there is no recipe, or it names no sources.
    """
    made: list[str] = []
    if not root.is_dir():
        raise WorkspaceError(
            f"there is no folder {shown(root)}", hint=f"make it with 'artstyle init {shown(root)}'"
        )
    workspace = Workspace(root)
    path = workspace.style_folder(style) / "recipe.toml"
    recipe = _recipe(path, style, given, options)
    if not recipe.sources and not given:
        raise ArtstyleError(
            f"the recipe {shown(path)} names no sources",
            hint="give some: --video FILM, --images FOLDER or --sprites SHEET",
        )
    if not is_workspace(root):
        made.append(f"a workspace in {shown(root)}: its folders {', '.join(MARKS)}, its catalog")
        if not dry_run:
            for mark in MARKS:
                (root / mark).mkdir(exist_ok=True)
    made += _kept_recipe(path, recipe, given, dry_run)
    return Place(workspace, style, recipe, tuple(given) or recipe.sources, tuple(made))


def _recipe(
    path: Path, style: str, given: Sequence[SourceRecipe], options: Mapping[str, Any]
) -> DatasetRecipe:
    """The recipe that is there, or a new one, with the options laid over it."""
    overrides = {f"extract.{name}": value for name, value in options.items()}
    if path.exists():
        return read_recipe(path, DatasetRecipe, overrides)
    if not given:
        raise ArtstyleError(
            f"there is no recipe {shown(path)}, and nothing to extract was given",
            hint="give some: --video FILM, --images FOLDER or --sprites SHEET",
        )
    table = {"style": style, "title": style.replace("-", " ").replace("_", " ").capitalize()}
    size_px = options.get("size_px") or ExtractRecipe().size_px
    licences = {one.licence for one in given}
    licence = {"licence": licences.pop()} if len(licences) == 1 else {}
    whole = {**table, **licence, "build": {"size_px": size_px}}
    return make_recipe(whole, DatasetRecipe, overrides, name=shown(path))


def _kept_recipe(
    path: Path, recipe: DatasetRecipe, given: Sequence[SourceRecipe], dry_run: bool
) -> Iterator[str]:
    """Write a new recipe, or add sources that an old one does not name; says what was done."""
    known = {(one.kind, one.path) for one in recipe.sources}
    new = [one for one in given if (one.kind, one.path) not in known and _is_text(one.path)]
    if not path.exists():
        opening = f"artstyle extract --style {recipe.style}"
        text = example_toml(replace(recipe, sources=tuple(new)), opening)
        yield f"{shown(path)}: the recipe of this dataset, to edit"
    elif new:
        tables = [{name: value for name, value in vars(one).items() if value} for one in new]
        text = path.read_text(encoding="utf-8").rstrip("\n") + "\n\n" + to_toml({"sources": tables})
        yield f"{len(new)} sources added to {shown(path)}"
    else:
        return
    if not dry_run:
        files.write_text(path, text)


def _is_text(path: str) -> bool:
    """Whether TOML can say it: a name that is no UTF-8 can't be."""
    return not any(0xD800 <= ord(character) <= 0xDFFF for character in path)


@contextmanager
def working(place: Place, emit: Emit) -> Iterator[None]:
    """Hold the style's extraction for oneself, and take away what a killed one left.

    Raises:
        ArtstyleError: another extraction for this style is running.
    """
    place.cache.mkdir(parents=True, exist_ok=True)
    try:
        with locked(place.cache / "extract.lock", wait_s=0):
            left = [*place.crops.rglob(".*.part"), *place.folder.glob(".recipe.*.part")]
            left += place.cache.glob(".digests*.part")
            for one in left:
                one.unlink(missing_ok=True)
            if left:
                emit(Note(f"took away {len(left)} files that a killed run left", "debug"))
            yield
    except LockTimeoutError as fault:
        raise ArtstyleError(
            f"another 'artstyle extract' is working on the style {place.style}",
            hint="wait for it, or stop it: what it has done stays done",
        ) from fault


def source_of(kind: Any, path: Path, workspace: Path, licence: str | None) -> SourceRecipe:
    """A source from the command line as a recipe names it."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - links stay as they were typed
    inside = absolute.is_relative_to(workspace)
    text = str(absolute.relative_to(workspace) if inside else absolute)
    return SourceRecipe(kind, text.replace("\\", "/"), licence or "unknown", "")

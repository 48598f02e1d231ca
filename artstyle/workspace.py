"""What a workspace is: a folder with a place for everything artstyle reads and makes.

A folder is one when it holds `datasets/` and `training/`; a checkout of this repository does. The
other folders are made when something is put there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from artstyle.errors import UsageError, WorkspaceError

# Folder -> what goes there, in the order of the way from a film to a grid.
FOLDERS = {
    "datasets": "one folder per style: recipe.toml, DATASHEET.md, crops",
    "training": "one recipe per run: NAME.toml; cards of what runs reached",
    "models": "models, made here or pulled: NAME.safetensors",
    "runs": "one folder per run: recipe, log, figures, snapshots",
    "reports": "what was measured: tables, figures, pages",
}
MARKS = ("datasets", "training")
CATALOG_NAME = "artstyle.sqlite"

_STYLE_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")


@dataclass(frozen=True)
class Workspace:
    """A workspace's places; none of them is made or looked at by asking for it."""

    root: Path

    @property
    def datasets(self) -> Path:
        """One folder per style."""
        return self.root / "datasets"

    @property
    def training(self) -> Path:
        """One recipe per run."""
        return self.root / "training"

    @property
    def models(self) -> Path:
        """Models made here or pulled."""
        return self.root / "models"

    @property
    def runs(self) -> Path:
        """One folder per run."""
        return self.root / "runs"

    @property
    def reports(self) -> Path:
        """What was measured."""
        return self.root / "reports"

    @property
    def catalog(self) -> Path:
        """The SQLite file that knows every source, face, crop, decision, run and model."""
        return self.root / CATALOG_NAME

    def style_folder(self, style: str) -> Path:
        """The folder of a style.

        Raises:
            UsageError: the name cannot be a style's.
        """
        return self.datasets / check_style_name(style)

    def styles(self) -> tuple[str, ...]:
        """The names of the styles that have a recipe, sorted."""
        recipes = self.datasets.glob("*/recipe.toml")
        return tuple(sorted(recipe.parent.name for recipe in recipes))


def is_workspace(folder: Path) -> bool:
    """Whether a folder holds what marks a workspace."""
    return all((folder / mark).is_dir() for mark in MARKS)


def open_workspace(folder: Path) -> Workspace:
    """The workspace in a folder.

    Raises:
        WorkspaceError: there is no such folder, or it is no workspace.
    """
    if is_workspace(folder):
        return Workspace(folder)
    hint = f"make one with 'artstyle init {folder}', or name another with --workspace"
    if not folder.is_dir():
        raise WorkspaceError(f"there is no folder {folder}", hint=hint)
    missing = " and ".join(f"{mark}/" for mark in MARKS if not (folder / mark).is_dir())
    raise WorkspaceError(f"{folder} is no workspace: it has no {missing}", hint=hint)


def check_style_name(style: str) -> str:
    """The name itself, if a style can have it: it is a folder's name and a word in commands.

    Raises:
        UsageError: it holds something else than a-z, 0-9, - and _, or is too long.
    """
    if _STYLE_NAME.fullmatch(style):
        return style
    proposal = re.sub(r"[^a-z0-9]+", "-", style.lower()).strip("-")[:64].strip("-")
    raise UsageError(
        f"{style!r} cannot be the name of a style: up to 64 of a-z, 0-9, - and _ are allowed",
        hint=f"call it {proposal!r}" if proposal else None,
    )

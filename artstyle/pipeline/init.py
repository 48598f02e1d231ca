"""Making a workspace: its folders, example recipes, and a few words about itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from artstyle import files
from artstyle.errors import WorkspaceError
from artstyle.recipes import DatasetRecipe, SourceRecipe, TrainingRecipe, example_toml
from artstyle.workspace import CATALOG_NAME, FOLDERS, is_workspace

_IGNORED = """\
# what artstyle makes here, and can make again
/runs/
/models/
/datasets/*/*/
*.sqlite
*.sqlite-wal
*.sqlite-shm
"""


@dataclass(frozen=True)
class Made:
    """What making a workspace did, or would do."""

    root: Path
    made: tuple[str, ...]  # files and folders that were not there, as seen from the root
    kept: tuple[str, ...]  # those that were there, and stay as they are


def make_workspace(root: Path, *, dry_run: bool = False) -> Made:
    """Make a workspace, or add what one lacks; nothing that is there is changed.

    Args:
        root: the folder; it may be missing, empty or a workspace.
        dry_run: only say what would be made.

    Raises:
        WorkspaceError: the folder holds something else, or something is in the way.
    """
    _check(root)
    wanted = {**{f"{name}/": None for name in FOLDERS}, **_texts()}
    kept = tuple(name for name in wanted if (root / name).exists())
    made = tuple(name for name in wanted if name not in kept)
    if not dry_run:
        for name in made:
            text = wanted[name]
            if text is None:
                (root / name).mkdir(parents=True)
            else:
                files.write_text(root / name, text)
    return Made(root, made, kept)


def _check(root: Path) -> None:
    """Refuse what is no place for a workspace."""
    hint = "name a new or an empty folder: 'artstyle init DIR'"
    if root.exists() and not root.is_dir():
        raise WorkspaceError(f"{root} is a file, not a folder", hint=hint)
    ours = {*FOLDERS, *_texts(), CATALOG_NAME}
    entries = sorted(entry.name for entry in root.iterdir()) if root.exists() else []
    foreign = [name for name in entries if not name.startswith(".") and name not in ours]
    if foreign and not is_workspace(root):
        names = ", ".join(foreign[:3]) + (", ..." if len(foreign) > 3 else "")
        raise WorkspaceError(f"{root} holds other things ({names}) and is no workspace", hint=hint)
    for name in FOLDERS:
        if (root / name).exists() and not (root / name).is_dir():
            message = f"{root / name} is a file where a folder belongs"
            raise WorkspaceError(message, hint="move it away, then give the same command again")


def _texts() -> dict[str, str]:
    """The files of a new workspace, by name."""
    return {
        "README.md": _readme(),
        ".gitignore": _IGNORED,
        "datasets/example.toml": example_toml(
            DatasetRecipe(
                style="example",
                title="An example",
                sources=(
                    SourceRecipe(
                        kind="video",
                        path="films/film.mkv",
                        licence="what its owner allows",
                        origin="who made it, and where you got it",
                    ),
                ),
            ),
            "The recipe of a dataset. Copy it to datasets/STYLE/recipe.toml and say there what is\n"
            "yours. What you leave out is as it stands here.",
        ),
        "training/example.toml": example_toml(
            TrainingRecipe(style="example"),
            "The recipe of a training run. Copy it to training/STYLE.toml and change what you\n"
            "want. What you leave out is as it stands here.",
        ),
    }


def _readme() -> str:
    """What lies where, for whoever finds this folder."""
    rows = "\n".join(f"| `{name}/` | {what} |" for name, what in FOLDERS.items())
    return (
        "# A workspace of artstyle\n\n"
        f"| place | what |\n|---|---|\n{rows}\n"
        f"| `{CATALOG_NAME}` | the catalog: what came from what |\n\n"
        "`artstyle doctor` says what this machine can do, and what is missing.\n"
    )

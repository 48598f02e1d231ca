"""What a training takes from the workspace's catalog, and what it writes into it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artstyle.errors import RecipeError, UsageError
from artstyle.files import sha256_of
from artstyle.recipes import DatasetRecipe, read_recipe
from artstyle.workspace import Workspace, is_workspace

if TYPE_CHECKING:
    from artstyle.pipeline.train.plan import Plan
    from artstyle.runs import Run


@dataclass(frozen=True)
class BuildRow:
    """A dataset zip that the catalog saw made."""

    id: int
    style: str
    size_px: int
    split: str
    path: Path


def builds_of(workspace: Path, style: str) -> tuple[BuildRow, ...]:
    """The zips of a style that are still there, the newest first."""
    from artstyle.catalog import open_catalog

    if not is_workspace(workspace) or not Workspace(workspace).catalog.is_file():
        return ()
    query = "SELECT id, style, size_px, split, path FROM build WHERE style = ? ORDER BY id DESC"
    with open_catalog(workspace) as catalog:
        rows = [(row, catalog.absolute(row[4])) for row in catalog.rows(query, style)]
    return tuple(
        BuildRow(int(row[0]), str(row[1]), int(row[2]), str(row[3]), path)
        for row, path in rows
        if path.is_file()
    )


def default_dataset(workspace: Path, style: str, size_px: int | None) -> Path:
    """The last build of a style's training part, of this size if one is given.

    Raises:
        UsageError: there is none; the message says what there is, and what to type.
    """
    builds = [one for one in builds_of(workspace, style) if one.split in ("train", "all")]
    fitting = [one for one in builds if size_px in (None, one.size_px)]
    if fitting:
        return fitting[0].path
    size = f" --size {size_px}" if size_px else ""
    there = ", ".join(f"{one.size_px} px ({one.path.name})" for one in builds)
    raise UsageError(
        f"there is no dataset of {style}"
        + (f" with {size_px} px: what was built is {there}" if builds else ""),
        hint=f"artstyle build --style {style}{size}"
        + ("; or name one with --dataset, and --grow or --crop the base" if builds else ""),
    )


def licence_of(workspace: Path, dataset_sha256: str, style: str) -> str:
    """What one may do with a dataset, as its style's recipe says; "unknown" if nobody does.

    The style is the one that the catalog names for the zip, else the one of the training.
    """
    from artstyle.catalog import open_catalog

    place = Workspace(workspace)
    styles = [style]
    if is_workspace(workspace) and place.catalog.is_file():
        query = "SELECT style FROM build WHERE sha256 = ? ORDER BY id DESC"
        with open_catalog(workspace) as catalog:
            styles = [*(str(row[0]) for row in catalog.rows(query, dataset_sha256)), style]
    for name in styles:
        recipe = place.datasets / name / "recipe.toml"
        if recipe.is_file():
            try:
                return read_recipe(recipe, DatasetRecipe).licence
            except RecipeError:
                continue  # a recipe that is being edited says nothing; the next may
    return "unknown"


def cut_of(workspace: Path, dataset_sha256: str) -> dict[str, Any]:
    """How a dataset's pictures were cut out, for the model's header; {} if the catalog knows none.

    A photo is later cut for the model in the same way: detectors differ by some percent in where
    they see eyes and mouth. More than one detector, and none is named.
    """
    from artstyle.catalog import open_catalog

    if not is_workspace(workspace) or not Workspace(workspace).catalog.is_file():
        return {}
    query = """
        SELECT DISTINCT face.detector FROM build
        JOIN member ON member.build = build.id
        JOIN crop ON crop.id = member.crop
        JOIN face ON face.id = crop.face
        WHERE build.sha256 = ?
    """
    with open_catalog(workspace) as catalog:
        detectors = [str(row[0]) for row in catalog.rows(query, dataset_sha256)]
    if not detectors:
        return {}
    named = {"detector": detectors[0]} if len(detectors) == 1 else {}
    return {"alignment": "ffhq", **named}


def joined_licences(*licences: str) -> str:
    """The licences of dataset and base in one line, each once."""
    parts = list(dict.fromkeys(one for one in licences if one))
    known = [one for one in parts if one != "unknown"]
    if len(known) < len(parts) and known:
        known.append("unknown")
    return " + ".join(known or ["unknown"])


class Ledger:
    """The run and its models in the catalog; where there is no workspace, nothing is written.

    Args:
        workspace: the workspace.
        run: the run.
        plan: what is trained.
        kind: "train" or "finetune".
    """

    def __init__(self, workspace: Path, run: Run, plan: Plan, kind: str) -> None:
        self.workspace, self.run, self.plan = workspace, run, plan
        self._is_on = is_workspace(workspace)
        if self._is_on:
            self._ids = self._begin(kind)

    def _begin(self, kind: str) -> tuple[int, int | None]:
        """Rows of the run and its base."""
        from artstyle.catalog import open_catalog

        plan = self.plan
        with open_catalog(self.workspace) as catalog, catalog.transaction():
            query = "SELECT id FROM build WHERE sha256 = ? ORDER BY id DESC"
            builds = [int(row[0]) for row in catalog.rows(query, plan.dataset_sha256)]
            base = None
            if plan.base is not None:
                base = catalog.add_model(
                    plan.base.path,
                    sha256=plan.base.sha256,
                    name=plan.base.name,
                    licence=plan.base.licence,
                )
            recipe: dict[str, Any] = {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in vars(plan.recipe).items()
            }
            run = catalog.add_run(
                self.run.folder.absolute(),
                kind=kind,
                style=plan.recipe.style,
                build=builds[0] if builds else None,
                base=base,
                recipe=recipe,
            )
        return run, base

    def tell(self, path: Path, kimg: float, name: str | None = None) -> None:
        """Write down a model of the run."""
        from artstyle.catalog import open_catalog

        if not self._is_on:
            return
        run, base = self._ids
        with open_catalog(self.workspace) as catalog:
            catalog.add_model(
                path.absolute(),
                sha256=sha256_of(path),
                name=name or f"{self.plan.recipe.style} {kimg:.0f} kimg",
                licence=self.plan.licence,
                run=run,
                parents=[] if base is None else [(base, "base")],
                notes={"kimg": kimg},
            )

"""From the crops of a style to its dataset zip, its datasheet and its rows in the catalog."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from artstyle.catalog import Catalog, open_catalog
from artstyle.catalog.rows import CropRow, crops, styles
from artstyle.corpus.write import BuildResult, Item, as_grey, check_size, write_zip
from artstyle.errors import ArtstyleError, CorpusError, ImageError
from artstyle.events import Emit, Note, ignore
from artstyle.files import write_text
from artstyle.images import decode_rgb
from artstyle.images.open import regular_file
from artstyle.names import shown
from artstyle.pipeline.build.finished import finished_sha256, settings_of, wanted
from artstyle.pipeline.build.place import building
from artstyle.pipeline.build.selection import Chosen, Selection, Split, Unlabelled, select
from artstyle.pipeline.build.sheets import style_sheet, zip_sheet
from artstyle.recipes import BuildRecipe, DatasetRecipe, read_recipe
from artstyle.workspace import Workspace


@dataclass(frozen=True)
class Built:
    """A zip that was made, was there already, or would be made."""

    path: Path
    state: Literal["written", "kept", "planned"]
    selection: Selection
    grey: bool
    sha256: str | None  # None: planned
    left_out: tuple[str, ...]  # crops that could not be read, and why
    sheet: Path  # of the zip
    style_sheet: Path  # of the whole set
    title: str

    @property
    def count(self) -> int:
        """How many pictures are in it."""
        return len(self.selection.chosen) - len(self.left_out)


def build_style(
    root: Path,
    style: str,
    *,
    size_px: int | None = None,
    split: Split = "train",
    labels: Sequence[str] | None = None,
    unlabelled: Unlabelled = "refuse",
    grey: bool = False,
    allow_enlarge: bool = False,
    out: Path | None = None,
    dry_run: bool = False,
    threads: int | None = None,
    emit: Emit = ignore,
) -> Built:
    """Build the dataset zip of a style; one that is there already is left alone.

    Args:
        root: the workspace.
        style: its name.
        size_px: side of the pictures; None takes the recipe's.
        split: train, held-out, or all.
        labels: tags that become classes 0, 1, ...; None takes the recipe's.
        unlabelled: refuse or drop crops with none or several of these tags.
        grey: make the pictures grey.
        allow_enlarge: take crops of less than half the size.
        out: the zip; None is `datasets/STYLE/zips/STYLE-SIZE-SPLIT.zip`.
        dry_run: count, and write nothing.
        threads: see `artstyle.corpus.write.write_zip`.
        emit: hears progress and warnings.

    Raises:
        CorpusError: there is nothing to build, labels do not fit, crops are too small, or none of
            them can be read.
        CatalogError: the workspace has no catalog, or a damaged one.
        RecipeError: the style's recipe has faults.
        UsageError: the name cannot be a style's.
        ArtstyleError: another build of this zip is running.
    """
    workspace = Workspace(root)
    folder = workspace.style_folder(style)
    recipe = recipe_of(folder, style)
    size = recipe.build.size_px if size_px is None else size_px
    check_size(size)
    target = out or folder / "zips" / f"{style}-{size}-{split}.zip"
    with open_catalog(root, create=False) as catalog:
        selection = select(
            _crops(catalog, style),
            style,
            root,
            size_px=size,
            split=split,
            labels=recipe.build.labels if labels is None else labels,
            unlabelled=unlabelled,
            allow_enlarge=allow_enlarge,
        )
        for note in selection.notes:
            emit(Note(note, "warning"))
        built = Built(
            path=target,
            state="planned",
            selection=selection,
            grey=grey,
            sha256=None,
            left_out=(),
            sheet=target.with_suffix(".md"),
            style_sheet=folder / "DATASHEET.md",
            title=recipe.title,
        )
        if dry_run:
            return built
        lock = folder / "cache" / "build.lock"
        pictures = (built.sheet.with_suffix(".jpg"), built.style_sheet.with_suffix(".jpg"))
        with building(lock, (target, built.sheet, built.style_sheet, *pictures)):
            return _make(catalog, recipe, built, threads, emit)


def recipe_of(folder: Path, style: str) -> DatasetRecipe:
    """The recipe of a style; a style without one has the defaults.

    Raises:
        RecipeError: the recipe has faults.
    """
    path = folder / "recipe.toml"
    if path.exists():
        return read_recipe(path, DatasetRecipe)
    return DatasetRecipe(style=style, title=style, build=BuildRecipe())


def _crops(catalog: Catalog, style: str) -> list[CropRow]:
    found = crops(catalog, style)
    if not found:
        others = ", ".join(f"{name} ({count:,})" for name, count in styles(catalog).items())
        raise CorpusError(
            f"there are no crops of {style}" + (f"; there are some of {others}" if others else ""),
            hint=f"cut some with 'artstyle extract --style {style}'",
        )
    return found


def _make(
    catalog: Catalog, recipe: DatasetRecipe, built: Built, threads: int | None, emit: Emit
) -> Built:
    made_of = wanted(built.selection, grey=built.grey)
    sha256 = finished_sha256(catalog, built.path, made_of)
    if sha256 is not None:
        done = replace(built, state="kept", sha256=sha256)
        _write_sheets(catalog, recipe, done)
        return done
    result, chosen, left_out = _write(built, threads, emit)
    catalog.add_build(
        built.path,
        sha256=result.sha256,
        style=built.selection.style,
        size_px=built.selection.size_px,
        split=built.selection.split,
        members={name: one.crop.id for (name, _), one in zip(result.members, chosen, strict=True)},
        settings=settings_of(made_of, built.path, left_out),
    )
    done = replace(built, state="written", sha256=result.sha256, left_out=left_out)
    _write_sheets(
        catalog, recipe, replace(done, selection=replace(built.selection, chosen=tuple(chosen)))
    )
    return done


def _write(
    built: Built, threads: int | None, emit: Emit
) -> tuple[BuildResult, list[Chosen], tuple[str, ...]]:
    """Write the zip; gives also which crops are in it, and which could not be read."""
    left_out: dict[str, str] = {}

    def skip(item: Item, fault: ArtstyleError) -> None:
        left_out[item.name] = str(fault)
        emit(Note(f"left out: {fault}", "warning"))

    chosen = {str(one.crop.id): one for one in built.selection.chosen}
    items = [
        Item(_loader(one.crop, grey=built.grey), one.label, name) for name, one in chosen.items()
    ]
    size_px = built.selection.size_px
    try:
        result = write_zip(
            built.path, items, size_px=size_px, threads=threads, on_fault=skip, emit=emit
        )
    except CorpusError as fault:
        if len(left_out) < len(items):
            raise
        raise CorpusError(
            f"none of the {len(items):,} crops can be read; the first:"
            f" {next(iter(left_out.values()))}",
            hint=f"cut them again with 'artstyle extract --style {built.selection.style}'",
        ) from fault
    return result, [chosen[name] for _, name in result.members], tuple(left_out.values())


def _loader(crop: CropRow, *, grey: bool) -> Callable[[], NDArray[np.uint8]]:
    """What reads a crop, and refuses one that is not what was decided about."""

    def load() -> NDArray[np.uint8]:
        try:
            with regular_file(crop.file) as stream:
                data = stream.read()
        except ImageError as fault:
            raise ImageError(f"cannot read {shown(crop.file)}: {fault}") from fault
        if hashlib.sha256(data).hexdigest() != crop.sha256:
            raise ImageError(
                f"{shown(crop.file)} is not the crop that was cut: its content has changed"
            )
        rgb = decode_rgb(data, name=str(crop.file)).rgb
        return as_grey(rgb) if grey else rgb

    return load


def _write_sheets(catalog: Catalog, recipe: DatasetRecipe, built: Built) -> None:
    """The zip's own sheet, and that of the whole set."""
    rows = crops(catalog, built.selection.style)
    facts: dict[str, Any] = {"recipe": recipe, "catalog": catalog, "rows": rows}
    assert built.sha256 is not None
    text = zip_sheet(
        built.selection,
        zip_name=built.path.name,
        zip_sha256=built.sha256,
        grey=built.grey,
        left_out=len(built.left_out),
        **facts,
    )
    _write_changed(built.sheet, text)
    _write_changed(built.style_sheet, style_sheet(built.selection.style, **facts))


def _write_changed(path: Path, text: str) -> None:
    """Write a sheet, unless it says so already."""
    if not path.is_file() or path.read_bytes() != text.encode():
        write_text(path, text)

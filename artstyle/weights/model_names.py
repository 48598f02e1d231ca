"""From the name that a user types to a model's file.

A name is looked for in this order: a file of that name; the workspace's `models` folder; the
starter models that come with artstyle; published models that were pulled. If it is in several
places, the first is taken and a note says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePath
from typing import Literal, TypeAlias

from artstyle.errors import WeightsError
from artstyle.events import Emit, Note, ignore
from artstyle.weights.entries import all_names, did_you_mean, find_entry, registry
from artstyle.weights.places import imported_file, missing, weights_file
from stylegan_ext.errors import CheckpointError
from stylegan_ext.header import other_kind

SUFFIX = ".safetensors"
_MODEL_SUFFIXES = frozenset({SUFFIX, ".pkl", ".pt", ".pth"})

Place: TypeAlias = Literal["workspace", "starter", "home"]
_IN_WORDS: dict[Place, str] = {
    "workspace": "the workspace",
    "starter": "the starter pack",
    "home": "the pulled models",
}


@dataclass(frozen=True)
class HeldModel:
    """A model that can be used now, by its name."""

    name: str
    place: Place
    path: Path


def resolve_model(model: str | Path, workspace: Path, *, emit: Emit = ignore) -> Path:
    """The file of a model.

    Args:
        model: a file, or a name: of the workspace (`NAME` or `FOLDER/NAME` in its `models`), the
            starter pack, or the registry.
        workspace: the workspace's folder; need not exist.
        emit: gets a `Note` if several places hold the name.

    Raises:
        WeightsError: there is none; the message names the nearest ones, or says how to get it.
    """
    text = str(model)
    file = Path(model).expanduser()
    if file.is_file():
        return file
    found = [held for held in _places(text, workspace) if held is not None]
    if not found:
        raise _not_found(text, workspace)
    first, *others = found
    if (kind := kind_in(first.path)) is not None:
        raise WeightsError(
            f"{first.path} is no model to draw with: it holds weights of the kind {kind!r}",
            hint="'artstyle models list' shows the models",
        )
    for other in others:
        emit(
            Note(
                f"{text} is in {_IN_WORDS[first.place]} and in {_IN_WORDS[other.place]}; "
                f"taken from {_IN_WORDS[first.place]}: {first.path}"
            )
        )
    return first.path


def held_models(workspace: Path) -> Iterator[HeldModel]:
    """Every model that `resolve_model` finds by name: workspace, starter pack, pulled."""
    yield from workspace_models(workspace)
    yield from starter_models()
    for item in registry().values():
        if item.is_generator and imported_file(item).is_file():
            yield HeldModel(item.name, "home", imported_file(item))


def workspace_models(workspace: Path) -> Iterator[HeldModel]:
    """The workspace's own models by name; a folder with one model counts as that model."""
    folder = workspace / "models"
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.suffix == SUFFIX and path.is_file():
            if kind_in(path) is not None:
                continue  # an encoder, a fast net: used by commands of their own
            yield HeldModel(path.stem, "workspace", path)
        elif path.is_dir() and not folder.joinpath(path.name + SUFFIX).is_file():
            inner = _in_folder(path)
            if len(inner) == 1:
                yield HeldModel(path.name, "workspace", inner[0])


def starter_models() -> Iterator[HeldModel]:
    """The models that come with artstyle and can draw by themselves."""
    folder = _shipped_models()
    for path in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else ():
        if kind_in(path) is None:
            yield HeldModel(path.stem, "starter", path)


def _shipped_models() -> Path:
    """Where `starter_models` looks; tests put another folder here."""
    return starter_folder()


def kind_in(path: Path) -> str | None:
    """What a file holds that is no generator (perception, adain, fast, encoder); else None.

    A damaged file counts as a model: whoever reads it says what is wrong with it.
    """
    try:
        return other_kind(path)
    except (CheckpointError, OSError):
        return None


def starter_folder() -> Path:
    """Where the starter models lie; need not exist in a package that was built without them."""
    return Path(str(resources.files("artstyle"))) / "starter"


def _places(name: str, workspace: Path) -> Iterator[HeldModel | None]:
    """Where a name is, the place that counts first; None where it is not."""
    if not _is_plain(name):
        return
    yield _in_workspace(name, workspace)
    yield next((held for held in starter_models() if held.name == name), None)
    item = find_entry(name)
    if item is not None and item.is_generator and imported_file(item).is_file():
        yield HeldModel(item.name, "home", imported_file(item))


def _is_plain(name: str) -> bool:
    """Whether a text can be a name: no way out of the models folder."""
    parts = PurePath(name).parts
    return bool(parts) and not PurePath(name).is_absolute() and ".." not in parts


def _in_workspace(name: str, workspace: Path) -> HeldModel | None:
    """A model of the workspace.

    Raises:
        WeightsError: a folder of that name holds several models.
    """
    folder = workspace / "models"
    bare = name.removesuffix(SUFFIX)
    file = folder / f"{bare}{SUFFIX}"
    if file.is_file():
        return HeldModel(bare, "workspace", file)
    if not (folder / name).is_dir():
        return None
    inner = _in_folder(folder / name)
    if len(inner) > 1:
        names = ", ".join(f"{name}/{path.stem}" for path in inner)
        raise WeightsError(f"{folder / name} holds several models: {names}", hint="name one")
    return HeldModel(name, "workspace", inner[0]) if inner else None


def _in_folder(folder: Path) -> list[Path]:
    """The models of a folder that stand for it: the one called like it, else all."""
    own = folder / f"{folder.name}{SUFFIX}"
    return [own] if own.is_file() else sorted(folder.glob(f"*{SUFFIX}"))


def _not_found(text: str, workspace: Path) -> WeightsError:
    """Why there is no such model, and what to do about it."""
    item = find_entry(text)
    if item is None:
        return _unknown(text, workspace)
    if not item.is_generator:
        return WeightsError(f"{text} is no model to draw with: {item.title}")
    if weights_file(item).is_file():
        return WeightsError(
            f"{text} was fetched, but not yet made into a model: {weights_file(item)}",
            hint=f"type 'artstyle models pull {item.name}'",
        )
    return missing(item)


def _unknown(text: str, workspace: Path) -> WeightsError:
    known = [held.name for held in held_models(workspace)] + all_names()
    if Path(text).suffix in _MODEL_SUFFIXES or len(PurePath(text).parts) > 1:
        near = did_you_mean(Path(text).stem, known)
        return WeightsError(f"there is no file {text}, and no model of that name{near}")
    return WeightsError(
        f"there is no model {text!r}{did_you_mean(text, known)}",
        hint="'artstyle models list' shows the models; a file can be given as well",
    )

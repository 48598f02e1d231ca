"""Every model and file of weights by name: what it is, whether it is here, what one may do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from artstyle.errors import ArtstyleError
from artstyle.weights import WeightStatus, status
from artstyle.weights.cards import card_of_model
from artstyle.weights.entries import Licence
from artstyle.weights.model_names import HeldModel, starter_models, workspace_models
from stylegan_ext.errors import EngineError

# In the workspace; shipped with artstyle; pulled; pulled, but not yet made into a model; there but
# not the file it should be; unreadable; not on this machine.
State: TypeAlias = Literal[
    "workspace", "shipped", "present", "not imported", "changed", "unreadable", "not here"
]


@dataclass(frozen=True)
class ListedModel:
    """One line of the list."""

    name: str
    title: str
    kind: str
    resolution: int | None  # side in pixels; None: any, or unknown
    size_bytes: int | None  # None: unknown
    size_is_exact: bool  # else it was worked out from the number of parameters
    licence: Licence
    state: State
    path: Path | None  # what commands use; None: it is not here
    purpose: str = ""
    aliases: tuple[str, ...] = ()
    detail: str = ""  # what is wrong with it

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine."""
        return self.state != "not here"


def list_models(
    workspace: Path, *, kind: str | None = None, installed: bool = False
) -> tuple[ListedModel, ...]:
    """The workspace's models, those that come with artstyle, then the published ones.

    Args:
        workspace: the workspace's folder; need not exist.
        kind: only this kind; None: all.
        installed: only what is on this machine.
    """
    return tuple(
        line
        for line in _all(workspace)
        if kind in (None, line.kind) and (line.is_here or not installed)
    )


def _all(workspace: Path) -> Iterator[ListedModel]:
    for held in workspace_models(workspace):
        yield _of_file(held, "workspace")
    for held in starter_models():
        yield _of_file(held, "shipped")
    for found in status():
        yield _of_entry(found)


def _of_file(held: HeldModel, state: State) -> ListedModel:
    """A line from what a file says of itself; one that cannot be read is listed with the reason."""
    size_bytes = held.path.stat().st_size
    try:
        card = card_of_model(held.path, name=held.name)
    except (EngineError, ArtstyleError) as error:
        licence = Licence("unknown")
        return ListedModel(
            held.name,
            held.name,
            "other",
            None,
            size_bytes,
            True,
            licence,
            "unreadable",
            held.path,
            detail=str(error),
        )
    return ListedModel(
        held.name,
        card.title,
        card.kind,
        card.resolution,
        size_bytes,
        True,
        card.licence,
        state,
        held.path,
        card.summary,
    )


def _of_entry(found: WeightStatus) -> ListedModel:
    """A line from the registry and from what lies on this machine."""
    item = found.entry
    exact = item.size_bytes or (found.path.stat().st_size if found.path.is_file() else None)
    path = found.imported or (found.path if found.path.is_file() else None)
    return ListedModel(
        item.name,
        item.title,
        item.kind,
        item.resolution,
        exact or item.about_bytes,
        exact is not None,
        item.licence,
        _state(found),
        path,
        item.purpose,
        item.aliases,
        found.detail if found.state == "changed" else "",
    )


def _state(found: WeightStatus) -> State:
    if found.state == "missing":
        return "not here"
    if found.state == "changed":
        return "changed"
    not_imported = found.entry.conversion == "import" and found.imported is None
    return "not imported" if not_imported else "present"

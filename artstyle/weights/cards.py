"""Model cards: what a model is, what it came from, what one may do with it, how good it is.

A card is put together from the header of the model's file, which travels with it, and from
`MODEL.card.toml` beside it, which people write. Where the two speak of the same thing, the header
counts. Published models that are not here have a card too, from the registry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from artstyle.errors import WeightsError
from artstyle.events import Emit, Note, ignore
from artstyle.files import write_text
from artstyle.recipes import read_recipe, resolved_toml, setting
from artstyle.weights.card_text import render_markdown
from artstyle.weights.entries import Entry, Licence, find_entry, licence_of_words
from artstyle.weights.model_names import resolve_model
from artstyle.weights.places import imported_file, weights_file
from stylegan_ext.errors import CheckpointError
from stylegan_ext.header import ModelHeader, read_header

__all__ = [
    "Card",
    "Figure",
    "Sidecar",
    "Source",
    "Table",
    "card_of",
    "card_of_entry",
    "card_of_model",
    "read_sidecar",
    "render_markdown",
    "sidecar_file",
    "write_sidecar",
]

SIDECAR_SUFFIX = ".card.toml"


@dataclass(frozen=True)
class Source:
    """Pictures, or weights, that a model was made from."""

    what: str = setting(help="What it is.")
    licence: str = setting("unknown", help="What one may do with it.")
    origin: str = setting("", help="Whose it is, and where it was found.")
    pictures: int | None = setting(None, help="How many pictures were used.", low=0)


@dataclass(frozen=True)
class Figure:
    """Something that was measured."""

    name: str = setting(help="For instance FID.")
    value: float = setting(help="The number.")
    how: str = setting("", help="On what, with which settings, in which report.")


@dataclass(frozen=True)
class Sidecar:
    """What people say of a model, in `MODEL.card.toml`."""

    title: str = setting("", help="What it is called, for people.")
    summary: str = setting("", help="What it draws, in a sentence or two.")
    kind: str = setting("", help="What sort of network; needed only where the header cannot say.")
    licence: Licence | None = setting(None, help="What one may do with the model.")
    sources: tuple[Source, ...] = setting((), help="What it was made from.")
    kimg: float | None = setting(None, help="Thousands of pictures seen in training.", low=0)
    figures: tuple[Figure, ...] = setting((), help="What was measured.")
    how_made: str = setting("", help="The commands that made it.")
    limits: str = setting("", help="What it cannot do, and where it fails.")


@dataclass(frozen=True)
class Table:
    """What is best shown in rows and columns."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Card:
    """Everything a card says; what is not known is empty or None."""

    name: str
    title: str
    kind: str  # stylegan2, stylegan3, ... or what the sidecar says
    licence: Licence
    summary: str = ""
    resolution: int | None = None  # side of the pictures in pixels
    sources: tuple[Source, ...] = ()
    parents: tuple[Mapping[str, Any], ...] = ()  # name, sha256 and role of each
    kimg: float | None = None
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()  # what lies beside the model: the front of a layer swap
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    how_made: str = ""
    limits: str = ""
    networks: Mapping[str, str] = field(default_factory=dict)  # name -> kind and size in words
    notes: Mapping[str, Any] = field(default_factory=dict)  # what else the header says
    file: Path | None = None  # None: it is not on this machine
    size_bytes: int | None = None
    content_sha256: str = ""  # over the tensors
    source: str = ""  # where it was converted from
    source_sha256: str = ""
    addresses: tuple[str, ...] = ()


def card_of(model: str | Path, workspace: Path, *, emit: Emit = ignore) -> Card:
    """The card of a model or of published weights, by name or file.

    Raises:
        WeightsError: there is none of that name.
        CheckpointError: the file is no model of ours and has no card beside it.
        RecipeError: the card beside it has faults.
    """
    item = find_entry(str(model))
    if item is None:
        return card_of_model(resolve_model(model, workspace, emit=emit), emit=emit)
    try:
        path = resolve_model(model, workspace, emit=emit)
    except WeightsError:  # known, but not here: the registry still has much to say
        return card_of_entry(item)
    if path == imported_file(item):
        return card_of_model(path, name=item.name, title=item.title, emit=emit)
    return card_of_model(path, emit=emit)


def card_of_model(path: Path, *, name: str = "", title: str = "", emit: Emit = ignore) -> Card:
    """The card of a model file, with what is said beside it.

    Args:
        path: the file.
        name: what it is called; "" takes the file's name.
        title: the title if the sidecar has none; "" takes the header's, else the name.
        emit: gets a warning if header and sidecar name different licences.

    Raises:
        CheckpointError: the file is no model of ours and has no card beside it.
        RecipeError: the card beside it has faults.
    """
    beside = read_sidecar(path)
    name = name or path.name.removesuffix(path.suffix)
    said = beside or Sidecar()
    common: dict[str, Any] = {
        "name": name,
        "title": said.title or title,
        "summary": said.summary,
        "sources": said.sources,
        "figures": said.figures,
        "how_made": said.how_made,
        "limits": said.limits,
        "file": path,
        "size_bytes": path.stat().st_size,
    }
    try:
        header = read_header(path)
    except CheckpointError:
        if beside is None:
            raise
        licence = said.licence or Licence("unknown")
        common["title"] = common["title"] or name
        return Card(kind=said.kind or "other", licence=licence, kimg=said.kimg, **common)
    return _with_header(header, said, common, emit)


def card_of_entry(item: Entry) -> Card:
    """The card of published weights, from the registry."""
    path = weights_file(item)
    there = path.is_file()
    return Card(
        name=item.name,
        title=item.title,
        kind=item.kind,
        licence=item.licence,
        summary=item.purpose,
        resolution=item.resolution,
        preprocessing=vars(item.preprocessing),
        file=path if there else None,
        size_bytes=path.stat().st_size if there else item.size_bytes or item.about_bytes,
        source_sha256=item.sha256,
        addresses=item.addresses,
    )


def sidecar_file(model: Path) -> Path:
    """Where the card of a model file is looked for: `x.card.toml` beside `x.safetensors`."""
    return model.with_name(model.name.removesuffix(model.suffix) + SIDECAR_SUFFIX)


def read_sidecar(model: Path) -> Sidecar | None:
    """What is said beside a model file; None if there is nothing.

    Raises:
        RecipeError: the card has faults; all are listed.
    """
    file = sidecar_file(model)
    return read_recipe(file, Sidecar) if file.is_file() else None


def write_sidecar(model: Path, sidecar: Sidecar) -> Path:
    """Write what is said of a model beside its file.

    Returns:
        The file that was written.
    """
    file = sidecar_file(model)
    write_text(file, resolved_toml(sidecar))
    return file


def _with_header(header: ModelHeader, said: Sidecar, common: Mapping[str, Any], emit: Emit) -> Card:
    """A card from the file's own words, filled up with what is said beside it."""
    origin = header.provenance
    notes = dict(origin.notes)
    kimg = notes.pop("kimg", said.kimg)
    called = notes.pop("name", "")
    generator = header.networks.get("G_ema") or header.networks.get("G")
    first = generator or next(iter(header.networks.values()), None)
    networks = {
        name: f"{network.kind}, {network.size_elements / 1e6:.1f} million numbers"
        for name, network in header.networks.items()
    }
    return Card(
        **{
            **common,
            "title": common["title"] or str(called or common["name"]),
            "how_made": common["how_made"] or str(notes.pop("command", "")),
        },
        kind=first.kind.partition("-")[0] if first else said.kind or "other",
        licence=_licence(origin.licence, said, header.path, emit),
        resolution=first.kwargs.get("img_resolution") if first else None,
        parents=origin.parents,
        kimg=kimg,
        preprocessing=origin.preprocessing,
        networks=networks,
        notes=notes,
        content_sha256=header.content_sha256,
        source=origin.source,
        source_sha256=origin.source_sha256,
    )


def _licence(words: str, said: Sidecar, path: Path, emit: Emit) -> Licence:
    """The header's licence; the sidecar's where the header does not know, or with its details."""
    if said.licence is None:
        return licence_of_words(words)
    if words in ("", "unknown", said.licence.id, said.licence.in_words()):
        return said.licence
    emit(
        Note(
            f"the header of {path} says licence {words!r} and the card beside it "
            f"{said.licence.id!r}; the header counts",
            "warning",
        )
    )
    return licence_of_words(words)

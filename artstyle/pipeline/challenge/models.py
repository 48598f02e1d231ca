"""Which models take part: the base that knows people, and the styles that descend from it.

A style is a model whose parents, or their parents, are the base: by the SHA-256 of its file, by
its tensors' digest (a header may have been written anew), or by its name (the base may have been
trained on since). A variant is a style that exists more than once, told apart by the last part of
its name: `toon_head-feminine`, or by the note "variant" in its header.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from artstyle.errors import ArtstyleError, UsageError
from artstyle.events import Emit, Note, ignore
from artstyle.files import sha256_of
from artstyle.pipeline.generate.models import Model, find_models
from artstyle.weights.cards import read_sidecar
from artstyle.weights.model_names import (
    HeldModel,
    resolve_model,
    starter_models,
    workspace_models,
)
from stylegan_ext.errors import EngineError
from stylegan_ext.header import ModelHeader, read_header

DEFAULT_BASE = "people"
_ROLES = ("base", "style", "resumed from")  # what a parent can be to a model that descends from it


@dataclass(frozen=True)
class Taken:
    """A model that takes part."""

    model: Model
    title: str  # for people
    style: str  # of which it is a variant, else its own name
    variant: str = ""  # "" if there is only one
    is_kin: bool = True  # whether its header names the base among its ancestors
    parents: tuple[Mapping[str, Any], ...] = ()  # name, sha256, role
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)  # dataset, kimg, pictures, ...
    content_sha256: str = ""
    sources: tuple[Mapping[str, Any], ...] = ()  # what, licence, origin of its training pictures

    @property
    def name(self) -> str:
        """For files and options."""
        return self.model.name

    def card(self) -> dict[str, Any]:
        """What the record says of it."""
        known = ("kimg", "dataset", "dataset_sha256", "pictures", "style", "variant")
        return {
            **self.model.card(),
            "title": self.title,
            "variant": self.variant,
            "content_sha256": self.content_sha256,
            "parents": [dict(parent) for parent in self.parents],
            "is_kin": self.is_kin,
            "sources": [dict(source) for source in self.sources],
            **{
                name: self.notes[name] for name in known if name in self.notes and name != "variant"
            },
        }


@dataclass(frozen=True)
class _Held:
    """A model on this machine, as its header shows it."""

    name: str
    path: Path
    header: ModelHeader

    @cached_property
    def digests(self) -> frozenset[str]:
        """All by which a descendant may know it."""
        origin = self.header.provenance
        known = {self.header.content_sha256, origin.source_sha256, sha256_of(self.path)}
        return frozenset(known - {""})

    @property
    def is_blend(self) -> bool:
        """Whether it was blended of others, so that it is no style of its own."""
        return "blend" in self.header.provenance.notes


def find_base(name: str | None, workspace: Path, *, emit: Emit = ignore) -> Taken:
    """The base.

    Args:
        name: name or file; None: `people`, else the only model that others descend from.
        workspace: where names are looked for first.
        emit: gets notes.

    Raises:
        UsageError: none was named and none can be told.
        WeightsError: there is no model of this name.
        CheckpointError: it is no generator.
    """
    named = _likely_base(workspace) if name is None else name
    (model,) = find_models([named], workspace, emit=emit)
    return _taken(model, read_header(model.path))


def find_styles(
    base: Taken,
    workspace: Path,
    *,
    wanted: Sequence[str] | None = None,
    variant: str | None = None,
    emit: Emit = ignore,
) -> tuple[Taken, ...]:
    """The styles, in the order they were named, else workspace first and by name.

    Args:
        base: what they descend from.
        workspace: where they are looked for, before the starter pack.
        wanted: names or files; None: all descendants that are no blends.
        variant: of styles that have variants, only this one.
        emit: gets notes and warnings.

    Raises:
        UsageError: nothing descends from the base, a name is unknown, or no style has the variant.
        WeightsError: there is no such model.
    """
    known = list(_descendants(base, workspace, emit))
    named = _with_variants({held.name: held for held in known}, base)
    if wanted:
        taken = [_wanted(word, named, base, workspace, emit) for word in wanted]
    else:
        blends = {held.name for held in known if held.is_blend}
        taken = [one for name, one in named.items() if name not in blends]
    if not taken:
        raise UsageError(
            f"no style descends from {base.name}: no model of the workspace or the starter pack "
            "names it as its base",
            hint=f"train one: artstyle finetune --style STYLE --base {base.name}; or name models "
            "with --styles",
        )
    return tuple(_of_variant(taken, variant))


def _likely_base(workspace: Path) -> str:
    """The model that is taken where none is named."""
    held = list(_all_held(workspace, ignore))
    if any(one.name == DEFAULT_BASE for one in held):
        return DEFAULT_BASE
    fathers = {one.name: _children(one, held) for one in held}
    most = max(fathers.values(), default=0)
    likely = [name for name, children in fathers.items() if children == most]
    if most and len(likely) == 1:
        return likely[0]
    raise UsageError(
        f"which model shall be the base? There is none called {DEFAULT_BASE}, and "
        + (
            f"others descend from {', '.join(likely)} alike" if most else "no model has descendants"
        ),
        hint="say --base MODEL; 'artstyle models list' shows the models",
    )


def _children(one: _Held, held: Iterable[_Held]) -> int:
    return sum(_is_child(other, one.digests, {one.name}) for other in held if other is not one)


def _all_held(workspace: Path, emit: Emit) -> Iterator[_Held]:
    """The generators of workspace and starter pack, each name once, the workspace's first."""
    names: set[str] = set()
    for held in (*workspace_models(workspace), *starter_models()):
        if held.name in names:
            continue
        header = _generator_header(held, emit)
        if header is not None:
            names.add(held.name)
            yield _Held(held.name, held.path, header)


def _generator_header(held: HeldModel, emit: Emit) -> ModelHeader | None:
    try:
        header = read_header(held.path)
    except (EngineError, OSError) as fault:
        emit(Note(f"{held.path} is left out: {fault}", "warning"))
        return None
    kinds = [header.networks[name].kind for name in ("G_ema", "G") if name in header.networks]
    return header if any(kind.endswith("-generator") for kind in kinds) else None


def _descendants(base: Taken, workspace: Path, emit: Emit) -> Iterator[_Held]:
    """Models whose ancestors include the base, generation after generation, in order of names."""
    origin = read_header(base.model.path).provenance
    digests = {base.model.sha256, base.content_sha256, origin.source_sha256} - {""}
    names = {base.name}
    held = [
        one
        for one in _all_held(workspace, emit)
        if not one.path.samefile(base.model.path)
        and one.header.content_sha256 != base.content_sha256
    ]
    kin: list[_Held] = []
    while grown := [one for one in held if one not in kin and _is_child(one, digests, names)]:
        kin += grown
        if len(kin) < len(held):  # else nobody is left who could descend from these
            digests |= {digest for one in grown for digest in one.digests}
        names |= {one.name for one in grown}
    yield from (one for one in held if one in kin)


def _is_child(one: _Held, digests: Iterable[str], names: Iterable[str]) -> bool:
    known, called = set(digests), set(names)
    return any(
        parent.get("role", "base") in _ROLES
        and (parent.get("sha256") in known or parent.get("name") in called)
        for parent in one.header.provenance.parents
    )


def _taken(model: Model, header: ModelHeader, *, is_kin: bool = True) -> Taken:
    origin = header.provenance
    try:
        beside = read_sidecar(model.path)
    except ArtstyleError:  # a card with faults is for `models card` to complain about
        beside = None
    title = beside.title if beside and beside.title else model.name.replace("_", " ")
    sources = [vars(source) for source in beside.sources] if beside else []
    return Taken(
        model=model,
        title=title,
        style=model.name,
        is_kin=is_kin,
        parents=origin.parents,
        preprocessing=origin.preprocessing,
        notes=origin.notes,
        content_sha256=header.content_sha256,
        sources=tuple(sources),
    )


def _model_of(held: _Held) -> Model:
    (model,) = find_models([held.path], held.path.parent)
    return replace(model, name=held.name)


def _with_variants(held: Mapping[str, _Held], base: Taken) -> dict[str, Taken]:
    """The styles by name, variants known as such."""
    found = {}
    for name, one in held.items():
        taken = _taken(_model_of(one), one.header)
        style, _, variant = name.rpartition("-")
        noted = taken.notes.get("variant")
        if isinstance(noted, str) and noted:
            style, variant = name.removesuffix(f"-{noted}"), noted
        elif not (style and (style in held or style == taken.notes.get("style"))):
            style, variant = name, ""
        found[name] = replace(taken, style=style, variant=variant)
    return found


def _wanted(
    word: str, named: Mapping[str, Taken], base: Taken, workspace: Path, emit: Emit
) -> Taken:
    """A style by its name or file, kin or not."""
    if word in named:
        return named[word]
    variants = [one for one in named.values() if one.style == word and one.variant]
    if variants and not Path(word).is_file():
        return variants[0]
    try:
        path = resolve_model(word, workspace, emit=emit)
    except ArtstyleError as fault:
        near = difflib.get_close_matches(word, named, n=3, cutoff=0.5)
        known = ", ".join(near or named)
        if known:
            fault.hint = f"styles of {base.name} here are {known}"
        raise
    same = [one for one in named.values() if one.model.path.samefile(path)]
    if same:
        return same[0]
    (model,) = find_models([word], workspace)
    if model.sha256 == base.model.sha256:
        raise UsageError(f"{word} is the base itself", hint="name styles, or leave --styles out")
    taken = _taken(model, read_header(model.path), is_kin=False)
    emit(
        Note(
            f"{taken.name} does not name {base.name} among its ancestors: layers can be swapped "
            "only between a model and what was fine-tuned from it",
            "warning",
        )
    )
    return taken


def _of_variant(taken: Sequence[Taken], variant: str | None) -> list[Taken]:
    """Only this variant of styles that have it; a style without variants stays as it is."""
    if variant is None:
        return list(taken)
    there = sorted({one.variant for one in taken if one.variant})
    if variant not in there:
        raise UsageError(
            f"no style has a variant {variant!r}"
            + (f"; there are {', '.join(there)}" if there else ", and none has variants at all"),
            hint="leave --variant out",
        )
    having = {one.style for one in taken if one.variant == variant}
    return [one for one in taken if one.variant == variant or one.style not in having]

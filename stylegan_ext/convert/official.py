"""Official PyTorch snapshots (StyleGAN2-ADA, StyleGAN3): from the inert tree to our records.

A snapshot is a dict of networks; a network is a tree of objects with their attributes, and each
tensor's name is its way through that tree. The source text that such a file carries is what the
official tools would run; here it is counted and hashed, never compiled.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from stylegan_ext.convert.arguments import Attributes, known_arguments, plain
from stylegan_ext.convert.machine import Limits, damaged, printable, refuse, shown
from stylegan_ext.convert.tensors import Budget, TensorView, copy_of
from stylegan_ext.convert.vocabulary import PersistentObject
from stylegan_ext.errors import CheckpointError
from stylegan_ext.infer import kind_of, settle
from stylegan_ext.records import NETWORK_NAMES, ModelFile, NetworkRecord, Provenance

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_]{1,100}")
_GENERATOR_ORDER = ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels")
_DISCRIMINATOR_ORDER = ("c_dim", "img_resolution", "img_channels")
PROVENANCE_ENTRY = "stylegan_ext"  # what we export carries it; the official tools pass over it
_OTHER_ENTRIES = ("training_set_kwargs", "augment_pipe", PROVENANCE_ENTRY)


def official_model(tree: Mapping[str, Any], limits: Limits, budget: Budget) -> ModelFile:
    """The networks of an official snapshot.

    Args:
        tree: the snapshot's dict as the machine built it.
        limits: bounds on what the file may ask for.
        budget: how much may be copied out of it.

    Raises:
        CheckpointError: no StyleGAN network in it, or parts that are not what they should be.
        MismatchError: what it says about a network and that network's tensors differ.
        UnsafeFileError: it is built to take much memory or time.
    """
    walk = _Walk(limits, budget)
    origin = _origin(tree, limits)
    notes: dict[str, Any] = {**origin.notes, "converted_from": "official PyTorch snapshot"}
    networks: dict[str, NetworkRecord] = {}
    for name in NETWORK_NAMES:
        held = tree.get(name)
        if held is None or (name != "G_ema" and held is tree.get("G_ema")):
            continue  # a file with G_ema alone names it twice for tools that insist on a G
        if type(held) is not PersistentObject:
            damaged(f"{name} is no network")
        record = walk.record(name, held, notes)
        if record is not None:
            networks[name] = record
    if not networks:
        raise CheckpointError(
            "no StyleGAN network is in this file", hint="it should hold G_ema, G or D"
        )
    others = sorted(set(tree) - {*NETWORK_NAMES, *_OTHER_ENTRIES})
    if others:
        notes["other_entries"] = [printable(name) for name in others[:20]]
    _note_training(tree, walk, notes)
    if walk.sources:
        notes["module_src_sha256"] = sorted(walk.sources)
    preprocessing = dict(origin.preprocessing)
    settings = plain(tree.get("training_set_kwargs"), limits)
    if isinstance(settings, dict):
        preprocessing["training_set_kwargs"] = settings
    return ModelFile(networks, replace(origin, preprocessing=preprocessing, notes=notes))


def _origin(tree: Mapping[str, Any], limits: Limits) -> Provenance:
    """What one of our own exports says about where the model came from."""
    said = plain(tree.get(PROVENANCE_ENTRY) or {}, limits)
    if not isinstance(said, dict):
        damaged(f"{PROVENANCE_ENTRY} is no dict")
    licence, source = said.get("licence", "unknown"), said.get("source", "")
    parents, notes = said.get("parents", []), said.get("notes", {})
    preprocessing = said.get("preprocessing", {})
    if not all(isinstance(part, str) for part in (licence, source)) or not all(
        isinstance(part, dict) for part in (preprocessing, notes)
    ):
        damaged(f"{PROVENANCE_ENTRY} does not hold a model's origin")
    if not isinstance(parents, list) or not all(isinstance(part, dict) for part in parents):
        damaged(f"{PROVENANCE_ENTRY} does not hold a model's parents")
    return Provenance(
        licence=licence,
        source=source,
        parents=tuple(parents),
        preprocessing=preprocessing,
        notes=notes,
    )


@dataclass
class _Walk:
    """One way through all networks of a file; counts what it meets."""

    limits: Limits
    budget: Budget
    modules: int = 0
    entries: int = 0
    sources: set[str] = field(default_factory=set)
    hashed: dict[int, str] = field(default_factory=dict)  # by identity: a text is shared by layers
    copies: dict[int, torch.Tensor] = field(default_factory=dict)  # shared parameters stay shared

    def record(
        self, name: str, network: PersistentObject, notes: dict[str, Any]
    ) -> NetworkRecord | None:
        """A network with its tensors; None if it holds none."""
        views: dict[str, TensorView] = {}
        layers: dict[str, Mapping[str, Any]] = {}
        for path, module in self.modules_of(network, "", 0):
            layers[path] = module.state
            for key, view in self.own_tensors(module):
                views[f"{path}.{key}" if path else key] = view
        if not views:
            notes[f"{name}_is_empty"] = True
            return None
        kind = kind_of(views)
        if kind is None:
            shown = ", ".join(list(views)[:4])
            raise CheckpointError(
                f"{name} is no StyleGAN2 or StyleGAN3 network: its first tensors are {shown}",
                hint="only StyleGAN2(-ADA) and StyleGAN3 generators and discriminators are read",
            )
        raw = plain(_given_arguments(network), self.limits)
        kwargs, unknown = known_arguments(kind, raw)
        Attributes(layers).complete(kind, kwargs)
        kwargs, _ = known_arguments(kind, kwargs)  # what the layers said is looked at too
        if unknown:
            notes[f"{name}_unknown_arguments"] = [printable(word) for word in unknown[:20]]
        shapes = {key: view.shape for key, view in views.items()}
        kwargs = settle(name, kind, kwargs, shapes)
        tensors = {key: self.tensor(name, key, view) for key, view in views.items()}
        return NetworkRecord(kind, kwargs, tensors)

    def modules_of(
        self, module: PersistentObject, path: str, depth: int
    ) -> Iterator[tuple[str, PersistentObject]]:
        """The module and all modules below it, with their paths."""
        self.modules += 1
        if self.modules > self.limits.modules or depth > self.limits.depth:
            refuse(
                f"more than {self.limits.modules} layers, or {self.limits.depth} inside each other",
                "no network has as many",
            )
        if module.module_src and id(module.module_src) not in self.hashed:
            digest = hashlib.sha256(module.module_src.encode("utf-8")).hexdigest()
            self.hashed[id(module.module_src)] = digest
            self.sources.add(digest)
        yield path, module
        for name, child in self.held_by(module, "_modules"):
            if child is None:
                continue
            if type(child) is not PersistentObject:
                damaged(f"the layer {name} is a {type(child).__name__}")
            yield from self.modules_of(child, f"{path}.{name}" if path else name, depth + 1)

    def tensor(self, network: str, name: str, view: TensorView) -> torch.Tensor:
        """The tensor itself; a view that stands in several places is copied once."""
        if not view.storage.dtype.is_floating_point:
            damaged(f"{network}.{name} holds numbers of type {view.storage.dtype}")
        if id(view) not in self.copies:
            self.copies[id(view)] = copy_of(view, self.budget)
        return self.copies[id(view)]

    def held_by(self, module: PersistentObject, group: str) -> list[tuple[str, Any]]:
        """The entries of a module's _modules, _parameters or _buffers."""
        held = module.state.get(group)
        if type(held) is not dict:
            damaged(f"a {printable(module.class_name)} has no {group}")
        self.entries += len(held)
        if self.entries > self.limits.entries:
            refuse(f"more than {self.limits.entries} layers and tensors", "no network has as many")
        for key in held:
            if not _PLAIN_NAME.fullmatch(key):
                damaged(f"{shown(key)} is no name of a layer or tensor")
        return list(held.items())

    def own_tensors(self, module: PersistentObject) -> Iterator[tuple[str, TensorView]]:
        """A module's parameters, and the buffers that belong to a saved state."""
        passing = module.state.get("_non_persistent_buffers_set") or set()
        if type(passing) is not set:
            damaged(f"a {printable(module.class_name)} has no set of passing buffers")
        for group in ("_parameters", "_buffers"):
            for name, value in self.held_by(module, group):
                if value is None or (group == "_buffers" and name in passing):
                    continue
                if type(value) is not TensorView:
                    damaged(f"{name} of a {printable(module.class_name)} is no tensor")
                yield name, value


def _given_arguments(network: PersistentObject) -> dict[str, Any]:
    """What the constructor was called with; the official tools name all but nothing."""
    given = network.state.get("_init_kwargs")
    unnamed = network.state.get("_init_args") or ()
    is_generator = "synthesis" in network.state.get("_modules", {})
    names = _GENERATOR_ORDER if is_generator else _DISCRIMINATOR_ORDER
    if type(given) is not dict or type(unnamed) is not tuple or len(unnamed) > len(names):
        damaged("a network does not say what it was made with")
    return {**dict(zip(names, unnamed, strict=False)), **given}


def _note_training(tree: Mapping[str, Any], walk: _Walk, notes: dict[str, Any]) -> None:
    """The augmentation probability that training had reached, if the file has it."""
    pipe = tree.get("augment_pipe")
    if pipe is None:
        return
    if type(pipe) is not PersistentObject:
        damaged("augment_pipe is no object")
    strength = dict(walk.own_tensors(pipe)).get("p")
    if strength is not None and strength.shape == ():
        notes["augment_p"] = plain(float(copy_of(strength, walk.budget)), walk.limits)

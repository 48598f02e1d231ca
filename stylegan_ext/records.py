"""What a model file holds, independent of the format it came in.

Every reader (`checkpoint`, `convert.*`) gives a `ModelFile`, every writer takes one; networks are
built from a record only when somebody wants to run them. The tensors carry the official names
(`synthesis.b4.conv1.weight`), so that one naming serves all formats.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from stylegan_ext.errors import CheckpointError

if TYPE_CHECKING:  # a file's header is read without loading torch
    import torch

Kind: TypeAlias = Literal[
    "stylegan2-generator", "stylegan2-discriminator", "stylegan3-generator", "encoder"
]
KINDS: tuple[Kind, ...] = (
    "stylegan2-generator",
    "stylegan2-discriminator",
    "stylegan3-generator",
    "encoder",
)

NETWORK_NAMES = ("G_ema", "G", "D")


@dataclass(frozen=True)
class NetworkRecord:
    """One network as data: which class, with which arguments, holding which tensors."""

    kind: Kind
    kwargs: dict[str, Any]  # the constructor's keyword arguments; JSON types only
    tensors: dict[str, torch.Tensor]  # parameters and buffers by official name


@dataclass(frozen=True)
class Provenance:
    """Where a model came from and what one may do with it; travels in the header."""

    licence: str = "unknown"
    source: str = ""  # where the file came from, in words or as an address
    source_sha256: str = ""  # of the file it was converted from, "" if it was not converted
    parents: tuple[dict[str, Any], ...] = ()  # {"name", "sha256", "role"} of each parent model
    preprocessing: dict[str, Any] = field(default_factory=dict)  # how the training images were cut
    notes: dict[str, Any] = field(default_factory=dict)  # kimg, recipe, blend levels, ...

    def with_notes(self, **notes: Any) -> Provenance:
        """The same provenance with further notes."""
        return replace(self, notes={**self.notes, **notes})


@dataclass(frozen=True)
class ModelFile:
    """The networks of one file (some of G_ema, G, D; other names are allowed) and its origin."""

    networks: dict[str, NetworkRecord]
    provenance: Provenance = field(default_factory=Provenance)

    def generator(self) -> NetworkRecord:
        """The generator to draw pictures with: G_ema, else G.

        Raises:
            CheckpointError: the file holds neither.
        """
        for name in ("G_ema", "G"):
            if name in self.networks:
                return self.networks[name]
        held = ", ".join(self.networks) or "no networks"
        raise CheckpointError(f"no generator in this file: it holds {held}")

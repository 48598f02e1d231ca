"""Where a blend came from and what one may do with it: what follows from its two parents."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from stylegan_ext.records import ModelFile, Provenance

UNKNOWN = "unknown"
NON_COMMERCIAL, UNCLEAR = "NON-COMMERCIAL: ", "COMMERCIAL USE UNCLEAR: "
_NON_COMMERCIAL_WORDS = re.compile(r"\bnon-?\s?commercial|\bNC\b", re.IGNORECASE)


@dataclass(frozen=True)
class ParentModel:
    """A model that goes into a blend."""

    name: str  # as a person calls it
    sha256: str  # of its file; "" if it never was one
    model: ModelFile


def joined_provenance(
    base: ParentModel, style: ParentModel, statement: dict[str, Any]
) -> Provenance:
    """The provenance of a blend: both parents, both licences, the base's preprocessing.

    Args:
        base: the parent whose levels are the coarse ones.
        style: the other.
        statement: what comes from which, in JSON types.
    """
    pair = (("base", base), ("style", style))
    return Provenance(
        licence=joined_licence(base.model.provenance.licence, style.model.provenance.licence),
        source=f"blend of {base.name} and {style.name}",
        parents=tuple({"name": p.name, "sha256": p.sha256, "role": role} for role, p in pair),
        preprocessing=dict(base.model.provenance.preprocessing),
        notes={"blend": statement},
    )


def joined_licence(base: str, style: str) -> str:
    """Both licences in one line; a restriction of either stands in front.

    A licence that says "non-commercial" in its own way is understood; an unknown one leaves it
    open whether the blend may be used commercially.
    """
    if base == style:
        return base
    strictness = max(_strictness(base), _strictness(style))
    flag = ("", UNCLEAR, NON_COMMERCIAL)[strictness]
    return f"{flag}base: {_bracketed(base)}; style: {_bracketed(style)}"


def _strictness(licence: str) -> int:
    """2: non-commercial; 1: unclear; 0: nothing said against commercial use."""
    if licence.startswith(UNCLEAR):
        return 1
    if licence.startswith(NON_COMMERCIAL) or _NON_COMMERCIAL_WORDS.search(licence):
        return 2
    return 1 if licence.strip().lower() in ("", UNKNOWN) else 0


def _bracketed(licence: str) -> str:
    """The licence of a blend in brackets, so that its two parts stay together."""
    return f"({licence})" if "; style: " in licence else licence or UNKNOWN

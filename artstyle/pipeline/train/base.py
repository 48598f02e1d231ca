"""The model a training starts from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stylegan_ext.records import ModelFile


@dataclass(frozen=True)
class Base:
    """A base, found and read."""

    name: str
    path: Path
    sha256: str
    licence: str
    model: ModelFile

"""Parity vectors: the small ones lie beside the tests, the others in ../shared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

HERE = Path(__file__).resolve().parent.parent / "data" / "vectors"


class Vectors:
    """One npz file: `v["name"]` is a float32 tensor, `v.kwargs` the constructor's arguments."""

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as archive:
            self.arrays = {name: archive[name] for name in archive.files}

    def __getitem__(self, name: str) -> torch.Tensor:
        return torch.from_numpy(self.arrays[name])

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def get(self, name: str) -> torch.Tensor | None:
        return self[name] if name in self.arrays else None

    @property
    def kwargs(self) -> dict[str, Any]:
        return json.loads(str(self.arrays["kwargs_json"]))

    def state(self, prefix: str = "state.") -> dict[str, torch.Tensor]:
        return {
            name.removeprefix(prefix): self[name] for name in self.arrays if name.startswith(prefix)
        }


def relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Largest difference over the largest expected value."""
    assert found.shape == expected.shape, (found.shape, expected.shape)
    return float((found - expected).abs().max() / expected.abs().max())

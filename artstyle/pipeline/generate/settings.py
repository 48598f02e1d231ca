"""How to draw, whatever is drawn: noise, truncation's reach, precision, device, batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from artstyle.errors import UsageError

NoiseMode: TypeAlias = Literal["const", "random", "none"]
Precision: TypeAlias = Literal["float32", "bfloat16", "float16"]
NOISE_MODES: tuple[NoiseMode, ...] = get_args(NoiseMode)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

GPU_BATCH = 8  # fills a GPU at 256 px and fits 8 GB at 1024 px; a guess


@dataclass(frozen=True)
class Settings:
    """How to draw. All but `batch` is part of what a picture is made from."""

    truncation_cutoff: int | None = None  # truncate this many rows of w; None: all
    noise_mode: NoiseMode = "const"
    precision: Precision = "float32"  # of the highest resolutions; the picture itself is float32
    device: str = "auto"  # "auto", "cpu", "cuda", "cuda:1", "mps"
    batch: int | None = None  # pictures at once; None: 8 on a GPU, 1 on the CPU

    def __post_init__(self) -> None:
        if self.noise_mode not in NOISE_MODES:
            known = ", ".join(NOISE_MODES)
            raise UsageError(f"there is no noise {self.noise_mode!r:.40}; known: {known}")
        if self.precision not in PRECISIONS:
            known = ", ".join(PRECISIONS)
            raise UsageError(f"there is no precision {self.precision!r:.40}; known: {known}")
        if self.batch is not None and self.batch < 1:
            raise UsageError(f"a batch of {self.batch} pictures draws nothing: it starts at 1")

    def lineage(self) -> dict[str, Any]:
        """What of these settings makes a picture what it is."""
        return {
            "truncation_cutoff": self.truncation_cutoff,
            "noise": self.noise_mode,
            "precision": self.precision,
            "device": self.device,
        }


def batch_size(settings: Settings, device: str) -> int:
    """How many pictures are drawn before they are written."""
    return settings.batch or (1 if device == "cpu" else GPU_BATCH)

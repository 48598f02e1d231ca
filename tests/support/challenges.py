"""A workspace with a base and styles of a few kilobytes, and photos good and bad."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from artstyle.files import sha256_of
from support.small_models import write_small_model

REPOSITORY = Path(__file__).resolve().parents[2]
ASTRONAUT = REPOSITORY / "artstyle" / "starter" / "photos" / "astronaut.jpg"
RESOLUTION = 16
LICENCES = {"people": "CC0-1.0", "ink": "CC BY 4.0", "toon": "MIT"}


def astronaut() -> NDArray[np.uint8]:
    """A woman who looks at the camera, 512 x 512."""
    return np.asarray(Image.open(ASTRONAUT).convert("RGB"))


def fill_models(workspace: Path) -> Path:
    """`people`, and `ink` and `toon` that descend from it, in the workspace's models."""
    folder = workspace / "models"
    base = write_small_model(
        folder / "people.safetensors", resolution=RESOLUTION, licence=LICENCES["people"]
    )
    for seed, name in enumerate(("ink", "toon"), start=1):
        write_style(folder / f"{name}.safetensors", base, seed=seed, licence=LICENCES[name])
    return base


def write_style(
    path: Path, base: Path, *, seed: int = 1, licence: str = "MIT", **notes: object
) -> Path:
    """A model whose header says that it was fine-tuned from `base`."""
    parent = {"name": base.stem, "sha256": sha256_of(base), "role": "base"}
    return write_small_model(
        path,
        resolution=RESOLUTION,
        seed=seed,
        licence=licence,
        parents=(parent,),
        notes=dict(notes),
    )


class Negative:
    """A classic method for tests: it turns colours around, and counts how often."""

    drawn = 0

    def shipped_styles(self) -> list[str]:
        return ["night", "wave"]

    def identity(self, style: Any) -> dict[str, Any]:
        return {"painting": style.name, "perception": "none"}

    def draw(self, content: Any, style: Any, size_px: int, emit: Any) -> tuple[Any, dict[str, Any]]:
        Negative.drawn += 1
        return 255 - content, {"licence": "CC BY-NC 4.0"}


METHOD = Negative()


def two_people(*, apart: float = 1.0) -> NDArray[np.uint8]:
    """The astronaut twice, the one on the right mirrored, and `apart` times as large."""
    left = Image.fromarray(astronaut()).crop((100, 0, 360, 260))
    side = round(260 * apart)
    right = left.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((side, side))
    canvas = Image.new("RGB", (260 + side, max(260, side)), "#c8c4c0")
    canvas.paste(left, (0, 0))
    canvas.paste(right, (260, 0))
    return np.asarray(canvas)


def save(path: Path, pixels: NDArray[np.uint8], **how: object) -> Path:
    """Write a photo."""
    Image.fromarray(pixels).save(path, **how)
    return path

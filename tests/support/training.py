"""Datasets and trainings of a few kilobytes: 16 px, eight feature maps, seconds."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

TINY: dict[str, Any] = {
    "config": "small",
    "batch": 4,
    "channel_base": 64,
    "channel_max": 8,
    "latent_dim": 8,
    "mapping_layers": 2,
}


def write_dataset(
    path: Path, *, side: int = 16, count: int = 12, classes: int = 0, grey: bool = False
) -> Path:
    """A dataset zip of blurred noise, the same bytes each time."""
    dice = np.random.RandomState(0)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        names = []
        for index in range(count):
            small = dice.randint(0, 256, (4, 4, 3), dtype=np.uint8)
            picture = Image.fromarray(small).resize((side, side), Image.Resampling.BILINEAR)
            stream = io.BytesIO()
            (picture.convert("L") if grey else picture).save(stream, "PNG", compress_level=0)
            names.append(f"00000/img{index:08d}.png")
            archive.writestr(zipfile.ZipInfo(names[-1]), stream.getvalue())
        if classes:
            labels = {"labels": [[name, i % classes] for i, name in enumerate(names)]}
            archive.writestr(zipfile.ZipInfo("dataset.json"), json.dumps(labels))
    return path

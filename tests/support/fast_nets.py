"""Small fast nets, and what they are trained with: quick, and of no use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from artstyle.baselines.fast.file import FastRecord, StyleRecord, write_fast
from artstyle.baselines.fast.network import FastNet, Shape
from artstyle.images import write_png
from artstyle.perception.stack import ConvStack

TINY = Shape((4, 6, 8), blocks=1)


def tiny_net(styles: int = 1, seed: int = 0) -> FastNet:
    torch.manual_seed(seed)
    made = FastNet(Shape(TINY.widths, TINY.blocks, styles))
    for name, held in made.named_parameters():
        if name.endswith((".gain", ".offset")):
            held.data = held.data + 0.3 * torch.randn(held.shape)
    return made.eval().requires_grad_(False)


def write_tiny(path: Path, *names: str, seed: int = 0) -> Path:
    styles = tuple(StyleRecord(name, f"{name}.jpg", "ab" * 32, "public domain") for name in names)
    record = FastRecord(styles, "tiny eyes", "CC0-1.0", "9 photos", {"iterations": 3})
    write_fast(path, tiny_net(len(names), seed), record)
    return path


def tiny_perception(*_: object, **__: object) -> ConvStack:
    """Stands for `choose_perception`."""
    torch.manual_seed(7)
    made = ConvStack(
        "tiny eyes", (2, 2, 2, 2), (4, 4, 6, 6), mean=[0.5] * 3, std=[0.25] * 3, padding="reflect"
    )
    return made.eval().requires_grad_(False)


def photos(folder: Path, count: int, size: tuple[int, int] = (72, 90)) -> Path:
    dice = np.random.default_rng(count)
    for number in range(count):
        blocks = dice.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        pixels = blocks.repeat(size[0] // 6, 0).repeat(size[1] // 6, 1)
        write_png(folder / f"{number:03d}.png", pixels)
    return folder

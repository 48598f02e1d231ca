"""How many pictures a fast net draws in a second, and what it costs beside its bare convolutions.

    python tests/bench/bench_fast.py [--size 512] [--rounds 5] [--threads 2] [--width medium]
        [--model FILE] [--json FILE]

Bare: the same convolutions with the same paddings and enlargements, without norms, ReLUs and sums,
and without turning a picture into a tensor and back. Beside them, in the same run and in turn: the
whole of what `artstyle stylize fast` does with a picture that was read, in float32 and bfloat16.
Medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from artstyle.baselines.fast.draw import Painter
from artstyle.baselines.fast.file import read_fast
from artstyle.baselines.fast.network import FastNet, Layer, Shape, enlarged
from artstyle.machine import cpu_has_bf16, processor
from artstyle.pipeline.train_fast.settings import WIDTHS

TARGET_PER_S = 3.0


def convolutions(network: FastNet, x: torch.Tensor) -> torch.Tensor:
    """The network without all that is no convolution."""

    def one(layer: Layer, x: torch.Tensor) -> torch.Tensor:
        kernel = layer.convolution
        beyond = kernel.kernel_size[0] // 2
        return kernel(F.pad(x, (beyond,) * 4, mode="reflect"))

    for layer in network.down:
        x = one(layer, x)
    for block in network.blocks:
        x = one(block.second, one(block.first, x))
    for layer in network.up:
        x = one(layer, enlarged(x))
    return network.last(F.pad(x, (2, 2, 2, 2), mode="reflect"))


def seconds(look: Callable[[], object]) -> tuple[float, float]:
    """By the clock, and of the processor: the second counts where others use the machine, too."""
    clock, spent = time.perf_counter(), time.process_time()
    look()
    return time.perf_counter() - clock, time.process_time() - spent


def looks_of(network: FastNet, size_px: int) -> dict[str, Callable[[], object]]:
    photo = np.random.default_rng(0).integers(0, 256, (size_px, size_px, 3), dtype=np.uint8)
    shares = [1.0] + [0.0] * (network.shape.styles - 1)
    painter = Painter(network, shares)
    rough = FastNet(network.shape)
    rough.load_state_dict(network.state_dict())
    half = Painter(rough.eval().requires_grad_(False), shares, dtype=torch.bfloat16)
    tiled = Painter(network, shares, whole_px=1, tile_px=256)
    x = torch.rand(1, 3, size_px, size_px).contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def bare() -> torch.Tensor:
        return convolutions(painter.network, x)

    return {
        "bare": bare,
        "picture": lambda: painter.draw(photo),
        "tiles of 256 px": lambda: tiled.draw(photo),
        "bfloat16": lambda: half.draw(photo),
    }


def measure(
    looks: dict[str, Callable[[], object]], rounds: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Median seconds of each by clock and processor, in turn so that all see one machine."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in looks}
    for number in range(rounds + 1):
        for name, look in looks.items():
            took = seconds(look)
            if number:  # the first round loads and allocates
                taken[name].append(took)
    clock, spent = (
        {name: statistics.median(pair[which] for pair in pairs) for name, pairs in taken.items()}
        for which in (0, 1)
    )
    return clock, spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--width", choices=list(WIDTHS), default="medium")
    parser.add_argument("--model", type=Path, help="a net's file; else random weights")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    torch.manual_seed(0)
    network = FastNet(Shape(WIDTHS[asked.width])).eval().requires_grad_(False)
    if asked.model:
        network, _ = read_fast(asked.model)
    clock, spent = measure(looks_of(network, asked.size), asked.rounds)
    found = {
        "size_px": asked.size,
        "threads": asked.threads,
        "rounds": asked.rounds,
        "widths": network.shape.widths,
        "parameters": sum(one.numel() for one in network.parameters()),
        "processor": processor(),
        "has_bfloat16": cpu_has_bf16(),
        "seconds": {name: round(value, 4) for name, value in clock.items()},
        "processor_seconds": {name: round(value, 4) for name, value in spent.items()},
        "pictures_per_s": round(1 / clock["picture"], 2),
        "target_per_s": TARGET_PER_S,
        "over_bare": {
            what: round(times["picture"] / times["bare"], 3)
            for what, times in (("clock", clock), ("processor", spent))
        },
        "load": os.getloadavg()[0],
    }
    print(json.dumps(found, indent=2))
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""What an evaluation of Gatys' loss costs beside the bare network, and what memory it takes.

    python tests/bench/bench_gatys.py [--size 512] [--rounds 3] [--threads 2] [--json FILE]

The network has VGG19's shape and random weights. Bare: forward to conv5_1 and backward to the
picture, the gradient coming in at the same maps. Beside it, in the same run and in turn: one
evaluation of the whole objective (content conv4_2, style conv1_1 to conv5_1, range), and one
evaluation of a search with L-BFGS, its own vectors included. Medians.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from artstyle.baselines.gatys.objective import Objective
from artstyle.baselines.gatys.settings import CONTENT_LAYERS, STYLE_LAYERS, GatysSettings
from artstyle.baselines.gatys.targets import StylePicture, content_terms, style_terms
from artstyle.baselines.optim_lbfgs import LBFGS
from artstyle.perception.vgg import VGG

LAYERS = (*CONTENT_LAYERS, *STYLE_LAYERS)
TARGET = 1.15


def network() -> VGG:
    torch.manual_seed(0)
    made = VGG(19, pooling="average", padding="zeros")
    for name in made.conv_names:
        torch.nn.init.kaiming_normal_(made.convolution(name).weight, nonlinearity="relu")
    return made.eval().requires_grad_(False)


def objective_of(vgg: VGG, size_px: int, tile_px: int | None = None) -> Objective:
    size, settings = (size_px, size_px), GatysSettings()
    content, style = (torch.rand(1, 3, *size) * 2 - 1 for _ in range(2))
    return Objective(
        vgg,
        content_terms(vgg, content, settings, tile_px=tile_px),
        style_terms(vgg, [StylePicture(style, 1.0)], settings, size, tile_px=tile_px),
        tile_px=tile_px,
    )


def seconds(look: Callable[[], object]) -> tuple[float, float]:
    """By the clock, and of the processor: the second counts where others use the machine, too."""
    clock, processor = time.perf_counter(), time.process_time()
    look()
    return time.perf_counter() - clock, time.process_time() - processor


def measure(size_px: int, rounds: int) -> tuple[dict[str, float], dict[str, float]]:
    """Median seconds of each by clock and processor, in turn so that all see one machine."""
    vgg = network()
    picture = torch.rand(1, 3, size_px, size_px) * 2 - 1
    down = [torch.randn_like(held) for held in vgg(picture, LAYERS).values()]

    def bare() -> torch.Tensor:
        leaf = picture.clone().requires_grad_(True)
        maps = list(vgg(leaf, LAYERS).values())
        return torch.autograd.grad(maps, leaf, down)[0]

    objective = objective_of(vgg, size_px)
    search = LBFGS(picture, objective)
    looks = {
        "bare": bare,
        "objective": lambda: objective(picture),
        "lbfgs": lambda: search.run(1),
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in looks}
    for number in range(rounds + 1):
        for name, look in looks.items():
            took = seconds(look)
            if number:  # the first round loads and allocates
                taken[name].append(took)
    clock, processor = (
        {name: statistics.median(pair[which] for pair in pairs) for name, pairs in taken.items()}
        for which in (0, 1)
    )
    return clock, processor


def peak_bytes(size_px: int, tile_px: int) -> int:
    """What one evaluation adds to a fresh process at its height; tile 0: the picture at once."""
    call = [sys.executable, __file__, "--peak", str(size_px), "--tile", str(tile_px)]
    done = subprocess.run(call, check=True, capture_output=True, text=True)
    return int(done.stdout)


def print_peak(size_px: int, tile_px: int) -> None:
    vgg = network()
    objective = objective_of(vgg, size_px, tile_px or None)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    objective(torch.rand(1, 3, size_px, size_px) * 2 - 1)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print((after - before) * 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", action="store_true", help="measure memory, too")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--tile", type=int, default=0, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if asked.peak:
        print_peak(asked.peak, asked.tile)
        return
    clock, processor = measure(asked.size, asked.rounds)
    found = {
        "size_px": asked.size,
        "threads": asked.threads,
        "rounds": asked.rounds,
        "seconds": {name: round(value, 4) for name, value in clock.items()},
        "processor_seconds": {name: round(value, 4) for name, value in processor.items()},
        "over_bare": {
            f"{name}, {what}": round(times[name] / times["bare"], 4)
            for what, times in (("clock", clock), ("processor", processor))
            for name in ("objective", "lbfgs")
        },
        "target": TARGET,
        "load": os.getloadavg()[0],
    }
    if asked.memory:
        found["peak_bytes"] = {
            "whole": peak_bytes(asked.size, 0),
            "tiles of 256 px": peak_bytes(asked.size, 256),
        }
    print(json.dumps(found, indent=2))
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

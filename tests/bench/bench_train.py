"""Images per second of training, and where the time goes.

    python tests/bench/bench_train.py [--resolution 64] [--batch 16] [--threads 2] [--p 0.2]
        [--profile] [--json FILE]

An iteration of each kind is timed (main phases alone, with path lengths, with R1 as well) and
weighted by how often it happens; then each phase by itself. The networks are those of `--config
small` unless --full is given. On a shared machine take the best of several runs.
"""

from __future__ import annotations

import argparse
import copy
import json
import platform
import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch

from artstyle.recipes import TrainingRecipe, training_numbers
from stylegan_ext.augment import PRESETS, AugmentStrengths
from stylegan_ext.networks import Discriminator, StyleGAN2Generator
from stylegan_ext.step import LossSettings
from stylegan_ext.training.loop import LoopSettings, Training

CYCLE = 16


def make(options: argparse.Namespace) -> Training:
    recipe = TrainingRecipe(
        "bench", config="auto" if options.full else "small", batch=options.batch
    )
    numbers = training_numbers(recipe, options.resolution)
    torch.manual_seed(0)
    width = {"channel_base": numbers.channel_base, "channel_max": numbers.channel_max}
    g = StyleGAN2Generator(
        numbers.latent_dim,
        0,
        numbers.latent_dim,
        options.resolution,
        3,
        mapping_kwargs={"num_layers": numbers.mapping_layers},
        synthesis_kwargs=width,
    )
    d = Discriminator(0, options.resolution, 3, **width)
    augment: AugmentStrengths | None = PRESETS["bgc"] if options.p >= 0 else None
    low = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(options.precision)
    settings = LoopSettings(
        batch=numbers.batch,
        learning_rate=numbers.learning_rate,
        loss=LossSettings(r1_gamma=numbers.gamma),
        augment=augment,
        fixed_p=max(options.p, 0.0),
        low_precision=low,
    )
    return Training(g, d, copy.deepcopy(g), settings, options.device)


def wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def one(
    training: Training, real: torch.Tensor, index: int, phases: dict[str, list[float]]
) -> float:
    """Seconds of an iteration of this number; its phases are noted."""
    training.iteration = index
    device = training.device.type
    wait(device)
    begin = last = time.perf_counter()
    add = training._add

    def after(name: str, stats: Any) -> None:
        nonlocal last
        wait(device)
        now = time.perf_counter()
        phases[name].append(now - last)
        last = now
        add(name, stats)

    training._add = after  # type: ignore[method-assign]
    training.iterate(real, None, None)
    wait(device)
    training._add = add  # type: ignore[method-assign]
    phases["EMA and the rest"].append(time.perf_counter() - last)
    return time.perf_counter() - begin


def measure(options: argparse.Namespace) -> dict[str, Any]:
    training = make(options)
    side = options.resolution
    real = torch.randint(0, 256, (training.settings.batch, 3, side, side), dtype=torch.uint8)
    phases: dict[str, list[float]] = defaultdict(list)
    kinds: dict[int, list[float]] = {0: [], 4: [], 1: []}
    for index in (0, 4, 1):
        one(training, real, index, defaultdict(list))
    for _ in range(options.repeats):
        for index, times in kinds.items():
            times.append(one(training, real, index, phases))
    pick = min if options.best else statistics.median
    each = {index: pick(times) for index, times in kinds.items()}
    mean_s = (each[0] + 3 * each[4] + 12 * each[1]) / CYCLE
    share = {"Gmain": 1, "Greg": 1 / 4, "Dmain": 1, "Dreg": 1 / 16, "EMA and the rest": 1}
    return {
        "images_per_s": training.settings.batch / mean_s,
        "iteration_s": mean_s,
        "phases_s": {name: pick(times) * share[name] for name, times in phases.items()},
        "resolution": side,
        "batch": training.settings.batch,
        "p": options.p,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "machine": platform.machine(),
        "device": options.device,
    }


def profile(options: argparse.Namespace) -> None:
    """The operations that take the most time."""
    training = make(options)
    side = options.resolution
    real = torch.randint(0, 256, (training.settings.batch, 3, side, side), dtype=torch.uint8)
    for index in (1, 4, 0):
        one(training, real, index, defaultdict(list))
    with torch.profiler.profile(record_shapes=options.shapes) as seen:
        for index in [0] + [4] * 3 + [1] * 12:
            one(training, real, index, defaultdict(list))
    averages = seen.key_averages(group_by_input_shape=options.shapes)
    print(
        averages.table(
            sort_by="self_cpu_time_total",
            row_limit=options.rows,
            max_name_column_width=48,
            max_shapes_column_width=90,
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=0, help="0: torch's own choice")
    parser.add_argument(
        "--p", type=float, default=0.2, help="of augmentations; -1: without the pipe"
    )
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16", "fp16"])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--full", action="store_true", help="full width, as config auto")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--best", action="store_true", help="the shortest times, not the medians")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--shapes", action="store_true", help="profile by input shapes")
    parser.add_argument("--rows", type=int, default=25)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.profile:
        profile(options)
        return
    found = measure(options)
    print(f"{found['images_per_s']:.1f} images/s, {found['iteration_s']:.3f} s an iteration")
    for name, seconds in sorted(found["phases_s"].items(), key=lambda item: -item[1]):
        print(f"  {name:18} {seconds:.3f} s  {seconds / found['iteration_s']:.0%}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()

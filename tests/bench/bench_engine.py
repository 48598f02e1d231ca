"""How fast the engine is against the textbook formulation, in one process, at equal pictures.

    python tests/bench/bench_engine.py [--quick] [--json FILE] [--markdown FILE]

The peer is the plain form of every operation (`ops.reference_ops()`): grouped convolution with a
weight per sample; zero-stuffing, padding and FIR filtering as separate passes. Both forms run
alternately, after a warm-up, and the medians are compared. The matrix rate is what a large float32
product reaches here; the convolutions' share of it counts the products the fast form needs.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from stylegan_ext import ops
from stylegan_ext.augment import AugmentPipe
from stylegan_ext.networks import Discriminator, StyleGAN2Generator
from stylegan_ext.step import LossSettings, Objective, Trainer, lazy_adam

REGULARIZATION_CYCLE = 16  # iterations after which every phase has run as often as it should


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds(run: Callable[[], Any]) -> float:
    synchronize()
    start = time.perf_counter()
    run()
    synchronize()
    return time.perf_counter() - start


def paired(plain: Callable[[], Any], fast: Callable[[], Any], repeats: int) -> tuple[float, float]:
    """Medians of both, measured in turns so that a busy machine slows both alike."""
    plain(), fast()
    plain_s, fast_s = [], []
    for _ in range(repeats):
        plain_s.append(seconds(plain))
        fast_s.append(seconds(fast))
    return statistics.median(plain_s), statistics.median(fast_s)


def in_form(form: str) -> Any:
    return ops.reference_ops() if form == "plain" else nullcontext()


def matrix_rate_flops(device: str) -> float:
    """Products and sums per second of a large float32 matrix product."""
    size = 8192 if device == "cuda" else 2048
    a, b = torch.randn(size, size, device=device), torch.randn(size, size, device=device)
    _ = a @ b
    return 2 * size**3 / min(seconds(lambda: a @ b) for _ in range(5))


class BestRate:
    """The matrix rate, measured again before every row: a busy machine must not flatter us."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.flops = 0.0

    def update(self) -> float:
        self.flops = max(self.flops, matrix_rate_flops(self.device))
        return self.flops


def generator_flops(g: StyleGAN2Generator) -> float:
    """Multiplications and additions of direct convolutions for one picture, no inserted zeros.

    Winograd's filtering needs fewer, so that the share of the matrix rate can exceed 100 %.
    """
    total = 0.0
    for resolution in g.synthesis.block_resolutions:
        block = g.synthesis.block(resolution)
        layers = [block.conv1] if block.in_channels == 0 else [block.conv0, block.conv1]
        for layer in layers:
            # the transposed convolution works on the pixels it is given, not on those it makes
            pixels = (resolution // layer.up) ** 2
            total += 2 * layer.weight.numel() * pixels
        total += 2 * block.torgb.weight.numel() * resolution**2
    return total


def full_width(resolution: int, device: str) -> StyleGAN2Generator:
    torch.manual_seed(0)
    g = StyleGAN2Generator(
        512, 0, 512, resolution, 3, synthesis_kwargs={"channel_base": 32768, "num_fp16_res": 4}
    )
    with torch.no_grad():
        for name, parameter in g.named_parameters():
            if name.endswith("noise_strength"):
                parameter.fill_(0.1)
    return g.eval().requires_grad_(False).to(device)


def bench_generator(resolution: int, batch: int, repeats: int, device: str) -> dict[str, Any]:
    g = full_width(resolution, device)
    ws = g.mapping(torch.randn(batch, 512, device=device))

    def run(form: str) -> torch.Tensor:
        with torch.no_grad(), in_form(form):
            return g.synthesis(ws)

    expected, found = run("plain"), run("fast")
    difference = float((found - expected).abs().max() / expected.abs().max())
    plain_s, fast_s = paired(lambda: run("plain"), lambda: run("fast"), repeats)
    g.synthesis.use_low_precision(torch.bfloat16)
    run("fast")
    bf16_s = statistics.median(seconds(lambda: run("fast")) for _ in range(max(repeats // 2, 2)))
    return {
        "what": f"generator {resolution} px, batch {batch}",
        "plain_s": plain_s,
        "fast_s": fast_s,
        "ratio": plain_s / fast_s,
        "bf16_s": bf16_s,
        "flops": generator_flops(g) * batch,
        "relative_difference": difference,
    }


def bench_training(repeats: int, device: str) -> dict[str, Any]:
    """One lazily averaged iteration: 64 px, channel_base 4096, channel_max 128, batch 16."""
    narrow = {"channel_base": 4096, "channel_max": 128}

    def trainer() -> Trainer:
        torch.manual_seed(0)
        g = StyleGAN2Generator(
            128, 0, 128, 64, 3, mapping_kwargs={"num_layers": 4}, synthesis_kwargs=narrow
        )
        d = Discriminator(0, 64, 3, **narrow)
        for network in (g, d):
            network.to(device).requires_grad_(False)
        pipe = AugmentPipe().to(device)
        pipe.set_p(0.2)
        objective = Objective(g, d, LossSettings(r1_gamma=0.2), pipe)
        adams = [
            lazy_adam(n, lr=0.002, reg_interval=i)
            for n, i in (
                (g, objective.settings.g_reg_interval),
                (d, objective.settings.d_reg_interval),
            )
        ]
        return Trainer(objective, *adams)

    real = torch.randn(16, 3, 64, 64, device=device)

    def cycle_s(t: Trainer, form: str) -> float:
        """Seconds per iteration, from one iteration of each make-up, weighted as they occur."""

        def latents(_: str) -> tuple[torch.Tensor, None]:
            return torch.randn(16, 128, device=device), None

        with in_form(form):
            all_four = seconds(lambda: t.iteration(0, real, None, latents))
            with_greg = seconds(lambda: t.iteration(4, real, None, latents))
            main_only = seconds(lambda: t.iteration(1, real, None, latents))
        return (all_four + 3 * with_greg + 12 * main_only) / REGULARIZATION_CYCLE

    plain_trainer, fast_trainer = trainer(), trainer()
    plain_s, fast_s = [], []
    for i in range(repeats + 1):
        plain, fast = cycle_s(plain_trainer, "plain"), cycle_s(fast_trainer, "fast")
        if i > 0:  # the first is the warm-up
            plain_s.append(plain)
            fast_s.append(fast)
    plain_median, fast_median = statistics.median(plain_s), statistics.median(fast_s)
    return {
        "what": "training iteration 64 px, batch 16, narrow",
        "plain_s": plain_median,
        "fast_s": fast_median,
        "ratio": plain_median / fast_median,
        "images_per_s": 16 / fast_median,
    }


def table(rows: list[dict[str, Any]], rate: float) -> str:
    lines = [
        "| what | textbook, s | fast, s | ratio | bf16, s | share of matrix rate | difference |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        share = f"{row['flops'] / row['fast_s'] / rate:.0%}" if "flops" in row else "-"
        bf16 = f"{row['bf16_s']:.3f}" if "bf16_s" in row else "-"
        difference = f"{row['relative_difference']:.0e}" if "relative_difference" in row else "-"
        cells = [
            row["what"],
            f"{row['plain_s']:.3f}",
            f"{row['fast_s']:.3f}",
            f"{row['ratio']:.2f}",
            bf16,
            share,
            difference,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave 1024 px out, fewer repeats")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--only", default="", help="run what contains this, e.g. 'training'")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    repeats = 3 if options.quick else 7
    best = BestRate(options.device)
    rows = []
    for resolution in (64, 256) if options.quick else (64, 256, 1024):
        for batch in (1, 4):
            if options.only in f"generator {resolution} px, batch {batch}":
                best.update()
                count = min(repeats, 3) if resolution >= 1024 else repeats  # these take minutes
                rows.append(bench_generator(resolution, batch, count, options.device))
                sys.stderr.write(table(rows[-1:], best.flops).splitlines()[-1] + "\n")
    if options.only in "training iteration":
        rows.append(bench_training(repeats, options.device))
    rate = best.update()
    threads = torch.get_num_threads()
    machine = f"{platform.machine()}, {threads} threads, torch {torch.__version__}"
    text = f"{options.device}: {machine}, matrix product {rate / 1e9:.0f} GFLOP/s\n\n"
    text += table(rows, rate) + "\n"
    for row in rows:
        if "images_per_s" in row:
            text += f"\ntraining: {row['images_per_s']:.1f} images/s\n"
    sys.stdout.write(text)
    if options.json:
        options.json.write_text(
            json.dumps({"machine": machine, "rate": rate, "rows": rows}, indent=2)
        )
    if options.markdown:
        options.markdown.write_text(text)


if __name__ == "__main__":
    main()

"""How fast sets of pictures are compared, and how much memory that takes, at full size.

    python tests/bench/bench_metrics.py [--quick] [--json FILE]

Features are drawn so that their covariances have spectra like Inception's: many small directions.
scipy's sqrtm, the textbook's way, runs in the same process on the same matrices. Threads that wait
shall sleep: OMP_WAIT_POLICY=PASSIVE, as the artstyle command sets it.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import resource
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import linalg

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is loaded

import torch

from artstyle.machine import cores, processor
from artstyle.metrics.frechet import frechet_distance, moments_of
from artstyle.metrics.kernel import kernel_distance
from artstyle.metrics.manifold import manifold


def features(seed: int, count: int, dim: int) -> np.ndarray:
    """[count, dim] float32, not negative, with a spectrum that falls by four decades."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((dim, dim), dtype=np.float32) * dim**-0.5
    mixing *= np.logspace(0, -2, dim, dtype=np.float32)[:, None]
    rows = np.empty((count, dim), dtype=np.float32)
    for begin in range(0, count, 5000):
        block = rng.standard_normal((min(5000, count - begin), dim), dtype=np.float32)
        rows[begin : begin + 5000] = np.maximum(block @ mixing + 0.3 + 0.02 * seed, 0)
    return rows


CPU_S: list[float] = []  # of every step in order: what a busy machine does not change


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    start, cpu = time.perf_counter(), time.process_time()
    value = run()
    CPU_S.append(round(time.process_time() - cpu, 2))
    return time.perf_counter() - start, value


def matrix_rate() -> float:
    """Billions of float32 operations a second in a large product: what the machine gives."""
    rows = torch.randn(2000, 2048)
    best = min(timed(lambda: rows @ rows.T)[0] for _ in range(5))
    return 2 * 2000 * 2000 * 2048 / best / 1e9


def textbook(first: Any, second: Any) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root = linalg.sqrtm(first.covariance() @ second.covariance())
    apart = np.square(first.mean - second.mean).sum()
    traces = np.trace(first.covariance()) + np.trace(second.covariance())
    return float(apart + traces - 2 * np.trace(root).real)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the pictures, 512 figures")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    count, dim = (5000, 512) if args.quick else (50_000, 2048)
    few = 1000 if args.quick else 10_000
    found: dict[str, Any] = {
        "machine": f"{processor()}, {cores()} cores",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "pictures": count,
        "features": dim,
        "matrix_rate_gflops_before": matrix_rate(),
    }
    sets = [features(0, count, dim), features(1, count, dim)]
    found["statistics_s"], first = timed(lambda: moments_of(sets[0]))
    found["statistics_second_s"], second = timed(lambda: moments_of(sets[1]))
    pairs = [(one.mean, one.covariance()) for one in (first, second)]
    found["distance_s"], ours = timed(lambda: frechet_distance(*pairs[0], *pairs[1]))
    found["sqrtm_s"], theirs = timed(lambda: textbook(first, second))
    found["distance"], found["distance_by_sqrtm"] = ours, theirs
    found["relative_difference"] = abs(ours - theirs) / abs(theirs)
    found["faster_than_sqrtm"] = found["sqrtm_s"] / found["distance_s"]
    found["kid_s"], kid = timed(lambda: kernel_distance(*sets))
    small = [sets[0][: few // 5], sets[1][: few // 2]]
    found["kid_small_s"], _ = timed(lambda: kernel_distance(*small))
    found["kid"] = [kid.value, kid.low, kid.high]
    some = [rows[:few].copy() for rows in sets]
    sets.clear()
    small.clear()
    gc.collect()
    before = resident_bytes()
    found["manifold_pictures"] = few
    found["manifold_s"], covered = timed(lambda: manifold(*some))
    found["manifold"] = [covered.precision, covered.recall, covered.density, covered.coverage]
    found["resident_before_manifold_mb"] = before / 1e6
    found["peak_of_process_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    found["matrix_rate_gflops_after"] = matrix_rate()
    found["cpu_s"] = CPU_S
    text = json.dumps(found, indent=2)
    sys.stdout.write(text + "\n")
    if args.json:
        args.json.write_text(text + "\n", encoding="utf-8")


def resident_bytes() -> int:
    """What the process holds now; 0 where the system does not say."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * 4096 if status.exists() else 0


if __name__ == "__main__":
    main()

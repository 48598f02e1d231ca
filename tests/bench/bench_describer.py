"""Describing faces: dlib's network by torch against dlib itself, in turns, in one process.

    python tests/bench/bench_describer.py [--faces 24] [--rounds 5] [--json FILE]

The faces are crops of the sample photo. Fails where the figures differ, or torch is not five times
as fast.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from artstyle.faces import dlib as ours
from artstyle.faces.describer import CHIP_PX, Describer
from artstyle.files import write_json
from artstyle.images import read_rgb, resize_lanczos
from artstyle.machine import cores, processor

PHOTO = Path(str(resources.files("artstyle"))) / "starter" / "photos" / "astronaut.jpg"
LEAST_RATIO, MOST_APART = 5.0, 1e-5


def seconds(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def main() -> None:
    import dlib

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rgb = read_rgb(PHOTO).rgb
    side = min(rgb.shape[:2]) // 2
    chips = [
        resize_lanczos(np.ascontiguousarray(rgb[at : at + side, at : at + side]), CHIP_PX, CHIP_PX)
        for at in range(options.faces)
    ]
    folder = ours._folder()
    assert folder is not None, ours.lack()
    path = folder / ours._FILES["descriptor"]
    torchs, dlibs = Describer(path), dlib.face_recognition_model_v1(str(path))
    apart = float(np.abs(torchs(chips) - np.array(dlibs.compute_face_descriptor(chips, 0))).max())
    taken: dict[str, list[float]] = {"torch": [], "dlib": []}
    for _ in range(options.rounds):
        taken["torch"].append(seconds(lambda: torchs(chips)))
        taken["dlib"].append(seconds(lambda: dlibs.compute_face_descriptor(chips, 0)))
    found = {f"{name}_ms": 1e3 * statistics.median(s) / len(chips) for name, s in taken.items()}
    found |= {"ratio": found["dlib_ms"] / found["torch_ms"], "largest_difference": apart}
    for name, value in found.items():
        print(f"{name:<20} {value:10.3g}")
    if options.json:
        where = {"processor": processor(), "cores": cores(), "faces": len(chips)}
        write_json(options.json, {"where": where, "found": found})
    if found["ratio"] < LEAST_RATIO or apart > MOST_APART:
        sys.exit(f"beyond the bounds: {LEAST_RATIO:g} times as fast, {MOST_APART:g} apart")


if __name__ == "__main__":
    main()

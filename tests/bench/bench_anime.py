"""How long the networks of the anime detectors take, with seeded numbers instead of the real ones.

    python tests/bench/bench_anime.py [--threads 2] [--tries 3] [--json FILE]

Wall seconds of the best try, and seconds of all processors in it: on a busy machine the latter by
the number of threads is nearer to what a quiet one takes. The numbers of a network do not change
how long it takes; how many faces there are does, so boxes and points are measured apart.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.anime import seeded_state

from artstyle.faces.anime import faster_rcnn, yolov3
from artstyle.faces.anime.hrnet import HrNetV2
from artstyle.faces.anime.layers import folded, made_empty
from artstyle.files import write_json
from artstyle.machine import cores, processor

# A 16:9 film as each network takes it, and a square for the largest that YOLOv3 sees.
SHAPES: list[tuple[str, type[nn.Module], tuple[int, ...]]] = [
    ("yolov3 608x352", yolov3.YoloV3, (1, 3, 352, 608)),
    ("yolov3 608x608", yolov3.YoloV3, (1, 3, 608, 608)),
    ("yolov3 416x416", yolov3.YoloV3, (1, 3, 416, 416)),
    ("faster r-cnn 1344x768", faster_rcnn.FasterRcnn, (1, 3, 768, 1344)),
    ("hrnetv2, one crop", HrNetV2, (1, 3, 256, 256)),
    ("hrnetv2, eight crops", HrNetV2, (8, 3, 256, 256)),
]


def seconds(work: Callable[[], object], tries: int) -> tuple[float, float]:
    work()
    found = []
    for _ in range(tries):
        wall, used = time.perf_counter(), time.process_time()
        work()
        found.append((time.perf_counter() - wall, time.process_time() - used))
    return min(found)


def loaded(kind: type[nn.Module], *, fold: bool) -> nn.Module:
    network = made_empty(kind)
    network.load_state_dict(seeded_state(kind, 1), assign=True)
    return folded(network) if fold else network.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tries", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []

    def measured(title: str, work: Callable[[], object]) -> None:
        with torch.inference_mode():
            wall_s, used_s = seconds(work, options.tries)
        rows.append({"what": title, "wall_s": round(wall_s, 3), "processors_s": round(used_s, 3)})
        print(f"{title:44} {wall_s:8.3f} s {used_s:8.3f} s of processors", flush=True)

    print(f"{processor()}, {cores()} cores, {options.threads} threads, torch {torch.__version__}")
    for name, kind, shape in SHAPES:
        planes = torch.rand(shape, generator=torch.Generator().manual_seed(2))
        last = planes.contiguous(memory_format=torch.channels_last)
        plain = loaded(kind, fold=False)
        measured(f"{name}, plain", lambda plain=plain, planes=planes: plain(planes))
        network = loaded(kind, fold=True)
        measured(f"{name}, folded", lambda network=network, planes=planes: network(planes))
        network = network.to(memory_format=torch.channels_last)
        measured(f"{name}, folded, channels_last", lambda network=network, last=last: network(last))
    rng = np.random.default_rng(3)
    low = rng.uniform(0, 1100, (1000, 2))
    boxes = np.concatenate([low, low + rng.uniform(20, 400, (1000, 2))], axis=1).astype(np.float32)
    boxes[:, [1, 3]] = boxes[:, [1, 3]] * 0.6
    levels = [
        torch.rand(1, 256, 768 // s, 1344 // s).contiguous(memory_format=torch.channels_last)
        for s in faster_rcnn.STRIDES_PX[:4]
    ]
    measured("RoIAlign of 1000 proposals", lambda: faster_rcnn.pooled(levels, boxes))
    if options.json:
        write_json(options.json, {"processor": processor(), "cores": cores(), "rows": rows})


if __name__ == "__main__":
    main()

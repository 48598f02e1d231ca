"""How long a curation of many crops takes, by step, and how much memory.

    python tests/bench/bench_curate.py [--crops 10000] [--pictures DIR] [--json FILE]

The crops are drawn (256 pixels, many people, each several times with another exposure and place),
or made of the pictures of a folder in the same way. Fails above two minutes or a gigabyte.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import time
from functools import lru_cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import numpy as np
from support.crops import QUALITY, drawn_face

from artstyle.catalog import open_catalog
from artstyle.files import write_json
from artstyle.images import encode_png, list_images, read_rgb
from artstyle.machine import cores, processor

MOST_S, MOST_BYTES = 120.0, 1_000_000_000
SIZE_PX = 256
PER_PERSON = 10
CURATE = """
import json, resource, sys, time
from pathlib import Path
begin = time.monotonic()
from artstyle.pipeline.curate.run import curate_style
outcome = curate_style(Path(sys.argv[1]), "bench", {"clusters": sys.argv[2], "embedding": "look"})
print(json.dumps({
    "seconds": outcome.seconds, "total_s": time.monotonic() - begin,
    "processor_s": time.process_time(), "kept": len(outcome.kept),
    "drops": outcome.counts(), "groups": outcome.plan.split.groups,
    "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
}))
"""


@lru_cache(maxsize=1)
def drawn(person: int) -> np.ndarray:
    return drawn_face(person, SIZE_PX, noise=0)


def picture(number: int, bases: list[np.ndarray]) -> np.ndarray:
    """One crop: a person, seen in one of several ways."""
    chance = np.random.default_rng(number)
    person = number // PER_PERSON
    if not bases:
        rgb = drawn(person)
    else:
        rgb = bases[person % len(bases)]
        turn = int(person // len(bases)) * 7
        rgb = np.roll(rgb, turn, axis=2) if turn else rgb
    matrix = cv2.getRotationMatrix2D((128, 128), chance.normal(0, 4), chance.normal(1, 0.04))
    matrix[:, 2] += chance.normal(0, 5, 2)
    moved = cv2.warpAffine(rgb, matrix, (SIZE_PX, SIZE_PX), borderMode=cv2.BORDER_REFLECT)
    noisy = moved * chance.normal(1, 0.1) + chance.normal(0, 3, moved.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def fill(workspace: Path, count: int, bases: list[np.ndarray]) -> None:
    crops = workspace / "datasets/bench/crops/film"
    crops.mkdir(parents=True)
    (workspace / "training").mkdir()
    with open_catalog(workspace) as catalog, catalog.transaction():
        film = catalog.add_source("film", sha256="0" * 64, size_bytes=1, kind="film")
        for number in range(count):
            data = encode_png(picture(number, bases), compress_level=1)
            path = crops / f"{number:06d}.png"
            path.write_bytes(data)
            shot = number // (3 * PER_PERSON)
            frame = catalog.add_frame(film, pts_s=float(number), shot=shot)
            face = catalog.add_face(
                frame, detector="yunet", bbox_px=[0, 0, 1, 1], points_px=[], score=0.9,
                quality={**QUALITY, "appearance": f"{number // 3}"},
            )  # fmt: skip
            catalog.add_crop(
                face, style="bench", file=path, size_px=SIZE_PX,
                quad_px=[[0, 0], [0, 256], [256, 256], [256, 0]],
                sha256=hashlib.sha256(data).hexdigest(),
            )  # fmt: skip


def curated(workspace: Path, clusters: str) -> dict[str, object]:
    import json

    words = [sys.executable, "-c", CURATE, str(workspace), clusters]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--crops", type=int, default=10_000)
    parser.add_argument("--pictures", type=Path, help="a folder of crops to make more of")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    bases = []
    if options.pictures:
        paths = list_images(options.pictures)[:600]
        bases = [cv2.resize(read_rgb(path).rgb, (SIZE_PX, SIZE_PX)) for path in paths]
    with tempfile.TemporaryDirectory() as folder:
        begin_s = time.monotonic()
        fill(Path(folder), options.crops, bases)
        print(f"{options.crops:,} crops made in {time.monotonic() - begin_s:.0f} s")
        runs = {}
        for name, clusters in (("first", "auto"), ("again", "auto")):
            runs[name] = curated(Path(folder), clusters)
            steps = ", ".join(f"{step} {took:.1f}" for step, took in runs[name]["seconds"].items())
            print(f"{name}: {runs[name]['total_s']:.1f} s ({steps}),"
                  f" {runs[name]['processor_s']:.0f} s of processors,"
                  f" {runs[name]['peak_bytes'] / 1e6:.0f} MB, {runs[name]['drops']},"
                  f" {runs[name]['groups']} groups")  # fmt: skip
    if options.json:
        where = {"processor": processor(), "cores": cores(), "crops": options.crops}
        write_json(options.json, {"where": where, "runs": runs})
    if runs["first"]["total_s"] > MOST_S or runs["first"]["peak_bytes"] > MOST_BYTES:
        sys.exit(f"more than {MOST_S:.0f} s or {MOST_BYTES / 1e6:.0f} MB")


if __name__ == "__main__":
    main()

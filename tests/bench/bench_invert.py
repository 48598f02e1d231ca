"""How fast and how well photos get into a model, with and without its encoder.

    python tests/bench/bench_invert.py BASE PHOTOS.zip [--encoder FILE] [--count 10] [--threads 2]
        [--steps 0,30,60,100] [--prior 0.02] [--spread 0.1] [--lr 0.1] [--swap STYLE --at 16]
        [--picture OUT.png] [--json FILE]

For each number of steps: seconds for one photo and for all in a batch, distance of features,
pixels, how far the latents lie from the middle and their rows from each other (mean squares in
units of the mapping network's spread: 1 is what random latents have). The picture shows photos,
what was found, and, with --swap, the same latents with another model's layers from --at px up:
what editability looks like. PHOTOS are a dataset of aligned faces that the base never saw.
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch

from artstyle import images
from artstyle.corpus.read import read_corpus
from artstyle.files import sha256_of
from artstyle.pipeline.encode import Inverter, find_encoder
from stylegan_ext.blend import ParentModel, blend, plan_blend
from stylegan_ext.checkpoint import read_model
from stylegan_ext.inversion import InversionSettings
from stylegan_ext.networks import Generator, build


def measured(inverter: Inverter, faces: np.ndarray, steps: int) -> tuple[dict[str, Any], Any]:
    """A row of the table, and the latents."""
    if inverter.encoder is None:  # the same number of steps in all rows of the table
        steps_asked = round(steps / (inverter.steps_of(1000) / 1000))
    else:
        steps_asked = steps
    found = inverter(faces, steps=steps_asked)
    alone = min(inverter(faces[:1], steps=steps_asked).seconds for _ in range(2))
    v = inverter.space.to_v(found.ws.to(inverter.device))
    row = {
        "begins": "encoder" if inverter.encoder is not None else "middle",
        "steps": found.record["settings"]["steps"],
        "one_s": alone,
        "batch_s": found.seconds,
        "features": float(np.mean(found.perceptual_distance)),
        "pixel_rmse": float(np.mean(found.pixel_rmse)),
        "far": float(v.square().mean()),
        "spread": float((v - v.mean(dim=1, keepdim=True)).square().mean()),
    }
    return row, found


def swapped(base: Path, style: Path, at_px: int) -> Generator:
    """The base with a style's layers from a resolution up."""
    files = [ParentModel(path.stem, sha256_of(path), read_model(path)) for path in (base, style)]
    records = [one.model.generator() for one in files]
    plan = plan_blend(*records, resolution=at_px)
    made = build(blend(*files, plan).generator())
    assert isinstance(made, Generator)
    return made


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("base", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", default="0,30,60,100")
    plain = InversionSettings()
    parser.add_argument("--prior", type=float, default=plain.prior_weight)
    parser.add_argument("--spread", type=float, default=plain.spread_weight)
    parser.add_argument("--lr", type=float, default=plain.lr)
    parser.add_argument("--swap", type=Path)
    parser.add_argument("--at", type=int, default=16)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    corpus = read_corpus(options.photos)
    chosen = np.linspace(0, len(corpus) - 1, options.count).astype(int)
    faces = np.stack([corpus.image(int(index)) for index in chosen])
    settings = InversionSettings(
        lr=options.lr, prior_weight=options.prior, spread_weight=options.spread
    )
    encoders = [options.encoder or find_encoder(options.base), None]
    style = None if options.swap is None else swapped(options.base, options.swap, options.at)
    rows, pictures = [], [faces]
    print(f"{options.count} photos, {options.threads} threads, {platform.processor()}")
    for encoder in dict.fromkeys(encoders):
        inverter = Inverter(options.base, encoder=encoder, settings=settings)
        inverter(faces[:1], steps=1)  # memory is found, kernels are chosen
        for steps in map(int, options.steps.split(",")):
            row, found = measured(inverter, faces, steps)
            rows.append(row)
            print("  ".join(f"{k} {v:.4g}" if k != "begins" else v for k, v in row.items()))
            side = found.images.shape[1]
            pictures.append(found.images)
            if style is not None:
                with torch.no_grad():
                    pictures.append(images.from_batch(style.synthesis(found.ws)))
    if options.picture:
        fitted = [[images.resize_lanczos(one, side, side) for one in row] for row in pictures]
        grid = np.concatenate([np.concatenate(row, axis=1) for row in fitted])
        images.write_png(options.picture, grid)
    if options.json:
        facts = {"settings": vars(options), "rows": rows, "torch": torch.__version__}
        options.json.write_text(json.dumps(facts, default=str, indent=1) + "\n")


if __name__ == "__main__":
    main()

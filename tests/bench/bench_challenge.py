"""How long a challenge takes, and how much memory, as whole processes.

    python tests/bench/bench_challenge.py [--models FOLDER] [--photos FILE...] [--json FILE]

Cold: one photo, a new workspace. Warm: the same photo in a process that has drawn once before.
Each of three, each of eight: so many other photos in that process, a third or an eighth of all they
take; further: what each of the eight adds to one. Again: the same command, with nothing to do.
Fails where a bound of the house is broken; without the starter pack, models of 64 px with random
numbers take its place, which draw as fast, and are sought without an encoder.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from importlib import resources
from pathlib import Path
from typing import Any

from artstyle.files import sha256_of, write_json
from artstyle.machine import cores, processor
from artstyle.weights.model_names import starter_models

PHOTO = Path(str(resources.files("artstyle"))) / "starter" / "photos" / "astronaut.jpg"
RUN = "from artstyle.cli import run; run()"
WARM = """
import contextlib, io, json, resource, sys, time
from artstyle.cli import status
taken = []
for words in json.loads(sys.argv[1]):
    start_s = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        code = status(words)
    taken.append(time.perf_counter() - start_s)
    assert code == 0, words
print(json.dumps([taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""
STYLES = 5
BATCHES = {"three": 3, "eight": 8}
MOST = {
    "cold_s": 12.0,
    "warm_s": 5.0,
    "each_of_three_s": 1.5,
    "each_of_eight_s": 1.5,
    "peak_mb": 1536.0,
}


def random_pack(folder: Path) -> None:
    """A base and five styles of random numbers, as large as the starter models."""
    from dataclasses import replace

    from artstyle.pipeline.models import RandomModel, random_model
    from stylegan_ext.checkpoint import read_model, write_model
    from stylegan_ext.records import ModelFile

    size = {"channel_base": 2048, "channel_max": 128}
    base = folder / "people.safetensors"
    random_model(base, RandomModel(64, **size))
    parent = {"name": "people", "sha256": sha256_of(base), "role": "base"}
    for seed in range(1, STYLES + 1):
        path = folder / f"style{seed}.safetensors"
        random_model(path, RandomModel(64, seed=seed, discriminator=False, **size))
        made = read_model(path)
        networks = {name: made.networks[name] for name in ("G_ema",)}
        write_model(path, ModelFile(networks, replace(made.provenance, parents=(parent,))))


def workspace(folder: Path, models: Path | None) -> Path:
    """A new workspace; with random models where there is neither a folder nor a starter pack."""
    for name in ("datasets", "training", "models"):
        (folder / name).mkdir(parents=True)
    if models is not None:
        shutil.copytree(models, folder / "models", dirs_exist_ok=True)
    elif "people" not in {held.name for held in starter_models()}:
        random_pack(folder / "models")
    return folder


def words(place: Path, photos: list[Path], name: str) -> list[str]:
    out = ["--out", str(place / name), "--workspace", str(place)]
    return ["challenge", *map(str, photos), "--baselines", "none", "-q", *out]


def seconds(call: list[str]) -> float:
    start_s = time.perf_counter()
    subprocess.run([sys.executable, "-c", RUN, *call], check=True, capture_output=True)
    return time.perf_counter() - start_s


def several(photos: list[Path], folder: Path) -> list[Path]:
    """Twelve photos: those that were given, or one at twelve sizes."""
    from PIL import Image

    wanted = 1 + sum(BATCHES.values())
    if len(photos) >= wanted:
        return photos[:wanted]
    if len(photos) > 1:
        sys.exit(f"give one photo, or {wanted}: what was drawn once is not drawn again")
    made = []
    for side in range(500, 500 - 10 * wanted, -10):
        made.append(folder / f"photo{side}.png")
        with Image.open(photos[0]) as picture:
            picture.convert("RGB").resize((side, side)).save(made[-1])
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, help="a folder with people and its styles")
    parser.add_argument("--photos", type=Path, nargs="+", default=[PHOTO])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = workspace(Path(folder) / "workspace", options.models)
        one, many = options.photos[:1], several(options.photos, Path(folder))
        cold = words(place, one, "cold")
        found["cold_s"] = seconds(cold)
        found["again_s"] = seconds(cold)
        record = json.loads((place / "cold" / "grid.json").read_text(encoding="utf-8"))
        found["stages_s"] = record["seconds"]
        (place / "artstyle.sqlite").unlink()  # it knows the latent
        calls = [words(place, one, "first"), words(place, many[:1], "warm")]
        rest = iter(many[1:])
        for name, count in BATCHES.items():
            calls.append(words(place, [next(rest) for _ in range(count)], name))
        done = subprocess.run(
            [sys.executable, "-c", WARM, json.dumps(calls)],
            check=True,
            capture_output=True,
            text=True,
        )
        (_, found["warm_s"], *taken), found["peak_mb"] = json.loads(done.stdout)
        for (name, count), batch_s in zip(BATCHES.items(), taken, strict=True):
            found[f"each_of_{name}_s"] = batch_s / count
        found["further_s"] = (taken[-1] - found["warm_s"]) / (BATCHES["eight"] - 1)
        batch = json.loads((place / "eight" / "grid.json").read_text(encoding="utf-8"))
        found["batch_stages_s"] = batch["seconds"]
        found["models"] = [card["name"] for card in record["styles"]]
        found["how"] = record["rows"][0]["projection"]["how"]
    for name, value in found.items():
        if isinstance(value, float):
            bound = f" (at most {MOST[name]:g})" if name in MOST else ""
            print(f"{name:<16} {value:8.2f}{bound}")
    print(f"stages           {found['stages_s']}\nof the batch     {found['batch_stages_s']}")
    print(f"projection       {found['how']}")
    if options.json:
        write_json(
            options.json, {"where": {"processor": processor(), "cores": cores()}, "found": found}
        )
    broken = [name for name, most in MOST.items() if found[name] >= most]
    if broken and "search from" not in found["how"]:
        sys.exit(f"beyond the bounds: {', '.join(broken)}")


if __name__ == "__main__":
    main()

"""How fast a dataset zip is written and opened, beside a plain Pillow loop over the same pictures.

    python tests/bench/bench_build.py [FOLDER] [--size 256] [--count 600] [--members 70000]

The loop is what one would write without thinking: open, crop to the middle, resize, save
uncompressed into a zip, one after the other in one process. Both run in turns, three times each;
the best of each counts. FOLDER is by default the portraits beside the checkout, and drawn pictures
where there are none.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from artstyle.corpus.read import read_corpus
from artstyle.corpus.write import Item, items_of, member_name, write_zip
from artstyle.files import write_json

SHARED = Path(os.environ.get("ARTSTYLE_SHARED") or Path(__file__).resolve().parents[3] / "shared")
TURNS = 3


def plain_loop(pictures: list[Path], out: Path, size_px: int) -> None:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as target:
        for number, path in enumerate(pictures):
            picture = Image.open(path).convert("RGB")
            side = min(picture.size)
            left, top = (picture.width - side) // 2, (picture.height - side) // 2
            square = picture.crop((left, top, left + side, top + side))
            stream = io.BytesIO()
            square.resize((size_px, size_px), Image.Resampling.LANCZOS).save(
                stream, "PNG", compress_level=0
            )
            target.writestr(member_name(number), stream.getvalue())


def drawn(folder: Path, count: int) -> None:
    """Soft noise, 400 x 500, as JPEG."""
    for number in range(count):
        small = np.random.default_rng(number).integers(0, 256, (50, 40, 3), dtype=np.uint8)
        Image.fromarray(small).resize((400, 500)).save(folder / f"{number:05}.jpg", quality=90)


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path, default=SHARED / "data/people")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--members", type=int, default=70_000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        source = scratch / "pictures"
        source.mkdir()
        if given.folder.is_dir():
            found = sorted(given.folder.rglob("*.jpg"))
            for path in found[:: max(1, len(found) // given.count)][: given.count]:
                (source / f"{path.parent.name}-{path.name}").write_bytes(path.read_bytes())
        else:
            drawn(source, given.count)
        pictures = sorted(source.iterdir())
        ours, plain = [], []
        for _ in range(TURNS):
            plain.append(seconds(lambda: plain_loop(pictures, scratch / "p.zip", given.size)))
            ours.append(
                seconds(lambda: write_zip(scratch / "o.zip", items_of(source), size_px=given.size))
            )
        print(f"{len(pictures)} pictures to {given.size} px, {os.cpu_count()} cores")
        print(f"  plain loop {min(plain):.2f} s ({' '.join(f'{one:.2f}' for one in plain)})")
        print(f"  write_zip  {min(ours):.2f} s ({' '.join(f'{one:.2f}' for one in ours)})")
        print(f"  ratio      {min(plain) / min(ours):.2f}")
        pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        write_zip(scratch / "m.zip", [Item(pixels)] * given.members, size_px=64)
        opened = min(seconds(lambda: read_corpus(scratch / "m.zip")) for _ in range(TURNS))
        print(f"  {given.members} members looked through in {opened:.2f} s")
        if given.json:
            figures = {"plain_s": plain, "ours_s": ours, "ratio": min(plain) / min(ours)}
            write_json(given.json, figures | {"members": given.members, "opened_s": opened})


if __name__ == "__main__":
    main()

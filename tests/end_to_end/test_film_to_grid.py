"""The whole way, as a user walks it: from a film and a folder of photos to a grid and its lineage.

The film and the photos are drawn here from the one photo that ships: slow moves over it, in
colours of a style of its own. Networks have 16 px and eight feature maps, so the pictures are
noise; what is tested is that every step takes what the step before it left.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from support.films import write_film

import artstyle
from artstyle.images import read_rgb, resize_area
from stylegan_ext.header import read_header

PHOTO = Path(artstyle.__file__).parent / "starter/photos/astronaut.jpg"
TINY = ("--config", "small", "--batch", 4)
NARROW = ("--channel-base", 64, "--channel-max", 8, "--latent-dim", 8, "--mapping-layers", 2)
GROUNDS = ((40, 90, 160), (150, 60, 40), (60, 120, 60), (120, 110, 50), (90, 50, 120))
Pixels = NDArray[np.uint8]


def head() -> Pixels:
    """The astronaut's head and shoulders, 240 x 240."""
    pixels = read_rgb(PHOTO).rgb
    side = min(pixels.shape[:2])
    return resize_area(pixels[: side * 3 // 4, side // 8 : side // 8 + side * 3 // 4], 240, 240)


def looks(pixels: Pixels) -> Iterator[Pixels]:
    """The same head in six looks: lighter, darker, warmer, cooler, softer, mirrored."""
    light = pixels.astype(np.float32)
    for made in (
        light * 1.15,
        light * 0.8,
        light * [1.1, 1.0, 0.85],
        light * [0.85, 1.0, 1.15],
        light * 0.7 + 60,
        light[:, ::-1],
    ):
        yield np.clip(made, 0, 255).astype(np.uint8)


def draw_film(path: Path) -> Path:
    """Five shots of a second and a half: the head drifts over a coloured ground."""
    frames = []
    for look, ground in zip(looks(head()), GROUNDS, strict=False):
        posters = look // 32 * 32 + 16  # few colours: the style
        for number in range(36):
            frame = np.full((288, 352, 3), ground, np.uint8)
            frame[24:264, 20 + number : 260 + number] = posters
            frames.append(frame)
    return write_film(path, frames, fps=24)


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_from_a_film_to_a_grid(cli: Callable[..., object], tmp_path: Path) -> None:
    def run(*words: object) -> dict:
        done = cli(*words, "--json", cwd=tmp_path / "ws")
        assert done.exit_code == 0, f"artstyle {' '.join(map(str, words))}\n{done.stderr}"
        return done.json()

    (tmp_path / "ws").mkdir()
    run("init", ".")
    film = draw_film(tmp_path / "posters.mp4")
    for number, look in enumerate(looks(head())):
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.fromarray(look).save(tmp_path / f"photos/{number}.png")

    found = run("extract", "--video", film, "--detector", "dlib", "--licence", "CC0")
    assert found["crops"] >= 8, "faces in every shot, and enough to measure"
    run("extract", "--images", tmp_path / "photos", "--style", "faces", "--detector", "dlib")
    for style in ("posters", "faces"):
        run("curate", "--style", style)  # the same head again and again: duplicates, rightly
        run("curate", "--style", style, "--undo")
        built = run("build", "--style", style, "--size", 16, "--split", "all", "--allow-enlarge")
        assert built["pictures"] >= 2

    run("train", "--style", "faces", *TINY, *NARROW, "--kimg", 0.06, "--out", "runs/faces")
    run("finetune", "--style", "posters", "--base", "faces", "--config", "small", "--batch", 4,
        "--kimg", 0.04, "--snapshot-kimg", 0.02, "--out", "runs/posters")  # fmt: skip
    for name in ("faces", "posters"):  # photos will be cut as the base's pictures were
        header = read_header(tmp_path / f"ws/models/{name}.safetensors")
        assert header.provenance.preprocessing == {"alignment": "ffhq", "detector": "dlib"}
    told = run("evaluate", "--style", "posters", "--features", "scatter", "--samples", 32)
    judged = told["evaluations"][0]
    assert (judged["space"], judged["reals"], judged["samples"]) == ("scatter", found["crops"], 32)
    assert judged["rows"][0]["measures"][0]["value"] > 0

    run("project", PHOTO, "--model", "faces", "--space", "w+", "--steps", 3, "--out", "projected")
    assert (tmp_path / "ws/projected/astronaut/proj.png").is_file()

    done = run("challenge", PHOTO, "--base", "faces", "--styles", "posters", "--baselines", "none",
               "--out", "grid")  # fmt: skip
    grid = tmp_path / "ws/grid"
    assert done
    assert read_rgb(grid / "grid.png").width > 100
    record = json.loads((grid / "grid.json").read_text())
    assert "posters" in json.dumps(record)
    assert (grid / "index.html").stat().st_size > 1000
    cells = sorted(grid.glob("cells/**/*posters*.png"))
    assert cells
    lineage = cli("trace", cells[0], cwd=tmp_path / "ws")
    assert lineage.exit_code == 0, lineage.stderr
    assert "posters.mp4" in lineage.stdout, "a cell leads back to the film"
    assert "astronaut.jpg" in lineage.stdout, "and to the photo"

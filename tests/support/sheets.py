"""Sprite sheets that the tests draw themselves, with the truth about them."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
MAGENTA = (255, 0, 255)


@dataclass(frozen=True)
class Drawn:
    """How a sheet was drawn."""

    columns: int
    rows: int
    cell_px: tuple[int, int]
    gutter_px: int = 0
    margin_px: int = 0
    missing: int = 0  # cells left empty at the end
    opaque: bool = True  # cells are filled to their edges; else sprites float in them
    key: tuple[int, int, int] | None = None  # what is behind; None: transparent
    noise: int = 0  # the key strays by so much
    jpeg: int = 0  # quality of one passage through JPEG; 0: none
    seed: int = 0
    sprites: list[tuple[int, int, int, int]] = field(default_factory=list, compare=False)


def draw_sheet(how: Drawn) -> tuple[Pixels, Pixels]:
    """The sheet: HWC RGB and HW alpha; `how.sprites` gets the boxes of what was drawn."""
    rng = np.random.default_rng(how.seed)
    (cw, ch), g, m = how.cell_px, how.gutter_px, how.margin_px
    width = 2 * m + how.columns * cw + (how.columns - 1) * g
    height = 2 * m + how.rows * ch + (how.rows - 1) * g
    rgb = np.zeros((height, width, 3), dtype=np.uint8)
    alpha = np.zeros((height, width), dtype=np.uint8)
    if how.key is not None:
        stray = rng.integers(-how.noise, how.noise + 1, rgb.shape)
        rgb[:] = np.clip(np.array(how.key) + stray, 0, 255)
        alpha[:] = 255
    for index in range(how.columns * how.rows - how.missing):
        row, column = divmod(index, how.columns)
        x, y = m + column * (cw + g), m + row * (ch + g)
        picture, seen = (_portrait if how.opaque else _blob)(rng, cw, ch)
        here = np.s_[y : y + ch, x : x + cw]
        rgb[here][seen], alpha[here][seen] = picture[seen], 255
        ys, xs = np.nonzero(seen)
        box = (x + xs.min(), y + ys.min(), x + xs.max() + 1, y + ys.max() + 1)
        how.sprites.append(tuple(int(edge) for edge in box))
    return (_through_jpeg(rgb, how.jpeg) if how.jpeg else rgb), alpha


def _portrait(
    rng: np.random.Generator, width: int, height: int
) -> tuple[Pixels, NDArray[np.bool_]]:
    """A head before a plain wall, both of random colours."""
    picture = np.empty((height, width, 3), dtype=np.uint8)
    picture[:] = rng.integers(150, 256, 3)
    yy, xx = np.mgrid[:height, :width]
    skin, hair, shirt = rng.integers(20, 256, (3, 3))
    away = np.hypot((xx - width / 2) / (0.32 * width), (yy - 0.48 * height) / (0.38 * height))
    picture[away < 1] = skin
    picture[(away < 1) & (yy < rng.uniform(0.2, 0.4) * height)] = hair
    shoulders = (yy > 0.85 * height) & (abs(xx - width / 2) < rng.uniform(0.35, 0.5) * width)
    picture[shoulders] = shirt
    for side in (-1, 1):
        eye = np.hypot(xx - width * (0.5 + 0.13 * side), yy - 0.45 * height) < 0.04 * width
        picture[eye] = 0
    return picture, np.ones((height, width), dtype=bool)


def _blob(rng: np.random.Generator, width: int, height: int) -> tuple[Pixels, NDArray[np.bool_]]:
    """A figure of two ellipses somewhere in its cell; one in eight reaches the cell's edges."""
    yy, xx = np.mgrid[:height, :width] + 0.5
    seen = np.zeros((height, width), dtype=bool)
    reach = 0.5 if rng.random() < 0.125 else rng.uniform(0.28, 0.45)
    for share in (1.0, 0.6):
        a, b = reach * width * share, reach * height * rng.uniform(0.8, 1)
        cx = width / 2 + rng.uniform(-1, 1) * (width / 2 - a)
        cy = height / 2 + rng.uniform(-1, 1) * (height / 2 - b)
        seen |= ((xx - cx) / a) ** 2 + ((yy - cy) / b) ** 2 <= 1
    picture = np.empty((height, width, 3), dtype=np.uint8)
    picture[:] = rng.integers(0, 200, 3) * (1, 1, 0.5)
    picture[yy > height * rng.uniform(0.3, 0.7)] = rng.integers(0, 200, 3) * (1, 1, 0.5)
    return picture, seen


def _through_jpeg(rgb: Pixels, quality: int) -> Pixels:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", quality=quality, subsampling=0)
    return np.array(Image.open(stream))


def write_sprites(folder: Path, *, sheets: int = 4, singles: int = 40) -> list[str]:
    """Sheets, a large one and single sprites; the words after `artstyle extract` for all of them.

    The style is "drawn", and no detector is needed.
    """
    from PIL import Image

    place = folder / "sheets"
    place.mkdir(parents=True)
    for number in range(sheets):
        rgb, alpha = draw_sheet(Drawn(6, 4, (32, 32), 2, 3, opaque=number % 2 == 0, seed=number))
        Image.fromarray(np.dstack([rgb, alpha])).save(place / f"sheet-{number}.png")
    large, alpha = draw_sheet(Drawn(9, 9, (120, 120), 4, 4, seed=99))  # more than a megapixel
    Image.fromarray(np.dstack([large, alpha])).save(place / "sheet-large.png")
    for number in range(singles):
        rgb, alpha = draw_sheet(Drawn(1, 1, (96, 96), seed=100 + number))
        Image.fromarray(np.dstack([rgb, alpha])).save(place / f"single-{number}.png")
    return ["--style", "drawn", "--sprites", str(place), "--layout", "head", "--size", "64"]

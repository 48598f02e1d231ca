"""The cells: every face's latent drawn by the base with each style's levels swapped in.

Styles are loaded one after the other and draw all faces; a cell that is there already, of the same
latent, models and swap, is kept, so that a run that was broken off goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from artstyle.errors import ImageError
from artstyle.events import Emit, Note, Progress, ignore
from artstyle.files import write_bytes
from artstyle.pipeline.challenge.models import Taken
from artstyle.pipeline.challenge.projecting import Projected
from artstyle.pipeline.challenge.swaps import Swap, blended
from artstyle.pipeline.generate.record import KEYWORD, lineage_in, lineage_text
from artstyle.pipeline.tuning_steps import KEPT
from stylegan_ext.errors import EngineError

if TYPE_CHECKING:
    from stylegan_ext.levels import Level
    from stylegan_ext.networks import Generator
    from stylegan_ext.records import NetworkRecord

Pixels = NDArray[np.uint8]
_FACTS = "artstyle method"  # of a picture's text: what a baseline said of itself


@dataclass(frozen=True)
class Part:
    """A style and how it is swapped in."""

    style: Taken
    swap: Swap

    def card(self) -> dict[str, Any]:
        """What the record says."""
        return {**self.style.card(), "swap": self.swap.card()}


@dataclass(frozen=True, eq=False)
class Cell:
    """A picture of the grid, in a file."""

    file: Path
    pixels: Pixels
    was_done: bool = False


def keep_or_write(file: Path, lineage: dict[str, Any], draw: Any) -> Cell:
    """The picture of this lineage: the one in the file, or a new one.

    Args:
        file: a PNG.
        lineage: all that decides its pixels, in JSON types.
        draw: called without arguments for HWC uint8 pixels, if the file is not of this lineage.

    Raises:
        OSError: the file cannot be written.
    """
    kept = kept_cell(file, lineage)
    return kept if kept is not None else write_cell(file, lineage, draw())


def kept_cell(file: Path, lineage: dict[str, Any]) -> Cell | None:
    """The picture in a file if it is of this lineage, and whole."""
    from artstyle.images import read_rgb

    if not file.is_file() or lineage_in(file) != lineage_text(lineage):
        return None
    try:
        return Cell(file, read_rgb(file).rgb, was_done=True)
    except ImageError:  # cut short since it was written
        return None


def write_cell(
    file: Path, lineage: dict[str, Any], pixels: Pixels, facts: Mapping[str, Any] | None = None
) -> Cell:
    """Write a picture with what it was made from, and with what else is to be known of it."""
    from artstyle import __version__
    from artstyle.images import encode_png

    words = {"Software": f"artstyle {__version__}", KEYWORD: lineage_text(lineage)}
    if facts is not None:
        words[_FACTS] = json.dumps(facts)
    write_bytes(file, encode_png(pixels, text=words, only_runs=True))  # for photos no larger
    return Cell(file, pixels)


def facts_of(file: Path) -> dict[str, Any]:
    """What was written beside a picture's lineage; nothing if nothing was."""
    from PIL import Image

    with Image.open(file, formats=["PNG"]) as picture:
        found: dict[str, Any] = json.loads(picture.info.get(_FACTS, "{}"))
    return found


def style_lineage(
    base: Taken, part: Part, projected: Projected, seed: int | None
) -> dict[str, Any]:
    """All that decides a style's cell."""
    return {
        "what": "cell of a challenge",
        "projection": projected.key,
        "base": base.model.lineage(),
        "style": part.style.model.lineage(),
        "shares": dict(part.swap.shares),
        "kept": KEPT,
        "noise": "const" if seed is None else f"seed {seed}",
    }


class Drawer:
    """Draws styles; the base is read when the first one needs it.

    Args:
        base: the model whose coarse levels are taken.
        device: asked where to compute, if anything is to be drawn.
        seed: of noise maps that all cells share; None: the models' own.
    """

    def __init__(
        self, base: Taken, device: Callable[[], str] = lambda: "cpu", seed: int | None = None
    ) -> None:
        self.base, self.device, self.seed = base, device, seed
        self._record: NetworkRecord | None = None

    def lanes(self, styles: int) -> int | None:
        """How many styles are drawn side by side; see `lanes_for`. Reads the base, loads torch."""
        from artstyle.pipeline.encode.lanes import lanes_for

        self._read()
        return lanes_for(self.base.model.resolution, styles, self.device())

    def draw(self, part: Part, projected: Sequence[Projected]) -> list[Pixels]:
        """A style's picture of each latent; may be asked from several threads, after `lanes`.

        Raises:
            EngineError: the style cannot be read, or does not fit the base.
            ImageError: it draws values that are not finite.
        """
        import torch

        from artstyle.images import from_batch
        from stylegan_ext.drawing import draw
        from stylegan_ext.tuning import changed, left_of

        generator, shares = self._blended(part)
        rows = generator.num_ws
        pictures: list[Pixels] = []
        for one in projected:  # by itself: each has a change of the base of its own
            ws = torch.from_numpy(one.ws[None, :rows])
            change = {name: torch.from_numpy(part).float() for name, part in one.change.items()}
            with changed(generator.synthesis, left_of(change, shares, KEPT)):
                if self.seed is None:
                    drawn = draw(generator, ws, noise_mode="const")
                else:
                    drawn = draw(generator, ws, noise_mode="random", noise_words=[[self.seed]])
            pictures.append(_as_rgb(from_batch(drawn)[0]))
        return pictures

    def _blended(self, part: Part) -> tuple[Generator, dict[Level, float]]:
        """The network of a swap, and the style's share of each of its levels."""
        from stylegan_ext.checkpoint import read_model

        style = read_model(part.style.model.path).generator()
        generator, shares = blended(self._read(), style, part.swap)
        return generator.to(self.device()), shares

    def _read(self) -> NetworkRecord:
        from stylegan_ext.checkpoint import read_model

        if self._record is None:
            self._record = read_model(self.base.model.path).generator()
        return self._record


def draw_styles(
    drawer: Drawer,
    parts: Sequence[Part],
    projected: Sequence[Projected],
    files: Iterable[Sequence[Path]],
    *,
    emit: Emit = ignore,
) -> tuple[dict[str, list[Cell]], dict[str, str]]:
    """All cells, and the styles that cannot be drawn.

    Args:
        drawer: of the base.
        parts: the styles.
        projected: a latent per face.
        files: for each style, a file per face.
        emit: gets progress in cells, and warnings.

    Returns:
        A style's name -> a cell for each face; a style's name -> why it is left out.

    Raises:
        EngineError: no style can be drawn, for the reason of the first.
        OSError: a cell cannot be written.
    """
    wanted = [
        _Column(part, [style_lineage(drawer.base, part, one, drawer.seed) for one in projected], to)
        for part, to in zip(parts, files, strict=True)
    ]
    total = len(parts) * len(projected)
    missing = [column for column in wanted if None in column.cells]
    emit(Progress("draw", total - sum(one.cells.count(None) for one in missing), total, "cells"))
    faults = _draw_missing(drawer, missing, projected, total, emit) if missing else {}
    for name, fault in faults.items():
        emit(Note(f"{name} is left out: {fault}", "warning"))
    emit(Progress("draw", total, total, "cells"))
    columns = {
        one.name: [cell for cell in one.cells if cell is not None]
        for one in wanted
        if one.name not in faults
    }
    if parts and not columns:
        raise next(iter(faults.values()))
    return columns, {name: str(fault) for name, fault in faults.items()}


class _Column:
    """A style's cells: those that are there, and where the others go."""

    def __init__(
        self, part: Part, lineages: Sequence[dict[str, Any]], places: Sequence[Path]
    ) -> None:
        self.part, self.name = part, part.style.name
        self._lineages, self._places = lineages, places
        self.cells = [kept_cell(*pair) for pair in zip(places, lineages, strict=True)]

    def draw(self, drawer: Drawer, projected: Sequence[Projected]) -> None:
        """Draw and write what is missing."""
        todo = [row for row, cell in enumerate(self.cells) if cell is None]
        drawn = drawer.draw(self.part, [projected[row] for row in todo])
        for row, pixels in zip(todo, drawn, strict=True):
            self.cells[row] = write_cell(self._places[row], self._lineages[row], pixels)


def _draw_missing(
    drawer: Drawer,
    columns: Sequence[_Column],
    projected: Sequence[Projected],
    total: int,
    emit: Emit,
) -> dict[str, EngineError | ImageError]:
    """Draw styles side by side; a style's name -> why it cannot be drawn, in their order."""
    from artstyle.pipeline.encode.lanes import Steps, in_lanes

    done = total - sum(one.cells.count(None) for one in columns)
    told = Steps("draw", total, emit, unit="cells", done=done)

    def draw(column: _Column) -> EngineError | ImageError | None:
        count = column.cells.count(None)
        try:
            column.draw(drawer, projected)
        except (EngineError, ImageError) as fault:
            return fault
        finally:
            told(column.name, count)
        return None

    found = in_lanes(draw, columns, drawer.lanes(len(columns)), told)
    pairs = zip(columns, found, strict=True)
    return {column.name: fault for column, fault in pairs if fault is not None}


def _as_rgb(picture: Pixels) -> Pixels:
    """What a generator of one or four channels draws, as RGB."""
    if picture.shape[2] == 1:
        return picture.repeat(3, axis=2)
    return np.ascontiguousarray(picture[..., :3])

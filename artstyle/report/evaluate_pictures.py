"""What numbers do not show: the same latents through training, truncation, neighbours, a morph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from artstyle import files
from artstyle.events import Emit, ignore
from artstyle.images import encode_png
from artstyle.pipeline.evaluate import Neighbours, Target
from artstyle.pipeline.evaluate.targets import spread_evenly
from artstyle.pipeline.generate import Settings, generate, interpolate
from artstyle.report.generate_sheet import draw_sheet
from artstyle.report.sheet import contact_sheet

SEEDS = tuple(range(8))  # of the stack and of the truncation sheet
PSIS = (0.0, 0.25, 0.5, 0.7, 0.85, 1.0)
MORPH_SEEDS = tuple(range(6))
MORPH_FRAMES = 30  # from seed to seed, at 30 a second
STACK_COLUMNS = 10
_CELL_PX = 128


def draw_stack(
    targets: Sequence[Target],
    out: Path,
    *,
    seeds: Sequence[int] = SEEDS,
    class_index: int | None = None,
    device: str = "auto",
    emit: Emit = ignore,
) -> Path | None:
    """The same latents through training: a row for each seed, a column for each snapshot.

    Args:
        targets: snapshots, oldest first; at most ten, spread evenly, are shown.
        out: a folder for the pictures, their sheet and `generate.json`.
        seeds: which latents.
        class_index: of conditional models.
        device: where to draw.
        emit: gets progress.
    """
    numbered = [(number, Path()) for number in range(len(targets))]
    chosen = [targets[number] for number, _ in spread_evenly(numbered, STACK_COLUMNS)]
    shown = [target for target in chosen if target.model is not None]
    models = [target.model for target in shown if target.model is not None]
    work = generate(
        models,
        seeds,
        out=out,
        classes=None if class_index is None else [class_index],
        settings=Settings(device=device),
        emit=emit,
    )
    styles = ", ".join(dict.fromkeys(target.style for target in shown if target.style))
    titled = replace(
        work,
        title=f"{styles or 'the same latents'} through training",
        column_titles=tuple(target.name for target in shown),
    )
    return draw_sheet(titled, emit=emit)


def draw_truncation(
    target: Target,
    out: Path,
    *,
    seeds: Sequence[int] = SEEDS,
    class_index: int | None = None,
    device: str = "auto",
    emit: Emit = ignore,
) -> Path | None:
    """Truncation from the average picture to none; arguments as of `draw_stack`."""
    if target.model is None:
        return None
    work = generate(
        [target.model],
        seeds,
        out=out,
        truncation_psis=PSIS,
        classes=None if class_index is None else [class_index],
        settings=Settings(device=device),
        emit=emit,
    )
    return draw_sheet(work, emit=emit)


def draw_morph(
    target: Target,
    out: Path,
    *,
    seeds: Sequence[int] = MORPH_SEEDS,
    class_index: int | None = None,
    device: str = "auto",
    emit: Emit = ignore,
) -> Path | None:
    """A film that goes through some seeds and closes; arguments as of `draw_stack`."""
    if target.model is None:
        return None
    film = interpolate(
        [target.model],
        seeds,
        out=out,
        file=out / "morph.mp4",
        frames_per_key=MORPH_FRAMES,
        classes=None if class_index is None else [class_index],
        settings=Settings(device=device),
        emit=emit,
    )
    return film.file


def draw_neighbours(found: Neighbours, path: Path, *, title: str) -> Path:
    """A row for each sample: itself, then the training pictures nearest to it, with distances.

    The distance stands below each as a multiple of what is usual between training pictures; a
    sample that was learned by heart has a neighbour far below 1.
    """
    cells, labels = [], []
    unit = found.typical or 1.0
    for sample, near, distances in zip(found.samples, found.nearest, found.distances, strict=True):
        cells += [sample, *near]
        labels += ["sample", *(f"{distance / unit:.2f}" for distance in distances)]
    columns = 1 + found.distances.shape[1]
    sheet = contact_sheet(
        cells,
        columns=columns,
        labels=labels,
        column_groups=(1, columns - 1),
        cell_size_px=_CELL_PX,
        title=title,
        footer=f"distances in {found.space}; 1 is the median from a training picture to the nearest"
        " other one. The first rows are the first seeds, the others those that come nearest.",
    )
    files.write_bytes(path, encode_png(sheet))
    return path

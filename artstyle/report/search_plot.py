"""What a search found, to look at: the front with its knee, and people along it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from artstyle import files
from artstyle.images import write_png
from artstyle.pipeline.generate.record import KEYWORD, lineage_text
from artstyle.pipeline.search.run import PLOT, SHEET, Found
from artstyle.report.sheet import contact_sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE_INCHES, _DPI = (11.0, 8.0), 130
_INK, _SOFT, _PAPER = "#22252b", "#6c6f76", "#fbfaf8"
_FRONT, _KNEE, _BY_HAND = "#0072B2", "#D55E00", "#009E73"  # Okabe & Ito 2008
_STRIP_PEOPLE = 3  # rows of thumbnails below the plot
_CELL_AT_LEAST_PX = 96


def draw_report(found: Found) -> tuple[Path, Path]:
    """Write plot and sheet of a new search into its folder.

    Returns:
        The plot's file and the sheet's.

    Raises:
        OSError: a file cannot be written.
    """
    plot, sheet = found.folder / PLOT, found.folder / SHEET
    if found.is_new:
        files.write_bytes(plot, front_plot(found))
        _write_sheet(found, sheet)
    return plot, sheet


def front_plot(found: Found) -> bytes:
    """The front as a PNG: every swap a dot, the walk along it, the knee, and faces below."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context({"font.size": 10}):
        figure = Figure(figsize=_SIZE_INCHES, dpi=_DPI, facecolor=_PAPER, layout="constrained")
        FigureCanvasAgg(figure)
        axes, strip = figure.subplots(2, 1, height_ratios=(2.2, 1))
        axes.set_facecolor(_PAPER)
        _dots(axes, found)
        _line(axes, found)
        _dress(axes, found)
        _strip(strip, found)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def _dots(axes: Axes, found: Found) -> None:
    """All that was measured; swaps made by hand with their names."""
    others = [point for point in found.points if point.shares not in found.titles]
    axes.scatter(
        [point.style for point in others],
        [point.likeness for point in others],
        s=14,
        color="#b9b6b0",
        label="searched",
        linewidths=0,
    )
    hand = [point for point in found.points if point.shares in found.titles]
    axes.scatter(
        [point.style for point in hand],
        [point.likeness for point in hand],
        s=26,
        marker="D",
        color=_BY_HAND,
        label="made by hand",
        linewidths=0,
    )
    for point in hand:
        title = found.titles[point.shares]
        if title.startswith("smooth"):
            continue
        axes.annotate(
            title,
            (point.style, point.likeness),
            textcoords="offset points",
            xytext=(6, -11),
            fontsize=8,
            color=_BY_HAND,
        )


def _line(axes: Axes, found: Found) -> None:
    """The front, the walk along it, and the knee."""
    front = found.swap.front
    axes.plot(
        [point.style for point in front],
        [point.likeness for point in front],
        color=_FRONT,
        marker="o",
        markersize=5,
        linewidth=1.8,
        label="front",
    )
    axes.plot(
        [step.point.style for step in found.steps],
        [step.point.likeness for step in found.steps],
        color=_FRONT,
        linestyle=":",
        linewidth=1.4,
        marker="|",
        markersize=8,
        label="--strength 0, 0.1, ... 1",
    )
    for step in found.steps:
        if step.is_default:
            axes.plot(
                step.point.style,
                step.point.likeness,
                marker="*",
                markersize=17,
                color=_KNEE,
                linestyle="",
                label=f"default: strength {step.strength:g}",
            )


def _dress(axes: Axes, found: Found) -> None:
    said = found.swap.measured_in
    axes.set_title(
        f"{found.base.name} and {found.style.name}: how strongly",
        loc="left",
        color=_INK,
        fontweight="bold",
        pad=30,
    )
    axes.text(
        0,
        1.02,
        f"{said['people']}; style against {said['style_pictures']}\n{said['knee']}",
        transform=axes.transAxes,
        color=_SOFT,
        fontsize=9,
    )
    axes.set_xlabel(f"style (0 the base's pictures, 1 the style's own): {said['style']}")
    axes.set_ylabel(f"likeness (1 the same, 0 a stranger):\n{said['likeness']}")
    axes.grid(visible=True, color="#e0deda", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(frameon=False, labelcolor=_INK, fontsize=9)


def _strip(axes: Axes, found: Found) -> None:
    """Some people along the front, one column for each step."""
    rows = []
    for person in range(min(_STRIP_PEOPLE, len(found.names))):
        rows.append(np.concatenate([step.pictures[person] for step in found.steps], axis=1))
    side = len(found.steps[0].pictures[0])
    axes.imshow(np.concatenate(rows), interpolation="lanczos", aspect="equal")
    axes.set_xticks([(index + 0.5) * side for index in range(len(found.steps))])
    axes.set_xticklabels([f"{step.strength:g}" for step in found.steps])
    for label, step in zip(axes.get_xticklabels(), found.steps, strict=True):
        label.set_color(_KNEE if step.is_default else _SOFT)
        label.set_fontweight("bold" if step.is_default else "normal")
    axes.set_yticks([])
    axes.set_xlabel("strength", color=_SOFT)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _write_sheet(found: Found, path: Path) -> None:
    """All people, a row each, along the front."""
    side = len(found.steps[0].pictures[0])
    columns = [
        f"{step.strength:g}" + (" (default)" if step.is_default else "") for step in found.steps
    ]
    pictures = [step.pictures[row] for row in range(len(found.names)) for step in found.steps]
    said = found.swap.measured_in
    sheet = contact_sheet(
        pictures,
        column_labels=columns,
        row_labels=found.names,
        cell_size_px=side * -(-_CELL_AT_LEAST_PX // side),
        title=f"{found.base.name} and {found.style.name} by strength",
        footer=f"{said['people']}. licences: {found.base.licence}; {found.style.licence}",
    )
    lineage = {
        "what": "people along the front of a layer swap",
        "base": found.base.lineage(),
        "style": found.style.lineage(),
        "strengths": {f"{step.strength:g}": step.words for step in found.steps},
    }
    write_png(path, sheet, text={KEYWORD: lineage_text(lineage)})

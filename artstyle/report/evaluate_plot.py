"""plot_fid: a measure over the length of training, a line for each style."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artstyle import files
from artstyle.pipeline.evaluate import Row
from artstyle.report.line_colours import line_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE_INCHES, _DPI = (8.0, 4.5), 150
_INK, _SOFT, _PAPER = "#22252b", "#6c6f76", "#fbfaf8"


def plot_fid(rows: Sequence[Row], measure: str, path: Path, *, subtitle: str = "") -> Path | None:
    """Draw a measure over kimg; snapshots at their first truncation only.

    Args:
        rows: of any styles; those without kimg are left out.
        measure: its name, e.g. "fid" or "kd_dlib".
        path: a .png or .svg; replaced as a whole.
        subtitle: a line below the title, e.g. space and dataset.

    Returns:
        The file; None if there is nothing to draw.
    """
    lines = curves(rows, measure)
    if not lines:
        return None
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context({"svg.hashsalt": "artstyle", "font.size": 10}):
        figure = Figure(figsize=_SIZE_INCHES, dpi=_DPI, facecolor=_PAPER, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot(facecolor=_PAPER)
        for number, (style, points) in enumerate(lines.items()):
            _curve(axes, style, points, line_colour(number), is_alone=len(lines) == 1)
        _dress(axes, measure, subtitle, several=len(lines) > 1 or "" not in lines)
        if min(low for points in lines.values() for _, _, low, _ in points) >= 0:
            axes.set_ylim(bottom=0)
        stream = io.BytesIO()
        form = path.suffix.lower().removeprefix(".") or "png"
        nothing: dict[str, Any] = {"Software": None} if form == "png" else {"Date": None}
        figure.savefig(stream, format=form, metadata=nothing)  # no date, no version: same bytes
    files.write_bytes(path, stream.getvalue())
    return path


def curves(rows: Sequence[Row], measure: str) -> dict[str, list[tuple[int, float, float, float]]]:
    """For each style its points (kimg, value, low, high), rising; without interval low = high."""
    psis: dict[str, float | None] = {}
    found: dict[str, list[tuple[int, float, float, float]]] = {}
    for row in rows:
        one = next((held for held in row.measures if held.name == measure), None)
        if row.kimg is None or one is None:
            continue
        if psis.setdefault(row.style, row.psi) != row.psi:
            continue  # the truncation comparison is no part of the curve
        low = one.value if one.low is None else one.low
        high = one.value if one.high is None else one.high
        found.setdefault(row.style, []).append((row.kimg, one.value, low, high))
    return {style: sorted(points) for style, points in found.items()}


def _curve(
    axes: Axes,
    style: str,
    points: Sequence[tuple[int, float, float, float]],
    colour: str,
    *,
    is_alone: bool,
) -> None:
    """One line; its best value stands at its point, or among other lines beside its name."""
    kimg, values, low, high = (list(column) for column in zip(*points, strict=True))
    best = values.index(min(values))
    label = style if is_alone else f"{style}, best {values[best]:.4g}"
    axes.plot(kimg, values, color=colour, marker="o", markersize=4, linewidth=1.8, label=label)
    if low != values or high != values:
        axes.fill_between(kimg, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.plot(
        kimg[best], values[best], marker="o", markersize=9, markerfacecolor="none", color=colour
    )
    if not is_alone:
        return
    axes.annotate(
        f"{values[best]:.4g}",
        (kimg[best], values[best]),
        textcoords="offset points",
        xytext=(0, -14),
        ha="center",
        color=colour,
        fontsize=9,
    )


def _dress(axes: Axes, measure: str, subtitle: str, *, several: bool) -> None:
    axes.set_title(f"{measure} through training", loc="left", color=_INK, fontweight="bold", pad=20)
    axes.text(0, 1.02, subtitle, transform=axes.transAxes, color=_SOFT, fontsize=9)
    axes.set_xlabel("thousands of pictures shown (kimg)", color=_SOFT)
    axes.set_ylabel(f"{measure} (lower is better)", color=_SOFT)
    axes.grid(visible=True, color="#e0deda", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.margins(y=0.18)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if several:
        axes.legend(frameon=False, labelcolor=_INK)

"""Curves of trainings: losses, what ADA holds, and how fast it went; a line for each run."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from artstyle import files
from artstyle.pipeline.training_told import Tick, Told
from artstyle.report.line_colours import line_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE_INCHES, _DPI = (10.0, 6.4), 130
_INK, _SOFT, _PAPER, _LINE = "#22252b", "#6c6f76", "#fbfaf8", "#e0deda"

Figure: TypeAlias = Callable[[Tick], float]
_PANELS: tuple[tuple[str, Figure, Figure | None], ...] = (
    ("losses: G solid, D dashed", lambda tick: tick.g_loss, lambda tick: tick.d_loss),
    ("mean sign of D on reals (ADA holds 0.6)", lambda tick: tick.real_sign, None),
    ("p, probability of augmentations", lambda tick: tick.p, None),
    ("seconds per kimg", lambda tick: tick.sec_per_kimg, None),
)


def draw_curves(trainings: Sequence[Told], path: Path) -> Path:
    """Draw four panels over kimg; ticks on the line show where a run was resumed.

    Args:
        trainings: what `tell_training` gave; each begins at 0 kimg.
        path: a .png; replaced as a whole, the same bytes for the same figures.

    Returns:
        The file.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Drawing

    with rc_context({"font.size": 9}):
        drawing = Drawing(figsize=_SIZE_INCHES, dpi=_DPI, facecolor=_PAPER, layout="constrained")
        FigureCanvasAgg(drawing)
        panels = drawing.subplots(2, 2).flatten()
        for axes, (title, solid, dashed) in zip(panels, _PANELS, strict=True):
            for number, told in enumerate(trainings):
                colour = line_colour(number)
                _line(axes, told, solid, colour, label=told.name)
                if dashed is not None:
                    _line(axes, told, dashed, colour, style="--")
            _dress(axes, title)
        panels[0].legend(frameon=False, labelcolor=_INK, fontsize=8)
        for axes in panels[2:]:
            axes.set_xlabel("thousands of pictures shown (kimg)", color=_SOFT)
        stream = io.BytesIO()
        drawing.savefig(stream, format="png", metadata={"Software": None})
    files.write_bytes(path, stream.getvalue())
    return path


def _line(
    axes: Axes, told: Told, figure: Figure, colour: str, *, label: str = "", style: str = "-"
) -> None:
    kimg = [tick.kimg for tick in told.curve]
    values = [figure(tick) for tick in told.curve]
    axes.plot(kimg, values, style, color=colour, linewidth=1.4, label=label or None)
    for at in told.resumed_at_kimg:
        nearest = min(range(len(kimg)), key=lambda index: abs(kimg[index] - at))
        axes.plot(kimg[nearest], values[nearest], marker="|", markersize=9, color=colour)


def _dress(axes: Axes, title: str) -> None:
    axes.set_facecolor(_PAPER)
    axes.set_title(title, loc="left", color=_INK, fontsize=9.5, fontweight="bold")
    axes.grid(visible=True, color=_LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)

"""Where the distance to a style is measured: what sees strokes and colours, wherever they are."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias, get_args

from artstyle.errors import UsageError
from artstyle.events import Emit, Note, ignore
from artstyle.metrics.space import FeatureSpace

Choice: TypeAlias = Literal["auto", "own", "inception", "scatter"]
CHOICES: tuple[Choice, ...] = get_args(Choice)


def choose_style_space(
    choice: Choice = "auto",
    workspace: Path | None = None,
    *,
    device: str = "cpu",
    emit: Emit = ignore,
) -> FeatureSpace:
    """The space that was asked for; "auto" takes our own network where it is, else wavelets.

    Inception sees things rather than strokes, and has to be asked for.

    Args:
        choice: one of `CHOICES`.
        workspace: whose own perception network goes before the one that ships.
        device: where networks compute.
        emit: told when "auto" finds no network.

    Raises:
        UsageError: there is no such space.
        WeightsError: a network was asked for and is not here, or one that is here is damaged.
    """
    from artstyle.perception.choose import own_file

    if choice not in CHOICES:
        raise UsageError(f"there is no style space {choice!r:.40}; known: {', '.join(CHOICES)}")
    own = own_file(workspace) if choice in ("auto", "own") else None
    if own is not None:
        from artstyle.metrics.own_space import OwnSpace

        return OwnSpace.from_file(own, device=device)
    if choice == "auto":
        emit(Note("artstyle's own perception network is not here: style is measured by wavelets"))
    from artstyle.pipeline.evaluate.spaces import choose_space

    return choose_space("scatter" if choice == "auto" else choice, device=device, emit=emit)

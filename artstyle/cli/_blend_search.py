"""`artstyle blend --search`: its options, and what it prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from artstyle.cli._base import Context

if TYPE_CHECKING:
    from artstyle.pipeline.search.run import Found

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])
_OPTIONS = (
    click.option(
        "--photos",
        type=click.Path(exists=True, path_type=Path),
        metavar="DIR|ZIP",
        help="--search: people to try it on: aligned faces, or what 'artstyle project' wrote. "
        "[default: the base's own samples]",
    ),
    click.option("--people", type=click.IntRange(4), help="--search: how many. [default: 24]"),
    click.option(
        "--style-pictures",
        type=click.Path(exists=True, path_type=Path),
        metavar="DIR|ZIP",
        help="--search: the style's pictures. [default: the dataset it was trained on]",
    ),
    click.option(
        "--likeness",
        type=click.Choice(["auto", "dlib", "look"]),
        help="--search: what says whether a face is the same; auto takes dlib if it is there.",
    ),
    click.option(
        "--style-space",
        type=click.Choice(["auto", "own", "inception", "scatter"]),
        help="--search: where the distance to the style is measured; auto takes artstyle's own "
        "perception network if it is there.",
    ),
    click.option(
        "--budget",
        type=click.IntRange(1),
        help="--search: how many swaps to measure. [default: 64]",
    ),
    click.option("--seed", type=click.IntRange(0), help="--search: of its choices. [default: 0]"),
    click.option(
        "--report",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="--search: where plot, sheet and figures go. [default: reports/swap/STYLE]",
    ),
    click.option("--device", help="--search: auto, cpu, cuda or mps. [default: auto]"),
)


def search_options(function: _Decorated) -> _Decorated:
    """The options of a search; each is None unless it was given."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def refuse_without_search(given: Mapping[str, Any]) -> None:
    """See that no option of a search was given where nothing is searched.

    Raises:
        UsageError: one was.
    """
    from artstyle.errors import UsageError

    names = [f"--{name.replace('_', '-')}" for name, value in given.items() if value is not None]
    if names:
        raise UsageError(f"{', '.join(names)}: for a search only", hint="add --search")


def run_search(
    ctx: Context, base: str, style: str, others: Mapping[str, Any], **given: Any
) -> None:
    """Search, draw the report, and print what was found.

    Args:
        ctx: the command's.
        base: name or file.
        style: name or file.
        others: what was given that a search does not take, by option; None: it was not.
        given: the options of `search_options`.

    Raises:
        UsageError: an option that does not go with a search.
    """
    import shlex
    import sys

    from artstyle.errors import UsageError
    from artstyle.machine import choose_device
    from artstyle.pipeline.search.bench import Looks
    from artstyle.pipeline.search.run import search_swap
    from artstyle.report.search_plot import draw_report

    names = [name for name, value in others.items() if value is not None]
    if names:
        raise UsageError(
            f"--search writes {style}'s swap file and no blend: it does not take"
            f" {', '.join(names)}",
            hint="search first; then artstyle blend BASE STYLE --strength S --out FILE",
        )
    chosen = {name: value for name, value in given.items() if value is not None}
    chosen["device"] = choose_device(chosen.get("device", "auto"))
    renamed = {"photos": "photos", "people": "count", "device": "device"}
    renamed |= {name: name for name in ("style_pictures", "likeness", "style_space")}
    found = search_swap(
        base,
        style,
        ctx.workspace,
        looks=Looks(**{to: chosen[name] for name, to in renamed.items() if name in chosen}),
        **{name: chosen[name] for name in ("budget", "seed") if name in chosen},
        folder=chosen.get("report"),
        command=shlex.join(["artstyle", *sys.argv[1:]]),
        emit=ctx.emit,
    )
    plot, sheet = draw_report(found)
    ctx.result(_as_json(found, plot, sheet), lambda: _as_text(found, plot, sheet))


def _as_json(found: Found, plot: Path, sheet: Path) -> dict[str, Any]:
    return {
        "swap": found.path,
        "is_new": found.is_new,
        "base": found.base.card(),
        "style": found.style.card(),
        "default": {
            "strength": found.swap.default_strength,
            "weights": found.swap.default_weights,
        },
        "front": found.swap.front,
        "measured_in": found.swap.measured_in,
        "people": found.swap.photos,
        "swaps": len(found.points),
        "plot": plot,
        "sheet": sheet,
    }


def _as_text(found: Found, plot: Path, sheet: Path) -> str:
    from artstyle.cli._table import table

    swap = found.swap
    rows = [
        (f"{point.strength:g}", f"{point.likeness:.2f}", f"{point.style:.2f}", point.weights)
        for point in swap.front
    ]
    head = ("strength", "likeness", "style", "weights")
    said = swap.measured_in
    return "\n".join(
        [
            f"{found.style.name} over {found.base.name}: {said['people']}",
            f"likeness by {said['likeness']}; style by {said['style']}, {said['style_pictures']}",
            "",
            table(head, rows, right=frozenset(head[:3])),
            "",
            f"default: strength {swap.default_strength:g} ({said['knee']}): {swap.default_weights}",
            f"{'wrote' if found.is_new else 'is there already:'} {found.path}",
            f"plot: {plot}",
            f"sheet: {sheet}",
        ]
    )

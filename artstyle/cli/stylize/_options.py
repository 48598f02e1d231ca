"""Options that several methods have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import click

from artstyle.errors import UsageError

Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]

FILE = click.Path(path_type=Path)


def together(*options: Decorator) -> Decorator:
    """Several options as one decorator, in the order of the help."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


out_option = click.option(
    "--out",
    required=True,
    type=FILE,
    metavar="FILE_OR_DIR",
    help="FILE.png or FILE.jpg, or a folder; FILE.json lies beside it.",
)

seeing_options = together(
    click.option(
        "--perception",
        default="auto",
        show_default=True,
        metavar="NAME",
        help="Which network sees: auto, vgg19, vgg16, vgg19-normalised, own, random, or a file.",
    ),
    click.option(
        "--pooling",
        type=click.Choice(["average", "max"]),
        default="average",
        show_default=True,
        help="Between its blocks.",
    ),
    click.option(
        "--padding",
        type=click.Choice(["replicate", "reflect", "zeros"]),
        default="replicate",
        show_default=True,
        help="What it sees beyond the edges.",
    ),
    click.option(
        "--device",
        default="auto",
        show_default=True,
        metavar="NAME",
        help="auto, cpu, cuda or mps.",
    ),
)

search_options = together(
    click.option(
        "--optimizer",
        "method",
        type=click.Choice(["lbfgs", "adam"]),
        default="lbfgs",
        show_default=True,
        help="How the picture is searched.",
    ),
    click.option(
        "--steps",
        type=click.IntRange(1, 100_000),
        metavar="N",
        help="Steps at each size but the first. [default: 10]",
    ),
    click.option(
        "--first-steps",
        type=click.IntRange(1, 100_000),
        metavar="N",
        help="Steps at the first, coarsest size. [default: twice --steps]",
    ),
    click.option(
        "--iterations",
        type=click.IntRange(1, 10_000),
        metavar="N",
        help="Evaluations in a step. [default: 10]",
    ),
    click.option(
        "--lr",
        type=click.FloatRange(min=0, min_open=True),
        metavar="X",
        help="Rate. [default: lbfgs 1, adam 0.04]",
    ),
    click.option(
        "--history",
        type=click.IntRange(1, 200),
        metavar="N",
        help="Pairs that L-BFGS keeps; each takes twice the picture's memory. [default: 20]",
    ),
    click.option(
        "--ema",
        type=click.FloatRange(min=0, max=1, max_open=True),
        metavar="X",
        help="Decay of the iterates' average, which is drawn. [default: lbfgs 0, adam 0.99]",
    ),
    click.option(
        "--smoothness",
        type=click.FloatRange(0, 3),
        metavar="X",
        help="How dear fine detail is to the search; 0 as in the paper. [default: 1]",
    ),
    click.option(
        "--coarsest",
        "coarsest_px",
        type=click.IntRange(32, 8192),
        metavar="PX",
        help="Longer side of the first size; --size for one size only. [default: 128]",
    ),
    click.option(
        "--tile",
        "tile_px",
        type=click.IntRange(64, 8192),
        metavar="PX",
        help="Draw in tiles of this side, to save memory. [default: what half of it takes]",
    ),
    click.option("--seed", type=int, default=0, show_default=True, help="Of noise and filters."),
    click.option("--save-gif", type=FILE, metavar="FILE", help="The way there as FILE.gif."),
    click.option(
        "--save-video", type=FILE, metavar="FILE", help="The way there as FILE.mp4 or FILE.webm."
    ),
    click.option("--dry-run", is_flag=True, help="Say what would be drawn and how long it takes."),
)


def numbers(_: click.Context, option: click.Parameter, text: str | None) -> tuple[float, ...]:
    """A list like "2,1" as numbers; a click callback."""
    try:
        return tuple(float(part) for part in (text or "").split(",") if part.strip())
    except ValueError:
        raise click.BadParameter(
            f"{text!r:.40} is no list of numbers; write it like 2,1", param=option
        ) from None


def films_of(save_gif: Path | None, save_video: Path | None) -> tuple[Path, ...]:
    """The films that are wanted.

    Raises:
        UsageError: a suffix that is not the option's.
    """
    for option, file, suffixes in (
        ("--save-gif", save_gif, (".gif",)),
        ("--save-video", save_video, (".mp4", ".webm")),
    ):
        if file is not None and file.suffix.lower() not in suffixes:
            raise UsageError(
                f"{option} {file}: the name must end in {' or '.join(suffixes)}",
                hint=f"call it {file.with_suffix(suffixes[0]).name}",
            )
    return tuple(file for file in (save_gif, save_video) if file is not None)


def searched(options: dict[str, Any]) -> dict[str, Any]:
    """What the options of the search say, as arguments of `GatysSettings`; taken out of them."""
    from artstyle.baselines.optim import Search

    names = ("method", "lr", "iterations", "history", "ema")
    given = {name: options.pop(name) for name in names}
    search = Search(**{name: value for name, value in given.items() if value is not None})
    found: dict[str, Any] = {"search": search, "seed": options.pop("seed")}
    steps, first = options.pop("steps"), options.pop("first_steps")
    if steps is not None:
        found |= {"steps": steps, "first_steps": 2 * steps}
    if first is not None:
        found["first_steps"] = first
    for name in ("coarsest_px", "tile_px", "smoothness"):
        value = options.pop(name)
        if value is not None:
            found[name] = value
    return found


def seeing(options: dict[str, Any]) -> dict[str, Any]:
    """What the options of the network say, as arguments of `Seeing`; taken out of them."""
    from artstyle.machine import choose_device

    return {
        "choice": options.pop("perception"),
        "pooling": options.pop("pooling"),
        "padding": options.pop("padding"),
        "device": choose_device(options.pop("device")),
    }

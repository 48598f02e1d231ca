"""`artstyle finetune`: a style from a base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from artstyle.cli._base import Context, command
from artstyle.cli._training import as_json, as_text, take_means, training_options


@command(
    "finetune",
    example=(
        "artstyle finetune --style ghibli --dry-run\n"
        "artstyle finetune --style toon_head --base people --kimg 40\n"
        "artstyle finetune --style all --styles toon_head,pioneer --base people --minutes 120"
    ),
)
@click.option("--style", required=True, metavar="S", help="The style that is learned.")
@click.option("--base", metavar="MODEL", help="A model, a file, or a run. [default: the recipe's]")
@click.option(
    "--styles", metavar="A,B", help="Several styles for one conditional model, a class for each."
)
@click.option(
    "--dataset",
    type=click.Path(path_type=Path),
    metavar="Z.zip",
    help="The dataset. [default: the last that was built of the style]",
)
@click.option("--resolution", "resolution_px", type=int, metavar="PX", help="Of the dataset.")
@click.option("--grow", is_flag=True, default=None, help="Add levels to a smaller base.")
@click.option("--crop", is_flag=True, default=None, help="Leave levels out of a larger base.")
@click.option("--freeze-d", type=int, metavar="N", help="Layers of D that stay, the finest.")
@click.option(
    "--freeze",
    metavar="PARTS",
    help="Other parts that stay: G.mapping,G.synthesis.b4,G.synthesis.b*.torgb",
)
@training_options
def finetune(ctx: Context, styles: str | None, freeze: str | None, **options: Any) -> None:
    """Train a style from a base, or go on with it.

    What training/STYLE.toml says is taken, and options go before it. Base and dataset are compared
    before work starts, and what does not fit is said with what can be done about it. The same
    command goes on where it was broken off.
    """
    from artstyle.pipeline.train.start import finetune as run

    means = take_means(options)
    options["freeze"] = _words(freeze) or None
    done = run(ctx.workspace, styles=tuple(_words(styles)), means=means, emit=ctx.emit, **options)
    ctx.result(as_json(done), lambda: as_text(done))


def _words(text: str | None) -> list[str]:
    return [word.strip() for word in (text or "").split(",") if word.strip()]

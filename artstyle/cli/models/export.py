"""`artstyle models export`: a model for other tools."""

from __future__ import annotations

from pathlib import Path

import click

from artstyle.cli._base import Context, command


@command(
    "export",
    example="artstyle models export mine --out mine.pkl\n"
    "artstyle models export models/mine.safetensors --out mine.pt\n"
    "artstyle models export mine --half --networks G_ema --out light/mine.safetensors",
)
@click.argument("model")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="Ends in .pkl, .pt or .safetensors.",
)
@click.option("--half", is_flag=True, help="Half precision, half as large; .safetensors only.")
@click.option("--networks", metavar="A,B", help="Only these, e.g. G_ema or G_ema,D.")
@click.option("--no-noise", is_flag=True, help="Without noise maps: calmer, early in a training.")
def export(
    ctx: Context, model: str, *, out: Path, half: bool, networks: str | None, no_noise: bool
) -> None:
    """Write MODEL, a file or a name, for other tools, or a lighter one for our own.

    .pkl is for the official StyleGAN2-ADA and StyleGAN3 tools; the file carries our own source
    text for its networks, which they run. .pt is for rosinality's stylegan2-pytorch and its heirs
    (pSp, e4e, JoJoGAN); it takes StyleGAN2 with skips, without labels, in the channel counts that
    their class has written into it.
    """
    from artstyle.disk import in_words
    from artstyle.names import shown
    from artstyle.pipeline.models import export_model

    kept = None if networks is None else [name.strip() for name in networks.split(",")]
    made = export_model(
        model,
        out,
        workspace=ctx.workspace,
        networks=kept,
        half=half,
        without_noise=no_noise,
        emit=ctx.emit,
    )
    ctx.result(
        {"export": made},
        lambda: f"{shown(str(made.path))}\n  {in_words(made.size_bytes)}, sha256 {made.sha256}",
    )

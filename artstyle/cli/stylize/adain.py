"""`artstyle stylize adain`: photos and films in any painting's style, in one pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from artstyle.cli._base import Context, command
from artstyle.cli.stylize._options import FILE, out_option
from artstyle.errors import UsageError

EXAMPLE = """\
artstyle stylize adain photo.jpg --style starry_night.jpg --out styled.png
artstyle stylize adain photos --style paintings --alpha 0.8 --out styled
artstyle stylize adain photo.jpg --style night.jpg --style wave.jpg --weights 2,1 --out mixed.png
artstyle stylize adain walk.mp4 --style night.jpg --preserve-color luminance --out styled.mp4"""


def _numbers(_: click.Context, option: click.Parameter, text: str | None) -> tuple[float, ...]:
    """Numbers between commas."""
    try:
        return tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise UsageError(
            f"--{option.name} {text}: these are no numbers between commas", hint="such as 2,1"
        ) from None


@command("adain", example=EXAMPLE)
@click.argument("contents", type=FILE, nargs=-1, required=True, metavar="CONTENT...")
@click.option(
    "--style",
    "styles",
    multiple=True,
    required=True,
    metavar="STYLE",
    help="A painting, a folder of them, or a name that came with the decoder; several times.",
)
@out_option
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="How much of the style: 0 is the photo as the decoder draws it.",
)
@click.option(
    "--weights", callback=_numbers, metavar="LIST", help="Mix all styles into one: such as 2,1."
)
@click.option(
    "--preserve-color",
    "kept_colour",
    type=click.Choice(["luminance", "histogram"]),
    help="Keep the photo's colours: transfer brightness only, or recolour the painting first.",
)
@click.option(
    "--mask",
    "masks",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Where each style is wanted, white on black; one for each, in their order.",
)
@click.option(
    "--size",
    "size_px",
    type=click.IntRange(32, 8192),
    default=512,
    show_default=True,
    metavar="PX",
    help="Longer side of the results.",
)
@click.option("--full-size", is_flag=True, help="Results as large as what they are drawn from.")
@click.option(
    "--style-size",
    "style_size_px",
    type=click.IntRange(32, 8192),
    default=512,
    show_default=True,
    metavar="PX",
    help="Longer side at which paintings are seen: smaller gives larger strokes.",
)
@click.option(
    "--decoder", type=FILE, metavar="FILE", help="[default: of the workspace, else what ships]"
)
@click.option(
    "--encoder",
    default="auto",
    show_default=True,
    metavar="NET",
    help="auto: what the decoder belongs to; else own, vgg19, vgg19-normalised, or a file.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--dry-run", is_flag=True, help="Say what would be drawn, and draw nothing.")
def adain(  # noqa: PLR0917 - click passes them by name
    ctx: Context,
    contents: tuple[Path, ...],
    styles: tuple[str, ...],
    out: Path,
    masks: tuple[Path, ...],
    full_size: bool,
    decoder: Path | None,
    encoder: str,
    device: str,
    dry_run: bool,
    **options: Any,
) -> None:
    """Draw photos and films in the style of paintings: every CONTENT in every STYLE.

    The way of Huang and Belongie (2017): the photo's features get the painting's means and
    deviations, and a decoder draws a picture of them. What was drawn already, with the same
    inputs and settings, is kept. Large pictures are drawn piece by piece, and look as if they
    were not.
    """
    from artstyle.machine import choose_device
    from artstyle.pipeline.stylize.adain import AdainJob, AdainSettings, planned, stylize_adain
    from artstyle.pipeline.stylize.adain_model import load_adain

    size_px = None if full_size else options.pop("size_px")
    options.pop("size_px", None)
    settings = AdainSettings(size_px=size_px, **options)
    model = load_adain(
        ctx.workspace,
        decoder=decoder,
        encoder=encoder,
        device=choose_device(device),
        emit=ctx.emit,
    )
    job = AdainJob(contents, styles, out, settings, masks)
    if dry_run:
        places = [content.out for content, _ in planned(job, model, emit=ctx.emit)]
        data = {"model": model.card(), "perception": model.encoder.name, "out": places}
        ctx.result(data, f"would draw {len(places)}, behind {model.encoder.name}, into {out}")
        return
    done = stylize_adain(job, model, ctx.workspace, emit=ctx.emit)

    def text() -> str:
        lines = []
        for one in done.results:
            held = one.record["file"]
            how = "was done" if one.was_done else f"{one.record['seconds']:.1f} s"
            lines.append(f"{one.file}: {held['width_px']}x{held['height_px']} px, {how}")
        if done.failed:
            lines.append(f"{len(done.failed)} could not be drawn; see above")
        lines.append(f"drawn by {model.header.path.name}, seen by {done.perception}")
        return "\n".join(lines)

    ctx.result(done.data(), text)

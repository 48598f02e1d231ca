"""`artstyle blend`: two models become one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from artstyle.cli._base import Context, command
from artstyle.cli._blend_search import refuse_without_search, run_search, search_options

if TYPE_CHECKING:
    from artstyle.pipeline.blend import Blended
    from stylegan_ext.blend import Parent

_PARENT = click.Choice(["base", "style"])
_DONE = {"written": "wrote", "kept": "is there already:", "planned": "would write"}


@command(
    "blend",
    example=(
        "artstyle blend people toon --resolution 32 --out people-toon.safetensors\n"
        "artstyle blend people toon --resolution 32 --width 1 --out m.safetensors --preview 0-7\n"
        "artstyle blend people toon --weights 4-16:0,32.0:0.5,32.1-:1 --out own.safetensors\n"
        "artstyle blend people toon --resolution 16 --out x.safetensors --dry-run\n"
        "artstyle blend people toon --search --photos faces/\n"
        "artstyle blend people toon --strength 0.4 --out m.safetensors"
    ),
)
@click.argument("base")
@click.argument("style")
@click.option("--resolution", type=int, metavar="PX", help="Where the style begins.")
@click.option(
    "--width", type=float, metavar="LEVELS", help="Change over smoothly; without it, at once."
)
@click.option(
    "--weights",
    metavar="SPEC",
    help="The style's share of each level, 0 to 1, e.g. 4-16:0,32:0.5,64-:1. Levels left out get "
    "what --resolution says.",
)
@click.option(
    "--strength",
    type=click.FloatRange(0, 1),
    metavar="S",
    help="How strong the style is, 0 to 1, along the front that --search found.",
)
@click.option(
    "--mapping-from",
    type=_PARENT,
    default="base",
    show_default=True,
    help="Whose mapping network and average w.",
)
@click.option(
    "--const-from",
    type=_PARENT,
    default="base",
    show_default=True,
    help="Whose constant; StyleGAN3: Fourier input.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The blend, NAME.safetensors. Replaces an earlier blend, nothing else. Needed, but for "
    "--search.",
)
@click.option(
    "--preview", metavar="SEEDS", help="Draw these seeds, e.g. 0-7, to NAME.preview.png beside it."
)
@click.option("--dry-run", is_flag=True, help="Say what would come from where, and write nothing.")
@click.option(
    "--search", is_flag=True, help="Find how strongly this style is best laid over this base."
)
@search_options
def blend(  # noqa: PLR0917 - click passes them by name
    ctx: Context,
    base: str,
    style: str,
    resolution: int | None,
    width: float | None,
    weights: str | None,
    strength: float | None,
    mapping_from: Parent,
    const_from: Parent,
    out: Path | None,
    preview: str | None,
    dry_run: bool,
    search: bool,
    **looks: Any,
) -> None:
    """Swap layers: coarse levels of BASE, fine levels of STYLE.

    BASE and STYLE are names or files of models, and STYLE was fine-tuned from BASE. The blend draws
    with the base's coarse levels (pose, shape) and, from --resolution on, the style's fine ones
    (line, colour). The table says what comes from which, and how far the style has moved from the
    base there: 0 is not at all, and above 1 the two have nothing in common. Models of different
    resolution are blended up to the lower one.

    A level is one convolution: 32.0 and 32.1 are the two of 32 x 32 pixels. With --width W a level
    that lies x levels above 32.0 takes 1 / (1 + exp(-x / W)) from the style.

    With --search the shares of all levels are tried out on people (--photos, else the base's own
    samples): how much of the style is reached, and how alike the people stay. Written are the best
    compromises, from faint to strong, to STYLE.swap.json beside the model, and a plot and a sheet
    to look at. From then on --strength S blends by them, and the challenge takes the default that
    was found. It takes some minutes, and goes on where it was broken off.
    """
    from artstyle.errors import UsageError
    from artstyle.pipeline.blend import blend_models
    from stylegan_ext.errors import ParameterError
    from stylegan_ext.latents import parse_seeds

    if search:
        others: dict[str, Any] = {
            "--resolution": resolution,
            "--width": width,
            "--weights": weights,
            "--strength": strength,
            "--mapping-from style": True if mapping_from == "style" else None,
            "--const-from style": True if const_from == "style" else None,
            "--out": out,
            "--preview": preview,
            "--dry-run": dry_run or None,
        }
        run_search(ctx, base, style, others, **looks)
        return
    refuse_without_search(looks)
    if out is None:
        raise UsageError(
            "where shall the blend go? --out is missing", hint="--out NAME.safetensors"
        )
    try:
        seeds = parse_seeds(preview) if preview is not None else []
    except ParameterError as fault:
        raise UsageError(f"--preview: {fault}", hint=fault.hint) from fault
    blended = blend_models(
        base,
        style,
        ctx.workspace,
        out=out,
        resolution=resolution,
        width=width,
        weights=weights,
        strength=strength,
        mapping_from=mapping_from,
        const_from=const_from,
        dry_run=dry_run,
        emit=ctx.emit,
    )
    sheet = None
    if seeds and not dry_run:
        from artstyle.report.blend_preview import make_preview

        sheet = make_preview(blended, seeds, emit=ctx.emit)
    ctx.result(_as_json(blended, sheet), lambda: _as_text(blended, sheet))


def _as_json(blended: Blended, sheet: Path | None) -> dict[str, Any]:
    from stylegan_ext.blend import describe

    plan = blended.plan
    return {
        "out": blended.out,
        "state": blended.state,
        "base": blended.base.card(),
        "style": blended.style.card(),
        "resolution": plan.kwargs["img_resolution"],
        "rule": plan.rule,
        "shares": {
            level.label: share for level, share in zip(plan.levels, plan.shares, strict=True)
        },
        "mapping_from": plan.mapping_from,
        "const_from": plan.const_from,
        "origin": describe(plan),
        "drift": {each.part: each.distance for each in blended.drifts},
        "is_kin": blended.is_kin,
        "licence": blended.licence,
        "remarks": blended.remarks,
        "preview": sheet,
    }


def _as_text(blended: Blended, sheet: Path | None) -> str:
    from artstyle.cli._table import table

    plan = blended.plan
    lines = [
        f"base {blended.base.name} ({blended.base.resolution} px), "
        f"style {blended.style.name} ({blended.style.resolution} px): "
        f"{plan.rule}, {plan.kwargs['img_resolution']} px",
        "",
        table(("level", "part", "tensors", "from", "moved"), _rows(blended), right=_NUMBERS),
        "",
        f"licence: {blended.licence}",
        f"{_DONE[blended.state]} {blended.out}",
    ]
    return "\n".join(lines + ([f"preview: {sheet}"] if sheet else []))


_NUMBERS = frozenset({"tensors", "moved"})


def _rows(blended: Blended) -> list[tuple[str, str, str, str, str]]:
    """A line per part; the level and its drift stand beside its first part only."""
    from stylegan_ext.blend import describe

    drifts = {each.part: each.distance for each in blended.drifts}
    rows = []
    shown = ""
    for origin in describe(blended.plan):
        level = origin.level or ""
        moved = drifts.get(level or origin.part.partition(",")[0])
        is_first = not level or level != shown
        source = origin.source if isinstance(origin.source, str) else f"{origin.source:.3g} style"
        rows.append(
            (
                level if is_first else "",
                origin.part,
                str(len(origin.tensors)),
                source,
                "" if moved is None or not is_first else f"{moved:.3f}",
            )
        )
        shown = level
    return rows

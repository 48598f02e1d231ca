"""`artstyle project`: photos to latents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from artstyle.cli._base import Context, command

EXAMPLE = """\
artstyle project photo.jpg --model people --out projected
artstyle project *.jpg --model people --space w+ --steps 300 --film --out projected"""


@command("project", example=EXAMPLE)
@click.argument(
    "photos", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PHOTO..."
)
@click.option("--model", required=True, metavar="MODEL", help="Name or file of the model.")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder; every photo gets one of its own in it.",
)
@click.option(
    "--space",
    type=click.Choice(["w", "w+"]),
    default="w",
    show_default=True,
    help="One w for all layers (official), or one per layer (Image2StyleGAN).",
)
@click.option("--steps", type=click.IntRange(min=1), help="Adam steps. [default: w 1000, w+ 500]")
@click.option("--lr", type=click.FloatRange(min=0), help="Learning rate. [default: w 0.1, w+ 0.01]")
@click.option(
    "--features",
    type=click.Choice(["auto", "vgg16", "vgg19", "discriminator", "pixels"]),
    default="auto",
    show_default=True,
    help="What 'alike' means; auto takes the first that is there.",
)
@click.option("--class", "klass", type=int, help="Class of a conditional model.")
@click.option(
    "--fit",
    type=click.Choice(["square", "exact"]),
    default="square",
    show_default=True,
    help="Take the middle square and resize it, or refuse another size.",
)
@click.option(
    "--patience",
    type=click.IntRange(min=1),
    help="Stop a photo after so many steps without progress. [default: never]",
)
@click.option("--seed", type=int, default=303, show_default=True, help="Seed of the search.")
@click.option("--film", is_flag=True, help="Also write the search as proj.mp4.")
@click.option("--batched", is_flag=True, help="All photos in one pass: faster, not bit-equal.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
def project(  # noqa: PLR0917 - click passes them by name
    ctx: Context,
    photos: tuple[Path, ...],
    model: str,
    out: Path,
    device: str,
    dry_run: bool,
    **options: Any,
) -> None:
    """Find the latent of each PHOTO in a model.

    Writes for every photo projection.safetensors, projected_w.npz (as the official tool does),
    target.png, proj.png and projection.json. Photos that are finished are skipped, so the same
    command goes on where it was broken off.
    """
    from artstyle.machine import choose_device
    from artstyle.pipeline.project import project_photos, search_settings
    from artstyle.pipeline.project_catalog import tell_catalog
    from artstyle.weights.model_names import resolve_model

    path = resolve_model(model, ctx.workspace, emit=ctx.emit)
    chosen = {name: options.pop(name) for name in ("features", "klass", "fit", "film")}
    settings = search_settings(**options)
    where = choose_device(device)
    if dry_run:
        plan = f"{len(photos)} photos into {path}, {settings.steps} steps in {settings.space}"
        data = {"photos": photos, "model": path, "steps": settings.steps, "device": where}
        ctx.result(data, f"would project {plan} on {where}, into {out}")
        return
    results = project_photos(photos, path, out, settings, **chosen, device=where, emit=ctx.emit)
    tell_catalog(ctx.workspace, path, results)

    def text() -> str:
        lines = [f"likeness measured in: {results[0].features}"]
        for one in results:
            how = "was done" if one.was_done else f"{one.steps} steps"
            figures = f"distance {one.perceptual_distance:.4f}, pixels {one.pixel_rmse:.1f}/255"
            lines.append(f"{one.folder}: {figures} ({how})")
        return "\n".join(lines)

    ctx.result({"model": path, "out": out, "photos": results}, text)

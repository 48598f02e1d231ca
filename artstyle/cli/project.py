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
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    help="Adam steps. [default: w 1000, w+ 500, 150 from an encoder's guess]",
)
@click.option("--lr", type=click.FloatRange(min=0), help="Learning rate. [default: w 0.1, w+ 0.01]")
@click.option(
    "--features",
    type=click.Choice(["auto", "vgg16", "vgg19", "own", "discriminator", "pixels"]),
    default="auto",
    show_default=True,
    help="What 'alike' means; auto takes the first that is there.",
)
@click.option("--class", "klass", type=int, help="Class of a conditional model.")
@click.option(
    "--fit",
    type=click.Choice(["auto", "face", "square", "exact"]),
    default="auto",
    show_default=True,
    help="Align the face; take the middle square; refuse another size. Auto: the face, where the "
    "model's pictures were aligned faces and one is found, else the square.",
)
@click.option("--face", type=click.IntRange(min=1), help="Which face, from the left, from 1.")
@click.option(
    "--encoder",
    default="auto",
    show_default=True,
    metavar="auto|none|FILE",
    help="What the search begins with; auto: in w+ the model's encoder, if it has one.",
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
    encoder: str,
    **options: Any,
) -> None:
    """Find the latent of each PHOTO in a model.

    Writes for every photo projection.safetensors, projected_w.npz (as the official tool does),
    target.png, proj.png and projection.json. Photos that are finished are skipped, so the same
    command goes on where it was broken off.
    """
    from artstyle.machine import choose_device
    from artstyle.pipeline.project import project_photos
    from artstyle.pipeline.project_catalog import tell_catalog
    from artstyle.pipeline.project_settings import search_settings, which_encoder
    from artstyle.weights.model_names import resolve_model

    path = resolve_model(model, ctx.workspace, emit=ctx.emit)
    chosen = {name: options.pop(name) for name in ("features", "klass", "fit", "face", "film")}
    guess = which_encoder(encoder, path, ctx.workspace, options["space"], emit=ctx.emit)
    settings = search_settings(**options, has_guess=guess is not None)
    where = choose_device(device)
    if dry_run:
        plan = f"{len(photos)} photos into {path}, {settings.steps} steps in {settings.space}"
        plan += f" from the guess of {guess}" if guess is not None else ""
        data = {"photos": photos, "model": path, "steps": settings.steps, "device": where}
        data["encoder"] = guess
        ctx.result(data, f"would project {plan} on {where}, into {out}")
        return
    results = project_photos(
        photos, path, out, settings, **chosen, encoder=guess, device=where, emit=ctx.emit
    )
    tell_catalog(ctx.workspace, path, results)

    def text() -> str:
        lines = [f"likeness measured in: {results[0].features}"]
        for one in results:
            how = "was done" if one.was_done else f"{one.steps} steps"
            figures = f"distance {one.perceptual_distance:.4f}, pixels {one.pixel_rmse:.1f}/255"
            lines.append(f"{one.folder}: {figures} ({how})")
        return "\n".join(lines)

    ctx.result({"model": path, "out": out, "photos": results}, text)

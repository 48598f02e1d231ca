"""Photos to latents of a model: what `artstyle project` does.

Every photo gets a folder of its own under `out`, with `projection.safetensors` (ws and noise maps),
`projected_w.npz` (as the official tool writes it), `target.png`, `proj.png`, `proj.mp4` if wished,
and `projection.json`, which is written last: a photo that has one was finished with those settings,
and is left alone when the command runs again.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import torch
from safetensors.torch import save

import stylegan_ext
from artstyle import __version__, images
from artstyle.errors import UsageError
from artstyle.events import Emit, Progress, ignore
from artstyle.files import sha256_of, write_bytes, write_json
from artstyle.perception.likeness import Choice, choose_features
from stylegan_ext.features import Features
from stylegan_ext.header import read_header
from stylegan_ext.latents import one_hot
from stylegan_ext.networks import Generator
from stylegan_ext.project import (
    Projection,
    ProjectionSettings,
    Space,
    Step,
    for_space,
    project,
)

if TYPE_CHECKING:
    from artstyle.video.write import VideoWriter

Fit: TypeAlias = Literal["square", "exact"]
FILM_SECONDS = 12.0  # long enough to watch, short enough to be watched
FILM_FPS = 25.0
AT_ONCE = 4  # photos searched side by side; the finished ones of a broken run are kept


@dataclass(frozen=True)
class Projected:
    """One photo's result."""

    photo: Path
    folder: Path
    perceptual_distance: float
    pixel_rmse: float  # in levels of 255
    features: str  # what the perceptual distance was measured in
    steps: int
    was_done: bool  # finished by an earlier run


@dataclass(frozen=True)
class _Job:
    photo: Path
    folder: Path
    pixels: np.ndarray[Any, np.dtype[np.uint8]]
    identity: dict[str, Any]  # what decides the result


def project_photos(
    photos: Sequence[Path],
    model: Path,
    out: Path,
    settings: ProjectionSettings,
    *,
    features: Choice = "auto",
    klass: int | None = None,
    fit: Fit = "square",
    film: bool = False,
    device: str = "cpu",
    emit: Emit = ignore,
) -> list[Projected]:
    """Project photos into a model and write what was found.

    Args:
        photos: picture files.
        model: a model file of ours.
        out: the folder for one folder per photo.
        settings: how to search.
        features: what "alike" means.
        klass: the class of a conditional model.
        fit: "square" takes the largest middle square and resizes it; "exact" refuses another size.
        film: also write the search as a film.
        device: where to compute.
        emit: told of every step.

    Raises:
        UsageError: no photos.
        ImageError: a photo cannot be read, or does not fit.
        EngineError: the model cannot be read, or does not suit.
    """
    if not photos:
        raise UsageError("no photo was given", hint="artstyle project photo.jpg --model MODEL")
    networks = stylegan_ext.load_all(model, device)
    generator = networks.get("G_ema") or networks.get("G")
    if not isinstance(generator, Generator):
        generator = stylegan_ext.load(model)  # raises, saying what the file holds instead
    label = _label(generator, klass)
    chosen = choose_features(features, networks, device)
    common = _identity(model, settings, chosen, klass, film)
    origin = {
        "model": str(model),
        "licence": read_header(model).provenance.licence,
        "resolution": generator.img_resolution,
    }
    jobs, results = [], []
    for photo, folder in zip(photos, _folders(photos, out), strict=True):
        pixels = _fitted(photo, generator.img_resolution, fit)
        identity = common | {"photo_sha256": sha256_of(photo), "fit": fit}
        done = _finished(photo, folder, identity)
        if done is None:
            jobs.append(_Job(photo, folder, pixels, identity))
        else:
            results.append(done)
    for start in range(0, len(jobs), AT_ONCE):
        group = jobs[start : start + AT_ONCE]
        note = f"photos {start + 1}-{start + len(group)} of {len(jobs)}"
        found = _search(generator, group, chosen, settings, label, film, note, emit)
        results += [
            _write(job, projection, chosen.name, origin)
            for job, projection in zip(group, found, strict=True)
        ]
    order = {photo: i for i, photo in enumerate(photos)}
    return sorted(results, key=lambda result: order[result.photo])


def search_settings(
    space: Space,
    *,
    steps: int | None = None,
    lr: float | None = None,
    patience: int | None = None,
    seed: int = 303,
    batched: bool = False,
) -> ProjectionSettings:
    """The space's default settings with these changes; None keeps the default."""
    changes = {"steps": steps, "lr": lr, "patience": patience}
    given = {name: value for name, value in changes.items() if value is not None}
    return replace(for_space(space), seed=seed, batched=batched, **given)  # type: ignore[arg-type]


def _label(generator: Generator, klass: int | None) -> torch.Tensor | None:
    """[1, c_dim] of a class; None without one, which the projector refuses where it needs one."""
    if klass is None:
        return None
    label = one_hot([klass], generator.c_dim)
    return None if label is None else label.to(next(generator.parameters()).device)


def _identity(
    model: Path, settings: ProjectionSettings, features: Features, klass: int | None, film: bool
) -> dict[str, Any]:
    return {
        "model_sha256": sha256_of(model),
        "features": features.name,
        "settings": asdict(settings) | {"adam_betas": list(settings.adam_betas)},
        "class": klass,
        "film": film,
    }


def _folders(photos: Sequence[Path], out: Path) -> list[Path]:
    """One folder per photo, named after it; names that occur twice are numbered."""
    folders: list[Path] = []
    for photo in photos:
        number, folder = 1, out / photo.stem
        while folder in folders:
            number += 1
            folder = out / f"{photo.stem}-{number}"
        folders.append(folder)
    return folders


def _fitted(photo: Path, size_px: int, fit: Fit) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The photo as HWC uint8 of the model's size."""
    picture = images.read_rgb(photo)
    if fit == "exact" and (picture.width, picture.height) != (size_px, size_px):
        raise UsageError(
            f"{photo} is {picture.width}x{picture.height} px, the model draws {size_px}x{size_px}",
            hint="leave --fit exact out to take the middle square, resized",
        )
    return images.resize_lanczos(images.center_square(picture.rgb), size_px, size_px)


def _finished(photo: Path, folder: Path, identity: dict[str, Any]) -> Projected | None:
    """What an earlier run with the same photo, model and settings found, if it finished."""
    try:
        record = json.loads((folder / "projection.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or record.get("identity") != identity:
        return None
    return Projected(
        photo=photo,
        folder=folder,
        perceptual_distance=record["perceptual_distance"],
        pixel_rmse=record["pixel_rmse"],
        features=identity["features"],
        steps=record["steps"],
        was_done=True,
    )


def _search(  # noqa: PLR0917 - as its one caller has them
    generator: Generator,
    jobs: list[_Job],
    features: Features,
    settings: ProjectionSettings,
    label: torch.Tensor | None,
    film: bool,
    note: str,
    emit: Emit,
) -> list[Projection]:
    targets = images.to_tensor(np.stack([job.pixels for job in jobs]))
    with ExitStack() as films:
        writers = [films.enter_context(_film_of(job)) for job in jobs] if film else []
        wanted = set(_film_steps(settings.steps))

        def on_step(step: Step) -> None:
            loss = float(step.loss.mean())
            emit(
                Progress("project", step.index + 1, step.total, "steps", f"{note}, loss {loss:.4f}")
            )
            if writers and step.index in wanted:
                frames = images.from_batch(step.images)
                for writer, job, frame in zip(writers, jobs, frames, strict=True):
                    writer.write(np.concatenate([job.pixels, frame], axis=1))

        return project(generator, targets, features, settings, c=label, on_step=on_step)


def _film_of(job: _Job) -> VideoWriter:
    from artstyle.video.write import VideoWriter

    height, width = job.pixels.shape[:2]
    job.folder.mkdir(parents=True, exist_ok=True)
    return VideoWriter(job.folder / "proj.mp4", (width * 2, height), FILM_FPS)


def _film_steps(steps: int) -> Iterator[int]:
    """The steps that become frames: all of them, or as many as fill the film."""
    frames = min(steps, int(FILM_SECONDS * FILM_FPS))
    yield from (int(i * (steps - 1) / max(frames - 1, 1)) for i in range(frames))


def _write(job: _Job, found: Projection, features: str, origin: dict[str, Any]) -> Projected:
    """All files of one photo, the record last."""
    folder = job.folder
    folder.mkdir(parents=True, exist_ok=True)
    ws = found.ws.cpu()
    tensors = {"ws": ws} | {f"noise.{name}": m.cpu() for name, m in found.noise.items()}
    header = {"format": "artstyle projection", "identity": json.dumps(job.identity)}
    write_bytes(folder / "projection.safetensors", save(tensors, metadata=header))
    archive = io.BytesIO()
    np.savez(archive, w=ws[None].numpy())
    write_bytes(folder / "projected_w.npz", archive.getvalue())
    images.write_png(folder / "target.png", job.pixels)
    images.write_png(folder / "proj.png", images.from_tensor(found.image))
    record = {
        "identity": job.identity,
        "photo": str(job.photo),
        **origin,
        "perceptual_distance": found.perceptual_distance,
        "pixel_rmse": found.pixel_rmse,
        "steps": found.steps,
        "losses": found.losses,
        "versions": {"artstyle": __version__, "torch": torch.__version__},
    }
    write_json(folder / "projection.json", record)
    return Projected(
        photo=job.photo,
        folder=folder,
        perceptual_distance=found.perceptual_distance,
        pixel_rmse=found.pixel_rmse,
        features=features,
        steps=found.steps,
        was_done=False,
    )

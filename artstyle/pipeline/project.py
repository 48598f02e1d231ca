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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import save

import stylegan_ext
from artstyle import __version__, images
from artstyle.errors import UsageError
from artstyle.events import Emit, Progress, ignore
from artstyle.files import sha256_of, write_bytes, write_json
from artstyle.perception.likeness import Choice, choose_features
from artstyle.pipeline.encode.find import read_encoder
from artstyle.pipeline.project_fit import Fit, Fitted, Fitter
from stylegan_ext.features import Features
from stylegan_ext.header import read_header
from stylegan_ext.latents import one_hot
from stylegan_ext.networks import Encoder, Generator
from stylegan_ext.project import Projection, ProjectionSettings, Step, project

if TYPE_CHECKING:
    from artstyle.video.write import VideoWriter

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
    fitted: Fitted
    identity: dict[str, Any]  # what decides the result

    @property
    def pixels(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """[side, side, 3], [0, 255], RGB."""
        return self.fitted.pixels


def project_photos(
    photos: Sequence[Path],
    model: Path,
    out: Path,
    settings: ProjectionSettings,
    *,
    features: Choice = "auto",
    klass: int | None = None,
    fit: Fit = "square",
    face: int | None = None,
    encoder: Path | None = None,
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
        fit: how photos get the model's size; see `Fitter`.
        face: which face of a photo, from the left from 1.
        encoder: the model's; the search begins with what it says, else in the middle of w.
        film: also write the search as a film.
        device: where to compute.
        emit: told of every step.

    Raises:
        UsageError: no photos, or the encoder is that of another model.
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
    guess = None if encoder is None else read_encoder(encoder, model, device)
    common = _identity(model, settings, chosen, klass, film)
    if encoder is not None:
        common["encoder_sha256"] = sha256_of(encoder)
    provenance = read_header(model).provenance
    origin = {
        "model": str(model),
        "licence": provenance.licence,
        "resolution": generator.img_resolution,
    }
    fitter = Fitter(generator.img_resolution, fit, provenance.preprocessing, number=face, emit=emit)
    jobs, results = [], []
    for photo, folder in zip(photos, _folders(photos, out), strict=True):
        identity = common | {"photo_sha256": sha256_of(photo), "fit": fit}
        if face is not None:
            identity["face"] = face
        done = _finished(photo, folder, identity)
        if done is None:
            jobs.append(_Job(photo, folder, fitter(photo), identity))
        else:
            results.append(done)
    for start in range(0, len(jobs), AT_ONCE):
        group = jobs[start : start + AT_ONCE]
        note = f"photos {start + 1}-{start + len(group)} of {len(jobs)}"
        found = _search(generator, group, chosen, settings, label, guess, film, note, emit)
        results += [
            _write(job, projection, chosen.name, origin)
            for job, projection in zip(group, found, strict=True)
        ]
    order = {photo: i for i, photo in enumerate(photos)}
    return sorted(results, key=lambda result: order[result.photo])


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
    guess: Encoder | None,
    film: bool,
    note: str,
    emit: Emit,
) -> list[Projection]:
    targets = images.to_tensor(np.stack([job.pixels for job in jobs]))
    start = None
    if guess is not None:
        seen = targets.to(next(guess.parameters()).device)
        with torch.no_grad():  # one by one: what a photo gets is the same in any company
            start = torch.cat([guess(one[None, : guess.img_channels]) for one in seen])
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

        return project(
            generator, targets, features, settings, c=label, start=start, on_step=on_step
        )


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
        "fitted": {"how": job.fitted.how, **job.fitted.facts},
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

"""Aligned faces to latents of a base model, in seconds: what the challenge begins with.

    found = invert_faces(faces, base, encoder="auto", workspace=workspace)
    generator.synthesis(found.ws)

With an encoder of the base its guess is refined by a few steps; without one the search begins at
the middle and takes more. Several calls with one base share an `Inverter`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

import stylegan_ext
from artstyle import images
from artstyle.errors import UsageError
from artstyle.events import Emit, ignore
from artstyle.faces.quad import face_window
from artstyle.perception.likeness import Choice, choose_features
from artstyle.pipeline.encode.find import find_encoder, read_encoder, what_is_alike
from artstyle.pipeline.encode.lanes import Steps, in_lanes, lanes_for
from stylegan_ext.features import EdgeFeatures
from stylegan_ext.header import read_header
from stylegan_ext.inversion import InversionSettings, invert
from stylegan_ext.latent_space import latent_space
from stylegan_ext.networks import Generator
from stylegan_ext.tuning import Change, TuningSettings, tune

Pixels: TypeAlias = NDArray[np.uint8]
WhichEncoder: TypeAlias = Path | Literal["auto"] | None

STEPS = 60  # from an encoder's guess
STEPS_TO_PIVOT = 6  # where the base is bent afterwards, which is worth more than more of these
MORE_STEPS = 2.5  # times as many from the middle
# A pivot's rows are held together: where they are nearly one w, as in training, all models that
# descend from the base draw clean lines. What is lost of the person comes back when it is bent.
_PIVOT: dict[str, Any] = {"prior_weight": 0.05, "spread_weight": 1.5, "lr": 0.2}
AT_ONCE = 16  # faces in one batch: more are no faster, and take memory


@dataclass(frozen=True, eq=False)
class Inverted:
    """Faces as a base model draws them, in the order given."""

    ws: torch.Tensor  # float32 [n, num_ws, w_dim], on the CPU
    images: Pixels  # [n, res, res, 3], [0, 255], RGB
    seconds: float  # without loading
    perceptual_distance: tuple[float, ...]
    pixel_rmse: tuple[float, ...]  # in levels of 255
    record: dict[str, Any]  # how they were found; JSON types
    changes: tuple[Change, ...] = ()  # of the base's synthesis network, one per face, if tuned


def invert_faces(
    faces: Pixels,
    base: Path,
    *,
    encoder: WhichEncoder = "auto",
    workspace: Path | None = None,
    steps: int | None = None,
    tuning: int = 0,
    device: str = "cpu",
    emit: Emit = ignore,
) -> Inverted:
    """Find the latents of aligned faces in a base model.

    Args:
        faces: uint8 [n, h, w, 3], [0, 255], RGB, square, aligned as FFHQ's; resized to the base's
            resolution.
        base: the base's file.
        encoder: a file; "auto" looks for one (see `find_encoder`); None: without.
        workspace: where "auto" looks besides.
        steps: of search, from an encoder's guess; without one 2.5 times as many. None: 60, or 10
            where the base is bent afterwards.
        tuning: steps of pivotal tuning after it, which bend the base towards each face.
        device: where to compute.
        emit: told of every step, maybe from other threads, but one at a time.

    Raises:
        UsageError: the faces are no such array, or the encoder is that of another model.
        EngineError: a file cannot be read.
    """
    inverter = Inverter(base, encoder=encoder, workspace=workspace, device=device, emit=emit)
    return inverter(faces, steps=steps, tuning=tuning, emit=emit)


class Inverter:
    """A base model, its encoder and what is measured with, loaded once.

    Args:
        base: the base's file.
        encoder: see `invert_faces`.
        workspace: see `invert_faces`.
        features: what "alike" means; None: the base's discriminator, else what is quick.
        settings: how to search, but for the number of steps.
        device: where to compute.
        emit: told of an encoder that was passed over.

    Raises:
        UsageError: the encoder is that of another model.
        EngineError: a file cannot be read.
    """

    def __init__(
        self,
        base: Path,
        *,
        encoder: WhichEncoder = "auto",
        workspace: Path | None = None,
        features: Choice | None = None,
        settings: InversionSettings | None = None,
        device: str = "cpu",
        emit: Emit = ignore,
    ) -> None:
        self.base, self.device = base, device
        networks = stylegan_ext.load_all(base, device)
        generator = networks.get("G_ema") or networks.get("G")
        if not isinstance(generator, Generator):
            generator = stylegan_ext.load(base)  # raises, saying what the file holds instead
        self.generator = generator
        wanted = what_is_alike(networks) if features is None else features
        self.features = choose_features(wanted, networks, device)
        path = find_encoder(base, workspace, emit=emit) if encoder == "auto" else encoder
        self.encoder_path = path
        self.encoder = None if path is None else read_encoder(path, base, device)
        self.space = latent_space(generator) if self.encoder is None else self.encoder.space
        self.settings = settings or InversionSettings()

    def steps_of(self, steps: int) -> int:
        """How many steps are taken where so many were asked for."""
        return steps if self.encoder is not None else round(steps * MORE_STEPS)

    def encode(self, faces: Pixels) -> torch.Tensor:
        """What the encoder says, without any search: ws [n, num_ws, w_dim].

        Raises:
            UsageError: there is no encoder, or the faces are no array of faces.
        """
        if self.encoder is None:
            raise UsageError(
                f"{self.base} has no encoder", hint=f"artstyle train-encoder --base {self.base}"
            )
        return self._guess(self._targets(faces)).cpu()

    def __call__(
        self, faces: Pixels, *, steps: int | None = None, tuning: int = 0, emit: Emit = ignore
    ) -> Inverted:
        """Find the latents of faces; see `invert_faces`."""
        targets = self._targets(faces)
        began = time.perf_counter()
        settings = self.settings_for(steps, tuning)
        guess = None if self.encoder is None else self._guess(targets)
        lanes = lanes_for(self.generator.img_resolution, len(targets), self.device)
        size = min(AT_ONCE, -(-len(targets) // (lanes or 1)))
        groups = [slice(at, at + size) for at in range(0, len(targets), size)]
        told = Steps("invert", settings.steps * len(groups) + tuning * len(targets), emit)

        def follow(group: slice) -> _Part:
            start = None if guess is None else guess[group]
            found = self._search(targets[group], start, settings, told)
            return self._tune(targets[group], found.ws, tuning, told) if tuning else found

        whole = _joined(in_lanes(follow, groups, lanes, told))
        return Inverted(
            ws=whole.ws.cpu(),
            images=images.from_batch(whole.images.expand(-1, 3, -1, -1)),  # grey or not
            seconds=time.perf_counter() - began,
            perceptual_distance=whole.distances,
            pixel_rmse=whole.errors,
            record=self.record(settings, tuning),
            changes=whole.changes,
        )

    def settings_for(self, steps: int | None = None, tuning: int = 0) -> InversionSettings:
        """How faces are searched: in fewer steps, and nearer to W, if the base is bent."""
        hold = replace(self.settings, **_PIVOT) if tuning else self.settings
        usual = STEPS_TO_PIVOT if tuning else STEPS
        return replace(hold, steps=self.steps_of(usual if steps is None else steps))

    def _search(
        self,
        targets: torch.Tensor,
        start: torch.Tensor | None,
        settings: InversionSettings,
        told: Steps,
    ) -> _Part:
        found = invert(
            self.generator,
            targets,
            self.features,
            settings,
            start=start,
            space=self.space,
            told=lambda _step, _steps, loss: told(f"search, loss {loss:.3f}"),
        )
        distances, errors = found.feature_distance.tolist(), found.pixel_rmse.tolist()
        return _Part(found.ws, found.images, tuple(distances), tuple(errors))

    def _tune(self, targets: torch.Tensor, ws: torch.Tensor, steps: int, told: Steps) -> _Part:
        """The base bent towards each face by itself."""
        window = torch.from_numpy(face_window(self.generator.img_resolution)).to(self.device)
        tuned = [
            tune(
                self.generator,
                pivot,
                target,
                TuningSettings(steps=steps),
                alike=self.settings,
                pixel_weights=window,
                told=lambda _step, _steps, loss: told(f"tune, loss {loss:.3f}"),
            )
            for target, pivot in zip(targets, ws, strict=True)
        ]
        images = torch.stack([one.image for one in tuned])
        with torch.no_grad():  # as the search measures it, whatever the tuning went by
            distances = (self.features(images) - self.features(targets)).square().sum(dim=1)
        return _Part(
            ws,
            images,
            tuple(distances.tolist()),
            tuple(one.pixel_rmse for one in tuned),
            tuple(one.change for one in tuned),
        )

    def record(self, settings: InversionSettings, tuning: int = 0) -> dict[str, Any]:
        """How faces are found; JSON types."""
        header = read_header(self.base)
        how = "search from the middle of W, for there is no encoder"
        encoder = None
        if self.encoder_path is not None:
            how = "encoder, then search" if settings.steps else "encoder"
            encoder = {
                "file": str(self.encoder_path),
                "content_sha256": read_header(self.encoder_path).content_sha256,
            }
        return {
            "how": how,
            "space": "w+",
            "base": {"file": str(self.base), "content_sha256": header.content_sha256},
            "encoder": encoder,
            "features": self.features.name,
            "settings": asdict(settings) | {"betas": list(settings.betas)},
            "tuning": _tuning_card(tuning),
        }

    @torch.no_grad()
    def _guess(self, targets: torch.Tensor) -> torch.Tensor:
        assert self.encoder is not None
        guess: torch.Tensor = self.encoder(targets)
        return guess

    def _targets(self, faces: Pixels) -> torch.Tensor:
        """Faces as the base draws them: float32 [n, c, res, res] in [-1, 1]."""
        shape = faces.shape
        if faces.dtype != np.uint8 or faces.ndim != 4 or shape[1] != shape[2] or shape[3] != 3:
            raise UsageError(
                f"faces are uint8 [n, side, side, 3]; this is {faces.dtype} {list(shape)}"
            )
        if not len(faces):
            raise UsageError("there is no face to invert")
        side = self.generator.img_resolution
        fitted = np.stack([images.resize_lanczos(face, side, side) for face in faces])
        targets = images.to_tensor(fitted).to(self.device)
        if self.generator.img_channels == 1:
            targets = targets.mean(dim=1, keepdim=True)
        return targets


@dataclass(frozen=True, eq=False)
class _Part:
    """What was found for some of the faces."""

    ws: torch.Tensor
    images: torch.Tensor
    distances: tuple[float, ...]
    errors: tuple[float, ...]
    changes: tuple[Change, ...] = ()


def _joined(parts: Sequence[_Part]) -> _Part:
    """All parts as one, in their order."""
    return _Part(
        torch.cat([part.ws for part in parts]),
        torch.cat([part.images for part in parts]),
        tuple(one for part in parts for one in part.distances),
        tuple(one for part in parts for one in part.errors),
        tuple(one for part in parts for one in part.changes),
    )


def _tuning_card(steps: int) -> dict[str, Any] | None:
    """How a base was tuned; JSON types. None: it was not."""
    if not steps:
        return None
    how = TuningSettings(steps=steps)
    return asdict(how) | {"betas": list(how.betas), "features": EdgeFeatures.name}

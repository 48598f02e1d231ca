"""Projection: the latent of a given photo.

Two spaces. *W*: one w for all layers, the algorithm of StyleGAN2 (appendix D) as the official tool
runs it. *W+*: a row per layer, as in Image2StyleGAN (Abdal et al. 2019), which follows a photo more
closely and leaves the model's manifold more easily.

Several photos are projected side by side, independently: each has its own noise maps, its own
random generator of the same seed, its own early stop. What a photo gets is the same to the bit
whatever its neighbours are, unless `batched` asks for one pass over all of them, which is faster on
a GPU and the same to rounding only (which an optimisation enlarges).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from torch.func import functional_call

from stylegan_ext.errors import MismatchError, ParameterError
from stylegan_ext.features import Features
from stylegan_ext.networks.generator import Generator

Space: TypeAlias = Literal["w", "w+"]


@dataclass(frozen=True)
class ProjectionSettings:
    """How to search. `W` holds the official values, `W_PLUS` ours; `for_space` picks."""

    space: Space = "w"
    steps: int = 1000
    lr: float = 0.1  # Adam
    adam_betas: tuple[float, float] = (0.9, 0.999)
    lr_rampup: float = 0.05  # share of the steps
    lr_rampdown: float = 0.25  # share of the steps, cosine
    w_noise: float = 0.05  # on w, in units of the spread of w
    w_noise_ramp: float = 0.75  # share of the steps until it is gone
    perceptual_weight: float = 1.0
    pixel_weight: float = 0.0  # on the mean squared error in [-1, 1]
    optimize_noise: bool = True
    noise_regularization: float = 1e5
    w_samples: int = 10_000  # to find the middle and the spread of w
    w_samples_seed: int = 123
    seed: int = 303
    patience: int | None = None  # stop a photo without progress for so many steps; None: never
    min_progress: float = 1e-3  # relative, what counts as progress
    batched: bool = False  # one pass over all photos: faster on a GPU, not bit-equal

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if self.space not in ("w", "w+"):
            raise ParameterError(f"space is 'w' or 'w+', not {self.space!r}")
        if self.steps < 1:
            raise ParameterError(f"steps must be 1 or more, not {self.steps}")
        if self.patience is not None and self.patience < 1:
            raise ParameterError(f"patience must be 1 or more, not {self.patience}")


W = ProjectionSettings()
# Image2StyleGAN uses lr 0.01 and 5000 steps with perceptual and pixel loss in equal parts. The
# constant rate, the shorter run and fixed noise maps are ours: noise maps would take up detail
# that W+ can hold itself, and they cannot follow into another model.
W_PLUS = ProjectionSettings(
    space="w+",
    steps=500,
    lr=0.01,
    lr_rampdown=0.25,
    w_noise=0.0,
    pixel_weight=1.0,
    optimize_noise=False,
)


def for_space(space: Space) -> ProjectionSettings:
    """The default settings of a space."""
    return replace(W_PLUS if space == "w+" else W, space=space)


@dataclass(frozen=True)
class Step:
    """What happened in one step, for progress bars and films; tensors are detached."""

    index: int  # from 0
    total: int
    loss: torch.Tensor  # [n]
    images: torch.Tensor  # [n, 3, res, res], not clamped
    active: torch.Tensor  # [n] bool: still searching


@dataclass(frozen=True)
class Projection:
    """The latent of one photo."""

    ws: torch.Tensor  # [num_ws, w_dim]
    noise: dict[str, torch.Tensor]  # maps [h, w] by buffer name; empty if they stayed the model's
    image: torch.Tensor  # [3, res, res], the photo as the model draws it, not clamped
    perceptual_distance: float
    pixel_rmse: float  # in levels of 255
    steps: int  # done for this photo
    losses: list[float]  # per step


def learning_rate(t: float, settings: ProjectionSettings) -> float:
    """The rate at time t in [0, 1): linear rise, constant, cosine fall (appendix D)."""
    fall = min(1.0, (1.0 - t) / settings.lr_rampdown) if settings.lr_rampdown else 1.0
    rise = min(1.0, t / settings.lr_rampup) if settings.lr_rampup else 1.0
    return settings.lr * (0.5 - 0.5 * math.cos(fall * math.pi)) * rise


def w_noise_scale(t: float, w_std: float, settings: ProjectionSettings) -> float:
    """Standard deviation of the noise on w at time t in [0, 1)."""
    if not settings.w_noise_ramp:
        return 0.0
    return w_std * settings.w_noise * max(0.0, 1.0 - t / settings.w_noise_ramp) ** 2


def noise_regularity(noise: torch.Tensor) -> torch.Tensor:
    """How much a noise map [n, 1, h, w] resembles itself one pixel on, at every scale; [n].

    Zero in expectation for white noise: it keeps the picture from hiding in the noise maps.
    """
    total = noise.new_zeros(noise.shape[0])
    while True:
        for axis in (3, 2):
            shifted = torch.roll(noise, shifts=1, dims=axis)
            total = total + (noise * shifted).mean(dim=[1, 2, 3]).square()
        if noise.shape[2] <= 8:
            return total
        noise = F.avg_pool2d(noise, kernel_size=2)


def w_statistics(
    generator: Generator, settings: ProjectionSettings, c: torch.Tensor | None = None
) -> tuple[torch.Tensor, float]:
    """The middle [w_dim] of w and the root mean squared distance from it.

    Args:
        generator: the model.
        settings: says how many samples of which seed.
        c: one label [1, c_dim] for all samples; None for unconditional models.
    """
    device = next(generator.parameters()).device
    z = np.random.RandomState(settings.w_samples_seed).randn(settings.w_samples, generator.z_dim)
    latents = torch.from_numpy(z).float().to(device)
    with torch.no_grad():
        label = None if c is None else c.expand(settings.w_samples, -1)
        w = generator.mapping(latents, label)[:, 0]
        middle = w.mean(dim=0)
        spread = (w - middle).square().sum().div(settings.w_samples).sqrt()
    return middle, float(spread)


def project(
    generator: Generator,
    targets: torch.Tensor,
    features: Features,
    settings: ProjectionSettings = W,
    *,
    c: torch.Tensor | None = None,
    start: torch.Tensor | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> list[Projection]:
    """Find latents that draw the given photos.

    Args:
        generator: the model; its parameters are left alone.
        targets: float32 [n, 3, res, res] in [-1, 1] at the model's resolution.
        features: what "alike" means; see `stylegan_ext.features`.
        settings: how to search.
        c: label [1, c_dim] of a conditional model.
        start: ws [n, num_ws, w_dim] to start from (an encoder's guess); None: the middle of w.
        on_step: told every step.

    Returns:
        One projection per photo, in order.

    Raises:
        MismatchError: the photos do not have the model's size or channels, or `start` does not fit.
        ParameterError: a conditional model without a label.
    """
    _check(generator, targets, c, start)
    search = _Search(generator, targets, features, settings, c, start)
    for index in range(settings.steps):
        step = search.step(index)
        if on_step is not None:
            on_step(step)
        if not bool(search.active.any()):
            break
    return search.results()


def _check(
    generator: Generator,
    targets: torch.Tensor,
    c: torch.Tensor | None,
    start: torch.Tensor | None,
) -> None:
    size = generator.img_resolution
    expected = (generator.img_channels, size, size)
    if targets.ndim != 4 or tuple(targets.shape[1:]) != expected:
        raise MismatchError(
            f"the photos are {list(targets.shape[1:])}, the model draws {list(expected)}",
            hint=f"align and resize them to {size}x{size} first",
        )
    if generator.c_dim > 0 and c is None:
        raise ParameterError(
            f"the model knows {generator.c_dim} classes; say which one the photos belong to"
        )
    ws_shape = (targets.shape[0], generator.num_ws, generator.w_dim)
    if start is not None and tuple(start.shape) != ws_shape:
        raise MismatchError(f"the start is {list(start.shape)}, expected {list(ws_shape)}")


class _Search:
    """The state of one optimisation over a batch of independent photos."""

    def __init__(  # noqa: PLR0917 - as its one caller has them
        self,
        generator: Generator,
        targets: torch.Tensor,
        features: Features,
        settings: ProjectionSettings,
        c: torch.Tensor | None,
        start: torch.Tensor | None,
    ) -> None:
        self.generator = generator
        self.features = features
        self.settings = settings
        device = next(generator.parameters()).device
        self.targets = targets.to(device).contiguous()  # the layout decides the rounding
        self.count = targets.shape[0]
        singles = [slice(i, i + 1) for i in range(self.count)]
        self.chunks = [slice(0, self.count)] if settings.batched else singles
        with torch.no_grad():
            self.target_features = [features(self.targets[chunk]) for chunk in self.chunks]
        middle, self.w_std = w_statistics(generator, settings, c)

        rows = generator.num_ws if settings.space == "w+" else 1
        if start is None:
            w = middle.expand(self.count, rows, -1)
        else:
            w = start.to(device) if rows > 1 else start.to(device).mean(dim=1, keepdim=True)
        self.w = w.clone().requires_grad_(True)
        # One generator per photo, all of the same seed, on the CPU: results do not depend on the
        # batch, and not on the device either.
        self.random = [torch.Generator().manual_seed(settings.seed) for _ in range(self.count)]
        self.noise = self._noise_maps() if settings.optimize_noise else {}
        self.optimizer = torch.optim.Adam(
            [self.w, *self.noise.values()], lr=settings.lr, betas=settings.adam_betas
        )
        self.active = torch.ones(self.count, dtype=torch.bool, device=device)
        self.best = torch.full([self.count], math.inf, device=device)
        self.best_index = torch.zeros(self.count, dtype=torch.long, device=device)
        self.losses: list[torch.Tensor] = []
        self.last_images = self.targets  # of the latest step, once there was one

    def _randn(self, *shape: int) -> torch.Tensor:
        """[n, *shape] normal numbers, each row from its own generator."""
        rows = [torch.randn(shape, generator=generator) for generator in self.random]
        return torch.stack(rows).to(self.targets.device)

    def _noise_maps(self) -> dict[str, torch.Tensor]:
        maps = {}
        for name, buffer in self.generator.synthesis.named_buffers():
            if name.endswith("noise_const"):
                maps[name] = self._randn(1, *buffer.shape).requires_grad_(True)
        return maps

    def _draw(self, w: torch.Tensor, chunk: slice) -> torch.Tensor:
        """Pictures of a chunk, with this search's noise maps in place of the model's."""
        noise = {name: maps[chunk] for name, maps in self.noise.items()}
        ws = w.expand(-1, self.generator.num_ws, -1)
        images: torch.Tensor = functional_call(
            self.generator.synthesis, noise, (ws,), {"noise_mode": "const"}
        )
        return images

    def _distances(self, images: torch.Tensor, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Perceptual distance and mean squared error in [-1, 1] of chunk `index`, each [n]."""
        perceptual = (self.features(images) - self.target_features[index]).square().sum(dim=1)
        error = (images - self.targets[self.chunks[index]]).square()
        return perceptual, error.mean(dim=[1, 2, 3])

    def step(self, index: int) -> Step:
        s = self.settings
        t = index / s.steps
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(t, s)
        scale = w_noise_scale(t, self.w_std, s)
        jitter = self._randn(*self.w.shape[1:]) * scale if scale else torch.zeros_like(self.w)
        before = [p.detach().clone() for p in (self.w, *self.noise.values())]
        self.optimizer.zero_grad(set_to_none=True)
        losses, images = [], []
        for number, chunk in enumerate(self.chunks):
            if not s.batched and not bool(self.active[number]):  # costs nothing any more
                losses.append(self.best[chunk])
                images.append(self.last_images[chunk])
                continue
            picture, loss = self._loss(number, jitter[chunk])
            torch.autograd.backward([loss.sum()])
            losses.append(loss.detach())
            images.append(picture.detach())
        self.optimizer.step()
        self._normalize_noise()
        self._restore(before)
        loss, self.last_images = torch.cat(losses), torch.cat(images)
        self.losses.append(torch.where(self.active, loss, math.nan))
        self._stop_where_nothing_moves(index, loss)
        return Step(index, s.steps, loss, self.last_images, self.active.clone())

    def _loss(self, number: int, jitter: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        s, chunk = self.settings, self.chunks[number]
        images = self._draw(self.w[chunk] + jitter, chunk)
        perceptual, pixel = self._distances(images, number)
        loss = s.perceptual_weight * perceptual + s.pixel_weight * pixel
        for maps in self.noise.values():
            loss = loss + s.noise_regularization * noise_regularity(maps[chunk])
        return images, loss

    @torch.no_grad()
    def _normalize_noise(self) -> None:
        for maps in self.noise.values():
            for one in maps:  # map by map: a sum over a batch may be split differently
                one.sub_(one.mean())
                one.mul_(one.square().mean().rsqrt())

    @torch.no_grad()
    def _restore(self, frozen: list[torch.Tensor]) -> None:
        """Photos that have stopped stay where they were."""
        if bool(self.active.all()):
            return
        for parameter, before in zip((self.w, *self.noise.values()), frozen, strict=True):
            parameter[~self.active] = before[~self.active]

    def _stop_where_nothing_moves(self, index: int, loss: torch.Tensor) -> None:
        s = self.settings
        better = loss < self.best * (1 - s.min_progress)
        self.best = torch.where(better, loss, self.best)
        self.best_index = torch.where(better, index, self.best_index)
        noise_is_gone = index / s.steps >= s.w_noise_ramp or not s.w_noise
        if s.patience is not None and noise_is_gone:
            self.active &= (index - self.best_index) < s.patience

    @torch.no_grad()
    def results(self) -> list[Projection]:
        history = torch.stack(self.losses)  # [steps, n]
        results = []
        for number, chunk in enumerate(self.chunks):
            images = self._draw(self.w[chunk], chunk)
            perceptual, pixel = self._distances(images, number)
            for k, i in enumerate(range(self.count)[chunk]):
                losses = [value for value in history[:, i].tolist() if not math.isnan(value)]
                ws = self.w[i].detach().expand(self.generator.num_ws, -1)
                results.append(
                    Projection(
                        ws=ws.clone(),
                        noise={name: m[i, 0].detach().clone() for name, m in self.noise.items()},
                        image=images[k],
                        perceptual_distance=float(perceptual[k]),
                        pixel_rmse=float(pixel[k].sqrt()) * 127.5,
                        steps=len(losses),
                        losses=losses,
                    )
                )
        return results

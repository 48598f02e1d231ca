"""Quick inversion: a row of latents per layer (W+) that draws a given face, in a few dozen steps.

The projector (`stylegan_ext.project`) follows a photo as far as it can in minutes. Here seconds
count, and that the latents stay good: they will be drawn with other models' fine layers. So the
search runs in the coordinates of `latent_space`, where Adam's steps are of one size in all
directions, and is held near the middle, and the rows near each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from stylegan_ext.adam import Adam
from stylegan_ext.errors import MismatchError, ParameterError
from stylegan_ext.features import Features
from stylegan_ext.latent_space import LatentSpace, latent_space
from stylegan_ext.networks.generator import Generator

_SHRUNK, _LEAST_PX = 3, 4  # pictures are compared shrunk so many times by two, down to this side


@dataclass(frozen=True)
class InversionSettings:
    """How to search."""

    steps: int = 60
    lr: float = 0.1  # Adam, in units of v, that is of standard deviations
    betas: tuple[float, float] = (0.9, 0.99)
    pixel_weight: float = 1.0  # on the mean squared error in [-1, 1]
    pooled_weight: float = 1.0  # on the same of the picture shrunk 2, 4 and 8 times, each
    feature_weight: float = 1.0  # on the squared distance of features
    prior_weight: float = 0.02  # on the mean square of v: 1 for latents of the mapping network
    spread_weight: float = 0.1  # on the mean square of the rows' distance from their mean

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if self.steps < 0:
            raise ParameterError(f"steps must be 0 or more, not {self.steps}")


@dataclass(frozen=True)
class Inversion:
    """What was found, for a batch of pictures."""

    ws: torch.Tensor  # float32 [n, num_ws, w_dim]
    images: torch.Tensor  # float32 [n, 3, res, res], what the model draws of them, not clamped
    feature_distance: torch.Tensor  # [n]
    pixel_rmse: torch.Tensor  # [n], in levels of 255, of the pictures as they are seen
    steps: int


Told = Callable[[int, int, float], None]  # step from 1, steps, mean loss


def invert(
    generator: Generator,
    targets: torch.Tensor,
    features: Features,
    settings: InversionSettings,
    *,
    start: torch.Tensor | None = None,
    space: LatentSpace | None = None,
    told: Told | None = None,
) -> Inversion:
    """Find latents that draw the given pictures, all in one batch, each by itself.

    Args:
        generator: the model; its parameters are left alone.
        targets: float32 [n, 3, res, res] in [-1, 1].
        features: what "alike" means besides pixels.
        settings: how to search; with 0 steps the start is measured.
        start: ws [n, num_ws, w_dim], an encoder's; None: the middle of the space.
        space: the generator's, if it is known already.
        told: told of every step.

    Raises:
        MismatchError: pictures or start do not fit the model.
    """
    targets = _checked(generator, targets, start)
    space = space or latent_space(generator)
    if start is None:
        shape = (len(targets), generator.num_ws, generator.w_dim)
        v = torch.zeros(shape, device=targets.device)
    else:
        v = space.to_v(start.to(targets.device))
    v = v.clone().requires_grad_(True)
    alike = _Likeness(targets, features, settings)
    adam = Adam(v, settings.betas)
    for index in range(settings.steps):
        images = generator.synthesis(space.to_ws(v))
        loss = alike(images) + _held(v, settings)
        # the sum: what one picture gets does not depend on how many others there are
        (gradient,) = torch.autograd.grad(loss.sum(), v)
        adam.step(gradient, settings.lr * _fade(index / settings.steps))
        if told is not None:
            told(index + 1, settings.steps, float(loss.detach().mean()))
    with torch.no_grad():
        ws = space.to_ws(v) if settings.steps or start is None else start.to(targets.device)
        images = generator.synthesis(ws)
        error = (images.clamp(-1, 1) - targets).square().mean(dim=[1, 2, 3])
        rmse = error.sqrt() * 127.5
        return Inversion(ws, images, alike.distance(images), rmse, settings.steps)


def _checked(
    generator: Generator, targets: torch.Tensor, start: torch.Tensor | None
) -> torch.Tensor:
    size = generator.img_resolution
    expected = (generator.img_channels, size, size)
    if targets.ndim != 4 or tuple(targets.shape[1:]) != expected:
        raise MismatchError(
            f"the pictures are {list(targets.shape[1:])}, the model draws {list(expected)}",
            hint=f"align and resize them to {size}x{size} first",
        )
    ws_shape = (len(targets), generator.num_ws, generator.w_dim)
    if start is not None and tuple(start.shape) != ws_shape:
        raise MismatchError(f"the start is {list(start.shape)}, expected {list(ws_shape)}")
    return targets.to(next(generator.parameters()).device)


def _fade(t: float) -> float:
    """Adam's rate over time t in [0, 1): whole, then from the middle on down by a cosine."""
    return 1.0 if t < 0.5 else 0.5 + 0.5 * math.cos((t - 0.5) * 2 * math.pi)


def _held(v: torch.Tensor, settings: InversionSettings) -> torch.Tensor:
    """What keeps latents good, [n]: near the middle, and rows near each other."""
    mean = v.mean(dim=1, keepdim=True)
    near = settings.prior_weight * v.square().mean(dim=[1, 2])
    return near + settings.spread_weight * (v - mean).square().mean(dim=[1, 2])


def likeness_loss(
    images: torch.Tensor,
    targets: torch.Tensor,
    feature_distance: torch.Tensor,
    settings: InversionSettings,
    pixel_weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """How far pictures are from their targets, [n]: features, pixels, and pixels shrunk.

    Args:
        images: float32 [n, c, h, w], nominally in [-1, 1].
        targets: the same.
        feature_distance: [n], squared distance of their features.
        settings: the weights.
        pixel_weights: float32 [h, w], mean 1: how much every pixel counts; None: all alike.
    """
    difference = images - targets
    places = None if pixel_weights is None else pixel_weights[None, None]

    def size() -> torch.Tensor:
        square = difference.square()
        return (square if places is None else square * places).mean(dim=[1, 2, 3])

    loss = settings.feature_weight * feature_distance + settings.pixel_weight * size()
    for _ in range(_SHRUNK):
        if min(difference.shape[2:]) <= _LEAST_PX:
            break
        difference = F.avg_pool2d(difference, 2)
        places = None if places is None else F.avg_pool2d(places, 2)
        loss = loss + settings.pooled_weight * size()
    return loss


class _Likeness:
    """How far pictures are from their targets, [n]."""

    def __init__(
        self, targets: torch.Tensor, features: Features, settings: InversionSettings
    ) -> None:
        self.targets, self.features, self.settings = targets, features, settings
        with torch.no_grad():
            self.target_features = features(targets)

    def distance(self, images: torch.Tensor) -> torch.Tensor:
        """Squared distance of features."""
        return (self.features(images) - self.target_features).square().sum(dim=1)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """The loss without what holds v."""
        return likeness_loss(images, self.targets, self.distance(images), self.settings)

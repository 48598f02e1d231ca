"""Pivotal tuning: the model itself is bent a little until it draws one given picture.

Where a latent ends, the photo has details left that the model has no words for. Roich et al.
("Pivotal Tuning for Latent-based Editing of Real Images", 2021) hold the latent that was found, the
pivot, and train the generator on the one picture, which changes it so little that what is done to
the latent or to the model afterwards still works. Here the change is kept by itself, as a
difference of parameters. A style that was fine-tuned from the model speaks of the same parameters:
a blend of the two takes the difference along, the more the less it has of the style (`left_of`),
and with it the person.

Three things make few and quick steps enough (figures in docs/challenge.md). The coarse layers stay
as they are: they place the head, which the pivot has done; their maps are computed once, and most
parameters lie there. What "alike" means is pixels and edges, which cost nothing: so near the goal
the discriminator's maps say no more. And the rate grows over the first steps: Adam's first step is
as long for a parameter that hardly matters as for any other, and at full length it spoils more than
the next ten mend.

    tuned = tune(generator, ws, target, TuningSettings())
    with changed(blend.synthesis, left_of(tuned.change, shares, 0.3)):
        picture = blend.synthesis(ws[None])
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from stylegan_ext.adam import Adam
from stylegan_ext.errors import MismatchError, ParameterError
from stylegan_ext.features import EdgeFeatures, Features
from stylegan_ext.inversion import InversionSettings, likeness_loss
from stylegan_ext.levels import Level
from stylegan_ext.networks.generator import Generator
from stylegan_ext.networks.stylegan3 import SynthesisLayer as SynthesisLayer3
from stylegan_ext.networks.synthesis import SynthesisNetwork

Change = Mapping[str, torch.Tensor]  # of a synthesis network's parameters, by their names
Told = Callable[[int, int, float], None]  # step from 1, steps, loss

_NOISE = "noise_strength"  # grain is no part of a person


@dataclass(frozen=True)
class TuningSettings:
    """How to tune. The paper has 350 steps and a rate of 3e-4 for models of 1024 px."""

    steps: int = 40
    lr: float = 0.04  # Adam, growing in a line and falling to 0
    warm_up: float = 0.2  # the share of the steps in which the rate grows
    coarsest_px: int = 32  # layers of this resolution and finer are bent
    betas: tuple[float, float] = (0.8, 0.99)

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if self.steps < 0:
            raise ParameterError(f"steps must be 0 or more, not {self.steps}")
        if not 0 <= self.warm_up <= 1:
            raise ParameterError(f"warm_up is a share of the steps, 0 to 1, not {self.warm_up}")

    def rate(self, index: int) -> float:
        """Adam's rate at a step, counted from 0."""
        grown = min(1.0, (index + 1) / (self.warm_up * self.steps + 1))
        return self.lr * grown * (1 - index / self.steps)


@dataclass(frozen=True)
class Tuned:
    """What a picture asks of a model."""

    change: Change  # float32, on the CPU
    image: torch.Tensor  # float32 [c, res, res], as the tuned model draws it, not clamped
    feature_distance: float
    pixel_rmse: float  # in levels of 255


def tune(
    generator: Generator,
    ws: torch.Tensor,
    target: torch.Tensor,
    settings: TuningSettings,
    *,
    features: Features | None = None,
    alike: InversionSettings | None = None,
    pixel_weights: torch.Tensor | None = None,
    told: Told | None = None,
) -> Tuned:
    """Find the change of a model's synthesis network that draws a picture of its latent.

    Args:
        generator: the model; it is left as it is.
        ws: the pivot [num_ws, w_dim].
        target: float32 [c, res, res] in [-1, 1].
        settings: how to tune; with 0 steps the change is zero.
        features: what "alike" means besides pixels; None: edges.
        alike: the weights of what "alike" means; None: as in the search of the pivot.
        pixel_weights: float32 [res, res], mean 1: where the picture matters more, such as in the
            face; None: everywhere alike.
        told: told of every step.

    Raises:
        MismatchError: pivot or picture do not fit the model.
    """
    alike, features = alike or InversionSettings(), features or EdgeFeatures()
    ws, target = _checked(generator, ws, target)
    coarsest_px = min(settings.coarsest_px, generator.img_resolution)
    synthesis = copy.deepcopy(generator.synthesis).requires_grad_(False)
    held = _bent(synthesis, coarsest_px)
    parts = list(held.values())
    # All parameters in one tensor, of which the network's own become views: a step is then one
    # operation for all.
    flat = torch.cat([p.detach().flatten() for p in parts])
    begin = flat.clone()
    for p, view in zip(parts, _cut(flat, parts), strict=True):
        p.data = view
        p.requires_grad_(True)
    with torch.no_grad():
        wanted = features(target)
        inputs = _begun(synthesis, ws, coarsest_px)

    def drawn() -> torch.Tensor:
        picture: torch.Tensor = synthesis(ws, **inputs)
        return picture

    adam = Adam(flat, settings.betas)
    for index in range(settings.steps):
        images = drawn()
        distance = (features(images) - wanted).square().sum(dim=1)
        loss = likeness_loss(images, target, distance, alike, pixel_weights).sum()
        gradients = torch.autograd.grad(loss, parts)
        adam.step(torch.cat([one.flatten() for one in gradients]), settings.rate(index))
        if told is not None:
            told(index + 1, settings.steps, float(loss.detach()))
    with torch.no_grad():
        image = drawn()
        distance = (features(image) - wanted).square().sum()
        rmse = (image.clamp(-1, 1) - target).square().mean().sqrt() * 127.5
        change = dict(zip(held, _cut((flat - begin).cpu(), parts), strict=True))
    return Tuned(change, image[0], float(distance), float(rmse))


def left_of(change: Change, shares: Mapping[Level, float], kept: float) -> Change:
    """What a blend of the bent model and a style takes along of the change.

    A level that has y of the style has 1 - (1 - kept) y of the change. With `kept` 0 that is 1 - y:
    what is drawn is the blend of the bent model with the style. All of it (1) lays the photo's
    shades over the style's lines; none of it, where all is the style's, loses smiles and glances.

    Args:
        change: of the model.
        shares: the style's share of every level.
        kept: of the change in a level that is all the style's.
    """
    left = {
        f"{layer.removeprefix('synthesis.')}.": 1 - (1 - kept) * share
        for level, share in shares.items()
        for layer in level.layers
    }
    return {
        name: part * next((y for layer, y in left.items() if name.startswith(layer)), 1.0)
        for name, part in change.items()
    }


@contextmanager
def changed(synthesis: nn.Module, change: Change) -> Iterator[None]:
    """A synthesis network with a change added, for as long as the context lasts.

    Parameters that the network does not have, or has in another shape, are left out: a smaller
    model lacks the finest layers.

    Args:
        synthesis: of the model that was tuned, of one that descends from it, or of both blended.
        change: what `tune` found.
    """
    own = dict(synthesis.named_parameters())
    fitting = [n for n, part in change.items() if n in own and own[n].shape == part.shape]
    before = {name: own[name].detach().clone() for name in fitting}
    try:
        with torch.no_grad():
            for name in fitting:
                own[name].add_(change[name].to(own[name]))
        yield
    finally:
        with torch.no_grad():
            for name, held in before.items():
                own[name].copy_(held)


def _checked(
    generator: Generator, ws: torch.Tensor, target: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    size = generator.img_resolution
    expected = (generator.img_channels, size, size)
    if tuple(target.shape) != expected:
        raise MismatchError(
            f"the picture is {list(target.shape)}, the model draws {list(expected)}",
            hint=f"align and resize it to {size}x{size} first",
        )
    if tuple(ws.shape) != (generator.num_ws, generator.w_dim):
        raise MismatchError(
            f"the pivot is {list(ws.shape)}, expected {[generator.num_ws, generator.w_dim]}"
        )
    device = next(generator.parameters()).device
    return ws[None].to(device), target[None].to(device)


def _bent(synthesis: nn.Module, coarsest_px: int) -> dict[str, nn.Parameter]:
    """The parameters that are bent, by name: the fine layers', grain aside."""
    fine = [name for name, px in _resolutions(synthesis) if px >= coarsest_px]
    return {
        name: p
        for name, p in synthesis.named_parameters()
        if name.split(".")[0] in fine and _NOISE not in name
    }


def _begun(synthesis: nn.Module, ws: torch.Tensor, coarsest_px: int) -> dict[str, Any]:
    """What a network is called with besides ws: all that the layers give that stay as they are."""
    if not isinstance(synthesis, SynthesisNetwork):
        return {}
    return {"begun": synthesis.begin(ws, coarsest_px)}


def _resolutions(synthesis: nn.Module) -> Iterator[tuple[str, float]]:
    """A synthesis network's blocks or layers, and the side of what they put out, in pixels."""
    if isinstance(synthesis, SynthesisNetwork):
        yield from ((f"b{px}", px) for px in synthesis.block_resolutions)
        return
    for name, layer in synthesis.named_children():
        if isinstance(layer, SynthesisLayer3):
            yield name, layer.geometry.out_rate


def _cut(flat: torch.Tensor, like: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """One tensor as many, of the shapes of others."""
    parts = torch.split(flat, [p.numel() for p in like])
    return [part.view_as(p) for p, part in zip(like, parts, strict=True)]

"""From a photo and paintings to a picture, from coarse to fine.

    drawn = draw(perception, (384, 512), content, [Style(painting)], GatysSettings())

Without a content it is texture synthesis (Gatys et al. 2015b); without styles the inversion of
layers (Mahendran and Vedaldi 2015).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from artstyle.baselines.gatys.objective import Objective
from artstyle.baselines.gatys.scales import (
    Size,
    at_size,
    check_size,
    enlarged,
    scale_sizes,
    style_size,
)
from artstyle.baselines.gatys.settings import GatysSettings
from artstyle.baselines.gatys.smooth import Smooth
from artstyle.baselines.gatys.targets import StylePicture, content_terms, style_terms
from artstyle.baselines.masks import mask_at, shared_out
from artstyle.baselines.optim import Found, Step, minimise
from artstyle.events import Emit, Event, Progress, ignore
from artstyle.perception.choose import Perception

Pixels = NDArray[np.uint8]
Mask = NDArray[np.float32]
_NOISE = 0.5  # standard deviation of the noise a search may start from; the range is [-1, 1]


@dataclass(frozen=True, eq=False)
class Style:
    """A painting."""

    pixels: Pixels  # HWC, RGB
    weight: float = 1.0  # beside the others
    mask: Mask | None = None  # HW, [0, 1], the part of it that counts; None: all
    region: Mask | None = None  # HW, [0, 1], where in the drawing it is wanted; None: everywhere


@dataclass(frozen=True, eq=False)
class Inputs:
    """All that a picture is made from."""

    size: Size  # of the picture
    content: Pixels | None  # None: nothing is kept; a texture
    styles: tuple[Style, ...]
    faces: Mask | None = None  # HW, [0, 1]; None: faces are like the rest
    start: Pixels | None = None  # for start="picture"


@dataclass(frozen=True)
class Scale:
    """What was done at one size."""

    width_px: int
    height_px: int
    evaluations: int
    seconds: float
    loss: float
    losses: dict[str, float]  # name -> value without its weight
    setbacks: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Begun:
    """Where a drawing that was broken off goes on."""

    scales: tuple[Scale, ...]  # those that are done
    picture: torch.Tensor  # [1, c, h, w], what the last of them gave


@dataclass(frozen=True, eq=False)
class Drawing:
    """What came out."""

    picture: torch.Tensor  # [1, 3, h, w], [-1, 1]
    scales: tuple[Scale, ...] = field(default_factory=tuple)


def draw(
    perception: Perception,
    inputs: Inputs,
    settings: GatysSettings,
    *,
    device: str = "cpu",
    begun: Begun | None = None,
    on_scale: Callable[[Begun], None] = lambda begun: None,
    on_step: Callable[[Step], None] = lambda step: None,
    emit: Emit = ignore,
) -> Drawing:
    """Draw a picture.

    Args:
        perception: the network; it is on `device` already.
        inputs: photo, paintings, masks.
        settings: how.
        device: where to compute.
        begun: goes on from there; None: from the beginning.
        on_scale: called when a scale is done; what it gets can be `begun` later.
        on_step: called after each step of the search.
        emit: told of progress.

    Raises:
        UsageError: the picture would be too small to be seen.
        MeasureError: the loss is not finite, however small the steps.
    """
    sizes = scale_sizes(
        check_size(inputs.size, "the picture"), settings.coarsest_px, settings.scale_step
    )
    done = () if begun is None else begun.scales
    picture = None if begun is None else begun.picture.to(device)
    total = steps_of(settings, len(sizes))
    for number in range(len(done), len(sizes)):
        size = sizes[number]
        started_at = time.perf_counter()
        objective = objective_at(perception, inputs, settings, size, device)
        start = _start(inputs, settings, size, device) if picture is None else picture
        start = enlarged(start, size)
        smooth = Smooth(objective, start, settings.smoothness)
        found = minimise(
            torch.zeros_like(start),
            smooth,
            settings.search,
            steps=settings.steps if number else settings.first_steps,
            on_step=_seen_at(smooth, on_step),
            emit=_told(emit, steps_of(settings, number), total, size),
        )
        picture = smooth.picture(found.picture)
        done = (*done, _scale(size, found, objective, time.perf_counter() - started_at))
        on_scale(Begun(done, picture))
    assert picture is not None  # there is at least one size
    return Drawing(picture.clamp(-1, 1).expand(-1, 3, -1, -1), done)


def steps_of(settings: GatysSettings, scales: int) -> int:
    """How many steps the first so many scales take."""
    return settings.first_steps + settings.steps * (scales - 1) if scales else 0


def objective_at(
    perception: Perception, inputs: Inputs, settings: GatysSettings, size: Size, device: str
) -> Objective:
    """The function that is minimised at one size."""
    tile_px = settings.tile_px
    content = []
    if inputs.content is not None and settings.content_weight:
        faces = None if inputs.faces is None else _mask(inputs.faces, device)
        faces = None if faces is None else mask_at(faces, *size)
        photo = at_size(inputs.content, size, device)
        content = content_terms(perception, photo, settings, faces=faces, tile_px=tile_px)
    styles = [_seen(style, size, settings.style_scale, device) for style in inputs.styles]
    regions = [style.region for style in inputs.styles if style.region is not None]
    masks = shared_out([mask_at(_mask(region, device), *size) for region in regions])
    wanted = style_terms(perception, styles, settings, size, masks=masks, tile_px=tile_px)
    return Objective(perception, content, wanted, tv_weight=settings.weight_of_tv, tile_px=tile_px)


def _seen(style: Style, size: Size, style_scale: float, device: str) -> StylePicture:
    """A painting as it is seen beside a picture of this size."""
    height, width = style.pixels.shape[:2]
    own = check_size(style_size((height, width), size, style_scale), "the style picture")
    mask = None if style.mask is None else mask_at(_mask(style.mask, device), *own)
    return StylePicture(at_size(style.pixels, own, device), style.weight, mask)


def _start(inputs: Inputs, settings: GatysSettings, size: Size, device: str) -> torch.Tensor:
    """[1, 3, h, w] to begin with."""
    if settings.start == "picture" and inputs.start is not None:
        return at_size(inputs.start, size, device)
    if settings.start == "content" and inputs.content is not None:
        return at_size(inputs.content, size, device)
    generator = torch.Generator().manual_seed(settings.seed)  # the same noise on every device
    return _NOISE * torch.randn(1, 3, *size, generator=generator).to(device)


def _mask(mask: Mask, device: str) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(mask, dtype=np.float32)).to(device)


def _scale(size: Size, found: Found, objective: Objective, seconds: float) -> Scale:
    return Scale(
        width_px=size[1],
        height_px=size[0],
        evaluations=found.evaluations,
        seconds=seconds,
        loss=found.losses[-1],
        losses={name: float(value) for name, value in objective.parts.items()},
        setbacks=found.setbacks,
    )


def _seen_at(smooth: Smooth, on_step: Callable[[Step], None]) -> Callable[[Step], None]:
    """Tells of pictures, where the search tells of its own coordinates."""
    return lambda step: on_step(replace(step, picture=smooth.picture(step.picture)))


def _told(emit: Emit, before: int, total: int, size: Size) -> Emit:
    """One bar for all scales."""

    def tell(event: Event) -> None:
        if isinstance(event, Progress):
            note = f"{size[1]}x{size[0]} px, {event.note}"
            event = Progress("draw", before + event.done, total, event.unit, note)
        emit(event)

    return tell

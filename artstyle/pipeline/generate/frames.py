"""The frames of a film: every variant goes its own way through the seeds, side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from artstyle.events import Emit
from artstyle.machine import choose_device
from artstyle.pipeline.generate.models import Variant, load
from artstyle.pipeline.generate.pictures import truncated, truncated_ws
from artstyle.pipeline.generate.settings import Settings, batch_size

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from stylegan_ext.networks import Generator

    Picture: TypeAlias = NDArray[np.uint8]
    Positions: TypeAlias = NDArray[np.float64]

WayKind: TypeAlias = Literal["spline", "linear", "slerp"]  # see stylegan_ext.ways
Enlarge: TypeAlias = Literal["nearest", "lanczos"]


@dataclass(frozen=True)
class FilmPlan:
    """What a film is made of."""

    variants: tuple[Variant, ...]
    seeds: tuple[int, ...]  # the keys, in this order
    way: WayKind
    frames_per_key: int
    fps: float
    columns: int  # variants side by side
    side_px: int  # of each picture in the film
    enlarge: Enlarge

    @property
    def frames(self) -> int:
        """How many there are."""
        return len(self.seeds) * self.frames_per_key

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the film."""
        lines = math.ceil(len(self.variants) / self.columns)
        return self.columns * self.side_px, lines * self.side_px

    def asked(self) -> dict[str, Any]:
        """What the record says was asked for."""
        return {
            "seeds": list(self.seeds),
            "way": self.way,
            "frames_per_key": self.frames_per_key,
            "fps": self.fps,
            "columns": self.columns,
            "side_px": self.side_px,
            "enlarge": self.enlarge,
            "variants": [
                variant.title.replace("\n", ", ") or variant.model.name for variant in self.variants
            ],
        }


def frames_of(plan: FilmPlan, settings: Settings, emit: Emit) -> Iterator[Picture]:
    """Draw the film, a frame at a time: HWC uint8, [0, 255], RGB in sRGB."""
    device = choose_device(settings.device)
    size = batch_size(settings, device)
    generators = {
        model: load(model, device, settings.precision, emit)
        for model in dict.fromkeys(variant.model for variant in plan.variants)
    }
    streams = [
        _pictures(plan, variant, generators[variant.model], settings, size)
        for variant in plan.variants
    ]
    for pictures in zip(*streams, strict=True):
        yield _frame(plan, pictures)


def _pictures(
    plan: FilmPlan, variant: Variant, generator: Generator, settings: Settings, batch: int
) -> Iterator[Picture]:
    """One variant's pictures, frame after frame, HWC uint8 RGB of the film's size."""
    from artstyle.images import from_batch
    from stylegan_ext.drawing import draw
    from stylegan_ext.ways import loop_positions

    ws_at = _way(plan, variant, generator, settings.truncation_cutoff)
    positions = loop_positions(len(plan.seeds), plan.frames_per_key)
    for begin in range(0, plan.frames, batch):
        some = range(begin, min(begin + batch, plan.frames))
        drawn = draw(
            generator,
            ws_at(positions[some.start : some.stop]),
            noise_mode=settings.noise_mode,
            noise_words=[[frame] for frame in some],
        )
        for picture in from_batch(drawn):
            yield _resized(_rgb(picture), plan.side_px, plan.enlarge)


def _way(
    plan: FilmPlan, variant: Variant, generator: Generator, cutoff: int | None
) -> Callable[[Positions], torch.Tensor]:
    """From positions to ws: a way through w, or one through z that is mapped."""
    import torch

    from stylegan_ext.drawing import map_latent
    from stylegan_ext.latents import seed_latents
    from stylegan_ext.ways import closed_way

    if plan.way != "slerp":
        keys = [truncated_ws(generator, variant, seed, cutoff) for seed in plan.seeds]
        return closed_way(torch.cat(keys), plan.way)
    latents = closed_way(seed_latents(plan.seeds, generator.z_dim), "slerp")

    def way(positions: Positions) -> torch.Tensor:
        mapped = []
        for z in latents(positions)[:, None]:
            ws = map_latent(generator, z, variant.class_index)
            mapped.append(truncated(generator, variant, ws, cutoff))
        return torch.cat(mapped)

    return way


def _rgb(picture: Picture) -> Picture:
    """Grey to three channels; transparency laid over white."""
    import numpy as np

    from artstyle.images import WHITE, blend

    if picture.shape[2] == 1:
        return np.repeat(picture, 3, axis=2)
    if picture.shape[2] == 4:
        return blend(picture[..., :3], picture[..., 3], WHITE)
    return picture


def _resized(picture: Picture, side_px: int, enlarge: Enlarge) -> Picture:
    from artstyle.images import resize_lanczos, resize_nearest

    if enlarge == "nearest" and side_px > picture.shape[0]:
        return resize_nearest(picture, side_px, side_px)
    return resize_lanczos(picture, side_px, side_px)


def _frame(plan: FilmPlan, pictures: Sequence[Picture]) -> Picture:
    """The variants' pictures in lines of `columns`; what is left of the last line stays white."""
    import numpy as np

    width, height = plan.size_px
    side = plan.side_px
    frame = np.full((height, width, 3), 255, np.uint8)
    for at, picture in enumerate(pictures):
        top, left = at // plan.columns * side, at % plan.columns * side
        frame[top : top + side, left : left + side] = picture
    return frame

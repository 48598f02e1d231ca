"""A texture from a picture, and a picture from what a layer saw.

Texture synthesis (Gatys et al. 2015, "Texture synthesis using convolutional neural networks"): the
search of `gatys` without a photo, from noise. Inversion (Mahendran and Vedaldi 2015): the picture,
found from noise, in which a layer sees what it saw in a photo; what is lost on the way is what the
layer does not keep.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from artstyle.baselines.gatys.draw import Drawing, Inputs, Style, draw
from artstyle.baselines.gatys.scales import Size, check_size, fitted
from artstyle.baselines.gatys.settings import GatysSettings
from artstyle.errors import UsageError
from artstyle.events import Emit, ignore
from artstyle.images import from_tensor
from artstyle.perception.stack import ConvStack
from artstyle.pipeline.stylize.common import (
    LARGEST_PX,
    Picture,
    Stylized,
    check_out,
    finished,
    read_picture,
    result_file,
    tell_catalog,
    write_result,
)
from artstyle.pipeline.stylize.estimate import estimate
from artstyle.pipeline.stylize.gatys import Planned, Seeing, check_layers, with_tile
from artstyle.pipeline.stylize.state import State
from artstyle.pipeline.stylize.way import Way

# Against the patterns that a layer does not see and that noise brings along (Mahendran and Vedaldi
# 2015, section 3.2 have beta = 2 with a weight per layer). One weight, looked at on portraits.
INVERSION_TV = 0.3


@dataclass(frozen=True)
class TextureJob:
    """A texture, or the inversion of a layer."""

    picture: Path
    out: Path
    invert: str | None = None  # a layer; None: a texture
    width_px: int | None = None  # of a texture; None: in the picture's proportion
    height_px: int | None = None
    settings: GatysSettings = field(default_factory=GatysSettings)
    seeing: Seeing = field(default_factory=Seeing)
    films: tuple[Path, ...] = ()

    @property
    def method(self) -> str:
        """For records."""
        return "texture" if self.invert is None else "inversion"


def stylize_texture(
    job: TextureJob, workspace: Path | None = None, *, emit: Emit = ignore
) -> Stylized:
    """Draw a texture like a picture, or what a layer keeps of it; write picture and record.

    Args:
        job: what.
        workspace: see `stylize_gatys`.
        emit: told of progress.

    Raises:
        ImageError: the input is no picture.
        UsageError: sizes do not fit, or the network has no such layer.
        WeightsError: the network is not here.
        MeasureError: the loss is not finite, however small the steps.
    """
    file, picture, settings, network, inputs = _ready(job, workspace, emit)
    identity = {
        "method": job.method,
        "inputs": [[picture.role, picture.sha256]],
        "size": list(inputs.size),
        "settings": asdict(settings),
        "perception": job.seeing.facts(network),
    }
    done = finished(file, identity, job.films)
    if done is None:
        settings = with_tile(settings, network, inputs.size, emit)
        done = _draw(job, file, picture, settings, network, inputs, identity, emit)
    if workspace is not None:
        tell_catalog(workspace, [done])
    return done


def plan_texture(job: TextureJob, workspace: Path | None = None, *, emit: Emit = ignore) -> Planned:
    """What `stylize_texture` would do, and about how long it would take."""
    file, _, settings, network, inputs = _ready(job, workspace, emit)
    settings = with_tile(settings, network, inputs.size, emit)
    cost = estimate(network, inputs, settings, job.seeing.device)
    height, width = inputs.size
    return Planned(file, width, height, network.name, cost, None)


def _ready(
    job: TextureJob, workspace: Path | None, emit: Emit
) -> tuple[Path, Picture, GatysSettings, ConvStack, Inputs]:
    """All that is needed, read and checked."""
    file = result_file(job.out, None, [job.picture])
    check_out(file, [job.picture])
    role = "style" if job.invert is None else "content"
    picture = read_picture(job.picture, role)
    network = job.seeing.network(workspace, job.settings.seed, emit)
    size = check_size(_size(job, picture), "the picture")
    if job.invert is None:
        settings = replace(job.settings.settled(network.name), start="noise")
        check_layers(network, settings.styles)
        return file, picture, settings, network, Inputs(size, None, (Style(picture.pixels),))
    check_layers(network, [job.invert])
    wanted = job.settings.tv_weight
    settings = replace(
        job.settings.settled(network.name),
        start="noise",
        content_layers={job.invert: 1.0},
        tv_weight=INVERSION_TV if wanted is None else wanted,
    )
    return file, picture, settings, network, Inputs(size, picture.pixels, ())


def _size(job: TextureJob, picture: Picture) -> Size:
    """Height and width of the result."""
    if job.width_px is None and job.height_px is None:
        return fitted(picture.size, job.settings.size_px)
    width = job.width_px or job.settings.size_px
    height = job.height_px or job.settings.size_px
    if max(width, height) > LARGEST_PX:
        raise UsageError(f"{width}x{height} px are more than {LARGEST_PX} px a side")
    return height, width


def _draw(  # noqa: PLR0917 - as its one caller has them
    job: TextureJob,
    file: Path,
    picture: Picture,
    settings: GatysSettings,
    network: ConvStack,
    inputs: Inputs,
    identity: Mapping[str, Any],
    emit: Emit,
) -> Stylized:
    state = State(file, identity)
    started_at = time.perf_counter()
    with Way(job.films, inputs.size) as way:
        drawing = draw(
            network,
            inputs,
            settings,
            device=job.seeing.device,
            begun=state.begun(emit),
            on_scale=state.keep,
            on_step=way.on_step,
            emit=emit,
        )
        pixels = from_tensor(drawing.picture)
        way.end(pixels)
    facts = _facts(job, network, identity, drawing, time.perf_counter() - started_at)
    facts["films"] = way.facts()
    done = write_result(
        file, pixels, method=job.method, identity=identity, inputs=[picture], facts=facts
    )
    state.forget()
    return done


def _facts(
    job: TextureJob,
    network: ConvStack,
    identity: Mapping[str, Any],
    drawing: Drawing,
    seconds: float,
) -> dict[str, Any]:
    """For the record."""
    facts = {
        "perception": network.name,
        "settings": dict(identity["settings"]),
        "seconds": round(sum(scale.seconds for scale in drawing.scales), 2),
        "seconds_of_this_run": round(seconds, 2),
        "losses": drawing.scales[-1].losses,
        "scales": [asdict(scale) for scale in drawing.scales],
        "deviations": deviations_of(job, network),
        "device": job.seeing.device,
    }
    return facts | ({"layer": job.invert} if job.invert else {})


def deviations_of(job: TextureJob, network: ConvStack) -> list[str]:
    """Where this is not the paper, in sentences."""
    found = []
    if not network.name.lower().startswith("vgg19"):
        paper = "VGG19" if job.invert is None else "AlexNet"
        found.append(f"features are those of {network.name}, not of {paper}")
    if job.settings.losses == "relative":
        found.append("losses are relative to the picture's own features")
    if job.invert is not None:
        found.append("L-BFGS from coarse to fine instead of gradient descent with momentum")
        found.append("no penalty on the norm of the picture; values beyond its range cost instead")
    elif job.settings.coarsest_px < job.settings.size_px:
        found.append(f"coarse to fine from {job.settings.coarsest_px} px on")
    return found

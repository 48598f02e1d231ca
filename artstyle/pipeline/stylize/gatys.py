"""A photo in the style of paintings, by optimisation: what `artstyle stylize gatys` does.

    done = stylize_gatys(GatysJob(content, (painting,), out), workspace)

The drawing goes from coarse to fine. After each size the state is kept beside the result, as
`.NAME.state.safetensors`: the same command goes on there after it was broken off, and ends with
what an undisturbed one gives.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from artstyle.baselines.colour import (
    KeptColour,
    prepared_content,
    prepared_style,
    with_kept_colours,
)
from artstyle.baselines.gatys.draw import Drawing, Inputs, Style, draw
from artstyle.baselines.gatys.scales import check_size, fitted
from artstyle.baselines.gatys.settings import GatysSettings, deviations
from artstyle.errors import UsageError
from artstyle.events import Emit, Note, ignore
from artstyle.images import from_tensor, resize_lanczos
from artstyle.perception.choose import choose_perception
from artstyle.perception.stack import ConvStack, Padding, Pooling
from artstyle.pipeline.stylize.common import (
    LARGEST_PX,
    Picture,
    Pixels,
    Stylized,
    check_out,
    finished,
    read_mask,
    read_picture,
    result_file,
    tell_catalog,
    write_result,
)
from artstyle.pipeline.stylize.estimate import Estimate, estimate, fitting_tile
from artstyle.pipeline.stylize.faces import Faces, find_faces
from artstyle.pipeline.stylize.state import State
from artstyle.pipeline.stylize.way import Way


@dataclass(frozen=True)
class Seeing:
    """Which network looks, and how."""

    choice: str = "auto"  # see artstyle.perception.choose
    pooling: Pooling = "average"  # Gatys et al. 2016, section 2: smoother than the maximum
    padding: Padding = "replicate"  # zeros would draw a frame
    device: str = "cpu"

    def network(self, workspace: Path | None, seed: int, emit: Emit) -> ConvStack:
        """The network itself.

        Raises:
            WeightsError: it is not here.
        """
        return choose_perception(
            self.choice,
            device=self.device,
            workspace=workspace,
            pooling=self.pooling,
            padding=self.padding,
            seed=seed,
            emit=emit,
        )

    def facts(self, network: ConvStack) -> dict[str, Any]:
        """For the record; the device does not decide what is drawn."""
        return {"name": network.name, "pooling": self.pooling, "padding": self.padding}


@dataclass(frozen=True)
class GatysJob:
    """What is to be drawn, from files."""

    content: Path
    styles: tuple[Path, ...]
    out: Path  # a picture's name, or a folder
    settings: GatysSettings = field(default_factory=GatysSettings)
    style_weights: tuple[float, ...] = ()  # empty: all alike
    masks: tuple[Path, ...] = ()  # regions of the drawing, one for each style; empty: none
    style_masks: tuple[Path, ...] = ()  # parts of the paintings that count; empty: all of them
    start: Path | None = None  # for start="picture"
    kept_colour: KeptColour | None = None
    preserve_face: bool = False
    seeing: Seeing = field(default_factory=Seeing)
    films: tuple[Path, ...] = ()  # of the way there


@dataclass(frozen=True, eq=False)
class _Read:
    """What was read for a job."""

    content: Picture
    styles: tuple[Picture, ...]
    others: tuple[Picture, ...]  # masks and the start
    inputs: Inputs
    faces: Faces | None

    @property
    def pictures(self) -> list[Picture]:
        return [self.content, *self.styles, *self.others]


@dataclass(frozen=True)
class Planned:
    """What would be done."""

    out: Path
    width_px: int
    height_px: int
    perception: str
    estimate: Estimate
    faces: int | None  # None: not looked for

    def data(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


def stylize_gatys(job: GatysJob, workspace: Path | None = None, *, emit: Emit = ignore) -> Stylized:
    """Draw a photo in the style of paintings, and write picture and record.

    Args:
        job: what.
        workspace: its models go first, its catalog is told; None: there is none.
        emit: told of progress.

    Raises:
        ImageError: an input is no picture.
        UsageError: sizes or numbers do not fit; no face where one shall be kept.
        WeightsError: the network, or a face detector, is not here.
        MeasureError: the loss is not finite, however small the steps.
    """
    file = _checked(job)
    network = job.seeing.network(workspace, job.settings.seed, emit)
    job = replace(job, settings=job.settings.settled(network.name))
    check_layers(network, (*job.settings.contents, *job.settings.styles))
    read = _read(job, emit)
    identity = _identity(job, read, network)
    done = finished(file, identity, job.films)
    if done is None:
        job = replace(job, settings=with_tile(job.settings, network, read.inputs.size, emit))
        done = _draw(job, read, network, identity, file, emit)
    if workspace is not None:
        tell_catalog(workspace, [done])
    return done


def plan_gatys(job: GatysJob, workspace: Path | None = None, *, emit: Emit = ignore) -> Planned:
    """What `stylize_gatys` would do, and about how long it would take; faults come out as there."""
    file = _checked(job)
    network = job.seeing.network(workspace, job.settings.seed, emit)
    job = replace(job, settings=job.settings.settled(network.name))
    check_layers(network, (*job.settings.contents, *job.settings.styles))
    read = _read(job, emit)
    settings = with_tile(job.settings, network, read.inputs.size, emit)
    return Planned(
        out=file,
        width_px=read.inputs.size[1],
        height_px=read.inputs.size[0],
        perception=network.name,
        estimate=estimate(network, read.inputs, settings, job.seeing.device),
        faces=None if read.faces is None else len(read.faces.found),
    )


def draw_pixels(
    network: ConvStack,
    inputs: Inputs,
    settings: GatysSettings,
    kept_colour: KeptColour | None = None,
    *,
    device: str = "cpu",
    emit: Emit = ignore,
) -> tuple[Pixels, Drawing]:
    """The drawing itself, from pictures in memory; no files.

    Args:
        network: sees.
        inputs: as they were given; the colours are prepared here.
        settings: how.
        kept_colour: what of the photo's colours is kept.
        device: where to compute.
        emit: told of progress.

    Returns:
        HWC uint8, and what was done.
    """
    ready = _with_colours(inputs, kept_colour)
    drawing = draw(network, ready, settings, device=device, emit=emit)
    return _finish(drawing, inputs, kept_colour), drawing


def _checked(job: GatysJob) -> Path:
    """The result's place, after what can be known before anything is read."""
    count = len(job.styles)
    if not count:
        raise UsageError("no painting was given", hint="artstyle stylize gatys photo.jpg paint.jpg")
    if job.style_weights and len(job.style_weights) != count:
        raise UsageError(f"--weights: {len(job.style_weights)} weights for {count} paintings")
    for what, given in (
        ("--mask", job.masks),
        ("--style-mask", job.style_masks),
    ):
        if given and len(given) != count:
            raise UsageError(
                f"{len(given)} times {what} for {count} paintings: each needs its own, in order"
            )
    if job.style_weights and not (min(job.style_weights) >= 0 < sum(job.style_weights)):
        raise UsageError("--weights: they are 0 and more, and not all 0")
    if job.settings.size_px > LARGEST_PX:
        raise UsageError(f"--size {job.settings.size_px} is more than {LARGEST_PX} px")
    if (job.settings.start == "picture") != (job.start is not None):
        raise UsageError("--start picture needs --start-picture FILE, and the other way round")
    file = result_file(job.out, job.content, job.styles)
    given_files = [job.content, *job.styles, *job.masks, *job.style_masks]
    check_out(file, given_files + ([job.start] if job.start else []))
    return file


def _read(job: GatysJob, emit: Emit) -> _Read:
    content = read_picture(job.content, "content")
    styles = tuple(read_picture(path, "style") for path in job.styles)
    size = check_size(fitted(content.size, job.settings.size_px), "the picture")
    regions = [read_mask(path, content.size) for path in job.masks]
    parts = [
        read_mask(path, style.size) for path, style in zip(job.style_masks, styles, strict=False)
    ]
    start = None if job.start is None else read_picture(job.start, "start")
    faces = find_faces(content.pixels, emit=emit) if job.preserve_face else None
    others = [picture for picture, _ in (*regions, *parts)] + ([] if start is None else [start])
    weights = job.style_weights or (1.0,) * len(styles)
    inputs = Inputs(
        size=size,
        content=content.pixels,
        styles=tuple(
            Style(
                style.pixels,
                weights[index],
                mask=parts[index][1] if parts else None,
                region=regions[index][1] if regions else None,
            )
            for index, style in enumerate(styles)
            if weights[index]
        ),
        faces=None if faces is None else faces.mask(size),
        start=None if start is None else start.pixels,
    )
    return _Read(content, styles, tuple(others), inputs, faces)


def check_layers(network: ConvStack, layers: Iterable[str]) -> None:
    """See that a network has the layers it will be asked for.

    Raises:
        UsageError: it lacks one.
    """
    for layer in layers:
        if layer not in network.layers:
            raise UsageError(
                f"{network.name} has no layer {layer!r:.40}",
                hint=f"it has {', '.join(network.layers)}",
            )


def _identity(job: GatysJob, read: _Read, network: ConvStack) -> dict[str, Any]:
    """What decides the result."""
    return {
        "method": "gatys",
        "inputs": [[one.role, one.sha256] for one in read.pictures],
        "style_weights": list(job.style_weights),
        "settings": asdict(job.settings),
        "kept_colour": job.kept_colour,
        "preserve_face": job.preserve_face,
        "perception": job.seeing.facts(network),
    }


def with_tile(
    settings: GatysSettings, network: ConvStack, size: tuple[int, int], emit: Emit
) -> GatysSettings:
    """The settings with a tile that fits the memory, where none was asked for."""
    if settings.tile_px is not None:
        return settings
    layers = (*settings.contents, *settings.styles)
    tile_px = fitting_tile(network, layers, size)
    if tile_px is not None:
        emit(Note(f"{size[1]}x{size[0]} px are drawn in tiles of {tile_px} px to save memory"))
    return replace(settings, tile_px=tile_px)


def _with_colours(inputs: Inputs, kept: KeptColour | None) -> Inputs:
    """Photo and paintings as the transfer shall see them."""
    if kept is None or inputs.content is None:
        return inputs
    photo = resize_lanczos(inputs.content, inputs.size[1], inputs.size[0])
    styles = (
        replace(style, pixels=prepared_style(style.pixels, photo, kept)) for style in inputs.styles
    )
    return replace(inputs, content=prepared_content(inputs.content, kept), styles=tuple(styles))


def _finish(drawing: Drawing, inputs: Inputs, kept: KeptColour | None) -> Pixels:
    drawn = from_tensor(drawing.picture)
    if kept is None or inputs.content is None:
        return drawn
    return with_kept_colours(
        drawn, resize_lanczos(inputs.content, inputs.size[1], inputs.size[0]), kept
    )


def _draw(  # noqa: PLR0917 - as its one caller has them
    job: GatysJob,
    read: _Read,
    network: ConvStack,
    identity: dict[str, Any],
    file: Path,
    emit: Emit,
) -> Stylized:
    """Draw, and write everything."""
    state = State(file, identity)
    begun = state.begun(emit)
    started_at = time.perf_counter()
    ready = _with_colours(read.inputs, job.kept_colour)
    with Way(job.films, read.inputs.size) as way:
        drawing = draw(
            network,
            ready,
            job.settings,
            device=job.seeing.device,
            begun=begun,
            on_scale=state.keep,
            on_step=way.on_step,
            emit=emit,
        )
        pixels = _finish(drawing, read.inputs, job.kept_colour)
        way.end(pixels)
    facts = {
        "perception": network.name,
        "settings": identity["settings"]
        | {"kept_colour": job.kept_colour, "preserve_face": job.preserve_face},
        "seconds": round(sum(scale.seconds for scale in drawing.scales), 2),
        "seconds_of_this_run": round(time.perf_counter() - started_at, 2),
        "losses": drawing.scales[-1].losses,
        "scales": [asdict(scale) for scale in drawing.scales],
        "deviations": deviations(job.settings, network.name, kept_colour=job.kept_colour)
        + _of_seeing(job.seeing),
        "device": job.seeing.device,
        "films": way.facts(),
    }
    if read.faces is not None:
        facts |= {"detector": read.faces.detector, "faces": read.faces.kept(pixels)}
    done = write_result(
        file, pixels, method="gatys", identity=identity, inputs=read.pictures, facts=facts
    )
    state.forget()
    return done


def _of_seeing(seeing: Seeing) -> list[str]:
    found = []
    if seeing.pooling != "average":
        found.append("the network pools by maximum, as it was trained; the paper's by average")
    if seeing.padding != "zeros":
        found.append(f"beyond the edges the network sees a picture continued ({seeing.padding})")
    return found

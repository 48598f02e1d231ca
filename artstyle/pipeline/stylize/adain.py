"""Photos and films in the styles of paintings, in one pass: what `artstyle stylize adain` does.

Every content is drawn in every style: folders times folders. Weights mix all styles into one,
masks give each its region.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from artstyle.baselines.adain.statistics import Statistics
from artstyle.baselines.adain.transfer import LEAST_SIDE_PX, Wish, check_weights
from artstyle.baselines.colour import (
    KeptColour,
    prepared_content,
    prepared_style,
    with_kept_colours,
)
from artstyle.errors import ArtstyleError, ImageError, UsageError, VideoError
from artstyle.events import Emit, Note, Progress, ignore
from artstyle.images import list_images, resize_lanczos
from artstyle.names import shown
from artstyle.pipeline.stylize.adain_model import AdainModel, Pixels
from artstyle.pipeline.stylize.common import (
    LARGEST_PX,
    PICTURES,
    Picture,
    Stylized,
    finished,
    read_mask,
    read_picture,
    tell_catalog,
    write_result,
)
from artstyle.pipeline.stylize.contents import Content, find_contents

METHOD = "adain"
SIZE_PX = 512  # of both sides of the transfer, as the paper's pictures have it
_MIXED_LABEL_PARTS = 3  # names that a mixture's file is called by


@dataclass(frozen=True)
class AdainSettings:
    """How pictures are drawn."""

    size_px: int | None = SIZE_PX  # longer side of what is drawn; None: as the content is
    style_size_px: int = SIZE_PX  # longer side at which paintings are seen
    alpha: float = 1.0  # 0: the photo, 1: all of the style
    weights: tuple[float, ...] = ()  # mix all styles into one, by these; empty: each by itself
    kept_colour: KeptColour | None = None

    def __post_init__(self) -> None:
        for name in ("size_px", "style_size_px"):
            side = getattr(self, name)
            if side is not None and not LEAST_SIDE_PX <= side <= LARGEST_PX:
                raise UsageError(
                    f"{name} {side} cannot be drawn: {LEAST_SIDE_PX} to {LARGEST_PX} pixels can"
                )
        if not 0 <= self.alpha <= 1:
            raise UsageError(f"alpha {self.alpha:g} is not between 0 (the photo) and 1 (the style)")

    def identity(self) -> dict[str, Any]:
        """What of it decides a picture; JSON types."""
        return {name: value for name, value in vars(self).items() if name != "weights"}


@dataclass(frozen=True, eq=False)
class Painting:
    """A style: a painting that was read, or one whose statistics came with the decoder."""

    name: str
    picture: Picture | None

    def identity(self) -> str:
        """What it is known by."""
        return self.picture.sha256 if self.picture else f"named {self.name}"


@dataclass(frozen=True, eq=False)
class Blend:
    """What one result is drawn in: one painting, or several in parts or regions."""

    label: str  # for names of files
    paintings: tuple[Painting, ...]
    weights: tuple[float, ...] = ()
    masks: tuple[Path, ...] = ()

    @property
    def pictures(self) -> list[Picture]:
        """The paintings that were read."""
        return [one.picture for one in self.paintings if one.picture is not None]


@dataclass(frozen=True)
class AdainJob:
    """What is to be drawn, from files."""

    contents: tuple[Path, ...]  # pictures, films, folders of both
    styles: tuple[str, ...]  # pictures, folders of pictures, names that came with the decoder
    out: Path
    settings: AdainSettings = field(default_factory=AdainSettings)
    masks: tuple[Path, ...] = ()  # a region for each style; empty: none


@dataclass(frozen=True)
class AdainDone:
    """What came of a job."""

    results: tuple[Stylized, ...]
    failed: tuple[str, ...]  # what could not be read or drawn, in words
    model: dict[str, str]  # see `AdainModel.card`
    perception: str

    def data(self) -> dict[str, Any]:
        """For --json."""
        return {
            "results": [one.data() for one in self.results],
            "failed": list(self.failed),
            "model": self.model,
            "perception": self.perception,
        }


def stylize_adain(
    job: AdainJob, model: AdainModel, workspace: Path | None = None, *, emit: Emit = ignore
) -> AdainDone:
    """Draw every content in every style; what is finished already is kept.

    Args:
        job: what to draw.
        model: encoder and decoder.
        workspace: whose catalog is told; None: none.
        emit: gets progress, and what could not be read.

    Raises:
        UsageError: nothing is there to draw, or names, weights and masks do not fit.
        ImageError: the only picture, or a painting, cannot be read.
        ArtstyleError: nothing at all could be drawn.
    """
    from artstyle.pipeline.stylize.adain_films import draw_film
    from artstyle.pipeline.stylize.film_results import tell_catalog_of_films

    works = list(planned(job, model, emit=emit))
    results: list[Stylized] = []
    failed: list[str] = []
    for number, (content, blend) in enumerate(works):
        emit(Progress("draw", number, len(works), "pictures", shown(content.out.name)))
        draw = draw_film if content.is_film else draw_picture
        try:
            results.append(draw(content, blend, job.settings, model, emit))
        except (ImageError, VideoError, UsageError) as fault:
            if len(works) == 1:
                raise
            failed.append(str(fault))
            emit(Note(f"left out: {fault}", "warning"))
    emit(Progress("draw", len(works), len(works), "pictures"))
    if not results:
        raise ArtstyleError(
            f"none of {len(works)} pictures could be drawn; the first: {failed[0]}",
            hint="are these pictures? artstyle names each one that it could not read",
        )
    if workspace is not None:
        is_film = {content.out: content.is_film for content, _ in works}
        films = [one for one in results if is_film[one.file]]
        tell_catalog(workspace, [one for one in results if not is_film[one.file]], [model.card()])
        tell_catalog_of_films(workspace, films, [model.card()])
    return AdainDone(tuple(results), tuple(failed), model.card(), model.encoder.name)


def planned(
    job: AdainJob, model: AdainModel, *, emit: Emit = ignore
) -> Iterator[tuple[Content, Blend]]:
    """Every content with every style, and where it goes; errors as of `stylize_adain`."""
    blends = _blends(job, model, emit)
    if len(blends) > 1 and job.out.suffix.lower() in PICTURES and not job.out.is_dir():
        raise UsageError(
            f"--out {shown(job.out)} is a file's name, and there are {len(blends)} styles",
            hint=f"name a folder, e.g. {shown(job.out.with_suffix(''))}; --weights mixes them",
        )
    for blend in blends:
        for content in find_contents(job.contents, job.out, blend.label, emit=emit):
            yield content, blend


def _blends(job: AdainJob, model: AdainModel, emit: Emit) -> list[Blend]:
    """What is drawn in: all paintings together, or one after the other."""
    paintings = [one for word in job.styles for one in _paintings(word, job, model, emit)]
    if not paintings:
        raise UsageError("there is no style to draw in", hint="name a painting with --style")
    weights, masks = job.settings.weights, job.masks
    check_weights(weights, len(paintings))
    if masks and len(masks) != len(paintings):
        raise UsageError(f"{len(masks)} masks do not fit {len(paintings)} styles")
    if masks and weights:
        raise UsageError("--weights mixes styles, --mask gives each its region: take one of them")
    if weights or masks:
        names = [one.name for one in paintings[:_MIXED_LABEL_PARTS]]
        return [Blend("-".join(names), tuple(paintings), weights, masks)]
    blends: list[Blend] = []
    for one in paintings:
        same = sum(other.paintings[0].name == one.name for other in blends)
        label = f"{one.name}-{same + 1}" if same else one.name
        blends.append(Blend(label, (one,)))
    return blends


def _paintings(word: str, job: AdainJob, model: AdainModel, emit: Emit) -> list[Painting]:
    """The paintings of a file, a folder, or a name."""
    path = Path(word)
    if path.is_dir():
        files = list_images(path, emit=emit)
        if not files:
            raise UsageError(f"{shown(path)} holds no pictures: there is no style in it")
        return _readable(files, emit)
    if path.is_file() or path.suffix or len(path.parts) > 1:
        return [_painting(path)]
    model.named_style(word)  # raises where there is none
    if job.settings.kept_colour == "histogram":
        raise UsageError(
            f"--preserve-color histogram recolours the painting, and of {word} there are only"
            " statistics here",
            hint="take --preserve-color luminance, or name the painting's file",
        )
    return [Painting(word, None)]


def _readable(files: Sequence[Path], emit: Emit) -> list[Painting]:
    found = []
    for file in files:
        try:
            found.append(_painting(file))
        except ImageError as fault:
            emit(Note(f"left out: {fault}", "warning"))
    if not found:
        raise ArtstyleError(f"none of the {len(files)} paintings can be read")
    return found


def _painting(path: Path) -> Painting:
    return Painting(path.stem, read_picture(path, "style"))


def draw_picture(
    content: Content, blend: Blend, settings: AdainSettings, model: AdainModel, emit: Emit
) -> Stylized:
    """Draw one picture and write it with its record, or find it finished.

    Raises:
        ImageError: it cannot be read.
        UsageError: it would be too small, or a mask does not fit.
    """
    photo = read_picture(content.path, "content")
    masks = [read_mask(mask, photo.size) for mask in blend.masks]
    inputs = [photo, *blend.pictures, *(picture for picture, _ in masks)]
    identity = identity_of(photo.sha256, blend, settings, model)
    identity["masks"] = [picture.sha256 for picture, _ in masks]
    done = finished(content.out, identity)
    if done is not None:
        return done
    began_s = time.perf_counter()
    import torch

    regions = tuple(torch.from_numpy(mask) for _, mask in masks)
    pixels = resized(photo.pixels, settings.size_px)
    drawn = draw_pixels(pixels, blend, settings, model, regions=regions)
    facts = facts_of(blend, settings, model) | {"seconds": round(time.perf_counter() - began_s, 3)}
    return write_result(
        content.out, drawn, method=METHOD, identity=identity, inputs=inputs, facts=facts
    )


def draw_pixels(
    photo: Pixels,
    blend: Blend,
    settings: AdainSettings,
    model: AdainModel,
    *,
    regions: tuple[Any, ...] = (),
    style_of: Callable[[Painting], Statistics] | None = None,
    settle: Callable[[Statistics], Statistics] = lambda found: found,
) -> Pixels:
    """Draw a photo: HWC uint8, RGB, to the same size.

    Args:
        photo: of the size that is wanted.
        blend: in what.
        settings: how.
        model: with what.
        regions: masks [h, w] float32, one for each painting.
        style_of: a painting's style; None: seen anew, beside this photo.
        settle: see `Transfer.draw`.
    """
    from artstyle.images import from_tensor, to_tensor

    find = style_of or (lambda one: style_beside(one, photo, settings, model))
    styles = tuple(find(one) for one in blend.paintings)
    wish = Wish(styles, blend.weights, settings.alpha, regions)
    seen = to_tensor(prepared_content(photo, settings.kept_colour))
    drawn = from_tensor(model.transfer.draw(seen, wish, settle=settle))
    return with_kept_colours(drawn, photo, settings.kept_colour)


def style_beside(
    painting: Painting, photo: Pixels, settings: AdainSettings, model: AdainModel
) -> Statistics:
    """A painting's style, recoloured for this photo where its colours are kept."""
    if painting.picture is None:
        return model.named_style(painting.name)
    if settings.kept_colour is None:
        key = (painting.picture.sha256, settings.style_size_px)
        if key not in model.seen:
            model.seen[key] = model.style(resized(painting.picture.pixels, settings.style_size_px))
        return model.seen[key]
    pixels = resized(painting.picture.pixels, settings.style_size_px)
    return model.style(prepared_style(pixels, photo, settings.kept_colour))


def resized(pixels: Pixels, longer_px: int | None) -> Pixels:
    """A picture whose longer side is so long, but no side shorter than networks can see.

    Raises:
        UsageError: the picture is a sliver.
    """
    height, width = pixels.shape[:2]
    scale = 1.0 if longer_px is None else longer_px / max(height, width)
    scale = max(scale, LEAST_SIDE_PX / min(height, width))
    size = (round(width * scale), round(height * scale))
    if max(size) > LARGEST_PX:
        raise UsageError(
            f"a picture of {width} x {height} pixels would be drawn with {size[0]} x {size[1]}:"
            f" more than {LARGEST_PX} a side are not drawn",
            hint="give a smaller --size, or cut it to a less extreme form",
        )
    return pixels if scale == 1 else resize_lanczos(pixels, *size)


def identity_of(
    content_sha256: str, blend: Blend, settings: AdainSettings, model: AdainModel
) -> dict[str, Any]:
    """What decides a result; JSON types."""
    return {
        "content": content_sha256,
        "styles": [one.identity() for one in blend.paintings],
        "weights": list(blend.weights),
        **settings.identity(),
        **model.identity(),
    }


def facts_of(blend: Blend, settings: AdainSettings, model: AdainModel) -> dict[str, Any]:
    """What the record says besides."""
    origin = model.header.origin
    return {
        "perception": model.encoder.name,
        "decoder": {**model.card(), "source": origin.source},
        "styles": [one.name for one in blend.paintings],
        "settings": {**settings.identity(), "weights": list(blend.weights)},
        "device": model.device,
    }

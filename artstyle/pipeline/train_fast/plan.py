"""What a training has to work with: who sees, photos, photos held out, paintings."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from artstyle.baselines.fast.file import Header, StyleRecord, read_fast
from artstyle.baselines.fast.losses import STYLE_LAYERS, Weights, style_targets
from artstyle.baselines.fast.network import FastNet, Shape, lay_out
from artstyle.baselines.fast.training import FastTraining, Numbers
from artstyle.errors import UsageError
from artstyle.events import Emit, Note, ignore
from artstyle.files import sha256_of
from artstyle.images import read_rgb, resize_area, resize_lanczos, to_tensor
from artstyle.names import shown
from artstyle.pipeline.train_adain.pictures import Crops, Pictures, digest_of, find_pictures
from artstyle.pipeline.train_fast.settings import (
    WIDTHS,
    FastRecipe,
    Identity,
    settings_that_count,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from artstyle.perception.stack import ConvStack

HELD_PHOTOS = 6  # at most; a guess
_HELD_SHARE = 8  # of so many photos one is held out at most
# Photos are kept so much larger than a crop, which reaches from their whole shorter side down to
# single pixels: what is drawn later is near and far. A guess.
_PHOTO_ROOM = 2
_FEW_PHOTOS = 100


@dataclass(frozen=True)
class Style:
    """A painting to learn."""

    record: StyleRecord
    path: Path
    pixels: NDArray[np.uint8]  # HWC, [0, 255], RGB; its shorter side has style_px


@dataclass(frozen=True)
class Plan:
    """A training before it begins."""

    recipe: FastRecipe
    perception: ConvStack
    perception_sha256: str
    device: str
    photos: tuple[Path, ...]
    held_photos: tuple[Path, ...]
    styles: tuple[Style, ...]
    base: Header | None

    def identity(self) -> Identity:
        """What makes it this training."""
        return Identity(
            settings_that_count(self.recipe),
            f"{self.perception.name} {self.perception_sha256}",
            digest_of((*self.photos, *self.held_photos)),
            tuple(style.record.name for style in self.styles),
            "" if self.base is None else self.base.content_sha256,
        )

    @property
    def shape(self) -> Shape:
        """Of the network."""
        recipe = self.recipe
        return Shape(WIDTHS[recipe.width], recipe.blocks, len(self.styles))

    def training(self) -> FastTraining:
        """The training at its beginning."""
        lay_out(self.perception)
        torch.manual_seed(self.recipe.seed)
        network = FastNet(self.shape)
        if self.base is not None:
            network.load_state_dict(_from_base(self.base, self.styles))
        paintings = [to_tensor(style.pixels).to(self.device) for style in self.styles]
        targets = style_targets(self.perception, paintings, STYLE_LAYERS)
        recipe = self.recipe
        weights = Weights(recipe.content_weight, recipe.style_weight, recipe.tv_weight)
        weights.check()
        numbers = Numbers(weights, recipe.learning_rate)
        return FastTraining(self.perception, network, targets, numbers, device=self.device)

    def crops(self, *, emit: Emit = ignore) -> Crops:
        """What is shown, by number."""
        side = self.recipe.crop_px
        pictures = Pictures(self.photos, side, side * _PHOTO_ROOM, emit=emit)
        return Crops(pictures, side, self.recipe.seed, 1, mirror=self.recipe.mirror)

    def styles_of(self, iteration: int) -> torch.Tensor:
        """In which style each photo of an iteration is drawn: all in turn, [batch] int64."""
        first = iteration * self.recipe.batch
        return torch.arange(first, first + self.recipe.batch) % len(self.styles)


def make_plan(
    recipe: FastRecipe,
    perception: ConvStack,
    device: str,
    *,
    content: Sequence[Path],
    styles: Sequence[Path],
    style_names: Sequence[str] = (),
    style_licences: Sequence[str] = (),
    base: Path | None = None,
    emit: Emit = ignore,
) -> Plan:
    """Find the photos, hold some out, and read the paintings.

    Args:
        recipe: what was asked for.
        perception: what sees, on the device.
        device: where it computes.
        content: folders of photos.
        styles: the paintings' files.
        style_names: a name for each; empty: their files' names.
        style_licences: one for each, or one for all; empty: unknown.
        base: the file of a net to start from.
        emit: told what is odd.

    Raises:
        UsageError: a folder holds no pictures, or names, licences or base do not fit.
        ImageError: there is no such folder, or a painting cannot be read.
        WeightsError: the base is no fast net.
    """
    names = _names(styles, style_names)
    licences = _licences(styles, style_licences)
    pictures = [
        _style(path, name, licence, recipe.style_px, emit)
        for path, name, licence in zip(styles, names, licences, strict=True)
    ]
    found = find_pictures(content, "photos", emit=emit)
    photos, held = held_out(found, HELD_PHOTOS, recipe.seed)
    if len(photos) < _FEW_PHOTOS:
        text = f"{len(photos)} photos are few (the paper has 80,000): others may be drawn less well"
        emit(Note(text, "warning"))
    if not held:
        emit(
            Note("there are too few photos to hold some out: the panel shows known ones", "warning")
        )
    header = None if base is None else read_fast(base)[1]
    plan = Plan(
        recipe,
        perception,
        _digest(perception),
        device,
        photos,
        held,
        tuple(pictures),
        header,
    )
    if header is not None:
        _require_base_fits(header, plan.shape)
    return plan


def held_out(
    folders: Sequence[Sequence[Path]], most: int, seed: int
) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Photos to learn from, and some drawn by lot from every folder in turn."""
    count = min(most, sum(len(paths) for paths in folders) // _HELD_SHARE)
    dice = np.random.default_rng((seed, 0))
    orders = [list(dice.permutation(len(paths))) for paths in folders]
    held: list[Path] = []
    while len(held) < count:
        for paths, order in zip(folders, orders, strict=True):
            if order and len(held) < count:
                held.append(paths[order.pop()])
    out = set(held)
    return tuple(path for paths in folders for path in paths if path not in out), tuple(held)


def style_name(path: Path) -> str:
    """What a style is called after its painting's file."""
    return re.sub(r"[^a-z0-9]+", "_", path.stem.lower()).strip("_")[:48] or "style"


def _names(styles: Sequence[Path], wished: Sequence[str]) -> list[str]:
    if wished and len(wished) != len(styles):
        raise UsageError(f"{len(styles)} paintings cannot have {len(wished)} names")
    names = list(wished) or [style_name(path) for path in styles]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise UsageError(
            f"two styles would be called {', '.join(map(shown, doubled))}",
            hint="name each with --style-name",
        )
    return names


def _licences(styles: Sequence[Path], said: Sequence[str]) -> list[str]:
    if len(said) in (0, 1):
        return [*(said or ["unknown"])] * len(styles)
    if len(said) != len(styles):
        raise UsageError(
            f"{len(styles)} paintings cannot have {len(said)} licences",
            hint="give one for all, or one for each",
        )
    return list(said)


def _style(path: Path, name: str, licence: str, side_px: int, emit: Emit) -> Style:
    pixels = read_rgb(path).rgb
    height, width = pixels.shape[:2]
    scale = side_px / min(height, width)
    if scale > 1:
        text = f"{shown(path)} has {width} x {height} pixels, and is enlarged to {side_px}"
        emit(Note(f"{text}: strokes will be soft (--style-size)", "warning"))
    size = (round(width * scale), round(height * scale))
    pixels = resize_area(pixels, *size) if scale < 1 else resize_lanczos(pixels, *size)
    return Style(StyleRecord(name, path.name, sha256_of(path), licence), path, pixels)


def _digest(perception: ConvStack) -> str:
    digest = hashlib.sha256()
    for name, held in sorted(perception.state_dict().items()):
        digest.update(name.encode())
        flat = held.detach().to("cpu", torch.float32).contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _require_base_fits(base: Header, shape: Shape) -> None:
    if (base.shape.widths, base.shape.blocks) == (shape.widths, shape.blocks):
        return
    raise UsageError(
        f"{shown(base.path)} has {base.shape.blocks} blocks of widths {base.shape.widths}, and"
        f" {shape.blocks} of {shape.widths} were asked for",
        hint="give the --width and --blocks that it has",
    )


def _from_base(base: Header, styles: Sequence[Style]) -> dict[str, torch.Tensor]:
    """The base's tensors: gains of styles it knows by name, else the means of all it knows."""
    known = [style.name for style in base.record.styles]
    network, _ = read_fast(base.path)

    def fitted(held: torch.Tensor) -> torch.Tensor:
        mean = held.mean(dim=0)
        rows = [
            held[known.index(style.record.name)] if style.record.name in known else mean
            for style in styles
        ]
        return torch.stack(rows)

    return {
        name: fitted(held) if name.endswith((".gain", ".offset")) else held
        for name, held in network.state_dict().items()
    }

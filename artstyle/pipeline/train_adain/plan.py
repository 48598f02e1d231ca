"""What a training has to work with: encoder, pictures to learn from, pictures held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from artstyle.events import Emit, Note, ignore
from artstyle.pipeline.train_adain.pictures import (
    Crops,
    Feed,
    Pictures,
    digest_of,
    find_pictures,
)
from artstyle.pipeline.train_adain.settings import FEW_STYLES, AdainRecipe, Identity, identity

if TYPE_CHECKING:
    from artstyle.baselines.adain.encoder import Known
    from artstyle.baselines.adain.file import Held

HELD_PHOTOS, HELD_PAINTINGS = 6, 3  # at most; a guess
_HELD_SHARE = 8  # of so many pictures one is held out at most
# Crops reach from all of a picture's shorter side to single pixels; they are kept so much larger
# than a crop. Photos are less deep than the strokes of paintings. Guesses.
_PHOTO_ROOM, _PAINTING_ROOM = 2, 4


@dataclass(frozen=True)
class Plan:
    """A training before it begins."""

    recipe: AdainRecipe
    encoder: Known
    device: str
    photos: tuple[Path, ...]
    paintings: tuple[Path, ...]
    held_photos: tuple[Path, ...]
    held_paintings: tuple[Path, ...]
    named: tuple[Path, ...] = ()  # paintings whose style the decoder's file holds by name
    base: Held | None = None  # the decoder it starts from; None: random weights

    def identity(self) -> Identity:
        """What makes it this training."""
        photos = digest_of((*self.photos, *self.held_photos))
        paintings = digest_of((*self.paintings, *self.held_paintings))
        base = self.base.header.content_sha256 if self.base else ""
        return identity(self.recipe, self.encoder.sha256, photos, paintings, base)

    def feed(self, *, emit: Emit = ignore) -> Feed:
        """Batches to learn from."""
        recipe, side = self.recipe, self.recipe.crop_px
        photos = Pictures(self.photos, side, side * _PHOTO_ROOM, emit=emit)
        paintings = Pictures(self.paintings, side, side * _PAINTING_ROOM, emit=emit)
        return Feed(
            Crops(photos, side, recipe.seed, 1, mirror=recipe.mirror),
            Crops(paintings, side, recipe.seed, 2, mirror=recipe.mirror, jitter=recipe.jitter),
            recipe.batch,
        )

    def held_feed(self, *, emit: Emit = ignore) -> Feed | None:
        """Batches of what is held out, crops that are the same at each checkpoint."""
        if not self.held_photos or not self.held_paintings:
            return None
        recipe, side = self.recipe, self.recipe.crop_px
        photos = Pictures(self.held_photos, side, side * _PHOTO_ROOM, emit=emit)
        paintings = Pictures(self.held_paintings, side, side * _PAINTING_ROOM, emit=emit)
        return Feed(
            Crops(photos, side, recipe.seed, 3, mirror=False),
            Crops(paintings, side, recipe.seed, 4, mirror=False),
            recipe.batch,
        )

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is to be said before work starts."""
        found = []
        different = len(set(self.paintings))
        if different < FEW_STYLES:
            found.append(
                f"{different} paintings are few (the paper has 80,000): the decoder will"
                " know these, and others less well. Crops of several sizes, mirroring and changed"
                f" colours ({self.recipe.jitter:.0%} of them) stretch them; watch the losses and"
                " the panel of paintings that are held out"
            )
        if not self.held_photos or not self.held_paintings:
            found.append("there are too few pictures to hold some out: nothing shows over-fitting")
        return tuple(found)


def make_plan(
    recipe: AdainRecipe,
    encoder: Known,
    device: str,
    content: Sequence[Path],
    styles: Sequence[Path],
    *,
    named: Path | None = None,
    base: Held | None = None,
    emit: Emit = ignore,
) -> Plan:
    """Find the pictures, and hold some out.

    Args:
        recipe: what was asked for.
        encoder: what the decoder is trained behind.
        device: where it computes.
        content: folders of photos.
        styles: folders of paintings.
        named: a folder of paintings whose style the decoder's file shall hold by name.
        base: the decoder it starts from.
        emit: hears remarks, and of folders that cannot be looked into.

    Raises:
        UsageError: a folder holds no pictures.
        ImageError: there is no such folder.
    """
    photos, held_photos = _held_out(
        find_pictures(content, "photos", emit=emit), HELD_PHOTOS, recipe.seed
    )
    paintings, held_paintings = _held_out(
        find_pictures(styles, "paintings", emit=emit), HELD_PAINTINGS, recipe.seed
    )
    names = () if named is None else tuple(find_pictures([named], "paintings", emit=emit)[0])
    plan = Plan(
        recipe, encoder, device, photos, paintings, held_photos, held_paintings, names, base
    )
    for remark in plan.remarks:
        emit(Note(remark, "warning"))
    return plan


def _held_out(
    folders: Sequence[Sequence[Path]], most: int, seed: int
) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Pictures to learn from, and some drawn by lot from every folder in turn.

    A folder that was given several times is learned from as often.
    """
    count = min(most, len({path for paths in folders for path in paths}) // _HELD_SHARE)
    dice = np.random.default_rng((seed, 0))
    orders = [list(dice.permutation(len(paths))) for paths in folders]
    held: list[Path] = []
    while len(held) < count:
        for paths, order in zip(folders, orders, strict=True):
            if order and len(held) < count and (path := paths[order.pop()]) not in held:
                held.append(path)
    out = set(held)
    return tuple(path for paths in folders for path in paths if path not in out), tuple(held)

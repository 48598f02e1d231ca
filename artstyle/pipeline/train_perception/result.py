"""From a trained student to the file that is used, with its figures and its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from artstyle import files
from artstyle.events import Emit, Note
from artstyle.perception.normalised import normalise
from artstyle.perception.own import OwnFacts, read_own, write_own
from artstyle.perception.random_filters import random_filters
from artstyle.perception.stack import ConvStack
from artstyle.pipeline.train_perception.album import Album
from artstyle.pipeline.train_perception.crops import middles
from artstyle.pipeline.train_perception.figures import probe_accuracy
from artstyle.pipeline.train_perception.work import Work
from artstyle.weights.cards import Card, Figure, Source, render_markdown
from artstyle.weights.entries import licence_of_words

_NORMALISED_ON = 512  # pictures; more change the means by a percent
_NORMALISING_PX = 128  # larger than the crops, as pictures are that styles are drawn from
_BATCH = 32

_SUMMARY = (
    "A small network of VGG's shape that sees style and content where VGG's weights are not: for "
    "the baselines, for projections and for comparing sets of pictures."
)
_LIMITS = (
    "Its pictures were small and few: what it knows of things is far less than VGG's knowledge, "
    "and transfers drawn with it have coarser forms. Figures measured with it compare with nothing "
    "but figures measured with the same file."
)
_HOW = {
    "held_out_top1": "share of held-out pictures whose kind is the first guess",
    "held_out_top5": "whose kind is among the first five guesses",
    "chance": "share that guessing gives",
    "probe": "share by a linear classifier on means and deviations of its maps",
    "probe_random": "the same classifier on random filters of the same shape",
    "crops_per_s": "speed of the training, on the machine it ran on",
}


@dataclass(frozen=True)
class Origin:
    """What is written into the file besides figures."""

    sources: tuple[Source, ...]
    licence: str
    command: str


def write_result(work: Work, origin: Origin, path: Path, emit: Emit) -> Mapping[str, Any]:
    """Write the averaged network, scaled so that every channel's mean activation is one.

    Returns:
        The figures, as they stand in the file.
    """
    album, recipe = work.album, work.recipe
    network = work.average.folded().to(work.device)
    normalise(network, _pictures_for_scales(album, work.device))
    emit(Note("measuring the finished network"))
    figures = measure(work, network)
    notes = {
        "pictures": len(album.pictures),
        "kinds": len(album.names),
        "held_out": int(album.held_out.sum()),
        "crops_shown": work.nimg,
        "epochs": round(work.nimg / (2 * work.batches.pictures), 2),
        "minutes": round(work.seconds / 60, 2),
        "crop_px": [recipe.first_crop_px, recipe.crop_px],
        "pictures_sha256": album.sha256,
        "seed": recipe.seed,
    }
    sources = tuple(asdict(source) for source in origin.sources)
    facts = OwnFacts(origin.licence, sources, figures, origin.command, notes)
    write_own(path, network.cpu(), facts)
    read_own(path)  # what was written can be read
    files.write_text(path.with_suffix(".md"), card_of(path, facts))
    return figures


def measure(work: Work, network: ConvStack) -> dict[str, float]:
    """The figures of a finished network."""
    album, side_px = work.album, work.recipe.crop_px
    found: dict[str, float] = dict(work.latest)
    probe = probe_accuracy(network, album, side_px)
    if probe is not None:
        found["chance"] = 1 / len(album.names)
        found["probe"] = probe
        other = probe_accuracy(random_filters().to(work.device), album, side_px)
        assert other is not None
        found["probe_random"] = other
    found["crops_per_s"] = work.nimg / max(work.seconds, 1e-9)
    return {name: round(value, 4) for name, value in found.items()}


def card_of(path: Path, facts: OwnFacts) -> str:
    """The card of a file, as Markdown."""
    size_bytes = path.stat().st_size
    card = Card(
        name=path.stem,
        title="Perceptual network of artstyle",
        kind="perception",
        licence=licence_of_words(facts.licence),
        summary=_SUMMARY,
        sources=tuple(Source(**source) for source in facts.sources),
        figures=tuple(
            Figure(name, value, _HOW.get(name, "")) for name, value in facts.figures.items()
        ),
        preprocessing={
            "pictures": "RGB, [-1, 1], 32 px and more a side",
            "inside": "[0, 1], less 0.5, by 0.25",
            "scales": "every channel's mean activation is 1 over the training's pictures",
        },
        how_made=f"    {facts.command}",
        limits=_LIMITS,
        notes=facts.notes,
        file=Path(path.name),
        size_bytes=size_bytes,
    )
    return render_markdown(card)


def _pictures_for_scales(album: Album, device: str) -> Sequence[torch.Tensor]:
    """Middles of pictures, spread evenly over the album."""
    shown = np.flatnonzero(~album.held_out)
    count = min(len(shown), _NORMALISED_ON)
    chosen = shown[np.linspace(0, len(shown) - 1, count).round().astype(int)]
    return [
        middles(album, chosen[begin : begin + _BATCH], _NORMALISING_PX).to(device)
        for begin in range(0, count, _BATCH)
    ]

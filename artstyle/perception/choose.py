"""Which network sees: VGG where its weights are, else our own, else random filters.

    perception = choose_perception("auto")
    maps = perception(images, ("conv4_2", "relu1_1"))       # by name, differentiable
    perception.name                                         # goes into every result

All have conv1_1 1_2 2_1 2_2 3_1 3_2 4_1 4_2 5_1 and their ReLUs; VGG has more.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self, TypeAlias, TypedDict

import torch

from artstyle import weights
from artstyle.errors import WeightsError
from artstyle.events import Emit, Note, ignore
from artstyle.names import shown
from artstyle.perception.normalised import normalise
from artstyle.perception.own import read_own
from artstyle.perception.random_filters import random_filters
from artstyle.perception.stack import ConvStack, Padding, Pooling
from artstyle.perception.vgg import VGG, read_normalised_vgg
from artstyle.weights.model_names import starter_folder

Choice: TypeAlias = str  # one of CHOICES, or the file of a network that train-perception made
CHOICES = ("auto", "vgg19", "vgg16", "vgg19-normalised", "own", "random")
OWN_FILE = "perception.safetensors"  # in a workspace's models, and in the starter pack


class _Edges(TypedDict):
    """Of every network; see `ConvStack`."""

    pooling: Pooling
    padding: Padding


class Perception(Protocol):
    """A network that gives maps by the names of VGG's layers."""

    name: str  # is shown, and written into results
    pooling: Pooling
    padding: Padding

    @property
    def layers(self) -> tuple[str, ...]:
        """conv1_1, relu1_1, ... from the picture on."""
        ...

    def __call__(self, images: torch.Tensor, layers: Sequence[str]) -> dict[str, torch.Tensor]:
        """Maps of the named layers; see `ConvStack.forward`."""
        ...

    def channels(self, layer: str) -> int:
        """How many maps a layer has."""
        ...

    def to(self, device: str | torch.device) -> Self:
        """The same on another device."""
        ...


def choose_perception(
    choice: Choice = "auto",
    *,
    device: str = "cpu",
    workspace: Path | None = None,
    pooling: Pooling = "max",
    padding: Padding = "zeros",
    normalised_on: Sequence[torch.Tensor] = (),
    seed: int = 0,
    emit: Emit = ignore,
) -> ConvStack:
    """The network that was asked for, in eval mode with gradients off.

    Args:
        choice: one of `CHOICES`, or a file that `artstyle train-perception` made. "auto" takes
            VGG19 where it was pulled, else our own, else random filters.
        device: where it goes.
        workspace: whose `models/perception.safetensors` goes before the one that ships.
        pooling: see `ConvStack`.
        padding: see `ConvStack`; "replicate" or "reflect" for pictures that are optimised.
        normalised_on: batches of pictures [n, 3, h, w] in [-1, 1]; if there are any, channels get a
            mean activation of one over them. Our own and random filters have it already.
        seed: of random filters.
        emit: told what "auto" took, if it is not VGG19.

    Returns:
        A `Perception`; its name says what it is.

    Raises:
        WeightsError: there is no such choice, or its weights are not here, or damaged.
    """
    how: _Edges = {"pooling": pooling, "padding": padding}
    network = _network(choice, workspace, how, seed, emit)
    if normalised_on:
        normalise(network, normalised_on)
        network.name += ", normalised"
    return network.to(device)


def own_file(workspace: Path | None = None) -> Path | None:
    """The file of our own network: the workspace's, else the one that ships; None: there is none.

    Args:
        workspace: None looks into the starter pack alone.
    """
    places = [] if workspace is None else [workspace / "models" / OWN_FILE]
    return next((file for file in (*places, starter_folder() / OWN_FILE) if file.is_file()), None)


def _network(
    choice: Choice, workspace: Path | None, how: _Edges, seed: int, emit: Emit
) -> ConvStack:
    if choice in ("vgg19", "vgg16"):
        path = weights.path_of(choice, emit=emit)
        return VGG.from_file(path, 19 if choice == "vgg19" else 16, **how)
    if choice == "vgg19-normalised":
        path = weights.path_of(choice, emit=emit)
        return read_normalised_vgg(path, **how)
    if choice == "auto" and (vgg := weights.find("vgg19", emit=emit)) is not None:
        return VGG.from_file(vgg, 19, **how)
    if choice in ("auto", "own"):
        own = own_file(workspace)
        if own is not None:
            network = read_own(own, **how)
            return _instead(network, choice, emit)
        if choice == "own":
            raise WeightsError(
                "this artstyle came without its own perceptual network, and the workspace has none",
                hint="artstyle train-perception --pictures material/content --minutes 10",
            )
    if choice in ("auto", "random"):
        network = random_filters(seed, **how)
        return _instead(network, choice, emit)
    if (file := Path(choice)).is_file():
        return read_own(file, **how)
    raise WeightsError(
        f"there is no perception {shown(choice)!r:.80}",
        hint=f"known are: {', '.join(CHOICES)}, or a file that train-perception made",
    )


def _instead(network: ConvStack, choice: Choice, emit: Emit) -> ConvStack:
    if choice == "auto":
        emit(
            Note(
                f"VGG19's weights are not here: pictures are seen by {network.name}"
                " (artstyle models pull vgg19)"
            )
        )
    return network

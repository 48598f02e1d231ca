"""The encoder of a decoder: which network it is, and a digest by which it is known again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

from artstyle.baselines.adain.decoder import STYLE_LAYERS
from artstyle.errors import WeightsError
from artstyle.events import Emit, ignore
from artstyle.perception.choose import choose_perception, own_file
from artstyle.perception.normalised import mean_activations, pink_pictures
from artstyle.perception.stack import ConvStack, Padding

# The paper reflects at the edges, in the encoder as in the decoder, "to avoid border artifacts"
# (section 6.1); weights that were trained with zeros there are used all the same.
PADDING: Padding = "reflect"
OWN = "own"
_PINK = 8  # pictures of noise that scales are taken from; a guess


@dataclass(frozen=True)
class Known:
    """An encoder, and how it is found again."""

    network: ConvStack
    choice: str  # as `choose_perception` takes it; "own" for any file of ours
    sha256: str

    @property
    def name(self) -> str:
        """What it is, for people."""
        return self.network.name


def know(network: ConvStack, choice: str) -> Known:
    """A network with its digest."""
    return Known(network, choice, encoder_sha256(network))


def encoder_sha256(network: ConvStack) -> str:
    """The digest over names, shapes and values of a network, and over how it pools and pads.

    Values count as float32, so that a file in half precision has the digest of what was read from
    it. Random filters are known by their seed, which is in their name: they are scaled by what is
    measured on the machine, and their last bits differ from one to the next.
    """
    words = f"pooling {network.pooling}, padding {network.padding}, ceil {network.ceil_pooling}"
    digest = hashlib.sha256(words.encode())
    if network.name.startswith("random filters"):
        digest.update(network.name.encode())
        return digest.hexdigest()
    for name, tensor in sorted(network.state_dict().items()):
        flat = tensor.detach().to("cpu", torch.float32).contiguous().reshape(-1)
        digest.update(f"{name} {list(tensor.shape)}\n".encode())
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def choose_encoder(
    choice: str, *, device: str = "cpu", workspace: Path | None = None, emit: Emit = ignore
) -> Known:
    """The encoder that was asked for; see `choose_perception` for arguments and errors."""
    network = choose_perception(
        choice, device=device, workspace=workspace, padding=PADDING, emit=emit
    )
    return know(network, _settled(choice, network))


def layer_scales(encoder: Known) -> dict[str, float]:
    """The mean activation of each layer that AdaIN looks at, so that losses have one size.

    Networks whose channels have a mean activation of one are what the paper's weights are meant
    for. VGG as torchvision has it is not: its means on noise with the spectrum of photos are taken
    instead, to two digits, so that every machine has the same.
    """
    if encoder.choice not in ("vgg16", "vgg19"):
        return dict.fromkeys(STYLE_LAYERS, 1.0)
    pictures = pink_pictures(_PINK, seed=0).to(encoder.network.mean.device)
    means = mean_activations(encoder.network, [pictures])
    return {name: float(f"{float(means[name].mean()):.1e}") for name in STYLE_LAYERS}


def find_encoder(
    choice: str,
    sha256: str,
    *,
    device: str = "cpu",
    workspace: Path | None = None,
    emit: Emit = ignore,
) -> Known:
    """The encoder with this digest, else the one of this choice.

    Of our own network there may be several: the workspace's, and the one that ships.

    Raises:
        WeightsError: there is none of this choice here.
    """
    if choice != OWN:
        return choose_encoder(choice, device=device, workspace=workspace, emit=emit)
    files = {own_file(workspace), own_file(None)} - {None}
    found = [
        know(choose_perception(str(file), device=device, padding=PADDING, emit=emit), OWN)
        for file in sorted(files, key=str)
    ]
    for one in found:
        if one.sha256 == sha256:
            return one
    if not found:
        raise WeightsError(
            "the decoder needs our own perceptual network, and there is none here",
            hint="artstyle train-perception --pictures material/content --minutes 10",
        )
    return found[0]


def _settled(choice: str, network: ConvStack) -> str:
    """What was taken, where the choice was left open or was a file."""
    if choice == "auto":
        kinds = {"VGG19 (torchvision)": "vgg19", "own": OWN, "random": "random"}
        return next(kind for start, kind in kinds.items() if network.name.startswith(start))
    return choice if choice in ("vgg19", "vgg16", "vgg19-normalised", "random") else OWN

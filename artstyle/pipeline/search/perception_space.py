"""What a perception network says of strokes and colours: how strong its maps are, and how varied.

Mean and spread of every map of four layers, wherever in the picture: what AdaIN takes for style
(Huang & Belongie 2017, equation 8). Faces move, hair changes, and these stay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from artstyle.errors import UsageError
from artstyle.events import Emit, Note, ignore
from artstyle.images import to_tensor
from artstyle.metrics.scatter import ScatterSpace
from artstyle.metrics.space import FeatureSpace
from artstyle.perception.choose import choose_perception, own_file
from artstyle.perception.stack import ConvStack

Picture: TypeAlias = NDArray[np.uint8]
Choice: TypeAlias = Literal["auto", "perception", "scatter"]
CHOICES: tuple[Choice, ...] = get_args(Choice)
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")  # those of AdaIN's style loss
_BATCH = 16


class PerceptionSpace:
    """Means and spreads of a perception network's maps; see `metrics.space.FeatureSpace`.

    Args:
        network: what sees.
        device: where it is.
    """

    name = "perception"
    protocol = f"mean and spread of {', '.join(LAYERS)}, at the picture's own size"
    licence = "that of the network"
    ddof = 1
    samples = 1000

    def __init__(self, network: ConvStack, device: str = "cpu") -> None:
        self._network, self._device = network, device
        self.title = f"layer statistics of {network.name}"
        self.dim = 2 * sum(network.channels(layer) for layer in LAYERS)
        digest = hashlib.sha256()
        for name, tensor in sorted(network.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        self.identity = f"perception statistics 1 {network.name} {digest.hexdigest()}"

    def __call__(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """See `FeatureSpace`."""
        rows = [np.zeros((0, self.dim), dtype=np.float32)]
        for begin in range(0, len(pictures), _BATCH):
            some = np.stack(pictures[begin : begin + _BATCH])
            with torch.inference_mode():
                maps = self._network(to_tensor(some).to(self._device), LAYERS)
            parts = []
            for layer in LAYERS:
                flat = maps[layer].flatten(2)
                parts += [flat.mean(dim=2), flat.std(dim=2, correction=0)]
            rows.append(torch.cat(parts, dim=1).cpu().numpy())
        return np.concatenate(rows)


def choose_style_space(
    choice: Choice = "auto",
    workspace: Path | None = None,
    *,
    device: str = "cpu",
    emit: Emit = ignore,
) -> FeatureSpace:
    """Where the distance to a style is measured; "auto" takes a trained network, else wavelets.

    Args:
        choice: one of `CHOICES`.
        workspace: whose own perception network goes first.
        device: where it computes.
        emit: told what was taken instead of what.

    Raises:
        UsageError: there is no such choice.
        WeightsError: a network that is here is damaged.
    """
    from artstyle import weights

    if choice not in CHOICES:
        raise UsageError(f"there is no style space {choice!r:.40}; known: {', '.join(CHOICES)}")
    is_there = weights.find("vgg19") is not None or own_file(workspace) is not None
    if choice == "perception" or (choice == "auto" and is_there):
        network = choose_perception("auto", device=device, workspace=workspace, emit=emit)
        return PerceptionSpace(network, device)
    space = ScatterSpace()
    if choice == "auto":
        emit(Note(f"no trained perception network is here, so style is measured by {space.title}"))
    return space

"""VGG16 and VGG19 (Simonyan & Zisserman 2014), the convolutional part, in torch alone.

Two kinds of files are read, both with `weights_only`: torchvision's (`features.N.weight`), and the
normalised VGG19 of AdaIN's authors (Huang & Belongie 2017) as it is published for torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import torch

from artstyle.errors import WeightsError
from artstyle.names import shown
from artstyle.perception.stack import ConvStack, Padding, Pooling

Depth: TypeAlias = Literal[16, 19]
CONVOLUTIONS: dict[Depth, tuple[int, ...]] = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
WIDTHS = (64, 128, 256, 512, 512)
# What torchvision's training subtracted and divided by, on RGB in [0, 1].
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class VGG(ConvStack):
    """The convolutional part, up to the deepest layer that is asked for.

    Args:
        depth: 16 or 19.
        pooling: see `ConvStack`; torchvision's weights were trained with "max".
        padding: see `ConvStack`; torchvision's weights were trained with "zeros".

    Freshly made it holds random weights; `from_file` reads trained ones.
    """

    def __init__(
        self, depth: Depth = 16, *, pooling: Pooling = "max", padding: Padding = "zeros"
    ) -> None:
        super().__init__(
            f"VGG{depth} (torchvision)",
            CONVOLUTIONS[depth],
            WIDTHS,
            mean=MEAN,
            std=STD,
            pooling=pooling,
            padding=padding,
        )
        self.depth: Depth = depth

    @classmethod
    def from_file(
        cls, path: Path, depth: Depth, *, pooling: Pooling = "max", padding: Padding = "zeros"
    ) -> VGG:
        """Read torchvision's weights, in eval mode with gradients off.

        Raises:
            WeightsError: the file is not a plain file of tensors, or holds another network.
        """
        state = _tensors_in(path, f"vgg{depth}")
        network = cls(depth, pooling=pooling, padding=padding)
        places = torchvision_places(network)
        _take(network, state, {conv: f"features.{at}" for conv, at in places.items()}, path)
        return network.eval().requires_grad_(False)


def torchvision_places(network: ConvStack) -> dict[str, int]:
    """Where torchvision's `features` have each convolution: ReLUs and poolings count as well."""
    names = network.conv_names
    return {name: 2 * at + int(name[4]) - 1 for at, name in enumerate(names)}


def read_normalised_vgg(
    path: Path, *, pooling: Pooling = "max", padding: Padding = "reflect"
) -> ConvStack:
    """Read the normalised VGG19 of AdaIN's authors, in eval mode with gradients off.

    The file numbers every step: a convolution of 1x1 that turns RGB in [0, 1] into what the network
    was trained on, then padding, convolution and ReLU in turns, and poolings. The first convolution
    goes into conv1_1, which is exact for the padding by reflection that the authors use and for
    repeated edges; with zeros the edges differ a little.

    Raises:
        WeightsError: the file is not a plain file of tensors, or holds another network.
    """
    state = _tensors_in(path, "vgg19-normalised")
    network = ConvStack(
        "VGG19, normalised (Huang & Belongie)",
        CONVOLUTIONS[19],
        WIDTHS,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        pooling=pooling,
        padding=padding,
        ceil_pooling=True,
    )
    names = network.conv_names
    places = {name: f"{3 * at + int(name[4]) + 1}" for at, name in enumerate(names)}
    _take(network, state, places, path)
    colours, offset = (_tensor(state, f"0.{part}", path) for part in ("weight", "bias"))
    if colours.shape != (3, 3, 1, 1) or offset.shape != (3,):
        raise _other(path, network, "0.weight", [3, 3, 1, 1], list(colours.shape))
    first = network.convolution("conv1_1")
    with torch.no_grad():
        assert first.bias is not None
        first.bias += torch.einsum("ocij,c->o", first.weight, offset)
        first.weight.copy_(torch.einsum("ocij,cd->odij", first.weight, colours[:, :, 0, 0]))
    return network.eval().requires_grad_(False)


def _tensors_in(path: Path, name: str) -> Mapping[str, torch.Tensor]:
    """The tensors of a file by name.

    Raises:
        WeightsError: it is not a plain file of tensors.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as fault:  # torch raises many kinds for a damaged or foreign file
        raise WeightsError(
            f"{shown(path)} cannot be read as weights: {fault}",
            hint=f"fetch it again: artstyle models pull {name}",
        ) from fault
    if not isinstance(state, Mapping):
        raise WeightsError(f"{shown(path)} holds a {type(state).__name__}, not tensors by name")
    return state


def _take(
    network: ConvStack, state: Mapping[str, torch.Tensor], places: Mapping[str, str], path: Path
) -> None:
    """Copy the tensors that lie at these places into a network's convolutions."""
    taken = dict(network.named_buffers())
    for conv, place in places.items():
        for part in ("weight", "bias"):
            found = _tensor(state, f"{place}.{part}", path)
            expected = network.get_parameter(f"{conv}.{part}")
            if found.shape != expected.shape:
                raise _other(
                    path, network, f"{place}.{part}", list(expected.shape), list(found.shape)
                )
            taken[f"{conv}.{part}"] = found.float()
    network.load_state_dict(taken)


def _tensor(state: Mapping[str, torch.Tensor], name: str, path: Path) -> torch.Tensor:
    """A tensor, one without elements where there is none."""
    found = state.get(name)
    if found is not None and not isinstance(found, torch.Tensor):
        raise WeightsError(f"{shown(path)} has a {type(found).__name__} at {name}, not a tensor")
    return torch.empty(0) if found is None else found


def _other(
    path: Path, network: ConvStack, name: str, expected: list[int], found: list[int]
) -> WeightsError:
    what = "nothing" if found == [0] else str(found)
    return WeightsError(
        f"{shown(path)} is no {network.name}: {name} should be {expected}, found {what}"
    )

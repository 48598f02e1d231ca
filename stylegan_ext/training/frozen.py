"""Which parts of a model learn, and which stay as the base has them."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

from stylegan_ext.errors import ParameterError
from stylegan_ext.networks import Discriminator

_LAYERS = ("fromrgb", "conv0", "conv1", "skip")  # in which order the official Freeze-D counts


def freeze_d(discriminator: Discriminator, count: int) -> tuple[str, ...]:
    """The names of the first `count` layers of D, from the finest on (Mo et al. 2020).

    Layers are counted as the official code does: from-RGB, conv0, conv1 and skip of each block
    where they are there.

    Raises:
        ParameterError: there are fewer; then nothing but the end would learn.
    """
    names = [
        f"D.b{resolution}.{layer}"
        for resolution in discriminator.block_resolutions
        for layer in _LAYERS
        if hasattr(discriminator.block(resolution), layer)
    ]
    if count > len(names):
        raise ParameterError(
            f"{count} layers of D cannot be frozen: it has {len(names)} before its end",
            hint="4 to 13 are usual at 256 px and more, fewer for smaller pictures",
        )
    return tuple(names[:count])


def learnable(
    name: str, network: nn.Module, frozen: Sequence[str]
) -> list[tuple[str, nn.Parameter]]:
    """The parameters of a network that learn, by their names.

    Args:
        name: of the network: "G" or "D".
        network: the network.
        frozen: what stays: "G.mapping", "D.b64", "G.synthesis.b*.torgb" (a part with all in it).
    """
    return [
        (key, parameter)
        for key, parameter in network.named_parameters()
        if not any(_is_inside(f"{name}.{key}", part) for part in frozen)
    ]


def check_frozen(networks: dict[str, nn.Module], frozen: Sequence[str]) -> None:
    """See that every part that shall stay is there, and that something is left to learn.

    Raises:
        ParameterError: no parameter lies in a part, or a network would learn nothing at all.
    """
    names = [f"{name}.{key}" for name in ("G", "D") for key, _ in networks[name].named_parameters()]
    for part in frozen:
        if not any(_is_inside(name, part) for name in names):
            raise ParameterError(
                f"nothing is called {part!r}, so it cannot be frozen",
                hint="parts are called like G.mapping, G.synthesis.b8, G.synthesis.b*.torgb, D.b64",
            )
    for name in ("G", "D"):
        if not learnable(name, networks[name], frozen):
            raise ParameterError(f"all of {name} is frozen: there is nothing to train")


def _is_inside(name: str, part: str) -> bool:
    return fnmatchcase(name, part) or fnmatchcase(name, f"{part}.*")

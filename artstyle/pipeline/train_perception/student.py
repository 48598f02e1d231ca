"""The network while it learns: with batch normalisation and two heads, which are left off later."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from artstyle.perception.own import new_network
from artstyle.perception.stack import ConvStack
from artstyle.perception.statistics import STATISTICS_LAYERS, map_statistics
from artstyle.pipeline.train_perception.album import NO_KIND

_CONTENT_LAYERS = ("relu4_2", "relu5_1")
_EMBEDDING = 128
_LARGE_PX = 16


class Student(nn.Module):
    """A network of the shape that ships.

    Each convolution is followed by batch normalisation, with which it learns several times as fast
    and which goes into the convolution afterwards, exactly.

    Args:
        kinds: kinds of things; 0 for none.
    """

    def __init__(self, kinds: int) -> None:
        super().__init__()
        self.stack = new_network("student")
        self.norms = nn.ModuleDict()
        for name in self.stack.conv_names:
            conv = self.stack.convolution(name)
            nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
            conv.register_parameter("bias", None)  # the normalisation has one
            self.norms[name] = nn.BatchNorm2d(conv.out_channels)
        deep = sum(self.stack.channels(layer) for layer in _CONTENT_LAYERS)
        figures = 2 * sum(self.stack.channels(layer) for layer in STATISTICS_LAYERS)
        self.kinds = nn.Linear(deep, kinds) if kinds else None
        # One linear layer: the statistics themselves shall tell pictures apart, not a network
        # behind them.
        self.centred = nn.BatchNorm1d(figures, affine=False)
        self.embedding = nn.Linear(figures, _EMBEDDING, bias=False)

    def maps(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """All ReLUs' maps by name, of pictures [n, 3, h, w] in [-1, 1]."""
        x = ((images + 1) / 2 - self.stack.mean) / self.stack.std
        found: dict[str, torch.Tensor] = {}
        for name in self.stack.conv_names:
            if name.endswith("_1") and name != "conv1_1":
                x = F.max_pool2d(x, 2)
            x = F.conv2d(x, self.stack.convolution(name).weight, padding=1)
            x = F.relu_(self.norms[name](x))
            found[f"relu{name[4:]}"] = x
        return found

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor]:
        """What pictures show, and where their statistics put them.

        Returns:
            [n, kinds] before the softmax, None without kinds; and [n, 128] of length one.
        """
        maps = self.maps(images)
        some = {name: _thinned(x) if self.training else x for name, x in maps.items()}
        embedded = self.embedding(self.centred(map_statistics(some)))
        if self.kinds is None:
            return None, F.normalize(embedded)
        deep = torch.cat([maps[layer].mean(dim=(2, 3)) for layer in _CONTENT_LAYERS], dim=1)
        return self.kinds(deep), F.normalize(embedded)

    @torch.no_grad()
    def folded(self, name: str = "own network") -> ConvStack:
        """The same network without heads, its normalisation in the convolutions, gradients off."""
        made = new_network(name)
        for conv_name in made.conv_names:
            norm = self.norms[conv_name]
            assert isinstance(norm, nn.BatchNorm2d)
            mean, variance = norm.running_mean, norm.running_var
            assert mean is not None
            assert variance is not None
            scale = norm.weight.double() / torch.sqrt(variance.double() + norm.eps)
            conv, own = self.stack.convolution(conv_name), made.convolution(conv_name)
            assert own.bias is not None
            own.weight.copy_(conv.weight.double() * scale[:, None, None, None])
            own.bias.copy_(norm.bias.double() - mean.double() * scale)
        return made.eval().requires_grad_(False)


def _thinned(x: torch.Tensor) -> torch.Tensor:
    """Every second row and column of a large map: its statistics at a quarter of the price."""
    return x[:, :, ::2, ::2] if x.shape[2] >= _LARGE_PX else x


def kinds_loss(scores: torch.Tensor, kinds: torch.Tensor, smoothing: float) -> torch.Tensor:
    """How wrong the kinds are: cross entropy over the pictures that have one; 0 if none has."""
    if not bool((kinds != NO_KIND).any()):
        return scores.sum() * 0
    return F.cross_entropy(scores, kinds, ignore_index=NO_KIND, label_smoothing=smoothing)


def apart_loss(embedded: torch.Tensor, temperature: float) -> torch.Tensor:
    """How badly pictures are told apart: NT-Xent (Chen et al. 2020, SimCLR, equation 1).

    Args:
        embedded: [2 p, d] of length one; rows i and i + p are crops of one picture.
        temperature: divides the cosines.
    """
    count = embedded.shape[0]
    likeness = embedded @ embedded.T / temperature
    itself = torch.eye(count, dtype=torch.bool, device=embedded.device)
    partner = torch.arange(count, device=embedded.device).roll(count // 2)
    return F.cross_entropy(likeness.masked_fill(itself, float("-inf")), partner)

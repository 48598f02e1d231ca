"""A decoder to begin with, by least squares: each layer gives back what its counterpart was given.

The encoder's `conv3_2` was given `relu3_1`; the decoder's `conv3_2` is to give it back, or as much
of it as a linear map of 3 x 3 neighbours can. From the deepest layer on, each is one regression on
what the layers before it give, so that each makes up for what they lost. No gradient is needed,
and what comes out draws photos with their forms and colours, where thousands of steps from random
weights are still busy with colours. The paper begins with random weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F

from artstyle.baselines.adain.decoder import DEEPEST, Decoder
from artstyle.baselines.adain.transfer import Encoder

ROWS = 20_000  # positions that a layer is fitted on: many times its unknowns. A guess
_RIDGE = 1e-3  # of the mean square of the inputs; a guess

_Sums: TypeAlias = tuple[torch.Tensor, torch.Tensor]


@torch.no_grad()
def fit_layers(
    decoder: Decoder,
    encoder: Encoder,
    batches: Sequence[torch.Tensor],
    *,
    rows: int = ROWS,
    seed: int = 0,
    on_layer: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Set a decoder's weights, layer by layer.

    Args:
        decoder: its weights are replaced.
        encoder: the one it belongs to.
        batches: pictures [n, 3, h, w], RGB, [-1, 1], sides multiples of 8.
        rows: positions that a layer is fitted on, drawn by lot.
        seed: of the lots.
        on_layer: told how many layers are done, of how many.
    """
    dice = torch.Generator().manual_seed(seed)
    counts = (*decoder.shape.counts, 1)
    wanted_layers = [_given(name, counts) for name, _ in decoder.names]
    asked = tuple(dict.fromkeys((DEEPEST, *(one for one in wanted_layers if one))))
    seen = [encoder(batch, asked) for batch in batches]
    maps = [held[DEEPEST] for held in seen]
    per_batch = max(1, rows // len(batches))
    for number, ((name, is_upsampled), wanted) in enumerate(
        zip(decoder.names, wanted_layers, strict=True)
    ):
        if is_upsampled:
            maps = [F.interpolate(held, scale_factor=2, mode="nearest") for held in maps]
        sums: _Sums | None = None
        for batch, held, known in zip(batches, maps, seen, strict=True):
            target = known[wanted] if wanted else batch
            if target.shape[2:] != held.shape[2:]:  # it was pooled before it was given
                target = F.max_pool2d(target, 2)
            part = _sums_of(held, target, per_batch, dice)
            sums = part if sums is None else (sums[0] + part[0], sums[1] + part[1])
        assert sums is not None
        _solve(decoder, name, sums)
        layer = decoder.convolution(name)
        padded = (F.pad(held, (1, 1, 1, 1), mode="reflect") for held in maps)
        maps = [F.conv2d(held, layer.weight, layer.bias) for held in padded]
        if wanted:
            maps = [F.relu_(held) for held in maps]
        on_layer(number + 1, len(decoder.names))


def _given(name: str, counts: Sequence[int]) -> str:
    """What the encoder's layer of this name was given, pooled or not; "" for the picture."""
    block, index = int(name[4]), int(name[6])
    if index > 1:
        return f"relu{block}_{index - 1}"
    return f"relu{block - 1}_{counts[block - 2]}" if block > 1 else ""


def _sums_of(maps: torch.Tensor, target: torch.Tensor, rows: int, dice: torch.Generator) -> _Sums:
    """A^T A and A^T B over positions by lot: A has 3 x 3 neighbours and a one, B the target."""
    count, _, height, width = maps.shape
    n, y, x = (
        torch.randint(side, (rows,), generator=dice).to(maps.device)
        for side in (count, height, width)
    )
    around = F.pad(maps, (1, 1, 1, 1), mode="reflect").movedim(1, -1)
    parts = [around[n, y + down, x + across] for down in range(3) for across in range(3)]
    a = torch.stack(parts, dim=2).flatten(1)  # channel, row, column: as a weight lies in memory
    a = torch.cat((a, a.new_ones(rows, 1)), dim=1)
    b = target.movedim(1, -1)[n, y, x]
    return a.T @ a, a.T @ b


def _solve(decoder: Decoder, name: str, sums: _Sums) -> None:
    """Put the solution of the normal equations into a layer."""
    gram, moment = sums
    layer = decoder.convolution(name)
    assert layer.bias is not None
    size = len(gram) - 1
    ridge = torch.full((size + 1,), float(gram.diagonal()[:size].mean()) * _RIDGE)
    ridge[size] = 0  # the bias is free
    left = gram.double().cpu() + ridge.double().diag()
    found = torch.linalg.solve(left, moment.double().cpu())
    layer.weight.copy_(found[:size].T.reshape(layer.weight.shape))
    layer.bias.copy_(found[size])

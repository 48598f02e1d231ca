"""A model file made lighter: fewer networks, half the bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from stylegan_ext.errors import MismatchError, ParameterError
from stylegan_ext.records import ModelFile, NetworkRecord

NOTE = "half_precision"


def lighter(
    model: ModelFile, *, networks: Sequence[str] | None = None, half: bool = False
) -> ModelFile:
    """The same model with only some of its networks, in float16 if asked for.

    Half precision rounds each number by at most 1/2048 of itself (down to 6e-5; absolutely by
    3e-8 below). Whoever loads the file computes in float32 with the rounded numbers.

    Args:
        model: what was read.
        networks: which are kept, e.g. ("G_ema", "D"); None: all.
        half: write float16.

    Raises:
        ParameterError: the model has no such network.
        MismatchError: a number is too large for float16.
    """
    chosen = tuple(networks) if networks is not None else tuple(model.networks)
    if strangers := [name for name in chosen if name not in model.networks]:
        raise ParameterError(
            f"the model has no {', '.join(strangers)}", hint=f"it has {', '.join(model.networks)}"
        )
    kept = {name: model.networks[name] for name in chosen}
    if half:
        kept = {name: _halved(name, record) for name, record in kept.items()}
        notes = {**model.provenance.notes, NOTE: True}
        return ModelFile(kept, replace(model.provenance, notes=notes))
    return ModelFile(kept, model.provenance)


def _halved(name: str, record: NetworkRecord) -> NetworkRecord:
    tensors = {key: held.to(torch.float16) for key, held in record.tensors.items()}
    for key, held in record.tensors.items():
        if torch.isfinite(held).all() and not torch.isfinite(tensors[key]).all():
            raise MismatchError(
                f"{name}.{key} holds {float(held.abs().max()):.3g}, too large for float16",
                hint="write it without --half",
            )
    return NetworkRecord(record.kind, record.kwargs, tensors)

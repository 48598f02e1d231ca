"""A model file made lighter: fewer networks, half the bits, no noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from stylegan_ext.errors import MismatchError, ParameterError
from stylegan_ext.records import ModelFile, NetworkRecord

NOTE = "half_precision"
STILL_NOTE = "without_noise"
_STRENGTH = ".noise_strength"


def lighter(
    model: ModelFile,
    *,
    networks: Sequence[str] | None = None,
    half: bool = False,
    without_noise: bool = False,
) -> ModelFile:
    """The same model with only some of its networks, in float16 if asked for.

    Noise maps give skin and hair their grain once a model is well trained. Before that, its noise
    is specks, and without it the averaged generator draws cleaner pictures of the same latents.

    Half precision rounds each number by at most 1/2048 of itself (down to 6e-5; absolutely by
    3e-8 below). Whoever loads the file computes in float32 with the rounded numbers.

    Args:
        model: what was read.
        networks: which are kept, e.g. ("G_ema", "D"); None: all.
        half: write float16.
        without_noise: the averaged generator's noise strengths become 0; a G beside it, which
            learns on, keeps its own.

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
    notes = dict(model.provenance.notes)
    if without_noise and "G_ema" in kept:
        kept["G_ema"] = _stilled(kept["G_ema"])
        notes[STILL_NOTE] = True
    if half:
        kept = {name: _halved(name, record) for name, record in kept.items()}
        notes[NOTE] = True
    return ModelFile(kept, replace(model.provenance, notes=notes))


def _stilled(record: NetworkRecord) -> NetworkRecord:
    tensors = {
        key: torch.zeros_like(held) if key.endswith(_STRENGTH) else held
        for key, held in record.tensors.items()
    }
    return NetworkRecord(record.kind, record.kwargs, tensors)


def _halved(name: str, record: NetworkRecord) -> NetworkRecord:
    tensors = {key: held.to(torch.float16) for key, held in record.tensors.items()}
    for key, held in record.tensors.items():
        if torch.isfinite(held).all() and not torch.isfinite(tensors[key]).all():
            raise MismatchError(
                f"{name}.{key} holds {float(held.abs().max()):.3g}, too large for float16",
                hint="write it without --half",
            )
    return NetworkRecord(record.kind, record.kwargs, tensors)

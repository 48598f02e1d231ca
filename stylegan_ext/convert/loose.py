"""Safetensors of others: official tensor names, but no word about the network.

The networks' names may stand in front (`G_ema.synthesis.b4.const`) or not (`synthesis.b4.const`,
taken for G_ema); the arguments are inferred from the shapes.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from stylegan_ext.errors import CheckpointError
from stylegan_ext.infer import kind_of, settle
from stylegan_ext.records import NETWORK_NAMES, ModelFile, NetworkRecord, Provenance
from stylegan_ext.tensor_table import read_loose_table

_HINT = "official names are expected, such as synthesis.b4.const or G_ema.synthesis.b4.const"


def loose_model(path: Path) -> ModelFile:
    """The networks of a safetensors file that is not ours.

    Raises:
        CheckpointError: damaged, or no StyleGAN network.
        MismatchError: its tensors explain no network.
    """
    names = read_loose_table(path)
    groups: dict[str, dict[str, str]] = defaultdict(dict)
    for name in names:
        first, _, rest = name.partition(".")
        network, official = (first, rest) if first in NETWORK_NAMES else ("G_ema", name)
        groups[network][official] = name
    networks = {}
    for network in NETWORK_NAMES:
        if network not in groups:
            continue
        held = groups[network]
        kind = kind_of(held)
        if kind is None:
            shown = ", ".join(list(held)[:4])
            raise CheckpointError(
                f"{network} is no StyleGAN2 or StyleGAN3 network: it holds {shown}", hint=_HINT
            )
        shapes = {official: names[name].shape for official, name in held.items()}
        kwargs = settle(network, kind, None, shapes)
        networks[network] = NetworkRecord(kind, kwargs, _tensors(path, held))
    notes = {"converted_from": "safetensors without a word about the network"}
    return ModelFile(networks, Provenance(notes=notes))


def _tensors(path: Path, held: dict[str, str]) -> dict[str, torch.Tensor]:
    try:
        with safe_open(path, framework="pt", device="cpu") as stream:
            return {official: stream.get_tensor(name).clone() for official, name in held.items()}
    except SafetensorError as fault:
        raise CheckpointError(f"damaged: {fault}", hint="fetch the file again") from fault

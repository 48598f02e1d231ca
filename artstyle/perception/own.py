"""The perceptual network of our own: VGG's shape at a tenth of its size, trained on free photos.

`artstyle train-perception` makes it. A file is safetensors, float16, with `kind` "perception" and
everything that is known of it in the header; its channels have one mean activation each, see
`normalised`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import torch

from artstyle.errors import WeightsError
from artstyle.files import sha256_of, write_bytes
from artstyle.names import shown
from artstyle.perception.stack import ConvStack, Padding, Pooling
from stylegan_ext.errors import CheckpointError
from stylegan_ext.tensor_table import read_entries

KIND, FORMAT_VERSION = "perception", "1"
CONVOLUTIONS, WIDTHS = (2, 2, 2, 2, 1), (32, 64, 128, 256, 256)
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)  # of RGB in [0, 1]; round numbers near photos'
MOST_BYTES = 8_000_000  # what ships stays below
_MOST_BLOCKS, _MOST_CONVOLUTIONS, _MOST_WIDTH = 5, 4, 1024  # that a foreign file is believed


@dataclass(frozen=True)
class OwnFacts:
    """What a file says of itself."""

    licence: str
    sources: tuple[Mapping[str, Any], ...]  # what, licence, origin, pictures
    figures: Mapping[str, Any]  # what was measured, JSON types
    command: str  # that made it
    notes: Mapping[str, Any]  # of the training: pictures seen, minutes, ...


def new_network(
    name: str = "own network", *, pooling: Pooling = "max", padding: Padding = "zeros"
) -> ConvStack:
    """A network of the shape that ships, with random weights."""
    return ConvStack(
        name, CONVOLUTIONS, WIDTHS, mean=MEAN, std=STD, pooling=pooling, padding=padding
    )


def write_own(path: Path, network: ConvStack, facts: OwnFacts) -> None:
    """Write a network and what is known of it, whole or not at all.

    Raises:
        WeightsError: weights are not finite, or too large for float16.
        OSError: the file cannot be written.
    """
    from safetensors.torch import save

    tensors = {}
    for name, held in network.named_parameters():
        half = held.detach().to("cpu", torch.float16).contiguous()
        if not bool(torch.isfinite(half).all()):
            raise WeightsError(f"{name} holds numbers that float16 cannot: they are not finite")
        tensors[name] = half
    metadata = {
        "kind": KIND,
        "format_version": FORMAT_VERSION,
        "network": json.dumps(
            {
                "convolutions": network.convolutions,
                "widths": network.widths,
                "mean": [round(float(part), 6) for part in network.mean.flatten()],
                "std": [round(float(part), 6) for part in network.std.flatten()],
            }
        ),
        "normalisation": "RGB [0, 1], less mean, by std; every channel's mean activation is 1",
        "licence": facts.licence,
        "sources": json.dumps([dict(source) for source in facts.sources], ensure_ascii=False),
        "figures": json.dumps(dict(facts.figures)),
        "command": facts.command,
        "notes": json.dumps(dict(facts.notes), ensure_ascii=False),
    }
    write_bytes(path, save(tensors, metadata))


def read_facts(path: Path) -> OwnFacts:
    """What a file says of itself, without its weights.

    Raises:
        WeightsError: it is no perceptual network of ours, or damaged.
    """
    held = _header(path)
    sources, figures, notes = (_json(path, held, name) for name in ("sources", "figures", "notes"))
    if not isinstance(sources, list) or not all(isinstance(one, dict) for one in sources):
        raise _fault(path, "its sources are no list of tables")
    if not isinstance(figures, dict) or not isinstance(notes, dict):
        raise _fault(path, "its figures or notes are no table")
    licence, command = held.get("licence", "unknown"), held.get("command", "")
    return OwnFacts(licence, tuple(sources), figures, command, notes)


def read_own(path: Path, *, pooling: Pooling = "max", padding: Padding = "zeros") -> ConvStack:
    """Read a network, restored to float32, in eval mode with gradients off.

    Raises:
        WeightsError: it is no perceptual network of ours, or damaged.
    """
    from safetensors import SafetensorError, safe_open

    shape = _shape(path, _json(path, _header(path), "network"))
    name = f"own network {path.stem} ({sha256_of(path)[:8]})"
    network = ConvStack(
        name,
        shape["convolutions"],
        shape["widths"],
        mean=shape["mean"],
        std=shape["std"],
        pooling=pooling,
        padding=padding,
    )
    taken = dict(network.named_buffers())
    try:
        with safe_open(path, framework="pt", device="cpu") as held:
            names = set(held.keys())
            for key, expected in network.named_parameters():
                if key not in names:
                    raise _fault(path, f"{key} is missing")
                found = held.get_tensor(key)
                if found.shape != expected.shape:
                    raise _fault(
                        path, f"{key} is {list(found.shape)}, and not {list(expected.shape)}"
                    )
                taken[key] = found.float()
    except SafetensorError as fault:
        raise _fault(path, str(fault)) from fault
    if not all(bool(torch.isfinite(tensor).all()) for tensor in taken.values()):
        raise _fault(path, "it holds numbers that are not finite")
    network.load_state_dict(taken)
    return network.eval().requires_grad_(False)


def _header(path: Path) -> dict[str, str]:
    """The words in front of the tensors."""
    try:
        metadata = read_entries(path)[0].get("__metadata__")
    except CheckpointError as fault:
        raise WeightsError(str(fault), hint=fault.hint) from fault
    except OSError as fault:
        raise WeightsError(f"cannot read {shown(path)}: {fault.strerror}") from fault
    if not isinstance(metadata, dict) or metadata.get("kind") != KIND:
        kind = metadata.get("kind") if isinstance(metadata, dict) else None
        what = f"it holds weights of the kind {kind!r:.40}" if kind else "it does not say so"
        raise WeightsError(
            f"{shown(path)} is no perceptual network: {what}",
            hint="artstyle train-perception makes one",
        )
    if metadata.get("format_version") != FORMAT_VERSION:
        raise WeightsError(
            f"{shown(path)} is of version {metadata.get('format_version')!r:.20};"
            f" this reads {FORMAT_VERSION}",
            hint="install the newest artstyle",
        )
    return {str(key): str(value) for key, value in metadata.items()}


def _json(path: Path, held: Mapping[str, str], name: str) -> Any:
    try:
        return json.loads(held[name])
    except KeyError:
        raise _fault(path, f"its header says nothing of its {name}") from None
    except ValueError as fault:
        raise _fault(path, f"what its header says of its {name} is no JSON: {fault}") from None


class _Shape(TypedDict):
    """The arguments of a `ConvStack`."""

    convolutions: list[int]
    widths: list[int]
    mean: list[float]
    std: list[float]


def _shape(path: Path, said: Any) -> _Shape:
    """What a header says of a network's shape, checked before it is believed."""
    held = said if isinstance(said, dict) else {}
    counts = _numbers(held.get("convolutions"), int, 1, _MOST_CONVOLUTIONS)
    widths = _numbers(held.get("widths"), int, 1, _MOST_WIDTH)
    if len(counts) != len(widths) or not 1 <= len(counts) <= _MOST_BLOCKS:
        raise _fault(path, "its convolutions and widths are none")
    mean = _numbers(held.get("mean"), float, 0.0, 1.0)
    std = _numbers(held.get("std"), float, 0.01, 1.0)
    if len(mean) != 3 or len(std) != 3:
        raise _fault(path, "its mean and std are no three numbers")
    return {"convolutions": counts, "widths": widths, "mean": mean, "std": std}


def _numbers(values: Any, kind: type[int] | type[float], low: float, high: float) -> list[Any]:
    """A list whose numbers are all of a kind and in a range, else an empty one."""
    if isinstance(values, list) and all(type(one) is kind and low <= one <= high for one in values):
        return values
    return []


def _fault(path: Path, why: str) -> WeightsError:
    return WeightsError(
        f"{shown(path)} is no perceptual network that can be used: {why}",
        hint="is the file whole? artstyle train-perception makes a new one",
    )

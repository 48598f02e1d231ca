"""A decoder's file: safetensors whose header says which encoder the decoder belongs to.

The metadata, all of them texts: format, format_version, kind ("adain"), encoder (its name),
encoder_choice (how it is found), encoder_sha256 (see `encoder.encoder_sha256`), widths and counts
(JSON lists), styles (a JSON list of names), licence, source, notes (a JSON table), content_sha256
(over the tensors). Tensors are named decoder.LAYER.weight, decoder.LAYER.bias, style.NAME.mean and
style.NAME.std: the statistics of paintings that can be asked for by name.

A decoder is of use with the encoder that it was trained behind, and with no other: with another of
the same shape it would draw nonsense without any error.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from artstyle.baselines.adain.decoder import BLOCKS, Decoder, Shape
from artstyle.baselines.adain.encoder import Known
from artstyle.baselines.adain.statistics import Statistics
from artstyle.errors import WeightsError
from artstyle.files import atomic_file
from artstyle.names import shown
from stylegan_ext.errors import CheckpointError
from stylegan_ext.tensor_table import parse_json, read_entries

KIND = "adain"
FORMAT, VERSION = "artstyle network", "1"
_MOST_WIDTH, _MOST_COUNT = 4096, 16
_STYLE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_TRAIN = "artstyle train-adain --content PHOTOS --styles PAINTINGS"


@dataclass(frozen=True)
class Origin:
    """What a decoder belongs to and came from."""

    encoder: str  # the encoder's name
    encoder_choice: str  # as `choose_perception` takes it
    encoder_sha256: str  # see `encoder.encoder_sha256`
    licence: str = "unknown"
    source: str = ""  # in words
    notes: dict[str, Any] = field(default_factory=dict)  # JSON types


@dataclass(frozen=True)
class Header:
    """What a decoder's file says about itself."""

    path: Path
    shape: Shape
    origin: Origin
    styles: tuple[str, ...]  # paintings that can be asked for by name
    content_sha256: str


@dataclass(frozen=True)
class Held:
    """What a file holds."""

    header: Header
    decoder: Decoder  # float32, eval mode, gradients off
    styles: dict[str, Statistics]  # by name


def write_decoder(
    path: Path,
    decoder: Decoder,
    origin: Origin,
    *,
    styles: Mapping[str, Statistics] | None = None,
    half: bool = True,
) -> None:
    """Write a decoder, whole or not at all.

    Args:
        path: where to.
        decoder: on any device.
        origin: what it belongs to and came from.
        styles: paintings that can be asked for by name; a-z, 0-9, - and _.
        half: weights as float16, which draw the same pictures to a level or so of 255.

    Raises:
        WeightsError: it holds something that is not finite.
        OSError: it cannot be written.
    """
    from safetensors.torch import save

    dtype = torch.float16 if half else torch.float32
    tensors = {
        f"decoder.{name}": tensor.detach().to("cpu", dtype).contiguous()
        for name, tensor in decoder.state_dict().items()
    }
    for name, style in (styles or {}).items():
        if not _STYLE.fullmatch(name):
            raise WeightsError(f"{name!r:.80} cannot be a style's name: a-z, 0-9, - and _")
        for part, tensor in (("mean", style.mean), ("std", style.std)):
            tensors[f"style.{name}.{part}"] = tensor.detach().float().cpu().flatten().contiguous()
    sick = [name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())]
    if sick:
        raise WeightsError(f"{shown(path)} was not written: {', '.join(sick)} is not finite")
    metadata = {
        "format": FORMAT,
        "format_version": VERSION,
        "kind": KIND,
        "encoder": origin.encoder,
        "encoder_choice": origin.encoder_choice,
        "encoder_sha256": origin.encoder_sha256,
        "widths": json.dumps(decoder.shape.widths),
        "counts": json.dumps(decoder.shape.counts),
        "styles": json.dumps(list(styles or {})),
        "licence": origin.licence,
        "source": origin.source,
        "notes": json.dumps(origin.notes, sort_keys=True, allow_nan=False),
        "content_sha256": _content_sha256(tensors),
    }
    with atomic_file(path) as stream:
        stream.write(save(tensors, dict(sorted(metadata.items()))))


def read_header(path: Path) -> Header:
    """Read and check what a decoder's file says about itself; no tensor is touched.

    Raises:
        WeightsError: it is no decoder of ours, damaged, or of a newer format.
    """
    try:
        metadata = read_entries(path)[0].get("__metadata__")
    except (CheckpointError, OSError) as fault:
        raise WeightsError(f"{shown(path)} cannot be read: {fault}") from fault
    if not isinstance(metadata, dict) or metadata.get("kind") != KIND:
        kind = metadata.get("kind") if isinstance(metadata, dict) else None
        what = f"it holds {kind!r:.40}" if kind else "it does not say that it is one"
        raise WeightsError(f"{shown(path)} is no AdaIN decoder: {what}", hint=_TRAIN)
    if metadata.get("format_version") != VERSION:
        raise WeightsError(
            f"{shown(path)} is of format {metadata.get('format_version')!r:.20}; this artstyle"
            f" reads {VERSION!r}",
            hint="install the newest artstyle",
        )
    shape, styles = _shape(path, metadata), _styles(path, metadata)
    return Header(path, shape, _origin(path, metadata), styles, _digest(path, metadata))


def read_decoder(path: Path, *, device: str = "cpu") -> Held:
    """A decoder that is ready to draw, and the styles that lie beside it.

    Raises:
        WeightsError: it is no decoder of ours, or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    header = read_header(path)
    try:
        tensors = load(path.read_bytes())
    except (SafetensorError, OSError) as fault:
        raise WeightsError(f"{shown(path)} is damaged: {fault}", hint="fetch it again") from fault
    if _content_sha256(tensors) != header.content_sha256:
        raise WeightsError(
            f"{shown(path)} is damaged: its tensors are not those that were written",
            hint="fetch it again, or train it again",
        )
    decoder = Decoder(header.shape)
    state = {
        name.removeprefix("decoder."): tensor.float()
        for name, tensor in tensors.items()
        if name.startswith("decoder.")
    }
    try:
        decoder.load_state_dict(state)
        styles = {name: _style(tensors, name, header, device) for name in header.styles}
    except (RuntimeError, KeyError) as fault:
        raise WeightsError(f"{shown(path)} does not fit its header: {fault}") from fault
    return Held(header, decoder.to(device).eval().requires_grad_(False), styles)


def _style(
    tensors: Mapping[str, torch.Tensor], name: str, header: Header, device: str
) -> Statistics:
    shape = (1, header.shape.widths[-1], 1, 1)
    mean, std = (tensors[f"style.{name}.{part}"].to(device) for part in ("mean", "std"))
    return Statistics(mean.reshape(shape), std.reshape(shape))


def require_encoder(header: Header, encoder: Known) -> None:
    """See that a decoder belongs to this encoder.

    Raises:
        WeightsError: it belongs to another.
    """
    origin = header.origin
    if origin.encoder_sha256 == encoder.sha256:
        return
    which = f"{origin.encoder}, not {encoder.name}"
    if origin.encoder == encoder.name:
        which = f"another state of {encoder.name}"
    raise WeightsError(
        f"{shown(header.path)} was trained behind {which}: its encoder has the digest"
        f" {origin.encoder_sha256[:12]}, this one {encoder.sha256[:12]}",
        hint=f"take the encoder it belongs to, or train a decoder: {_TRAIN}",
    )


def _content_sha256(tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        held = tensors[name].contiguous()
        digest.update(f"{name} {held.dtype} {list(held.shape)}\n".encode())
        digest.update(held.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _shape(path: Path, metadata: Mapping[str, Any]) -> Shape:
    widths = _numbers(path, metadata, "widths", BLOCKS, _MOST_WIDTH)
    return Shape(widths, _numbers(path, metadata, "counts", BLOCKS - 1, _MOST_COUNT))


def _numbers(
    path: Path, metadata: Mapping[str, Any], name: str, length: int, most: int
) -> tuple[int, ...]:
    held = _json(path, metadata, name)
    if not isinstance(held, list) or len(held) != length:
        raise WeightsError(f"{shown(path)} is damaged: {name} are no {length} numbers")
    if not all(type(one) is int and 1 <= one <= most for one in held):
        raise WeightsError(f"{shown(path)} is damaged: {name} are {held!r:.80}")
    return tuple(held)


def _styles(path: Path, metadata: Mapping[str, Any]) -> tuple[str, ...]:
    names = _json(path, metadata, "styles")
    if not isinstance(names, list) or not all(
        isinstance(name, str) and _STYLE.fullmatch(name) for name in names
    ):
        raise WeightsError(f"{shown(path)} is damaged: its styles are no list of names")
    return tuple(names)


def _origin(path: Path, metadata: Mapping[str, Any]) -> Origin:
    notes = _json(path, metadata, "notes")
    names = ("encoder", "encoder_choice", "encoder_sha256", "licence", "source")
    words = [metadata.get(name) for name in names]
    if not isinstance(notes, dict) or not all(isinstance(word, str) for word in words):
        raise WeightsError(f"{shown(path)} is damaged: its header lacks what it came from")
    encoder, choice, sha256, licence, source = (str(word) for word in words)
    return Origin(encoder, choice, sha256, licence, source, notes)


def _digest(path: Path, metadata: Mapping[str, Any]) -> str:
    content = metadata.get("content_sha256")
    if not isinstance(content, str):
        raise WeightsError(f"{shown(path)} is damaged: it has no digest")
    return content


def _json(path: Path, metadata: Mapping[str, Any], name: str) -> Any:
    try:
        return parse_json(path, name, str(metadata.get(name)))
    except CheckpointError as fault:
        raise WeightsError(str(fault), hint=fault.hint) from fault

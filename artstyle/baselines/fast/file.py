"""A fast net's file: safetensors whose header says what it was trained on.

The metadata, all of them texts: format, format_version, kind ("fast"), widths, blocks (JSON),
styles (a JSON list of tables: name, file, sha256, licence), perception (the network that saw),
licence, source, notes (a JSON table), content_sha256 (over the tensors).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from artstyle.baselines.fast.network import FastNet, Shape
from artstyle.errors import UsageError, WeightsError
from artstyle.files import atomic_file
from artstyle.names import shown
from stylegan_ext.errors import CheckpointError
from stylegan_ext.tensor_table import parse_json, read_entries

KIND = "fast"
FORMAT, VERSION = "artstyle network", "1"
_MOST_WIDTH, _MOST_BLOCKS, _MOST_STYLES = 1024, 64, 1024
_TRAIN = "artstyle train-fast --content PHOTOS --style PAINTING"


@dataclass(frozen=True)
class StyleRecord:
    """A painting that a net was trained on."""

    name: str
    file: str  # its file's name, without folders
    sha256: str
    licence: str = "unknown"


@dataclass(frozen=True)
class FastRecord:
    """What a net came from."""

    styles: tuple[StyleRecord, ...]
    perception: str  # what saw, e.g. "VGG19"
    licence: str = "unknown"
    source: str = ""  # of the photos, in words
    notes: dict[str, Any] = field(default_factory=dict)  # JSON types

    def style_number(self, wish: str) -> int:
        """Which style is meant: a name, or a number from 0.

        Raises:
            UsageError: there is none such.
        """
        names = [style.name for style in self.styles]
        if wish in names:
            return names.index(wish)
        if wish.isascii() and wish.isdigit() and int(wish) < len(names):
            return int(wish)
        raise UsageError(
            f"there is no style {wish!r:.40} in this net",
            hint=f"it has {', '.join(names)}" + (f" (0 to {len(names) - 1})" if names[1:] else ""),
        )


@dataclass(frozen=True)
class Header:
    """What a net's file says about itself."""

    path: Path
    shape: Shape
    record: FastRecord
    content_sha256: str

    @property
    def name(self) -> str:
        """What the net is called."""
        return self.path.stem

    @property
    def is_single(self) -> bool:
        """Whether it draws in one style."""
        return len(self.record.styles) == 1


def write_fast(path: Path, network: FastNet, record: FastRecord, *, half: bool = True) -> None:
    """Write a net, whole or not at all.

    Args:
        path: where to.
        network: on any device.
        record: what it came from; as many styles as the network has.
        half: as float16, which draws the same pictures to a level or so of 255.

    Raises:
        WeightsError: it holds something that is not finite.
        OSError: it cannot be written.
    """
    from safetensors.torch import save

    dtype = torch.float16 if half else torch.float32
    tensors = {
        name: held.detach().to("cpu", dtype).contiguous()
        for name, held in network.state_dict().items()
    }
    sick = [name for name, held in tensors.items() if not bool(held.isfinite().all())]
    if sick:
        raise WeightsError(f"{shown(path)} was not written: {', '.join(sick[:3])} is not finite")
    metadata = {
        "format": FORMAT,
        "format_version": VERSION,
        "kind": KIND,
        "widths": json.dumps(network.shape.widths),
        "blocks": json.dumps(network.shape.blocks),
        "styles": json.dumps([asdict(style) for style in record.styles]),
        "perception": record.perception,
        "licence": record.licence,
        "source": record.source,
        "notes": json.dumps(record.notes, sort_keys=True, allow_nan=False),
        "content_sha256": _content_sha256(tensors),
    }
    with atomic_file(path) as stream:
        stream.write(save(tensors, dict(sorted(metadata.items()))))


def read_header(path: Path) -> Header:
    """Read and check what a net's file says about itself; no tensor is touched.

    Raises:
        WeightsError: it is no fast net of ours, damaged, or of a newer format.
    """
    try:
        metadata = read_entries(path)[0].get("__metadata__")
    except (CheckpointError, OSError) as fault:
        raise WeightsError(f"{shown(path)} cannot be read: {fault}") from fault
    if not isinstance(metadata, dict) or metadata.get("kind") != KIND:
        kind = metadata.get("kind") if isinstance(metadata, dict) else None
        what = f"it holds {kind!r:.40}" if kind else "it does not say that it is one"
        raise WeightsError(f"{shown(path)} is no fast net: {what}", hint=_TRAIN)
    if metadata.get("format_version") != VERSION:
        raise WeightsError(
            f"{shown(path)} is of format {metadata.get('format_version')!r:.20}; this artstyle"
            f" reads {VERSION!r}",
            hint="install the newest artstyle",
        )
    record = _record(path, metadata)
    content = metadata.get("content_sha256")
    if not isinstance(content, str):
        raise _damaged(path, "it has no digest")
    return Header(path, _shape(path, metadata, len(record.styles)), record, content)


def read_fast(path: Path, *, device: str = "cpu") -> tuple[FastNet, Header]:
    """A net that is ready to draw: float32, eval mode, gradients off.

    Raises:
        WeightsError: it is no fast net of ours, or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    header = read_header(path)
    try:
        tensors = load(path.read_bytes())
    except (SafetensorError, OSError) as fault:
        raise _damaged(path, str(fault)) from fault
    if _content_sha256(tensors) != header.content_sha256:
        raise _damaged(path, "its tensors are not those that were written")
    network = FastNet(header.shape)
    try:
        network.load_state_dict({name: held.float() for name, held in tensors.items()})
    except RuntimeError as fault:
        raise WeightsError(f"{shown(path)} does not fit its header: {fault}") from fault
    return network.to(device).eval().requires_grad_(False), header


def _content_sha256(tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        held = tensors[name].contiguous()
        digest.update(f"{name} {held.dtype} {list(held.shape)}\n".encode())
        digest.update(held.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _shape(path: Path, metadata: Mapping[str, Any], styles: int) -> Shape:
    widths, blocks = _json(path, metadata, "widths"), _json(path, metadata, "blocks")
    are_widths = isinstance(widths, list) and len(widths) == 3
    if not are_widths or not all(type(one) is int and 1 <= one <= _MOST_WIDTH for one in widths):
        raise _damaged(path, f"its widths are {widths!r:.60}")
    if type(blocks) is not int or not 0 <= blocks <= _MOST_BLOCKS:
        raise _damaged(path, f"its blocks are {blocks!r:.60}")
    return Shape((widths[0], widths[1], widths[2]), blocks, styles)


def _record(path: Path, metadata: Mapping[str, Any]) -> FastRecord:
    tables, notes = _json(path, metadata, "styles"), _json(path, metadata, "notes")
    words = [metadata.get(name) for name in ("perception", "licence", "source")]
    if not isinstance(notes, dict) or not all(isinstance(word, str) for word in words):
        raise _damaged(path, "its header lacks what it came from")
    keys = {"name", "file", "sha256", "licence"}
    if not isinstance(tables, list) or not 1 <= len(tables) <= _MOST_STYLES:
        raise _damaged(path, "its header lists no styles")
    for table in tables:
        texts = isinstance(table, dict) and all(isinstance(one, str) for one in table.values())
        if not texts or set(table) != keys:
            raise _damaged(path, f"a style is {table!r:.80}")
    perception, licence, source = (str(word) for word in words)
    styles = tuple(StyleRecord(**table) for table in tables)
    return FastRecord(styles, perception, licence, source, notes)


def _json(path: Path, metadata: Mapping[str, Any], name: str) -> Any:
    try:
        return parse_json(path, name, str(metadata.get(name)))
    except CheckpointError as fault:
        raise WeightsError(str(fault), hint=fault.hint) from fault


def _damaged(path: Path, what: str) -> WeightsError:
    return WeightsError(f"{shown(path)} is damaged: {what}", hint="fetch it again, or train again")

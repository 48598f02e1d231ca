"""A run in pieces small enough to travel, and put together again elsewhere.

    manifest.json           what is in it: files, pieces, SHA-256 of each
    piece-0000.bin ...      the files back to back, cut every 15 MB

What is packed is what training needs to go on and people need to look: the newest state, the run's
own files, figures, grids, snapshots if wished. With `half`, Adam's moments are stored as bfloat16
(they need its range): a third of the state less, and what goes on is not bit-equal.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from artstyle import files
from artstyle.errors import RunError, UsageError
from artstyle.events import Emit, Note, Progress, ignore
from artstyle.names import shown
from artstyle.runs import open_run

MANIFEST = "manifest.json"
FORMAT, VERSION = "artstyle run in pieces", 1
PIECE_BYTES = 15_000_000
_BLOCK_BYTES = 1 << 20
_ALWAYS = ("*.json", "*.jsonl", "*.toml", "*.txt", "reals.png", "fakes_latest.png")
_ADAM = ".exp_avg"


@dataclass(frozen=True)
class Packed:
    """A run in pieces."""

    folder: Path
    pieces: int
    size_bytes: int
    kimg: float
    is_half: bool


def pack(
    run: Path,
    out: Path,
    *,
    half: bool = False,
    snapshots: bool = False,
    piece_bytes: int = PIECE_BYTES,
    emit: Emit = ignore,
) -> Packed:
    """Write a run's newest state and its own files as pieces.

    Args:
        run: the run's folder.
        out: a new or empty folder.
        half: Adam's moments as bfloat16.
        snapshots: models and grids as well.
        piece_bytes: size of a piece.
        emit: told how far it is.

    Raises:
        RunError: it is no run, or has no whole state.
        UsageError: `out` holds something.
    """
    from stylegan_ext.training.state import StateFiles, write_state

    open_run(run)
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{shown(out)} is not empty", hint="name a new folder with --out")
    state, _ = StateFiles(run).newest()
    if state is None:
        raise RunError(f"{shown(run)} has no whole state to pack", hint="train it first")
    patterns = (*_ALWAYS, *(("network-snapshot-*.safetensors", "*.png") if snapshots else ()))
    chosen = sorted({path for pattern in patterns for path in run.glob(pattern)})
    with tempfile.TemporaryDirectory() as scratch:
        path = state.path
        if half:
            path = Path(scratch) / state.path.name
            write_state(path, _halved(state.tensors), state.facts)
            emit(Note("moments in half precision: what goes on is close, not bit-equal", "warning"))
        sources = {one.name: one for one in chosen} | {path.name: path}
        sizes = _write_pieces(sources, out, piece_bytes, emit)
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "run": run.resolve().name,
        "kimg": state.facts["counters"]["nimg"] / 1000,
        "half": half,
        **sizes,
    }
    files.write_json(out / MANIFEST, manifest)  # last: without it there is nothing to unpack
    total = sum(one["size_bytes"] for one in sizes["pieces"])
    return Packed(out, len(sizes["pieces"]), total, manifest["kimg"], half)


def unpack(folder: Path, out: Path, *, emit: Emit = ignore) -> Packed:
    """Put a run together again.

    Args:
        folder: with the manifest and the pieces.
        out: the run's folder to be; new or empty.
        emit: told how far it is.

    Raises:
        RunError: pieces are missing or damaged, or it is no packed run.
        UsageError: `out` holds something.
    """
    manifest = _manifest(folder)
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{shown(out)} is not empty", hint="name a new folder with --out")
    for piece in manifest["pieces"]:  # all of them before anything is written
        path = folder / _plain(piece["name"])
        if not path.is_file():
            raise RunError(f"{shown(path)} is missing", hint="bring all pieces into one folder")
        if files.sha256_of(path) != piece["sha256"]:
            raise RunError(f"{shown(path)} is damaged", hint="bring this piece again")
    stream = _bytes_of(folder, manifest)
    out.mkdir(parents=True, exist_ok=True)
    total = sum(one["size_bytes"] for one in manifest["files"])
    done, rest = 0, b""
    for entry in manifest["files"]:
        name, left = _plain(entry["name"]), int(entry["size_bytes"])
        digest = hashlib.sha256()
        with files.atomic_file(out / name) as target:
            while left:
                rest = rest or next(stream)
                some, rest = rest[:left], rest[left:]
                target.write(some)
                digest.update(some)
                left -= len(some)
                done += len(some)
                emit(Progress("unpack", done, total, "bytes"))
        if digest.hexdigest() != entry["sha256"]:
            raise RunError(f"{name} is not what was packed", hint="pack the run again")
    size = sum(one["size_bytes"] for one in manifest["pieces"])
    return Packed(out, len(manifest["pieces"]), size, manifest["kimg"], manifest["half"])


def _write_pieces(
    sources: Mapping[str, Path], out: Path, piece_bytes: int, emit: Emit
) -> dict[str, list[dict[str, Any]]]:
    """The files back to back; gives what the manifest says of files and pieces."""
    out.mkdir(parents=True, exist_ok=True)
    entries: list[dict[str, Any]] = []
    pieces: list[dict[str, Any]] = []
    held = bytearray()

    def put(data: bytes | bytearray) -> None:
        name = f"piece-{len(pieces):04d}.bin"
        files.write_bytes(out / name, bytes(data))
        digest = hashlib.sha256(data).hexdigest()
        pieces.append({"name": name, "size_bytes": len(data), "sha256": digest})

    total = sum(path.stat().st_size for path in sources.values())
    done = 0
    for name, path in sources.items():
        digest, size = hashlib.sha256(), 0
        with path.open("rb") as stream:
            for block in _blocks(stream):
                digest.update(block)
                size += len(block)
                held += block
                while len(held) >= piece_bytes:
                    put(held[:piece_bytes])
                    del held[:piece_bytes]
                emit(Progress("pack", done + size, total, "bytes"))
        done += size
        entries.append({"name": name, "size_bytes": size, "sha256": digest.hexdigest()})
    if held:
        put(held)
    return {"files": entries, "pieces": pieces}


def _halved(tensors: Mapping[str, Any]) -> dict[str, Any]:
    import torch

    return {
        name: held.to(torch.bfloat16) if name.startswith("adam.") and _ADAM in name else held
        for name, held in tensors.items()
    }


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        held = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise RunError(f"{shown(folder)} is no packed run: {fault}") from None
    if not isinstance(held, dict) or held.get("format") != FORMAT:
        raise RunError(f"{shown(folder)} is no packed run")
    if held.get("version") != VERSION:
        raise RunError(
            f"{shown(folder)} was packed by a newer artstyle", hint="install the newest artstyle"
        )
    return held


def _plain(name: Any) -> str:
    """A file's own name: a manifest may come from anybody, and must not lead out of the folder."""
    if not isinstance(name, str) or PurePosixPath(name).name != name or "\\" in name:
        raise RunError(f"the manifest names {name!r:.80}, which is no plain file name")
    return name


def _bytes_of(folder: Path, manifest: Mapping[str, Any]) -> Iterator[bytes]:
    for piece in manifest["pieces"]:
        with (folder / _plain(piece["name"])).open("rb") as stream:
            yield from _blocks(stream)
    raise RunError(f"{shown(folder)} holds less than its manifest says", hint="pack it again")


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    while block := stream.read(_BLOCK_BYTES):
        yield block

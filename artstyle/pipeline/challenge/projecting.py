"""Faces to latents of the base, once: what was found is kept, and found again by what it is of.

A latent lies in the challenge's folder, `projections/NAME.safetensors`, with the picture that the
base draws of it, the base's change towards the face if it was tuned, and with what decided it in
its header. The same face into the same base is taken
from there, or from wherever the workspace's catalog knows it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from artstyle.catalog import open_catalog
from artstyle.events import Emit, Progress, ignore
from artstyle.files import write_bytes
from artstyle.pipeline.challenge.models import Taken
from artstyle.pipeline.challenge.preflight import Ready
from artstyle.workspace import Workspace, is_workspace

Halves: TypeAlias = dict[str, NDArray[np.float16]]

FOLDER = "projections"
_FORMAT = "artstyle challenge projection 1"
_METHOD = 5  # counted up when the same settings give other latents
_HEADER = "artstyle"
_CHANGE = "change."  # tensors with the base's change towards the face, in half precision
AT_ONCE = 8  # faces searched side by side; those that are done are kept when a run is broken off


@dataclass(frozen=True, eq=False)
class Projected:
    """A face's place in the base."""

    file: Path
    ws: NDArray[np.float32]  # [num_ws, w_dim]
    image: NDArray[np.uint8]  # [r, r, 3], as the base draws it
    perceptual_distance: float
    pixel_rmse: float  # in levels of 255
    record: Mapping[str, Any]  # how it was found, in JSON types
    key: str  # what it is of: face, base, settings
    was_done: bool
    change: Mapping[str, NDArray[np.float16]] = field(default_factory=dict)  # of the tuned base

    def facts(self, out: Path) -> dict[str, Any]:
        """What the challenge's record says of it."""
        return {
            "file": self.file.relative_to(out).as_posix(),
            "key": self.key,
            "space": "w+",
            "perceptual_distance": self.perceptual_distance,
            "pixel_rmse": self.pixel_rmse,
            **self.record,
        }


@dataclass(frozen=True)
class How:
    """How faces are projected."""

    encoders: tuple[str, ...] = ()  # SHA-256 of files that may be the base's encoder
    steps: int | None = None  # of the search; None: as many as suit
    tuning: int | None = None  # steps of pivotal tuning after it; None: as many as suit

    def identity(self) -> dict[str, Any]:
        """What decides the result, besides face and base."""
        return {
            "method": _METHOD,
            "encoders": list(self.encoders),
            "steps": self.steps,
            "tuning": self.tuning,
        }


def project_faces(
    faces: Sequence[Ready],
    base: Taken,
    how: How,
    out: Path,
    workspace: Path,
    *,
    device: Callable[[], str] = lambda: "cpu",
    emit: Emit = ignore,
) -> list[Projected]:
    """Find the latents of faces, in this order; those that are known are not sought again.

    Args:
        faces: what the pre-flight cut out.
        base: the model.
        how: to search.
        out: the challenge's folder.
        workspace: its catalog may know latents, and its models may hold the base's encoder.
        device: asked where to compute, if anything is to be computed.
        emit: gets progress in faces.

    Raises:
        EngineError: the base cannot be used.
        OSError: a latent cannot be written.
    """
    keys = [_key(face, base, how) for face in faces]
    files = [out / FOLDER / f"{face.name}.safetensors" for face in faces]
    found: dict[int, Projected] = {}
    for number, (key, file) in enumerate(zip(keys, files, strict=True)):
        if (kept := _kept(key, file, workspace)) is not None:
            found[number] = kept
    todo = [number for number in range(len(faces)) if number not in found]
    for start in range(0, len(todo), AT_ONCE):
        group = todo[start : start + AT_ONCE]
        emit(Progress("project", len(found), len(faces), "faces"))
        targets = np.stack([faces[number].target for number in group])
        inverted = _invert(targets, base, how, workspace, device(), emit)
        for number, made in zip(group, inverted, strict=True):
            found[number] = _written(keys[number], files[number], *made)
    emit(Progress("project", len(faces), len(faces), "faces"))
    return [found[number] for number in range(len(faces))]


def _invert(  # noqa: PLR0917 - as its one caller has them
    targets: NDArray[np.uint8], base: Taken, how: How, workspace: Path, device: str, emit: Emit
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.uint8], dict[str, Any], Halves]]:
    from artstyle.pipeline.encode.invert import invert_faces
    from artstyle.pipeline.tuning_steps import usual_tuning

    made = invert_faces(
        targets,
        base.model.path,
        workspace=workspace,
        steps=how.steps,
        tuning=usual_tuning(base.model.resolution) if how.tuning is None else how.tuning,
        device=device,
        emit=emit,
    )
    for row in range(len(targets)):
        facts = {
            "perceptual_distance": float(made.perceptual_distance[row]),
            "pixel_rmse": float(made.pixel_rmse[row]),
            "record": dict(made.record),
        }
        ws = np.asarray(made.ws[row], dtype=np.float32)
        change = made.changes[row] if made.changes else {}
        halves = {name: part.numpy().astype(np.float16) for name, part in change.items()}
        yield ws, np.asarray(made.images[row], dtype=np.uint8), facts, halves


def _key(face: Ready, base: Taken, how: How) -> str:
    said = {
        "face_sha256": hashlib.sha256(face.target.tobytes()).hexdigest(),
        "base_sha256": base.model.sha256,
        **how.identity(),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _written(  # noqa: PLR0917 - as its one caller has them
    key: str,
    file: Path,
    ws: NDArray[np.float32],
    image: NDArray[np.uint8],
    facts: Mapping[str, Any],
    change: Halves,
) -> Projected:
    from safetensors.numpy import save

    said = {"format": _FORMAT, "key": key, "facts": dict(facts)}
    header = {_HEADER: json.dumps(said, sort_keys=True)}  # one entry: several come in any order
    tensors: dict[str, NDArray[Any]] = {
        "ws": np.ascontiguousarray(ws),
        "image": np.ascontiguousarray(image),
        **{f"{_CHANGE}{name}": part for name, part in change.items()},
    }
    write_bytes(file, save(tensors, metadata=header))
    return Projected(file, ws, image, key=key, was_done=False, change=change, **facts)


def _kept(key: str, file: Path, workspace: Path) -> Projected | None:
    """The latent of this key, from this file or from any that the catalog knows."""
    if (here := _read(key, file)) is not None:
        return here
    for other in _known(key, workspace):
        if (there := _read(key, other)) is not None:
            write_bytes(file, other.read_bytes())
            return Projected(**{**vars(there), "file": file})
    return None


def _known(key: str, workspace: Path) -> list[Path]:
    if not is_workspace(workspace) or not Workspace(workspace).catalog.is_file():
        return []
    query = "SELECT file FROM projection WHERE json_extract(settings, '$.key') = ?"
    with open_catalog(workspace) as catalog:
        return [catalog.absolute(row[0]) for row in catalog.rows(query, key)]


def _read(key: str, file: Path) -> Projected | None:
    """What a file holds, if it is the latent of this key and whole."""
    from safetensors import SafetensorError, safe_open

    if not file.is_file():
        return None
    try:
        with safe_open(file, framework="numpy") as held:
            said = json.loads((held.metadata() or {}).get(_HEADER, "{}"))
            if said.get("format") != _FORMAT or said.get("key") != key:
                return None
            ws, image = held.get_tensor("ws"), held.get_tensor("image")
            change = {
                name.removeprefix(_CHANGE): held.get_tensor(name)
                for name in held.keys()  # noqa: SIM118 - it is no mapping
                if name.startswith(_CHANGE)
            }
            facts = said["facts"]
            return Projected(file, ws, image, key=key, was_done=True, change=change, **facts)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return None

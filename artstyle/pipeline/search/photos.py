"""The people a search looks at: latents of the base that show them.

Projections that `artstyle project` made, faces that are projected now, or, where there are none,
what the base draws itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

import stylegan_ext
from artstyle.errors import UsageError
from artstyle.events import Emit, Note, ignore
from artstyle.files import sha256_of, write_bytes
from artstyle.images import resize_lanczos
from artstyle.names import natural_key, shown
from artstyle.pipeline.encode.invert import Inverter
from artstyle.pipeline.evaluate.pictures import Pictures, all_of, open_pictures
from artstyle.pipeline.tuning_steps import usual_tuning
from stylegan_ext.drawing import average_w, seed_ws
from stylegan_ext.latents import truncation_sweep
from stylegan_ext.tuning import Change

COUNT = 24  # people, where nobody says
LEAST = 4
PSI = 0.7  # truncation of the base's own samples: likely faces
_CHANGE = "change."  # tensors with all people's changes, in half precision
PROJECTION = "projection.safetensors"  # what `artstyle project` writes


@dataclass(frozen=True, eq=False)
class People:
    """Latents of a base, and where they came from."""

    ws: torch.Tensor  # float32 [n, num_ws, w_dim], on the CPU
    names: tuple[str, ...]
    how: str  # in words
    changes: tuple[Change, ...] = ()  # of the base towards each person, if it was bent

    @property
    def identity(self) -> str:
        """Of the latents, and of the changes."""
        digest = hashlib.sha256(self.ws.contiguous().numpy().tobytes())
        for change in self.changes:
            for name in sorted(change):
                digest.update(change[name].contiguous().numpy().tobytes())
        return digest.hexdigest()


def find_people(
    where: Path | None,
    base: Path,
    *,
    workspace: Path,
    kept: Path,
    count: int = COUNT,
    device: str = "cpu",
    emit: Emit = ignore,
) -> People:
    """The latents to search with.

    Args:
        where: a folder of projections into `base`, or a folder or zip of aligned faces; None: the
            base's own samples.
        base: the base's file.
        workspace: where its encoder is looked for.
        kept: a file that keeps what faces were projected to.
        count: how many at most; of more, some from all over are taken.
        device: where to compute.
        emit: told what was taken.

    Raises:
        UsageError: too few, or projections into another model.
        CorpusError: there is nothing there, or nothing that is a picture.
        EngineError: the base cannot be read.
    """
    if count < LEAST:
        raise UsageError(f"{count} people are too few to measure with: {LEAST} at least")
    if where is None:
        people = _own_samples(base, count, device)
        emit(Note(f"no photos were given: the search looks at {people.how}"))
        return people
    files = sorted(where.rglob(PROJECTION), key=natural_key) if where.is_dir() else []
    if files:
        people = _projections(files, where, base, count)
    else:
        pictures = open_pictures(where, emit=emit)
        inverter = Inverter(base, workspace=workspace, device=device, emit=emit)
        people = _projected(pictures, base, count, inverter, kept=kept, emit=emit)
    if len(people.ws) < LEAST:
        raise UsageError(
            f"{shown(where)} holds {len(people.ws)} faces, too few to measure with: {LEAST} at"
            f" least, better {COUNT}"
        )
    return people


def spread(count: int, most: int) -> list[int]:
    """Numbers 0 to count - 1, or `most` of them from all over."""
    if count <= most:
        return list(range(count))
    return [index * count // most for index in range(most)]


def _own_samples(base: Path, count: int, device: str) -> People:
    generator = stylegan_ext.load(base, device=device)
    classes = int(generator.c_dim)
    rows = [seed_ws(generator, seed, seed % classes if classes else None) for seed in range(count)]
    ws, how = torch.cat(rows), f"{count} samples of the base"
    if hasattr(generator.mapping, "w_avg"):
        ws = truncation_sweep(ws, average_w(generator), [PSI])[0]
        how += f", truncated to {PSI:g}"
    return People(ws.cpu(), tuple(f"seed {seed}" for seed in range(count)), how)


def _projections(files: list[Path], where: Path, base: Path, count: int) -> People:
    """What `artstyle project` found in this base."""
    wanted = sha256_of(base)
    rows, foreign = [], []
    for file in files:
        try:
            with safe_open(file, framework="pt") as held:
                said = json.loads((held.metadata() or {}).get("identity", "{}"))
                ws = held.get_tensor("ws").float()
        except (OSError, ValueError, SafetensorError) as fault:
            raise UsageError(f"{shown(file)} is no projection that can be read: {fault}") from fault
        if said.get("model_sha256") != wanted:
            foreign.append(file)
        rows.append((file.parent.name, ws))
    if foreign:
        raise UsageError(
            f"{len(foreign)} of {len(files)} projections in {shown(where)} are into another model"
            f" than {shown(base)}; {shown(foreign[0])} is",
            hint="project the photos into this base, or give the photos themselves",
        )
    taken = [rows[index] for index in spread(len(rows), count)]
    how = f"{len(taken)} projections of {shown(where.name)}"
    return People(torch.stack([ws for _, ws in taken]), tuple(name for name, _ in taken), how)


def _projected(
    pictures: Pictures, base: Path, count: int, inverter: Inverter, *, kept: Path, emit: Emit
) -> People:
    """Faces, projected now, or by an earlier call."""
    taken = spread(len(pictures), count)
    size = inverter.generator.img_resolution
    faces = np.stack([_squared(one, size) for one in all_of(pictures, taken)])
    tuning = usual_tuning(size)
    record = inverter.record(inverter.settings_for(None, tuning), tuning)
    identity = json.dumps(
        {
            "base": sha256_of(base),
            "faces": hashlib.sha256(faces.tobytes()).hexdigest(),
            "how": record,
        },
        sort_keys=True,
    )
    held = _kept(kept, identity)
    if held is None:
        found = inverter(faces, tuning=tuning, emit=emit)
        held = {"ws": found.ws.float().contiguous()}
        for name in found.changes[0] if found.changes else ():
            held[_CHANGE + name] = torch.stack([one[name] for one in found.changes]).half()
        write_bytes(kept, save(held, metadata={"identity": identity}))
    how = f"{len(taken)} faces of {shown(pictures.name)}, projected by {record['how']}"
    if tuning:
        how += ", the base bent to each"
    return People(held["ws"], tuple(f"face {i + 1}" for i in taken), how, _changes(held))


def _changes(held: Mapping[str, torch.Tensor]) -> tuple[Change, ...]:
    """The change of the base for each person; none if it was not bent."""
    parts = {n.removeprefix(_CHANGE): part for n, part in held.items() if n.startswith(_CHANGE)}
    if not parts:
        return ()
    return tuple({n: p[row].float() for n, p in parts.items()} for row in range(len(held["ws"])))


def _squared(picture: NDArray[np.uint8], size_px: int) -> NDArray[np.uint8]:
    """The picture at the base's size.

    Raises:
        UsageError: it is not square, so not an aligned face.
    """
    if picture.shape[0] != picture.shape[1]:
        raise UsageError(
            f"a picture of {picture.shape[1]} x {picture.shape[0]} px is no aligned face: those are"
            " square",
            hint="cut faces out of photos first: artstyle extract --images DIR --style NAME",
        )
    return picture if len(picture) == size_px else resize_lanczos(picture, size_px, size_px)


def _kept(path: Path, identity: str) -> dict[str, torch.Tensor] | None:
    """What an earlier call found, if it is of the same faces, found in the same way."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as held:
            said: dict[str, Any] = held.metadata() or {}
            if said.get("identity") != identity:
                return None
            return {name: held.get_tensor(name) for name in held.keys()}  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError):
        return None  # damaged: it is projected anew

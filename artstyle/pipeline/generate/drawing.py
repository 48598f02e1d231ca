"""Drawing the pictures of a work that are not there yet, a batch at a time."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artstyle import __version__, files
from artstyle.disk import in_words
from artstyle.errors import ImageError, RunError
from artstyle.events import Emit, Note, Progress
from artstyle.machine import choose_device, cores, free_disk_bytes
from artstyle.pipeline.generate.models import Model, load
from artstyle.pipeline.generate.record import (
    KEYWORD,
    entries_by_file,
    is_unchanged,
    lineage_in,
    prepare_folder,
    read_works,
    write_work,
)
from artstyle.pipeline.generate.settings import Settings, batch_size
from artstyle.pipeline.generate.work import Cell, Work
from artstyle.runs import versions

if TYPE_CHECKING:
    import torch

    from stylegan_ext.networks import Generator

_WRITERS = 8  # compressing a picture keeps a core busy; a GPU draws faster than one compresses


@dataclass(frozen=True)
class Spec:
    """A picture to be: where it goes, how to draw it, and what to say about it."""

    cell: Cell
    model: Model
    make_ws: Callable[[Generator], torch.Tensor]  # [1, num_ws, w_dim]
    noise_words: tuple[int, ...]  # what seeds its random noise
    facts: Mapping[str, Any]  # for the record
    lineage: str  # goes into the picture; one that holds the same text is the same picture

    @property
    def w_file(self) -> str:
        """Where its ws are saved."""
        return self.cell.file.removesuffix(".png") + ".npz"


def carry_out(
    work: Work,
    specs: Sequence[Spec],
    models: Sequence[Model],
    settings: Settings,
    *,
    save_w: bool = False,
    dry_run: bool = False,
    emit: Emit,
) -> Work:
    """Draw what is missing of a work, and write the record.

    Returns:
        The work with its numbers of pictures drawn and kept.

    Raises:
        RunError: the folder cannot be used, holds a foreign record, or has no room.
        ImageError: a network drew something that is no picture.
    """
    works = read_works(work.out)
    recorded = entries_by_file(works)
    todo = [spec for spec in specs if not _is_there(work.out, spec, recorded, save_w)]
    counted = replace(work, drawn=len(todo), kept=len(specs) - len(todo))
    if dry_run:
        return counted
    fresh: dict[str, dict[str, Any]] = {}
    if todo:
        prepare_folder(work.out)
        _check_room(work.out, todo)
        for entry in _draw(work, todo, settings, save_w, emit):
            fresh[entry["file"]] = entry
    entries = [
        fresh.get(name) or _entry(name, facts, (work.out / name).read_bytes())
        for spec in specs
        for name, facts in _names(spec, save_w)
    ]
    before = works.get(work.name, {"files": []})
    _tell_of_the_left(work, before["files"], {entry["file"] for entry in entries}, emit)
    entries += [entry for entry in before["files"] if entry["file"] == work.sheet]
    cards = {model.name: model.card() for model in models}
    record = {
        "what": work.title,
        "asked": work.lineage["asked"],
        "models": list(cards.values()),
        "versions": versions() if fresh else before.get("versions", versions()),
        "files": entries,
    }
    if record != before:
        write_work(work.out, work.name, record)
    return counted


def _tell_of_the_left(
    work: Work, before: Sequence[Mapping[str, Any]], named: set[str], emit: Emit
) -> None:
    """Say which files of an earlier command stay, though the record no longer tells of them."""
    left = [
        entry["file"]
        for entry in before
        if entry["file"] not in named | {work.sheet} and (work.out / entry["file"]).is_file()
    ]
    if left:
        what = (
            f"{len(left)} files of an earlier command stay"
            if len(left) > 1
            else ("1 file of an earlier command stays")
        )
        example = f"{what} in {work.out} ({left[0]})"
        emit(Note(f"{example}; what each was made from stands in itself"))


def _names(spec: Spec, save_w: bool) -> list[tuple[str, Mapping[str, Any]]]:
    """The files of a spec, and what the record says about each."""
    names = [(spec.cell.file, spec.facts)]
    return [*names, (spec.w_file, {**spec.facts, "kind": "w"})] if save_w else names


def _is_there(
    out: Path, spec: Spec, recorded: Mapping[str, Mapping[str, Any]], save_w: bool
) -> bool:
    """Whether all files of a spec are there, made in just this way, and not changed since.

    What a killed command left has no entry in the record; it was written whole, or not at all.
    """
    for name, _ in _names(spec, save_w):
        path = out / name
        if not path.is_file() or lineage_in(path) != spec.lineage:
            return False
        if name in recorded and not is_unchanged(path, recorded[name]):
            return False
    return True


def _check_room(out: Path, todo: Sequence[Spec]) -> None:
    """Look for room before the work starts; a PNG is seldom larger than its plain pixels."""
    needed = sum(3 * spec.model.resolution**2 for spec in todo)
    free = free_disk_bytes(out)
    if needed > free:
        raise RunError(
            f"{len(todo)} pictures need up to {in_words(needed)}, "
            f"and {out} has {in_words(free)} left",
            hint="free some space, draw fewer, or name another folder with --out",
        )


def _draw(
    work: Work, todo: Sequence[Spec], settings: Settings, save_w: bool, emit: Emit
) -> Iterator[dict[str, Any]]:
    """Draw and write these pictures, model after model; gives the entry of every file."""
    from stylegan_ext.drawing import draw

    device = choose_device(settings.device)
    emit(Note(f"drawing {len(todo)} pictures on {device}", "debug"))
    task, done = f"draw {work.name}", 0
    emit(Progress(task, 0, len(todo), "images"))
    with ThreadPoolExecutor(min(_WRITERS, cores())) as writers:
        for model, its_specs in groupby(todo, key=lambda spec: spec.model):
            generator = load(model, device, settings.precision, emit)
            for batch in _batches(its_specs, batch_size(settings, device)):
                ws = [spec.make_ws(generator) for spec in batch]
                drawn = draw(
                    generator,
                    _cat(ws),
                    noise_mode=settings.noise_mode,
                    noise_words=[spec.noise_words for spec in batch],
                )
                write = _writer(work.out, save_w)
                for entries in writers.map(write, batch, drawn, ws):
                    yield from entries
                done += len(batch)
                emit(Progress(task, done, len(todo), "images", model.name))


def _cat(ws: Sequence[torch.Tensor]) -> torch.Tensor:
    import torch

    return torch.cat(list(ws))


def _batches(specs: Iterable[Spec], size: int) -> Iterator[list[Spec]]:
    left = iter(specs)
    while batch := list(islice(left, size)):
        yield batch


def _writer(
    out: Path, save_w: bool
) -> Callable[[Spec, torch.Tensor, torch.Tensor], list[dict[str, Any]]]:
    def write(spec: Spec, picture: torch.Tensor, ws: torch.Tensor) -> list[dict[str, Any]]:
        contents = [_png(spec, picture), *([_npz(spec, ws)] if save_w else [])]
        entries = []
        for (name, facts), data in zip(_names(spec, save_w), contents, strict=True):
            files.write_bytes(out / name, data)
            entries.append(_entry(name, facts, data))
        return entries

    return write


def _entry(name: str, facts: Mapping[str, Any], data: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    return {"file": name, **facts, "sha256": digest, "size_bytes": len(data)}


def _png(spec: Spec, picture: torch.Tensor) -> bytes:
    """The picture's file; it names what it was made from."""
    from artstyle.images import encode_png, from_tensor

    try:
        pixels = from_tensor(picture)
    except ImageError as fault:
        message = f"{spec.model.name} draws no picture for {spec.cell.file}: {fault}"
        raise ImageError(message, hint=fault.hint) from fault
    text = {"Software": f"artstyle {__version__}", KEYWORD: spec.lineage}
    return encode_png(pixels, text=text)


def _npz(spec: Spec, ws: torch.Tensor) -> bytes:
    """The ws in the form of the official projected_w.npz, with the lineage beside them."""
    import numpy as np

    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, w=ws.cpu().numpy(), **{KEYWORD: np.array(spec.lineage)})
    return stream.getvalue()

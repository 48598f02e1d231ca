"""What all methods share: pictures read, places of results, records, the catalog.

A result is a picture and, beside it, a JSON file of the same name, written last: a picture that has
one was finished with just the inputs and settings that its `identity` names, and is kept when the
same command runs again.

    {"format": "artstyle stylize 1", "method": "gatys",
     "identity": {...}, "inputs": [{"role": "content", "path": ..., "sha256": ...}, ...],
     "seconds": ..., "file": {"name": ..., "sha256": ...}, ...}
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artstyle import __version__, images
from artstyle.catalog import Catalog, open_catalog
from artstyle.catalog.models import Input
from artstyle.errors import ArtstyleError, UsageError
from artstyle.files import sha256_of, write_bytes, write_json
from artstyle.names import shown
from artstyle.workspace import is_workspace

FORMAT = "artstyle stylize 1"
PICTURES = (".png", ".jpg", ".jpeg")  # what results can be written as
KEYWORD = "artstyle"  # of a picture's own text
LARGEST_PX = 8192  # of a result's longer side

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture that something is made from."""

    path: Path
    role: str  # "content", "style", "mask", "start"
    pixels: Pixels  # HWC, RGB
    sha256: str  # of the file
    notes: tuple[str, ...]  # what was converted when it was read

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, in pixels."""
        return int(self.pixels.shape[0]), int(self.pixels.shape[1])

    def facts(self) -> dict[str, Any]:
        """For the record."""
        facts: dict[str, Any] = {"role": self.role, "path": str(self.path), "sha256": self.sha256}
        facts |= {"width_px": self.size[1], "height_px": self.size[0]}
        return facts | ({"notes": list(self.notes)} if self.notes else {})


@dataclass(frozen=True)
class Stylized:
    """A result that is there."""

    file: Path
    record_file: Path
    record: Mapping[str, Any]
    was_done: bool  # finished by an earlier run

    def data(self) -> dict[str, Any]:
        """For --json."""
        return {"out": self.file, "record_file": self.record_file, "was_done": self.was_done} | {
            key: value for key, value in self.record.items() if key != "format"
        }


def read_picture(path: Path, role: str) -> Picture:
    """Read a picture that something is made from.

    Raises:
        ImageError: it is none, is damaged, or too large.
    """
    picture = images.read_rgb(path)
    return Picture(path, role, picture.rgb, sha256_of(path), picture.notes)


def read_mask(path: Path, fits: tuple[int, int]) -> tuple[Picture, NDArray[np.float32]]:
    """Read a mask: white counts, black does not, grey counts partly.

    Args:
        path: a picture; its brightness is taken.
        fits: height and width of what it belongs to; its own must have the same proportion.

    Returns:
        The picture, and HW float32, [0, 1], in its own size.

    Raises:
        ImageError: it is no picture.
        UsageError: it has another form, or is black.
    """
    picture = read_picture(path, "mask")
    height, width = picture.size
    if abs(width * fits[0] / (height * fits[1]) - 1) > 0.03:  # rounding of small pictures
        raise UsageError(
            f"the mask {shown(path)} is {width}x{height} px, and does not have the form of the"
            f" picture it is for ({fits[1]}x{fits[0]} px)",
            hint="make it of the picture's size",
        )
    mask = (picture.pixels @ np.array([0.299, 0.587, 0.114]) / 255).astype(np.float32)
    if mask.max() < 1 / 255:
        raise UsageError(f"the mask {shown(path)} is black: nothing would count")
    return picture, mask


def result_file(out: Path, content: Path | None, styles: Sequence[Path]) -> Path:
    """Where a result goes: `out` if it is a picture's name, else a file in the folder `out`.

    Raises:
        UsageError: `out` has a suffix that results are not written as.
    """
    if out.suffix.lower() in PICTURES and not out.is_dir():
        return out
    if out.suffix and not out.is_dir() and out.suffix.lower() in images.folder.SUFFIXES:
        raise UsageError(
            f"--out {shown(out)}: results are written as {', '.join(PICTURES)}",
            hint=f"call it {shown(out.with_suffix('.png').name)}",
        )
    if out.is_file():
        raise UsageError(
            f"--out {shown(out)} is a file, and no picture's name",
            hint="name a folder, or FILE.png",
        )
    parts = [path.stem for path in (*([content] if content else []), *styles)]
    return out / f"{'-'.join(parts)[:120]}.png"


def check_out(file: Path, inputs: Iterable[Path]) -> None:
    """See that no input would be written over.

    Raises:
        UsageError: the result's place is an input's.
    """
    for path in inputs:
        if file.resolve() == path.resolve():
            raise UsageError(
                f"--out {shown(file)} is one of the pictures it would be made from",
                hint="name another file",
            )


def finished(
    file: Path, identity: Mapping[str, Any], films: Sequence[Path] = ()
) -> Stylized | None:
    """The result of an earlier run that was the same in all that matters; None if there is none.

    Args:
        file: where the picture is.
        identity: what decides the result.
        films: must be there too.
    """
    beside = record_file(file)
    try:
        record = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        return None
    if record.get("identity") != json.loads(json.dumps(dict(identity))) or not file.is_file():
        return None
    if record["file"]["sha256"] != sha256_of(file) or not all(film.is_file() for film in films):
        return None
    return Stylized(file, beside, record, was_done=True)


def record_file(file: Path) -> Path:
    """The JSON file of a result."""
    return file.with_suffix(".json")


def write_result(
    file: Path,
    pixels: Pixels,
    *,
    method: str,
    identity: Mapping[str, Any],
    inputs: Sequence[Picture],
    facts: Mapping[str, Any],
) -> Stylized:
    """Write the picture, then its record.

    Args:
        file: the picture's place; its suffix says PNG or JPEG.
        pixels: HWC uint8, RGB.
        method: e.g. "gatys".
        identity: what decides the result, JSON types.
        inputs: what it was made from.
        facts: more for the record, JSON types.

    Raises:
        ArtstyleError: something else than a record of ours is where the record should go.
        OSError: a file cannot be written.
    """
    beside = record_file(file)
    _check_record(beside)
    lineage = {"method": method} | {f"{one.role}_sha256": one.sha256 for one in inputs}
    text = {KEYWORD: json.dumps(lineage, sort_keys=True)}
    is_png = file.suffix.lower() == ".png"
    data = (images.encode_png if is_png else images.encode_jpeg)(pixels, text=text)
    record = {
        "format": FORMAT,
        "method": method,
        "identity": json.loads(json.dumps(dict(identity))),
        "inputs": [one.facts() for one in inputs],
        **facts,
        "versions": {"artstyle": __version__},
    }
    write_bytes(file, data)
    size = {"width_px": int(pixels.shape[1]), "height_px": int(pixels.shape[0])}
    record["file"] = {"name": file.name, "sha256": sha256_of(file), **size}
    write_json(beside, record)
    return Stylized(file, beside, record, was_done=False)


def _check_record(beside: Path) -> None:
    """Refuse to write over a JSON file that is not ours."""
    if not beside.exists():
        return
    try:
        held = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        held = None
    if not isinstance(held, dict) or held.get("format") != FORMAT:
        raise ArtstyleError(
            f"{shown(beside)} is no record of a picture, and the record would take its place",
            hint="name another file with --out",
        )


def tell_catalog(
    workspace: Path, results: Sequence[Stylized], models: Sequence[Mapping[str, str]] = ()
) -> None:
    """Put results, and what they were made from, into the catalog of the workspace.

    A folder that is no workspace has no catalog, and gets none. An input that the catalog knows as
    a crop, or as something that was drawn, keeps that way.

    Args:
        workspace: the folder.
        results: pictures that are there.
        models: networks that drew them: path, sha256, name, licence, role of each.

    Raises:
        CatalogError: the catalog is locked, damaged, or of a newer artstyle.
    """
    if not results or not is_workspace(workspace):
        return
    with open_catalog(workspace) as catalog, catalog.transaction():
        networks = [_network(catalog, model) for model in models]
        for one in results:
            _add(catalog, one, networks)


def _add(catalog: Catalog, one: Stylized, networks: Sequence[Input]) -> None:
    record = one.record
    given = [_input(catalog, part) for part in record["inputs"]]
    kinds = [(one.file, record["file"]["sha256"], "image")]
    kinds += [(Path(film["path"]), film["sha256"], "video") for film in record.get("films", ())]
    for file, digest, kind in kinds:
        catalog.add_artefact(
            file.absolute(),
            sha256=digest,
            kind=kind,
            made_by=f"stylize {record['method']}",
            inputs=[*given, *networks],
            settings={key: record[key] for key in ("perception", "settings") if key in record},
        )


def _network(catalog: Catalog, model: Mapping[str, str]) -> Input:
    row = catalog.add_model(
        Path(model["path"]).absolute(),
        sha256=model["sha256"],
        name=model["name"],
        licence=model.get("licence"),
    )
    return Input("model", row, model.get("role", "drawn by"))


def _input(catalog: Catalog, part: Mapping[str, Any]) -> Input:
    """An input by its content: what was drawn or cut here keeps its own way, else a source."""
    for table in ("artefact", "crop"):
        found = catalog.rows(
            f"SELECT id FROM {table} WHERE sha256 = ? ORDER BY id DESC LIMIT 1",
            part["sha256"],
        )
        if found:
            return Input(
                "artefact" if table == "artefact" else "crop", int(found[0][0]), part["role"]
            )
    path = Path(part["path"])
    source = catalog.add_source(
        path.absolute(), sha256=part["sha256"], size_bytes=path.stat().st_size, kind="image"
    )
    return Input("source", source, part["role"])

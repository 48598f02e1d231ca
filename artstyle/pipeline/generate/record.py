"""What `generate.json` holds: which file is what, made by which models, in which way.

    {"format": "artstyle generate 1",
     "works": {"pictures": {"asked": ..., "models": [...], "versions": ..., "files": [...]},
               "mix": ..., "film loop.mp4": ...}}

A folder can hold several works; a later command replaces only the work of its own name. A picture
says besides in its own PNG text, under the keyword "artstyle", what it was made from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from artstyle import files
from artstyle.errors import RunError
from artstyle.locks import locked
from artstyle.names import shown

RECORD_NAME = "generate.json"
KEYWORD = "artstyle"  # of a picture's text chunk, and of an npz's array
_FORMAT = "artstyle generate 1"
_LOCK_NAME = ".generate.lock"
_ELSEWHERE = "name another folder with --out"
_LOCK_WAIT_S = 10.0  # another command needs milliseconds; a guess


def lineage_text(lineage: Mapping[str, Any]) -> str:
    """A lineage as one line of JSON; the same lineage gives the same text."""
    return json.dumps(lineage, sort_keys=True, ensure_ascii=True, allow_nan=False)


def lineage_in(path: Path) -> str | None:
    """What a picture or a file of ws says it was made from; None if it is no such file."""
    import zipfile

    import numpy as np
    from PIL import Image, UnidentifiedImageError

    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as held:
                return str(held[KEYWORD])
        with Image.open(path, formats=["PNG"]) as picture:
            text = picture.info.get(KEYWORD)
            return None if text is None else str(text)
    except (OSError, ValueError, KeyError, SyntaxError, zipfile.BadZipFile, UnidentifiedImageError):
        return None


def read_works(out: Path) -> dict[str, Any]:
    """The works that a folder's record tells of, by name; none if there is no record.

    Raises:
        RunError: there is one, but not of ours; or the folder is a file.
    """
    if out.exists() and not out.is_dir():
        raise RunError(f"{shown(out)} is a file, not a folder", hint=_ELSEWHERE)
    path = out / RECORD_NAME
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):  # the folder need not be there yet
        return {}
    except (ValueError, OSError) as error:
        raise _foreign(path, f"cannot be read: {error}") from error
    if not isinstance(data, dict) or data.get("format") != _FORMAT:
        raise _foreign(path, f"is not of the format {_FORMAT!r}")
    works = data.get("works")
    if not isinstance(works, dict) or not all(_is_work(work) for work in works.values()):
        raise _foreign(path, "holds no works")
    return works


def write_work(out: Path, name: str, work: Mapping[str, Any]) -> None:
    """Put a work into the folder's record; a record that says so already is not touched.

    Raises:
        RunError: see `read_works`.
        LockTimeoutError: another process does not let go of it.
    """
    if read_works(out).get(name) == work:
        return
    with locked(out / _LOCK_NAME, wait_s=_LOCK_WAIT_S):
        works = {**read_works(out), name: dict(work)}
        files.write_json(out / RECORD_NAME, {"format": _FORMAT, "works": works})


def put_file(work: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """The work with this file's entry in place of an older one of the same name, or at the end."""
    kept = [other for other in work["files"] if other["file"] != entry["file"]]
    return {**work, "files": [*kept, dict(entry)]}


def entries_by_file(works: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What the record says about each file, whichever work it belongs to."""
    return {entry["file"]: entry for work in works.values() for entry in work["files"]}


def is_unchanged(path: Path, entry: Mapping[str, Any] | None) -> bool:
    """Whether a file is byte for byte what its entry tells of; without an entry nobody can say."""
    if entry is None or not path.is_file() or path.stat().st_size != entry.get("size_bytes"):
        return False
    return files.sha256_of(path) == entry.get("sha256")


def prepare_folder(out: Path) -> None:
    """Make the folder, and see that it can be written.

    Raises:
        RunError: it cannot.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / f".{RECORD_NAME}.probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(f"{shown(out)} cannot be written: {reason}", hint=_ELSEWHERE) from error


def _is_work(work: object) -> bool:
    entries = work.get("files") if isinstance(work, dict) else None
    return isinstance(entries, list) and all(
        isinstance(entry, dict) and isinstance(entry.get("file"), str) for entry in entries
    )


def _foreign(path: Path, why: str) -> RunError:
    return RunError(f"{shown(path)} {why}", hint="move it away, or name another folder with --out")

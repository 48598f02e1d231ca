"""Where published weights are kept on this machine, and what to do when they are not.

ARTSTYLE_HOME/
  weights/FILE             as it was published
  models/NAME.safetensors  generators, made into our own format
  pins.json                digests; see `pins`
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from artstyle.disk import in_words
from artstyle.errors import WeightsError
from artstyle.weights.entries import Entry

HOME_VARIABLE = "ARTSTYLE_HOME"


def home() -> Path:
    """The folder that holds weights, absolute; it need not exist.

    It is what ARTSTYLE_HOME says, else the platform's place for what can be fetched again.
    """
    said = os.environ.get(HOME_VARIABLE)
    folder = Path(said).expanduser() if said else _cache_folder() / "artstyle"
    return Path(os.path.abspath(folder))  # noqa: PTH100 - links stay as the user wrote them


def weights_file(entry: Entry) -> Path:
    """Where the published file of an entry lies, or would lie."""
    return home() / "weights" / entry.file_name


def imported_file(entry: Entry) -> Path:
    """Where a generator lies after it was made into our own format, or would lie."""
    return home() / "models" / f"{entry.name}.safetensors"


def missing(item: Entry) -> WeightsError:
    """The error for weights that are not here: what to fetch, from where, and where to lay it."""
    return WeightsError(
        f"{item.name} is not on this machine ({item.title}, {size_in_words(item)}): "
        f"{item.purpose}. Its licence: {item.licence.in_words()}",
        hint=f"type 'artstyle models pull {item.name}', or fetch {item.addresses[0]} yourself "
        f"and type 'artstyle models pull {item.name} --from {item.file_name}' "
        f"(it is kept as {weights_file(item)})",
    )


def size_in_words(item: Entry) -> str:
    """The size of a published file: exact, worked out, or unknown."""
    if item.size_bytes is not None:
        return in_words(item.size_bytes)
    return f"about {in_words(item.about_bytes)}" if item.about_bytes else "size unknown"


def _cache_folder() -> Path:
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else Path.home() / "AppData" / "Local"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    said = os.environ.get("XDG_CACHE_HOME", "")  # a relative one is to be ignored, says XDG
    return Path(said) if Path(said).is_absolute() else Path.home() / ".cache"

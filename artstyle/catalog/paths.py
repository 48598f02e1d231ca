"""How paths stand in the catalog: as text, relative to the workspace where they lie inside."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

_NOT_UNICODE = "bytes:"  # begins a stored path whose name is no UTF-8; the rest is %-quoted


def stored_path(path: str | os.PathLike[str], workspace: Path) -> str:
    """The text that stands for a path.

    Args:
        path: absolute, or relative to the workspace.
        workspace: absolute.

    Returns:
        With slashes on every system; "../" never stands in it, what lies outside is absolute.
    """
    # Text, not pathlib: this runs for every crop. abspath keeps links as they were typed.
    root = os.fspath(workspace)
    text = os.path.abspath(os.path.join(root, path))  # noqa: PTH100, PTH118 - see above
    if text.startswith(root.rstrip(os.sep) + os.sep):
        text = text[len(root.rstrip(os.sep)) + 1 :]
    elif text == root:
        text = "."
    text = text.replace(os.sep, "/")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return _NOT_UNICODE + quote_from_bytes(os.fsencode(text))
    return text


def path_of(stored: str, workspace: Path) -> Path:
    """The absolute path that a stored text stands for."""
    if stored.startswith(_NOT_UNICODE):
        stored = os.fsdecode(unquote_to_bytes(stored.removeprefix(_NOT_UNICODE)))
    return workspace / stored

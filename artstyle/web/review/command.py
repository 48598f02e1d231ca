"""What `artstyle review` does before the page is served."""

from __future__ import annotations

import getpass
import os
import sys
import threading
import webbrowser
from pathlib import Path

from artstyle.catalog import open_catalog
from artstyle.catalog.rows import styles
from artstyle.errors import UsageError
from artstyle.events import Emit, Note
from artstyle.workspace import Workspace

_LONGEST_NAME = 80
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
_COMMANDS = "artstyle "  # begins the name beside what a command decided


def checked_style(workspace: Path, style: str) -> None:
    """Refuse a style that has neither crops nor a folder.

    Raises:
        UsageError: there is no such style, or it cannot be one's name.
        CatalogError: there is no catalog, or it cannot be opened.
    """
    folder = Workspace(workspace).style_folder(style)
    with open_catalog(workspace, create=folder.is_dir()) as catalog:
        known = styles(catalog)
    if style in known or folder.is_dir():
        return
    hint = f"there are crops of: {', '.join(known)}" if known else "begin with 'artstyle extract'"
    raise UsageError(f"there is no style {style!r} here", hint=hint)


def user_name(given: str | None) -> str:
    """The name that is written beside decisions.

    Args:
        given: by the person; None takes that of the account.

    Raises:
        UsageError: it is empty or too long, looks like a command's, or there is none.
    """
    if given is None:
        try:
            given = getpass.getuser()
        except (OSError, KeyError, ImportError) as fault:
            raise UsageError(
                "this account has no name to write beside decisions", hint="give one with --by"
            ) from fault
    name = " ".join(given.split())
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise UsageError(f"--by takes 1 to {_LONGEST_NAME} printable characters, not {given!r}")
    if name.startswith(_COMMANDS):
        raise UsageError(
            f"--by cannot be {given!r}: names that begin with 'artstyle ' are those of commands"
        )
    return name


def open_in_browser(address: str, emit: Emit) -> None:
    """Open an address in the user's browser, without waiting for it."""
    if sys.platform == "linux" and not any(os.environ.get(name) for name in _DISPLAYS):
        # Python would take a browser for terminals, and hand it this one.
        emit(Note("there is no display here: open the address in a browser", "warning"))
        return
    threading.Thread(target=_open, args=(address, emit), daemon=True).start()


def _open(address: str, emit: Emit) -> None:
    try:
        opened = webbrowser.open(address)
    except webbrowser.Error:
        opened = False
    if not opened:
        emit(Note("no browser could be opened: open the address in one", "warning"))

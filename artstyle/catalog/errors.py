"""What SQLite reports, in words that say what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from artstyle.errors import CatalogError
from artstyle.names import shown

_RESTORE = (
    "take back a copy from a backup, or save what can be read with"
    " 'sqlite3 artstyle.sqlite .recover | sqlite3 rescued.sqlite'"
)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors in the block into `CatalogError`.

    Raises:
        CatalogError: what went wrong with the file at `path`, and what to do.
    """
    try:
        yield
    except sqlite3.Error as fault:
        raise _in_words(fault, path) from fault


def damaged(path: Path, how: str) -> CatalogError:
    """The error about a catalog that is not what SQLite wrote."""
    return CatalogError(f"the catalog {shown(path)} is damaged: {how}", hint=_RESTORE)


def no_database(path: Path) -> CatalogError:
    """The error about a file that some other program wrote."""
    return CatalogError(
        f"{shown(path)} is no catalog: it is not even an SQLite database",
        hint="move it away, or name another workspace with --workspace",
    )


def _in_words(fault: sqlite3.Error, path: Path) -> CatalogError:
    name = shown(path)
    # The low byte is the kind of error, the others tell its variants apart.
    match getattr(fault, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return CatalogError(
                f"the catalog {name} is locked: another process has been writing for too long",
                hint="wait until it has finished, or end it, and give the command again",
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return CatalogError(
                f"the catalog {name} cannot be written: {fault}",
                hint="look at who owns the file and its folder, or copy the workspace to a place"
                " where you may write",
            )
        case sqlite3.SQLITE_NOTADB:
            return no_database(path)
        case sqlite3.SQLITE_CORRUPT:
            return damaged(path, str(fault))
        case sqlite3.SQLITE_FULL:
            return CatalogError(
                f"the catalog {name} cannot grow: the disk is full",
                hint="free some space, then give the same command again",
            )
        case sqlite3.SQLITE_IOERR:
            return CatalogError(
                f"the catalog {name} cannot be read or written: {fault}",
                hint="on a network drive this may pass: give the command again, or copy the"
                " workspace to a local disk",
            )
        case sqlite3.SQLITE_CONSTRAINT:
            return CatalogError(f"the catalog {name} refuses this: {_constraint(fault)}")
        case _:
            return CatalogError(f"the catalog {name} failed: {fault}")


def _constraint(fault: sqlite3.Error) -> str:
    if fault.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
        return "it refers to something that the catalog does not hold"
    return str(fault)

"""The SQLite file under the catalog: opened, asked and written in whole transactions."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

from artstyle.catalog.errors import damaged, explained, no_database
from artstyle.catalog.paths import path_of, stored_path
from artstyle.catalog.schema import prepare
from artstyle.errors import CatalogError
from artstyle.names import shown
from artstyle.workspace import CATALOG_NAME

_LEAST_BYTES = 512  # of a database: one page

AnyPath: TypeAlias = str | os.PathLike[str]
Clock: TypeAlias = Callable[[], datetime]


def utc_now() -> datetime:
    """The time, as the catalog writes it down."""
    return datetime.now(UTC)


def connect(workspace: Path, *, create: bool, busy_timeout_s: float) -> sqlite3.Connection:
    """Open a workspace's file, make its tables or bring them up to date.

    Args:
        workspace: the folder, absolute.
        create: make the file if it is not there.
        busy_timeout_s: how long to wait for another process that is writing.

    Raises:
        CatalogError: see `artstyle.catalog.open_catalog`.
    """
    path = workspace / CATALOG_NAME
    if not workspace.is_dir():
        raise CatalogError(
            f"there is no folder {shown(workspace)}",
            hint=f"make a workspace with 'artstyle init {shown(workspace)}'",
        )
    if not path.exists() and not create:
        raise CatalogError(
            f"there is no catalog at {shown(path)}: nothing has been recorded here yet",
            hint="begin with 'artstyle extract', or name another workspace with --workspace",
        )
    if path.exists() and not path.is_file():
        raise CatalogError(f"{shown(path)} is not a file", hint="move it away")
    _refuse_strangers(path)
    # A writer that ends as it should takes this file away; one that was killed leaves it.
    was_broken_off = path.with_name(f"{path.name}-wal").exists()
    with explained(path):
        connection = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None)
        try:
            _set_up(connection, path)
            if was_broken_off:
                _quick_check(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def _refuse_strangers(path: Path) -> None:
    """SQLite takes a file of a few bytes for an empty database, and would write over it.

    The file is not opened for that. Closing a file lets go of all locks that the process has on
    it (POSIX), those of a connection that is open already too: another process would then clear
    the write-ahead log away under it, and with the log what is written there. Anything longer
    that is no database, SQLite refuses by itself.

    Raises:
        CatalogError: there is something at this place that is not SQLite's.
    """
    try:
        size_bytes = path.stat().st_size
    except OSError:
        return  # it is not there yet, or SQLite will say why it cannot be opened
    if 0 < size_bytes < _LEAST_BYTES:
        raise no_database(path)


def _set_up(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = ON")  # so that INSERT OR REPLACE fires them
    connection.execute("PRAGMA synchronous = FULL")  # what was committed outlives a power cut
    prepare(connection, path)
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        # Where memory cannot be shared (some network drives) the answer is the old mode, in which
        # readers wait for a writer; nothing else is different.
        connection.execute("PRAGMA journal_mode = WAL")


def _quick_check(connection: sqlite3.Connection, path: Path) -> None:
    verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    if verdict != "ok":
        raise damaged(path, verdict.replace("\n", ", "))


class Database:
    """An open file; `with` closes it.

    Args:
        connection: from `connect`; like it, this belongs to the thread that opened it.
        workspace: the folder it lies in, absolute.
        clock: tells the time that is written down.
    """

    def __init__(
        self, connection: sqlite3.Connection, workspace: Path, clock: Clock = utc_now
    ) -> None:
        self.workspace = workspace
        self.path = workspace / CATALOG_NAME
        self._connection = connection
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a transaction that is still open is rolled back."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all that is written in the block one transaction; inside another, join that one.

        Raises:
            CatalogError: another process wrote for too long, or the file cannot be written.
        """
        if self._is_writing():
            yield
            return
        with explained(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._is_writing():  # a full disk has rolled it back already
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let all that is read in the block be of one instant; others may write meanwhile."""
        if self._is_writing():
            yield
            return
        with explained(self.path):
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("ROLLBACK")

    def _is_writing(self) -> bool:
        return self._connection.in_transaction

    def _now(self) -> str:
        return self._clock().isoformat(timespec="seconds")

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a SELECT gives.

        Raises:
            CatalogError: the file is locked, damaged or unreadable.
        """
        with explained(self.path):
            return self._connection.execute(query, values).fetchall()

    def table(self, query: str, *values: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
        """What a SELECT gives, and the names of its columns before it.

        Raises:
            CatalogError: see `rows`.
        """
        with explained(self.path):
            cursor = self._connection.execute(query, values)
            return [column[0] for column in cursor.description], cursor.fetchall()

    def upsert(
        self,
        table: str,
        key: Mapping[str, Any],
        values: Mapping[str, Any],
        first: Mapping[str, Any] | None = None,  # None: nothing that only a new row gets
    ) -> int:
        """Add a row, or bring the row of this key up to date.

        Args:
            table: its name; it has a column `id`.
            key: the columns that make the row what it is (they are UNIQUE together), and values.
            values: columns that a row that is there already gets too.
            first: columns that only a new row gets.

        Returns:
            The row's id.

        Raises:
            CatalogError: the row contradicts another one.
        """
        columns = {**key, **values, **(first or {})}
        query = _upsert_query(table, tuple(key), tuple(values), tuple(columns)) + " RETURNING id"
        with self.transaction(), explained(self.path):
            (row_id,) = self._connection.execute(query, tuple(columns.values())).fetchone()
        return int(row_id)

    def insert(self, table: str, columns: Mapping[str, Any], *, new_only: bool = False) -> int:
        """Add a row.

        Args:
            table: its name.
            columns: and their values.
            new_only: leave out a row that is there already.

        Returns:
            The id of the row that was added last; of no meaning with `new_only`.

        Raises:
            CatalogError: the row contradicts another one.
        """
        ignore = " OR IGNORE" if new_only else ""
        marks = ", ".join("?" * len(columns))
        query = f'INSERT{ignore} INTO "{table}" ({_names(columns)}) VALUES ({marks})'
        with self.transaction(), explained(self.path):
            return int(self._connection.execute(query, tuple(columns.values())).lastrowid or 0)

    def replace(self, table: str, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Add a row to a table without ids, or set the values of the row of this key.

        Raises:
            CatalogError: the row contradicts another one.
        """
        columns = {**key, **values}
        query = _upsert_query(table, tuple(key), tuple(values), tuple(columns))
        self.change(query, *columns.values())

    def change(self, statement: str, *values: Any) -> None:
        """Run one statement that writes.

        Raises:
            CatalogError: it contradicts what is there, or the file cannot be written.
        """
        with self.transaction(), explained(self.path):
            self._connection.execute(statement, values)

    def change_many(self, statement: str, values: Iterable[Sequence[Any]]) -> None:
        """Run one statement that writes for each of many sets of values, in one transaction.

        Raises:
            CatalogError: see `change`.
        """
        with self.transaction(), explained(self.path):
            self._connection.executemany(statement, values)

    def check(self) -> None:
        """Look through the whole file for damage.

        Raises:
            CatalogError: something in it is damaged, or refers to what is not there.
        """
        with explained(self.path):
            _quick_check(self._connection, self.path)
        for table, _, parent, _ in self.rows("PRAGMA foreign_key_check")[:1]:
            raise damaged(self.path, f"a row of {table} refers to a missing row of {parent}")

    def stored(self, path: AnyPath) -> str:
        """How a path, absolute or relative to the workspace, stands in the catalog."""
        return stored_path(path, self.workspace)

    def absolute(self, stored: str) -> Path:
        """The path that a text in the catalog stands for."""
        return path_of(stored, self.workspace)


@cache
def _upsert_query(
    table: str, key: tuple[str, ...], values: tuple[str, ...], columns: tuple[str, ...]
) -> str:
    # One column at least must be set, or RETURNING gives nothing for a row that was there.
    changed = ", ".join(f'"{name}" = excluded."{name}"' for name in values or key)
    marks = ", ".join("?" * len(columns))
    return (
        f'INSERT INTO "{table}" ({_names(columns)}) VALUES ({marks})'
        f" ON CONFLICT ({_names(key)}) DO UPDATE SET {changed}"
    )


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)

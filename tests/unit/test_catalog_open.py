"""Opening: new, older, newer, foreign, locked, damaged and read-only files."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from support.catalogs import add_crop, add_film, noon, whole_way

from artstyle.catalog import Catalog, open_catalog
from artstyle.catalog import schema as catalog_schema
from artstyle.catalog.rows import crops, decisions
from artstyle.errors import CatalogError

OLD = Path(__file__).resolve().parents[1] / "data" / "catalog_v1.sql"


def file_in(folder: Path) -> Path:
    return folder / "artstyle.sqlite"


def refusal(folder: Path, **options: object) -> CatalogError:
    with pytest.raises(CatalogError) as caught:
        open_catalog(folder, **options)  # type: ignore[arg-type]
    return caught.value


def schema(path: Path) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
    connection.close()
    return found


def test_new_file_is_ours_and_safe(tmp_path: Path) -> None:
    with open_catalog(tmp_path) as catalog:
        asked = ("journal_mode", "foreign_keys", "synchronous", "application_id", "user_version")
        found = {name: catalog.rows(f"PRAGMA {name}")[0][0] for name in asked}
        assert found == {
            "journal_mode": "wal",
            "foreign_keys": 1,
            "synchronous": 2,
            "application_id": 0x61727473,
            "user_version": catalog_schema.VERSION,
        }
        tables = "SELECT name, strict FROM pragma_table_list WHERE type = 'table'"
        loose = [name for name, strict in catalog.rows(tables) if not strict]
        assert [name for name in loose if not name.startswith("sqlite_")] == []


def test_no_folder_no_file_and_no_plain_file(tmp_path: Path) -> None:
    error = refusal(tmp_path / "no")
    assert f"there is no folder {tmp_path / 'no'}" in str(error)
    assert error.hint == f"make a workspace with 'artstyle init {tmp_path / 'no'}'"
    error = refusal(tmp_path, create=False)
    assert "nothing has been recorded here yet" in str(error)
    assert list(tmp_path.iterdir()) == []
    file_in(tmp_path).mkdir()
    assert "is not a file" in str(refusal(tmp_path))


@pytest.mark.parametrize("text", ["not a database, but long enough to be read as one" * 30, "x"])
def test_file_that_is_no_database(tmp_path: Path, text: str) -> None:
    file_in(tmp_path).write_text(text)
    error = refusal(tmp_path)
    assert "is no catalog: it is not even an SQLite database" in str(error)
    assert file_in(tmp_path).read_text() == text


def test_empty_file_becomes_a_catalog(tmp_path: Path) -> None:
    file_in(tmp_path).touch()  # what a kill at the first instant leaves
    with open_catalog(tmp_path) as catalog:
        add_film(catalog)


@pytest.mark.parametrize("statement", ["CREATE TABLE moz_places (id)", "PRAGMA application_id = 5"])
def test_database_of_another_program(tmp_path: Path, statement: str) -> None:
    other = sqlite3.connect(file_in(tmp_path))
    other.execute(statement)
    other.close()
    before = file_in(tmp_path).read_bytes()
    assert "is a database of another program" in str(refusal(tmp_path))
    assert file_in(tmp_path).read_bytes() == before


def test_newer_version(tmp_path: Path) -> None:
    open_catalog(tmp_path).close()
    other = sqlite3.connect(file_in(tmp_path))
    other.execute("PRAGMA user_version = 99")
    other.close()
    error = refusal(tmp_path)
    assert f"is of version 99; this artstyle knows versions up to {catalog_schema.VERSION}" in str(
        error
    )
    assert error.hint == "upgrade it with 'pip install -U artstyle'"


# Older versions


def test_first_version_is_brought_up_to_date_with_all_it_holds(tmp_path: Path) -> None:
    old = sqlite3.connect(file_in(tmp_path))
    old.executescript(OLD.read_text(encoding="utf-8"))
    assert old.execute("PRAGMA user_version").fetchone() == (1,)
    tables = [name for (name,) in old.execute("SELECT name FROM sqlite_schema WHERE type='table'")]
    before = {name: old.execute(f"SELECT * FROM {name}").fetchall() for name in tables}
    assert all(before.values()), "the old file has rows in every table"
    old.close()
    with open_catalog(tmp_path, clock=noon) as catalog:
        assert catalog.rows("PRAGMA user_version") == [(catalog_schema.VERSION,)]
        assert {name: catalog.rows(f"SELECT * FROM {name}") for name in tables} == before
        catalog.check()
        first, second = crops(catalog, "sintel")
        assert (first.standing.verdict, second.standing.tags) == (None, {"dragon"})
        assert [decision.action for decision in decisions(catalog, 1)] == ["drop", "undo"]
        whole_way(catalog)  # and it takes everything that today's can
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    open_catalog(fresh).close()
    assert schema(file_in(tmp_path)) == schema(file_in(fresh))


def test_first_steps_are_never_changed() -> None:
    old = sqlite3.connect(":memory:")
    old.executescript(OLD.read_text(encoding="utf-8"))
    new = sqlite3.connect(":memory:")
    new.executescript(catalog_schema.MIGRATIONS[0])
    query = "SELECT name, sql FROM sqlite_schema WHERE sql NOT NULL ORDER BY name"
    assert old.execute(query).fetchall() == new.execute(query).fetchall()
    old.close()
    new.close()


def test_migration_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = sqlite3.connect(file_in(tmp_path))
    old.executescript(OLD.read_text(encoding="utf-8"))
    old.close()
    before = schema(file_in(tmp_path))
    broken = (*catalog_schema.MIGRATIONS, "CREATE TABLE fine (id INTEGER) STRICT;\nNONSENSE;\n")
    monkeypatch.setattr(catalog_schema, "MIGRATIONS", broken)
    monkeypatch.setattr(catalog_schema, "VERSION", len(broken))
    assert "syntax error" in str(refusal(tmp_path))
    assert schema(file_in(tmp_path)) == before
    monkeypatch.undo()
    with open_catalog(tmp_path) as catalog:
        assert len(crops(catalog, "sintel")) == 2


def test_statements_keeps_triggers_whole() -> None:
    script = "CREATE TABLE a (b);\nCREATE TRIGGER t BEFORE DELETE ON a\nBEGIN SELECT 1; END;\n"
    assert len(list(catalog_schema.statements(script))) == 2
    total = "".join(catalog_schema.statements(catalog_schema.MIGRATIONS[0]))
    assert total == catalog_schema.MIGRATIONS[0]


_WRITER = """
import sys
from pathlib import Path
from artstyle.catalog import Catalog, open_catalog
folder, number = Path(sys.argv[1]), sys.argv[2]
sys.stdin.readline()
with open_catalog(folder) as catalog:
    for step in range(50):
        sha256 = f"{number}{step:063}"
        catalog.add_source(f"{number}-{step}", sha256=sha256, size_bytes=1, kind="film")
"""


def test_processes_that_make_it_and_write_at_the_same_instant(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path), str(number)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for number in range(3)
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        assert (writer.returncode, errors) == (0, b"")
    with open_catalog(tmp_path) as catalog:
        assert catalog.rows("SELECT count(*) FROM source") == [(150,)]
        catalog.check()


# Locked, damaged, read-only


def test_locked_by_another_writer(tmp_path: Path) -> None:
    with open_catalog(tmp_path, busy_timeout_s=0.05) as catalog, open_catalog(tmp_path) as other:
        with other.transaction():
            add_film(other)
            with pytest.raises(CatalogError, match="is locked: another process") as caught:
                add_film(catalog, "b.mkv")
        assert caught.value.hint is not None
        add_film(catalog, "b.mkv")


def test_transaction_that_begins_with_reading_can_still_write(tmp_path: Path) -> None:
    with open_catalog(tmp_path) as catalog, open_catalog(tmp_path, busy_timeout_s=0) as other:
        with catalog.transaction():
            assert catalog.rows("SELECT count(*) FROM source") == [(0,)]
            with pytest.raises(CatalogError, match="is locked"):
                add_film(other, "b.mkv")
            add_film(catalog)
        add_film(other, "b.mkv")
        assert catalog.rows("SELECT count(*) FROM source") == [(2,)]


def _fill(catalog: Catalog) -> None:
    with catalog.transaction():
        film = add_film(catalog)
        for number in range(300):
            add_crop(catalog, film, number)


def _filled(folder: Path) -> bytes:
    with open_catalog(folder) as catalog:
        _fill(catalog)
    return file_in(folder).read_bytes()


def test_damaged_page_is_found_by_check_and_on_reading(tmp_path: Path) -> None:
    data = bytearray(_filled(tmp_path))
    for at in range(len(data) // 2 // 4096 * 4096, len(data), 4096):
        data[at : at + 200] = b"\xa5" * 200
    file_in(tmp_path).write_bytes(data)
    with open_catalog(tmp_path) as catalog:
        with pytest.raises(CatalogError, match="is damaged") as caught:
            catalog.check()
        assert "backup" in str(caught.value.hint)
        with pytest.raises(CatalogError, match="is damaged"):
            crops(catalog, "sintel")


def test_file_cut_short_is_damaged(tmp_path: Path) -> None:
    data = _filled(tmp_path)
    file_in(tmp_path).write_bytes(data[: len(data) // 2 // 4096 * 4096])
    error = refusal(tmp_path)
    assert "is damaged" in str(error)
    assert "backup" in str(error.hint)


def test_damage_is_found_on_opening_after_a_writer_was_killed(tmp_path: Path) -> None:
    data = bytearray(_filled(tmp_path))
    data[-4096:-3896] = b"\xa5" * 200
    file_in(tmp_path).write_bytes(data)
    (tmp_path / "artstyle.sqlite-wal").touch()
    assert "is damaged" in str(refusal(tmp_path))


def test_lost_row_is_found_by_check(tmp_path: Path) -> None:
    _filled(tmp_path)
    other = sqlite3.connect(file_in(tmp_path))
    other.execute("DELETE FROM face WHERE id = 7")
    other.commit()
    other.close()
    lost = "a row of crop refers to a missing row of face"
    with open_catalog(tmp_path) as catalog, pytest.raises(CatalogError, match=lost):
        catalog.check()


def test_sound_file_passes_the_check(tmp_path: Path) -> None:
    _filled(tmp_path)
    with open_catalog(tmp_path) as catalog:
        catalog.check()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs to become another user in a child")
@pytest.mark.parametrize("existing", [False, True])
def test_read_only_folder(tmp_path: Path, existing: bool) -> None:
    if existing:
        open_catalog(tmp_path).close()
    tmp_path.chmod(0o555)
    if existing:
        file_in(tmp_path).chmod(0o444)
    message = tmp_path.parent / f"{tmp_path.name}.txt"
    message.touch()
    message.chmod(0o666)
    child = os.fork()
    if child == 0:  # root may write everywhere: try it as nobody
        code = 1
        try:
            if os.geteuid() == 0:
                for folder in tmp_path.parents:  # pytest keeps its folders to itself
                    if not folder.stat().st_mode & 0o001:
                        folder.chmod(0o755)
                os.setuid(65534)
            with open_catalog(tmp_path) as catalog:
                add = catalog.add_source("a", sha256="0" * 64, size_bytes=1, kind="film")
                assert add
        except CatalogError as error:
            message.write_text(f"{error}\n{error.hint}")
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    tmp_path.chmod(0o755)
    assert os.waitstatus_to_exitcode(status) == 0
    assert "artstyle.sqlite cannot be written" in message.read_text()
    assert "look at who owns the file" in message.read_text()


def test_other_faults_of_the_system_are_put_into_words(tmp_path: Path) -> None:
    with open_catalog(tmp_path) as catalog:
        catalog.rows("PRAGMA max_page_count = 1")
        with pytest.raises(CatalogError, match="the disk is full") as caught:
            _fill(catalog)
        assert "free some space" in str(caught.value.hint)
        assert catalog.rows("SELECT count(*) FROM source") == [(0,)]
        catalog.rows("PRAGMA max_page_count = 100000")
        catalog.rows("PRAGMA query_only = ON")
        with pytest.raises(CatalogError, match="cannot be written"):
            add_film(catalog)

"""A backup is the database as it was at one moment, in one file, or there is none."""

import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from xapid.store.copies import BackupError, back_up


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Somebody who has the database open, as the daemon has."""
    connection = sqlite3.connect(tmp_path / "db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t (x)")
    connection.execute("INSERT INTO t VALUES (1)")
    yield connection
    connection.close()


def rows(file: Path) -> list[int]:
    connection = sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)
    found = [x for (x,) in connection.execute("SELECT x FROM t")]
    connection.close()
    return found


def test_a_database_in_use_is_copied_without_what_is_not_committed(tmp_path: Path, writer: sqlite3.Connection) -> None:
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO t VALUES (2)")

    size = back_up(tmp_path / "db", tmp_path / "copy")

    assert rows(tmp_path / "copy") == [1]
    assert size == (tmp_path / "copy").stat().st_size
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"db", "db-wal", "db-shm", "copy"}


def test_what_is_there_is_not_replaced(tmp_path: Path, writer: sqlite3.Connection) -> None:
    (tmp_path / "copy").write_text("precious")

    with pytest.raises(BackupError, match="copy is there already"):
        back_up(tmp_path / "db", tmp_path / "copy")

    assert (tmp_path / "copy").read_text() == "precious"


def test_nobody_waits_for_ever_for_a_file_that_is_locked(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "db", isolation_level=None)
    connection.execute("CREATE TABLE t (x)")
    connection.execute("BEGIN EXCLUSIVE")

    with pytest.raises(BackupError, match="too long"):
        back_up(tmp_path / "db", tmp_path / "copy", time.monotonic() + 0.5)

    connection.close()
    assert {path.name for path in tmp_path.iterdir()} == {"db"}


def test_nothing_that_stands_in_a_file_runs_for_ever(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "db", isolation_level=None)
    connection.execute("CREATE TABLE t (x)")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO t VALUES (?)", [(each,) for each in range(3000)])
    connection.execute("COMMIT")
    connection.execute("PRAGMA writable_schema=ON")
    slow = "CREATE TABLE t (x CHECK (length(replace(hex(zeroblob(1000000 + x)), '0', 'abc')) > 0))"
    connection.execute("UPDATE sqlite_schema SET sql = ?", (slow,))
    connection.close()

    began = time.monotonic()
    with pytest.raises(BackupError, match="interrupted"):
        back_up(tmp_path / "db", tmp_path / "copy", time.monotonic() + 0.5)
    assert time.monotonic() - began < 10


def test_what_is_no_database_gives_no_backup(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"not a database" * 1000)

    with pytest.raises(BackupError):
        back_up(tmp_path / "db", tmp_path / "copy")

    assert {path.name for path in tmp_path.iterdir()} == {"db"}


def test_where_nothing_can_be_written_that_is_said_in_words(tmp_path: Path, writer: sqlite3.Connection) -> None:
    with pytest.raises(BackupError) as error:
        back_up(tmp_path / "db", tmp_path / "none" / "copy")

    assert str(error.value) == f"{tmp_path}/none/copy cannot be written: No such file or directory"


@pytest.mark.parametrize(
    "database, said",
    [("none", "there is no database {}"), (".", "{} is no file"), ("db/x", "{} cannot be read: Not a")],
)
def test_what_cannot_be_copied_is_named_with_the_reason(
    tmp_path: Path, writer: sqlite3.Connection, database: str, said: str
) -> None:
    with pytest.raises(BackupError) as error:
        back_up(tmp_path / database, tmp_path / "copy")

    assert str(error.value).startswith(said.format(tmp_path / database))
    assert not (tmp_path / "copy").exists()


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(BackupError, match="is no file"):
        back_up(tmp_path / "pipe", tmp_path / "copy")

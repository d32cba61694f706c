"""A backup is the database as it was at one moment, in one file, or there is none."""

import sqlite3
import stat
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


def test_what_is_no_database_gives_no_backup(tmp_path: Path) -> None:
    (tmp_path / "db").write_bytes(b"not a database" * 1000)

    with pytest.raises(BackupError):
        back_up(tmp_path / "db", tmp_path / "copy")

    assert {path.name for path in tmp_path.iterdir()} == {"db"}


def test_where_nothing_can_be_written_the_error_names_both_files(tmp_path: Path, writer: sqlite3.Connection) -> None:
    with pytest.raises(BackupError, match=r"^cannot copy .*/db to .*/none/copy: .*No such file"):
        back_up(tmp_path / "db", tmp_path / "none" / "copy")

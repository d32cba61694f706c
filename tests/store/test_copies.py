"""A backup is the database as it was at one moment, in one file, or there is none."""

import os
import shutil
import sqlite3
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def small(path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


def never_written(path: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", path], check=True)


@pytest.mark.root
def test_a_full_disk_leaves_nothing_of_a_backup(tmp_path: Path, writer: sqlite3.Connection) -> None:
    writer.execute("INSERT INTO t SELECT hex(zeroblob(300000))")
    (size,) = writer.execute("PRAGMA page_count").fetchone()

    # Of the last few, too: the copy fits then, and its own log does not.
    with small(tmp_path / "small") as disk:
        for pages in (0, 1, size // 2, *range(size - 2, size + 5)):
            (disk / "filler").write_bytes(b"x" * 4096 * (256 - pages))
            with pytest.raises(BackupError, match=r"full|disk I/O error"):
                back_up(tmp_path / "db", disk / "copy")

            assert [each.name for each in disk.iterdir()] == ["filler"], pages
            (disk / "filler").unlink()


@pytest.mark.root
@pytest.mark.parametrize("names", [("db",), ("db", "db-wal", "db-shm")])
def test_a_database_that_cannot_be_written_is_copied(
    tmp_path: Path, writer: sqlite3.Connection, caplog: pytest.LogCaptureFixture, names: tuple[str, ...]
) -> None:
    if names == ("db",):
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    with small(tmp_path / "small") as disk:
        for name in names:
            shutil.copy(tmp_path / name, disk)
        never_written(disk)
        back_up(disk / "db", tmp_path / "copy")

    assert rows(tmp_path / "copy") == [1]
    assert ("in the belief that nobody changes it" in caplog.text) == (names == ("db",))


@pytest.mark.root
def test_changes_that_are_in_its_log_alone_are_not_passed_over(tmp_path: Path, writer: sqlite3.Connection) -> None:
    with small(tmp_path / "small") as disk:
        for name in ("db", "db-wal"):
            shutil.copy(tmp_path / name, disk)
        never_written(disk)

        with pytest.raises(BackupError) as error:
            back_up(disk / "db", tmp_path / "copy")

    said = str(error.value)
    assert said.startswith(f"{tmp_path}/small/db cannot be read where nothing can be written, for its last changes are")
    assert said.endswith("copy both into a directory that can be written, and name the copy of db")
    assert not (tmp_path / "copy").exists()

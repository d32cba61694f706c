"""The log's file has its size before the first commit, and loses nothing that is in it."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from xapid.store import log_file
from xapid.store.log_file import SIZE, lay_out


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS machines (name TEXT)")
        yield connection


def add(connection: sqlite3.Connection, *names: str) -> None:
    for name in names:
        connection.execute("INSERT INTO machines VALUES (?)", (name,))


def names(path: Path) -> list[str]:
    with opened(path) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM machines")]


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def crashed(path: Path, to: Path) -> Path:
    """What the disk has while a connection is open."""
    to.mkdir()
    for each in (path, log_of(path)):
        shutil.copy(each, to / each.name)
    return to / path.name


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "x.db"
    with opened(path) as connection:
        add(connection, "first")
    return path


def test_commits_are_written_over_what_is_there(database: Path, tmp_path: Path) -> None:
    lay_out(database)
    with opened(database) as connection:
        assert log_of(database).stat().st_size == SIZE
        add(connection, "second", "third")
        assert log_of(database).stat().st_size == SIZE
        assert names(crashed(database, tmp_path / "crash")) == ["first", "second", "third"]
    assert names(database) == ["first", "second", "third"]


def test_a_log_that_a_crash_left_keeps_what_is_in_it(database: Path, tmp_path: Path) -> None:
    with opened(database) as connection:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        add(connection, *map(str, range(10)))
        left = crashed(database, tmp_path / "crash")
    before = log_of(left).read_bytes()
    assert 0 < len(before) < SIZE
    lay_out(left)
    assert log_of(left).read_bytes() == before + bytes(SIZE - len(before))
    assert names(left) == ["first", *map(str, range(10))]


def test_a_log_of_its_size_is_let_be(database: Path) -> None:
    lay_out(database)
    os.utime(log_of(database), (1, 1))
    lay_out(database)
    assert log_of(database).stat().st_mtime == 1


def test_a_disk_with_little_space_keeps_it(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_file, "free", lambda folder: log_file.SPARE - 1)
    lay_out(database)
    assert not log_of(database).exists()


def test_a_disk_that_fills_meanwhile_gets_its_space_back(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    lay_out(database)
    assert log_of(database).stat().st_size == 0
    assert names(database) == ["first"]


def test_what_a_link_leads_to_is_not_filled(database: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("kept")
    log_of(database).symlink_to(victim)
    lay_out(database)
    assert victim.read_text() == "kept"

"""Copies of the database, taken while it is in use."""

from __future__ import annotations

import logging
import math
import os
import sqlite3
import stat
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

log = logging.getLogger(__name__)


class BackupError(Exception):
    """No backup was made, or none put back; the text says why, in one line. Nothing was changed."""


WAIT = 5
"""Seconds that are waited at a time while somebody else has locked a database."""
STEPS = 100
"""Of SQLite's machine, after which it asks whether to go on: each may work on values of megabytes."""
LONGEST_VALUE = 16 * 1024 * 1024
"""Bytes of a value in a database of unknown origin."""


def limit(connection: sqlite3.Connection, end: float) -> None:
    """Let nothing that stands in a database of unknown origin run beyond a moment of the clock that never jumps."""
    if end < math.inf:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.set_progress_handler(lambda: time.monotonic() > end, STEPS)


def back_up(database: Path, file: Path, end: float = math.inf) -> int:
    """Copy the database as it is at one moment into a new file, and return the file's size. Raises BackupError.

    The file gets its name only when it is whole, checked and on disk. ``end``: when to give up.
    """
    _assert_readable(database)
    if os.path.lexists(file):
        raise BackupError(f"{file} is there already")
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _copy(database, partial, end)
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        # Unlike a rename, a link does not replace what somebody put there meanwhile.
        os.link(partial, file)
        return file.stat().st_size
    except OSError as error:
        raise BackupError(f"{file} cannot be written: {error.strerror}") from error
    except sqlite3.Error as error:
        raise BackupError(f"{database} cannot be copied: {' '.join(str(error).split())}") from error
    finally:
        remove(partial)


def remove(database: Path) -> None:
    """Remove a database, and what SQLite may have left beside it."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        with suppress(OSError):
            database.with_name(database.name + suffix).unlink(missing_ok=True)


def _assert_readable(database: Path) -> None:
    """Of a file that cannot be opened SQLite says that alone, whatever the reason."""
    try:
        number = os.open(database, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise BackupError(f"there is no database {database}") from error
    except OSError as error:
        raise BackupError(f"{database} cannot be read: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise BackupError(f"{database} is no file")
    finally:
        os.close(number)


def _going_on(end: float) -> Callable[[int, int, int], None]:
    """To be called while pages are copied. SQLite itself would wait for ever for a file that somebody has locked."""

    def look(status: int, remaining: int, total: int) -> None:
        if time.monotonic() > end:
            raise sqlite3.OperationalError("it takes too long")

    return look


def _copy(database: Path, partial: Path, end: float) -> None:
    with closing(_opened(database)) as source, closing(sqlite3.connect(partial)) as target:
        source.backup(target, progress=_going_on(end))
        # The copy says that it is in WAL mode, as its source; so that it is one file, not three.
        target.execute("PRAGMA journal_mode=DELETE")
        limit(target, end)
        found = target.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(f"it is damaged: {found}")


def _opened(database: Path) -> sqlite3.Connection:
    """To read. Where nothing can be written SQLite opens none in WAL mode, unless it is told that nobody changes it."""
    address = f"{database.absolute().as_uri()}?mode=ro"
    if not os.access(database.parent, os.W_OK) and not _opens(address):
        changes = database.with_name(f"{database.name}-wal")
        if changes.exists() and changes.stat().st_size:
            raise BackupError(
                f"{database} cannot be read where nothing can be written, for its last changes are still in {changes}: "
                f"copy both into a directory that can be written, and name the copy of {database.name}"
            )
        log.warning("%s is where nothing can be written: it is read in the belief that nobody changes it", database)
        address += "&immutable=1"
    return sqlite3.connect(address, uri=True, timeout=WAIT)


def _opens(address: str) -> bool:
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=0)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_schema")
    except sqlite3.OperationalError as error:
        return error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CANTOPEN
    return True
